//! Opening a store: what is made, who may do it, and what is refused with the remedy.

use super::*;

/// The error of opening, which must name the database and no password.
async fn refusal(options: MysqlOptions) -> String {
    let error = options.open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let mut told = error.to_string();
    assert!(told.starts_with("open: the database "), "{told}");
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = cause {
        told += &format!(" / {error} {error:?}");
        cause = error.source();
    }
    assert!(!told.contains("canary"), "{told}");
    told
}

/// The URL of a database for somebody.
fn url(server: &MysqlServer, user: &str, database: &str) -> String {
    format!("mysql://{user}@{}/{database}", server.address())
}

/// A user who may log in and no more.
fn user(server: &MysqlServer) -> String {
    let user = format!("user_{}", &sample::key().to_hex()[..16]);
    server.sql("", &format!("CREATE USER {user}"));
    user
}

#[tokio::test]
async fn what_cannot_be_opened_is_refused_with_the_remedy() {
    let Some(server) = server() else { return };
    server.sql(
        "",
        "CREATE OR REPLACE USER sworn IDENTIFIED BY 'the right one'; CREATE OR REPLACE USER elsewhere@'10.9.9.9'",
    );
    let nobody = abiding_testkit::servers::free_port();
    let cases = [
        (
            url(server, "sworn:canary", DATABASE),
            "refuses the password",
        ),
        (url(server, "sworn", DATABASE), "refuses the password"),
        (
            url(server, "elsewhere:canary", DATABASE),
            "refuses the password",
        ),
        (
            url(server, "root", "nowhere"),
            "does not exist: make it with `CREATE DATABASE`",
        ),
        (
            format!("mysql://root:canary@127.0.0.1:{nobody}/shop"),
            "cannot be reached: it must be running",
        ),
        (
            "mysql://root:canary@localhost/shop?socket=%2Fno%2Fsuch%2Fsocket".to_owned(),
            "cannot be reached: it must be running",
        ),
        (
            server.url(DATABASE) + "?create=false&table=nowhere",
            "has no table nowhere of sessions that this user can see: let an administrator",
        ),
        (
            server.url(DATABASE) + "?table=nowhere.sessions",
            "does not exist: make it with `CREATE DATABASE`",
        ),
    ];
    for (url, expected) in cases {
        let told = refusal(MysqlOptions::new(&url).unwrap()).await;
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[tokio::test]
async fn tls_that_there_is_not_is_no_way_in() {
    let Some(server) = server() else { return };
    let options = MysqlOptions::new(&(server.url(DATABASE) + "?ssl-mode=REQUIRED")).unwrap();
    let error = options.open().await.unwrap_err().to_string();
    assert!(error.contains("TLS"), "{error}");
}

#[tokio::test]
async fn a_server_opens_by_its_socket_as_well() {
    let Some(server) = server() else { return };
    let url = format!("{}&table={}", server.socket_url(DATABASE), fresh_table());
    let store = MysqlStore::open(&url).await.unwrap();
    let key = begin(&store, in_seconds(60)).await;
    assert!(store.load(&key, NOW).await.unwrap().is_some());
}

/// A password with every character that a URL minds.
#[tokio::test]
async fn a_password_is_percent_encoded() {
    let Some(server) = server() else { return };
    let user = user(server);
    server.sql(
        "",
        &format!("GRANT ALL ON {DATABASE}.* TO {user} IDENTIFIED BY 'a:/?#[]@ %é'"),
    );
    let password = "a%3A%2F%3F%23%5B%5D%40%20%25%C3%A9";
    let url = url(server, &format!("{user}:{password}"), DATABASE);
    let table = fresh_table();
    MysqlStore::open(&format!("{url}?table={table}"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_server_that_only_reads_is_refused() {
    let Some(server) = MysqlServer::new() else {
        return;
    };
    with_database(&server);
    server.sql("", "SET GLOBAL read_only = 1");
    let told = refusal(options(&server)).await;
    assert!(told.contains("is a replica that only reads"), "{told}");
}

#[tokio::test]
async fn a_server_that_logs_statements_is_refused_before_it_refuses_a_write() {
    let Some(server) = MysqlServer::with(&["log-bin=bin", "binlog-format=STATEMENT"]) else {
        return;
    };
    with_database(&server);
    let told = refusal(options(&server)).await;
    assert!(told.contains("set its `binlog_format` to `ROW`"), "{told}");
    server.sql("", "SET GLOBAL binlog_format = 'MIXED'");
    let (store, _) = fresh(&server).await;
    let key = begin(&store, in_seconds(60)).await;
    set(&store, &key, "a", "1").await.unwrap();
    assert_eq!(store.sweep(in_seconds(60), 9).await.unwrap().removed, 1);
}

/// Whatever the server and the database have as their defaults.
#[tokio::test]
async fn the_settings_of_the_server_do_not_matter() {
    let hostile = [
        "sql-mode=ANSI,SIMULTANEOUS_ASSIGNMENT,PAD_CHAR_TO_FULL_LENGTH",
        "character-set-server=latin1",
        "default-storage-engine=Aria",
        "default-time-zone=-11:30",
        "transaction-isolation=SERIALIZABLE",
        "completion-type=RELEASE",
        "autocommit=0",
        "max-statement-time=1",
    ];
    let Some(server) = MysqlServer::with(&hostile) else {
        return;
    };
    with_database(&server);
    let (store, table) = fresh(&server).await;
    let key = begin(&store, in_seconds(60)).await;
    set(&store, &key, "naïve", "☃").await.unwrap();
    store
        .touch(&key, in_seconds(50), in_seconds(5))
        .await
        .unwrap();
    assert_eq!(value(&store, &key, "naïve").await.as_deref(), Some("☃"));
    let kept = format!(
        "SELECT seen, ends, ENGINE FROM {table}, information_schema.TABLES WHERE TABLE_NAME = '{table}'"
    );
    let expected = [in_seconds(5), in_seconds(60)].map(|at| at.as_millis().to_string());
    let [seen, ends] = expected;
    assert_eq!(
        server.sql(DATABASE, &kept),
        [[seen, ends, "InnoDB".to_owned()]]
    );
}

/// A listener that takes connections and never says a word.
#[tokio::test]
async fn a_server_that_never_answers_is_told_in_time() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!(
        "mysql://ada:canary@{}/shop?patience=50",
        listener.local_addr().unwrap()
    );
    let told = refusal(MysqlOptions::new(&url).unwrap()).await;
    assert!(told.contains("did not answer within 50 ms"), "{told}");
}

/// A listener that speaks another protocol.
#[tokio::test]
async fn a_server_of_another_kind_is_refused() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!(
        "mysql://ada:canary@{}/shop?patience=1000",
        listener.local_addr().unwrap()
    );
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = std::io::Write::write_all(&mut stream, b"-ERR unknown command\r\n");
        }
    });
    let told = refusal(MysqlOptions::new(&url).unwrap()).await;
    assert!(
        told.contains("as MySQL does") || told.contains("closed the connection"),
        "{told}"
    );
}

#[tokio::test]
async fn an_older_and_a_newer_schema_are_told_apart_and_left_alone() {
    let Some(server) = server() else { return };
    let (store, table) = fresh(server).await;
    let key = begin(&store, in_seconds(60)).await;
    drop(store);
    let set = |version: i64| {
        server.sql(
            DATABASE,
            &format!("UPDATE abiding_schema SET version = {version} WHERE name = '{table}'"),
        )
    };
    set(schema::VERSION + 1);
    let told = refusal(options(server).table(&table).unwrap()).await;
    assert!(
        told.contains("has schema 2 and this release knows 1: run the newer release"),
        "{told}"
    );
    // Somebody died between the row and the table, or half-way to a new version.
    set(0);
    let told = refusal(options(server).table(&table).unwrap().create(false)).await;
    assert!(told.contains("has no table"), "{told}");
    let store = options(server).table(&table).unwrap().open().await.unwrap();
    assert!(store.load(&key, NOW).await.unwrap().is_some());
}

#[tokio::test]
async fn a_table_of_somebody_else_is_refused_and_left_alone() {
    let Some(server) = server() else { return };
    let table = fresh_table();
    server.sql(
        DATABASE,
        &format!("CREATE TABLE {table} (song text); INSERT INTO {table} VALUES ('la')"),
    );
    let told = refusal(options(server).table(&table).unwrap()).await;
    assert!(told.contains("that this library did not write"), "{told}");
    assert_eq!(
        server.sql(DATABASE, &format!("SELECT * FROM {table}")),
        [["la"]]
    );
}

#[tokio::test]
async fn another_engine_is_refused() {
    let Some(server) = server() else { return };
    let (store, table) = fresh(server).await;
    drop(store);
    server.sql(DATABASE, &format!("ALTER TABLE {table} ENGINE = MyISAM"));
    let told = refusal(options(server).table(&table).unwrap()).await;
    assert!(
        told.contains(&format!("`ALTER TABLE {table} ENGINE = InnoDB`")),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_open_a_new_table_at_once_all_find_the_schema() {
    let Some(server) = server() else { return };
    let database = server.database();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let options = MysqlOptions::new(&server.url(&database)).unwrap();
            tokio::spawn(async move { begin(&options.open().await.unwrap(), in_seconds(60)).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rows = server.sql(&database, "SELECT count(*) FROM abiding_sessions");
    assert_eq!(rows, [["8"]]);
}

#[tokio::test]
async fn a_database_of_its_own_holds_both_tables() {
    let Some(server) = server() else { return };
    let (web, database) = (server.database(), server.database());
    let options = MysqlOptions::new(&format!("{}?table={web}.kept", server.url(&database)));
    let store = options.unwrap().open().await.unwrap();
    begin(&store, in_seconds(60)).await;
    assert_eq!(
        server.sql(&web, "SHOW TABLES"),
        [["abiding_schema"], ["kept"]]
    );
}

/// A user who may do no more than `grants.sql` says does everything that an application needs.
#[tokio::test]
async fn a_user_with_the_granted_rights_does_everything_and_nothing_more() {
    let Some(server) = server() else { return };
    let (database, user) = (server.database(), user(server));
    let by_user = || MysqlOptions::new(&url(server, &user, &database)).unwrap();

    let told = refusal(by_user()).await;
    assert!(
        told.contains("does not admit this user to the database"),
        "{told}"
    );
    // The administrator makes the tables by hand.
    server.sql(&database, &by_user().schema_sql());
    let grants = include_str!("../grants.sql")
        .replace("'shop'@'%'", &user)
        .replace("`shop`", &database);
    server.sql(&database, &grants);
    server.sql(
        &database,
        &format!("REVOKE DELETE ON abiding_sessions FROM {user}"),
    );
    let told = refusal(by_user()).await;
    assert!(
        told.contains("the right to DELETE in abiding_sessions"),
        "{told}"
    );
    server.sql(&database, &grants);

    let store = by_user().create(false).open().await.unwrap();
    let (key, to) = (begin(&store, in_seconds(60)).await, sample::key());
    set(&store, &key, "a", "1").await.unwrap();
    let change = sample::with_subject(sample::change(NOW, &[], &[]), Some("ada"));
    let leave = Leave::Snapshot(in_seconds(10));
    let rotated = store
        .rotate(&key, &to, &change, Expect::Any, leave, NOW)
        .await
        .unwrap();
    assert!(matches!(rotated, Committed::Yes(_)));
    let subject = sample::subject("ada");
    assert_eq!(store.of_subject(&subject, NOW).await.unwrap().len(), 1);
    assert_eq!(store.scan(None, 10, NOW).await.unwrap().len(), 1);
    assert_eq!(store.end_subject(&subject, None, NOW).await.unwrap(), 1);
    assert_eq!(store.sweep(in_seconds(60), 10).await.unwrap().removed, 1);
    let mut connection = Conn::from_url(url(server, &user, &database)).await.unwrap();
    for forbidden in [
        "TRUNCATE abiding_sessions",
        "DROP TABLE abiding_sessions",
        "DELETE FROM abiding_schema",
    ] {
        let refused = connection.query_drop(forbidden).await;
        assert!(refused.is_err(), "{forbidden}");
    }
}

#[tokio::test]
async fn a_table_that_was_dropped_meanwhile_is_an_error() {
    let Some(server) = server() else { return };
    let (store, table) = fresh(server).await;
    server.sql(DATABASE, &format!("DROP TABLE {table}"));
    let error = store.load(&sample::key(), NOW).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("has lost the table of the sessions"),
        "{error}"
    );
}

/// ST: "corrupt" is an error, and never "no session".
#[tokio::test]
async fn a_row_that_somebody_else_wrote_is_an_error_and_no_panic() {
    let Some(server) = server() else { return };
    let (store, table) = fresh(server).await;
    for damage in ["kind = 9", "kind = 1"] {
        let key = begin(&store, in_seconds(60)).await;
        server.sql(
            DATABASE,
            &format!(
                "UPDATE {table} SET {damage} WHERE `key` = x'{}'",
                key.to_hex()
            ),
        );
        let error = store.load(&key, NOW).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{damage}: {error}");
    }
}

/// The certificate and the name count, whatever the URL calls it.
#[cfg(feature = "mysql-tls")]
#[tokio::test]
async fn a_server_is_known_by_its_certificate() {
    let Some((server, roots)) = MysqlServer::secured() else {
        return;
    };
    with_database(&server);
    let by_tls = |host: &str, options: &str| {
        let port = server.address().port();
        let url = format!("mysql://root@{host}:{port}/{DATABASE}?ssl-mode=REQUIRED{options}");
        MysqlOptions::new(&url).unwrap()
    };
    let trusting = format!("&ssl-ca={}", roots.display());
    let store = by_tls("localhost", &trusting).open().await.unwrap();
    let key = begin(&store, in_seconds(60)).await;
    assert!(store.load(&key, NOW).await.unwrap().is_some());
    // Nobody else is there: all that was ever accepted came by TLS, but for the one who asks by the socket.
    let ciphers = "SHOW GLOBAL STATUS LIKE 'Ssl_finished_accepts'";
    assert_ne!(server.sql("", ciphers)[0][1], "0");

    for (host, options) in [("127.0.0.1", &*trusting), ("localhost", "")] {
        let told = refusal(by_tls(host, options)).await;
        assert!(told.contains("certificate"), "{host}: {told}");
    }
    let none = server.folder().join("tables.sql");
    let error = by_tls("localhost", "")
        .root_certificates(none)
        .open()
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("holds no certificates"),
        "{error}"
    );
}
