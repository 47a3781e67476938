//! Deploys, restarts and new keys: nobody is logged out by them, unless a key was revoked.

use abiding::{Key, KeyList, KeyRing, KeyStanding};
use abiding_testkit::Plan;
use abiding_tower::Session;

use crate::{
    browser::Browser,
    stage::{MINUTE, Setup, Stage, show},
};

on_each_store![
    a_process_with_a_ring_of_its_own_logs_nobody_in,
    a_restart_with_the_same_keys_keeps_every_session,
    a_rotated_key_keeps_sessions_and_the_newest_one_signs,
    a_ring_that_follows_a_list_signs_nobody_out,
    a_staged_key_verifies_before_it_signs,
    revoking_a_key_ends_its_sessions,
];

async fn visitor(stage: &Stage) -> Browser {
    let mut browser = Browser::new();
    stage
        .visit(&mut browser, |session| async move {
            Ok(session.insert("n", &0)?)
        })
        .await
        .text();
    browser
}

fn key() -> Key {
    Key::generate().unwrap()
}

/// Scar 31.
async fn a_restart_with_the_same_keys_keeps_every_session(mut stage: Stage) {
    let text = [key().reveal(), key().reveal()]
        .map(|key| key.to_string())
        .join("\n");
    let ring = || KeyRing::parse(&text).unwrap();
    stage.manager = stage
        .store
        .manager(ring(), stage.clock.clone(), Setup::default());
    let mut browser = visitor(&stage).await;
    stage
        .visit(
            &mut browser,
            |session| async move { Ok(session.login("ada")?) },
        )
        .await
        .text();
    stage.manager = stage
        .store
        .manager(ring(), stage.clock.clone(), Setup::default());
    let answer = stage.request(&browser, show).await;
    assert_eq!((answer.text(), answer.set_cookie()), ("n=0", None));
    assert_eq!(stage.manager.sessions_of("ada").await.unwrap().len(), 1);
}

async fn a_process_with_a_ring_of_its_own_logs_nobody_in(mut stage: Stage) {
    let browser = visitor(&stage).await;
    let strange = KeyRing::generate().unwrap();
    stage.manager = stage
        .store
        .manager(strange, stage.clock.clone(), Setup::default());
    stage.store.follow(Plan::new());
    assert_eq!(
        (stage.shown(&browser).await.as_str(), stage.calls()),
        ("-", 0)
    );
}

/// Scar 29, KR-9: the cookie is sent again under the new key, and what is written is sealed with it.
async fn a_rotated_key_keeps_sessions_and_the_newest_one_signs(stage: Stage) {
    let mut browser = visitor(&stage).await;
    let (before, old) = (browser.clone(), stage.keys.signer_at(stage.now()));
    stage.keys.rotate(key(), stage.now()).unwrap();
    let unlooked = stage.visit(&mut browser, |_| async { Ok(()) }).await;
    assert_eq!(unlooked.set_cookie(), None);
    assert_eq!(stage.visit(&mut browser, show).await.text(), "n=0");
    assert_ne!(browser, before, "sent again under the new key");
    assert_eq!(
        stage.visit(&mut browser, show).await.set_cookie(),
        None,
        "and once"
    );
    assert_eq!(
        stage.shown(&before).await,
        "n=0",
        "a tab with the old one goes on"
    );
    // Once it was written, nothing of the session rests on the old key.
    let write = |session: Session| async move { Ok(session.insert("n", &1)?) };
    stage.visit(&mut browser, write).await.text();
    stage.keys.revoke(old).unwrap();
    assert_eq!(stage.shown(&browser).await, "n=1");
    assert_eq!(stage.shown(&before).await, "-");
}

async fn a_staged_key_verifies_before_it_signs(mut stage: Stage) {
    let (first, second) = (key().reveal(), key().reveal());
    let ring = |lag| {
        let ring = KeyRing::new(Key::parse(&first).unwrap());
        ring.rotate(Key::parse(&second).unwrap(), stage.now().after(lag))
            .unwrap();
        ring
    };
    // Two nodes, one of which takes the new key into use before the other does.
    let (ahead, behind) = (ring(MINUTE), ring(2 * MINUTE));
    stage.clock.advance(MINUTE);
    stage.manager = stage
        .store
        .manager(ahead.clone(), stage.clock.clone(), Setup::default());
    let browser = visitor(&stage).await;
    assert_ne!(ahead.signer_at(stage.now()), behind.signer_at(stage.now()));
    stage.manager = stage
        .store
        .manager(behind, stage.clock.clone(), Setup::default());
    assert_eq!(stage.shown(&browser).await, "n=0");
}

/// KR-9: two processes on one list, one of which learns of the new key late.
async fn a_ring_that_follows_a_list_signs_nobody_out(mut stage: Stage) {
    let mut list = KeyList::from(key());
    let (early, late) = (list.ring(), list.ring());
    let manager = |ring: &KeyRing| {
        let clock = stage.clock.clone();
        stage.store.manager(ring.clone(), clock, Setup::default())
    };
    let (on_early, on_late) = (manager(&early), manager(&late));
    stage.manager = on_late.clone();
    let mut browser = visitor(&stage).await;
    let new = list.rotate(key(), stage.now().after(MINUTE)).unwrap();
    let old = early.signer_at(stage.now());
    assert!(early.replace(&list));
    stage.manager = on_early.clone();
    assert_eq!(
        stage.visit(&mut browser, show).await.set_cookie(),
        None,
        "the new key waits"
    );
    assert!(late.replace(&list), "in time");
    stage.clock.advance(MINUTE);
    assert_eq!(stage.visit(&mut browser, show).await.text(), "n=0");
    stage.manager = on_late;
    assert_eq!(stage.visit(&mut browser, show).await.text(), "n=0");
    // The counts tell when the old key is needed no more.
    let used = |ring: &KeyRing| {
        let usage = ring.usage_at(stage.now()).into_iter();
        let used = usage.map(|key| (key.id, key.standing, key.opened > 0));
        used.collect::<Vec<_>>()
    };
    let (signing, verifying) = (KeyStanding::Signing, KeyStanding::Verifying);
    assert_eq!(
        used(&early),
        [(new, signing, false), (old, verifying, true)]
    );
    assert!(used(&late).contains(&(new, signing, true)));
}

/// KR-10.
async fn revoking_a_key_ends_its_sessions(stage: Stage) {
    let mut browser = visitor(&stage).await;
    let old = stage.keys.signer_at(stage.now());
    stage.keys.rotate(key(), stage.now()).unwrap();
    stage.keys.revoke(old).unwrap();
    stage.store.follow(Plan::new());
    let standing = |session: Session| async move { Ok(format!("{:?}", session.standing().await?)) };
    assert_eq!(
        stage.request(&browser, standing).await.text(),
        "Ended(KeyRevoked)"
    );
    assert_eq!(stage.calls(), 0);
    let write = |session: Session| async move { Ok(session.insert("n", &1)?) };
    stage.visit(&mut browser, write).await.text();
    assert_eq!(stage.shown(&browser).await, "n=1");
}
