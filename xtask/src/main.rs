//! The index of commands: `cargo xtask` lists them, `cargo xtask NAME` runs one.
//! Each command is one function in a file of its own. Talk goes to stderr, the one result of `test` to stdout.
//! There is nothing to install first and nothing this program depends on.

use std::process::ExitCode;

use crate::step::Outcome;

mod bench;
mod e2e;
mod example;
mod features;
mod flask;
mod fmt;
mod lint;
mod matrix;
mod programs;
mod screenshots;
mod step;
mod tables;
mod tally;
mod test;
mod tools;
mod torture;
mod valkey;
mod wheel;

/// What a command is called, what it is for, and the function that does it.
struct Command {
    name: &'static str,
    purpose: &'static str,
    run: fn(&[String]) -> Outcome,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "fmt",
        purpose: "check that every file is formatted",
        run: fmt::run,
    },
    Command {
        name: "lint",
        purpose: "clippy, rustdoc and each feature alone, warnings denied",
        run: lint::run,
    },
    Command {
        name: "test",
        purpose: "everything: fmt, lint, all tests, the browser tests; skips nothing",
        run: test::run,
    },
    Command {
        name: "e2e",
        purpose: "the browser tests alone; a further argument picks tests by name",
        run: e2e::run,
    },
    Command {
        name: "wheel",
        purpose: "build the Python wheel and run its tests; further arguments go to pytest",
        run: wheel::run,
    },
    Command {
        name: "example",
        purpose: "start an example, by its name; `example test` runs the tests of all, further arguments go to pytest",
        run: example::run,
    },
    Command {
        name: "screenshots",
        purpose: "a picture of every page of the demo: light and dark, a desk and a phone",
        run: screenshots::run,
    },
    Command {
        name: "torture",
        purpose: "every store by several processes and through kills; writes docs/torture.md; an argument picks some",
        run: torture::run,
    },
    Command {
        name: "matrix",
        purpose: "sessions move from every place to every other and back; writes docs/matrix.md; `http`, or how many histories each",
        run: matrix::run,
    },
    Command {
        name: "valkey",
        purpose: "all that is tested on Redis, on Valkey",
        run: valkey::run,
    },
    Command {
        name: "tables",
        purpose: "write the tables of stores and of rules anew, from what they declare",
        run: tables::run,
    },
    Command {
        name: "flask",
        purpose: "Python with the real Flask and Flask-Session, for the tests that need it",
        run: flask::run,
    },
    Command {
        name: "bench",
        purpose: "build both sides of the benchmarks in release and run them all",
        run: bench::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        list();
        return ExitCode::SUCCESS;
    };
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("no command is called {name:?}; there are:\n");
        list();
        return ExitCode::from(2);
    };
    match (command.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("cargo xtask {name}: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn list() {
    for Command { name, purpose, .. } in COMMANDS {
        eprintln!("  cargo xtask {name:<11} {purpose}");
    }
}
