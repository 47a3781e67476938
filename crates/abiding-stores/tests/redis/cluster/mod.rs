//! A Redis Cluster: keys in many slots, on servers that take them from one another.

mod failover;
mod migration;
mod processes;
mod steps;

use abiding::store::{Expect, Leave, Subjects, Sweep};
use abiding_testkit::servers::redis::{RedisCluster, Reply};

use super::*;

/// One for all tests that move nothing and end nothing.
static CLUSTER: LazyLock<Option<RedisCluster>> = LazyLock::new(RedisCluster::new);

/// A store that waits long: six servers on a machine with other things to do.
async fn store_of(cluster: &RedisCluster) -> RedisStore {
    let options = RedisOptions::new(cluster.url()).patience(Duration::from_secs(60));
    options.open().await.unwrap()
}

/// Sends one command to the server that has the key.
fn command(cluster: &RedisCluster, verb: &str, key: &str, rest: &[&[u8]]) -> Reply {
    let owner = cluster.owner(cluster.slot(key));
    owner.command(&[&[verb.as_bytes(), key.as_bytes()], rest].concat())
}

fn row(cluster: &RedisCluster, key: &StoreKey) -> Option<Vec<u8>> {
    match command(cluster, "GET", &name(key), &[]) {
        Reply::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

/// The names of all lists of subjects.
fn lists(cluster: &RedisCluster) -> Vec<String> {
    let keys = |server: &RedisServer| server.command(&["KEYS", "abiding:u:*"]).array();
    let all = cluster.primaries().into_iter().flat_map(keys);
    all.map(|name| name.text()).collect()
}

fn ada(name: &str) -> Record {
    sample::record_of(name, at(0), at(LIFE), &[("a", "1")])
}

#[test]
fn sessions_lie_on_all_servers_and_are_swept_on_all() {
    let Some(cluster) = RedisCluster::new() else {
        return;
    };
    run(async {
        let store = store_of(&cluster).await;
        let mut over = vec![];
        for number in 0..24 {
            let key = put(&store, &ada(&format!("user {number}"))).await;
            command(&cluster, "PERSIST", &name(&key), &[]);
            over.push(key);
        }
        let alive = put(&store, &sample::record(at(0), at(2 * LIFE), &[])).await;
        let counts = cluster.primaries();
        let counts = counts
            .iter()
            .map(|server| server.command(&["DBSIZE"]).integer());
        assert!(
            counts.clone().all(|count| count > 0),
            "{:?}",
            counts.collect::<Vec<_>>()
        );
        let mut removed = 0;
        for _ in 0..100 {
            let swept = store.sweep(at(LIFE), 5).await.unwrap();
            assert!(swept.removed <= 5);
            removed += swept.removed;
            if !swept.more {
                break;
            }
        }
        assert_eq!(removed, over.len());
        assert!(over.iter().all(|key| row(&cluster, key).is_none()));
        assert!(store.load(&alive, at(LIFE)).await.unwrap().is_some());
        assert_eq!(lists(&cluster), [""; 0]);
    });
}

#[test]
fn a_list_in_another_slot_mends_itself_but_spares_what_is_new_to_it() {
    let Some(cluster) = &*CLUSTER else { return };
    run(async {
        let store = store_of(cluster).await;
        let subject = sample::subject("ada of the lists");
        let (kept, lost) = (
            put(&store, &ada("ada of the lists")).await,
            put(&store, &ada("ada of the lists")).await,
        );
        let is_listed = |key: &StoreKey| {
            let member = name(key).replace("abiding:s:", "");
            let lists = lists(cluster);
            let score = |list: &String| command(cluster, "ZSCORE", list, &[member.as_bytes()]);
            lists.iter().any(|list| score(list) != Reply::Nil)
        };
        let listed = async || {
            let listed = store.of_subject(&subject, at(1)).await.unwrap();
            listed.iter().map(|found| found.key).collect::<Vec<_>>()
        };
        command(cluster, "DEL", &name(&lost), &[]);
        // Its row might be on the way.
        assert_eq!(listed().await, [kept]);
        assert!(is_listed(&lost) && is_listed(&kept));
        let new = format!("+{}", name(&lost).replace("abiding:s:", ""));
        for list in lists(cluster) {
            command(cluster, "ZADD", &list, &[b"XX", b"-1", new.as_bytes()]);
        }
        assert_eq!(listed().await, [kept]);
        assert!(!is_listed(&lost) && is_listed(&kept));
        assert_eq!(store.end_subject(&subject, None, at(1)).await.unwrap(), 1);
        assert!(!is_listed(&kept));
    });
}

#[test]
fn requests_that_are_answered_by_many_servers_are_never_mixed_up() {
    let Some(cluster) = &*CLUSTER else { return };
    run(async {
        let store = std::sync::Arc::new(store_of(cluster).await);
        let mut keys = vec![];
        for number in 0..32 {
            let record = sample::record(at(0), at(LIFE), &[("whose", &number.to_string())]);
            keys.push(put(&*store, &record).await);
        }
        let tasks = keys.into_iter().enumerate().map(|(number, key)| {
            let store = std::sync::Arc::clone(&store);
            tokio::spawn(async move {
                let whose = number.to_string();
                for round in 0..50 {
                    // Polled some times and dropped.
                    let mut given_up = Box::pin(store.load(&key, at(1)));
                    for _ in 0..(number + round) % 5 {
                        let mut once = std::pin::pin!(tokio::task::yield_now());
                        tokio::select! { biased; _ = &mut given_up => break, () = &mut once => {} }
                    }
                    drop(given_up);
                    store
                        .commit(&key, &set(&format!("{round}"), "1"), Expect::Any, at(1))
                        .await
                        .unwrap();
                    let found = store.load(&key, at(1)).await.unwrap().unwrap();
                    let values = sample::values(&found.record);
                    assert_eq!((found.key, &values["whose"]), (key, &whose));
                    assert_eq!(values.len(), 2 + round);
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

#[test]
fn a_cluster_and_a_single_server_are_told_apart() {
    let (Some(cluster), Some(single)) = (&*CLUSTER, RedisServer::new()) else {
        return;
    };
    let one = cluster.servers()[0].url();
    let cases = [
        (one, "write `redis+cluster://` in its URL"),
        (
            single.url().replace("redis://", "redis+cluster://"),
            "is no cluster: write `redis://` in its URL",
        ),
        (
            format!("redis+cluster://:secret@{}/3", single.address()),
            "the URL of the Redis server is not one",
        ),
        (
            format!(
                "redis+cluster://:secret@127.0.0.1:{}/",
                abiding_testkit::servers::free_port()
            ),
            "cannot be reached",
        ),
        (
            cluster.url().replace("cluster://", "cluster://ada:secret@"),
            "refused the user name or the password",
        ),
    ];
    run(async {
        for (url, expected) in cases {
            let options = RedisOptions::new(url).patience(Duration::from_secs(10));
            let error = options.open().await.unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    });
}

#[test]
#[cfg(feature = "redis-tls")]
fn every_server_of_a_cluster_is_trusted_by_its_certificate_alone() {
    let Some((cluster, certificate)) = RedisCluster::secured() else {
        return;
    };
    run(async {
        let options = || RedisOptions::new(cluster.url()).patience(Duration::from_secs(60));
        let store = options()
            .root_certificates(&*certificate)
            .open()
            .await
            .unwrap();
        let mut keys = vec![];
        for number in 0..24 {
            keys.push(put(&store, &ada(&number.to_string())).await);
        }
        for key in &keys {
            let (to, leave) = (sample::key(), Leave::Alias(at(100)));
            let change = set("b", "2");
            let moved = store.rotate(key, &to, &change, Expect::Any, leave, at(1));
            moved.await.unwrap();
            assert_eq!(store.load(key, at(1)).await.unwrap().unwrap().key, to);
        }
        let error = options().open().await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("a certificate that is not trusted"),
            "{error}"
        );
    });
}

#[test]
#[cfg(feature = "flask")]
fn the_sessions_of_flask_session_are_refused_where_they_cannot_be_moved() {
    let Some(cluster) = &*CLUSTER else { return };
    let settings = abiding::FlaskSession::new();
    let options = RedisOptions::new(cluster.url()).patience(Duration::from_secs(60));
    let opened = abiding_stores::flask_session::FlaskStore::redis(options, &settings);
    let error = run(opened).map(drop).unwrap_err();
    assert!(
        error.to_string().contains("use one server, or Sentinels"),
        "{error}"
    );
}

#[test]
fn a_user_of_a_cluster_needs_what_the_documentation_says() {
    let Some(cluster) = &*CLUSTER else { return };
    let documented = "+ping +info +config|get +get +mget +scan +zrange +zrem +del +eval +evalsha \
         +exists +set +setrange +pexpire +persist +zadd +zremrangebyscore +cluster|slots +asking +time +zscore";
    let module = include_str!("../../../src/redis/mod.rs").replace("\n//!", "");
    for permission in documented.split_whitespace() {
        assert!(module.contains(permission), "{permission}");
    }
    let mut user = vec!["ACL", "SETUSER", "able", "on", ">secret", "~abiding:*"];
    user.extend(documented.split_whitespace());
    for server in cluster.servers() {
        assert_eq!(server.command(&user).text(), "OK");
    }
    run(async {
        let url = cluster
            .url()
            .replace("cluster://", "cluster://able:secret@");
        let options = RedisOptions::new(url).patience(Duration::from_secs(60));
        let store = options.open().await.unwrap();
        let key = put(&store, &ada("able")).await;
        store.touch(&key, at(LIFE), at(1)).await.unwrap();
        let to = sample::key();
        let leave = Leave::Snapshot(at(100));
        store
            .rotate(&key, &to, &set("a", "2"), Expect::Any, leave, at(1))
            .await
            .unwrap();
        command(cluster, "DEL", &name(&key), &[]);
        let subject = sample::subject("able");
        assert_eq!(store.of_subject(&subject, at(1)).await.unwrap().len(), 1);
        store.sweep(at(1), 10).await.unwrap();
        assert_eq!(store.end_subject(&subject, None, at(1)).await.unwrap(), 1);
        store.delete(&key, None, at(1)).await.unwrap();
    });
}
