//! Random walks over every store of this crate.

#[cfg(any(feature = "file", feature = "sqlite"))]
#[path = "../src/scratch.rs"]
mod scratch;

#[cfg(feature = "file")]
#[test]
fn histories_in_one_folder_break_no_promise() {
    use std::sync::Arc;

    use abiding_stores::file::{Durability, FileOptions};
    use abiding_testkit::walk;

    let scratch = scratch::Scratch::new();
    let options = FileOptions::new(scratch.file("sessions"));
    // It does not flush, which changes nothing but the time it takes.
    let store = Arc::new(options.durability(Durability::Process).open().unwrap());
    let tally =
        walk::run(500, 1, || Arc::clone(&store)).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(tally.acknowledged > 500 && tally.gone > 5, "{tally:?}");
}

#[cfg(feature = "sqlite")]
#[test]
fn histories_on_one_sqlite_file_break_no_promise() {
    use std::sync::Arc;

    use abiding_stores::sqlite::{Durability, SqliteOptions};
    use abiding_testkit::walk;

    let scratch = scratch::Scratch::new();
    let options = SqliteOptions::new(scratch.file("sessions.db"));
    // It does not flush, which changes nothing but the time it takes.
    let store = Arc::new(options.durability(Durability::Process).open().unwrap());
    let tally =
        walk::run(1_000, 1, || Arc::clone(&store)).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(tally.acknowledged > 1_000 && tally.gone > 10, "{tally:?}");
}

#[cfg(all(unix, feature = "mysql"))]
#[test]
fn histories_on_one_mysql_table_break_no_promise() {
    use std::sync::Arc;

    use abiding_stores::mysql::MysqlStore;
    use abiding_testkit::{servers::mysql::MysqlServer, walk};

    let Some(server) = MysqlServer::new() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    // The walk brings an executor of its own; the connections live here.
    let _entered = runtime.enter();
    let url = server.url(&server.database());
    let store = Arc::new(runtime.block_on(MysqlStore::open(&url)).unwrap());
    let tally =
        walk::run(60, 1, || Arc::clone(&store)).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(tally.acknowledged > 60 && tally.gone > 0, "{tally:?}");
}

#[cfg(feature = "postgres")]
#[test]
fn histories_on_one_postgres_table_break_no_promise() {
    use std::sync::Arc;

    use abiding_stores::postgres::PostgresStore;
    use abiding_testkit::{servers::postgres::PostgresServer, walk};

    let Some(server) = PostgresServer::new() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    // The walk brings an executor of its own; the connections live here.
    let _entered = runtime.enter();
    let url = server.url("postgres");
    let store = Arc::new(runtime.block_on(PostgresStore::open(&url)).unwrap());
    let tally =
        walk::run(60, 1, || Arc::clone(&store)).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(tally.acknowledged > 60 && tally.gone > 0, "{tally:?}");
}

#[cfg(all(unix, feature = "redis"))]
#[test]
fn histories_on_one_redis_server_break_no_promise() {
    use std::sync::Arc;

    use abiding_stores::redis::RedisStore;
    use abiding_testkit::{servers::redis::RedisServer, walk};

    let Some(server) = RedisServer::new() else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(RedisStore::open(server.url())).unwrap();
    let store = Arc::new(store);
    // The walk runs its futures itself; the connection belongs to the runtime.
    let _entered = runtime.enter();
    let tally =
        walk::run(100, 1, || Arc::clone(&store)).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(tally.acknowledged > 100 && tally.gone > 0, "{tally:?}");
}

#[cfg(all(unix, feature = "redis"))]
#[test]
fn histories_on_one_redis_cluster_break_no_promise() {
    use std::sync::Arc;

    use abiding_stores::redis::RedisStore;
    use abiding_testkit::{servers::redis::RedisCluster, walk};

    let Some(cluster) = RedisCluster::new() else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(RedisStore::open(cluster.url())).unwrap();
    let store = Arc::new(store);
    let _entered = runtime.enter();
    let tally =
        walk::run(100, 1, || Arc::clone(&store)).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(tally.acknowledged > 100 && tally.gone > 0, "{tally:?}");
}

#[cfg(all(unix, feature = "memcached"))]
#[test]
fn histories_on_one_memcached_server_break_no_promise() {
    use abiding_testkit::{servers::memcached::MemcachedServer, walk};

    let Some(server) = MemcachedServer::new() else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime
        .block_on(abiding_stores::open(&server.url()))
        .unwrap();
    // The walk runs its futures itself; the connection belongs to the runtime.
    let _entered = runtime.enter();
    let tally = walk::run(100, 1, || store.clone()).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(tally.acknowledged > 100 && tally.gone > 0, "{tally:?}");
}
