//! Round trips, counted on the way to the server.

use super::*;

#[test]
fn every_kind_of_request_costs_the_round_trips_that_the_documentation_says() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let proxy = Proxy::to(server.address());
        let clock = ManualClock::new();
        let mut browser = Browser::of(store_behind(&proxy).await, &clock);
        let mut told = vec![];
        macro_rules! costs {
            ($what:literal, $expected:literal, $act:expr) => {
                let before = proxy.sent();
                browser.request($act).await;
                // With what is done when nobody waits any more.
                settled(&proxy).await;
                told.push(($what, proxy.sent() - before, $expected));
            };
        }
        let read = async |session: &abiding::Session| {
            let value = session.get::<String>("a").await.unwrap();
            assert!(value.is_some());
        };
        costs!("no-op", 0, async |_| {});
        costs!("new", 1, async |session| session.insert("a", "1").unwrap());
        costs!("read", 1, read);
        costs!("write of what this process read last", 1, async |session| {
            session.insert("a", "2").unwrap();
        });
        costs!("write of what it wrote last", 2, async |session| {
            session.insert("a", "3").unwrap();
        });
        costs!("read, then write", 2, async |session| {
            read(session).await;
            session.insert("a", "4").unwrap();
        });
        costs!(
            "sign-in, the last two of which nobody waits for",
            7,
            async |session| {
                read(session).await;
                session.login("ada").unwrap();
            }
        );
        costs!(
            "read of a session that is signed in, for the first time",
            2,
            read
        );
        costs!("the second time", 1, read);
        costs!("read, then write, signed in", 2, async |session| {
            read(session).await;
            session.insert("a", "5").unwrap();
        });
        costs!("sign-out", 4, async |session| {
            read(session).await;
            session.logout();
        });
        let wrong: Vec<_> = told
            .iter()
            .filter(|(_, trips, expected)| trips != expected)
            .collect();
        assert!(wrong.is_empty(), "{wrong:?} of {told:?}");
    });
}

/// Waits until nothing is under way that nobody waits for.
#[allow(clippy::disallowed_methods, reason = "there is no event for it")]
async fn settled(proxy: &Proxy) {
    let mut before = usize::MAX;
    while before != proxy.sent() {
        before = proxy.sent();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn a_write_that_another_process_interrupted_costs_two_more_trips_and_loses_nothing() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let proxy = Proxy::to(server.address());
        let (one, other) = (store_behind(&proxy).await, store(&server).await);
        let key = put(&one, &record()).await;
        assert!(one.load(&key, at(1)).await.unwrap().is_some());
        commit(&other, &key, &set("b", "2")).await.unwrap();
        let before = proxy.sent();
        commit(&one, &key, &set("c", "3")).await.unwrap();
        assert_eq!(proxy.sent() - before, 3);
        let found = one.load(&key, at(1)).await.unwrap().unwrap();
        assert_eq!(sample::values(&found.record).len(), 3);
    });
}
