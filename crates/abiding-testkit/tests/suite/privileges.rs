//! What a walk found once, replayed step by step.

use std::{thread, time::Duration};

use abiding::{KeyRing, Manager, MemoryStore, Session};
use abiding_testkit::{Fault, Faulty, Gate, Operation, Plan, block_on};

struct Browser {
    manager: Manager,
    cookie: String,
}

impl Browser {
    fn open(&self) -> Session {
        self.manager.open([self.cookie.as_bytes()])
    }

    /// The cookie that an answer sets, as it would be sent back.
    fn close(&self, session: &Session) -> Option<String> {
        let closing = block_on(self.manager.close(session, false)).expect("memory does not fail");
        let header = closing.set_cookie.as_deref()?;
        header.split(';').next().map(Into::into)
    }

    fn is_elevated(&self, cookie: &str) -> bool {
        let session = self.manager.open([cookie.as_bytes()]);
        let info = block_on(session.info()).expect("memory does not fail");
        info.is_some_and(|info| info.elevated)
    }
}

/// The renewal has read the session, somebody elevates it, and only then is it moved.
#[test]
fn a_renewal_that_an_elevation_overtakes_gets_none_of_its_privileges() {
    let store = Faulty::new(MemoryStore::new(), Plan::new());
    let builder = Manager::builder(store.clone()).keys(KeyRing::generate().unwrap());
    let mut browser = Browser {
        manager: builder.build().unwrap(),
        cookie: String::new(),
    };
    let first = browser.open();
    first.insert("cart", &1).unwrap();
    browser.cookie = browser.close(&first).unwrap();

    let gate = Gate::new();
    store.follow(Plan::new().at(Operation::Rotate, 1, Fault::Hold(gate.clone())));
    let (renewed, elevated) = thread::scope(|scope| {
        let renewal = scope.spawn(|| {
            let session = browser.open();
            session.renew();
            browser.close(&session)
        });
        while !gate.is_reached() {
            thread::yield_now();
        }
        let session = browser.open();
        session.elevate(Duration::from_secs(60));
        let elevated = browser.close(&session).unwrap();
        gate.open();
        (renewal.join().unwrap(), elevated)
    });

    assert_eq!(renewed, None, "the browser has a newer cookie");
    assert!(browser.is_elevated(&elevated));
    assert!(!browser.is_elevated(&browser.cookie));
}
