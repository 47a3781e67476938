//! Sessions that move between places on real servers, there and back: see `abiding_testkit::crossing`.
//!
//! Two nodes in neighbouring phases, each with connections of its own, serve visitors whose sessions move; in
//! [`over_http`] they are two processes, deployed anew and killed. `cargo xtask matrix` runs every ordered pair at length, by
//! `ABIDING_MATRIX` and `ABIDING_MATRIX_HTTP`, and writes `docs/matrix.md`; a plain test run takes a ring of pairs in which
//! each place is left once.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on is over")]

mod over_http;
mod page;
mod places;

use std::{env, sync::Arc, time::Instant};

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
    if histories.is_none() && env::var_os("ABIDING_MATRIX_HTTP").is_some() {
        // The form over HTTP alone was asked for.
        return;
    }
    let from = env::var("ABIDING_MATRIX_FROM").unwrap_or_default();
    let runtime = Runtime::new().unwrap();
    // The walk brings an executor of its own; the connections live here.
    let _entered = runtime.enter();
    let fleet = Fleet::new(&runtime);
    let pairs = pairs(&fleet, histories.is_some(), &from);
    let mut rows = Vec::new();
    for (old, new) in pairs {
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

/// Every ordered pair, or a ring in which each place is left once.
fn pairs(fleet: &Fleet, is_every: bool, from: &str) -> Vec<(&'static Kind, &'static Kind)> {
    let known: Vec<_> = KINDS.iter().filter(|kind| fleet.has(kind)).collect();
    let mut pairs = vec![];
    for (number, old) in known.iter().enumerate() {
        let others = known.iter().cycle().skip(number + 1).take(known.len() - 1);
        let targets = others.filter(|new| new.is_target());
        let so_many = if is_every { known.len() } else { 1 };
        pairs.extend(targets.take(so_many).map(|new| (*old, *new)));
    }
    pairs.retain(|(old, new)| format!("{} → {}", old.name, new.name).starts_with(from));
    pairs
}

fn walk(fleet: &Fleet, old: &'static Kind, new: &'static Kind, histories: u64) -> Verdict {
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
            broken: None,
        },
        Err(broken) => Verdict {
            requests: 0,
            moved: 0,
            sign_outs: 0,
            broken: Some(broken),
        },
    }
}

/// What the page says of the form in one process.
fn tell(rows: &[(&str, &str, Verdict)], histories: u64) {
    let visitors = histories * VISITORS;
    let cells: Vec<_> = rows.iter().map(row).collect();
    page::write(&page::IN_PROCESS, &cells, |sum| {
        format!(
            "Made by `cargo xtask matrix {histories}` on real servers. Each row is {visitors} visitors whose sessions begin in the first place, move to the second one through all\n\
             phases ([migration.md](migration.md)), and back, while two nodes in neighbouring phases, each with connections of its own, serve them in one process, where requests meet and are\n\
             cut off at every await. In all {} requests, and {} sign-outs, after which every cookie was shown again to nodes that know a store. *Broken* is 1 where anything was lost, anybody\n\
             signed out or somebody else, or anything came back.",
            sum(2),
            sum(4),
        )
    });
}

fn row((old, new, verdict): &(&str, &str, Verdict)) -> Vec<String> {
    let Verdict {
        requests,
        moved,
        sign_outs,
        broken,
    } = verdict;
    let broken = u8::from(broken.is_some());
    let counts = [*requests, *moved as usize, *sign_outs, broken.into()];
    page::row(old, new, &counts)
}

/// A store whose calls meet in the middle.
fn delayed(store: &AnyStore, seed: u64) -> Faulty<Arc<AnyStore>> {
    Faulty::new(Arc::new(store.clone()), crossing::delays(seed))
}
