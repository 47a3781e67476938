//! Files: who may read them, what else may lie in them, and what happens when they are not right.

use std::{fs, os::unix::fs::PermissionsExt, sync::Barrier, thread};

use abiding_testkit::Canary;

use super::*;

/// The error of opening `path`, which must name it.
fn refusal(path: &Path) -> Error {
    let error = SqliteStore::open(path).unwrap_err();
    assert!(
        error.to_string().contains(&path.display().to_string()),
        "{error}"
    );
    error
}

/// ST-6: nobody else may read the file, or the log beside it.
#[tokio::test]
async fn every_file_is_for_its_owner_alone() {
    let scratch = Scratch::new();
    let store = quick(&scratch.file("s.db"));
    begin(&store, in_seconds(60)).await;
    let files: Vec<_> = fs::read_dir(scratch.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(
        files.len(),
        3,
        "the database, its log and the index of the log: {files:?}"
    );
    for file in files {
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            file.display()
        );
    }
}

/// ID-4, ST-11: whoever gets hold of the file and its log learns no value, no name and no cookie.
#[tokio::test]
async fn a_dump_of_the_files_holds_no_secret() {
    let scratch = Scratch::new();
    let canary = Canary::plant(quick(&scratch.file("s.db"))).await.unwrap();
    let (mut bytes, mut knows_table) = (0, false);
    for entry in fs::read_dir(scratch.path()).unwrap() {
        let path = entry.unwrap().path();
        let dump = fs::read(&path).unwrap();
        bytes += dump.len();
        knows_table |= memchr::memmem::find(&dump, b"abiding_sessions").is_some();
        assert_eq!(canary.found_in(&dump), None, "{}", path.display());
    }
    assert!(bytes > 8_192 && knows_table);
    assert!(canary.lives().await.unwrap());
}

#[tokio::test]
async fn closing_leaves_one_file() {
    let scratch = Scratch::new();
    let store = quick(&scratch.file("s.db"));
    let key = begin(&store, in_seconds(60)).await;
    store.close().unwrap();
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    assert!(
        quick(&scratch.file("s.db"))
            .load(&key, NOW)
            .await
            .unwrap()
            .is_some()
    );
}

#[test]
fn paths_that_cannot_work_are_refused_with_the_remedy() {
    let scratch = Scratch::new();
    fs::write(scratch.file("file"), "text").unwrap();
    fs::create_dir(scratch.file("directory")).unwrap();
    let table = [
        (scratch.file("missing/s.db"), "make it first"),
        (
            scratch.file("file/s.db"),
            "must be able to write the directory",
        ),
        (scratch.file("directory"), "is no file"),
        // Not even root may write here.
        ("/proc/self/fdinfo/s.db".into(), ""),
        ("/sys/kernel/s.db".into(), ""),
    ];
    for (path, remedy) in table {
        let error = refusal(&path);
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains(remedy), "{error}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let scratch = Scratch::new();
    let path = scratch.file("s.db");
    let text = "these are the minutes of the meeting\n".repeat(100);
    fs::write(&path, &text).unwrap();
    let error = refusal(&path);
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_damaged_file_gives_errors_and_never_a_wrong_session() {
    let scratch = Scratch::new();
    let path = scratch.file("s.db");
    let store = quick(&path);
    let mut keys = Vec::new();
    for _ in 0..200 {
        keys.push(begin(&store, in_seconds(60)).await);
    }
    store.close().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    // All pages but the first two, which hold the schema and its version.
    bytes[2 * 4_096..]
        .iter_mut()
        .for_each(|byte| *byte = byte.wrapping_mul(31) ^ 0x5a);
    fs::write(&path, &bytes).unwrap();
    let store = quick(&path);
    for key in keys {
        let error = store.load(&key, NOW).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
        assert_eq!(
            set(&store, &key, "a", "1").await.unwrap_err().kind(),
            ErrorKind::Corrupt
        );
    }
}

#[tokio::test]
async fn a_row_that_somebody_else_wrote_is_an_error_and_no_panic() {
    let scratch = Scratch::new();
    let path = scratch.file("s.db");
    let store = quick(&path);
    for edit in ["kind = 7", "kind = 1", "subject = x'00'"] {
        let key = begin(&store, in_seconds(60)).await;
        let conn = Connection::open(&path).unwrap();
        conn.execute(
            &format!("UPDATE abiding_sessions SET {edit} WHERE key = ?1"),
            [key.as_bytes()],
        )
        .unwrap();
        assert_eq!(
            store.load(&key, NOW).await.unwrap_err().kind(),
            ErrorKind::Corrupt,
            "{edit}"
        );
    }
}

#[tokio::test]
async fn a_full_disk_gives_an_error_and_loses_nothing() {
    let scratch = Scratch::new();
    let mut options = SqliteOptions::new(scratch.file("s.db"));
    options.page_limit = Some(40);
    let store = options.open().unwrap();
    let text = "x".repeat(2_000);
    let record = sample::record(NOW, in_seconds(60), &[("text", &text)]);
    let mut kept = Vec::new();
    let error = loop {
        let key = sample::key();
        match store.create(&key, &record, NOW).await {
            Ok(Created::Yes) => kept.push(key),
            Ok(Created::KeyTaken) => unreachable!("the keys are random"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("full"), "{error}");
    assert!(kept.len() > 20);
    for key in &kept {
        assert_eq!(store.load(key, NOW).await.unwrap().unwrap().record, record);
    }
    // Ending a session needs no room, and makes some.
    assert_eq!(
        store.delete(&kept[0], None, NOW).await.unwrap(),
        Deleted::Yes
    );
    assert_eq!(
        store.delete(&kept[1], None, NOW).await.unwrap(),
        Deleted::Yes
    );
    begin(&store, in_seconds(60)).await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let scratch = Scratch::new();
    let path = scratch.file("s.db");
    let store = quick(&path);
    let key = begin(&store, in_seconds(60)).await;
    store.close().unwrap();
    let set_version = |version: i64| {
        let conn = Connection::open(&path).unwrap();
        conn.execute("UPDATE abiding_schema SET version = ?1", [version])
            .unwrap();
    };
    set_version(schema::VERSION + 1);
    let error = refusal(&path).to_string();
    assert!(error.contains("run the newer release"), "{error}");
    set_version(schema::VERSION);
    assert!(quick(&path).load(&key, NOW).await.unwrap().is_some());
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let scratch = Scratch::new();
    let path = scratch.file("s.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("PRAGMA application_id = 7; CREATE TABLE theirs (x)")
        .unwrap();
    assert!(refusal(&path).to_string().contains("a file of their own"));
    let tables: i64 = conn
        .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

#[test]
fn an_applications_own_file_keeps_its_marks() {
    let scratch = Scratch::new();
    let path = scratch.file("app.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(
        "PRAGMA user_version = 12; CREATE TABLE members (name); INSERT INTO members VALUES ('Ann')",
    )
    .unwrap();
    drop(quick(&path));
    drop(quick(&path));
    let mark = |name: &str| {
        conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!((mark("user_version"), mark("application_id")), (12, 0));
    assert_eq!(
        conn.query_row("SELECT name FROM members", (), |row| row
            .get::<_, String>(0))
            .unwrap(),
        "Ann"
    );
}

#[test]
fn a_file_of_its_own_is_marked() {
    let scratch = Scratch::new();
    let path = scratch.file("s.db");
    drop(quick(&path));
    let conn = Connection::open(&path).unwrap();
    let mark: i32 = conn
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .unwrap();
    assert_eq!(mark, schema::APPLICATION_ID);
}

#[test]
fn many_who_open_a_new_file_at_once_all_find_the_schema() {
    for _ in 0..5 {
        let scratch = Scratch::new();
        let path = scratch.file("s.db");
        let start = Arc::new(Barrier::new(8));
        let openers: Vec<_> = (0..8)
            .map(|_| {
                let (path, start) = (path.clone(), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    quick(&path).close().unwrap();
                })
            })
            .collect();
        openers
            .into_iter()
            .for_each(|opener| opener.join().unwrap());
    }
}
