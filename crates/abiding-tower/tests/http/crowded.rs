//! A store in which ids collide (scar 20): nobody is handed another one's session.

use std::sync::atomic::{AtomicUsize, Ordering};

use abiding::{
    Found, KeyRing, Manager, MemoryStore, Record, Result, Store, StoreKey, Timestamp,
    store::{Capabilities, Change, Committed, Created, Deleted, Expect, Farewell, Leave, Touched},
};
use abiding_tower::Session;
use http::StatusCode;

use crate::{
    browser::Browser,
    stage::{application, ask, show},
};

/// Says of so many fresh keys that they are taken.
struct Crowded {
    store: MemoryStore,
    taken: AtomicUsize,
}

impl Crowded {
    fn is_taken(&self) -> bool {
        let one_less = |taken: usize| taken.checked_sub(1);
        self.taken
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .is_ok()
    }
}

impl Store for Crowded {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn create(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        if self.is_taken() {
            return Ok(Created::KeyTaken);
        }
        self.store.create(key, record, now).await
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        self.store.load(key, now).await
    }

    async fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed> {
        self.store.commit(key, change, expect, now).await
    }

    async fn touch(&self, key: &StoreKey, until: Timestamp, now: Timestamp) -> Result<Touched> {
        self.store.touch(key, until, now).await
    }

    async fn rotate(
        &self,
        from: &StoreKey,
        to: &StoreKey,
        change: &Change,
        expect: Expect,
        leave: Leave,
        now: Timestamp,
    ) -> Result<Committed> {
        if self.is_taken() {
            return Ok(Committed::KeyTaken);
        }
        self.store
            .rotate(from, to, change, expect, leave, now)
            .await
    }

    async fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted> {
        self.store.delete(key, farewell, now).await
    }
}

/// A taken id is drawn anew; a store that takes every id for taken is not believed, and nothing is lost.
#[tokio::test]
async fn a_taken_id_is_never_handed_out() {
    for (taken, expected) in [(2, StatusCode::OK), (3, StatusCode::SERVICE_UNAVAILABLE)] {
        let store = std::sync::Arc::new(Crowded {
            store: MemoryStore::new(),
            taken: AtomicUsize::new(taken),
        });
        let keys = KeyRing::generate().unwrap();
        let manager = Manager::builder(store.clone()).keys(keys).build().unwrap();
        let begin = |session: Session| async move { Ok(session.insert("n", &0)?) };
        let answer = ask(application(&manager, begin), Browser::new().headers()).await;
        assert_eq!(answer.status, expected);
        assert_eq!(answer.set_cookie().is_some(), expected == StatusCode::OK);

        store.taken.store(0, Ordering::SeqCst);
        let mut browser = Browser::new();
        browser.receive(&ask(application(&manager, begin), browser.headers()).await);
        store.taken.store(taken, Ordering::SeqCst);
        let sign_in = |session: Session| async move { Ok(session.login("ada")?) };
        let answer = ask(application(&manager, sign_in), browser.headers()).await;
        assert_eq!(answer.status, expected);
        browser.receive(&answer);
        let shown = ask(application(&manager, show), browser.headers()).await;
        assert_eq!(shown.text(), "n=0");
    }
}
