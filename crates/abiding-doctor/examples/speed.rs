//! How long the doctor takes for a tree of 1,000 files of Python: where each fifth has to do with sessions, and where all have.
//!
//! `cargo run --release -p abiding-doctor --example speed`, or with a path, for a tree of your own.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement"
)]

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

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

/// What has nothing to do with sessions.
const RULE: &str = r#"

def price_{n}(items, country="NL"):
    total = sum(item.price * item.count for item in items if item.count > 0)
    if country in {"BE", "DE", "FR", "NL"} and total > 50:
        return round(total, 2)
    return round(total + {n} % 7, 2)
"#;

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(named) = env::args().nth(1) {
        return measure(&named, &PathBuf::from(&named));
    }
    for (what, of) in [("each fifth about sessions", 5), ("all about sessions", 1)] {
        let root = env::temp_dir().join(format!("abiding-doctor-{}", std::process::id()));
        write(&root, of)?;
        let measured = measure(what, &root);
        fs::remove_dir_all(&root)?;
        measured?;
    }
    Ok(())
}

fn measure(what: &str, root: &Path) -> Result<(), Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let begun = Instant::now();
        let report = examine(&Facts::of_tree(root)?, &Silences::default());
        times.push((begun.elapsed(), report.findings().len()));
    }
    times.sort_unstable();
    let ((least, _), (median, findings)) = (times[0], times[RUNS / 2]);
    println!(
        "{what}: {findings} findings, {median:.2?} in the median of {RUNS} runs, {least:.2?} at least"
    );
    Ok(())
}

/// 1,000 files, each `of`th of them with views.
fn write(root: &Path, of: usize) -> std::io::Result<()> {
    let head = "from datetime import datetime, timezone\nfrom flask import redirect, render_template, request, session, url_for\nfrom shop import app\n";
    fs::create_dir_all(root)?;
    for file in 0..FILES {
        let (head, part, parts) = match file % of {
            0 => (head, VIEW, 8),
            _ => ("from shop import app\n", RULE, 16),
        };
        let body = (0..parts).map(|at| part.replace("{n}", &(file * parts + at).to_string()));
        let text = head.to_owned() + &body.collect::<String>();
        fs::write(root.join(format!("part_{file}.py")), text)?;
    }
    Ok(())
}
