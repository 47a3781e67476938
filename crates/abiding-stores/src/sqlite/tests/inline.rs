//! Writes on the threads of their callers.

use std::{fs, thread};

use super::*;

/// Nothing but the writes of SQLite waits here, and those wait on this thread.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits for another thread"),
    }
}

fn inline(path: &Path) -> SqliteStore {
    let options = SqliteOptions::new(path).durability(Durability::Process);
    options.inline().open().unwrap()
}

/// How many transactions the log holds: the last page of each says how long the file is then.
fn commits(path: &Path) -> usize {
    const HEAD: usize = 32;
    const FRAME: usize = 24 + 4_096;
    let log = fs::read(path.with_extension("db-wal")).unwrap();
    let frames = log[HEAD..].chunks(FRAME);
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}

#[test]
fn what_many_threads_write_at_once_is_all_there() {
    let scratch = Scratch::new();
    let path = scratch.file("s.db");
    let store = inline(&path);
    let key = at_once(begin(&store, in_seconds(60)));
    // So that they wait for each other.
    let lock = lock(&path);
    thread::scope(|scope| {
        let write = |n: usize| at_once(set(&store, &key, &format!("key {n}"), "1")).unwrap();
        let threads: Vec<_> = (0..16).map(|n| scope.spawn(move || write(n))).collect();
        let fails = scope.spawn(|| {
            let fail = |conn: &Connection| Ok(conn.execute("INSERT INTO nowhere VALUES (1)", ())?);
            at_once(store.write("test", fail)).unwrap_err()
        });
        let panics = scope.spawn(|| {
            at_once(store.write::<()>("test", |_| panic!("a bug in a job"))).unwrap_err()
        });
        drop(lock);
        for thread in threads {
            assert!(matches!(thread.join().unwrap(), Committed::Yes(_)));
        }
        assert_eq!(fails.join().unwrap().kind(), ErrorKind::Unavailable);
        assert_eq!(panics.join().unwrap().kind(), ErrorKind::Unavailable);
    });
    let found = at_once(store.load(&key, NOW)).unwrap().unwrap().record;
    assert_eq!(
        (sample::values(&found).len(), found.version.number()),
        (16, 17)
    );
    store.close().unwrap();
    assert!(!path.with_extension("db-wal").exists());
}

#[test]
fn writes_that_wait_share_a_transaction() {
    let scratch = Scratch::new();
    let path = scratch.file("s.db");
    let store = inline(&path);
    let key = at_once(begin(&store, in_seconds(60)));
    let before = commits(&path);
    thread::scope(|scope| {
        let (store, key) = (&store, &key);
        let (began, has_begun) = std::sync::mpsc::channel();
        let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            let wait = move |_: &Connection| {
                began.send(()).unwrap();
                may_go_on.recv().unwrap();
                Ok(())
            };
            at_once(store.write("test", wait)).unwrap();
        });
        has_begun.recv().unwrap();
        let write = move |n: usize| at_once(set(store, key, &format!("key {n}"), "1")).unwrap();
        for n in 0..8 {
            scope.spawn(move || write(n));
        }
        while store.writer.waiting() < 8 {
            thread::yield_now();
        }
        go_on.send(()).unwrap();
    });
    // The first one wrote nothing.
    assert_eq!(commits(&path) - before, 1);
    let found = at_once(store.load(&key, NOW)).unwrap().unwrap().record;
    assert_eq!(found.version.number(), 9);
}

#[test]
fn a_write_that_waited_too_long_is_refused_and_never_done() {
    let scratch = Scratch::new();
    let path = scratch.file("s.db");
    let patience = Duration::from_millis(50);
    let store = SqliteOptions::new(&path).patience(patience).inline();
    let store = store.open().unwrap();
    let key = at_once(begin(&store, in_seconds(60)));
    let lock = lock(&path);
    let error = at_once(set(&store, &key, "late", "1")).unwrap_err();
    assert!(
        error.to_string().contains("is locked for too long"),
        "{error}"
    );
    drop(lock);
    at_once(set(&store, &key, "in time", "1")).unwrap();
    let found = at_once(store.load(&key, NOW)).unwrap().unwrap().record;
    assert_eq!(
        sample::values(&found),
        [("in time".into(), "1".into())].into()
    );
}
