//! What the memcached store promises beyond the conformance suite, on real servers of its own.

#![cfg(all(unix, feature = "memcached"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on is over")]

mod beginnings;
mod costs;
#[path = "../server/crowds.rs"]
mod crowds;
mod faults;
mod keeping;
mod refusals;
mod rotations;

use std::{sync::LazyLock, time::Duration};

use abiding::{
    KeyRing, Manager, Record, Store, StoreKey, Timestamp,
    store::{Change, Committed, Created, Expect, sample},
};
use abiding_stores::memcached::{MemcachedOptions, MemcachedStore};
use abiding_testkit::{
    ManualClock,
    servers::{Proxy, memcached::MemcachedServer},
};
use tokio::runtime::Runtime;

type Server = MemcachedServer;

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

fn of_ada() -> Record {
    sample::record_of("ada", at(0), at(LIFE), &[("a", "1")])
}

fn set(key: &str, value: &str) -> Change {
    sample::change(at(1), &[(key, value)], &[])
}

async fn store(server: &MemcachedServer) -> MemcachedStore {
    MemcachedStore::open(&server.url()).await.unwrap()
}

/// A store that waits for a machine with other things to do.
async fn patient(url: &str) -> MemcachedStore {
    let options = MemcachedOptions::new(url)
        .unwrap()
        .patience(Duration::from_secs(120));
    options.open().await.unwrap()
}

/// A store behind a proxy, which gives up soon.
async fn store_behind(proxy: &Proxy) -> MemcachedStore {
    let options = MemcachedOptions::new(&format!("memcached://{}", proxy.address())).unwrap();
    options
        .patience(Duration::from_secs(3))
        .open()
        .await
        .unwrap()
}

async fn put(store: &impl Store, record: &Record) -> StoreKey {
    let key = sample::key();
    let created = store.create(&key, record, at(0)).await.unwrap();
    assert_eq!(created, Created::Yes);
    key
}

async fn commit(store: &impl Store, key: &StoreKey, change: &Change) -> abiding::Result<Committed> {
    store.commit(key, change, Expect::Any, at(1)).await
}

fn name(key: &StoreKey) -> String {
    format!("abiding:s:{}", key.to_hex())
}

fn list_of(subject: &str) -> String {
    let hex = |byte: &u8| format!("{byte:02x}");
    let digits: String = sample::subject(subject)
        .as_bytes()
        .iter()
        .map(hex)
        .collect();
    format!("abiding:u:{digits}")
}

/// One browser, which keeps its cookie.
struct Browser {
    manager: Manager,
    cookie: Option<String>,
}

impl Browser {
    fn of(store: MemcachedStore, clock: &ManualClock) -> Self {
        let builder = Manager::builder(store).keys(KeyRing::generate().unwrap());
        let manager = builder.clock(clock.clone()).subjects().build().unwrap();
        Self {
            manager,
            cookie: None,
        }
    }

    fn open(&self) -> abiding::Session {
        let name = self.manager.cookie().name();
        let header = self.cookie.as_ref().map(|value| format!("{name}={value}"));
        self.manager
            .open(header.as_ref().map(|header| header.as_bytes()))
    }

    async fn request(&mut self, act: impl AsyncFnOnce(&abiding::Session)) {
        let session = self.open();
        act(&session).await;
        let closing = self.manager.close(&session, false).await.unwrap();
        if let Some(header) = closing.set_cookie {
            let value = header.split(['=', ';']).nth(1).unwrap();
            self.cookie = (!value.is_empty()).then(|| value.to_owned());
        }
    }
}
