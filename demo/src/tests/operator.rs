//! The operator's page: keys change under signed-in users, and only operators get to see it.

use std::fs;

use abiding_stores::keys::KeySource;
use axum::http::StatusCode;

use super::{
    accounts::{STORES, THANDI, ZOLA},
    stage::{Page, Stage, Visitor},
};
use crate::settings::{ProfileKind, StoreKind};

const ROTATE: &str = "/operator/keys/rotate";

async fn key(operator: &mut Visitor<'_>, state: &str) -> Option<String> {
    let page = operator.get("/operator").await;
    page.text(&format!("id-{state}")).map(str::to_owned)
}

fn told(page: &Page) -> &str {
    page.text("flash").unwrap_or_default()
}

#[tokio::test]
async fn a_rotation_signs_nobody_out_and_the_new_key_takes_over() {
    for store in STORES {
        let stage = Stage::set(store);
        let (mut operator, mut user) = (stage.visitor(), stage.visitor());
        user.fill().await;
        user.sign_in(THANDI).await;
        let old = key(&mut operator, "signing").await.unwrap();
        assert_eq!(operator.post(ROTATE, &[]).await.location, "/operator");
        let page = operator.get("/operator").await;
        assert!(told(&page).contains("is new"), "{}", told(&page));
        let new = page.text("id-waiting").unwrap().to_owned();
        assert_eq!(page.text("id-signing"), Some(old.as_str()), "{store}");

        // Whoever presses twice gets one key.
        operator.post(ROTATE, &[]).await;
        let page = operator.get("/operator").await;
        assert!(told(&page).contains("still waits"), "{}", told(&page));

        stage.at_second(11);
        let before = user.cookie.clone();
        assert!(user.is_signed_in().await, "{store}");
        assert_ne!(user.cookie, before, "sent again under the new key, {store}");
        let page = operator.get("/operator").await;
        assert_eq!(page.text("id-signing"), Some(new.as_str()), "{store}");
        assert_eq!(page.text("id-verifying"), Some(old.as_str()), "{store}");
        assert_eq!(user.get("/membership").await.location, "/membership/review");
    }
}

#[tokio::test]
async fn a_revocation_says_who_is_signed_out_and_does_it_when_confirmed() {
    for store in STORES {
        let stage = Stage::set(store);
        let (mut operator, mut user) = (stage.visitor(), stage.visitor());
        user.sign_in(THANDI).await;
        // The operator's own session rests on the key, too.
        operator.fill().await;
        let old = key(&mut operator, "signing").await.unwrap();
        let path = format!("/operator/keys/{old}/revoke");
        let page = operator.get(&path).await;
        assert!(page.text("signed-out").unwrap().starts_with("Everybody"));
        assert!(user.is_signed_in().await, "asking changes nothing, {store}");

        let page = operator.post(&path, &[]).await;
        assert_eq!(page.location, format!("/operator?revoked={old}"));
        assert!(!user.is_signed_in().await, "{store}");
        let page = operator.get(&page.location).await;
        let notice = page.text("notice").unwrap();
        assert!(notice.contains(&old) && notice.contains("is revoked"));
        assert_eq!(page.text("id-revoked"), Some(old.as_str()));
        assert_ne!(page.text("id-signing"), Some(old.as_str()));
        assert_ne!(page.text("rejected-RevokedKey"), Some("0"), "{store}");
        user.sign_in(THANDI).await;
        assert!(user.is_signed_in().await, "under the next key, {store}");
        for gone in [
            &path,
            "/operator/keys/00000000/revoke",
            "/operator/keys/x/revoke",
        ] {
            assert_eq!(
                operator.get(gone).await.status,
                StatusCode::NOT_FOUND,
                "{gone}"
            );
        }
    }
}

#[tokio::test]
async fn nothing_changes_without_a_form_of_ours_or_with_a_file_that_went_wrong() {
    let stage = Stage::set(StoreKind::Memory);
    let mut operator = stage.visitor();
    let before = key(&mut operator, "signing").await;
    let page = operator.post_as_it_is(ROTATE, &[]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);

    let KeySource::File(file) = &stage.app.keys else {
        panic!("the stage has a key file");
    };
    fs::write(file, "garbage").unwrap();
    operator.post(ROTATE, &[]).await;
    let page = operator.get("/operator").await;
    assert!(
        told(&page).contains("Nothing was changed"),
        "{}",
        told(&page)
    );
    assert_eq!(fs::read_to_string(file).unwrap(), "garbage");
    assert_eq!(key(&mut operator, "signing").await, before);
    assert_eq!(key(&mut operator, "waiting").await, None);
}

#[tokio::test]
async fn production_shows_the_page_to_the_person_of_the_settings_and_to_nobody_else() {
    let mut stage = Stage::set(StoreKind::Sqlite);
    stage.restart_as(ProfileKind::Production);
    for named in [None, Some("2")] {
        stage.restart_for_operator(named);
        let (mut stranger, mut zola) = (stage.visitor(), stage.visitor());
        if named.is_none() {
            zola.post("/register", ZOLA).await;
        }
        zola.sign_in(&ZOLA[1..]).await;
        assert!(zola.is_signed_in().await);
        let expected = match named {
            None => StatusCode::NOT_FOUND,
            Some(_) => StatusCode::OK,
        };
        assert_eq!(zola.get("/operator").await.status, expected);
        for path in [
            "/operator",
            "/operator/keys/00000000/revoke",
            "/operator/places",
            "/operator/places/cookie",
            "/operator/places/picture.json",
        ] {
            assert_eq!(stranger.get(path).await.status, StatusCode::NOT_FOUND);
        }
        for path in [ROTATE, "/operator/places/move", "/operator/places/bring"] {
            let page = stranger.post(path, &[("to", "file")]).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND);
        }
    }
}

#[tokio::test]
async fn the_page_shows_no_key() {
    let stage = Stage::set(StoreKind::Memory);
    let mut operator = stage.visitor();
    operator.post(ROTATE, &[]).await;
    let KeySource::File(file) = &stage.app.keys else {
        panic!("the stage has a key file");
    };
    let text = fs::read_to_string(file).unwrap();
    let keys = text
        .lines()
        .filter(|line| line.len() >= 43 && !line.starts_with('#'));
    let page = operator.get("/operator").await;
    assert!(keys.clone().all(|key| !page.body.contains(&key[..10])));
    assert_eq!(keys.count(), 2);
}
