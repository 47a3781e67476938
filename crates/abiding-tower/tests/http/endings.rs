//! Why a session is over: told to whoever presents it, and to nobody else.

use abiding::{Ending, Expiry, Rejection, Standing};
use abiding_tower::{Failure, Session};

use crate::{
    browser::Browser,
    stage::{MINUTE, Setup, Stage},
};

on_each_store![
    a_revoked_session_is_told_from_one_that_was_signed_out,
    a_session_that_ended_by_itself_says_by_which_clock,
    a_session_whose_key_was_revoked_or_replaced_says_so,
    nothing_of_an_ended_session_can_be_read,
    one_device_is_revoked_by_its_handle,
];

async fn signed_in(stage: &Stage) -> Browser {
    let mut browser = Browser::new();
    let sign_in = |session: Session| async move {
        session.insert("secret", &"canary")?;
        session.set_device("Firefox on Linux");
        Ok(session.login("ada")?)
    };
    stage.visit(&mut browser, sign_in).await.text();
    browser
}

async fn standing(stage: &Stage, browser: &Browser) -> String {
    let tell = |session: Session| async move { Ok(format!("{:?}", session.standing().await?)) };
    stage.request(browser, tell).await.text().to_owned()
}

async fn stands(stage: &Stage, browser: &Browser, expected: Standing) {
    assert_eq!(standing(stage, browser).await, format!("{expected:?}"));
}

async fn a_session_that_ended_by_itself_says_by_which_clock(stage: Stage) {
    let hour = 60 * MINUTE;
    let stage = stage.with(Setup {
        expiry: Some(Expiry::new().idle(MINUTE).absolute(hour)),
        ..Setup::default()
    });
    stands(&stage, &Browser::new(), Standing::None).await;
    let forged = Browser::holding("__Host-Http-sid=forged");
    let refused = Standing::Refused(Rejection::Malformed);
    stands(&stage, &forged, refused).await;
    let browser = signed_in(&stage).await;
    stands(&stage, &browser, Standing::Live).await;
    stage.clock.advance(MINUTE);
    // A store that forgets when its process ends cannot tell who idled from whom it forgot.
    let idled = if stage.manager.store().unwrap().durable {
        Ending::Idle
    } else {
        Ending::Unknown
    };
    for swept in [false, true] {
        if swept {
            stage.manager.sweep(1_000).await.unwrap();
        }
        stands(&stage, &browser, Standing::Ended(idled)).await;
    }
    stage.clock.advance(hour);
    stands(&stage, &browser, Standing::Ended(Ending::Absolute)).await;
}

async fn a_revoked_session_is_told_from_one_that_was_signed_out(stage: Stage) {
    let acts: [fn(Session) -> Result<(), Failure>; 2] =
        [|session| Ok(session.logout()), |_| Ok(())];
    for (act, ending) in acts.into_iter().zip([Ending::SignedOut, Ending::Revoked]) {
        let browser = signed_in(&stage).await;
        stage
            .request(&browser, move |session| async move { act(session) })
            .await
            .text();
        // Whom the logout has not ended is ended here.
        let left = usize::from(ending == Ending::Revoked);
        assert_eq!(stage.manager.end_subject("ada").await.unwrap(), left);
        stands(&stage, &browser, Standing::Ended(ending)).await;
        stage.clock.advance(13 * 60 * MINUTE);
        stands(&stage, &browser, Standing::Ended(Ending::Absolute)).await;
    }
}

async fn one_device_is_revoked_by_its_handle(stage: Stage) {
    let (phone, laptop) = (signed_in(&stage).await, signed_in(&stage).await);
    let sessions = stage.manager.sessions_of("ada").await.unwrap();
    assert_eq!(sessions.len(), 2);
    let named = |info: &abiding::Info| info.device.as_deref() == Some("Firefox on Linux");
    assert!(sessions.iter().all(named));
    let revoke = |session: Session| async move {
        let own = session.info().await?.unwrap().handle;
        let devices = session.devices().await?;
        let other = devices.iter().find(|info| info.handle != own);
        let other = &other.unwrap().handle;
        // Another's handle, and one that nobody has.
        assert!(!session.revoke("000000000000000000000000").await?);
        Ok(session.revoke(other).await?.to_string())
    };
    assert_eq!(stage.request(&laptop, revoke).await.text(), "true");
    stands(&stage, &phone, Standing::Ended(Ending::Revoked)).await;
    stands(&stage, &laptop, Standing::Live).await;
    let own = &stage.manager.sessions_of("ada").await.unwrap()[0].handle;
    assert!(!stage.manager.revoke("ben", own).await.unwrap());
    stands(&stage, &laptop, Standing::Live).await;
}

async fn a_session_whose_key_was_revoked_or_replaced_says_so(stage: Stage) {
    let browser = signed_in(&stage).await;
    let old = stage.keys.ids()[0];
    let fresh = abiding::Key::generate().unwrap();
    stage.keys.rotate(fresh, stage.now()).unwrap();
    stands(&stage, &browser, Standing::Live).await;
    stage.keys.revoke(old).unwrap();
    stands(&stage, &browser, Standing::Ended(Ending::KeyRevoked)).await;
    let elsewhere = Stage::on_memory();
    let refused = Standing::Refused(Rejection::UnknownKey);
    stands(&elsewhere, &browser, refused).await;
}

/// LC-3: what stays for the sake of the reason is the reason.
async fn nothing_of_an_ended_session_can_be_read(stage: Stage) {
    let browser = signed_in(&stage).await;
    stage.manager.end_subject("ada").await.unwrap();
    let look = |session: Session| async move {
        let value = session.get::<String>("secret").await?;
        let (subject, info) = (session.subject().await?, session.info().await?);
        assert!(value.is_none() && subject.is_none() && info.is_none());
        session.insert("late", &1)?;
        Ok(())
    };
    let mut late = browser.clone();
    stage.visit(&mut late, look).await.text();
    assert_eq!(stage.shown(&late).await, "late=1");
    assert_eq!(stage.shown(&browser).await, "-");
}
