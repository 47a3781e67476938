//! What may be read: the files of the server by a thief, messages and logs by anybody.

use std::{fs, path::Path};

use abiding_testkit::Canary;

use super::*;

/// ID-4, ST-11: whoever gets hold of all files of the server, its log among them, learns no value, no
/// name, no cookie and no id.
#[tokio::test]
async fn a_dump_of_the_server_holds_no_secret() {
    let Some(server) = PostgresServer::with(&["fsync=off", "log_statement=all"]) else {
        return;
    };
    let (store, table) = fresh(&server).await;
    let canary = Canary::plant(store).await.unwrap();
    server.sql(DATABASE, "CHECKPOINT");
    let (mut bytes, mut knows_table) = (0, false);
    visit(server.folder(), &mut |file| {
        let dump = fs::read(file).unwrap_or_default();
        bytes += dump.len();
        knows_table |= memchr::memmem::find(&dump, table.as_bytes()).is_some();
        assert_eq!(canary.found_in(&dump), None, "{}", file.display());
    });
    assert!(bytes > 1_000_000 && knows_table);
    assert!(canary.lives().await.unwrap());
}

fn visit(folder: &Path, look: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            visit(&path, look);
        } else if path.is_file() {
            look(&path);
        }
    }
}

#[test]
fn debug_does_not_leak_the_password() {
    let options =
        PostgresOptions::new("postgres://ada:canary@db1:1,db2/shop?connections=2").unwrap();
    let debug = format!("{options:?}");
    assert!(!debug.contains("canary"), "{debug}");
    assert!(
        debug.contains("the database shop at db1:1,db2:5432"),
        "{debug}"
    );
}

#[test]
fn a_url_that_cannot_work_is_refused_without_being_quoted() {
    let cases = [
        (
            "postgres://ada:canary@db:canary/shop",
            "postgres://user:password@host:port/database",
        ),
        ("canary", "postgres://user:password@host:port/database"),
        (
            "postgres://ada:canary@db/shop?sslmode=canary",
            "`sslmode` of the URL is not `disable`, `require`",
        ),
        (
            "postgres://ada:canary@db/shop?tabel=x",
            "postgres://user:password@host:port/database",
        ),
        (
            "postgres://ada:canary@db/shop?table=Canary",
            "lower-case letters",
        ),
        (
            "postgres://ada:canary@db/shop?table=canary;x",
            "lower-case letters",
        ),
        (
            "postgres://ada:canary@db/shop?connections=canary",
            "`connections` of the URL is not a number from 1",
        ),
        (
            "postgres://ada:canary@db/shop?connections=0",
            "`connections` of the URL is not a number from 1",
        ),
        (
            "postgres://ada:canary@db/shop?patience=1s",
            "`patience` of the URL is not a number of milliseconds",
        ),
        (
            "postgres://ada:canary@db/shop?create=canary",
            "`create` of the URL is not `true` or `false`",
        ),
        (
            "postgres://ada:canary@db/shop?durability=canary",
            "`durability` of the URL is not `power`",
        ),
    ];
    for (url, expected) in cases {
        let error = PostgresOptions::new(url).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains(expected), "{url}: {told}");
        assert!(!told.to_lowercase().contains("canary"), "{url}: {told}");
    }
}
