//! Opening a store: what is made, who may do it, and what is refused with the remedy.

use super::*;

/// The error of opening, which must name the database and no password.
async fn refusal(options: PostgresOptions) -> String {
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

/// The URL of a database by way of the port, for somebody.
fn url(server: &PostgresServer, user: &str, database: &str) -> String {
    format!("postgres://{user}@{}/{database}", server.address())
}

/// A role that may log in and no more.
fn role(server: &PostgresServer) -> String {
    let role = format!("role_{}", &sample::key().to_hex()[..16]);
    server.sql(DATABASE, &format!("CREATE ROLE {role} LOGIN"));
    role
}

#[tokio::test]
async fn what_cannot_be_opened_is_refused_with_the_remedy() {
    let Some(server) = server() else { return };
    server.sql(
        DATABASE,
        "DROP ROLE IF EXISTS sworn; CREATE ROLE sworn LOGIN PASSWORD 'the right one'",
    );
    let nobody = abiding_testkit::servers::free_port();
    let cases = [
        (
            url(server, "sworn:canary", DATABASE),
            "refuses the password",
        ),
        (
            url(server, "sworn", DATABASE),
            "asks for a password, and the URL has none",
        ),
        (
            url(server, "nobody:canary", DATABASE),
            "does not admit this user",
        ),
        (
            url(server, "postgres:canary", "nowhere"),
            "does not exist: make it with `createdb`",
        ),
        (
            format!("postgres://postgres:canary@127.0.0.1:{nobody}/shop"),
            "cannot be reached: it must be running",
        ),
        (
            "postgres://postgres:canary@%2Fno%2Fsuch%2Ffolder/shop".to_owned(),
            "cannot be reached: it must be running",
        ),
        (
            server.url(DATABASE) + "?create=false&table=nowhere",
            "has no table nowhere of sessions: let the owner",
        ),
        (
            server.url(DATABASE) + "?table=nowhere.sessions",
            "has no such schema: make it with `CREATE SCHEMA`",
        ),
        (server.url(DATABASE) + "?sslmode=require", "TLS"),
    ];
    for (url, expected) in cases {
        let told = refusal(PostgresOptions::new(&url).unwrap()).await;
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[tokio::test]
async fn a_server_that_only_reads_is_refused() {
    let Some(server) = server() else { return };
    let database = server.database();
    server.sql(
        DATABASE,
        &format!("ALTER DATABASE {database} SET default_transaction_read_only = on"),
    );
    let told = refusal(PostgresOptions::new(&server.url(&database)).unwrap()).await;
    assert!(told.contains("is a replica that only reads"), "{told}");
}

/// A listener that takes connections and never says a word.
#[tokio::test]
async fn a_server_that_never_answers_is_told_in_time() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!(
        "postgres://ada:canary@{}/shop?patience=50",
        listener.local_addr().unwrap()
    );
    let told = refusal(PostgresOptions::new(&url).unwrap()).await;
    assert!(told.contains("did not answer within 50 ms"), "{told}");
}

/// A listener that speaks another protocol.
#[tokio::test]
async fn a_server_of_another_kind_is_refused() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!(
        "postgres://ada:canary@{}/shop",
        listener.local_addr().unwrap()
    );
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = std::io::Write::write_all(&mut stream, b"-ERR unknown command\r\n");
        }
    });
    let told = refusal(PostgresOptions::new(&url).unwrap()).await;
    assert!(
        told.contains("PostgreSQL") || told.contains("closed the connection"),
        "{told}"
    );
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
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
    set(schema::VERSION);
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
async fn an_unlogged_table_is_asked_for_by_name() {
    let Some(server) = server() else { return };
    let table = fresh_table();
    let unlogged = options(server)
        .table(&table)
        .unwrap()
        .durability(Durability::Unlogged);
    let store = unlogged.clone().open().await.unwrap();
    assert!(!store.capabilities().durable);
    let told = refusal(options(server).table(&table).unwrap()).await;
    assert!(told.contains("SET LOGGED"), "{told}");
    server.sql(DATABASE, &format!("ALTER TABLE {table} SET LOGGED"));
    assert!(unlogged.open().await.unwrap().capabilities().durable);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_open_a_new_table_at_once_all_find_the_schema() {
    let Some(server) = server() else { return };
    let database = server.database();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let options = PostgresOptions::new(&server.url(&database)).unwrap();
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
async fn a_schema_of_its_own_holds_both_tables() {
    let Some(server) = server() else { return };
    let database = server.database();
    server.sql(&database, "CREATE SCHEMA web");
    let options = PostgresOptions::new(&(server.url(&database) + "?table=web.kept")).unwrap();
    let store = options.open().await.unwrap();
    begin(&store, in_seconds(60)).await;
    let tables = "SELECT relname FROM pg_class WHERE relnamespace = 'web'::regnamespace AND relkind = 'r' ORDER BY 1";
    assert_eq!(
        server.sql(&database, tables),
        [["abiding_schema"], ["kept"]]
    );
}

/// A role that may do no more than `grants.sql` says does everything that an application needs.
#[tokio::test]
async fn a_role_with_the_granted_rights_does_everything_and_nothing_more() {
    let Some(server) = server() else { return };
    let (database, role) = (server.database(), role(server));
    let by_role = || PostgresOptions::new(&url(server, &role, &database)).unwrap();

    let told = refusal(by_role()).await;
    assert!(
        told.contains("denies this role the right: let the owner"),
        "{told}"
    );
    let told = refusal(by_role().create(false)).await;
    assert!(
        told.contains("has no table abiding_sessions of sessions"),
        "{told}"
    );

    // The owner makes the tables by hand.
    server.sql(&database, &by_role().schema_sql());
    let told = refusal(by_role()).await;
    assert!(told.contains("denies this role the right"), "{told}");
    let grants = include_str!("../grants.sql")
        .replace(":\"table\"", "abiding_sessions")
        .replace(":\"role\"", &role);
    server.sql(&database, &grants);
    server.sql(
        &database,
        &format!("REVOKE DELETE ON abiding_sessions FROM {role}"),
    );
    let told = refusal(by_role()).await;
    assert!(
        told.contains("the right to DELETE in abiding_sessions"),
        "{told}"
    );
    server.sql(&database, &grants);

    let store = by_role().create(false).open().await.unwrap();
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
    for forbidden in [
        "TRUNCATE abiding_sessions",
        "DROP TABLE abiding_sessions",
        "DELETE FROM abiding_schema",
    ] {
        let (client, connection) =
            tokio_postgres::connect(&url(server, &role, &database), tokio_postgres::NoTls)
                .await
                .unwrap();
        let connection = tokio::spawn(connection);
        assert!(
            client.batch_execute(forbidden).await.is_err(),
            "{forbidden}"
        );
        drop(client);
        connection.await.unwrap().unwrap();
    }
}

/// ST: "corrupt" is an error, and never "no session".
#[tokio::test]
async fn a_row_that_somebody_else_wrote_is_an_error_and_no_panic() {
    let Some(server) = server() else { return };
    let (store, table) = fresh(server).await;
    for damage in ["kind = 9", "subject = 'short'", "kind = 1"] {
        let key = begin(&store, in_seconds(60)).await;
        server.sql(
            DATABASE,
            &format!(
                "UPDATE {table} SET {damage} WHERE key = '\\x{}'",
                key.to_hex()
            ),
        );
        let error = store.load(&key, NOW).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{damage}: {error}");
    }
}

/// The certificate and the name count, whatever the URL calls it.
#[cfg(feature = "postgres-tls")]
#[tokio::test]
async fn a_server_is_known_by_its_certificate() {
    let Some(server) = PostgresServer::new() else {
        return;
    };
    let by_tls = |host: &str, options: &str| {
        let port = server.address().port();
        let url =
            format!("postgres://postgres:canary@{host}:{port}/{DATABASE}?sslmode=require{options}");
        PostgresOptions::new(&url).unwrap()
    };
    let told = refusal(by_tls("localhost", "")).await;
    assert!(told.contains("offers no TLS that can be trusted"), "{told}");

    // The server makes them itself, since they must be its own. Its package brings the program.
    server.sql(
        DATABASE,
        "COPY (SELECT 1) TO PROGRAM 'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
         -keyout server.key -out server.crt -subj /CN=localhost -addext subjectAltName=DNS:localhost \
         -addext basicConstraints=critical,CA:FALSE 2>/dev/null'",
    );
    server.sql(DATABASE, "ALTER SYSTEM SET ssl = on");
    server.sql(DATABASE, "SELECT pg_reload_conf()");
    let roots = server.folder().join("data/server.crt");
    let trusting = format!("&sslrootcert={}", roots.display());
    let store = loop {
        // It reads its settings in its own time.
        if let Ok(store) = by_tls("localhost", &trusting).open().await {
            break store;
        }
    };
    begin(&store, in_seconds(60)).await;
    let kinds = "SELECT DISTINCT s.ssl FROM pg_stat_ssl AS s JOIN pg_stat_activity AS a USING (pid) \
                 WHERE a.application_name = 'abiding'";
    assert_eq!(server.sql(DATABASE, kinds), [["t"]]);

    for (host, options) in [("127.0.0.1", &*trusting), ("localhost", "")] {
        let told = refusal(by_tls(host, options)).await;
        assert!(told.contains("offers no TLS that can be trusted"), "{told}");
    }
    let none = server.folder().join("data/PG_VERSION");
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
