//! A store that hangs: requests fail in time, and nothing is lost by it (RB-6).

use std::time::Duration;

use abiding::{ErrorKind, KeyRing, Manager, MemoryStore, Store as _, store::sample};
use abiding_testkit::{Fault, Faulty, Gate, ManualClock, Operation, Plan};
use abiding_tower::{Deadline, Session};
use http::StatusCode;

use crate::{
    browser::Browser,
    stage::{application, ask, show},
};

mod conformance {
    use super::*;

    abiding_testkit::conformance! {
        store: Deadline::new(MemoryStore::new(), Duration::from_secs(60)),
        powers: [scan, subjects, sweep, watch],
        block_on: |future| tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(future),
    }
}

/// Whatever hangs, before its effect or after it, the client has its 503 after the limit, and no sooner.
#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_fails_the_request_when_its_time_is_up() {
    let store = Faulty::new(MemoryStore::new(), Plan::new());
    let bounded = Deadline::new(store.clone(), Duration::from_secs(2));
    let keys = KeyRing::generate().unwrap();
    let manager = Manager::builder(bounded).keys(keys).build().unwrap();
    let mut browser = Browser::new();
    let write = |session: Session| async move { Ok(session.insert("n", &1)?) };
    browser.receive(&ask(application(&manager, write), browser.headers()).await);
    for (fault, shown) in [
        (Fault::Hold as fn(Gate) -> Fault, "n=1"),
        (Fault::HoldReply, "n=2"),
    ] {
        let started = tokio::time::Instant::now();
        store.follow(Plan::new().always(Operation::Any, fault(Gate::new())));
        let read = ask(application(&manager, show), browser.headers()).await;
        let change = |session: Session| async move { Ok(session.insert("n", &2)?) };
        let written = ask(application(&manager, change), browser.headers()).await;
        for answer in [read, written] {
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!((answer.set_cookie(), answer.body.as_str()), (None, ""));
        }
        assert_eq!(started.elapsed().as_secs(), 4);
        store.follow(Plan::new());
        let answer = ask(application(&manager, show), browser.headers()).await;
        assert_eq!(answer.text(), shown);
    }
}

#[tokio::test(start_paused = true)]
async fn the_error_names_the_operation_and_how_long_it_was_waited_for() {
    let plan = Plan::new().always(Operation::Load, Fault::Hold(Gate::new()));
    let store = Deadline::new(
        Faulty::new(MemoryStore::new(), plan),
        Duration::from_millis(50),
    );
    let error = store
        .load(&sample::key(), ManualClock::START)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        error.to_string(),
        "load: the store gave no answer within 50ms"
    );
}
