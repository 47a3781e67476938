//! Files: who may read them, what else may lie among them, and what happens when they are not right.

use std::{os::unix::fs::PermissionsExt, path::PathBuf, sync::Barrier, thread};

use abiding_testkit::Canary;

use super::*;

/// The error of opening `path`, which must name it.
fn refusal(path: &Path) -> Error {
    let error = FileStore::open(path).unwrap_err();
    let name = path.display().to_string();
    assert!(error.to_string().contains(&name), "{error}");
    error
}

/// Every file and folder below `path`.
fn all_below(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![path.to_path_buf()];
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap();
        found.extend(entries.flat_map(|entry| all_below(&entry.unwrap().path())));
    }
    found
}

/// ST-6: nobody else may read the files, nor list their names.
#[tokio::test]
async fn everything_is_for_its_owner_alone() {
    let scratch = Scratch::new();
    let path = scratch.file("s");
    let store = quick(&path);
    let record = sample::record_of("ada", NOW, in_seconds(60), &[]);
    store.create(&sample::key(), &record, NOW).await.unwrap();
    let all = all_below(&path);
    assert!(all.len() > 2 * STRIPES + 5);
    for path in all {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, expected, "{}", path.display());
    }
}

/// ID-4, ST-11: whoever gets hold of the folder learns no value, no name and no cookie.
#[tokio::test]
async fn a_dump_of_the_folder_holds_no_secret() {
    let scratch = Scratch::new();
    let canary = Canary::plant(quick(&scratch.file("s"))).await.unwrap();
    let mut bytes = 0;
    for path in all_below(scratch.path()) {
        let mut dump = path.display().to_string().into_bytes();
        if path.is_file() {
            let content = fs::read(&path).unwrap();
            bytes += content.len();
            dump.extend(content);
        }
        assert_eq!(canary.found_in(&dump), None, "{}", path.display());
    }
    assert!(canary.lives().await.unwrap());
    assert!(bytes > 200);
}

#[test]
fn paths_that_cannot_work_are_refused_with_the_remedy() {
    let scratch = Scratch::new();
    fs::write(scratch.file("file"), "text").unwrap();
    let folder = |name: &str, mode| {
        fs::create_dir(scratch.file(name)).unwrap();
        fs::set_permissions(scratch.file(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    folder("open", 0o755);
    folder("group", 0o750);
    folder("others", 0o700);
    fs::write(scratch.file("others/minutes.txt"), "of the meeting").unwrap();
    let table = [
        ("missing/s", "make that first"),
        ("file/s", "lies in what is no folder"),
        ("file", "is no folder"),
        ("open", "is open to others (755): `chmod 700` it"),
        ("group", "is open to others (750)"),
        ("others", "give the sessions a folder of their own"),
    ];
    for (name, remedy) in table {
        let before = all_below(scratch.path());
        let error = refusal(&scratch.file(name));
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains(remedy), "{error}");
        assert_eq!(all_below(scratch.path()), before, "something was made");
    }
}

#[tokio::test]
async fn a_layout_of_another_release_is_refused_and_left_alone() {
    let scratch = Scratch::new();
    let path = scratch.file("s");
    let store = quick(&path);
    let key = begin(&store, in_seconds(60)).await;
    drop(store);
    let mark = path.join("abiding");
    let ours = fs::read_to_string(&mark).unwrap();
    for (text, remedy) in [
        (ours.replace('1', "2"), "run that release"),
        (ours.replace('1', "0"), "run that release"),
        ("#!/bin/sh\n".to_owned(), "a folder of their own"),
    ] {
        fs::write(&mark, &text).unwrap();
        let told = refusal(&path).to_string();
        assert!(told.contains(remedy), "{told}");
        assert_eq!(fs::read_to_string(&mark).unwrap(), text);
    }
    fs::write(&mark, ours).unwrap();
    assert!(quick(&path).load(&key, NOW).await.unwrap().is_some());
}

#[tokio::test]
async fn a_folder_that_was_half_made_is_finished() {
    let scratch = Scratch::new();
    let path = scratch.file("s");
    drop(quick(&path));
    fs::remove_file(path.join("abiding")).unwrap();
    fs::remove_dir_all(path.join("rows")).unwrap();
    let store = quick(&path);
    begin(&store, in_seconds(60)).await;
    assert!(path.join("abiding").exists());
}

/// A damaged file, one of somebody else, one of a newer release: an error that names it, and it stays as it is.
#[tokio::test]
async fn what_this_library_did_not_write_is_an_error_and_is_left_alone() {
    let scratch = Scratch::new();
    let store = quick(&scratch.file("s"));
    let (whole, other) = (
        begin(&store, in_seconds(60)).await,
        begin(&store, in_seconds(60)).await,
    );
    let bytes = fs::read(store.folder.row(&whole)).unwrap();
    let mut newer = bytes.clone();
    newer[0] = 2;
    let longer = [&bytes[..], b"x"].concat();
    let half = &bytes[..bytes.len() / 2];
    for foreign in [&b"hello"[..], b"", half, &newer, &longer, &[0xff; 5_000]] {
        let key = begin(&store, in_seconds(5)).await;
        let row = store.folder.row(&key);
        fs::write(&row, foreign).unwrap();
        let (to, change) = (sample::key(), sample::change(NOW, &[], &[]));
        let leave = Leave::Alias(in_seconds(9));
        let results = [
            store.load(&key, NOW).await.map(drop),
            set(&store, &key, "a", "2").await.map(drop),
            store.touch(&key, in_seconds(70), NOW).await.map(drop),
            store
                .rotate(&key, &to, &change, Expect::Any, leave, NOW)
                .await
                .map(drop),
            store.delete(&key, None, NOW).await.map(drop),
        ];
        for result in results {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(
                error.to_string().contains(&row.display().to_string()),
                "{error}"
            );
        }
        let record = sample::record(NOW, in_seconds(60), &[]);
        assert_eq!(
            store.create(&key, &record, NOW).await.unwrap(),
            Created::KeyTaken
        );
        // The sweep passes over it, and goes on.
        assert!(store.sweep(in_seconds(5), 10).await.is_ok());
        assert_eq!(fs::read(&row).unwrap(), foreign);
        fs::remove_file(&row).unwrap();
    }
    assert!(store.load(&other, NOW).await.unwrap().is_some());
}

#[tokio::test]
async fn files_of_somebody_else_between_the_rows_are_passed_over() {
    let scratch = Scratch::new();
    let store = quick(&scratch.file("s"));
    let key = begin(&store, in_seconds(60)).await;
    let shard = store.folder.row(&key).parent().unwrap().to_path_buf();
    fs::write(shard.join(".DS_Store"), "x").unwrap();
    fs::write(shard.join(key.to_hex().to_uppercase()), "x").unwrap();
    fs::write(store.folder.ends(0).join("notes.txt"), "x").unwrap();
    assert_eq!(store.scan(None, 10, NOW).await.unwrap().len(), 1);
    assert_eq!(store.sweep(in_seconds(60), 10).await.unwrap().removed, 1);
    assert!(shard.join(".DS_Store").exists() && store.folder.ends(0).join("notes.txt").exists());
}

#[tokio::test]
async fn a_folder_that_is_taken_away_gives_errors_and_never_says_that_there_is_no_session() {
    let scratch = Scratch::new();
    let path = scratch.file("s");
    let store = quick(&path);
    let key = begin(&store, in_seconds(60)).await;
    fs::rename(&path, scratch.file("elsewhere")).unwrap();
    let record = sample::record(NOW, in_seconds(60), &[]);
    // As an unmounted disk leaves it.
    for empty in [false, true] {
        if empty {
            fs::create_dir(&path).unwrap();
        }
        let results = [
            store.create(&sample::key(), &record, NOW).await.map(drop),
            store.load(&key, NOW).await.map(drop),
            set(&store, &key, "a", "2").await.map(drop),
            store.delete(&key, None, NOW).await.map(drop),
            store
                .of_subject(&sample::subject("ada"), NOW)
                .await
                .map(drop),
            store.scan(None, 10, NOW).await.map(drop),
            store.sweep(NOW, 10).await.map(drop),
        ];
        for result in results {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(
                error.to_string().contains("was moved or removed"),
                "{error}"
            );
        }
    }
    fs::remove_dir(&path).unwrap();
    fs::rename(scratch.file("elsewhere"), &path).unwrap();
    assert!(store.load(&key, NOW).await.unwrap().is_some());
}

#[test]
fn many_who_open_a_new_folder_at_once_all_find_it_ready() {
    for _ in 0..5 {
        let scratch = Scratch::new();
        let (path, start) = (scratch.file("s"), Arc::new(Barrier::new(8)));
        let openers: Vec<_> = (0..8)
            .map(|_| {
                let (path, start) = (path.clone(), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    drop(quick(&path));
                })
            })
            .collect();
        openers
            .into_iter()
            .for_each(|opener| opener.join().unwrap());
    }
}
