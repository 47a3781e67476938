//! What is special about this store; what it shares with the others is tested by the conformance suite.
//!
//! The tests share one server, with a table each; those that end it have one of their own.

mod opening;
mod outages;
mod secrecy;
mod statements;
#[allow(clippy::duplicate_mod, reason = "compiled for each store of tables")]
#[path = "../../table/suite/mod.rs"]
mod suite;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use abiding::{ErrorKind, Store, StoreKey, Timestamp, store::sample};
use abiding_testkit::servers::mysql::MysqlServer;
use mysql_async::{Conn, prelude::Queryable};

use self::suite::{NOW, begin, fresh, fresh_table, in_seconds, set, value};
use super::*;

type Server = MysqlServer;
type TestedStore = MysqlStore;

/// The database of every server.
const DATABASE: &str = "sessions";

/// The server of most tests; none where MariaDB is not installed.
fn server() -> Option<&'static MysqlServer> {
    static SERVER: OnceLock<Option<MysqlServer>> = OnceLock::new();
    SERVER.get_or_init(own_server).as_ref()
}

fn with_database(server: &MysqlServer) {
    server.sql("", &format!("CREATE DATABASE {DATABASE}"));
}

/// A machine that does much else at once is no failure.
fn options(server: &MysqlServer) -> MysqlOptions {
    let options = MysqlOptions::new(&server.url(DATABASE)).unwrap();
    options.patience(Duration::from_secs(60))
}

/// One that a test may end; none where MariaDB is not installed.
fn own_server() -> Option<MysqlServer> {
    let server = MysqlServer::new()?;
    with_database(&server);
    Some(server)
}

fn hang(server: &MysqlServer, hangs: bool) {
    if hangs {
        server.process().stop();
    } else {
        server.process().resume();
    }
}

/// The URL of the database, at the address of a proxy.
fn url_at(address: SocketAddr) -> String {
    format!("mysql://root@{address}/{DATABASE}")
}

/// The statement that makes `count` sessions, every other one to be over at an instant and the rest at a later one.
fn rows(table: &str, count: usize, over: i64, later: i64) -> String {
    format!(
        "INSERT INTO {table} (ends, sweep_at, created, seen, idle_deadline, absolute_deadline, version, kind, `key`, payload) \
         SELECT IF(seq % 2, {later}, {over}), IF(seq % 2, {later}, {over}), 0, 0, {later}, IF(seq % 2, {later}, {over}), 1, 0, \
         UNHEX(SHA2(seq, 256)), REPEAT('x', 800) FROM seq_1_to_{count}"
    )
}

/// A sweep waits for nobody, and nobody's row is lost by that.
#[tokio::test]
async fn a_sweep_passes_over_what_somebody_holds() {
    let Some(server) = server() else { return };
    let (store, table) = fresh(server).await;
    let held = begin(&store, in_seconds(10)).await;
    begin(&store, in_seconds(10)).await;
    let mut other = Conn::from_url(server.url(DATABASE)).await.unwrap();
    let hold = format!(
        "START TRANSACTION; SELECT 1 FROM {table} WHERE `key` = x'{}' FOR UPDATE",
        held.to_hex()
    );
    other.query_drop(hold).await.unwrap();
    let swept = store.sweep(in_seconds(10), 10).await.unwrap();
    assert_eq!(swept, Swept::new(1, false));
    other.query_drop("COMMIT").await.unwrap();
    let swept = store.sweep(in_seconds(10), 10).await.unwrap();
    assert_eq!(swept, Swept::new(1, false));
}

/// A transaction that was left open would be what the next statement meets.
#[tokio::test]
async fn a_connection_whose_statement_was_refused_is_as_good_as_new() {
    let Some(server) = server() else { return };
    let (store, _) = fresh(server).await;
    let (key, taken) = (
        begin(&store, in_seconds(60)).await,
        begin(&store, in_seconds(60)).await,
    );
    let change = sample::change(NOW, &[("a", "1")], &[]);
    for n in 0..20 {
        let leave = Leave::Alias(in_seconds(10));
        let moved = store
            .rotate(&key, &taken, &change, Expect::Any, leave, NOW)
            .await;
        assert_eq!(moved.unwrap(), Committed::KeyTaken);
        set(&store, &key, "n", &n.to_string()).await.unwrap();
        assert_eq!(value(&store, &key, "a").await, None);
    }
    let ids: Vec<_> = store.pool.idle_ids().iter().map(u32::to_string).collect();
    let open = format!(
        "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id IN ({})",
        ids.join(", ")
    );
    assert_eq!(server.sql("", &open), [["0"]]);
}
