//! What is written in a ledger cannot be undone by whoever it concerns.

use std::{sync::Arc, thread, time::Duration};

use abiding::{Key, KeyRing, Ledger, MemoryStore};
use abiding_testkit::{ManualClock, block_on};

use crate::flawed::{Flaw, Flawed};

const MINUTE: Duration = Duration::from_secs(60);

struct Desk {
    ledger: Ledger,
    clock: ManualClock,
    keys: KeyRing,
}

fn desk() -> Desk {
    let (keys, clock) = (KeyRing::generate().expect("randomness"), ManualClock::new());
    Desk {
        ledger: Ledger::with_clock(MemoryStore::new(), keys.clone(), clock.clone()),
        clock,
        keys,
    }
}

#[test]
fn counts_go_up_within_their_window_and_begin_anew_after_it() {
    let Desk { ledger, clock, .. } = desk();
    block_on(async {
        for expected in 1..=3 {
            assert_eq!(ledger.count("ada", MINUTE).await.unwrap(), expected);
            clock.advance(Duration::from_secs(15));
        }
        assert_eq!(ledger.count("ben", MINUTE).await.unwrap(), 1);
        assert_eq!(ledger.peek("ada").await.unwrap(), 3);
        // The window began with the first one, and no later one moves it.
        clock.advance(Duration::from_secs(14));
        assert_eq!(ledger.count("ada", MINUTE).await.unwrap(), 4);
        clock.advance(Duration::from_secs(1));
        assert_eq!(ledger.peek("ada").await.unwrap(), 0);
        assert_eq!(ledger.count("ada", MINUTE).await.unwrap(), 1);
    });
}

#[test]
fn what_may_happen_once_is_claimed_by_the_first_alone() {
    let Desk { ledger, clock, .. } = desk();
    block_on(async {
        assert!(ledger.claim("code 7", MINUTE).await.unwrap());
        assert!(!ledger.claim("code 7", MINUTE).await.unwrap());
        ledger.forget("code 7").await.unwrap();
        ledger.forget("never counted").await.unwrap();
        assert!(ledger.claim("code 7", MINUTE).await.unwrap());
        clock.advance(MINUTE);
        assert!(ledger.claim("code 7", MINUTE).await.unwrap());
    });
}

/// Long after the window the store drops it, swept or not, and the name can be used again.
#[test]
fn a_name_can_be_used_again_after_any_time() {
    let Desk { ledger, clock, .. } = desk();
    block_on(async {
        for swept in [false, true, false] {
            assert_eq!(ledger.count("ada", MINUTE).await.unwrap(), 1);
            clock.advance(Duration::from_secs(2 * 24 * 60 * 60));
            if swept {
                while ledger.sweep(100).await.unwrap().more {}
            }
        }
        while ledger.sweep(100).await.unwrap().more {}
        assert_eq!(ledger.peek("ada").await.unwrap(), 0);
    });
}

#[test]
fn a_rotated_ring_forgets_nothing() {
    let Desk {
        ledger,
        clock,
        keys,
    } = desk();
    block_on(async {
        assert!(ledger.claim("code 7", MINUTE).await.unwrap());
        let fresh = Key::generate().unwrap();
        keys.rotate(fresh, abiding::Clock::now(&clock)).unwrap();
        assert!(!ledger.claim("code 7", MINUTE).await.unwrap());
        assert!(ledger.claim("code 8", MINUTE).await.unwrap());
    });
}

/// On a store that lets others in between reading and writing, and on one that is used by many threads.
#[test]
fn of_a_hundred_who_count_at_once_nobody_is_lost() {
    let clock = ManualClock::new();
    let keys = KeyRing::generate().unwrap();
    let plain = Flawed::with(Flaw::None);
    let slow = Ledger::with_clock(plain, keys.clone(), clock.clone());
    let quick = Ledger::with_clock(Arc::new(MemoryStore::new()), keys, clock);
    for ledger in [slow, quick] {
        let counted = thread::scope(|scope| {
            let ten = || {
                let ledger = ledger.clone();
                move || {
                    (0..10)
                        .map(|_| block_on(ledger.count("all", MINUTE)).unwrap())
                        .collect::<Vec<_>>()
                }
            };
            let threads: Vec<_> = (0..10).map(|_| scope.spawn(ten())).collect();
            let joined = threads.into_iter().map(|thread| thread.join().unwrap());
            let mut counted: Vec<_> = joined.flatten().collect();
            counted.sort_unstable();
            counted
        });
        assert_eq!(counted, (1..=100).collect::<Vec<_>>());
    }
}

#[test]
fn debug_names_the_store_and_no_count() {
    let Desk { ledger, .. } = desk();
    assert_eq!(format!("{ledger:?}"), r#"Ledger { store: "memory", .. }"#);
}
