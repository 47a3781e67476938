//! A page that stays open is told when its session is over, whoever ended it.

use abiding::{Ending, KeyRing, Manager, MemoryStore, Phase, Standing};
use abiding_testkit::ManualClock;
use abiding_tower::{Failure, Session};
use http::StatusCode;
use tokio::task::JoinHandle;

use crate::{
    browser::{Answer, Browser},
    stage::{application, ask},
};

fn manager() -> Manager {
    Manager::builder(MemoryStore::new())
        .keys(KeyRing::generate().unwrap())
        .clock(ManualClock::new())
        .subjects()
        .watching()
        .build()
        .unwrap()
}

/// Requests a page that does this, and keeps the cookie that comes back.
async fn act(
    manager: &Manager,
    browser: &mut Browser,
    act: fn(&Session) -> Result<(), Failure>,
) -> Answer {
    let page = move |session: Session| async move { act(&session) };
    let answer = ask(application(manager, page), browser.headers()).await;
    browser.receive(&answer);
    answer
}

async fn signed_in(manager: &Manager) -> Browser {
    let mut browser = Browser::new();
    let sign_in = |session: &Session| Ok(session.login("ada")?);
    act(manager, &mut browser, sign_in).await.text();
    browser
}

/// Opens a page that says how its session stands once it is over.
fn open(manager: &Manager, browser: &Browser) -> JoinHandle<Answer> {
    let page = |session: Session| async move { Ok(format!("{:?}", session.until_over().await?)) };
    tokio::spawn(ask(application(manager, page), browser.headers()))
}

/// Lets the page get to where it waits.
async fn settle(page: &JoinHandle<Answer>) {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!page.is_finished(), "the page does not wait");
}

async fn told(page: JoinHandle<Answer>, ending: Ending) {
    let answer = page.await.unwrap();
    assert_eq!(answer.text(), format!("{:?}", Standing::Ended(ending)));
}

#[tokio::test]
async fn an_open_page_is_told_of_a_sign_out_in_another_tab() {
    let manager = manager();
    let browser = signed_in(&manager).await;
    let page = open(&manager, &browser);
    settle(&page).await;
    let mut tab = browser.clone();
    act(&manager, &mut tab, |session| Ok(session.insert("n", &1)?)).await;
    settle(&page).await;
    act(&manager, &mut tab, |session| Ok(session.logout())).await;
    told(page, Ending::SignedOut).await;
}

#[tokio::test]
async fn an_open_page_is_told_that_its_device_was_signed_out_from_another() {
    let manager = manager();
    let (phone, mut laptop) = (signed_in(&manager).await, signed_in(&manager).await);
    let (on_phone, on_laptop) = (open(&manager, &phone), open(&manager, &laptop));
    settle(&on_phone).await;
    let others = |session: Session| async move { Ok(session.end_others().await?.to_string()) };
    let answer = ask(application(&manager, others), laptop.headers()).await;
    assert_eq!(answer.text(), "1");
    told(on_phone, Ending::Revoked).await;
    settle(&on_laptop).await;
    act(&manager, &mut laptop, |session| Ok(session.logout())).await;
    told(on_laptop, Ending::SignedOut).await;
}

/// The id of the page is that of before; the session is the same one.
#[tokio::test]
async fn an_open_page_goes_on_waiting_when_the_session_takes_a_new_id() {
    let manager = manager();
    let mut browser = signed_in(&manager).await;
    let page = open(&manager, &browser);
    settle(&page).await;
    act(&manager, &mut browser, |session| Ok(session.renew())).await;
    settle(&page).await;
    act(&manager, &mut browser, |session| Ok(session.logout())).await;
    told(page, Ending::SignedOut).await;
}

#[tokio::test]
async fn a_page_from_before_the_sign_in_is_told_to_ask_again() {
    let manager = manager();
    let mut browser = Browser::new();
    let begin = |session: &Session| Ok(session.insert("step", &1)?);
    act(&manager, &mut browser, begin).await;
    let page = open(&manager, &browser);
    settle(&page).await;
    act(&manager, &mut browser, |session| Ok(session.login("ada")?)).await;
    told(page, Ending::Unknown).await;
}

/// An end reaches every place, so it is enough to watch where the session lives.
#[tokio::test]
async fn a_page_waits_for_a_session_that_lives_in_another_place() {
    let keys = KeyRing::generate().unwrap();
    let builder = || Manager::builder(MemoryStore::new()).keys(keys.clone());
    let old = builder().watching().build().unwrap();
    let mut browser = signed_in(&old).await;
    let new = builder().elsewhere(old, Phase::Probe).watching();
    let new = new.build().unwrap();
    let page = open(&new, &browser);
    settle(&page).await;
    act(&new, &mut browser, |session| Ok(session.logout())).await;
    told(page, Ending::SignedOut).await;
}

#[tokio::test]
async fn who_has_no_session_waits_for_nothing() {
    let page = open(&manager(), &Browser::new());
    assert_eq!(page.await.unwrap().text(), "None");
}

/// It would never be told.
#[tokio::test]
async fn a_manager_that_does_not_watch_says_what_is_missing() {
    let manager = Manager::builder(MemoryStore::new()).keys(KeyRing::generate().unwrap());
    let manager = manager.build().unwrap();
    let browser = signed_in(&manager).await;
    let page = |session: Session| async move {
        let error = session.until_over().await.unwrap_err();
        Ok((StatusCode::OK, error.to_string()))
    };
    let answer = ask(application(&manager, page), browser.headers()).await;
    assert!(answer.text().contains("watching()"), "{answer:?}");
}
