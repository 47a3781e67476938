//! Several tasks of one request, and a session that is used after the answer has left.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
};

use abiding::ErrorKind;
use abiding_testkit::{Fault, Gate, Operation, Plan};
use abiding_tower::Session;
use http::StatusCode;
use tokio::task::JoinHandle;

use crate::{
    browser::Browser,
    stage::{Stage, show},
};

on_each_store![
    a_clear_during_an_update_is_not_forgotten,
    a_logout_after_the_answer_left_is_carried_out,
    a_logout_is_not_undone_by_a_save_that_is_under_way,
    a_logout_is_not_undone_by_an_update_that_was_overtaken,
    a_logout_while_the_session_is_being_stored_leaves_none,
    a_read_that_a_sign_in_overtakes_does_not_bring_back_the_old_id,
    a_sign_in_after_the_answer_left_is_refused_and_the_session_stays,
    a_value_set_back_while_it_is_being_saved_is_not_forgotten,
    an_update_may_use_the_session_in_its_closure,
    an_update_that_a_sign_in_overtakes_goes_into_the_new_id,
    concurrent_updates_of_one_request_count_each,
    saving_again_and_again_stores_what_came_between,
    what_is_saved_after_the_answer_left_is_stored,
];

/// Spawns `task` and waits until its call of the store has come to the gate.
async fn begin<T: Send + 'static>(
    gate: &Gate,
    task: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let task = tokio::spawn(task);
    while !gate.is_reached() {
        tokio::task::yield_now().await;
    }
    task
}

/// The session of a request whose answer has left.
async fn outliving(stage: &Stage, browser: &Browser) -> Session {
    let kept = Arc::new(OnceLock::new());
    let keep = Arc::clone(&kept);
    let handler = move |session: Session| async move { Ok(keep.set(session).unwrap()) };
    stage.request(browser, handler).await.text();
    kept.get().unwrap().clone()
}

async fn visitor(stage: &Stage) -> Browser {
    let mut browser = Browser::new();
    stage
        .visit(&mut browser, |session| async move {
            Ok(session.insert("n", &0)?)
        })
        .await;
    browser
}

async fn a_logout_is_not_undone_by_a_save_that_is_under_way(stage: Stage) {
    let browser = visitor(&stage).await;
    a_logout_during(Operation::Commit, &stage, browser).await;
}

async fn a_logout_while_the_session_is_being_stored_leaves_none(stage: Stage) {
    a_logout_during(Operation::Create, &stage, Browser::new()).await;
}

/// Signs out while the store holds back its answer to a save of the same request.
async fn a_logout_during(operation: Operation, stage: &Stage, mut browser: Browser) {
    let gate = Gate::new();
    stage
        .store
        .follow(Plan::new().at(operation, 1, Fault::HoldReply(gate.clone())));
    let answer = stage.visit(&mut browser, |session| async move {
        session.insert("n", &1)?;
        let saving = session.clone();
        let save = begin(&gate, async move { saving.save().await }).await;
        session.logout();
        gate.open();
        save.await.unwrap()?;
        Ok(())
    });
    answer.await.text();
    assert_eq!((browser.cookie(), stage.records().await), (None, vec![]));
}

/// Another request comes first, so the update reads anew: what it reads is not the session any more.
async fn a_logout_is_not_undone_by_an_update_that_was_overtaken(stage: Stage) {
    let (mut browser, gate) = (visitor(&stage).await, Gate::new());
    stage
        .store
        .follow(Plan::new().at(Operation::Commit, 1, Fault::Hold(gate.clone())));
    let (other, manager) = (browser.clone(), stage.manager.clone());
    let answer = stage.visit(&mut browser, |session| async move {
        session.get::<u32>("n").await?;
        let updating = session.clone();
        let count = |n: Option<u32>| n.unwrap_or(0) + 1;
        let update = begin(&gate, async move { updating.update("n", count).await }).await;
        let write = |session: Session| async move { Ok(session.insert("n", &5)?) };
        crate::stage::ask(crate::stage::application(&manager, write), other.headers()).await;
        session.logout();
        session.insert("farewell", "bye")?;
        gate.open();
        assert_eq!(update.await.unwrap().unwrap_err().kind(), ErrorKind::Gone);
        Ok(())
    });
    answer.await.text();
    assert_eq!(stage.shown(&browser).await, "farewell=\"bye\"");
    assert_eq!(stage.records().await.len(), 1);
}

async fn a_value_set_back_while_it_is_being_saved_is_not_forgotten(stage: Stage) {
    let (mut browser, gate) = (visitor(&stage).await, Gate::new());
    stage
        .store
        .follow(Plan::new().at(Operation::Commit, 1, Fault::HoldReply(gate.clone())));
    let answer = stage.visit(&mut browser, |session| async move {
        assert_eq!(session.get("n").await?, Some(0));
        session.insert("n", &1)?;
        let saving = session.clone();
        let save = begin(&gate, async move { saving.save().await }).await;
        session.insert("n", &0)?;
        gate.open();
        save.await.unwrap()?;
        Ok(())
    });
    answer.await.text();
    assert_eq!(stage.shown(&browser).await, "n=0");
}

async fn a_clear_during_an_update_is_not_forgotten(stage: Stage) {
    let (mut browser, gate) = (visitor(&stage).await, Gate::new());
    stage
        .store
        .follow(Plan::new().at(Operation::Commit, 1, Fault::HoldReply(gate.clone())));
    let answer = stage.visit(&mut browser, |session| async move {
        session.clear();
        session.insert("a", &1)?;
        let updating = session.clone();
        let update = begin(&gate, async move {
            updating.update("n", |_: Option<u32>| 1).await
        })
        .await;
        session.clear();
        gate.open();
        update.await.unwrap()?;
        Ok(())
    });
    answer.await.text();
    assert_eq!(stage.shown(&browser).await, "");
}

async fn an_update_that_a_sign_in_overtakes_goes_into_the_new_id(stage: Stage) {
    let (mut browser, gate) = (visitor(&stage).await, Gate::new());
    stage
        .store
        .follow(Plan::new().at(Operation::Commit, 1, Fault::Hold(gate.clone())));
    let answer = stage.visit(&mut browser, |session| async move {
        session.get::<u32>("n").await?;
        let updating = session.clone();
        let count = |n: Option<u32>| n.unwrap_or(0) + 1;
        let update = begin(&gate, async move { updating.update("n", count).await }).await;
        session.login("ada")?;
        session.save().await?;
        gate.open();
        Ok(update.await.unwrap()?.to_string())
    });
    assert_eq!(answer.await.text(), "1");
    assert_eq!(stage.shown(&browser).await, "n=1");
}

async fn a_read_that_a_sign_in_overtakes_does_not_bring_back_the_old_id(stage: Stage) {
    let (mut browser, gate) = (visitor(&stage).await, Gate::new());
    stage
        .store
        .follow(Plan::new().at(Operation::Load, 1, Fault::HoldReply(gate.clone())));
    let answer = stage.visit(&mut browser, |session| async move {
        let reading = session.clone();
        let read = begin(&gate, async move { reading.get::<u32>("n").await }).await;
        session.login("ada")?;
        session.save().await?;
        gate.open();
        assert_eq!(read.await.unwrap()?, Some(0));
        session.insert("n", &1)?;
        Ok(())
    });
    answer.await.text();
    assert_eq!(stage.shown(&browser).await, "n=1");
}

async fn concurrent_updates_of_one_request_count_each(stage: Stage) {
    let mut browser = visitor(&stage).await;
    let answer = stage.visit(&mut browser, |session| async move {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let session = session.clone();
            tasks.spawn(async move {
                session
                    .update("n", |n: Option<u32>| n.unwrap_or(0) + 1)
                    .await
            });
        }
        tasks
            .join_all()
            .await
            .into_iter()
            .try_for_each(|counted| counted.map(drop))?;
        show(session).await
    });
    assert_eq!(answer.await.text(), "n=20");
    assert_eq!(stage.shown(&browser).await, "n=20");
}

async fn an_update_may_use_the_session_in_its_closure(stage: Stage) {
    let mut browser = visitor(&stage).await;
    let answer = stage.visit(&mut browser, |session| async move {
        let inner = session.clone();
        let count = |n: Option<u32>| {
            inner.insert("counted", &true).unwrap();
            n.unwrap_or(0) + 1
        };
        session.update("n", count).await?;
        Ok(())
    });
    answer.await.text();
    assert_eq!(stage.shown(&browser).await, "n=1 counted=true");
}

async fn saving_again_and_again_stores_what_came_between(stage: Stage) {
    let mut browser = Browser::new();
    let answer = stage.visit(&mut browser, |session| async move {
        session.insert("a", &1)?;
        session.save().await?;
        session.insert("b", &2)?;
        session.save().await?;
        session.remove("a");
        session.insert("c", &3)?;
        Ok(())
    });
    answer.await.text();
    assert_eq!(stage.shown(&browser).await, "b=2 c=3");
    assert_eq!(stage.records().await.len(), 1);
}

async fn what_is_saved_after_the_answer_left_is_stored(stage: Stage) {
    let browser = visitor(&stage).await;
    let session = outliving(&stage, &browser).await;
    session.insert("late", &true).unwrap();
    session.save().await.unwrap();
    assert_eq!(stage.shown(&browser).await, "n=0 late=true");
    let nobody = outliving(&stage, &Browser::new()).await;
    nobody.insert("late", &true).unwrap();
    assert_eq!(
        nobody.save().await.unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(stage.records().await.len(), 1);
}

/// The browser would never learn of the new id, and the old one is good for seconds.
async fn a_sign_in_after_the_answer_left_is_refused_and_the_session_stays(stage: Stage) {
    let browser = visitor(&stage).await;
    for act in [
        |session: &Session| session.login("ada").unwrap(),
        |session: &Session| session.renew(),
    ] {
        let session = outliving(&stage, &browser).await;
        act(&session);
        assert_eq!(
            session.save().await.unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        stage.clock.advance(crate::stage::MINUTE);
        assert_eq!(stage.shown(&browser).await, "n=0");
    }
}

async fn a_logout_after_the_answer_left_is_carried_out(stage: Stage) {
    for farewell in [false, true] {
        let browser = visitor(&stage).await;
        let session = outliving(&stage, &browser).await;
        session.logout();
        if farewell {
            session.insert("farewell", "bye").unwrap();
        }
        let saved = session.save().await.map_err(|error| error.kind());
        assert_eq!(saved.is_err(), farewell, "{saved:?}");
        assert_eq!(
            (stage.shown(&browser).await.as_str(), stage.records().await),
            ("-", vec![])
        );
        let answer = stage.request(
            &browser,
            |session| async move { Ok(session.insert("n", &1)?) },
        );
        assert_eq!(answer.await.status, StatusCode::CONFLICT);
    }
}
