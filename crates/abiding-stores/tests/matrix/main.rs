//! Sessions that move between places on real servers, there and back: see `abiding_testkit::crossing`.
//!
//! Two nodes in neighbouring phases, each with connections of its own, serve visitors whose sessions move.
//! `cargo xtask matrix` runs every ordered pair at length, by `ABIDING_MATRIX`, and writes `docs/matrix.md`; a plain test
//! run takes a ring of pairs in which each place is left once and reached once.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on is over")]

mod places;

use std::{env, fmt::Write as _, fs, path::Path, sync::Arc, time::Instant};

use abiding::{Phase, store::AnyStore};
use abiding_testkit::{
    Faulty, ManualClock,
    crossing::{self, End},
};
use tokio::runtime::Runtime;

use places::{Fleet, KINDS, Kind};

/// So many visitors does a history have.
const VISITORS: u64 = 3;

/// What came of one pair.
struct Verdict {
    requests: usize,
    moved: u64,
    sign_outs: usize,
    cut_off: usize,
    broken: Option<String>,
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test asks its environment how long to run, and tells how long it took"
)]
fn sessions_move_between_all_places_and_back_and_nobody_notices() {
    let histories = env::var("ABIDING_MATRIX")
        .ok()
        .and_then(|text| text.parse().ok());
    let runtime = Runtime::new().unwrap();
    // The walk brings an executor of its own; the connections live here.
    let _entered = runtime.enter();
    let fleet = Fleet::new(&runtime);
    let known: Vec<_> = KINDS.iter().filter(|kind| fleet.has(kind)).collect();
    let pairs: Vec<_> = match histories {
        None => {
            let next = known.iter().cycle().skip(1);
            known
                .iter()
                .zip(next)
                .filter(|(_, new)| new.is_target())
                .collect()
        }
        Some(_) => {
            let pair = |old| known.iter().map(move |new| (old, new));
            known
                .iter()
                .flat_map(pair)
                .filter(|(_, new)| new.is_target())
                .collect()
        }
    };
    let mut rows = Vec::new();
    for (old, new) in pairs {
        if old.name == new.name {
            continue;
        }
        let begun = Instant::now();
        let verdict = walk(&fleet, old, new, histories.unwrap_or(1));
        println!(
            "{} → {}: {} requests, {} moved, {:?}, {:?}",
            old.name,
            new.name,
            verdict.requests,
            verdict.moved,
            begun.elapsed(),
            verdict.broken
        );
        rows.push((old.name, new.name, verdict));
    }
    let broken: Vec<_> = rows
        .iter()
        .filter_map(|(old, new, verdict)| Some((old, new, verdict.broken.as_ref()?)))
        .collect();
    if let Some(histories) = histories {
        tell(&rows, histories);
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(rows.iter().all(|(.., verdict)| verdict.moved > 0));
}

fn walk(fleet: &Fleet, old: &Kind, new: &Kind, histories: u64) -> Verdict {
    // Of two concurrent writes to a cookie the last one wins, so there is one tab.
    let tabs = if old.is_cookie() || new.is_cookie() {
        1
    } else {
        3
    };
    let walked = crossing::run(histories, 1, tabs, |clock: &ManualClock, seed| {
        let ends = [old, new].map(|kind| fleet.end(kind, clock, seed));
        move |end: End, phase: Option<Phase>| {
            let other = phase.map(|phase| (ends[end.other() as usize].node(None), phase));
            ends[end as usize].node(other)
        }
    });
    match walked {
        Ok(tally) => Verdict {
            requests: tally.requests,
            moved: tally.moved,
            sign_outs: tally.sign_outs,
            cut_off: tally.cut_off,
            broken: None,
        },
        Err(broken) => Verdict {
            requests: 0,
            moved: 0,
            sign_outs: 0,
            cut_off: 0,
            broken: Some(broken),
        },
    }
}

/// Writes the page.
fn tell(rows: &[(&str, &str, Verdict)], histories: u64) {
    let visitors = histories * VISITORS;
    let count =
        |of: fn(&Verdict) -> usize| rows.iter().map(|(.., verdict)| of(verdict)).sum::<usize>();
    let mut page = format!(
        "# Every place to every other, and back\n\n\
         Made by `cargo xtask matrix` on real servers. Each row is {visitors} visitors whose sessions begin in the first place, move to the second one through all phases \
         ([migration.md](migration.md)), and back, while two nodes in neighbouring phases serve them: {} requests, {} of them cut off in the middle, {} sign-outs after which every \
         cookie was shown again. *Broken* counts what was lost, who was signed out, who came back, and what changed.\n\n\
         | from | to | requests | moved | sign-outs | broken |\n|---|---|--:|--:|--:|--:|\n",
        count(|verdict| verdict.requests),
        count(|verdict| verdict.cut_off),
        count(|verdict| verdict.sign_outs),
    );
    for (old, new, verdict) in rows {
        let Verdict {
            requests,
            moved,
            sign_outs,
            ..
        } = verdict;
        let broken = usize::from(verdict.broken.is_some());
        writeln!(
            page,
            "| {old} | {new} | {requests} | {moved} | {sign_outs} | {broken} |"
        )
        .unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/matrix.md");
    fs::write(path, page).unwrap();
}

/// A store whose calls meet in the middle.
fn delayed(store: &AnyStore, seed: u64) -> Faulty<Arc<AnyStore>> {
    Faulty::new(Arc::new(store.clone()), crossing::delays(seed))
}
