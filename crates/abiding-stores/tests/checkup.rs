//! What a doctor is told by every store on its real server, and that nothing is made by asking.

#![cfg(unix)]

use std::{env, fs, os::unix::fs::PermissionsExt, process};

use abiding_stores::{Checkup, StoreUrl};
use abiding_testkit::servers::{
    mysql::MysqlServer, places::PLACES, postgres::PostgresServer, redis::RedisServer,
};
use tokio::runtime::Runtime;

fn ask(url: &str) -> abiding::Result<Checkup> {
    let runtime = Runtime::new().expect("a runtime");
    let url: StoreUrl = url.parse().expect("a URL");
    runtime.block_on(url.checkup())
}

#[test]
fn every_server_tells_its_time_and_whether_the_way_is_encrypted() {
    for place in PLACES {
        let feature = |name| {
            abiding_stores::catalogue::STORES.iter().any(|kind| {
                kind.name == name && kind.feature.is_some_and(|feature| feature.enabled)
            })
        };
        if !feature(place.store()) {
            continue;
        }
        let Some(standing) = place.begin() else {
            continue;
        };
        let runtime = Runtime::new().unwrap();
        // The tables are made as an application makes them.
        let opened = runtime
            .block_on(abiding_stores::open(&standing.url()))
            .unwrap();
        let told = ask(&standing.url()).unwrap();
        drop(opened);
        assert!(told.local, "{}", place.store());
        if matches!(place.store(), "file" | "sqlite") {
            assert_eq!(told.exposure, None);
            continue;
        }
        assert_eq!(told.encrypted, Some(false), "{}", place.store());
        let now = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_secs_f64();
        assert!(
            (told.clock.unwrap() - now).abs() < 5.0,
            "{}: {told:?}",
            place.store()
        );
    }
}

#[test]
#[cfg(feature = "postgres")]
fn postgres_tells_rights_and_whether_expiry_is_indexed_and_nothing_is_made() {
    let Some(server) = PostgresServer::new() else {
        return;
    };
    let database = server.database();
    let url = server.url(&database);
    let missing = ask(&url).unwrap_err().to_string();
    assert!(missing.contains("has no table"), "{missing}");
    assert!(ask(&url).is_err(), "it was made");

    Runtime::new()
        .unwrap()
        .block_on(abiding_stores::open(&url))
        .unwrap();
    let told = ask(&url).unwrap();
    assert_eq!(told.excessive.len(), 4, "{told:?}");
    assert_eq!(told.expiry_indexed, None);
    assert!(told.time_zone.is_some());
    server.sql(
        &database,
        "CREATE TABLE sessions (id serial PRIMARY KEY, expiry timestamp)",
    );
    assert_eq!(ask(&url).unwrap().expiry_indexed, Some(false));
    server.sql(&database, "CREATE INDEX ON sessions (expiry)");
    assert_eq!(ask(&url).unwrap().expiry_indexed, Some(true));
}

#[test]
#[cfg(feature = "mysql")]
fn mysql_tells_rights_without_the_hash_of_a_password() {
    let Some(server) = MysqlServer::new() else {
        return;
    };
    let url = server.url(&server.database());
    Runtime::new()
        .unwrap()
        .block_on(abiding_stores::open(&url))
        .unwrap();
    let told = ask(&url).unwrap();
    assert!(told.sql_mode.unwrap().contains("STRICT"));
    assert!(!told.excessive.is_empty());
    assert!(
        told.excessive
            .iter()
            .all(|rights| !rights.contains("IDENTIFIED")),
        "{:?}",
        told.excessive
    );
}

#[test]
#[cfg(feature = "redis")]
fn redis_tells_its_policy_and_what_its_user_may() {
    let Some(server) =
        RedisServer::with(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"])
    else {
        return;
    };
    let told = ask(&server.url()).unwrap();
    assert_eq!(told.eviction.as_deref(), Some("allkeys-lru"));
    assert!(
        told.excessive.iter().any(|right| right.contains("+@all")),
        "{told:?}"
    );
}

#[test]
#[cfg(all(feature = "file", feature = "sqlite"))]
fn a_file_that_others_may_read_is_told_and_one_that_is_not_there_is_not_made() {
    let folder = env::temp_dir().join(format!("abiding-checkup-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("sessions.db");
    let url = format!("sqlite://{}", file.display());
    assert!(ask(&url).is_err());
    assert!(!file.exists());
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(ask(&url).unwrap().exposure, Some(0o644));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(ask(&url).unwrap().exposure, None);
    assert!(
        ask(&format!("file://{}", file.display())).is_err(),
        "a file is no folder"
    );
    fs::remove_dir_all(&folder).unwrap();
}
