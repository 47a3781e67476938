//! Forms without a token of their session: each is a page that says so, and nothing is done.

use std::net::SocketAddr;

use abiding_tower::{FORM_TOKEN, Proxies};
use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{Request, StatusCode, header},
};

use super::stage::{FORM, Stage};
use crate::settings::StoreKind;

const STORES: [StoreKind; 3] = [StoreKind::Cookie, StoreKind::Memory, StoreKind::Sqlite];

#[tokio::test]
async fn a_step_without_a_token_is_shown_again_with_what_was_typed() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitor = stage.visitor();
        for token in [&[][..], &[(FORM_TOKEN, "forged")]] {
            let form = [token, FORM[0].1].concat();
            let page = visitor.post_as_it_is("/membership/personal", &form).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN);
            assert!(page.tag("error-summary").unwrap().contains("alert"));
            assert!(page.tag("field-surname").unwrap().contains("Zola"));
            assert!(page.cookies.is_empty() && !page.body.contains("forged"));
        }
        // What it is shown with is good.
        let page = visitor
            .post_as_it_is("/membership/personal", FORM[0].1)
            .await;
        let again = [&[(FORM_TOKEN, page.form_token().unwrap())], FORM[0].1].concat();
        let sent = visitor.post_as_it_is("/membership/personal", &again).await;
        assert_eq!(sent.location, "/membership/contact");
    }
}

#[tokio::test]
async fn an_application_without_a_token_is_not_submitted() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    visitor.fill().await;
    visitor.get("/membership/review").await;
    let page = visitor.post_as_it_is("/membership/review", &[]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.tag("error-summary").is_some());
    assert_eq!(page.text("review-surname"), Some("Zola"));
    assert_eq!(
        stage
            .count("SELECT count(*) FROM membership_application")
            .await,
        0
    );
    let again = [(FORM_TOKEN, page.form_token().unwrap())];
    let sent = visitor.post_as_it_is("/membership/review", &again).await;
    assert_eq!(sent.location, "/membership/done");
}

#[tokio::test]
async fn no_button_does_anything_without_a_token() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    visitor.fill().await;
    let before = visitor.cookie.clone();
    for path in ["/session/renew", "/session/end", "/lab/run"] {
        let page = visitor.post_as_it_is(path, &[]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(
            page.text("page-title"),
            Some("That page is out of date"),
            "{path}"
        );
    }
    let draft = "/membership/personal/draft";
    let page = visitor
        .post_as_it_is(draft, &[("surname", "Dlamini")])
        .await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let review = visitor.get("/membership/review").await;
    assert_eq!(
        (review.text("review-surname"), &visitor.cookie),
        (Some("Zola"), &before)
    );
}

/// The token of a page that a visitor opened is nobody's any more once they signed in.
#[tokio::test]
async fn a_form_from_before_the_sign_in_is_shown_again_and_then_goes_through() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut visitor = stage.visitor();
    let token = visitor.form_token().await;
    let account = [
        ("name", "Zola"),
        ("email", "zola@example.com"),
        ("password", "four quiet green rivers"),
    ];
    assert!(
        visitor
            .post("/register", &account)
            .await
            .status
            .is_redirection()
    );
    let form = [&[(FORM_TOKEN, token.as_str())], FORM[0].1].concat();
    let page = visitor.post_as_it_is("/membership/personal", &form).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.tag("field-surname").unwrap().contains("Zola"));
    let again = [&[(FORM_TOKEN, page.form_token().unwrap())], FORM[0].1].concat();
    let sent = visitor.post_as_it_is("/membership/personal", &again).await;
    assert_eq!(sent.location, "/membership/contact");
}

#[tokio::test]
async fn a_script_may_send_the_token_in_a_header() {
    let stage = Stage::set(StoreKind::Memory);
    let visitor = stage.visitor();
    let request = Request::post("/membership/personal/draft")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("x-form-token", visitor.form_token().await)
        .body(Body::from("surname=Zola"));
    let page = stage.send(request.unwrap()).await;
    assert_eq!(page.status, StatusCode::NO_CONTENT);
}

/// Behind a proxy, an older browser's `Origin` is compared with what the proxy was asked for.
#[tokio::test]
async fn a_trusted_proxy_says_what_was_asked() {
    for (proxies, status) in [
        ("127.0.0.1", StatusCode::NO_CONTENT),
        ("10.0.0.0/8", StatusCode::FORBIDDEN),
    ] {
        let mut stage = Stage::set(StoreKind::Memory);
        stage.restart_behind(Proxies::trusting([proxies.parse().unwrap()]));
        let peer: SocketAddr = "127.0.0.1:4711".parse().unwrap();
        let request = Request::post("/membership/personal/draft")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::HOST, "127.0.0.1:3000")
            .header(header::ORIGIN, "https://demo.example")
            .header("x-forwarded-for", "198.51.100.7")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", "demo.example")
            .header("x-form-token", stage.visitor().form_token().await)
            .extension(ConnectInfo(peer))
            .body(Body::from("surname=Zola"));
        assert_eq!(
            stage.send(request.unwrap()).await.status,
            status,
            "{proxies}"
        );
    }
}
