//! What reaches the server: how often, by which index, and what a touch leaves behind.

use super::*;

/// How many statements each operation takes, counted in the log of the server.
#[tokio::test]
async fn round_trips_are_those_that_the_documentation_promises() {
    let Some(server) = PostgresServer::with(&["fsync=off", "log_statement=all"]) else {
        return;
    };
    let table = fresh_table();
    let opened = async || {
        options(&server)
            .table(&table)
            .unwrap()
            .connections(1)
            .open()
            .await
            .unwrap()
    };
    // A store that has seen nothing, as after a restart or on another machine, beside one that has.
    let (store, other) = (opened().await, opened().await);
    let change = sample::change(NOW, &[("a", "1")], &[]);
    let farewell = sample::farewell(NOW);
    let asked = || {
        let log = server.process().log();
        let is_ours = |line: &&str| line.contains("execute") && line.contains(&table);
        log.lines().filter(is_ours).count()
    };
    let key = begin(&store, in_seconds(60)).await;
    // The statements are prepared by the first question of each.
    other.load(&key, NOW).await.unwrap();
    store.load(&key, NOW).await.unwrap();

    let mut counted = Vec::new();
    let mut since = asked();
    let mut count = |what: &'static str| {
        let now = asked();
        counted.push((what, now - since));
        since = now;
    };
    let created = begin(&store, in_seconds(60)).await;
    count("new");
    store.load(&created, NOW).await.unwrap();
    count("read");
    store
        .touch(&created, in_seconds(50), in_seconds(1))
        .await
        .unwrap();
    count("touch");
    store.load(&created, NOW).await.unwrap();
    store
        .commit(&created, &change, Expect::Any, NOW)
        .await
        .unwrap();
    count("read, then write");
    store
        .commit(&created, &change, Expect::Any, NOW)
        .await
        .unwrap();
    count("write of what this process wrote last");
    other
        .commit(&created, &change, Expect::Any, NOW)
        .await
        .unwrap();
    count("write of what this process never saw");
    store
        .commit(&created, &change, Expect::Any, NOW)
        .await
        .unwrap();
    count("write of what another process has changed");
    let to = sample::key();
    store.load(&created, NOW).await.unwrap();
    let leave = Leave::Alias(in_seconds(30));
    store
        .rotate(&created, &to, &change, Expect::Any, leave, NOW)
        .await
        .unwrap();
    count("read, then rotate");
    store.load(&created, NOW).await.unwrap();
    count("read through an alias");
    store.load(&to, NOW).await.unwrap();
    store.delete(&to, Some(&farewell), NOW).await.unwrap();
    count("read, then end with a farewell");
    store.delete(&key, None, NOW).await.unwrap();
    count("end");
    assert_eq!(
        counted,
        [
            ("new", 1),
            ("read", 1),
            ("touch", 1),
            ("read, then write", 2),
            ("write of what this process wrote last", 1),
            ("write of what this process never saw", 2),
            ("write of what another process has changed", 3),
            ("read, then rotate", 2),
            ("read through an alias", 2),
            ("read, then end with a farewell", 2),
            ("end", 1),
        ]
    );
}

/// With room on the page, neither a touch nor a change of values writes an index.
#[tokio::test]
async fn touches_and_changes_are_heap_only() {
    let Some(server) = server() else { return };
    let (store, table) = fresh(server).await;
    let mut keys = Vec::new();
    for _ in 0..20 {
        keys.push(begin(&store, in_seconds(10_000)).await);
    }
    for n in 1..=20 {
        for key in &keys {
            store
                .touch(key, in_seconds(n + 100), in_seconds(n))
                .await
                .unwrap();
            set(&store, key, "n", &n.to_string()).await.unwrap();
        }
    }
    // What a connection counted is known when it has ended.
    drop(store);
    let counts = format!(
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = '{table}'"
    );
    let (updates, heap_only) = loop {
        let row = server.sql(DATABASE, &counts).remove(0);
        let [updates, heap_only] = [0, 1].map(|at| row[at].parse::<u32>().unwrap());
        if updates >= 800 {
            break (updates, heap_only);
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(updates, 800);
    assert!(heap_only > 700, "{heap_only} of {updates}");
}

#[tokio::test]
async fn every_lookup_goes_through_an_index() {
    let Some(server) = server() else { return };
    let (_store, table) = fresh(server).await;
    server.sql(
        DATABASE,
        &format!(
            "INSERT INTO {table} SELECT n, n, 0, 0, 0, 0, 1, 0, decode(repeat(md5(n::text), 2), 'hex'), \
             decode(md5(n::text), 'hex'), repeat('x', 500)::bytea FROM generate_series(1, 20000) AS n; ANALYZE {table}"
        ),
    );
    let all = super::super::statements::Texts::new(&table, false);
    let key = format!("'\\x{}'::bytea", sample::key().to_hex());
    let end_subject = all.end_subject.split_once("; ").unwrap().1;
    let end_subject = end_subject.replace("{hops}", "8").replace("{now}", "0");
    let end_subject = end_subject
        .replace("{except}", &key)
        .replace("{subject}", &key);
    let (pkey, due, whose) = (
        format!("{table}_pkey"),
        format!("{table}_sweep_at_idx"),
        format!("{table}_subject_idx"),
    );
    let cases = [
        (&*all.find, vec![&*key], &pkey),
        (&all.follow, vec![&key, "0", "8"], &pkey),
        (&all.touch, vec![&key, "0", "0"], &pkey),
        (&all.delete, vec![&key, "0", "ARRAY['a'::bytea]"], &pkey),
        (&all.scan, vec![&key, "0", "100"], &pkey),
        (&all.sweep, vec!["100", "500"], &due),
        (&all.of_subject, vec![&key, "0"], &whose),
        (&end_subject, vec![], &whose),
    ];
    for (statement, values, index) in cases {
        let mut statement = statement.to_owned();
        for (at, value) in values.iter().enumerate().rev() {
            statement = statement.replace(&format!("${}", at + 1), value);
        }
        let plan = server.sql(DATABASE, &format!("EXPLAIN {statement}"));
        let plan = plan.concat().join("\n");
        assert!(plan.contains(&**index), "{statement}: {plan}");
        assert!(!plan.contains("Seq Scan"), "{statement}: {plan}");
    }
}

/// The sweep leaves the rule of its connection as it was.
#[tokio::test]
async fn only_the_sweep_does_not_wait_for_the_disk() {
    let Some(server) = server() else { return };
    let table = fresh_table();
    let options = options(server).table(&table).unwrap().connections(1);
    let store = options.open().await.unwrap();
    begin(&store, in_seconds(1)).await;
    assert_eq!(store.sweep(in_seconds(2), 10).await.unwrap().removed, 1);
    let errand = store.errand("ask").unwrap();
    let answer = errand.run("SHOW synchronous_commit").await.ok().unwrap();
    let rule = answer.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    assert_eq!(rule, Some("on"));
}
