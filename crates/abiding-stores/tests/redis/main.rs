//! What the Redis store promises beyond the conformance suite, on real servers of its own.

#![cfg(all(unix, feature = "redis"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on is over")]

mod cluster;
mod costs;
#[path = "../server/crowds.rs"]
mod crowds;
mod failover;
mod faults;
mod keeping;
mod refusals;

use std::{sync::LazyLock, time::Duration};

use abiding::{
    KeyRing, Manager, Record, Store, StoreKey, Timestamp,
    store::{Change, Created, sample},
};
use abiding_stores::redis::{RedisOptions, RedisStore};
use abiding_testkit::{
    ManualClock,
    servers::{Proxy, redis::RedisServer},
};
use tokio::runtime::Runtime;

type Server = RedisServer;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

fn run<T>(test: impl Future<Output = T>) -> T {
    RUNTIME.block_on(test)
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(ManualClock::START.as_millis() + millis)
}

const LIFE: i64 = 600_000;

fn record() -> Record {
    sample::record(at(0), at(LIFE), &[("a", "1")])
}

fn set(key: &str, value: &str) -> Change {
    sample::change(at(1), &[(key, value)], &[])
}

async fn store(server: &RedisServer) -> RedisStore {
    RedisStore::open(server.url()).await.unwrap()
}

/// A store that waits for a machine with other things to do.
async fn patient(url: &str) -> RedisStore {
    let options = RedisOptions::new(url).patience(Duration::from_secs(120));
    options.open().await.unwrap()
}

/// A store behind a proxy, which gives up soon.
async fn store_behind(proxy: &Proxy) -> RedisStore {
    let options = RedisOptions::new(format!("redis://{}/", proxy.address()));
    options
        .patience(Duration::from_secs(3))
        .open()
        .await
        .unwrap()
}

async fn put(store: &impl Store, record: &Record) -> StoreKey {
    let key = sample::key();
    assert_eq!(
        store.create(&key, record, at(0)).await.unwrap(),
        Created::Yes
    );
    key
}

fn name(key: &StoreKey) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = |at: usize| {
        key.as_bytes()
            .get(at / 8)
            .is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1)
    };
    let digit =
        |at: usize| (0..6).fold(0, |digit, bit| digit << 1 | usize::from(bits(at * 6 + bit)));
    let text: String = (0..43).map(|at| char::from(ALPHABET[digit(at)])).collect();
    format!("abiding:s:{text}")
}

/// One browser, which keeps its cookie.
struct Browser {
    manager: Manager,
    cookie: Option<String>,
}

impl Browser {
    fn of(store: RedisStore, clock: &ManualClock) -> Self {
        let ring = KeyRing::generate().unwrap();
        let manager = Manager::builder(store)
            .keys(ring)
            .clock(clock.clone())
            .build();
        Self {
            manager: manager.unwrap(),
            cookie: None,
        }
    }

    async fn request(&mut self, act: impl AsyncFnOnce(&abiding::Session)) {
        let header = self
            .cookie
            .as_ref()
            .map(|value| format!("{}={value}", self.manager.cookie().name()));
        let session = self
            .manager
            .open(header.as_ref().map(|header| header.as_bytes()));
        act(&session).await;
        let closing = self.manager.close(&session, false).await.unwrap();
        if let Some(header) = closing.set_cookie {
            let value = header.split(['=', ';']).nth(1).unwrap();
            self.cookie = (!value.is_empty()).then(|| value.to_owned());
        }
    }
}
