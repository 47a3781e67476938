//! The inspector: what it tells, and above all what it does not.

use axum::http::StatusCode;

use super::stage::Stage;
use crate::settings::{ProfileKind, StoreKind};

#[tokio::test]
async fn the_inspector_tells_what_is_there_and_gives_nothing_away() {
    for store in [StoreKind::Memory, StoreKind::Sqlite] {
        let stage = Stage::set(store);
        let mut visitor = stage.visitor();
        assert_eq!(
            visitor.get("/session").await.text("session-state"),
            Some("no session")
        );
        visitor.fill().await;
        let (_, token) = visitor.cookie.as_ref().unwrap().split_once('=').unwrap();
        let token = token.to_owned();
        for path in ["/session", "/debug/session.json"] {
            let page = visitor.get(path).await;
            for secret in [
                token.as_str(),
                &token[..20],
                "Nomvula",
                "zola@",
                "8001015009087",
            ] {
                assert!(!page.body.contains(secret), "{path} shows {secret}");
            }
            assert!(page.body.contains("membership.first_names"), "{path}");
            assert!(page.body.contains("text, 7 characters: N…"), "{path}");
        }
        let page = visitor.get("/session").await;
        assert_eq!(page.text("session-store"), Some(store.to_string().as_str()));
        assert_eq!(page.text("session-version"), Some("4"));
        assert!(page.body.contains(r#"data-countdown="7"#));
    }
}

#[tokio::test]
async fn the_inspector_tells_what_the_last_requests_did_to_the_store() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    visitor.fill().await;
    let rows = |page: &super::stage::Page| {
        let (_, table) = page.body.split_once("requests-title").unwrap();
        table
            .split("<tr")
            .skip(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let after_fill = rows(&visitor.get("/session").await);
    assert!(
        after_fill[0].contains("POST /membership/payment")
            && after_fill[0].contains("store: commit")
    );
    assert!(
        after_fill[3].contains("POST /membership/personal")
            && after_fill[3].contains("store: create, cookie: set")
    );
    visitor.get("/lab").await;
    assert!(
        rows(&visitor.get("/session").await)[0].contains("read 1, store: nothing, cookie: nothing")
    );
    let stranger = rows(&stage.visitor().get("/session").await);
    assert_eq!(stranger.len(), 0, "a stranger sees somebody's requests");
}

#[tokio::test]
async fn a_new_id_keeps_the_session_and_an_end_ends_it_for_every_copy() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut visitor = stage.visitor();
    visitor.fill().await;
    let before = visitor.cookie.clone();
    let handle = visitor
        .get("/session")
        .await
        .text("session-handle")
        .map(str::to_owned);
    visitor.post("/session/renew", &[]).await;
    assert_ne!(visitor.cookie, before);
    let page = visitor.get("/session").await;
    assert!(page.text("flash").unwrap().contains("new id"));
    assert_eq!(page.text("session-handle").map(str::to_owned), handle);
    assert_eq!(
        visitor.get("/membership").await.location,
        "/membership/review"
    );

    let mut copy = visitor.another_tab();
    visitor.post("/session/end", &[]).await;
    assert_eq!(visitor.cookie, None);
    let page = copy.get("/session").await;
    assert_eq!(page.text("session-state"), Some("no session"));
    assert!(page.body.contains("is over"));
    assert_eq!(
        copy.post("/membership/personal/draft", &[("surname", "late")])
            .await
            .status,
        StatusCode::CONFLICT
    );
    assert_eq!(
        copy.get("/session").await.text("session-state"),
        Some("no session")
    );
}

#[tokio::test]
async fn production_has_no_debug_page_and_a_cookie_for_this_host_alone() {
    let stage = Stage::set_for(StoreKind::Memory, ProfileKind::Production, "127.0.0.1:1");
    let mut visitor = stage.visitor();
    assert_eq!(
        visitor.get("/debug/session.json").await.status,
        StatusCode::NOT_FOUND
    );
    let page = visitor
        .post("/membership/personal", super::stage::FORM[0].1)
        .await;
    assert!(
        page.cookies[0].starts_with("__Host-"),
        "{}",
        page.cookies[0]
    );
    for attribute in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(page.cookies[0].contains(attribute), "{}", page.cookies[0]);
    }
}
