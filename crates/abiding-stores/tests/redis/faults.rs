//! Servers that die, connections that break, replies that never come.

use std::time::Duration;

use abiding::{
    ErrorKind,
    store::{Committed, Expect, Leave, Subjects, Touched},
};
use abiding_testkit::servers::Cut;

use super::*;

#[test]
fn what_was_acknowledged_outlives_the_death_of_a_server_that_says_it_is_durable() {
    let Some(mut server) = RedisServer::appending("always") else {
        return;
    };
    run(async {
        let store = store(&server).await;
        let capabilities = store.capabilities();
        assert!(capabilities.durable && capabilities.shared && !capabilities.evicts);
        let key = put(&store, &record()).await;
        for round in 0..5 {
            for write in 0..20 {
                let change = set(&format!("{round} {write}"), "1");
                store
                    .commit(&key, &change, Expect::Any, at(1))
                    .await
                    .unwrap();
            }
            server.kill();
            server.start();
            // Without anybody's help: the store connects anew.
            let found = store.load(&key, at(1)).await.unwrap().unwrap();
            assert_eq!(sample::values(&found.record).len(), 1 + 20 * (round + 1));
        }
    });
}

#[test]
fn a_server_that_may_forget_does_not_say_that_it_is_durable() {
    for server in [RedisServer::new(), RedisServer::appending("everysec")] {
        let Some(server) = server else { return };
        assert!(!run(store(&server)).capabilities().durable);
    }
}

#[test]
fn a_short_absence_of_the_server_is_an_error_for_nobody_who_reads() {
    let Some(mut server) = RedisServer::appending("always") else {
        return;
    };
    run(async {
        let store = store(&server).await;
        let key = put(&store, &record()).await;
        server.kill();
        let (found, ()) = tokio::join!(store.load(&key, at(1)), async {
            tokio::task::yield_now().await;
            tokio::task::block_in_place(|| server.start());
        });
        assert!(found.unwrap().is_some());
    });
}

/// A connection that breaks at any byte, there or back: a write is there as a whole or not at all, what was
/// acknowledged is there, and whoever comes next is served.
#[test]
fn a_connection_cut_at_any_byte_leaves_whole_writes_and_a_store_that_goes_on() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let proxy = Proxy::to(server.address());
        let (store, direct) = (store_behind(&proxy).await, store(&server).await);
        let key = put(&store, &record()).await;
        // The server is told the script while nothing is cut.
        let change = set("warm", "up");
        let warm = store.commit(&key, &change, Expect::Any, at(1));
        assert!(matches!(warm.await.unwrap(), Committed::Yes(_)));
        let (mut lost, mut kept) = (0, 0);
        let cuts = (0..400).step_by(23).map(Cut::AfterSent);
        for (number, cut) in cuts
            .chain([Cut::AfterReceived(0), Cut::AfterReceived(2)])
            .enumerate()
        {
            let before = direct.load(&key, at(1)).await.unwrap().unwrap().record;
            let (x, y) = (format!("x {number}"), format!("y {number}"));
            let change = sample::change(at(1), &[(&x, "1"), (&y, "1")], &[]);
            proxy.cut(cut);
            let committed = store.commit(&key, &change, Expect::Any, at(1)).await;
            let after = direct.load(&key, at(1)).await.unwrap().unwrap().record;
            let values = sample::values(&after);
            assert_eq!(
                values.contains_key(&x),
                values.contains_key(&y),
                "half a write: {cut:?}"
            );
            match committed {
                Ok(Committed::Yes(version)) => {
                    assert_eq!((after.version, values.contains_key(&x)), (version, true));
                }
                Ok(other) => panic!("{cut:?}: {other:?}"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unavailable);
                    assert!(
                        error.to_string().contains("may have been done or not"),
                        "{error}"
                    );
                    if values.contains_key(&x) {
                        kept += 1
                    } else {
                        lost += 1
                    }
                    assert!(kept == 0 || after.version.number() <= before.version.number() + 1);
                }
            }
            // Whoever comes next neither waits for the other's answer nor gets it.
            assert_eq!(
                store.load(&key, at(1)).await.unwrap().unwrap().record,
                after
            );
        }
        assert!(
            lost > 5 && kept > 0,
            "{lost} cut on the way there, {kept} on the way back"
        );
        assert!(proxy.cuts() > 10);
    });
}

#[test]
fn a_read_whose_reply_was_lost_is_made_again() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let proxy = Proxy::to(server.address());
        let store = store_behind(&proxy).await;
        let key = put(&store, &record()).await;
        for cut in [0, 1, 20, 100]
            .map(Cut::AfterReceived)
            .into_iter()
            .chain([0, 30].map(Cut::AfterSent))
        {
            proxy.cut(cut);
            assert!(store.load(&key, at(1)).await.unwrap().is_some(), "{cut:?}");
        }
        assert_eq!(proxy.cuts(), 6);
    });
}

#[test]
fn a_lost_reply_of_a_write_makes_no_later_one_overwrite_anything() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let proxy = Proxy::to(server.address());
        let (store, other) = (store_behind(&proxy).await, store(&server).await);
        let key = put(&store, &record()).await;
        store
            .commit(&key, &set("warm", "up"), Expect::Any, at(1))
            .await
            .unwrap();
        proxy.cut(Cut::AfterReceived(0));
        assert!(
            store
                .commit(&key, &set("x", "1"), Expect::Any, at(1))
                .await
                .is_err()
        );
        other
            .commit(&key, &set("x", "2"), Expect::Any, at(1))
            .await
            .unwrap();
        store
            .commit(&key, &set("y", "1"), Expect::Any, at(1))
            .await
            .unwrap();
        let values = sample::values(&other.load(&key, at(1)).await.unwrap().unwrap().record);
        assert_eq!((&*values["x"], &*values["y"]), ("2", "1"));
    });
}

#[test]
fn a_server_that_hangs_is_an_error_within_the_patience_and_is_used_again_afterwards() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let options = RedisOptions::new(server.url()).patience(Duration::from_millis(300));
        let store = options.open().await.unwrap();
        let key = put(&store, &record()).await;
        server.process().stop();
        let load = tokio::time::timeout(Duration::from_secs(30), store.load(&key, at(1)));
        let error = load.await.expect("a load that waits for ever").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(
            error
                .to_string()
                .starts_with("load: the Redis server at redis://127.0.0.1:"),
            "{error}"
        );
        assert!(
            store
                .commit(&key, &set("a", "2"), Expect::Any, at(1))
                .await
                .is_err()
        );
        server.process().resume();
        let mut again = store.load(&key, at(1)).await;
        for _ in 0..100 {
            if again.is_ok() {
                break;
            }
            again = store.load(&key, at(1)).await;
        }
        assert!(again.unwrap().is_some());
    });
}

#[test]
fn scripts_that_the_server_forgot_are_sent_again() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let store = store(&server).await;
        let flush = || server.command(&["SCRIPT", "FLUSH"]);
        let of_ada = sample::record_of("ada", at(0), at(LIFE), &[]);
        flush();
        let key = put(&store, &of_ada).await;
        flush();
        assert!(matches!(
            store
                .commit(&key, &set("a", "2"), Expect::Any, at(1))
                .await
                .unwrap(),
            Committed::Yes(_)
        ));
        flush();
        assert_eq!(
            store.touch(&key, at(LIFE), at(2)).await.unwrap(),
            Touched::Yes
        );
        flush();
        let to = sample::key();
        let change = set("a", "3");
        let rotated = store.rotate(
            &key,
            &to,
            &change,
            Expect::Any,
            Leave::Alias(at(100)),
            at(1),
        );
        assert!(matches!(rotated.await.unwrap(), Committed::Yes(_)));
        flush();
        assert_eq!(
            store
                .end_subject(&sample::subject("ada"), None, at(1))
                .await
                .unwrap(),
            1
        );
        let key = put(&store, &record()).await;
        flush();
        assert_eq!(
            store.delete(&key, None, at(1)).await.unwrap(),
            abiding::store::Deleted::Yes
        );
    });
}
