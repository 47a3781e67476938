//! Word of what is over, from one process to another by way of the server.

use abiding::store::{Watch, Watching};

use super::*;

async fn announcing(server: &PostgresServer, table: &str) -> PostgresStore {
    let options = options(server).table(table).unwrap().announce(true);
    options.open().await.unwrap()
}

async fn told(watching: Watching) {
    let patience = Duration::from_secs(5);
    let told = tokio::time::timeout(patience, watching).await;
    told.expect("word comes");
}

#[tokio::test]
async fn what_one_process_ends_is_told_to_another() {
    let Some(server) = server() else { return };
    let table = fresh_table();
    let (here, there) = (
        announcing(server, &table).await,
        announcing(server, &table).await,
    );
    let key = begin(&here, in_seconds(60)).await;
    let (one, two) = (
        there.watch(&key).await.unwrap(),
        there.watch(&key).await.unwrap(),
    );
    here.delete(&key, Some(&sample::farewell(NOW)), NOW)
        .await
        .unwrap();
    told(one).await;
    told(two).await;
}

/// The channel is that of the table, wherever it lies.
#[tokio::test]
async fn another_table_of_the_database_is_not_heard() {
    let Some(server) = server() else { return };
    let stores = [fresh_table(), fresh_table()];
    let [own, other] = [
        announcing(server, &stores[0]).await,
        announcing(server, &stores[1]).await,
    ];
    let (key, last) = (
        begin(&own, in_seconds(60)).await,
        begin(&own, in_seconds(60)).await,
    );
    let record = sample::record(NOW, in_seconds(60), &[]);
    other.create(&key, &record, NOW).await.unwrap();
    let (watching, of_last) = (
        own.watch(&key).await.unwrap(),
        own.watch(&last).await.unwrap(),
    );
    other.delete(&key, None, NOW).await.unwrap();
    own.delete(&last, None, NOW).await.unwrap();
    told(of_last).await;
    assert!(!watching.is_told());
}

/// Whoever watches looks again, and then knows that the store is down: never that nothing happened.
#[tokio::test]
async fn who_watches_is_told_when_the_server_goes_away() {
    let Some(mut server) = PostgresServer::new() else {
        return;
    };
    let store = announcing(&server, "sessions").await;
    let key = begin(&store, in_seconds(60)).await;
    let watching = store.watch(&key).await.unwrap();
    server.kill();
    told(watching).await;
    let error = store.watch(&key).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);

    server.start();
    let watching = store.watch(&key).await.unwrap();
    store.delete(&key, None, NOW).await.unwrap();
    told(watching).await;
}

#[tokio::test]
async fn a_store_that_does_not_announce_refuses_to_watch() {
    let Some(server) = server() else { return };
    let (store, _) = fresh(server).await;
    let error = store.watch(&sample::key()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("announce=true"), "{error}");
}
