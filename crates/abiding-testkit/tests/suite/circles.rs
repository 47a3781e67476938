//! Moves among three stores of which some were given up half way: what they left behind is not the session.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests are not seen to be tests"
)]

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::Poll,
};

use abiding::{Brought, KeyRing, Manager, MemoryStore, Phase, Standing, store::Scan};
use abiding_testkit::{
    Fault, Faulty, ManualClock, Operation, Plan, block_on, cancel_at_every_await,
};

/// Three stores to which one cookie leads.
struct Circle {
    clock: ManualClock,
    stores: [Faulty<Arc<MemoryStore>>; 3],
    keys: KeyRing,
}

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

impl Circle {
    fn new() -> Self {
        let slow = || {
            Plan::new()
                .always(Operation::Any, Fault::Delay(1))
                .always(Operation::Any, Fault::DelayReply(1))
        };
        Self {
            clock: ManualClock::new(),
            stores: [(); 3].map(|()| Faulty::new(Arc::new(MemoryStore::new()), slow())),
            keys: KeyRing::generate().unwrap(),
        }
    }

    fn node(&self, primary: usize, others: &[(usize, Phase)]) -> Manager {
        let place = |at: usize| {
            Manager::builder(self.stores[at].clone())
                .keys(self.keys.clone())
                .clock(self.clock.clone())
                .bulk()
                .subjects()
        };
        let others = others.iter();
        let node = others.fold(place(primary), |node, (at, phase)| {
            node.elsewhere(place(*at).build().unwrap(), *phase)
        });
        node.build().unwrap()
    }

    /// What a visitor writes at this node, and the cookie.
    fn write(&self, node: &Manager, jar: &str, step: u32) -> String {
        block_on(async {
            let session = node.open([jar.as_bytes()]);
            session.insert("step", &step).unwrap();
            let closing = node.close(&session, false).await.unwrap();
            let header = closing.set_cookie.as_deref();
            header
                .map_or(jar, |header| header.split(';').next().unwrap())
                .to_owned()
        })
    }

    fn sign_out(&self, node: &Manager, jar: &str) {
        let session = node.open([jar.as_bytes()]);
        session.logout();
        block_on(node.close(&session, false)).unwrap();
    }

    /// Takes all sessions from one store to another.
    async fn bring(&self, from: usize, to: usize, together: bool) {
        let node = self.node(to, &[(from, Phase::Move)]);
        let scan = self.stores[from].store().scan(None, 9, self.clock.now());
        for found in scan.await.unwrap() {
            if together {
                node.bring_all(0, &[found]).await.unwrap();
            } else {
                node.bring(0, &found).await.unwrap();
            }
        }
    }

    fn nodes_of_all(&self) -> impl Iterator<Item = (String, Manager)> {
        let orders = [
            [A, B, C],
            [A, C, B],
            [B, A, C],
            [B, C, A],
            [C, A, B],
            [C, B, A],
        ];
        let phases = [Phase::Probe, Phase::Move, Phase::Mirror];
        orders.into_iter().flat_map(move |[first, second, third]| {
            phases.map(|phase| {
                let name = format!("{first} {second} {third} {phase:?}");
                (name, self.node(first, &[(second, phase), (third, phase)]))
            })
        })
    }
}

fn step(node: &Manager, jar: &str) -> Option<u32> {
    block_on(node.open([jar.as_bytes()]).get("step")).unwrap()
}

fn is_live(node: &Manager, jar: &str) -> bool {
    let standing = block_on(node.open([jar.as_bytes()]).standing()).unwrap();
    standing == Standing::Live
}

/// A move to B is given up wherever it is, one to C is made, and the visitor signs out where A and C are known.
#[test]
fn a_copy_of_a_move_that_was_given_up_is_not_the_session_after_another_move() {
    for together in [false, true] {
        let circle = RefCell::new(Arc::new(Circle::new()));
        let jar = RefCell::new(String::new());
        let cuts = Cell::new(0);
        block_on(cancel_at_every_await(
            async |_| {
                let fresh = Arc::new(Circle::new());
                jar.replace(fresh.write(&fresh.node(A, &[]), "", 1));
                circle.replace(Arc::clone(&fresh));
                fresh.bring(A, B, together).await;
            },
            async |cut| {
                cuts.set(cut);
                let (circle, jar) = (Arc::clone(&circle.borrow()), jar.borrow().clone());
                if jar.is_empty() {
                    return;
                }
                // What became a session in B is taken back, so that B is out of use in any case.
                circle.bring(B, A, together).await;
                let on_the_way = circle.node(C, &[(A, Phase::Move)]);
                circle.write(&on_the_way, &jar, 2);
                for (name, node) in circle.nodes_of_all() {
                    assert_eq!(step(&node, &jar), Some(2), "cut {cut}: {name}");
                }
                let at_c = circle.node(C, &[(A, Phase::Move), (B, Phase::Move)]);
                circle.write(&at_c, &jar, 3);
                circle.sign_out(&on_the_way, &jar);
                for (name, node) in circle.nodes_of_all() {
                    assert!(!is_live(&node, &jar), "cut {cut}: back at {name}");
                }
            },
        ));
        assert!(cuts.get() > 5, "there were but {} awaits", cuts.get());
    }
}

/// The copy that was left in B is written over, and the session goes round once more.
#[test]
fn a_session_goes_round_over_what_earlier_moves_left() {
    let circle = Circle::new();
    let jar = circle.write(&circle.node(A, &[]), "", 0);
    let route = [
        (A, B),
        (B, C),
        (C, A),
        (A, B),
        (B, A),
        (A, C),
        (C, B),
        (B, C),
    ];
    for (at, (from, to)) in route.into_iter().enumerate() {
        let at = u32::try_from(at).unwrap();
        let node = circle.node(to, &[(from, Phase::Move)]);
        assert_eq!(step(&node, &jar), Some(at));
        circle.write(&node, &jar, at + 1);
        for (name, node) in circle
            .nodes_of_all()
            .filter(|(name, _)| name.ends_with("Probe"))
        {
            assert_eq!(step(&node, &jar), Some(at + 1), "{from} to {to}: {name}");
        }
        let found = block_on(
            circle.stores[from]
                .store()
                .scan(None, 9, circle.clock.now()),
        );
        let brought = block_on(node.bring(0, &found.unwrap()[0])).unwrap();
        assert_eq!(brought, Brought::WasMoved);
    }
}

/// Runs `first` until it was polled so often, then `second` to its end, and then the rest of `first`; nothing if that came to
/// its end before.
async fn interrupted<T>(
    polls: usize,
    first: impl Future<Output = T>,
    second: impl Future<Output = ()>,
) -> Option<T> {
    let mut first = pin!(first);
    for _ in 0..polls {
        if poll_fn(|context| Poll::Ready(first.as_mut().poll(context)))
            .await
            .is_ready()
        {
            return None;
        }
    }
    second.await;
    Some(first.await)
}

/// How a session is ended.
#[derive(Clone, Copy, Debug)]
enum End {
    Revocation,
    SignOut,
    Subject,
}

/// Whoever ends a session at one node, while another moves it between any two stores.
#[test]
fn an_end_reaches_a_session_that_moves_between_two_other_stores() {
    let routes = [(A, B), (A, C), (B, A), (B, C), (C, A), (C, B)];
    let ends = [End::Revocation, End::SignOut, End::Subject];
    for ((from, to), end) in routes
        .iter()
        .flat_map(|route| ends.map(|end| (*route, end)))
    {
        let mut polls = 0;
        loop {
            let circle = Circle::new();
            let jar = block_on(async {
                let node = circle.node(from, &[]);
                let session = node.open([]);
                session.login("ada").unwrap();
                let closing = node.close(&session, false).await.unwrap();
                let header = closing.set_cookie.unwrap();
                header.split(';').next().unwrap().to_owned()
            });
            let node = circle.node(A, &[(B, Phase::Probe), (C, Phase::Probe)]);
            let info = block_on(node.open([jar.as_bytes()]).info())
                .unwrap()
                .unwrap();
            let ending = async {
                match end {
                    End::Revocation => drop(node.revoke("ada", &info.handle).await.unwrap()),
                    End::SignOut => {
                        let session = node.open([jar.as_bytes()]);
                        session.logout();
                        node.close(&session, false).await.unwrap();
                    }
                    End::Subject => drop(node.end_subject("ada").await.unwrap()),
                }
            };
            let moving = circle.bring(from, to, false);
            if block_on(interrupted(polls, ending, moving)).is_none() {
                break;
            }
            for (name, node) in circle.nodes_of_all() {
                let what = format!("{end:?}, {from} to {to} after {polls}: back at {name}");
                assert!(!is_live(&node, &jar), "{what}");
            }
            polls += 1;
        }
        assert!(polls > 5, "{end:?} has but {polls} awaits");
    }
}

/// The stores are read one after the other, and the session goes from one that is read later to one that was read before.
#[test]
fn a_session_is_found_that_moves_while_the_stores_are_read() {
    let routes = [(A, B), (A, C), (B, A), (B, C), (C, A), (C, B)];
    for ((from, to), before) in routes
        .iter()
        .flat_map(|route| [false, true].map(|was| (*route, was)))
    {
        let mut polls = 0;
        loop {
            let circle = Circle::new();
            let jar = circle.write(&circle.node(to, &[]), "", 1);
            block_on(circle.bring(to, from, before));
            if before {
                block_on(circle.bring(from, to, false));
                block_on(circle.bring(to, from, false));
            }
            let node = circle.node(A, &[(B, Phase::Probe), (C, Phase::Probe)]);
            let reading = async {
                let step: Option<u32> = node.open([jar.as_bytes()]).get("step").await.unwrap();
                step
            };
            let moving = circle.bring(from, to, false);
            match block_on(interrupted(polls, reading, moving)) {
                Some(step) => assert_eq!(step, Some(1), "{from} to {to} after {polls}"),
                None => break,
            }
            polls += 1;
        }
        assert!(polls > 2, "a read has but {polls} awaits");
    }
}
