//! Measures abiding beside other session libraries: `bench-drive all`.
//!
//! For each pair it starts both servers, sees whether they do what the endpoints promise, sends both the
//! same requests in interleaved rounds, and prints what each endpoint costs in CPU time over `/plain` of
//! the same process. It builds nothing; `cargo xtask bench` does that first.

#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

mod backend;
mod check;
mod connection;
mod measure;
mod plan;
mod report;
mod server;

use std::{fs, io, path::Path, process::ExitCode};

use backend::Backend;
use check::check;
use measure::{Visited, measure};
use plan::{Pair, Plan, Side, USAGE};
use report::Report;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use server::Server;

fn main() -> ExitCode {
    let plan = match Plan::from_command_line() {
        Ok(plan) => plan,
        Err(message) => {
            eprintln!("{message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Err(cause) = share_one_core() {
        eprintln!("bench-drive: cannot keep to one core, the figures will be less steady: {cause}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime.and_then(|runtime| runtime.block_on(run(&plan))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("bench-drive: our server does not keep a promise; see the list above");
            ExitCode::FAILURE
        }
        Err(cause) => {
            eprintln!("bench-drive: {cause}");
            ExitCode::FAILURE
        }
    }
}

/// Keeps this process, and the servers that it starts, on the last core: while the driver reads the
/// answers no server runs, so each finds the next requests of all connections waiting, and what it
/// spends on going to sleep and waking up does not depend on which of the two is faster.
fn share_one_core() -> io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let Some(last) = (0..CpuSet::MAX_CPU)
        .rev()
        .find(|&core| allowed.is_set(core))
    else {
        return Ok(());
    };
    let mut one = CpuSet::new();
    one.set(last);
    Ok(sched_setaffinity(None, &one)?)
}

/// Whether every promise of our server held.
async fn run(plan: &Plan) -> io::Result<bool> {
    let mut reports = Vec::new();
    for pair in &plan.pairs {
        let directory = plan.data.join(format!(
            "abiding-bench-{}-{}",
            pair.name,
            std::process::id()
        ));
        fs::create_dir_all(&directory)?;
        let report = run_pair(pair, plan, &directory).await;
        fs::remove_dir_all(&directory)?;
        let report = report?;
        println!("{report}");
        reports.push(report);
    }
    if let Some(file) = &plan.json {
        fs::write(file, serde_json::to_vec_pretty(&reports)?)?;
    }
    Ok(reports
        .iter()
        .all(|report| report.checks_of_ours.iter().all(|check| check.holds)))
}

async fn run_pair(pair: &Pair, plan: &Plan, directory: &Path) -> io::Result<Report> {
    let backend = Backend::start(pair)?;
    let start =
        async |side, name, program| start(side, name, program, pair, directory, &backend).await;
    let ours = start(Side::Ours, "abiding", &plan.ours).await?;
    let theirs = start(Side::Theirs, pair.library, &plan.theirs).await?;
    let mut report = Report {
        pair: pair.name,
        ours: ours.name.clone(),
        theirs: theirs.name.clone(),
        checks_of_ours: check(pair, ours.port).await?,
        checks_of_theirs: check(pair, theirs.port).await?,
        plain: Report::plain(&[]),
        rows: Vec::new(),
        samples: Vec::new(),
    };
    if !plan.only_check {
        let mut sides = [
            Visited::open(&ours, pair, plan.connections).await?,
            Visited::open(&theirs, pair, plan.connections).await?,
        ];
        let mut done = 0;
        report.samples = measure(pair, plan, &mut sides, |sample| {
            if sample.round > done {
                done = sample.round;
                eprint!("\r{}: round {done} of {} ", pair.name, plan.rounds);
            }
        })
        .await?;
        for side in &sides {
            eprint!(
                "· {} occupies {} MiB ",
                side.server.name,
                side.server.resident_kib()? / 1024
            );
        }
        eprintln!();
        report.rows = Report::rows(pair, &report.samples);
        report.plain = Report::plain(&report.samples);
    }
    Ok(report)
}

async fn start(
    side: Side,
    name: &str,
    program: &Path,
    pair: &Pair,
    directory: &Path,
    backend: &Backend,
) -> io::Result<Server> {
    let file = |kind: &str| {
        directory
            .join(format!("{name}.{kind}"))
            .display()
            .to_string()
    };
    let mut variables = vec![
        ("STORE", pair.store.to_owned()),
        ("LIBRARY", pair.library.to_owned()),
        ("WORKERS", "1".to_owned()),
        ("SQLITE_PATH", file("sqlite")),
        ("KEY_FILE", file("key")),
    ];
    variables.extend(backend.variable(side));
    Server::start(side, name, program, &variables).await
}
