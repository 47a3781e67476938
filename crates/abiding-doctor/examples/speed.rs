//! How long the doctor takes for a tree of 1,000 files of Python, each of which it has to parse.
//!
//! `cargo run --release -p abiding-doctor --example speed`, or with a path, for a tree of your own.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement"
)]

use std::{env, error::Error, fs, path::PathBuf, time::Instant};

use abiding_doctor::{Facts, Silences, examine};

const FILES: usize = 1_000;
const RUNS: usize = 11;

/// A view of an application; a file has some of them.
const VIEW: &str = r#"

@app.post("/step/{n}")
def step_{n}():
    form = session.get("form_{n}", {})
    if not form and request.form.get("name"):
        form = {"name": request.form["name"], "at": datetime.now(timezone.utc).isoformat()}
    session["form_{n}"] = form
    for field in ("name", "street", "city", "country"):
        if len(form.get(field, "")) > 100 or not all(c.isprintable() for c in form.get(field, "")):
            return render_template("step.html", problem=f"{field} is too long", step={n}), 400
    return redirect(url_for("step_{n}", done=1 + 2 * {n}))
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let named = env::args().nth(1).map(PathBuf::from);
    let made = env::temp_dir().join(format!("abiding-doctor-{}", std::process::id()));
    let root = named.clone().unwrap_or_else(|| made.clone());
    if named.is_none() {
        write(&made)?;
    }
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let begun = Instant::now();
            let report = Facts::of_tree(&root).map(|facts| examine(&facts, &Silences::default()));
            report.map(|report| (begun.elapsed(), report.findings().len()))
        })
        .collect::<Result<_, _>>()?;
    times.sort_unstable();
    let (median, findings) = times[RUNS / 2];
    println!("{findings} findings in {median:?}, the median of {RUNS}");
    if named.is_none() {
        fs::remove_dir_all(&made)?;
    }
    Ok(())
}

fn write(root: &PathBuf) -> std::io::Result<()> {
    let head = "from datetime import datetime, timezone\nfrom flask import redirect, render_template, request, session, url_for\nfrom shop import app\n";
    fs::create_dir_all(root)?;
    let mut bytes = 0;
    for file in 0..FILES {
        let views = (0..8).map(|view| VIEW.replace("{n}", &(file * 8 + view).to_string()));
        let text = head.to_owned() + &views.collect::<String>();
        bytes += text.len();
        fs::write(root.join(format!("views_{file}.py")), text)?;
    }
    println!("{FILES} files, {} KB each", bytes / FILES / 1024);
    Ok(())
}
