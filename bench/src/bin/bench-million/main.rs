//! A million sessions of 1 KB: counted, and moved, by the `abiding` command and by each store's own means.
//!
//! `bench-million [PROGRAM] count|move|memory [SESSIONS] [STORE | FROM-TO]… [--verify]`, for the stores `file sqlite postgres mysql redis`.
//! The command is the one beside this program (`cargo build --release -p abiding-cli`), or the one whose path is given. Servers are started for the occasion, with
//! their own settings, so that all but Redis flush what they acknowledge.
//!
//! - `count`: `sessions count` and `stats` beside one query of the server, or one scan of Redis, in turns.
//! - `move`: `migrate run` beside what the driver alone needs to write the same rows into the same tables, as many at a time as
//!   suits it; the slower of the two places is what counts.
//! - `memory`: what `list`, `count`, `stats` and `sweep` take at most, of few sessions and of many.

#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

mod child;
mod fill;
mod native;
mod places;

use std::{env, time::Duration};

use abiding_bench::statistics::Spread;

use child::{Command, Ran};
use fill::Master;
use places::{Kind, Places};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let (verifies, arguments): (Vec<_>, Vec<_>) = env::args()
        .skip(1)
        .partition(|argument| argument == "--verify");
    let mut arguments = arguments.into_iter().peekable();
    let program = arguments.next_if(|argument| argument.contains('/'));
    let what = arguments.next().unwrap_or_default();
    let sessions = arguments.next_if(|text| text.parse::<usize>().is_ok());
    let sessions = sessions.map_or(Ok(1_000_000), |text| text.parse())?;
    let chosen: Vec<_> = arguments.collect();
    let places = Places::new(program, !verifies.is_empty())?;
    let master = Master::make(&places, sessions).await?;
    println!("{sessions} sessions, {} bytes each", master.length);
    match what.as_str() {
        "count" => counts(&places, &master, &kinds(&chosen)?).await,
        "memory" => memory(&places, &master, &kinds(&chosen)?).await,
        "move" => moves(&places, &master, &chosen).await,
        _ => Err("usage: bench-million count|move|memory [SESSIONS] [STORE | FROM-TO]…".into()),
    }
}

fn kinds(chosen: &[String]) -> Outcome<Vec<Kind>> {
    if chosen.is_empty() {
        return Ok(vec![Kind::Sqlite, Kind::Postgres, Kind::Redis]);
    }
    chosen.iter().map(|name| Kind::named(name)).collect()
}

async fn counts(places: &Places, master: &Master, kinds: &[Kind]) -> Outcome<()> {
    println!(
        "\n| store | command | ours, s | its own, s | **ratio** (median, min–max) | peak memory | load |"
    );
    println!("|---|---|---|---|---|---|---|");
    for kind in kinds {
        let place = places.fresh(*kind).await?;
        master.fill(&place).await?;
        for (command, sorted) in [("count", false), ("stats", true)] {
            let (mut ours, mut theirs, mut ratios, mut peak) = (vec![], vec![], vec![], 0);
            // The first one finds the caches cold.
            for round in 0..=ROUNDS {
                let own = native::count(&place, sorted, master.sessions).await?;
                let ran = Command::new(places)
                    .arguments(&["sessions", command, "env:FROM", "--json"])
                    .variable("FROM", &place.url)
                    .run()
                    .await?;
                ran.expect("sessions", master.sessions)?;
                if round > 0 {
                    ours.push(ran.seconds());
                    theirs.push(own.as_secs_f64());
                    ratios.push(ran.seconds() / own.as_secs_f64());
                    peak = peak.max(ran.peak);
                }
            }
            let ratio = Spread::of(ratios.iter().copied());
            println!(
                "| {kind} | `sessions {command}` | {:.2} | {:.2} | **{:.2}** ({:.2}–{:.2}) | {} MiB | {} |",
                Spread::of(ours.iter().copied()).median,
                Spread::of(theirs.iter().copied()).median,
                ratio.median,
                ratio.min,
                ratio.max,
                peak / 1024,
                load(),
            );
        }
        places.remove(place).await?;
    }
    Ok(())
}

async fn memory(places: &Places, master: &Master, kinds: &[Kind]) -> Outcome<()> {
    println!("\n| store | list, all | count | stats | sweep |");
    println!("|---|---|---|---|---|");
    for kind in kinds {
        let place = places.fresh(*kind).await?;
        master.fill(&place).await?;
        let mut cells = Vec::new();
        for command in [
            &["sessions", "list", "env:FROM", "--limit", "0", "--json"][..],
            &["sessions", "count", "env:FROM"],
            &["sessions", "stats", "env:FROM"],
            &["sessions", "sweep", "env:FROM"],
        ] {
            let ran = Command::new(places)
                .arguments(command)
                .variable("FROM", &place.url)
                .run()
                .await?;
            cells.push(format!("{} MiB", ran.peak / 1024));
        }
        println!("| {kind} | {} |", cells.join(" | "));
        places.remove(place).await?;
    }
    Ok(())
}

async fn moves(places: &Places, master: &Master, chosen: &[String]) -> Outcome<()> {
    let pairs: Vec<&str> = match chosen {
        [] => vec![
            "sqlite-postgres",
            "postgres-sqlite",
            "sqlite-redis",
            "redis-sqlite",
            "postgres-redis",
            "redis-postgres",
        ],
        chosen => chosen.iter().map(String::as_str).collect(),
    };
    println!(
        "\n| from → to | ours, a second | the source's own writes | the target's | **ratio** to the slower | processor time of the command, a session | peak memory | load |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for pair in pairs {
        let (from, to) = pair.split_once('-').ok_or("a pair is FROM-TO")?;
        let (from, to) = (Kind::named(from)?, Kind::named(to)?);
        let mut own = [Duration::ZERO; 2];
        let before = alone(places, master, [from, to]).await?;
        let (from, to) = (places.fresh(from).await?, places.fresh(to).await?);
        master.fill(&from).await?;
        let journal = places.file("journal.json");
        let ran = migrate(places, "run", &from.url, &to.url, &journal).await?;
        ran.expect("/tally/moved", master.sessions)?;
        if places.verifies() {
            let verified = migrate(places, "verify", &from.url, &to.url, &journal).await?;
            verified.expect("equal", master.sessions)?;
        }
        std::fs::remove_file(journal)?;
        // Once before and once after, since others may use the machine as well.
        let after = alone(places, master, [from.kind, to.kind]).await?;
        for (own, (before, after)) in own.iter_mut().zip(before.into_iter().zip(after)) {
            *own = (before + after) / 2;
        }
        let [ours, source, target] =
            [ran.took, own[0], own[1]].map(|took| master.sessions as f64 / took.as_secs_f64());
        println!(
            "| {} → {} | {ours:.0} | {source:.0} | {target:.0} | **{:.2}** | {:.1} µs | {} MiB | {} |",
            from.kind,
            to.kind,
            ours / source.min(target),
            ran.worked.as_secs_f64() * 1e6 / master.sessions as f64,
            ran.peak / 1024,
            load(),
        );
        places.remove(from).await?;
        places.remove(to).await?;
    }
    Ok(())
}

async fn migrate(
    places: &Places,
    what: &str,
    from: &str,
    to: &str,
    journal: &std::path::Path,
) -> Outcome<Ran> {
    let mut command = Command::new(places)
        .arguments(&["migrate", what, "--from", "env:FROM", "--to", "env:TO"])
        .arguments(&[
            "--keys",
            &format!("file:{}", places.keys().display()),
            "--json",
        ])
        .variable("FROM", from)
        .variable("TO", to);
    if what == "run" {
        let journal = journal.to_str().ok_or("a path in another alphabet")?;
        command = command.arguments(&["--journal", journal]);
    }
    command.run().await
}

/// How long each needs to write all sessions by its own means.
async fn alone(places: &Places, master: &Master, kinds: [Kind; 2]) -> Outcome<[Duration; 2]> {
    let mut took = [Duration::ZERO; 2];
    for (took, kind) in took.iter_mut().zip(kinds) {
        let place = places.fresh(kind).await?;
        *took = native::write(&place, master).await?;
        places.remove(place).await?;
    }
    Ok(took)
}

/// How many want to work on this machine, on average of the last minute.
fn load() -> String {
    let told = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    told.split(' ').next().unwrap_or_default().to_owned()
}

const ROUNDS: usize = 5;
