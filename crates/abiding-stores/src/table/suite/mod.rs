//! What every store of tables is held to, beside the conformance suite: compiled into the tests of each of them.
//!
//! `super` names what is tested: `Server` and `TestedStore`, a `server` that the tests share and one
//! of their `own_server`, and how either is spoken to.

mod load;
pub(super) mod outages;
mod processes;

use super::*;

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_000_000);

pub(super) fn in_seconds(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

/// A name that no other table has.
pub(super) fn fresh_table() -> String {
    format!("sessions_{}", &sample::key().to_hex()[..16])
}

/// A store with a table of its own, and the name of that.
pub(super) async fn fresh(server: &Server) -> (TestedStore, String) {
    let table = fresh_table();
    let options = options(server).table(&table).unwrap();
    (options.open().await.unwrap(), table)
}

pub(super) async fn begin(store: &TestedStore, deadline: Timestamp) -> StoreKey {
    let key = sample::key();
    let record = sample::record(NOW, deadline, &[]);
    let created = store.create(&key, &record, NOW).await.unwrap();
    assert_eq!(created, Created::Yes);
    key
}

pub(super) async fn set(
    store: &TestedStore,
    key: &StoreKey,
    name: &str,
    value: &str,
) -> Result<Committed> {
    let change = sample::change(NOW, &[(name, value)], &[]);
    store.commit(key, &change, Expect::Any, NOW).await
}

pub(super) async fn value(store: &TestedStore, key: &StoreKey, name: &str) -> Option<String> {
    let found = store.load(key, NOW).await.unwrap()?;
    sample::value(&found.record, name)
}

/// RB-4 and scar 34: two who speak on one socket get each other's answers. A test cannot fork; but all
/// that the store goes by is the number of its process.
#[tokio::test]
async fn a_store_that_was_carried_into_a_child_refuses_to_work() {
    let Some(server) = server() else { return };
    let (mut store, _) = fresh(server).await;
    store.owner ^= 1;
    let error = store.load(&sample::key(), NOW).await.unwrap_err();
    let remedy = "open it in each process, after the fork";
    assert!(error.to_string().contains(remedy), "{error}");
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    let Some(server) = server() else { return };
    let error = abiding_testkit::block_on(options(server).open()).unwrap_err();
    assert!(error.to_string().contains("tokio runtime"), "{error}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (store, _) = runtime.block_on(fresh(server));
    let error = abiding_testkit::block_on(store.load(&sample::key(), NOW)).unwrap_err();
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}

/// Connections live on the runtime that opened them; a store outlives it.
#[test]
fn a_store_goes_on_in_another_runtime_when_the_first_has_ended() {
    let Some(server) = server() else { return };
    let runtime = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap()
    };
    let first = runtime();
    let (store, _) = first.block_on(fresh(server));
    let key = first.block_on(begin(&store, in_seconds(60)));
    drop(first);
    for n in 0..3 {
        let next = runtime();
        let set = next.block_on(set(&store, &key, "n", &n.to_string()));
        assert!(matches!(set.unwrap(), Committed::Yes(_)));
        assert_eq!(next.block_on(value(&store, &key, "n")), Some(n.to_string()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_stores_write_to_one_session_at_once_is_all_there() {
    let Some(server) = server() else { return };
    let (one, table) = fresh(server).await;
    let two = options(server).table(&table).unwrap().open().await.unwrap();
    let key = begin(&one, in_seconds(60)).await;
    let stores = [Arc::new(one), Arc::new(two)];
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let store = Arc::clone(&stores[n % 2]);
            tokio::spawn(async move { set(&store, &key, &format!("key {n}"), "1").await.unwrap() })
        })
        .collect();
    for task in tasks {
        assert!(matches!(task.await.unwrap(), Committed::Yes(_)));
    }
    for store in &stores {
        let found = store.load(&key, NOW).await.unwrap().unwrap().record;
        let counted = (sample::values(&found).len(), found.version.number());
        assert_eq!(counted, (64, 65));
    }
}

/// What was seen last stands in for a look, and must never be believed where it is out of date.
#[tokio::test]
async fn a_change_goes_by_what_another_store_has_written_since() {
    let Some(server) = server() else { return };
    let (one, table) = fresh(server).await;
    let two = options(server).table(&table).unwrap().open().await.unwrap();
    let key = begin(&one, in_seconds(60)).await;
    let seen = one.load(&key, NOW).await.unwrap().unwrap().record;
    set(&two, &key, "two", "2").await.unwrap();

    let change = sample::change(NOW, &[("one", "1")], &[]);
    let expect = Expect::Version(seen.version);
    let stale = one.commit(&key, &change, expect, NOW).await.unwrap();
    assert!(matches!(stale, Committed::Stale(_)), "{stale:?}");
    // A touch moves no version, and a change must not take it back.
    two.touch(&key, in_seconds(50), in_seconds(5))
        .await
        .unwrap();
    set(&one, &key, "one", "1").await.unwrap();
    let record = two.load(&key, NOW).await.unwrap().unwrap().record;
    assert_eq!(record.seen, in_seconds(5));
    assert_eq!(sample::values(&record).len(), 2);

    two.delete(&key, Some(&sample::farewell(NOW)), NOW)
        .await
        .unwrap();
    assert_eq!(set(&one, &key, "late", "1").await.unwrap(), Committed::Gone);
    assert!(one.load(&key, NOW).await.unwrap().unwrap().frozen);
}

#[tokio::test]
async fn a_sweep_removes_what_is_over_and_passes_over_what_was_used() {
    let Some(server) = server() else { return };
    let (store, _) = fresh(server).await;
    let mut living = Vec::new();
    for n in 0..300 {
        let key = sample::key();
        let mut record = sample::record(NOW, in_seconds(1_000), &[]);
        record.idle_deadline = in_seconds(10);
        store.create(&key, &record, NOW).await.unwrap();
        if n % 3 == 0 {
            store.touch(&key, in_seconds(100), NOW).await.unwrap();
            living.push(key);
        }
    }
    let swept = async |seconds, limit| store.sweep(in_seconds(seconds), limit).await.unwrap();
    assert_eq!(swept(9, 1_000).await, Swept::new(0, false));
    assert_eq!(swept(10, 50).await, Swept::new(50, true));
    assert_eq!(swept(10, 1_000).await, Swept::new(150, false));
    for key in &living {
        assert!(store.load(key, in_seconds(10)).await.unwrap().is_some());
    }
    assert_eq!(swept(100, 1_000).await, Swept::new(100, false));
}

/// Whoever never hears the answer comes with the first key again, and moves the session each time.
#[tokio::test]
async fn a_session_that_is_moved_through_its_first_key_again_and_again_is_found_by_it() {
    let Some(server) = server() else { return };
    let (store, _) = fresh(server).await;
    let first = begin(&store, in_seconds(60)).await;
    let subject = sample::subject("ada");
    for n in 0..30 {
        let (to, n) = (sample::key(), n.to_string());
        let change = sample::with_subject(sample::change(NOW, &[("n", &n)], &[]), Some("ada"));
        let leave = Leave::Alias(in_seconds(30));
        let moved = store
            .rotate(&first, &to, &change, Expect::Any, leave, NOW)
            .await;
        assert!(matches!(moved.unwrap(), Committed::Yes(_)), "{n}");
        let found = store.load(&first, NOW).await.unwrap().unwrap();
        assert_eq!(found.key, to);
        assert_eq!(sample::value(&found.record, "n"), Some(n));
    }
    let spared = store.end_subject(&subject, Some(&first), NOW).await;
    assert_eq!(spared.unwrap(), 0);
    store.delete(&first, None, NOW).await.unwrap();
    assert_eq!(store.load(&first, NOW).await.unwrap(), None);
}

/// Row locks alone would let a session slip through that moves, by a rotation, to a key that was passed already.
#[tokio::test(flavor = "multi_thread")]
async fn no_rotation_slips_out_of_the_end_of_a_subject() {
    let Some(server) = server() else { return };
    let (store, _) = fresh(server).await;
    let store = Arc::new(store);
    let subject = sample::subject("ada");
    for _ in 0..15 {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let mut record = sample::record(NOW, in_seconds(60), &[]);
                    record.subject = Some(sample::subject("ada"));
                    let mut key = sample::key();
                    store.create(&key, &record, NOW).await.unwrap();
                    let change = sample::change(NOW, &[], &[]);
                    for n in 1.. {
                        let (to, leave) = (sample::key(), Leave::Alias(in_seconds(30)));
                        let rotated = store
                            .rotate(&key, &to, &change, Expect::Any, leave, NOW)
                            .await
                            .unwrap();
                        match rotated {
                            Committed::Yes(_) => key = to,
                            Committed::Gone => return n,
                            other => panic!("{other:?}"),
                        }
                    }
                    unreachable!("it ends when its session does")
                })
            })
            .collect();
        while store.of_subject(&subject, NOW).await.unwrap().len() < 8 {
            tokio::task::yield_now().await;
        }
        // Every session is there by now, and none comes any more.
        assert_eq!(store.end_subject(&subject, None, NOW).await.unwrap(), 8);
        for task in tasks {
            assert!(task.await.unwrap() > 0);
        }
        assert!(store.of_subject(&subject, NOW).await.unwrap().is_empty());
    }
}

/// A column that cuts off would say nothing before the seal is opened.
#[tokio::test]
async fn a_record_of_more_than_64_kib_comes_back_whole() {
    let Some(server) = server() else { return };
    let (store, _) = fresh(server).await;
    let key = sample::key();
    let longer = Record::new(vec![7; 3_000_000], NOW, in_seconds(60));
    store.create(&key, &longer, NOW).await.unwrap();
    assert_eq!(store.load(&key, NOW).await.unwrap().unwrap().record, longer);

    // No change makes one longer than this.
    let (key, text) = (sample::key(), "x".repeat(65_450));
    let record = sample::record(NOW, in_seconds(60), &[("long", &text)]);
    store.create(&key, &record, NOW).await.unwrap();
    set(&store, &key, "n", "1").await.unwrap();
    let to = sample::key();
    let change = sample::change(NOW, &[("m", "2")], &[]);
    let leave = Leave::Alias(in_seconds(10));
    let moved = store
        .rotate(&key, &to, &change, Expect::Any, leave, NOW)
        .await;
    assert!(matches!(moved, Ok(Committed::Yes(_))), "{moved:?}");
    assert_eq!(value(&store, &to, "long").await, Some(text));
}
