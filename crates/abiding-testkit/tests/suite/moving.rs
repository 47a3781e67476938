//! What a session is in its next place, and what becomes of it when a node stops at the worst moment.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests are not seen to be tests"
)]

use std::{sync::Arc, time::Duration};

use abiding::{
    Brought, CookieSpec, Info, KeyRing, Manager, MemoryStore, Phase, Session, Standing,
    store::{Scan, Store},
};
use abiding_testkit::{
    Fault, Faulty, ManualClock, Operation, Plan, block_on, cancel_at_every_await,
};

/// Two places: their stores, and the keys of each.
pub(crate) struct Stage {
    pub(crate) clock: ManualClock,
    pub(crate) stores: [Faulty<Arc<MemoryStore>>; 2],
    keys: [KeyRing; 2],
    names: [&'static str; 2],
}

pub(crate) const OLD: usize = 0;
pub(crate) const NEW: usize = 1;

impl Stage {
    /// One cookie leads to both places, or each has one of its own.
    pub(crate) fn new(same: bool) -> Self {
        let keys = KeyRing::generate().unwrap();
        let slow = || {
            Plan::new()
                .always(Operation::Any, Fault::Delay(1))
                .always(Operation::Any, Fault::DelayReply(1))
        };
        let other = KeyRing::generate().unwrap();
        Self {
            clock: ManualClock::new(),
            stores: [(); 2].map(|()| Faulty::new(Arc::new(MemoryStore::new()), slow())),
            keys: [keys.clone(), if same { keys } else { other }],
            names: ["sid", if same { "sid" } else { "other" }],
        }
    }

    pub(crate) fn node(&self, end: usize, elsewhere: Option<Phase>) -> Manager {
        let builder = Manager::builder(self.stores[end].clone())
            .keys(self.keys[end].clone())
            .cookie(CookieSpec::host(self.names[end]).unwrap())
            .clock(self.clock.clone())
            .bulk();
        match elsewhere {
            Some(phase) => builder.elsewhere(self.node(1 - end, None), phase).build(),
            None => builder.build(),
        }
        .unwrap()
    }

    /// One that moves sessions out of `other`.
    pub(crate) fn node_beside(&self, end: usize, other: Manager) -> Manager {
        let builder = Manager::builder(self.stores[end].clone())
            .keys(self.keys[end].clone())
            .cookie(CookieSpec::host(self.names[end]).unwrap())
            .clock(self.clock.clone());
        builder.elsewhere(other, Phase::Move).build().unwrap()
    }

    /// The same, and each place is what `store` makes of it.
    pub(crate) fn node_of<S: Store>(
        &self,
        store: impl Fn(&Arc<MemoryStore>) -> S + Copy,
        end: usize,
        elsewhere: Option<Phase>,
    ) -> Manager {
        let slow = Plan::new()
            .always(Operation::Any, Fault::Delay(1))
            .always(Operation::Any, Fault::DelayReply(1));
        let builder = Manager::builder(Faulty::new(store(self.stores[end].store()), slow))
            .keys(self.keys[end].clone())
            .cookie(CookieSpec::host(self.names[end]).unwrap())
            .clock(self.clock.clone());
        match elsewhere {
            Some(phase) => {
                let other = self.node_of(store, 1 - end, None);
                builder.elsewhere(other, phase).build()
            }
            None => builder.build(),
        }
        .unwrap()
    }
}

/// The cookies that a browser has after one more answer.
pub(crate) fn told(jar: &str, closing: &abiding::Closing) -> String {
    let Some(header) = closing.set_cookie.as_deref() else {
        return jar.to_owned();
    };
    let pair = header.split(';').next().unwrap();
    let name = pair.split('=').next().unwrap();
    let others = jar
        .split("; ")
        .filter(|known| !known.starts_with(&format!("{name}=")));
    let others: Vec<_> = others.filter(|pair| !pair.is_empty()).collect();
    if pair.ends_with('=') {
        return others.join("; ");
    }
    [&others[..], &[pair]].concat().join("; ")
}

/// A request with these cookies, and those that the browser has afterwards.
pub(crate) fn request(node: &Manager, jar: &str, act: impl AsyncFnOnce(&Session)) -> String {
    block_on(async {
        let session = node.open([jar.as_bytes()]);
        act(&session).await;
        told(jar, &node.close(&session, false).await.unwrap())
    })
}

pub(crate) fn is_live(node: &Manager, jar: &str) -> bool {
    let standing = block_on(node.open([jar.as_bytes()]).standing()).unwrap();
    standing == Standing::Live
}

pub(crate) async fn fill_in(session: &Session) {
    session.insert("step", &2).unwrap();
    session.login("ada").unwrap();
    session.set_device("Firefox on Linux");
    session.set_persistent(true);
    session.flash("info", "welcome").await.unwrap();
}

fn info(node: &Manager, jar: &str) -> Info {
    let info = block_on(node.open([jar.as_bytes()]).info()).unwrap();
    info.unwrap()
}

#[test]
fn what_the_library_knows_of_a_session_and_its_flash_messages_move_with_it() {
    for same in [true, false] {
        let stage = Stage::new(same);
        let jar = request(&stage.node(OLD, None), "", fill_in);
        let before = info(&stage.node(OLD, None), &jar);
        stage.clock.advance(Duration::from_secs(10));
        let node = stage.node(NEW, Some(Phase::Move));
        let jar = request(&node, &jar, async |session| {
            assert_eq!(session.get("step").await.unwrap(), Some(2));
        });
        assert_eq!(node.crossings().moved, 1);
        let after = info(&stage.node(NEW, None), &jar);
        let told = |info: &Info| {
            (
                (info.created, info.absolute_deadline, info.idle_deadline),
                (
                    info.subject.clone(),
                    info.authenticated,
                    info.device.clone(),
                ),
                (info.handle.clone(), info.persistent, info.bytes),
            )
        };
        assert_eq!(told(&after), told(&before), "same: {same}");
        let session = stage.node(NEW, None).open([jar.as_bytes()]);
        let flashes = block_on(session.take_flashes()).unwrap();
        assert_eq!(flashes[0].message, "welcome");
    }
}

/// Whoever still comes with the old cookie, since the answer was lost, finds the session and is told again.
#[test]
fn the_old_cookie_leads_to_the_new_place_and_costs_a_read_more() {
    let stage = Stage::new(false);
    let old = request(&stage.node(OLD, None), "", fill_in);
    let node = stage.node(NEW, Some(Phase::Move));
    request(&node, &old, async |session| {
        session.insert("more", &1).unwrap()
    });
    for phase in [Phase::Move, Phase::Mirror] {
        let node = stage.node(NEW, Some(phase));
        let jar = request(&node, &old, async |session| {
            assert_eq!(session.get("more").await.unwrap(), Some(1));
        });
        assert!(is_live(&stage.node(NEW, None), &jar));
    }
    let node = stage.node(OLD, Some(Phase::Probe));
    assert_eq!(
        block_on(node.open([old.as_bytes()]).get("more")).unwrap(),
        Some(1)
    );
}

#[test]
fn a_session_in_the_primary_place_costs_one_read_and_one_that_nobody_looks_at_costs_none() {
    let stage = Stage::new(true);
    let node = stage.node(NEW, Some(Phase::Move));
    let jar = request(&node, "", async |session| {
        session.insert("step", &1).unwrap()
    });
    let calls = || {
        stage
            .stores
            .each_ref()
            .map(|store| store.calls(Operation::Any))
    };
    let [old, new] = calls();
    request(&node, &jar, async |_| {});
    assert_eq!(calls(), [old, new]);
    request(&node, &jar, async |session| {
        assert_eq!(session.get("step").await.unwrap(), Some(1));
    });
    assert_eq!(calls(), [old, new + 1]);
}

/// The new place is lost, and nodes go back to what they were before all of it.
#[test]
fn what_was_mirrored_is_there_when_only_the_old_place_is_left() {
    let stage = Stage::new(true);
    let before = request(&stage.node(OLD, None), "", fill_in);
    let node = stage.node(NEW, Some(Phase::Mirror));
    let renewed = request(&node, &before, async |session| {
        session.insert("step", &3).unwrap();
        session.renew();
    });
    let begun = request(&node, "", fill_in);
    assert!(node.crossings().mirrored > 0);
    let old = stage.node(OLD, None);
    let step = |jar: &str| block_on(old.open([jar.as_bytes()]).get("step")).unwrap();
    assert_eq!((step(&renewed), step(&begun)), (Some(3), Some(2)));
    for jar in [&renewed, &begun] {
        request(&node, jar, async |session| session.logout());
    }
    assert!(!is_live(&old, &renewed) && !is_live(&old, &begun));
}

#[test]
fn a_sign_out_in_any_phase_ends_the_session_in_both_places() {
    let phases = [
        (OLD, Some(Phase::Probe)),
        (NEW, Some(Phase::Move)),
        (NEW, Some(Phase::Mirror)),
        (OLD, Some(Phase::Move)),
    ];
    for same in [true, false] {
        for (moved_by, ended_by) in phases.iter().flat_map(|one| phases.map(|two| (*one, two))) {
            let stage = Stage::new(same);
            let first = request(&stage.node(OLD, None), "", fill_in);
            let second = request(
                &stage.node(moved_by.0, moved_by.1),
                &first,
                async |session| {
                    session.insert("step", &3).unwrap();
                },
            );
            request(
                &stage.node(ended_by.0, ended_by.1),
                &second,
                async |session| session.logout(),
            );
            for (end, phase) in phases.into_iter().chain([(OLD, None), (NEW, None)]) {
                let node = stage.node(end, phase);
                let what =
                    format!("{same}: {moved_by:?}, ended by {ended_by:?}, at {end} {phase:?}");
                assert!(
                    !is_live(&node, &first) && !is_live(&node, &second),
                    "{what}"
                );
            }
        }
    }
}

/// Whatever the mover has done when it is stopped, the next node goes on with it, and so does the one that
/// knows the old place as primary.
#[test]
fn a_mover_that_stops_at_any_moment_leaves_a_whole_session() {
    for (same, next) in [
        (true, (OLD, Phase::Probe)),
        (true, (NEW, Phase::Move)),
        (false, (OLD, Phase::Probe)),
        (false, (NEW, Phase::Move)),
    ] {
        let stage = Stage::new(same);
        let jars: Vec<_> = (0..60)
            .map(|_| request(&stage.node(OLD, None), "", fill_in))
            .collect();
        let mover = stage.node(NEW, Some(Phase::Move));
        let cuts = std::cell::Cell::new(0);
        block_on(cancel_at_every_await(
            async |cut| {
                let session = mover.open([jars[cut].as_bytes()]);
                session.insert("step", &3).unwrap();
                mover.close(&session, false).await.unwrap();
            },
            async |cut| {
                cuts.set(cut);
                let node = stage.node(next.0, Some(next.1));
                let session = node.open([jars[cut].as_bytes()]);
                let step: Option<u32> = session.get("step").await.unwrap();
                assert!(matches!(step, Some(2 | 3)), "cut {cut}: {step:?}");
                session.insert("more", &1).unwrap();
                node.close(&session, false).await.unwrap();
                let session = mover.open([jars[cut].as_bytes()]);
                assert_eq!(session.get("more").await.unwrap(), Some(1), "cut {cut}");
                assert_eq!(session.get("step").await.unwrap(), step, "cut {cut}");
            },
        ));
        assert!(cuts.get() > 10, "there were but {} awaits", cuts.get());
    }
}

#[test]
fn sessions_are_brought_one_by_one_without_being_used() {
    let stage = Stage::new(false);
    let jar = request(&stage.node(OLD, None), "", fill_in);
    let before = info(&stage.node(OLD, None), &jar);
    stage.clock.advance(Duration::from_secs(600));
    let node = stage.node(NEW, Some(Phase::Move));
    let found = block_on(stage.stores[OLD].store().scan(None, 9, stage.clock.now())).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(block_on(node.bring(0, &found[0])).unwrap(), Brought::Moved);
    assert_eq!(
        block_on(node.bring(0, &found[0])).unwrap(),
        Brought::WasMoved
    );
    let jar = request(&node, &jar, async |session| {
        assert_eq!(session.subject().await.unwrap().as_deref(), Some("ada"));
    });
    let after = info(&stage.node(NEW, None), &jar);
    assert_eq!(
        (after.handle, after.created),
        (before.handle, before.created)
    );
    let probing = stage.node(NEW, Some(Phase::Probe));
    assert!(block_on(probing.bring(0, &found[0])).is_err());
}

/// Of many that are brought together each goes its own way: what was written, ended or moved since the page
/// was read, too.
#[test]
fn many_sessions_are_brought_together_and_each_as_it_stands() {
    for same in [true, false] {
        let stage = Stage::new(same);
        let old = stage.node(OLD, None);
        let jars: Vec<_> = (0..6).map(|_| request(&old, "", fill_in)).collect();
        let handles: Vec<_> = jars.iter().map(|jar| info(&old, jar).handle).collect();
        let page = || {
            let scan = stage.stores[OLD].store().scan(None, 99, stage.clock.now());
            block_on(scan).unwrap()
        };
        let mut found = page();
        let node = stage.node(NEW, Some(Phase::Move));
        let of = |node: &Manager, jar: &str, handle: &str| {
            assert_eq!(info(node, jar).handle, handle, "same: {same}");
        };
        // Between the page and the move: a write, a sign-out, a new id, a move.
        request(&old, &jars[0], async |session| {
            session.insert("step", &3).unwrap();
        });
        request(&old, &jars[1], async |session| session.logout());
        let renewed = request(&old, &jars[2], async |session| session.renew());
        request(&node, &jars[3], async |session| {
            session.insert("step", &4).unwrap();
        });
        let damaged = &mut found[0].record.payload;
        *damaged = damaged.iter().map(|byte| byte ^ 1).collect();
        let brought = block_on(node.bring_all(0, &found)).unwrap();
        assert_eq!(brought.len(), 6);
        let errors = brought.iter().filter(|brought| brought.is_err()).count();
        assert_eq!(errors, 1, "{brought:?}");
        let brought = block_on(node.bring_all(0, &page())).unwrap();
        let moved = |brought: &abiding::Result<Brought>| {
            matches!(brought, Ok(Brought::Moved | Brought::WasMoved))
        };
        assert!(brought.iter().all(moved), "same: {same}: {brought:?}");
        let step = |jar: &str| block_on(node.open([jar.as_bytes()]).get::<u32>("step")).unwrap();
        assert_eq!(
            [0, 2, 3, 4, 5].map(|at| step(&jars[at])),
            [3, 2, 4, 2, 2].map(Some)
        );
        assert!(!is_live(&node, &jars[1]) && is_live(&node, &renewed));
        for at in [0, 3, 4, 5] {
            of(&node, &jars[at], &handles[at]);
        }
        let again = block_on(node.bring_all(0, &page())).unwrap();
        let all_moved = again
            .iter()
            .all(|brought| matches!(brought, Ok(Brought::WasMoved)));
        assert!(all_moved, "same: {same}: {again:?}");
    }
}

/// As one mover that stops, with many sessions under way.
#[test]
fn a_mover_of_many_that_stops_at_any_moment_leaves_whole_sessions() {
    for (same, next) in [
        (true, (OLD, Phase::Probe)),
        (true, (NEW, Phase::Move)),
        (false, (OLD, Phase::Probe)),
        (false, (NEW, Phase::Move)),
    ] {
        let cuts = std::cell::Cell::new(0);
        let stage = std::cell::RefCell::new(Arc::new(Stage::new(same)));
        let jars = std::cell::RefCell::new(vec![]);
        block_on(cancel_at_every_await(
            async |_| {
                let fresh = Stage::new(same);
                let begun = (0..3).map(|_| request(&fresh.node(OLD, None), "", fill_in));
                jars.replace(begun.collect());
                let mover = fresh.node(NEW, Some(Phase::Move));
                let scan = fresh.stores[OLD].store().scan(None, 9, fresh.clock.now());
                let found = block_on(scan).unwrap();
                stage.replace(Arc::new(fresh));
                for brought in mover.bring_all(0, &found).await.unwrap() {
                    assert_eq!(brought.unwrap(), Brought::Moved);
                }
            },
            async |cut| {
                cuts.set(cut);
                let stage = Arc::clone(&stage.borrow());
                let mover = stage.node(NEW, Some(Phase::Move));
                let jars: Vec<String> = jars.borrow().clone();
                for jar in &jars {
                    let node = stage.node(next.0, Some(next.1));
                    let session = node.open([jar.as_bytes()]);
                    assert_eq!(session.get("step").await.unwrap(), Some(2), "cut {cut}");
                    session.insert("more", &1).unwrap();
                    node.close(&session, false).await.unwrap();
                    let session = mover.open([jar.as_bytes()]);
                    assert_eq!(session.get("more").await.unwrap(), Some(1), "cut {cut}");
                }
                let scan = stage.stores[OLD].store().scan(None, 9, stage.clock.now());
                let found = scan.await.unwrap();
                for brought in mover.bring_all(0, &found).await.unwrap() {
                    assert!(matches!(
                        brought.unwrap(),
                        Brought::Moved | Brought::WasMoved
                    ));
                }
            },
        ));
        assert!(cuts.get() > 5, "there were but {} awaits", cuts.get());
    }
}

/// The old place must not be able to stop the new one. A sign-out counts when it holds everywhere.
#[test]
fn an_old_place_that_is_down_stops_sign_outs_alone() {
    for same in [true, false] {
        let stage = Stage::new(same);
        let jar = request(&stage.node(OLD, None), "", fill_in);
        let node = stage.node(NEW, Some(Phase::Mirror));
        let jar = request(&node, &jar, async |session| {
            session.insert("step", &3).unwrap();
        });
        stage.stores[OLD].follow(Plan::new().always(Operation::Any, Fault::Fail));
        let jar = request(&node, &jar, async |session| {
            assert_eq!(session.get("step").await.unwrap(), Some(3));
            session.insert("step", &4).unwrap();
        });
        assert!(node.crossings().mirror_failed > 0);
        let session = node.open([jar.as_bytes()]);
        session.logout();
        assert!(block_on(node.close(&session, false)).is_err());
        stage.stores[OLD].follow(Plan::new());
        request(&node, &jar, async |session| session.logout());
        for (end, phase) in [(OLD, None), (NEW, None), (NEW, Some(Phase::Mirror))] {
            assert!(
                !is_live(&stage.node(end, phase), &jar),
                "{same}: {end} {phase:?}"
            );
        }
    }
}

#[test]
fn the_sessions_of_a_subject_are_listed_and_ended_in_every_place() {
    let stage = Stage::new(false);
    let node = |end: usize, elsewhere: Option<Phase>| {
        let builder = |end: usize| {
            Manager::builder(Arc::clone(stage.stores[end].store()))
                .keys(stage.keys[end].clone())
                .cookie(CookieSpec::host(stage.names[end]).unwrap())
                .clock(stage.clock.clone())
                .subjects()
        };
        match elsewhere {
            Some(phase) => builder(end).elsewhere(builder(1 - end).build().unwrap(), phase),
            None => builder(end),
        }
        .build()
        .unwrap()
    };
    let moved = request(&node(OLD, None), "", fill_in);
    let stays = request(&node(OLD, None), "", fill_in);
    let moving = node(NEW, Some(Phase::Move));
    let moved = request(&moving, &moved, async |session| {
        assert_eq!(session.get("step").await.unwrap(), Some(2));
    });
    let begun = request(&moving, "", fill_in);
    for node in [&moving, &node(OLD, Some(Phase::Probe))] {
        assert_eq!(block_on(node.sessions_of("ada")).unwrap().len(), 3);
    }
    let session = moving.open([moved.as_bytes()]);
    assert_eq!(block_on(session.end_others()).unwrap(), 2);
    assert!(is_live(&moving, &moved) && !is_live(&moving, &begun) && !is_live(&moving, &stays));
    assert_eq!(block_on(moving.end_subject("ada")).unwrap(), 1);
    assert!(!is_live(&moving, &moved) && !is_live(&node(OLD, None), &stays));
}
