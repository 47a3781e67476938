//! What reaches the server: how often, by which index, and what a touch leaves behind.

use abiding_testkit::servers::Proxy;
use mysql_async::Value;

use super::{super::statements::script, *};

/// How many messages each operation sends, counted by a proxy.
#[tokio::test]
async fn round_trips_are_those_that_the_documentation_promises() {
    let Some(server) = server() else { return };
    let (proxy, table) = (Proxy::to(server.address()), fresh_table());
    let url = format!(
        "mysql://root@{}/{DATABASE}?table={table}&connections=1",
        proxy.address()
    );
    // A store that has seen nothing, as after a restart or on another machine, beside one that has.
    let store = MysqlStore::open(&url).await.unwrap();
    let other = MysqlStore::open(&url).await.unwrap();
    let change = sample::change(NOW, &[("a", "1")], &[]);
    let farewell = sample::farewell(NOW);
    // A statement is prepared when it is used for the first time.
    for store in [&store, &other] {
        let key = begin(store, in_seconds(60)).await;
        store.load(&key, NOW).await.unwrap();
        store.touch(&key, in_seconds(50), NOW).await.unwrap();
        set(store, &key, "a", "1").await.unwrap();
        let to = sample::key();
        let leave = Leave::Alias(in_seconds(30));
        store
            .rotate(&key, &to, &change, Expect::Any, leave, NOW)
            .await
            .unwrap();
        store.load(&key, NOW).await.unwrap();
        store.delete(&to, Some(&farewell), NOW).await.unwrap();
    }
    let asked = || proxy.sent();
    let key = begin(&store, in_seconds(60)).await;

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

/// A touch moves columns that no index holds.
#[tokio::test]
async fn touches_write_no_index() {
    let Some(server) = server() else { return };
    let (_store, table) = fresh(server).await;
    let indexed = format!(
        "SELECT DISTINCT COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_NAME = '{table}' ORDER BY 1"
    );
    let indexed = server.sql("", &indexed).concat();
    assert_eq!(indexed, ["key", "subject", "sweep_at"]);
    let all = super::super::statements::Texts::new(&table);
    let (written, _) = all.touch.split_once(" WHERE ").unwrap();
    for column in &indexed {
        assert!(!written.contains(&format!("{column} =")), "{written}");
    }
}

/// A touch of the moment that another request of it has had is no write.
#[tokio::test]
async fn a_touch_that_moves_nothing_writes_nothing() {
    let Some(server) = MysqlServer::new() else {
        return;
    };
    with_database(&server);
    let (store, _) = fresh(&server).await;
    let key = begin(&store, in_seconds(60)).await;
    let written = || {
        let rows = server.sql("", "SHOW GLOBAL STATUS LIKE 'Handler_update'");
        rows[0][1].parse::<u32>().unwrap()
    };
    store
        .touch(&key, in_seconds(50), in_seconds(1))
        .await
        .unwrap();
    let before = written();
    for _ in 0..10 {
        let touched = store.touch(&key, in_seconds(50), in_seconds(1)).await;
        assert_eq!(touched.unwrap(), Touched::Yes);
    }
    assert_eq!(written(), before);
}

#[tokio::test]
async fn every_lookup_goes_through_an_index() {
    let Some(server) = server() else { return };
    let (_store, table) = fresh(server).await;
    server.sql(
        DATABASE,
        &format!(
            "INSERT INTO {table} (ends, sweep_at, created, seen, idle_deadline, absolute_deadline, version, kind, `key`, subject, payload) \
             SELECT seq, seq, 0, 0, 0, 0, 1, 0, UNHEX(SHA2(seq, 256)), UNHEX(MD5(seq)), REPEAT('x', 500) FROM seq_1_to_20000; \
             ANALYZE TABLE {table}"
        ),
    );
    let all = super::super::statements::Texts::new(&table);
    // One that is there: for any other, the plan is to do nothing.
    let there = format!("SELECT HEX(`key`), HEX(subject) FROM {table} WHERE ends = 10000");
    let there = server.sql(DATABASE, &there).remove(0);
    let [key, subject] = [0, 1].map(|at| Value::Bytes(digits(&there[at])));
    let (zero, some) = (Value::Int(0), Value::Int(100));
    let (_, due) = all.due.split_once("; ").unwrap();
    let remove_held = all
        .remove_held
        .replace("; COMMIT", "")
        .replace("{keys}", "x'00', x'01'");
    let cases = [
        (&*all.find, vec![&key], "PRIMARY"),
        (&all.follow, vec![&zero, &key, &zero, &some], "PRIMARY"),
        (
            &all.touch,
            vec![&zero, &zero, &zero, &key, &zero],
            "PRIMARY",
        ),
        (&all.scan, vec![&key, &zero, &some], "PRIMARY"),
        (due, vec![&some, &some], "due"),
        (&all.of_subject, vec![&subject, &zero], "whose"),
        (&all.hold_subject, vec![&subject], "whose"),
        (&remove_held, vec![], "PRIMARY"),
    ];
    for (statement, values, index) in cases {
        let statement = script(statement, values.into_iter().cloned());
        let plan = server.sql(DATABASE, &format!("EXPLAIN {statement}"));
        let known = |name: &str| plan.iter().flatten().any(|cell| cell == name);
        assert!(known(index), "{statement}: {plan:?}");
        // Of the table itself; what a recursion has gathered is a list.
        let is_scanned = |row: &Vec<String>| {
            row[2] != "<derived2>" && row[2] != "way" && row[3] == "ALL" && row[2] == table
        };
        assert!(!plan.iter().any(is_scanned), "{statement}: {plan:?}");
    }
}

fn digits(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks_exact(2);
    let pairs = pairs.map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}
