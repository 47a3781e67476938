//! Sealed cookies whose sign-ins are entered in a store: what has ended stays ended, whoever kept a copy.

use abiding::{Ending, Expiry, Info, Key, KeyRing, Manager, MemoryStore, Standing};
use abiding_testkit::{Fault, Faulty, ManualClock, Operation, Plan};
use abiding_tower::{Failure, Session};
use http::StatusCode;

use crate::{
    browser::{Answer, Browser},
    stage::{MINUTE, application, ask},
};

/// A manager of sealed cookies, and the store that knows the sign-ins.
struct Desk {
    manager: Manager,
    store: Faulty<MemoryStore>,
    keys: KeyRing,
    clock: ManualClock,
}

impl Desk {
    fn new() -> Self {
        let (keys, clock) = (KeyRing::generate().unwrap(), ManualClock::new());
        let store = Faulty::new(MemoryStore::new(), Plan::new());
        let builder = Manager::client_side(keys.clone()).clock(clock.clone());
        let manager = builder.revocable(store.clone()).build().unwrap();
        Self {
            manager,
            store,
            keys,
            clock,
        }
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

    async fn signed_in(&self) -> Browser {
        let mut browser = Browser::new();
        let sign_in = |session: Session| async move {
            session.insert("cart", &3)?;
            session.set_device("Firefox on Linux");
            Ok(session.login("ada")?)
        };
        self.visit(&mut browser, sign_in).await.text();
        browser
    }

    async fn stands(&self, browser: &Browser, expected: Standing) {
        let tell = |session: Session| async move { Ok(format!("{:?}", session.standing().await?)) };
        let answer = ask(application(&self.manager, tell), browser.headers()).await;
        assert_eq!(answer.text(), format!("{expected:?}"));
    }

    async fn devices(&self) -> Vec<Info> {
        self.manager.sessions_of("ada").await.unwrap()
    }
}

/// LC-3, LC-9: the copy of a cookie is worth nothing after the logout.
#[tokio::test]
async fn a_logout_ends_every_copy_of_the_cookie() {
    let desk = Desk::new();
    for reads_first in [true, false] {
        let mut browser = desk.signed_in().await;
        let copy = browser.clone();
        let leave = move |session: Session| async move {
            if reads_first {
                session.subject().await?;
            }
            Ok(session.logout())
        };
        desk.visit(&mut browser, leave).await.text();
        assert_eq!(browser.cookie(), None);
        desk.stands(&copy, Standing::Ended(Ending::SignedOut)).await;
        assert!(desk.devices().await.is_empty());
    }
}

#[tokio::test]
async fn devices_are_listed_and_revoked_one_by_one_or_all_but_one() {
    let desk = Desk::new();
    let mut phone = desk.signed_in().await;
    desk.clock.advance(MINUTE);
    let (laptop, tablet) = (desk.signed_in().await, desk.signed_in().await);
    let devices = desk.devices().await;
    let named = |info: &Info| info.device.as_deref() == Some("Firefox on Linux");
    assert!(devices.len() == 3 && devices.iter().all(named));
    // The latest first, so the phone is the last.
    assert!(
        desk.manager
            .revoke("ada", &devices[1].handle)
            .await
            .unwrap()
    );
    assert!(
        !desk
            .manager
            .revoke("ada", &devices[1].handle)
            .await
            .unwrap()
    );
    assert!(
        !desk
            .manager
            .revoke("ben", &devices[0].handle)
            .await
            .unwrap()
    );
    assert_eq!(desk.devices().await.len(), 2);
    let end_others = |session: Session| async move {
        assert_eq!(session.devices().await?.len(), 2);
        assert_eq!(session.end_others().await?, 1);
        Ok(())
    };
    desk.visit(&mut phone, end_others).await.text();
    desk.stands(&phone, Standing::Live).await;
    for browser in [&laptop, &tablet] {
        desk.stands(browser, Standing::Ended(Ending::Revoked)).await;
    }
    assert_eq!(desk.manager.end_subject("ada").await.unwrap(), 1);
    desk.stands(&phone, Standing::Ended(Ending::Revoked)).await;
}

/// A request that only writes does not know yet that it writes to nothing.
#[tokio::test]
async fn nothing_written_to_a_revoked_session_comes_back() {
    let desk = Desk::new();
    let browser = desk.signed_in().await;
    desk.manager.end_subject("ada").await.unwrap();
    let mut late = browser.clone();
    let write = |session: Session| async move { Ok(session.insert("cart", &4)?) };
    let answer = desk.visit(&mut late, write).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.set_cookie(), None);
    // Who signs in again begins a session, and not with what the ended one held.
    let sign_in = |session: Session| async move { Ok(session.login("ada")?) };
    desk.visit(&mut late, sign_in).await.text();
    let look = |session: Session| async move {
        assert_eq!(session.get::<u32>("cart").await?, None);
        assert_eq!(session.subject().await?.as_deref(), Some("ada"));
        Ok(())
    };
    desk.visit(&mut late, look).await.text();
    desk.stands(&browser, Standing::Ended(Ending::Revoked))
        .await;
}

/// An older cookie of somebody who signed in since, as another or again, signs nobody in.
#[tokio::test]
async fn signing_in_again_ends_the_sign_in_before_it() {
    let desk = Desk::new();
    for subject in ["ada", "ben"] {
        let mut browser = desk.signed_in().await;
        let before = browser.clone();
        let again = move |session: Session| async move { Ok(session.login(subject)?) };
        desk.visit(&mut browser, again).await.text();
        desk.stands(&browser, Standing::Live).await;
        desk.stands(&before, Standing::Ended(Ending::SignedOut))
            .await;
    }
    assert_eq!(desk.devices().await.len(), 1);
}

#[tokio::test]
async fn only_who_is_signed_in_costs_a_look_into_the_store() {
    let desk = Desk::new();
    let mut visitor = Browser::new();
    let write = |session: Session| async move { Ok(session.insert("cart", &1)?) };
    let read = |session: Session| async move {
        session.get::<u32>("cart").await?;
        Ok(())
    };
    let ignore = |_: Session| async move { Ok(()) };
    desk.visit(&mut visitor, write).await.text();
    desk.visit(&mut visitor, read).await.text();
    assert_eq!(desk.store.calls(Operation::Any), 0);
    let mut ada = desk.signed_in().await;
    desk.store.follow(Plan::new());
    desk.visit(&mut ada, ignore).await.text();
    assert_eq!(desk.store.calls(Operation::Any), 0);
    desk.visit(&mut ada, read).await.text();
    assert_eq!(desk.store.calls(Operation::Any), 1);
    desk.visit(&mut ada, write).await.text();
    assert_eq!(desk.store.calls(Operation::Any), 2);
}

/// Fail closed: who cannot be vouched for is neither signed in nor signed out.
#[tokio::test]
async fn a_store_that_fails_fails_the_request_and_takes_no_cookie_away() {
    let desk = Desk::new();
    let mut ada = desk.signed_in().await;
    let read = |session: Session| async move {
        session.subject().await?;
        Ok(())
    };
    let write = |session: Session| async move { Ok(session.insert("cart", &9)?) };
    for number in 0..2 {
        desk.store
            .follow(Plan::new().always(Operation::Load, Fault::Fail));
        let answer = if number == 0 {
            desk.visit(&mut ada, read).await
        } else {
            desk.visit(&mut ada, write).await
        };
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.set_cookie(), None);
    }
    desk.store.follow(Plan::new());
    desk.stands(&ada, Standing::Live).await;
}

#[tokio::test]
async fn a_lifetime_given_later_and_a_rotated_key_keep_the_entry() {
    let desk = Desk::new();
    let mut ada = desk.signed_in().await;
    let day = 24 * 60 * MINUTE;
    let remember = move |session: Session| async move {
        session.set_persistent(true);
        session
            .set_expiry(Expiry::new().idle(7 * day).absolute(7 * day))
            .unwrap();
        Ok(())
    };
    desk.visit(&mut ada, remember).await.text();
    desk.keys
        .rotate(Key::generate().unwrap(), desk.manager.now())
        .unwrap();
    desk.clock.advance(6 * day);
    // Another sign-in drops what is past, and nothing else.
    desk.signed_in().await;
    while desk.manager.sweep(100).await.unwrap().more {}
    desk.stands(&ada, Standing::Live).await;
    assert_eq!(desk.devices().await.len(), 2);
    desk.clock.advance(day);
    desk.stands(&ada, Standing::Ended(Ending::Absolute)).await;
    assert!(desk.devices().await.is_empty());
}
