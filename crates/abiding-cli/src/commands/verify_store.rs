//! `abiding verify-store`: every promise of the store contract, tried on somebody's own server.
//!
//! The promises are those of `abiding-testkit`, which the stores themselves are tested with. They are tried in a
//! place of their own beside the sessions, which is taken away at the end.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use abiding::{
    Clock as _, Key, SystemClock,
    store::{AnyStore, Powers},
};
use abiding_stores::Aside;
use abiding_testkit::{Crowd, conformance};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{
    exit::{Exit, Failure},
    output::{Output, Table, Tone},
    place::UrlArgs,
};

/// Try every promise of a store on this server, in a place of its own that is removed at the end
///
/// A table, a prefix of keys, a file or a folder with a random name beside the one in the URL; the user needs
/// the right to make it. The sessions that are there are not touched, but the server is kept busy for a while.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  abiding verify-store redis://127.0.0.1/
  DATABASE=postgres://shop:…@db/shop abiding verify-store env:DATABASE --all

Ends with 1 if a promise is broken.")]
pub(crate) struct Args {
    #[command(flatten)]
    url: UrlArgs,
    /// Show each promise, and not only those that are broken
    #[arg(long)]
    all: bool,
}

/// A promise: of which part of the contract, its sentence, and the trial.
struct Promise {
    part: &'static str,
    name: &'static str,
    trial: fn(&Runtime, &AnyStore),
}

/// What came of it.
struct Verdict {
    part: &'static str,
    name: &'static str,
    took: Duration,
    /// Why it is broken.
    broken: Option<String>,
}

impl Args {
    pub(super) fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        let url = self.url.read()?;
        let runtime = Runtime::new()?;
        // Eight hexadecimal digits that nobody else has.
        let name = format!("abiding_verify_{}", Key::generate()?.id());
        let aside = Aside::of(&url, &name)?;
        let store = runtime.block_on(aside.open())?;
        let powers = store.powers();
        output.note("trying it in a place of its own; this takes some seconds");
        let verdicts = judge(&runtime, &store, promises(powers));
        drop(store);
        let removed = runtime.block_on(aside.remove());
        let broken = verdicts
            .iter()
            .filter(|verdict| verdict.broken.is_some())
            .count();
        self.tell(output, &url.to_string(), &verdicts)?;
        if let Err(error) = removed {
            output.note(format!("{name} could not be removed: {error}"));
        } else if !aside.is_removable() {
            output.note(format!(
                "what was tried lies under {name}: until the server forgets it by itself"
            ));
        }
        Ok(if broken == 0 {
            Exit::Fine
        } else {
            Exit::Findings
        })
    }

    fn tell(&self, output: &mut Output, url: &str, verdicts: &[Verdict]) -> Result<(), Failure> {
        if output.is_json() {
            for verdict in verdicts {
                output.object(&json!({
                    "part": verdict.part,
                    "promise": verdict.name,
                    "kept": verdict.broken.is_none(),
                    "why": verdict.broken,
                    "milliseconds": u64::try_from(verdict.took.as_millis()).unwrap_or(u64::MAX),
                }))?;
            }
            return Ok(());
        }
        let mut parts: Vec<&str> = Vec::new();
        for verdict in verdicts {
            if !parts.contains(&verdict.part) {
                parts.push(verdict.part);
            }
        }
        let mut table = Table::new(&["PART", "KEPT", "BROKEN"]);
        for part in parts {
            let of_part = || verdicts.iter().filter(|verdict| verdict.part == part);
            let broken = of_part().filter(|verdict| verdict.broken.is_some()).count();
            let tone = if broken == 0 { Tone::Good } else { Tone::Bad };
            table.row([
                (Tone::Plain, part.to_owned()),
                (Tone::Plain, (of_part().count() - broken).to_string()),
                (tone, broken.to_string()),
            ]);
        }
        table.print(output)?;
        for verdict in verdicts {
            let sentence = verdict.name.replace('_', " ");
            match &verdict.broken {
                Some(why) => {
                    let broken = output.paint(Tone::Bad, "broken");
                    output.line(format!(
                        "{broken}: {sentence}\n  {}",
                        why.replace('\n', "\n  ")
                    ))?;
                }
                None if self.all => output.line(format!("kept: {sentence}"))?,
                None => {}
            }
        }
        let broken = verdicts
            .iter()
            .filter(|verdict| verdict.broken.is_some())
            .count();
        let kept = verdicts.len() - broken;
        output.line(format!("{url}: {kept} promises kept, {broken} broken"))
    }
}

/// Tries them one after the other. A broken promise panics; what it says then is why.
fn judge(runtime: &Runtime, store: &AnyStore, promises: Vec<Promise>) -> Vec<Verdict> {
    let said = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&said);
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |why| {
        *heard.lock().unwrap_or_else(PoisonError::into_inner) = why.to_string();
    }));
    let verdicts = promises.into_iter().map(|promise| {
        let begin = SystemClock.now();
        let tried = panic::catch_unwind(AssertUnwindSafe(|| (promise.trial)(runtime, store)));
        let why = || std::mem::take(&mut *said.lock().unwrap_or_else(PoisonError::into_inner));
        Verdict {
            part: promise.part,
            name: promise.name,
            took: SystemClock.now().since(begin),
            broken: tried.err().map(|_| why()),
        }
    });
    let verdicts = verdicts.collect();
    panic::set_hook(hook);
    verdicts
}

/// The promises of one module.
macro_rules! trials {
    ($module:ident, [], [$($promise:ident)*], [$($race:ident)*]) => {
        vec![
            $(Promise {
                part: stringify!($module),
                name: stringify!($promise),
                trial: |runtime, store| {
                    runtime.block_on(conformance::$module::$promise(store));
                },
            },)*
            $(Promise {
                part: stringify!($module),
                name: stringify!($race),
                trial: |runtime, store| {
                    runtime.block_on(conformance::$module::$race(store, Crowd::in_one_task()));
                    let on_threads = |future: std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>>| runtime.block_on(future);
                    let crowd = Crowd::on_threads(&on_threads);
                    runtime.block_on(conformance::$module::$race(store, crowd));
                },
            },)*
        ]
    };
}

/// Those of every store, and those of the powers that this one has.
fn promises(powers: Powers) -> Vec<Promise> {
    let mut all = Vec::new();
    for part in [
        abiding_testkit::promises!(create, [trials], []),
        abiding_testkit::promises!(load, [trials], []),
        abiding_testkit::promises!(commit, [trials], []),
        abiding_testkit::promises!(touch, [trials], []),
        abiding_testkit::promises!(rotate, [trials], []),
        abiding_testkit::promises!(delete, [trials], []),
        abiding_testkit::promises!(cancel, [trials], []),
        abiding_testkit::promises!(race, [trials], []),
    ] {
        all.extend(part);
    }
    if powers.bulk {
        all.extend(abiding_testkit::promises!(bulk, [trials], []));
    }
    if powers.scan {
        all.extend(abiding_testkit::promises!(scan, [trials], []));
    }
    if powers.subjects {
        all.extend(abiding_testkit::promises!(subjects, [trials], []));
    }
    if powers.survey {
        all.extend(abiding_testkit::promises!(survey, [trials], []));
    }
    if powers.sweep {
        all.extend(abiding_testkit::promises!(sweep, [trials], []));
    }
    all
}
