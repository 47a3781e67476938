//! What is special about this store; what it shares with the others is tested by the conformance suite.
//!
//! The tests share one server, with a table each; those that end it have one of their own.

mod listening;
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
use abiding_testkit::servers::postgres::PostgresServer;

use self::suite::{NOW, begin, fresh, fresh_table, in_seconds, set, value};
use super::*;

type Server = PostgresServer;
type TestedStore = PostgresStore;

/// The database of every server.
const DATABASE: &str = "postgres";

/// The server of most tests; none where PostgreSQL is not installed.
fn server() -> Option<&'static PostgresServer> {
    static SERVER: OnceLock<Option<PostgresServer>> = OnceLock::new();
    SERVER.get_or_init(own_server).as_ref()
}

fn options(server: &PostgresServer) -> PostgresOptions {
    PostgresOptions::new(&server.url(DATABASE)).unwrap()
}

/// One that a test may end; none where PostgreSQL is not installed.
fn own_server() -> Option<PostgresServer> {
    PostgresServer::new()
}

fn hang(server: &PostgresServer, hangs: bool) {
    server.hang(hangs);
}

/// The URL of the database, at the address of a proxy.
fn url_at(address: SocketAddr) -> String {
    format!("postgres://postgres@{address}/{DATABASE}")
}

/// The statement that makes `count` sessions, every other one to be over at an instant and the rest at a later one.
fn rows(table: &str, count: usize, over: i64, later: i64) -> String {
    format!(
        "INSERT INTO {table} SELECT ends, ends, 0, 0, {later}, ends, 1, 0, \
         decode(md5(n::text) || md5(n::text), 'hex'), NULL, repeat('x', 800)::bytea \
         FROM (SELECT n, CASE n % 2 WHEN 0 THEN {over} ELSE {later} END AS ends FROM generate_series(1, {count}) AS n) AS made"
    )
}

/// A sweep waits for nobody, and nobody's row is lost by that.
#[tokio::test]
async fn a_sweep_passes_over_what_somebody_holds() {
    let Some(server) = server() else { return };
    let (store, table) = fresh(server).await;
    let held = begin(&store, in_seconds(10)).await;
    begin(&store, in_seconds(10)).await;
    let (other, connection) = tokio_postgres::connect(&server.url(DATABASE), tokio_postgres::NoTls)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let hold = format!(
        "BEGIN; SELECT FROM {table} WHERE key = '\\x{}' FOR UPDATE",
        held.to_hex()
    );
    other.batch_execute(&hold).await.unwrap();
    let swept = store.sweep(in_seconds(10), 10).await.unwrap();
    assert_eq!(swept, Swept::new(1, false));
    other.batch_execute("COMMIT").await.unwrap();
    drop(other);
    connection.await.unwrap().unwrap();
    let swept = store.sweep(in_seconds(10), 10).await.unwrap();
    assert_eq!(swept, Swept::new(1, false));
}
