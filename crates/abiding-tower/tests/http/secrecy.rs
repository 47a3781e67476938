//! What is never shown: tokens, values and names, in whatever is printed of a session.

use abiding_tower::Session;

use crate::{browser::Browser, stage::Stage};

on_each_store![
    nothing_that_can_be_printed_holds_the_token_or_a_value,
    the_store_holds_neither_the_token_nor_the_name_of_a_subject,
];

/// AD-7.
async fn nothing_that_can_be_printed_holds_the_token_or_a_value(stage: Stage) {
    let session = stage.manager.open([]);
    session.insert("pin", "hunter2").unwrap();
    session.login("ada").unwrap();
    let mut shown = format!("{session:?} {:?} ", stage.manager);
    let closing = stage.manager.close(&session, false).await.unwrap();
    let cookie = closing.set_cookie.as_deref().unwrap().clone();
    let token = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    shown += &format!("{closing:?} {:?} {} ", closing.summary, closing.summary);
    let pair = cookie.split(';').next().unwrap().to_owned();
    let again = stage.manager.open([pair.as_bytes()]);
    shown += &format!("{again:?} ");
    again
        .get::<u32>("pin")
        .await
        .map_err(|error| shown += &format!("{error:?} {error}"))
        .unwrap_err();
    shown += &format!("{:?}", stage.records().await);
    for secret in [token.as_str(), "hunter2"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("pin"), "{shown}");
}

/// ID-4, ST-11. A store inside the process keeps values as they are; nothing outside does.
async fn the_store_holds_neither_the_token_nor_the_name_of_a_subject(stage: Stage) {
    let mut browser = Browser::new();
    let begin = |session: Session| async move {
        session.insert("pin", "hunter2")?;
        Ok(session.login("ada")?)
    };
    stage.visit(&mut browser, begin).await.text();
    let found = stage.records().await.remove(0);
    let holds = |needle: &str| {
        found
            .record
            .payload
            .windows(needle.len())
            .any(|window| window == needle.as_bytes())
    };
    assert!(!holds(browser.value()));
    assert!(found.record.subject.is_some());
    let in_process = stage.manager.store().unwrap().in_process;
    assert_eq!((holds("hunter2"), holds("ada")), (in_process, in_process));
}
