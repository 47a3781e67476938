//! Servers that are not what they should be: an error that names the server and the remedy, and nothing overwritten.

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use abiding::ErrorKind;
use abiding_testkit::servers::free_port;

use super::*;

async fn refused(options: MemcachedOptions) -> String {
    let error = options
        .patience(Duration::from_millis(500))
        .open()
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.operation()),
        (ErrorKind::Unavailable, "open")
    );
    error.to_string()
}

#[test]
fn servers_that_cannot_work_are_refused_with_the_remedy() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    // Something that answers, in another language.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let other = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 100]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let options = |place: String| MemcachedOptions::new(&format!("memcached://{place}")).unwrap();
    run(async {
        let nobody = free_port();
        let told = refused(options(format!("127.0.0.1:{nobody}"))).await;
        assert!(
            told.contains(&format!("127.0.0.1:{nobody} cannot be reached")),
            "{told}"
        );
        let told = refused(options(other.to_string())).await;
        assert!(told.contains(&other.to_string()), "{told}");
        let ours = || options(server.address().to_string());
        let told = refused(ours().refuse_eviction()).await;
        assert!(told.contains("start it with `-M`"), "{told}");
        let told = refused(ours().prefix("two words")).await;
        assert!(told.contains("without a blank"), "{told}");
    });
    let Some(server) = MemcachedServer::with(&["-M"]) else {
        return;
    };
    run(async {
        let options = options(server.address().to_string()).refuse_eviction();
        assert!(!options.open().await.unwrap().capabilities().evicts);
    });
}

/// Somebody else's value, a damaged row, a row of a newer release: an error, and it stays as it is.
#[test]
fn what_this_library_did_not_write_is_an_error_and_is_left_alone() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let store = store(&server).await;
        let key = put(&store, &record()).await;
        let whole = server.value(&name(&key)).unwrap();
        let mut newer = whole.clone();
        newer[0] = 2;
        for foreign in [&b"hello"[..], b"", &whole[..60], &newer] {
            let key = sample::key();
            server.set(&name(&key), foreign);
            let results = [
                store.load(&key, at(1)).await.map(drop),
                commit(&store, &key, &set("a", "1")).await.map(drop),
                store.touch(&key, at(LIFE), at(1)).await.map(drop),
                store.delete(&key, None, at(1)).await.map(drop),
            ];
            for result in results {
                assert_eq!(result.unwrap_err().kind(), ErrorKind::Corrupt);
            }
            let created = store.create(&key, &record(), at(0)).await.unwrap();
            assert_eq!(created, Created::KeyTaken);
            assert_eq!(server.value(&name(&key)).as_deref(), Some(foreign));
        }
        // A list that cannot be read hides nobody's sessions and signs nobody in.
        let key = put(&store, &of_ada()).await;
        server.set(&list_of("ada"), b"hello");
        let error = store.load(&key, at(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let created = store.create(&sample::key(), &of_ada(), at(0)).await;
        assert_eq!(created.unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(
            server.value(&list_of("ada")).as_deref(),
            Some(&b"hello"[..])
        );
    });
}

/// A meta set that does not fit takes away what was there; that is why the store uses none.
#[test]
fn a_session_that_outgrows_an_item_is_refused_and_stays_as_it_was() {
    let Some(server) = MemcachedServer::new() else {
        return;
    };
    run(async {
        let builder = Manager::builder(store(&server).await).size_limit(4 * 1024 * 1024);
        let builder = builder.keys(KeyRing::generate().unwrap()).subjects();
        let mut browser = Browser {
            manager: builder.build().unwrap(),
            cookie: None,
        };
        browser
            .request(async |session| session.insert("a", "1").unwrap())
            .await;
        let large = "x".repeat(1_100_000);
        for signs_in in [false, true] {
            for rotates in [false, true] {
                let session = browser.open();
                session.insert("large", &large).unwrap();
                if rotates {
                    session.renew();
                }
                let error = browser.manager.close(&session, false).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TooLarge);
                assert!(error.to_string().contains("`-I 2m`"), "{error}");
                let session = browser.open();
                assert_eq!(
                    session.get::<String>("a").await.unwrap().as_deref(),
                    Some("1")
                );
                assert_eq!(session.get::<String>("large").await.unwrap(), None);
            }
            if !signs_in {
                browser
                    .request(async |session| session.login("ada").unwrap())
                    .await;
            }
        }
        // And there is nothing in the way of what fits.
        browser
            .request(async |session| session.insert("b", "2").unwrap())
            .await;
        let session = browser.open();
        assert_eq!(
            session.get::<String>("b").await.unwrap().as_deref(),
            Some("2")
        );
    });
}
