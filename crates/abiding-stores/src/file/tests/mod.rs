//! What is special about this store; what it shares with the others is tested by the conformance suite.

mod crashes;
mod files;
mod processes;

use std::{
    fs,
    future::Future,
    path::Path,
    pin::{Pin, pin},
    task::{Context, Waker},
    time::Duration,
};

use abiding::store::sample;

use super::{locks::stripe, rows::Row, *};
use crate::scratch::Scratch;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn in_seconds(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

/// A store that does not flush: what it does with the disk is the same otherwise.
fn quick(path: &Path) -> FileStore {
    let options = FileOptions::new(path).durability(Durability::Process);
    options.open().unwrap()
}

async fn begin(store: &FileStore, deadline: Timestamp) -> StoreKey {
    let key = sample::key();
    let record = sample::record(NOW, deadline, &[("a", "1")]);
    assert_eq!(
        store.create(&key, &record, NOW).await.unwrap(),
        Created::Yes
    );
    key
}

async fn set(store: &FileStore, key: &StoreKey, name: &str, value: &str) -> Result<Committed> {
    let change = sample::change(NOW, &[(name, value)], &[]);
    store.commit(key, &change, Expect::Any, NOW).await
}

async fn rotate(store: &FileStore, from: &StoreKey, leave: Leave) -> StoreKey {
    let (to, change) = (sample::key(), sample::change(NOW, &[("b", "2")], &[]));
    let rotated = store
        .rotate(from, &to, &change, Expect::Any, leave, NOW)
        .await;
    assert!(matches!(rotated, Ok(Committed::Yes(_))), "{rotated:?}");
    to
}

/// Runs `future` until it waits for its answer, so that its job is queued.
fn queued<F: Future>(mut future: Pin<&mut F>) {
    let polled = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
}

/// The lock of a key's stripe, as another process takes it.
fn lock(path: &Path, key: &StoreKey) -> fs::File {
    let lock = path.join("locks").join(format!("{:02x}", stripe(key)));
    let file = fs::File::options().write(true).open(lock).unwrap();
    file.lock().unwrap();
    file
}

/// RB-6: no write waits without end.
#[tokio::test]
async fn a_write_that_waited_too_long_is_refused_and_never_done() {
    let scratch = Scratch::new();
    let path = scratch.file("s");
    let options = FileOptions::new(&path).patience(Duration::from_millis(50));
    let store = options.open().unwrap();
    let key = begin(&store, in_seconds(60)).await;
    let lock = lock(&path, &key);
    for _ in 0..2 {
        let error = set(&store, &key, "late", "1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(
            error.to_string().contains("is locked for too long"),
            "{error}"
        );
    }
    // Reads do not wait for writers.
    assert!(store.load(&key, NOW).await.unwrap().is_some());
    drop(lock);
    set(&store, &key, "in time", "1").await.unwrap();
    let found = store.load(&key, NOW).await.unwrap().unwrap().record;
    let expected = [("a", "1"), ("in time", "1")].map(|(k, v)| (k.into(), v.into()));
    assert_eq!(sample::values(&found), expected.into());
}

/// RB-4: whoever goes away before his turn leaves nothing behind, and disturbs nobody.
#[tokio::test]
async fn a_future_dropped_before_its_job_began_has_no_effect() {
    let scratch = Scratch::new();
    let path = scratch.file("s");
    let options = FileOptions::new(&path).threads(1);
    let store = options.durability(Durability::Process).open().unwrap();
    let key = begin(&store, in_seconds(60)).await;
    let lock = lock(&path, &key);
    let mut first = pin!(set(&store, &key, "first", "1"));
    queued(first.as_mut());
    {
        let mut dropped = pin!(set(&store, &key, "dropped", "1"));
        queued(dropped.as_mut());
    }
    let mut kept = pin!(set(&store, &key, "kept", "1"));
    queued(kept.as_mut());
    drop(lock);
    first.await.unwrap();
    kept.await.unwrap();
    let values = sample::values(&store.load(&key, NOW).await.unwrap().unwrap().record);
    assert_eq!(values.keys().collect::<Vec<_>>(), ["a", "first", "kept"]);
}

#[tokio::test]
async fn a_job_that_panics_answers_with_an_error_and_the_others_go_on() {
    let scratch = Scratch::new();
    let store = FileOptions::new(scratch.file("s"))
        .threads(1)
        .open()
        .unwrap();
    let key = begin(&store, in_seconds(60)).await;
    let (folder, at) = (Arc::clone(&store.folder), key);
    let panicked = store.run("test", move |_| {
        // With a turn in its hands, which is given back.
        let _turn = folder.locks.of(&at)?;
        panic!("a bug in a job") as Result<(), Failure>
    });
    assert_eq!(panicked.await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(matches!(
        set(&store, &key, "b", "1").await,
        Ok(Committed::Yes(_))
    ));
}

/// Scar 34: a forked child shares its parent's locks. A test cannot fork; but all that the store goes by
/// is the number of its process.
#[tokio::test]
async fn a_store_that_was_carried_into_a_child_refuses_to_work() {
    let scratch = Scratch::new();
    let mut store = quick(&scratch.file("s"));
    let key = begin(&store, in_seconds(60)).await;
    store.owner ^= 1;
    for error in [
        store.load(&key, NOW).await.unwrap_err(),
        set(&store, &key, "a", "1").await.unwrap_err(),
    ] {
        let told = error.to_string();
        assert!(
            told.contains("open it in each process, after the fork"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_sweep_removes_what_is_over_and_passes_over_what_was_used() {
    let scratch = Scratch::new();
    let store = quick(&scratch.file("s"));
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
    let sweep = async |seconds, limit| {
        let swept = store.sweep(in_seconds(seconds), limit).await.unwrap();
        (swept.removed, swept.more)
    };
    assert_eq!(sweep(9, 1_000).await, (0, false));
    assert_eq!(sweep(10, 50).await, (50, true));
    assert_eq!(sweep(10, 1_000).await, (150, false));
    for key in &living {
        assert!(store.load(key, in_seconds(10)).await.unwrap().is_some());
    }
    assert_eq!(sweep(99, 1_000).await, (0, false));
    assert_eq!(sweep(100, 1_000).await, (100, false));
    let left = |path: &Path| fs::read_dir(path).unwrap().count();
    let lists: usize = (0..STRIPES)
        .map(|stripe| left(&store.folder.ends(stripe)))
        .sum();
    assert_eq!(lists, 0, "lists are left of nothing");
    for shard in store.folder.shards().unwrap() {
        assert_eq!(left(&store.folder.rows().join(shard)), 0);
    }
}

/// What lives long is listed coarsely first, and is found all the same, to the millisecond.
#[tokio::test]
async fn a_sweep_finds_what_ends_in_a_month_as_if_it_ended_now() {
    let scratch = Scratch::new();
    let store = quick(&scratch.file("s"));
    let month = 30 * 86_400;
    begin(&store, in_seconds(month)).await;
    begin(&store, Timestamp::MAX).await;
    for day in [1, 15, 29] {
        let swept = store.sweep(in_seconds(day * 86_400), 10).await.unwrap();
        assert_eq!(swept.removed, 0, "on day {day}");
    }
    let just_before = Timestamp::from_millis(in_seconds(month).as_millis() - 1);
    assert_eq!(store.sweep(just_before, 10).await.unwrap().removed, 0);
    assert_eq!(store.sweep(in_seconds(month), 10).await.unwrap().removed, 1);
    assert_eq!(
        store
            .sweep(in_seconds(month * 99), 10)
            .await
            .unwrap()
            .removed,
        0
    );
}

/// The rows of the living lie there as folders, which nobody can open as files.
#[tokio::test]
async fn a_sweep_opens_nothing_that_is_not_due() {
    let scratch = Scratch::new();
    let store = quick(&scratch.file("s"));
    for n in 0..100 {
        let key = begin(&store, in_seconds(if n % 2 == 0 { 10 } else { 5_000 })).await;
        if n % 2 == 1 {
            let row = store.folder.row(&key);
            fs::remove_file(&row).unwrap();
            fs::create_dir(&row).unwrap();
        }
    }
    let swept = store.sweep(in_seconds(10), 1_000).await.unwrap();
    assert_eq!(swept, Swept::new(50, false));
}

/// A power loss may take the lists away, which are not flushed.
#[tokio::test]
async fn rows_that_no_list_tells_of_are_found_by_the_walk() {
    let scratch = Scratch::new();
    let store = quick(&scratch.file("s"));
    for _ in 0..20 {
        begin(&store, in_seconds(10)).await;
    }
    let mut record = sample::record(NOW, Timestamp::MAX, &[]);
    record.idle_deadline = in_seconds(10);
    let living = sample::key();
    store.create(&living, &record, NOW).await.unwrap();
    let days = |days: u64| in_seconds(days * 86_400);
    store.touch(&living, days(4), NOW).await.unwrap();
    for stripe in 0..STRIPES {
        for list in fs::read_dir(store.folder.ends(stripe)).unwrap() {
            fs::remove_file(list.unwrap().path()).unwrap();
        }
    }
    let shards = store.folder.shards().unwrap().len();
    let mut removed = 0;
    for _ in 0..shards {
        removed += store.sweep(days(2), 1_000).await.unwrap().removed;
    }
    assert_eq!(removed, 20);
    assert!(store.load(&living, days(2)).await.unwrap().is_some());
    // From now on its list tells of it again.
    assert_eq!(store.sweep(days(4), 10).await.unwrap().removed, 1);
}

#[tokio::test]
async fn a_scan_walks_in_the_order_of_the_keys_over_many_pages() {
    let scratch = Scratch::new();
    let store = quick(&scratch.file("s"));
    let mut keys = Vec::new();
    for n in 0..400_u64 {
        keys.push(begin(&store, in_seconds(10 + n % 2 * 50)).await);
    }
    let mut living: Vec<_> = keys.iter().skip(1).step_by(2).copied().collect();
    living.sort();
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let page = store
            .scan(after.as_ref(), 150, in_seconds(10))
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        walked.extend(page.iter().map(|found| found.key));
    }
    assert_eq!(walked, living);
}
