//! Sessions whose beginning is cut off, and keys that two want at once.

use abiding::store::Subjects as _;
use abiding_testkit::servers::Cut;

use super::*;

fn said_by(who: &str) -> Record {
    sample::record_of("ada", at(0), at(LIFE), &[("by", who)])
}

/// Who made the session that counts under `key`.
async fn owner(store: &MemcachedStore, key: &StoreKey) -> Option<String> {
    let found = store.load(key, at(1)).await.unwrap()?;
    sample::values(&found.record).remove("by")
}

/// A move that is killed copies the session again under the same key: whatever was done by then, the second
/// attempt is done, or finds that the first was.
#[test]
fn a_beginning_that_is_cut_off_at_any_byte_can_be_made_again() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let (proxy, direct) = (Proxy::to(server.address()), store(&server).await);
        let ada = sample::subject("ada");
        let (mut halves, mut wholes) = (0, 0);
        for cut in (0..800).step_by(37) {
            let (key, store) = (sample::key(), store_behind(&proxy).await);
            proxy.cut(Cut::AfterSent(cut));
            let first = store.create(&key, &said_by("first"), at(0)).await;
            drop(store);
            let is_there = server.command(&format!("mg {} k", name(&key))) != "EN";
            let counted = owner(&direct, &key).await;
            halves += usize::from(is_there && counted.is_none());
            wholes += usize::from(counted.is_some());
            assert!(counted.is_some() || first.is_err(), "{cut}: {first:?}");
            let second = direct.create(&key, &said_by("second"), at(0)).await;
            let expected = match counted {
                Some(_) => (Created::KeyTaken, "first"),
                None => (Created::Yes, "second"),
            };
            let owner = owner(&direct, &key).await;
            assert_eq!(
                (second.unwrap(), owner.as_deref()),
                (expected.0, Some(expected.1)),
                "cut after {cut} bytes"
            );
            let listed = direct.of_subject(&ada, at(1)).await.unwrap();
            assert!(listed.iter().any(|found| found.key == key), "{cut}");
            assert_eq!(direct.end_subject(&ada, None, at(1)).await.unwrap(), 1);
        }
        assert!(halves > 3 && wholes > 3, "{halves} halves, {wholes} wholes");
    });
}

/// However they meet, also over the remains of a third, and while the list changes under their hands.
#[test]
fn of_two_who_want_one_key_exactly_one_has_it() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let names = ["first", "second", "third"];
        let (proxy, mut stores) = (Proxy::to(server.address()), Vec::new());
        for _ in names {
            stores.push(store(&server).await);
        }
        for round in 0..150 {
            let key = sample::key();
            if round % 2 == 0 {
                let broken = store_behind(&proxy).await;
                // After the row, before the list.
                proxy.cut(Cut::AfterReceived(0));
                broken
                    .create(&key, &said_by("nobody"), at(0))
                    .await
                    .unwrap_err();
                assert_eq!(owner(&stores[0], &key).await, None);
            }
            let wants = async |at_store: usize| {
                let record = said_by(names[at_store]);
                stores[at_store].create(&key, &record, at(0)).await.unwrap()
            };
            let others = async {
                for _ in 0..3 {
                    put(&stores[0], &said_by("another")).await;
                    stores[1]
                        .of_subject(&sample::subject("ada"), at(1))
                        .await
                        .unwrap();
                }
            };
            let (first, second, third, ()) = tokio::join!(wants(0), wants(1), wants(2), others);
            let created = [first, second, third].map(|created| created == Created::Yes);
            let winners = names.iter().zip(created).filter(|(_, won)| *won);
            let [(winner, _)] = winners.collect::<Vec<_>>()[..] else {
                panic!("round {round}: {created:?}");
            };
            assert_eq!(
                owner(&stores[2], &key).await.as_deref(),
                Some(*winner),
                "round {round}"
            );
            let ada = sample::subject("ada");
            assert_eq!(stores[0].end_subject(&ada, None, at(1)).await.unwrap(), 4);
        }
    });
}
