//! Random walks over every store of this crate.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on is over")]

use abiding_stores::catalogue::STORES;
use abiding_testkit::{servers::places::PLACES, walk};

/// So many histories at the place whose name begins so, with what its URL asks for besides.
#[track_caller]
fn walk(name: &str, options: &str, histories: u64) {
    let store = name.split(',').next();
    let kind = STORES.iter().find(|kind| Some(kind.name) == store).unwrap();
    if kind.feature.is_some_and(|feature| !feature.enabled) {
        return;
    }
    let place = PLACES.iter().find(|place| place.name == name).unwrap();
    let Some(standing) = place.begin() else {
        return;
    };
    // The walk brings an executor of its own; connections live in this one.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = format!("{}{options}", standing.url());
    let store = runtime.block_on(abiding_stores::open(&url)).unwrap();
    let _entered = runtime.enter();
    let tally = walk::run(histories, 1, || store.clone());
    let tally = tally.unwrap_or_else(|failure| panic!("{failure}"));
    let each = tally.acknowledged as u64 / histories;
    assert!(each > 0 && tally.gone > 0, "{tally:?}");
}

// Without flushes files and SQLite do the same in less time.

#[test]
fn histories_in_one_folder_break_no_promise() {
    walk("file", "?durability=process", 500);
}

#[test]
fn histories_on_one_sqlite_file_break_no_promise() {
    walk("sqlite", "?durability=process", 1_000);
}

#[test]
fn histories_on_one_mysql_table_break_no_promise() {
    walk("mysql", "", 60);
}

#[test]
fn histories_on_one_postgres_table_break_no_promise() {
    walk("postgres", "", 60);
}

#[test]
fn histories_on_one_redis_server_break_no_promise() {
    walk("redis, nothing on disk", "", 100);
}

#[test]
fn histories_on_one_redis_primary_with_a_replica_break_no_promise() {
    walk("redis, Sentinels, replicas=1", "", 20);
}

#[test]
fn histories_on_one_redis_cluster_break_no_promise() {
    walk("redis, Cluster, replicas=1", "", 100);
}

#[test]
fn histories_on_one_memcached_server_break_no_promise() {
    walk("memcached", "", 100);
}
