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
    let from = env::var("ABIDING_MATRIX_FROM").unwrap_or_default();
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
        if old.name == new.name || !old.name.starts_with(&from) {
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

/// Writes the page. Rows of pairs that were not run stay.
fn tell(rows: &[(&str, &str, Verdict)], histories: u64) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/matrix.md");
    let known = fs::read_to_string(&path).unwrap_or_default();
    let mut table: Vec<[String; 6]> = rows.iter().map(row).collect();
    for line in known
        .lines()
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
    {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let Ok(cells) = <[&str; 6]>::try_from(cells) else {
            continue;
        };
        if table.iter().all(|row| row[..2] != cells[..2]) {
            table.push(cells.map(str::to_owned));
        }
    }
    let place = |name: &str| KINDS.iter().position(|kind| kind.name == name);
    table.sort_by_key(|row| (place(&row[0]), place(&row[1])));
    let sum = |column: usize| -> usize {
        let numbers = table
            .iter()
            .filter_map(|row| row[column].parse::<usize>().ok());
        numbers.sum()
    };
    let visitors = histories * VISITORS;
    let mut page = format!(
        "# Every place to every other, and back\n\n\
         Made by `cargo xtask matrix {histories}` on real servers. Each row is {visitors} visitors whose sessions begin in the first place, move to the second one through all\n\
         phases ([migration.md](migration.md)), and back, while two nodes in neighbouring phases, each with connections of its own, serve them. In all {} requests, many of them at\n\
         once or cut off in the middle, and {} sign-outs, after which every cookie was shown again to nodes that know a store. *Broken* is 1 where anything was lost, anybody signed out or somebody else, or\n\
         anything came back.\n\n\
         | from | to | requests | moved | sign-outs | broken |\n|---|---|--:|--:|--:|--:|\n",
        sum(2),
        sum(4),
    );
    for row in table {
        writeln!(page, "| {} |", row.join(" | ")).unwrap();
    }
    fs::write(path, page).unwrap();
}

fn row((old, new, verdict): &(&str, &str, Verdict)) -> [String; 6] {
    let Verdict {
        requests,
        moved,
        sign_outs,
        broken,
    } = verdict;
    let broken = u8::from(broken.is_some());
    [
        (*old).to_owned(),
        (*new).to_owned(),
        requests.to_string(),
        moved.to_string(),
        sign_outs.to_string(),
        broken.to_string(),
    ]
}

/// A store whose calls meet in the middle.
fn delayed(store: &AnyStore, seed: u64) -> Faulty<Arc<AnyStore>> {
    Faulty::new(Arc::new(store.clone()), crossing::delays(seed))
}
