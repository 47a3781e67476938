//! A primary that dies under load, and Sentinels that put another in its place.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use abiding::store::{Committed, Expect, Subjects};
use abiding_testkit::servers::{free_port, redis::RedisSentinels};

use super::*;

const WRITERS: usize = 8;

#[test]
fn a_failover_under_load_loses_nothing_that_was_acknowledged_and_revives_nothing() {
    let Some(mut servers) = RedisSentinels::new() else {
        return;
    };
    let options = RedisOptions::new(servers.url()).replicas(1);
    let options = options.patience(Duration::from_secs(20));
    let store = Arc::new(run(options.open()).unwrap());
    for round in 0..2 {
        let (key, ended, ada) = run(async {
            let key = put(&*store, &record()).await;
            let ended = put(&*store, &sample::record_of("ada", at(0), at(LIFE), &[])).await;
            let kept = put(&*store, &sample::record_of("ada", at(0), at(LIFE), &[])).await;
            store.delete(&ended, None, at(1)).await.unwrap();
            (key, ended, kept)
        });
        let (over, acknowledged) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (store, over) = (Arc::clone(&store), Arc::clone(&over));
                let acknowledged = Arc::clone(&acknowledged);
                RUNTIME.spawn(async move {
                    let mut kept = vec![];
                    for write in 0.. {
                        if over.load(Ordering::SeqCst) || write == 200 {
                            break;
                        }
                        let name = format!("{writer} {write}");
                        match store
                            .commit(&key, &set(&name, "1"), Expect::Any, at(1))
                            .await
                        {
                            Ok(Committed::Yes(_)) => kept.push(name),
                            Ok(other) => panic!("{other:?}"),
                            // What was under way when the primary died: done or not, and not acknowledged.
                            Err(error) => assert!(error.is_transient(), "{error}"),
                        }
                        acknowledged.store(kept.len(), Ordering::SeqCst);
                    }
                    kept
                })
            })
            .collect();
        while acknowledged.load(Ordering::SeqCst) < 5 {
            thread::yield_now();
        }
        servers.kill_primary();
        run(async {
            // The first one to succeed has found the new primary.
            assert!(store.load(&key, at(1)).await.unwrap().is_some());
            over.store(true, Ordering::SeqCst);
            let mut kept = vec![];
            for writer in writers {
                kept.extend(writer.await.unwrap());
            }
            let values = sample::values(&store.load(&key, at(1)).await.unwrap().unwrap().record);
            let lost: Vec<_> = kept
                .iter()
                .filter(|name| !values.contains_key(*name))
                .collect();
            assert!(
                lost.is_empty(),
                "round {round}: {} of {} lost",
                lost.len(),
                kept.len()
            );
            assert!(kept.len() > WRITERS);
            assert_eq!(store.load(&ended, at(1)).await.unwrap(), None);
            let listed = store
                .of_subject(&sample::subject("ada"), at(1))
                .await
                .unwrap();
            assert!(listed.iter().any(|found| found.key == ada));
        });
        servers.mend();
    }
}

#[test]
fn a_write_that_no_replica_confirms_is_an_error_that_says_so() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        let options = RedisOptions::new(server.url()).replicas(1);
        let store = options
            .patience(Duration::from_secs(3))
            .open()
            .await
            .unwrap();
        let error = store
            .create(&sample::key(), &record(), at(0))
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("0 of 1 replicas confirmed it"),
            "{error}"
        );
        assert_eq!(store.load(&sample::key(), at(0)).await.unwrap(), None);
    });
}

#[test]
fn a_service_that_no_sentinel_knows_is_named_as_the_mistake() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    run(async {
        // A server that is no Sentinel at all, and places where nobody is.
        let url = format!("redis+sentinel://:secret@{}/shop", server.address());
        let options = RedisOptions::new(url).patience(Duration::from_millis(500));
        let error = options.open().await.unwrap_err();
        assert!(error.to_string().contains("/shop"), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"));
    });
}

/// One of the Sentinels was left behind, and names a server that is gone; the next one knows better.
#[test]
fn a_sentinel_that_names_a_server_that_is_gone_keeps_nobody_from_the_primary() {
    let Some(server) = RedisServer::new() else {
        return;
    };
    let gone = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let (stale, right) = (sentinel_naming(gone), sentinel_naming(server.address()));
    let url = format!("redis+sentinel://{stale},{right}/sessions");
    run(async {
        let store = RedisStore::open(url).await.unwrap();
        let key = put(&store, &record()).await;
        for _ in 0..3 {
            server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
            assert!(store.load(&key, at(1)).await.unwrap().is_some());
        }
    });
}

/// Answers whatever it is asked as a Sentinel that knows this primary.
fn sentinel_naming(primary: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer_as_sentinel(&stream, primary));
        }
    });
    address
}

fn answer_as_sentinel(mut stream: &TcpStream, primary: SocketAddr) -> Option<()> {
    let mut asked = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        let length = asked
            .read_line(&mut line)
            .ok()
            .filter(|length| *length > 0)?;
        line.truncate(length);
        Some(line.trim_end().to_owned())
    };
    loop {
        let parts: usize = line()?.strip_prefix('*')?.parse().ok()?;
        let mut words = vec![];
        for _ in 0..parts {
            line()?;
            words.push(line()?);
        }
        let (host, port) = (primary.ip().to_string(), primary.port().to_string());
        let reply = match &*words[0] {
            "SENTINEL" => format!(
                "*2\r\n${}\r\n{host}\r\n${}\r\n{port}\r\n",
                host.len(),
                port.len()
            ),
            _ => "+OK\r\n".to_owned(),
        };
        stream.write_all(reply.as_bytes()).ok()?;
    }
}
