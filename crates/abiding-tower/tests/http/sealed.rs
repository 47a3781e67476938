//! Sessions that live in their cookie, sealed: expiry inside, tampering, size, and what a copy is good for.

use std::time::Duration;

use abiding::{CookieSpec, Expiry, Key, KeyRing, Manager, Rejection};
use abiding_testkit::ManualClock;
use abiding_tower::{Failure, Session, SessionLayer};
use axum::Router;
use http::StatusCode;

use crate::{
    browser::{Answer, Browser},
    stage::{MINUTE, application, ask, show},
};

/// A manager without a store, its keys and its clock.
struct Alone {
    manager: Manager,
    keys: KeyRing,
    clock: ManualClock,
}

impl Alone {
    fn new() -> Self {
        let (keys, clock) = (KeyRing::generate().unwrap(), ManualClock::new());
        let manager = Self::manager(&keys, &clock, "default", "sid");
        Self {
            manager,
            keys,
            clock,
        }
    }

    fn manager(keys: &KeyRing, clock: &ManualClock, realm: &str, name: &str) -> Manager {
        let cookie = CookieSpec::host(name).unwrap();
        let builder = Manager::client_side(keys.clone())
            .clock(clock.clone())
            .realm(realm);
        builder.cookie(cookie).irrevocable().build().unwrap()
    }

    async fn visit<F, Fut>(&self, browser: &mut Browser, handler: F) -> Answer
    where
        F: FnOnce(Session) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let answer = ask(application(&self.manager, handler), browser.headers()).await;
        browser.receive(&answer);
        answer
    }

    async fn shown(&self, browser: &Browser) -> String {
        ask(application(&self.manager, show), browser.headers())
            .await
            .text()
            .to_owned()
    }

    async fn visitor(&self) -> Browser {
        let mut browser = Browser::new();
        self.visit(&mut browser, |session| async move {
            Ok(session.insert("n", &0)?)
        })
        .await
        .text();
        browser
    }

    fn refused(&self, reason: Rejection) -> u64 {
        self.manager
            .rejections()
            .into_iter()
            .find(|(known, _)| *known == reason)
            .unwrap()
            .1
    }
}

#[tokio::test]
async fn a_session_lives_in_its_cookie_and_is_sent_again_when_it_changed() {
    let alone = Alone::new();
    let mut browser = alone.visitor().await;
    let read = ask(application(&alone.manager, show), browser.headers()).await;
    assert_eq!((read.text(), read.set_cookie()), ("n=0", None));
    let change = |session: Session| async move {
        session
            .update("n", |n: Option<u32>| n.unwrap_or(0) + 1)
            .await?;
        session.login("ada")?;
        Ok(session.flash("info", "hello").await?)
    };
    alone.visit(&mut browser, change).await.text();
    assert_eq!(
        alone.shown(&browser).await,
        r#"n=1 _flashes=[["info","hello"]]"#
    );
    alone
        .visit(&mut browser, |session| async move { Ok(session.logout()) })
        .await
        .text();
    assert_eq!(browser.cookie(), None);
}

/// Everything that was saved early is in the one cookie that is sent in the end.
#[tokio::test]
async fn saving_early_loses_nothing_of_a_sealed_session() {
    let alone = Alone::new();
    for mut browser in [Browser::new(), alone.visitor().await] {
        let change = |session: Session| async move {
            session.insert("a", &1)?;
            session.save().await?;
            session.login("ada")?;
            session.insert("b", &2)?;
            session.save().await?;
            assert_eq!(session.subject().await?.as_deref(), Some("ada"));
            Ok(session.insert("c", &3)?)
        };
        let begun = browser.cookie().is_some();
        alone.visit(&mut browser, change).await.text();
        let expected = if begun {
            "n=0 a=1 b=2 c=3"
        } else {
            "a=1 b=2 c=3"
        };
        assert_eq!(alone.shown(&browser).await, expected);
    }
}

/// Scar 14, LC-7: whatever lifetime a copied cookie is given, it ends by what its seal says.
#[tokio::test]
async fn a_sealed_session_ends_by_what_its_seal_says() {
    let alone = Alone::new();
    let mut browser = alone.visitor().await;
    let copy = browser.clone();
    alone.clock.advance(29 * MINUTE);
    assert_eq!(alone.shown(&copy).await, "n=0");
    // The one that is used is sent again, and lives on; the copy ends.
    alone
        .visit(
            &mut browser,
            |session| async move { Ok(session.touch().await?) },
        )
        .await
        .text();
    alone.clock.advance(MINUTE);
    assert_eq!(alone.shown(&copy).await, "-");
    assert_eq!(alone.refused(Rejection::Expired), 1);
    for _ in 0..40 {
        alone.clock.advance(20 * MINUTE);
        alone
            .visit(
                &mut browser,
                |session| async move { Ok(session.touch().await?) },
            )
            .await
            .text();
    }
    assert_eq!(alone.shown(&browser).await, "-", "twelve hours are over");
}

/// The other side of "irrevocable": what the name of the setting says.
#[tokio::test]
async fn a_copy_of_a_sealed_session_outlives_its_logout_until_it_expires() {
    let alone = Alone::new();
    let mut browser = alone.visitor().await;
    let copy = browser.clone();
    alone
        .visit(&mut browser, |session| async move { Ok(session.logout()) })
        .await
        .text();
    assert_eq!(alone.shown(&copy).await, "n=0");
    alone.clock.advance(30 * MINUTE);
    assert_eq!(alone.shown(&copy).await, "-");
}

/// Scar 26, CK-6: name and value of 4,096 bytes and not one more.
#[tokio::test]
async fn a_cookie_that_no_browser_would_keep_is_an_error_and_not_sent() {
    let alone = Alone::new();
    let mut fits = 0;
    for len in 2_700..3_000 {
        let mut browser = Browser::new();
        let fill =
            move |session: Session| async move { Ok(session.insert("v", &"x".repeat(len))?) };
        let answer = alone.visit(&mut browser, fill).await;
        match answer.status {
            StatusCode::OK => {
                let pair = browser.cookie().unwrap().len() - 1;
                assert!((fits..=4_096).contains(&pair), "{pair}");
                fits = pair;
            }
            status => {
                assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
                assert_eq!(answer.set_cookie(), None);
            }
        }
    }
    assert!(fits > 4_092, "{fits}");
    // What was there stays.
    let mut browser = alone.visitor().await;
    let outgrow = |session: Session| async move { Ok(session.insert("v", &"x".repeat(4_000))?) };
    let answer = alone.visit(&mut browser, outgrow).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(alone.shown(&browser).await, "n=0");
}

/// KR-4, scar 25.
#[tokio::test]
async fn no_changed_cut_or_extended_cookie_is_opened() {
    let alone = Alone::new();
    let browser = alone.visitor().await;
    let value = browser.value().as_bytes().to_vec();
    let mut forged = vec![];
    for at in 0..value.len() {
        let mut changed = value.clone();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        forged.extend([changed, value[..at].to_vec(), value[at..].to_vec()]);
    }
    forged.retain(|forged| *forged != value);
    forged.extend([
        [&value[..], b"A"].concat(),
        [&value[..], &value[..]].concat(),
        vec![],
    ]);
    let session = |cookie: &[u8]| alone.manager.open([cookie]);
    for forged in forged {
        let cookie = [b"__Host-Http-sid=", &forged[..]].concat();
        assert!(
            session(&cookie).info().await.unwrap().is_none(),
            "{}",
            forged.escape_ascii()
        );
    }
    assert!(
        session(browser.cookie().unwrap().as_bytes())
            .info()
            .await
            .unwrap()
            .is_some()
    );
}

/// KR-7: each opens its own and no other's; neither is a token taken for a seal, or a seal for a token.
#[tokio::test]
async fn a_sealed_cookie_is_good_for_one_realm_one_name_and_one_ring() {
    let (keys, clock) = (KeyRing::generate().unwrap(), ManualClock::new());
    let others = KeyRing::generate().unwrap();
    let stored = |realm: &str| {
        let builder = Manager::builder(abiding::MemoryStore::new()).keys(keys.clone());
        builder.clock(clock.clone()).realm(realm).build().unwrap()
    };
    let managers = [
        Alone::manager(&keys, &clock, "default", "sid"),
        Alone::manager(&keys, &clock, "admin", "sid"),
        Alone::manager(&keys, &clock, "default", "other"),
        Alone::manager(&others, &clock, "default", "sid"),
        stored("default"),
        stored("admin"),
    ];
    for (issuer, maker) in managers.iter().enumerate() {
        let begin = |session: Session| async move { Ok(session.insert("n", &0)?) };
        let mut browser = Browser::new();
        browser.receive(&ask(application(maker, begin), browser.headers()).await);
        for (reader, manager) in managers.iter().enumerate() {
            let cookie = format!("{}={}", manager.cookie().name(), browser.value());
            let shown = ask(
                application(manager, show),
                Browser::holding(cookie).headers(),
            )
            .await;
            let expected = if issuer == reader { "n=0" } else { "-" };
            assert_eq!(shown.text(), expected, "made by {issuer}, read by {reader}");
        }
    }
}

#[tokio::test]
async fn a_rotated_key_reseals_what_is_looked_at_and_a_revoked_one_ends_it() {
    let alone = Alone::new();
    let mut browser = alone.visitor().await;
    let (before, old) = (browser.clone(), alone.keys.signer_at(alone.clock.now()));
    alone
        .keys
        .rotate(Key::generate().unwrap(), alone.clock.now())
        .unwrap();
    let look = |session: Session| async move { Ok(assert_eq!(session.get("n").await?, Some(0))) };
    alone.visit(&mut browser, look).await.text();
    assert_ne!(browser, before);
    alone.keys.revoke(old).unwrap();
    assert_eq!(alone.shown(&browser).await, "n=0");
    assert_eq!(
        (
            alone.shown(&before).await.as_str(),
            alone.refused(Rejection::RevokedKey)
        ),
        ("-", 1)
    );
}

#[tokio::test]
async fn a_lifetime_of_its_own_is_sealed_and_survives_later_writes() {
    let alone = Alone::new();
    let mut browser = Browser::new();
    let day = Duration::from_secs(24 * 60 * 60);
    let remember = move |session: Session| async move {
        session
            .set_expiry(Expiry::new().no_idle().absolute(30 * day))
            .unwrap();
        session.set_persistent(true);
        Ok(session.insert("n", &0)?)
    };
    let answer = alone.visit(&mut browser, remember).await;
    assert!(answer.set_cookie().unwrap().ends_with("Max-Age=2592000"));
    alone.clock.advance(29 * day);
    let write = |session: Session| async move { Ok(session.insert("n", &1)?) };
    let answer = alone.visit(&mut browser, write).await;
    assert!(answer.set_cookie().unwrap().ends_with("Max-Age=86400"));
    alone.clock.advance(day - Duration::from_millis(1));
    assert_eq!(alone.shown(&browser).await, "n=1");
    alone.clock.advance(Duration::from_millis(1));
    assert_eq!(alone.shown(&browser).await, "-");
}

/// Nothing but the answer can carry it.
#[tokio::test]
async fn a_sealed_session_cannot_be_saved_after_the_answer_left() {
    let alone = Alone::new();
    let browser = alone.visitor().await;
    let acts: [fn(&abiding::Session); 3] = [
        |session| session.insert("n", &1).unwrap(),
        |session| session.logout(),
        |session| session.renew(),
    ];
    for act in acts {
        let session = alone.manager.open([browser.cookie().unwrap().as_bytes()]);
        alone.manager.close(&session, false).await.unwrap();
        act(&session);
        let refused = session.save().await.unwrap_err();
        assert_eq!(refused.kind(), abiding::ErrorKind::Unsupported);
    }
}

#[tokio::test]
async fn anonymous_traffic_gets_no_sealed_cookie() {
    let alone = Alone::new();
    let look = |session: Session| async move {
        session.get::<u32>("n").await?;
        session.remove("n");
        session.clear();
        session.renew();
        Ok(session.logout())
    };
    let answer = alone.visit(&mut Browser::new(), look).await;
    assert_eq!((answer.status, answer.set_cookie()), (StatusCode::OK, None));
    let app = Router::new().layer(SessionLayer::new(alone.manager.clone()));
    assert_eq!(
        ask(app, Browser::new().headers()).await.status,
        StatusCode::NOT_FOUND
    );
}
