//! Every store on its real server, by several processes and through kills: see `abiding_testkit::torture`.
//!
//! `cargo xtask torture` runs the long form, by `ABIDING_TORTURE`, and writes `docs/torture.md`; with an argument it runs
//! the places whose names begin so, and keeps what the page says of the others.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on is over")]

#[cfg(feature = "sqlite")]
mod flawed;

use std::{env, fs, path::Path};

use abiding::Store;
use abiding_stores::{
    StoreUrl,
    catalogue::{Kind, STORES},
};
use abiding_testkit::{
    servers::places::{PLACES, Place},
    torture::{Found, Orders, Plan, Torture},
};
use tokio::runtime::Runtime;

/// What each process does; in the parent, nothing.
#[test]
fn process_of_the_torture() {
    let Some(orders) = Orders::of_environment() else {
        return;
    };
    Runtime::new().unwrap().block_on(async {
        let store = abiding_stores::open(orders.place()).await.unwrap();
        orders.carry_out(store).await;
    });
}

/// The same over a store with a flaw, which the place begins with.
#[cfg(feature = "sqlite")]
#[test]
fn process_of_a_flawed_torture() {
    use abiding::store::AnyStore;
    use flawed::{Flaw, Flawed};

    let Some(orders) = Orders::of_environment() else {
        return;
    };
    let (flaw, path) = orders.place().split_once(' ').unwrap();
    let store = Flawed::open(Flaw::named(flaw).unwrap(), path);
    let store = AnyStore::of(store).subjects().sweep().build();
    abiding_testkit::block_on(orders.carry_out(store));
}

/// What counts must be able to count: each flaw shows where it must.
#[cfg(feature = "sqlite")]
#[test]
fn each_flaw_that_shows_among_processes_is_noticed() {
    use abiding_testkit::servers::Folder;
    use flawed::Flaw;

    for flaw in Flaw::ALL {
        let folder = Folder::new("flawed");
        let place = format!("{flaw:?} {}", folder.file("sessions.db").display());
        let found = Torture::new("process_of_a_flawed_torture", &place).run(&Plan::short());
        let seen = match flaw {
            Flaw::Caches => found.reads_after_revocation,
            Flaw::Forgets => found.lost_updates,
            Flaw::Revives => found.resurrections,
        };
        assert!(seen.found > 0, "{flaw:?}: {found:?}");
        if flaw == Flaw::Forgets {
            assert!(found.lost_increments.found > 0, "{found:?}");
            assert!(found.undone_writes.found > 0, "{found:?}");
        }
        // A write that meets the end of its session is what the walk comes upon by chance.
        if flaw != Flaw::Revives {
            assert!(found.broken_promises.found > 0, "{flaw:?}: {found:?}");
        }
    }
}

/// A line of the table.
struct Row {
    place: &'static Place,
    kind: &'static Kind,
    /// What the store there says of itself.
    durable: bool,
    evicts: bool,
    found: Found,
    is_served: bool,
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test program reads its own environment"
)]
fn no_store_loses_revives_or_mixes_up_anything() {
    let asked = env::var("ABIDING_TORTURE").ok();
    let plan = if asked.is_some() {
        Plan::long()
    } else {
        Plan::short()
    };
    let picked = asked.as_deref().unwrap_or_default();
    let places = PLACES.iter().filter(|place| place.name.starts_with(picked));
    let rows: Vec<_> = places.filter_map(|place| row(place, &plan)).collect();
    for row in &rows {
        let (name, found) = (row.place.name, &row.found);
        // What a kill leaves behind no store promises that says so; nothing is thrown out here, where there is room.
        assert!(found.is_clean_but_for_kills(), "{name}: {found:?}");
        assert!(!row.durable || found.is_clean(), "{name}: {found:?}");
    }
    if asked.is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/torture.md");
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, page(&before, &rows, &plan)).unwrap();
    }
}

/// None where the program or the feature is missing.
fn row(place: &'static Place, plan: &Plan) -> Option<Row> {
    let kind = STORES.iter().find(|kind| kind.name == place.store())?;
    if kind.feature.is_some_and(|feature| !feature.enabled) {
        return None;
    }
    let mut standing = place.begin()?;
    let url: StoreUrl = standing.url().parse().unwrap();
    let told = Runtime::new().unwrap().block_on(async {
        let store = url.open().await.unwrap();
        store.capabilities()
    });
    let torture = Torture::new("process_of_the_torture", &standing.url());
    let is_served = standing.is_served();
    let found = if is_served {
        torture.run_killing(plan, &mut || {
            standing.kill();
            standing.start();
        })
    } else {
        torture.run(plan)
    };
    eprintln!("{}: {found:?}", place.name);
    Some(Row {
        place,
        kind,
        durable: told.durable,
        evicts: told.evicts,
        found,
        is_served,
    })
}

/// The page with these rows, and those of other places as they were.
fn page(before: &str, rows: &[Row], plan: &Plan) -> String {
    let (mut table, mut weak) = (String::new(), String::new());
    for place in PLACES {
        let kept = |begin: &str| {
            let line = before.lines().find(|line| line.starts_with(begin));
            line.map(|line| format!("{line}\n")).unwrap_or_default()
        };
        match rows.iter().find(|row| row.place.name == place.name) {
            Some(row) => {
                table += &row.line();
                weak += &row.weakness();
            }
            None => {
                table += &kept(&format!("| {} |", place.name));
                weak += &kept(&format!("- **{}** ", place.name));
            }
        }
    }
    format!(
        "# Torture

Every store, by {} processes at once and through kills, on real servers: what was lost, what came back, what got mixed up. Made by
`cargo xtask torture`; `cargo xtask test` runs a shorter form. The command fails where a store does not keep what it says of itself.

| store | lost updates | lost increments | sessions that came back | reads that found a revoked session | answers that were another's | promises broken in a random walk | acknowledged writes undone by kills |
|---|---|---|---|---|---|---|---|
{table}
`memory` is not among them: one process has it, and its end is the end of all sessions.

## Where kills may undo something
{weak}{HOW}",
        plan.processes
    )
}

impl Row {
    fn line(&self) -> String {
        let found = &self.found;
        let killed = if self.is_served {
            "the server"
        } else {
            "a process"
        };
        let listing = match found.reads_after_revocation.of {
            0 => "no list to revoke by".into(),
            _ => found.reads_after_revocation.to_string(),
        };
        format!(
            "| {} | {} | {} | {} | {listing} | {} | {} | {}, {} kills of {killed} |\n",
            self.place.name,
            found.lost_updates,
            found.lost_increments,
            found.resurrections,
            found.cross_talk,
            found.broken_promises,
            found.undone_writes,
            found.kills,
        )
    }

    /// What a store says of itself that promises no zero; nothing where it does.
    fn weakness(&self) -> String {
        if self.durable && !self.evicts {
            return String::new();
        }
        let (name, survives) = (self.place.name, self.kind.facts.survives);
        let evicts = match self.evicts {
            true => " Here there was room.",
            false => "",
        };
        format!("- **{name}** promises less: an acknowledged write survives {survives}.{evicts}\n")
    }
}

const HOW: &str = "
## How it is counted
Each process is a program of its own with a manager and a store; all have one key, as the processes of an application have.

- **Lost updates**: everybody sets keys of their own in one session, five requests at once. A key that was acknowledged and is not there is lost.
- **Lost increments**: everybody counts up one number with `update`, five requests at once. The number must be what was acknowledged.
- **Sessions that came back**: one signs out or revokes the session while the others, who have read it, write to it: blindly, counting, renewing its
  id, saving in the middle of a request; at the same moment, before, and once more after the end was acknowledged. No cookie of the session may lead to it then, in any process.
- **Reads after a revocation**: as soon as it is acknowledged in one process, everybody reads.
- **Answers that were another's**: ten visitors at once in each process read and write; a quarter of the requests is dropped at some await.
- **Random walk**: everybody counts, writes, looks, renews, revokes, signs out and sweeps in sessions that all share. Checked is what must be true in any
  order: no acknowledged write is lost, no half of one is seen, numbers are exact, what ended answers no more, and nobody is signed out for nothing.
- **Kills**: everybody counts in sessions of their own, one request after the other, while the server is killed with `kill -9` and started again, or a process is
  killed. A number that is not greater than the one acknowledged before shows that something was undone. A server behind
  Sentinels comes back with what it had: one that comes back empty, and is named by a Sentinel that has not heard of the failover, tells its visitors that
  they have no session, and all that they wrote counts as undone.
";
