//! Requests that nobody's browser sends: each gets a page, none gets a session or a panic.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};

use super::stage::{FORM, Stage};
use crate::settings::StoreKind;

#[tokio::test]
async fn what_is_not_there_is_a_page_that_says_so() {
    let stage = Stage::set(StoreKind::Memory);
    for (path, status) in [
        ("/nope", StatusCode::NOT_FOUND),
        ("/membership/nope", StatusCode::NOT_FOUND),
        ("/membership/%00", StatusCode::NOT_FOUND),
        ("/session/end", StatusCode::METHOD_NOT_ALLOWED),
        ("/lab/run", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let page = stage.visitor().get(path).await;
        assert_eq!(page.status, status, "{path}");
        let shown = format!("Error {}", status.as_u16());
        assert!(page.body.contains(&shown), "{path}: {}", page.body);
    }
    let page = stage
        .visitor()
        .post("/membership/nope", &[("a", "b")])
        .await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_changes_nothing() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    visitor.fill().await;
    let page = visitor
        .post("/membership/personal", &[("surname", &"x".repeat(6000))])
        .await;
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(page.text("page-title"), Some("That is too much"));
    assert_eq!(
        visitor
            .get("/membership/review")
            .await
            .text("review-surname"),
        Some("Zola")
    );
}

/// Scar 26: what a browser would drop without a word is refused with one, and the cookie stays.
#[tokio::test]
async fn what_does_not_fit_into_a_cookie_is_refused_and_nothing_is_lost() {
    let stage = Stage::set(StoreKind::Cookie);
    let mut visitor = stage.visitor();
    visitor.fill().await;
    let cookie = visitor.cookie.clone();
    let long: Vec<u32> = (1000..1800).collect();
    let drawing = long
        .iter()
        .map(|n| format!("{n}-{n}"))
        .collect::<Vec<_>>()
        .join("_");
    let path = "/membership/declaration/draft";
    let page = visitor
        .post(path, &[("signature_drawn", &drawing[..3990])])
        .await;
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(page.text("page-title"), Some("Your session is full"));
    assert_eq!(visitor.cookie, cookie);
    let review = visitor.get("/membership/review").await;
    assert_eq!(review.text("review-surname"), Some("Zola"));
}

#[tokio::test]
async fn answers_far_too_long_for_their_question_are_refused_as_answers() {
    let stage = Stage::set(StoreKind::Memory);
    let long = "é".repeat(2500);
    let page = stage
        .visitor()
        .post("/membership/personal", &[("surname", &long)])
        .await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        page.text("error-link-surname"),
        Some("Surname can have at most 100 characters")
    );
    assert!(page.body.contains(&long));
}

#[tokio::test]
async fn forms_that_cannot_be_read_are_refused() {
    let stage = Stage::set(StoreKind::Memory);
    for (kind, body) in [
        ("application/json", &b"{}"[..]),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("application/x-www-form-urlencoded", b"surname=%FF%FE"),
        ("application/x-www-form-urlencoded", b"&&&=&=;%%%"),
        ("application/x-www-form-urlencoded", b"\0\xff"),
    ] {
        let request = Request::post("/membership/personal")
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body))
            .unwrap();
        let page = stage.send(request).await;
        assert!(page.status.is_client_error(), "{kind}: {}", page.status);
        assert!(page.text("page-title").is_some(), "{kind}: {}", page.body);
    }
}

#[tokio::test]
async fn a_cookie_that_is_not_ours_is_no_session() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut visitor = stage.visitor();
    visitor.fill().await;
    let cookie = visitor.cookie.clone().unwrap();
    let (name, value) = cookie.split_once('=').unwrap();
    let middle = value.len() / 2;
    let flipped = if value.as_bytes()[middle] == b'A' {
        "B"
    } else {
        "A"
    };
    for forged in [
        format!(
            "{name}={}{flipped}{}",
            &value[..middle],
            &value[middle + 1..]
        ),
        format!("{name}={}", &value[..value.len() - 1]),
        format!("{name}={value}A"),
        format!("{name}="),
        name.to_owned(),
        format!("={value}"),
        format!("{name}=\"{value}\""),
        format!("{name}={}", "A".repeat(8000)),
        format!("{name}={value}; {name}={value}x"),
        format!("{}={value}", name.to_uppercase()),
        format!("{name}=é{value}"),
    ] {
        for path in ["/membership", "/session", "/membership/done", "/lab/state"] {
            let request = Request::get(path)
                .header(header::COOKIE, forged.as_bytes())
                .body(Body::empty());
            let page = stage.send(request.unwrap()).await;
            assert!(
                page.status.is_success() || page.status.is_redirection(),
                "{path}: {forged}"
            );
            assert!(
                !page.body.contains("Nomvula") && !page.location.ends_with("/review"),
                "{path}: {forged}"
            );
            let set = page
                .cookies
                .iter()
                .filter(|set| !set.starts_with(&format!("{name}=;")))
                .count();
            assert_eq!(set, 0, "{path}: {forged} got a cookie");
        }
    }
    assert_eq!(
        visitor.get("/membership").await.location,
        "/membership/review"
    );
}

#[tokio::test]
async fn another_site_cannot_make_a_browser_post() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    visitor.fill().await;
    let request = Request::post("/session/end")
        .header(header::COOKIE, visitor.cookie.clone().unwrap())
        .header("sec-fetch-site", "cross-site")
        .body(Body::empty());
    let page = stage.send(request.unwrap()).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert_eq!(page.text("page-title"), Some("Not from here"));
    assert_eq!(
        visitor.get("/membership").await.location,
        "/membership/review"
    );
}

#[tokio::test]
async fn looking_around_sets_no_cookie() {
    let stage = Stage::set(StoreKind::Sqlite);
    for path in [
        "/",
        "/membership",
        "/membership/personal",
        "/membership/done",
        "/session",
        "/lab",
        "/nope",
        "/healthz",
    ] {
        let page = stage.visitor().get(path).await;
        assert!(page.cookies.is_empty(), "{path}");
    }
    let refused = stage.visitor().post("/membership/review", FORM[0].1).await;
    assert!(refused.cookies.is_empty());
}
