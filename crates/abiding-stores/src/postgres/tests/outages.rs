//! A server that changes its mind, and connections that are of no more use.

use abiding_testkit::servers::Proxy;

use super::{suite::outages::once_back, *};

/// Whoever has less patience than the store takes his leave; others must not be sent the same way for ever.
#[tokio::test]
async fn a_connection_that_is_silent_towards_people_who_left_is_given_up() {
    let Some(server) = PostgresServer::new() else {
        return;
    };
    let proxy = Proxy::to(server.address());
    let table = fresh_table();
    let url = format!(
        "postgres://postgres@{}/{DATABASE}?table={table}&connections=1&patience=2000",
        proxy.address()
    );
    let store = PostgresStore::open(&url).await.unwrap();
    let key = begin(&store, in_seconds(60)).await;
    let children = server.sql(
        DATABASE,
        "SELECT pid FROM pg_stat_activity WHERE client_port > 0",
    );
    let signal = |name: &str| {
        for child in children.iter().flatten() {
            process::Command::new("kill")
                .args([name, child])
                .status()
                .unwrap();
        }
    };
    // The process behind this one connection, and no other.
    signal("-STOP");
    let brief = Duration::from_millis(100);
    let mut tries = 0;
    let found = loop {
        match tokio::time::timeout(brief, store.load(&key, NOW)).await {
            Ok(found) => break found,
            Err(_) => tries += 1,
        }
    };
    signal("-CONT");
    assert!(found.unwrap().is_some());
    assert!((2..200).contains(&tries), "{tries}");
}

/// What is to be read only from one moment to the next is not written to, and not asked for ever.
#[tokio::test]
async fn a_server_that_became_a_replica_gives_an_error_until_it_can_be_written_again() {
    let Some(server) = PostgresServer::new() else {
        return;
    };
    let (store, _) = fresh(&server).await;
    let key = begin(&store, in_seconds(60)).await;
    let read_only = |what: &str| {
        server.sql(
            DATABASE,
            &format!("ALTER SYSTEM SET default_transaction_read_only = {what}"),
        );
        server.sql(DATABASE, "SELECT pg_reload_conf()");
    };
    read_only("on");
    let error = loop {
        // Every process of the server hears of it in its own time.
        if let Err(error) = set(&store, &key, "a", "1").await {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.to_string().contains("is a replica that only reads"),
        "{error}"
    );
    read_only("off");
    once_back(async || set(&store, &key, "a", "2").await).await;
    assert_eq!(value(&store, &key, "a").await.as_deref(), Some("2"));
}
