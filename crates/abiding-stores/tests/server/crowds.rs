//! Many at once: tasks, stores, processes, and requests that are gone before they are answered.
//!
//! Compiled once for each server that keeps one record under one key, over what its own tests begin with.

use std::{
    env,
    process::{Command, Stdio},
    sync::Arc,
};

use abiding::{
    Store, StoreKey,
    store::{Committed, Expect, sample},
};

use super::{LIFE, Server, at, patient, put, run, set, store};

/// Every answer belongs to the question, also while questions are given up at every moment.
#[test]
fn requests_that_are_given_up_never_mix_up_the_answers_of_others() {
    let Some(server) = Server::new() else {
        return;
    };
    run(async {
        let store = Arc::new(store(&server).await);
        let mut keys = vec![];
        for number in 0..32 {
            let record = sample::record(at(0), at(LIFE), &[("whose", &number.to_string())]);
            keys.push(put(&*store, &record).await);
        }
        let keys = Arc::new(keys);
        let tasks = (0..32).map(|number: usize| {
            let (store, keys) = (Arc::clone(&store), Arc::clone(&keys));
            tokio::spawn(async move {
                let (own, whose) = (keys[number], number.to_string());
                for round in 0..200 {
                    let polls = (number + round) % 7;
                    // Polled some times and dropped: a load, or a write to one's own.
                    let mut given_up = Box::pin(async {
                        if round % 2 == 0 {
                            drop(store.load(&keys[round % 32], at(1)).await);
                        } else {
                            drop(
                                store
                                    .commit(&own, &set("given up", "1"), Expect::Any, at(1))
                                    .await,
                            );
                        }
                    });
                    for _ in 0..polls {
                        let mut once = std::pin::pin!(tokio::task::yield_now());
                        tokio::select! { biased; () = &mut given_up => break, () = &mut once => {} }
                    }
                    drop(given_up);
                    let found = store.load(&own, at(1)).await.unwrap().unwrap();
                    assert_eq!(found.key, own);
                    assert_eq!(
                        sample::value(&found.record, "whose").as_deref(),
                        Some(&*whose)
                    );
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

const ROLE: &str = "ABIDING_TEST_ROLE";
const URL: &str = "ABIDING_TEST_URL";
const KEY: &str = "ABIDING_TEST_KEY";

/// What a process of [`no_write_of_several_processes_is_lost`] does; in the parent, nothing.
#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "a child is told what to do by its environment"
)]
fn child() {
    let (Ok(role), Ok(url), Ok(key)) = (env::var(ROLE), env::var(URL), env::var(KEY)) else {
        return;
    };
    let bytes: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let key = StoreKey::from_bytes(bytes.try_into().unwrap());
    run(async {
        // The machine may have other things to do than to let five hundred writers queue up.
        let store = Arc::new(patient(&url).await);
        let tasks = (0..WRITES).map(|number| {
            let (store, role) = (Arc::clone(&store), role.clone());
            tokio::spawn(async move {
                let change = set(&format!("{role} {number}"), "1");
                let committed = store
                    .commit(&key, &change, Expect::Any, at(1))
                    .await
                    .unwrap();
                assert!(matches!(committed, Committed::Yes(_)));
            })
        });
        let tasks: Vec<_> = tasks.collect();
        for _ in 0..WRITES {
            increment(&*store, &key).await;
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// One more, computed from what was read.
async fn increment(store: &impl Store, key: &StoreKey) {
    let mut found = store.load(key, at(1)).await.unwrap().unwrap();
    loop {
        let count: u32 = sample::value(&found.record, "count")
            .unwrap()
            .parse()
            .unwrap();
        let change = set("count", &(count + 1).to_string());
        match store
            .commit(key, &change, Expect::Version(found.record.version), at(1))
            .await
            .unwrap()
        {
            Committed::Yes(_) => return,
            Committed::Stale(present) => found = present,
            other => panic!("{other:?}"),
        }
    }
}

const PROCESSES: usize = 4;
const WRITES: usize = 125;

#[test]
fn no_write_of_several_processes_is_lost() {
    let Some(server) = Server::new() else {
        return;
    };
    run(async {
        let store = store(&server).await;
        let key = put(&store, &sample::record(at(0), at(LIFE), &[("count", "0")])).await;
        let start = |number: usize| {
            Command::new(env::current_exe().unwrap())
                .args([
                    "--exact",
                    "crowds::child",
                    "--nocapture",
                    "--test-threads=1",
                ])
                .env(ROLE, number.to_string())
                .env(URL, server.url())
                .env(KEY, key.to_hex())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        };
        let children: Vec<_> = (0..PROCESSES).map(start).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        let found = store.load(&key, at(1)).await.unwrap().unwrap();
        let values = sample::values(&found.record);
        assert_eq!(values.len(), 1 + PROCESSES * WRITES);
        assert_eq!(values["count"], (PROCESSES * WRITES).to_string());
        assert_eq!(
            found.record.version.number(),
            1 + 2 * (PROCESSES * WRITES) as u64
        );
    });
}
