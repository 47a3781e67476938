//! A server that changes its mind, and connections that are of no more use.

use abiding_testkit::servers::Proxy;

use super::{suite::outages::once_back, *};

/// Whoever has less patience than the store takes his leave; what he asked for holds up a connection no longer
/// than the store's own patience, and he leaves none behind that hangs.
#[tokio::test]
async fn a_connection_that_is_silent_towards_people_who_left_is_given_up() {
    let Some(server) = server() else { return };
    let proxy = Proxy::to(server.address());
    let table = fresh_table();
    let url = format!(
        "mysql://root@{}/{DATABASE}?table={table}&connections=1&patience=1000",
        proxy.address()
    );
    let store = MysqlStore::open(&url).await.unwrap();
    let key = begin(&store, in_seconds(60)).await;
    let mut other = Conn::from_url(server.url(DATABASE)).await.unwrap();
    let lock = format!("LOCK TABLES {table} WRITE");
    other.query_drop(lock).await.unwrap();
    let brief = Duration::from_millis(50);
    for _ in 0..3 {
        let left = tokio::time::timeout(brief, store.load(&key, NOW)).await;
        assert!(left.is_err(), "nobody can read a table that is locked");
    }
    other.query_drop("UNLOCK TABLES").await.unwrap();
    let found = once_back(async || store.load(&key, NOW).await).await;
    assert!(found.is_some());
}

/// One who is behind an address that closes what lies idle, or a server that was restarted meanwhile.
#[tokio::test]
async fn connections_that_the_server_closed_meanwhile_cost_no_more_than_one_error() {
    let Some(server) = server() else { return };
    let (store, _) = fresh(server).await;
    let store = Arc::new(store);
    let key = begin(&store, in_seconds(60)).await;
    let all: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.load(&key, NOW).await.unwrap() })
        })
        .collect();
    for one in all {
        assert!(one.await.unwrap().is_some());
    }
    let ids = server.sql(
        "",
        &format!("SELECT id FROM information_schema.PROCESSLIST WHERE db = '{DATABASE}'"),
    );
    // Those of other tests among them, which must cope as well: so only those that sleep, one by one.
    let mine = store.pool.idle_ids();
    assert!(ids.len() >= mine.len() && !mine.is_empty());
    for id in &mine {
        server.sql("", &format!("KILL {id}"));
    }
    let mut errors = 0;
    for n in 0..10 {
        errors += usize::from(set(&store, &key, "n", &n.to_string()).await.is_err());
    }
    assert!(errors <= 1, "{errors}");
}

/// What is to be read only from one moment to the next is not written to, and not asked for ever.
#[tokio::test]
async fn a_server_that_became_a_replica_gives_an_error_until_it_can_be_written_again() {
    let Some(server) = MysqlServer::new() else {
        return;
    };
    with_database(&server);
    let (store, table) = fresh(&server).await;
    let key = begin(&store, in_seconds(60)).await;
    drop(store);
    // `root` may write even then.
    server.sql(
        "",
        &format!("CREATE USER ada; GRANT ALL ON {DATABASE}.* TO ada"),
    );
    let url = format!("mysql://ada@{}/{DATABASE}?table={table}", server.address());
    let store = MysqlStore::open(&url).await.unwrap();
    set(&store, &key, "a", "1").await.unwrap();
    server.sql("", "SET GLOBAL read_only = 1");
    for _ in 0..3 {
        let error = set(&store, &key, "a", "2").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(
            error.to_string().contains("is a replica that only reads"),
            "{error}"
        );
    }
    server.sql("", "SET GLOBAL read_only = 0");
    once_back(async || set(&store, &key, "a", "3").await).await;
    assert_eq!(value(&store, &key, "a").await.as_deref(), Some("3"));
}
