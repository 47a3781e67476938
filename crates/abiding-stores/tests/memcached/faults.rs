//! Servers that die, connections that break, replies that never come.

use abiding::{
    ErrorKind,
    store::{Deleted, Subjects},
};
use abiding_testkit::servers::Cut;

use super::*;

#[test]
fn the_death_of_the_server_ends_every_session_and_the_store_goes_on() {
    let Some(mut server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let store = store(&server).await;
        assert!(!store.capabilities().durable && store.capabilities().shared);
        let (key, signed_in) = (put(&store, &record()).await, put(&store, &of_ada()).await);
        server.kill();
        server.start();
        // Without anybody's help: the store connects anew.
        for key in [&key, &signed_in] {
            assert!(store.load(key, at(1)).await.unwrap().is_none());
            assert_eq!(
                commit(&store, key, &set("a", "2")).await.unwrap(),
                Committed::Gone
            );
            assert_eq!(
                store.delete(key, None, at(1)).await.unwrap(),
                Deleted::Absent
            );
        }
        put(&store, &of_ada()).await;
        let listed = store
            .of_subject(&sample::subject("ada"), at(1))
            .await
            .unwrap();
        assert_eq!(listed.len(), 1);
    });
}

/// A server that was started anew counts from the beginning, and what was read before may have the number of something
/// else now: of what somebody else has put under the same key, as notes are.
#[test]
fn what_was_read_before_a_restart_is_never_compared_with_what_came_after() {
    let Some(mut server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let store = store(&server).await;
        let key = sample::key();
        let old = sample::record(at(0), at(LIFE), &[("old", "1")]);
        assert_eq!(store.create(&key, &old, at(0)).await.unwrap(), Created::Yes);
        assert!(store.load(&key, at(1)).await.unwrap().is_some());
        let before = server.command(&format!("mg {} c", name(&key)));
        server.kill();
        server.start();
        let new = sample::record(at(0), at(LIFE), &[("new", "1")]);
        let other = self::store(&server).await;
        assert_eq!(other.create(&key, &new, at(0)).await.unwrap(), Created::Yes);
        assert_eq!(
            server.command(&format!("mg {} c", name(&key))),
            before,
            "another number"
        );
        let mut committed = commit(&store, &key, &set("late", "1")).await;
        if let Err(error) = &committed {
            // It was sent before the end of the connection was heard of.
            let told = error.to_string();
            assert!(told.contains("may have been done or not"), "{told}");
            committed = commit(&store, &key, &set("late", "1")).await;
        }
        assert!(matches!(committed, Ok(Committed::Yes(_))), "{committed:?}");
        let found = other.load(&key, at(1)).await.unwrap().unwrap();
        let values = sample::values(&found.record);
        assert_eq!(values.keys().collect::<Vec<_>>(), ["late", "new"]);
    });
}

#[test]
fn a_short_absence_of_the_server_is_an_error_for_nobody_who_reads() {
    let Some(mut server) = MemcachedServer::new() else {
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
        assert!(found.unwrap().is_none());
    });
}

/// A connection that breaks at any byte, there or back: a write is there as a whole or not at all, what was
/// acknowledged is there, and whoever comes next is served.
#[test]
fn a_connection_cut_at_any_byte_leaves_whole_writes_and_a_store_that_goes_on() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let proxy = Proxy::to(server.address());
        let (store, direct) = (store_behind(&proxy).await, store(&server).await);
        for record in [record(), of_ada()] {
            let key = put(&store, &record).await;
            let (mut lost, mut kept) = (0, 0);
            let cuts = (0..500).step_by(23).map(Cut::AfterSent);
            let back = [0, 2, 5].map(Cut::AfterReceived);
            for (number, cut) in cuts.chain(back).enumerate() {
                // So that the write is one trip.
                assert!(store.load(&key, at(1)).await.unwrap().is_some());
                let (x, y) = (format!("x {number}"), format!("y {number}"));
                let change = sample::change(at(1), &[(&x, "1"), (&y, "1")], &[]);
                proxy.cut(cut);
                let committed = commit(&store, &key, &change).await;
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
                        let told = error.to_string();
                        assert!(told.contains("may have been done or not"), "{told}");
                        *if values.contains_key(&x) {
                            &mut kept
                        } else {
                            &mut lost
                        } += 1;
                    }
                }
                // Whoever comes next neither waits for the other's answer nor gets it.
                let found = store.load(&key, at(1)).await.unwrap().unwrap();
                assert_eq!(found.record, after);
            }
            assert!(
                lost > 5 && kept > 0,
                "{lost} cut on the way there, {kept} on the way back"
            );
        }
    });
}

#[test]
fn a_read_whose_reply_was_lost_is_made_again() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let proxy = Proxy::to(server.address());
        let store = store_behind(&proxy).await;
        let key = put(&store, &of_ada()).await;
        let back = [0, 1, 20, 100].map(Cut::AfterReceived);
        for cut in back.into_iter().chain([0, 30].map(Cut::AfterSent)) {
            proxy.cut(cut);
            assert!(store.load(&key, at(1)).await.unwrap().is_some(), "{cut:?}");
        }
        assert_eq!(proxy.cuts(), 6);
    });
}

#[test]
fn a_lost_reply_of_a_write_makes_no_later_one_overwrite_anything() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let proxy = Proxy::to(server.address());
        let (store, other) = (store_behind(&proxy).await, store(&server).await);
        let key = put(&store, &record()).await;
        assert!(store.load(&key, at(1)).await.unwrap().is_some());
        proxy.cut(Cut::AfterReceived(0));
        assert!(commit(&store, &key, &set("x", "1")).await.is_err());
        commit(&other, &key, &set("x", "2")).await.unwrap();
        commit(&store, &key, &set("y", "1")).await.unwrap();
        let found = other.load(&key, at(1)).await.unwrap().unwrap();
        let values = sample::values(&found.record);
        assert_eq!((&*values["x"], &*values["y"]), ("2", "1"));
    });
}

#[test]
fn a_server_that_hangs_is_an_error_within_the_patience_and_is_used_again_afterwards() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let options = MemcachedOptions::new(&server.url()).unwrap();
        let store = options
            .patience(Duration::from_millis(300))
            .open()
            .await
            .unwrap();
        let key = put(&store, &record()).await;
        server.process().stop();
        let load = tokio::time::timeout(Duration::from_secs(30), store.load(&key, at(1)));
        let error = load.await.expect("a load that waits for ever").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let told = error.to_string();
        assert!(
            told.starts_with("load: the memcached at 127.0.0.1:"),
            "{told}"
        );
        assert!(commit(&store, &key, &set("a", "2")).await.is_err());
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
fn a_server_that_is_down_is_asked_again_at_growing_intervals_only() {
    let Some(mut server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let proxy = Proxy::to(server.address());
        let options = MemcachedOptions::new(&format!("memcached://{}", proxy.address())).unwrap();
        let store = options
            .patience(Duration::from_millis(700))
            .open()
            .await
            .unwrap();
        let key = put(&store, &record()).await;
        server.kill();
        let before = tokio::time::Instant::now();
        let loads = (0..50).map(|_| store.load(&key, at(1)));
        let mut failed = 0;
        for load in loads.map(Box::pin).collect::<Vec<_>>() {
            failed += usize::from(load.await.is_err());
            if before.elapsed() > Duration::from_secs(3) {
                break;
            }
        }
        assert!(failed >= 3, "a dead server answered");
        server.start();
        assert!(store.load(&key, at(1)).await.is_ok());
    });
}
