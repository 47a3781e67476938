//! Signing in, renewing, elevating, signing out: which id is good for what, and until when.

use std::time::Duration;

use abiding_testkit::{Fault, Operation, Plan};
use abiding_tower::{Failure, Session};
use http::StatusCode;
use tokio::join;

use crate::{
    browser::Browser,
    stage::{MINUTE, Setup, Stage, show},
};

on_each_store![
    a_cookie_from_an_early_save_is_sent_with_the_failure_that_came_later,
    a_failed_sign_in_leaves_the_old_id_and_all_it_holds,
    a_message_in_a_sign_in_handler_is_kept,
    a_second_renewal_through_the_alias_makes_no_third_id,
    a_second_sign_in_from_the_snapshot_keeps_the_form,
    a_session_that_is_over_cannot_be_elevated,
    what_follows_a_renewal_apart_is_not_seen_through_the_old_id,
    a_snapshot_signs_nobody_in,
    a_sign_in_after_an_end_begins_a_session_of_its_own,
    a_slow_renewal_of_an_ended_session_brings_no_cookie_back,
    after_a_logout_what_is_set_is_a_session_of_its_own,
    ending_the_others_spares_the_one_that_asks,
    every_session_of_a_subject_ends_at_once,
    signing_in_takes_a_new_id_and_freezes_the_old_one,
    tabs_with_the_renewed_id_go_on_for_a_grace,
    the_privileges_of_an_elevation_are_not_seen_through_the_old_id,
    what_is_updated_after_a_sign_in_is_not_seen_through_the_old_id,
];

async fn form(stage: &Stage) -> Browser {
    let mut browser = Browser::new();
    stage
        .visit(&mut browser, |session| async move {
            Ok(session.insert("form", "typed")?)
        })
        .await;
    browser
}

async fn sign_in(session: Session) -> Result<(), Failure> {
    Ok(session.login("ada")?)
}

async fn who(session: Session) -> Result<String, Failure> {
    let elevated = session.info().await?.is_some_and(|info| info.elevated);
    let subject = session.subject().await?.unwrap_or_else(|| "nobody".into());
    Ok(if elevated {
        format!("{subject}, elevated")
    } else {
        subject
    })
}

/// LC-1, scar 4: the old id reads what was there before, changes nothing, and is dead after its grace.
async fn signing_in_takes_a_new_id_and_freezes_the_old_one(stage: Stage) {
    let mut browser = form(&stage).await;
    let before = browser.clone();
    stage.visit(&mut browser, sign_in).await.text();
    assert_ne!(browser, before);
    let write = |session: Session| async move { Ok(session.insert("form", "more")?) };
    stage.visit(&mut browser, write).await.text();
    assert_eq!(stage.request(&browser, who).await.text(), "ada");
    assert_eq!(stage.request(&before, who).await.text(), "nobody");
    assert_eq!(stage.shown(&before).await, "form=\"typed\"");
    let count = |session: Session| async move {
        Ok(session.update("n", |_: Option<u32>| 1).await?.to_string())
    };
    let refused = stage.request(&before, write).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(
        refused.set_cookie(),
        None,
        "it would take the newer cookie away"
    );
    assert_eq!(
        stage.request(&before, count).await.status,
        StatusCode::CONFLICT
    );
    let reading = stage.request(&before, show).await;
    assert_eq!(reading.set_cookie(), None, "the browser has a newer cookie");
    assert_eq!(stage.shown(&browser).await, "form=\"more\"");
    stage.clock.advance(Duration::from_secs(30));
    assert_eq!(stage.shown(&before).await, "-");
    assert_eq!(stage.shown(&browser).await, "form=\"more\"");
}

/// The answer to the first sign-in was lost on its way, so the visitor signs in again with the old id.
async fn a_second_sign_in_from_the_snapshot_keeps_the_form(stage: Stage) {
    let mut browser = form(&stage).await;
    stage.request(&browser, sign_in).await.text();
    stage.visit(&mut browser, sign_in).await.text();
    assert_eq!(stage.shown(&browser).await, "form=\"typed\"");
    assert_eq!(stage.request(&browser, who).await.text(), "ada");
    stage.clock.advance(MINUTE);
    assert_eq!(stage.shown(&browser).await, "form=\"typed\"");
}

/// A flash goes in at once, so the sign-in before it has to: on the snapshot it would be refused.
async fn a_message_in_a_sign_in_handler_is_kept(stage: Stage) {
    let mut browser = form(&stage).await;
    for _ in 0..2 {
        // The second time from the snapshot that the first one left.
        let mut tab = browser.clone();
        let welcome = |session: Session| async move {
            session.login("ada")?;
            Ok(session.flash("info", "welcome").await?)
        };
        stage.visit(&mut tab, welcome).await.text();
        let take = |session: Session| async move {
            Ok(session
                .take_flashes()
                .await?
                .into_iter()
                .map(|flash| flash.message)
                .collect::<String>())
        };
        assert_eq!(stage.request(&tab, take).await.text(), "welcome");
        assert_eq!(stage.request(&tab, who).await.text(), "ada");
        assert_eq!(stage.shown(&tab).await, "form=\"typed\"");
        assert_eq!(stage.shown(&browser).await, "form=\"typed\"");
    }
    stage.visit(&mut browser, |_| async { Ok(()) }).await;
}

async fn what_is_updated_after_a_sign_in_is_not_seen_through_the_old_id(stage: Stage) {
    let mut browser = form(&stage).await;
    let before = browser.clone();
    let account = |session: Session| async move {
        session.login("ada")?;
        session.insert("balance", &100)?;
        Ok(session
            .update("visits", |n: Option<u32>| n.unwrap_or(0) + 1)
            .await?
            .to_string())
    };
    stage.visit(&mut browser, account).await.text();
    assert_eq!(stage.shown(&before).await, "form=\"typed\"");
    assert_eq!(
        stage.shown(&browser).await,
        "form=\"typed\" balance=100 visits=1"
    );
}

/// LC-8: whoever signs in again and then out is out, also under the id in between.
async fn a_snapshot_signs_nobody_in(stage: Stage) {
    let mut browser = form(&stage).await;
    stage.visit(&mut browser, sign_in).await.text();
    let between = browser.clone();
    stage.visit(&mut browser, sign_in).await.text();
    let leave = |session: Session| async move { Ok(session.logout()) };
    stage.visit(&mut browser, leave).await.text();
    assert_eq!(stage.request(&between, who).await.text(), "nobody");
    let about = |session: Session| async move {
        let info = session.info().await?.unwrap();
        Ok(format!("{:?} {:?}", info.subject, info.authenticated))
    };
    assert_eq!(stage.request(&between, about).await.text(), "None None");
}

/// Scar 5: destructive steps happen at commit only.
async fn a_failed_sign_in_leaves_the_old_id_and_all_it_holds(stage: Stage) {
    let stage = stage.with(Setup {
        discards: true,
        ..Setup::default()
    });
    let browser = form(&stage).await;
    let fails = stage.request(&browser, |session| async move {
        session.login("ada")?;
        Ok(StatusCode::INTERNAL_SERVER_ERROR)
    });
    assert_eq!(fails.await.set_cookie(), None);
    stage
        .store
        .follow(Plan::new().at(Operation::Rotate, 1, Fault::Fail));
    assert_eq!(
        stage.request(&browser, sign_in).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    stage.clock.advance(MINUTE);
    assert_eq!(stage.shown(&browser).await, "form=\"typed\"");
    assert_eq!(stage.request(&browser, who).await.text(), "nobody");
}

/// Scar 6.
async fn tabs_with_the_renewed_id_go_on_for_a_grace(stage: Stage) {
    let mut browser = form(&stage).await;
    let tab = browser.clone();
    stage
        .visit(&mut browser, |session| async move { Ok(session.renew()) })
        .await
        .text();
    assert_ne!(browser, tab);
    let write = |session: Session| async move { Ok(session.insert("tab", &2)?) };
    let answer = stage.request(&tab, write).await;
    assert_eq!((answer.status, answer.set_cookie()), (StatusCode::OK, None));
    assert_eq!(stage.shown(&browser).await, "form=\"typed\" tab=2");
    stage.clock.advance(Duration::from_secs(30));
    assert_eq!(stage.shown(&tab).await, "-");
    assert_eq!(stage.shown(&browser).await, "form=\"typed\" tab=2");
}

/// Two tabs renew at once: whichever cookie arrives last, the browser ends with a living one.
async fn a_second_renewal_through_the_alias_makes_no_third_id(stage: Stage) {
    let browser = form(&stage).await;
    let renew = |session: Session| async move { Ok(session.renew()) };
    let (one, two) = join!(
        stage.request(&browser, renew),
        stage.request(&browser, renew)
    );
    let late = stage.request(&browser, renew).await;
    assert_eq!(late.set_cookie(), None);
    for answer in [one, two]
        .iter()
        .filter(|answer| answer.set_cookie().is_some())
    {
        let mut tab = browser.clone();
        tab.receive(answer);
        assert_eq!(stage.shown(&tab).await, "form=\"typed\"");
    }
    assert_eq!(stage.records().await.len(), 1);
}

async fn the_privileges_of_an_elevation_are_not_seen_through_the_old_id(stage: Stage) {
    let mut browser = form(&stage).await;
    stage.visit(&mut browser, sign_in).await.text();
    let tab = browser.clone();
    let raise = |session: Session| async move { Ok(session.elevate(5 * MINUTE)) };
    stage.visit(&mut browser, raise).await.text();
    assert_eq!(stage.request(&browser, who).await.text(), "ada, elevated");
    assert_eq!(stage.request(&tab, who).await.text(), "ada");
    // Neither does a renewal through the alias hand out an id that has them.
    let renewed = stage
        .request(&tab, |session| async move { Ok(session.renew()) })
        .await;
    assert_eq!(renewed.set_cookie(), None);
    stage.clock.advance(5 * MINUTE);
    assert_eq!(stage.request(&browser, who).await.text(), "ada");
}

/// An application that keeps who is signed in among its values is as safe from planted ids.
async fn what_follows_a_renewal_apart_is_not_seen_through_the_old_id(stage: Stage) {
    let mut browser = form(&stage).await;
    let planted = browser.clone();
    let sign_in = |session: Session| async move {
        session.renew_apart();
        session.insert("user", "ada")?;
        session
            .update("visits", |visits: Option<u32>| visits.unwrap_or(0) + 1)
            .await?;
        Ok(())
    };
    stage.visit(&mut browser, sign_in).await.text();
    assert_eq!(stage.shown(&planted).await, "form=\"typed\"");
    assert_eq!(
        stage.shown(&browser).await,
        "form=\"typed\" user=\"ada\" visits=1"
    );
    // Without a session there is nothing to renew.
    let alone = |session: Session| async move { Ok(session.renew_apart()) };
    assert_eq!(
        stage.request(&Browser::new(), alone).await.set_cookie(),
        None
    );
}

async fn a_session_that_is_over_cannot_be_elevated(stage: Stage) {
    let browser = form(&stage).await;
    stage
        .request(&browser, |session| async move { Ok(session.logout()) })
        .await
        .text();
    let raise = |session: Session| async move { Ok(session.elevate(5 * MINUTE)) };
    for browser in [browser, Browser::new()] {
        let answer = stage.request(&browser, raise).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
    }
    assert_eq!(stage.records().await, []);
}

async fn a_sign_in_after_an_end_begins_a_session_of_its_own(stage: Stage) {
    let mut browser = form(&stage).await;
    let switch = |session: Session| async move {
        session.logout();
        Ok(session.login("grace")?)
    };
    stage.visit(&mut browser, switch).await.text();
    assert_eq!(stage.shown(&browser).await, "");
    assert_eq!(stage.request(&browser, who).await.text(), "grace");
    assert_eq!(stage.records().await.len(), 1);
}

async fn after_a_logout_what_is_set_is_a_session_of_its_own(stage: Stage) {
    let mut browser = form(&stage).await;
    let before = browser.clone();
    let leave = |session: Session| async move {
        session.insert("form", "typed more")?;
        session.logout();
        assert_eq!(session.get::<String>("form").await?, None);
        Ok(session.flash("info", "bye").await?)
    };
    stage.visit(&mut browser, leave).await.text();
    assert_eq!(stage.shown(&browser).await, r#"_flashes=[["info","bye"]]"#);
    assert_eq!(stage.shown(&before).await, "-");
    assert_eq!(stage.records().await.len(), 1);
}

async fn a_slow_renewal_of_an_ended_session_brings_no_cookie_back(stage: Stage) {
    let browser = form(&stage).await;
    let manager = stage.manager.clone();
    let other = browser.clone();
    let slow = stage.request(&browser, move |session| async move {
        session.get::<String>("form").await?;
        let leave = |session: Session| async move { Ok(session.logout()) };
        crate::stage::ask(crate::stage::application(&manager, leave), other.headers())
            .await
            .text();
        Ok(session.renew())
    });
    let answer = slow.await;
    assert_eq!((answer.status, answer.set_cookie()), (StatusCode::OK, None));
    assert_eq!(stage.records().await, []);
}

/// The sign-in was stored, and the old id is good for seconds: without its cookie the visitor is out.
async fn a_cookie_from_an_early_save_is_sent_with_the_failure_that_came_later(stage: Stage) {
    let mut browser = form(&stage).await;
    stage
        .store
        .follow(Plan::new().at(Operation::Commit, 1, Fault::Fail));
    let answer = stage.visit(&mut browser, |session| async move {
        session.login("ada")?;
        session.save().await?;
        Ok(session.insert("form", "more")?)
    });
    assert_eq!(answer.await.status, StatusCode::SERVICE_UNAVAILABLE);
    stage.clock.advance(MINUTE);
    assert_eq!(stage.shown(&browser).await, "form=\"typed\"");
    assert_eq!(stage.request(&browser, who).await.text(), "ada");
}

async fn ending_the_others_spares_the_one_that_asks(stage: Stage) {
    let mut browsers = [Browser::new(), Browser::new(), Browser::new()];
    for browser in &mut browsers {
        stage.visit(browser, sign_in).await.text();
    }
    let end = |session: Session| async move { Ok(session.end_others().await?.to_string()) };
    assert_eq!(stage.visit(&mut browsers[0], end).await.text(), "2");
    assert_eq!(stage.request(&browsers[0], who).await.text(), "ada");
    assert_eq!(stage.request(&browsers[1], who).await.text(), "nobody");
    assert_eq!(stage.manager.sessions_of("ada").await.unwrap().len(), 1);
}

async fn every_session_of_a_subject_ends_at_once(stage: Stage) {
    let (mut ada, mut grace) = (form(&stage).await, Browser::new());
    let before = ada.clone();
    stage.visit(&mut ada, sign_in).await.text();
    stage
        .visit(
            &mut grace,
            |session| async move { Ok(session.login("grace")?) },
        )
        .await
        .text();
    assert_eq!(stage.manager.end_subject("ada").await.unwrap(), 1);
    assert_eq!(stage.request(&ada, who).await.text(), "nobody");
    assert_eq!(stage.request(&before, who).await.text(), "nobody");
    assert_eq!(stage.request(&grace, who).await.text(), "grace");
}
