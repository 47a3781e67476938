//! Round trips, counted on the way to the server, and memory, told by the server.

use super::*;

#[test]
fn every_kind_of_request_costs_the_round_trips_that_the_documentation_says() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let proxy = Proxy::to(server.address());
        let clock = ManualClock::new();
        let mut browser = Browser::of(store_behind(&proxy).await, &clock);
        let mut told = vec![];
        let mut trips = 0;
        macro_rules! costs {
            ($what:literal, $expected:literal, $act:expr) => {
                let before = proxy.sent();
                browser.request($act).await;
                trips += proxy.sent() - before;
                told.push(($what, trips, $expected));
                #[allow(unused_assignments, reason = "the last one is read by nobody")]
                {
                    trips = 0;
                }
            };
        }
        // The server is told each script once.
        browser
            .request(async |session| session.insert("warm", "up").unwrap())
            .await;
        browser
            .request(async |session| session.insert("warm", "er").unwrap())
            .await;
        browser
            .request(async |session| session.login("ada").unwrap())
            .await;
        browser.request(async |session| session.logout()).await;

        costs!("no-op", 0, async |_| {});
        costs!("new", 1, async |session| session.insert("a", "1").unwrap());
        costs!("read", 1, async |session| {
            assert_eq!(
                session.get::<String>("a").await.unwrap().as_deref(),
                Some("1")
            );
        });
        costs!(
            "write of what this process wrote last",
            1,
            async |session| {
                session.insert("a", "2").unwrap();
            }
        );
        costs!("read, then write", 2, async |session| {
            session.get::<String>("a").await.unwrap();
            session.insert("a", "3").unwrap();
        });
        costs!("update", 2, async |session| {
            session
                .update("n", |n: Option<u32>| n.unwrap_or(0) + 1)
                .await
                .unwrap();
        });
        costs!("sign-in", 2, async |session| {
            session.get::<String>("a").await.unwrap();
            session.login("ada").unwrap();
        });
        costs!("sign-out", 2, async |session| {
            session.get::<String>("a").await.unwrap();
            session.logout();
        });
        for (what, trips, expected) in told {
            assert_eq!(trips, expected, "{what}");
        }
    });
}

/// With the default policy, which idles out after half an hour: one that is there all the time costs a write now and then.
#[test]
fn an_hour_of_steady_use_costs_a_touch_for_twenty_requests_at_most() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let proxy = Proxy::to(server.address());
        let clock = ManualClock::new();
        let mut browser = Browser::of(store_behind(&proxy).await, &clock);
        browser
            .request(async |session| session.insert("a", "1").unwrap())
            .await;
        // The server is told the script once.
        clock.advance(Duration::from_secs(1_200));
        browser
            .request(async |session| drop(session.get::<String>("a").await.unwrap()))
            .await;
        let (before, mut requests) = (proxy.sent(), 0);
        while requests < 360 {
            clock.advance(Duration::from_secs(10));
            browser
                .request(async |session| {
                    assert!(session.get::<String>("a").await.unwrap().is_some());
                })
                .await;
            requests += 1;
        }
        // One round trip for each to read; whatever is more is a touch.
        let touches = proxy.sent() - before - requests;
        assert!((1..=requests / 20).contains(&touches), "{touches}");
        println!("{touches} touches for {requests} requests");
    });
}

#[test]
fn a_write_that_another_process_interrupted_costs_one_more_trip_and_loses_nothing() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let proxy = Proxy::to(server.address());
        let (one, other) = (store_behind(&proxy).await, store(&server).await);
        let key = put(&one, &record()).await;
        one.commit(&key, &set("warm", "up"), abiding::store::Expect::Any, at(1))
            .await
            .unwrap();
        other
            .commit(&key, &set("b", "2"), abiding::store::Expect::Any, at(1))
            .await
            .unwrap();
        let before = proxy.sent();
        one.commit(&key, &set("c", "3"), abiding::store::Expect::Any, at(1))
            .await
            .unwrap();
        assert_eq!(proxy.sent() - before, 2);
        let found = one.load(&key, at(1)).await.unwrap().unwrap();
        assert_eq!(sample::values(&found.record).len(), 4);
    });
}

#[test]
fn a_session_takes_little_more_memory_than_a_plain_string_of_its_size() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let store = store(&server).await;
        let text = "x".repeat(1_000);
        let record = sample::record(at(0), at(LIFE), &[("text", &text)]);
        let key = put(&store, &record).await;
        let plain = "p".repeat(name(&key).len());
        server.command(&[
            "SET",
            &plain,
            &"x".repeat(record.payload.len()),
            "PX",
            "100000",
        ]);
        let memory = |name: &str| server.command(&["MEMORY", "USAGE", name]).integer();
        let ratio = memory(&name(&key)) as f64 / memory(&plain) as f64;
        assert!(ratio <= 1.15, "{ratio}");
    });
}
