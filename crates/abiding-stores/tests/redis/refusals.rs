//! Servers that are not what they should be: an error that names the server and the remedy, no password in it, and nothing
//! overwritten.

use std::{error::Error as _, time::Duration};

use abiding::{Error, ErrorKind, store::Expect};
use abiding_testkit::servers::{Folder, free_port};

use super::*;

const PASSWORD: &str = "not-to-be-printed";

/// Everything an error can print.
fn words(error: &Error) -> String {
    let mut words = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    assert!(
        !words.contains(PASSWORD) && !words.contains("secret"),
        "a password is printed"
    );
    words
}

async fn refused(options: RedisOptions) -> String {
    assert!(!format!("{options:?}").contains(PASSWORD));
    let error = options
        .patience(Duration::from_secs(2))
        .open()
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.operation()),
        (ErrorKind::Unavailable, "open")
    );
    words(&error);
    error.to_string()
}

#[test]
fn a_server_that_refuses_says_why_and_prints_no_password() {
    let Some(server) = RedisServer::with(&["--save", "", "--requirepass", "secret"]) else {
        return;
    };
    let Some(open) = RedisServer::new() else {
        return;
    };
    let address = server.address();
    let cases = [
        (format!("redis://{address}/"), "wants a password"),
        (
            format!("redis://:{PASSWORD}@{address}/"),
            "refused the user name or the password",
        ),
        (
            format!("redis://ada:{PASSWORD}@{address}/"),
            "refused the user name or the password",
        ),
        (
            format!("redis://:{PASSWORD}@127.0.0.1:{}/", free_port()),
            "cannot be reached",
        ),
        (
            format!("http://:{PASSWORD}@{address}/"),
            "the URL of the Redis server is not one",
        ),
        (
            format!("redis://:{PASSWORD}@"),
            "the URL of the Redis server is not one",
        ),
        (
            format!("unix:///no/such/socket?pass={PASSWORD}"),
            "cannot be reached",
        ),
        (
            format!("redis://{}/99", open.address()),
            "look at the number of the database",
        ),
    ];
    run(async {
        for (url, expected) in cases {
            let told = refused(RedisOptions::new(url.clone())).await;
            assert!(told.contains(expected), "{url}: {told}");
        }
    });
}

#[test]
fn a_user_with_the_permissions_of_the_documentation_can_do_everything_and_one_without_is_told() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    let documented = "+ping +info +config|get +get +mget +scan +zrange +zrem +del +eval +evalsha \
         +exists +set +setrange +pexpire +persist +zadd +zremrangebyscore";
    let module = include_str!("../../src/redis/mod.rs").replace("\n//!", "");
    assert!(
        documented
            .split_whitespace()
            .all(|permission| module.contains(permission))
    );
    let user = |name: &str, rules: &str| {
        let mut command = vec!["ACL", "SETUSER", name, "on", ">secret", "~abiding:*"];
        command.extend(rules.split_whitespace());
        assert_eq!(server.command(&command).text(), "OK");
        format!("redis://{name}:secret@{}/", server.address())
    };
    let (able, poor, blind) = (
        user("able", documented),
        user("poor", "+ping +info +get"),
        user("blind", &documented.replace("+info +config|get", "")),
    );
    run(async {
        let able = RedisStore::open(able).await.unwrap();
        let key = put(&able, &sample::record_of("ada", at(0), at(LIFE), &[])).await;
        able.touch(&key, at(LIFE), at(1)).await.unwrap();
        able.commit(&key, &set("a", "2"), Expect::Any, at(1))
            .await
            .unwrap();
        let to = sample::key();
        let leave = abiding::store::Leave::Alias(at(100));
        able.rotate(&key, &to, &set("a", "3"), Expect::Any, leave, at(1))
            .await
            .unwrap();
        use abiding::store::{Subjects, Sweep};
        assert_eq!(
            able.of_subject(&sample::subject("ada"), at(1))
                .await
                .unwrap()
                .len(),
            1
        );
        able.sweep(at(1), 10).await.unwrap();
        assert_eq!(
            able.end_subject(&sample::subject("ada"), None, at(1))
                .await
                .unwrap(),
            1
        );
        able.delete(&key, None, at(1)).await.unwrap();

        let error = RedisStore::open(poor)
            .await
            .unwrap()
            .create(&key, &record(), at(0))
            .await
            .unwrap_err();
        assert!(
            words(&error).contains("does not permit this to the user"),
            "{error}"
        );

        let blind = RedisStore::open(blind.clone())
            .await
            .map(|store| store.capabilities())
            .unwrap();
        assert!(blind.evicts && !blind.durable);
    });
}

#[test]
fn a_server_that_evicts_says_so_and_is_refused_where_that_is_asked_for() {
    let limited = [
        "--save",
        "",
        "--maxmemory",
        "50mb",
        "--maxmemory-policy",
        "allkeys-lru",
    ];
    let Some(server) = RedisServer::with(&limited) else {
        return;
    };
    run(async {
        assert!(store(&server).await.capabilities().evicts);
        let told = refused(RedisOptions::new(server.url()).refuse_eviction()).await;
        assert!(told.contains("maxmemory-policy noeviction"), "{told}");
        server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
        let store = RedisOptions::new(server.url())
            .refuse_eviction()
            .open()
            .await
            .unwrap();
        assert!(!store.capabilities().evicts);
    });
}

#[test]
fn a_server_without_memory_refuses_the_write_and_keeps_the_rest() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let store = store(&server).await;
        let key = put(&store, &record()).await;
        server.command(&["CONFIG", "SET", "maxmemory", "1mb"]);
        server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
        let error = store
            .create(&sample::key(), &record(), at(0))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("no memory left"), "{error}");
        assert!(store.load(&key, at(1)).await.unwrap().is_some());
    });
}

#[test]
fn a_replica_is_refused() {
    let Some(primary) = RedisServer::new() else {
        return;
    };
    let port = primary.address().port().to_string();
    let Some(replica) = RedisServer::with(&["--save", "", "--replicaof", "127.0.0.1", &port])
    else {
        return;
    };
    run(async {
        let told = refused(RedisOptions::new(replica.url())).await;
        assert!(told.contains("is a read-only replica"), "{told}");
        // One that becomes a replica later says so at the first write.
        let store = RedisOptions::new(primary.url())
            .patience(Duration::from_millis(300))
            .open()
            .await
            .unwrap();
        primary.command(&[
            "REPLICAOF",
            "127.0.0.1",
            &replica.address().port().to_string(),
        ]);
        let error = store
            .create(&sample::key(), &record(), at(0))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("read-only replica"), "{error}");
    });
}

/// Somebody else's value, a damaged row, a row of a newer release: an error, and it stays as it is.
#[test]
fn what_this_library_did_not_write_is_an_error_and_is_left_alone() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let store = store(&server).await;
        let key = put(&store, &record()).await;
        let whole = match server.command(&["GET", &name(&key)]) {
            abiding_testkit::servers::redis::Reply::Bytes(bytes) => bytes,
            other => panic!("{other:?}"),
        };
        let mut newer = whole.clone();
        newer[0] = 2;
        for foreign in [&b"hello"[..], b"", &whole[..40], &newer] {
            let key = sample::key();
            server.command(&[b"SET", name(&key).as_bytes(), foreign]);
            let results = [
                store.load(&key, at(1)).await.map(drop),
                store
                    .commit(&key, &set("a", "1"), Expect::Any, at(1))
                    .await
                    .map(drop),
                store.touch(&key, at(LIFE), at(1)).await.map(drop),
                store.delete(&key, None, at(1)).await.map(drop),
            ];
            for result in results {
                assert_eq!(result.unwrap_err().kind(), ErrorKind::Corrupt);
            }
            assert_eq!(
                store.create(&key, &record(), at(0)).await.unwrap(),
                Created::KeyTaken
            );
            let kept = server.command(&["GET", &name(&key)]);
            assert_eq!(
                kept,
                abiding_testkit::servers::redis::Reply::Bytes(foreign.to_vec())
            );
        }
        let list = sample::key();
        server.command(&["RPUSH", &name(&list), "somebody's"]);
        let error = store.load(&list, at(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(
            error.to_string().contains("a prefix of their own"),
            "{error}"
        );
        assert!(store.load(&key, at(1)).await.unwrap().is_some());
    });
}

#[test]
fn a_store_on_a_socket_is_one_as_well() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    let folder = Folder::new("unused");
    assert!(folder.path().is_dir());
    run(async {
        let store = RedisStore::open(format!("unix://{}", server.socket().display()))
            .await
            .unwrap();
        let key = put(&store, &record()).await;
        assert!(store.load(&key, at(1)).await.unwrap().is_some());
    });
}

#[test]
#[cfg(feature = "redis-tls")]
fn a_server_is_trusted_by_its_certificate_alone() {
    let Some((server, certificate)) = RedisServer::secured() else {
        return;
    };
    let url = format!("rediss://:{PASSWORD}@{}/", server.address());
    let trusted = || RedisOptions::new(url.replace(&format!(":{PASSWORD}@"), ""));
    run(async {
        let store = trusted()
            .root_certificates(&*certificate)
            .open()
            .await
            .unwrap();
        let key = put(&store, &record()).await;
        assert!(store.load(&key, at(1)).await.unwrap().is_some());

        let told = refused(RedisOptions::new(url.clone())).await;
        assert!(told.contains("a certificate that is not trusted"), "{told}");
        let other_name = url.replace("127.0.0.1", "localhost");
        let told = refused(RedisOptions::new(other_name).root_certificates(&*certificate)).await;
        assert!(told.contains("a certificate that is not trusted"), "{told}");
        let told = refused(RedisOptions::new(format!("{url}#insecure"))).await;
        assert!(!told.is_empty());
        let plain = url.replace("rediss", "redis");
        refused(RedisOptions::new(plain)).await;
    });
}
