//! What may be read: the files of the server by a thief, messages and logs by anybody.

use std::{fs, path::Path};

use abiding_testkit::Canary;

use super::*;

/// ID-4, ST-11: whoever gets hold of all files of the server, its log among them, learns no value, no
/// name, no cookie and no id.
#[tokio::test]
async fn a_dump_of_the_server_holds_no_secret() {
    let Some(server) = MysqlServer::with(&["general-log=1", "general-log-file=../general"]) else {
        return;
    };
    with_database(&server);
    let (store, table) = fresh(&server).await;
    let canary = Canary::plant(store).await.unwrap();
    server.sql("", "SET GLOBAL innodb_fast_shutdown = 1; FLUSH TABLES");
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
    let options = MysqlOptions::new("mysql://ada:canary@db1:1/shop?connections=2").unwrap();
    let debug = format!("{options:?}");
    assert!(!debug.contains("canary"), "{debug}");
    assert!(debug.contains("the database shop at db1:1"), "{debug}");
}

#[test]
fn a_url_that_cannot_work_is_refused_without_being_quoted() {
    const NO_URL: &str = "mysql://user:password@host:port/database";
    let cases = [
        ("mysql://ada:canary@db:canary/shop", NO_URL),
        ("mysql://ada:canary@db", NO_URL),
        ("mysql://ada:canary@db/", NO_URL),
        ("postgres://ada:canary@db/shop", NO_URL),
        ("canary", NO_URL),
        (
            "mysql://ada:canary@db/shop?canary=1",
            "has an option that there is not",
        ),
        (
            "mysql://ada:canary@db/shop?canary",
            "has an option that there is not",
        ),
        (
            "mysql://ada:x@db/shop?pool_max=canary",
            "has an option that there is not",
        ),
        (
            "mysql://ada:canary@db/shop?ssl-mode=canary",
            "`ssl-mode` of the URL is not `DISABLED`, `REQUIRED`",
        ),
        (
            "mysql://ada:canary@db/shop?table=Canary",
            "lower-case letters",
        ),
        (
            "mysql://ada:canary@db/shop?table=canary`",
            "lower-case letters",
        ),
        (
            "mysql://ada:canary@db/shop?connections=canary",
            "`connections` of the URL is not a number from 1",
        ),
        (
            "mysql://ada:canary@db/shop?connections=0",
            "`connections` of the URL is not a number from 1",
        ),
        (
            "mysql://ada:canary@db/shop?patience=1s",
            "`patience` of the URL is not a number of milliseconds",
        ),
        (
            "mysql://ada:canary@db/shop?create=canary",
            "`create` of the URL is not `true` or `false`",
        ),
    ];
    for (url, expected) in cases {
        let error = MysqlOptions::new(url).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains(expected), "{url}: {told}");
        assert!(!told.to_lowercase().contains("canary"), "{url}: {told}");
    }
}
