//! Where the layer stands: around routers, inside routers, twice, or not at all; and the headers it adds.

use std::{future::Future, pin::Pin};

use abiding_testkit::Plan;
use abiding_tower::{Failure, Session, SessionLayer, Typed};
use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
    routing::any,
};
use http::{HeaderMap, StatusCode, header};

use crate::{
    browser::Browser,
    stage::{MINUTE, Setup, Stage, ask, show},
};

on_each_store![
    a_middleware_and_a_nested_router_share_the_session_of_the_request,
    a_route_without_the_layer_says_what_is_missing,
    every_access_makes_the_answer_vary_by_cookie,
    layers_within_layers_send_one_cookie_and_settle_once,
    two_applications_in_one_keep_their_sessions_apart,
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

type Access = fn(Session) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

macro_rules! access {
    ($session:ident => $do:expr) => {
        (
            stringify!($do),
            (|$session| {
                Box::pin(async move {
                    $do;
                    Ok(())
                })
            }) as Access,
        )
    };
}

/// Scar 27, CK-11. Whatever depends on the session is nobody else's; what sends a cookie is nobody's.
async fn every_access_makes_the_answer_vary_by_cookie(stage: Stage) {
    let accesses = [
        access!(s => s.get::<u32>("n").await?),
        access!(s => s.contains("n").await?),
        access!(s => s.keys().await?),
        access!(s => s.insert("n", &1)?),
        access!(s => s.remove("n")),
        access!(s => s.clear()),
        access!(s => s.update("n", |n: Option<u32>| n.unwrap_or(0) + 1).await?),
        access!(s => s.renew()),
        access!(s => s.login("ada")?),
        access!(s => s.elevate(MINUTE)),
        access!(s => s.logout()),
        access!(s => s.set_expiry(abiding::Expiry::new()).unwrap()),
        access!(s => s.set_persistent(true)),
        access!(s => s.touch().await?),
        access!(s => s.standing().await?),
        access!(s => s.subject().await?),
        access!(s => s.info().await?),
        access!(s => s.end_others().await?),
        access!(s => s.flash("info", "text").await?),
        access!(s => s.take_flashes().await?),
        access!(s => s.typed::<serde_json::Value>().await?),
    ];
    for (name, access) in accesses {
        for browser in [Browser::new(), visitor(&stage).await] {
            let answer = stage.request(&browser, access).await;
            let vary: Vec<_> = answer.headers.get_all(header::VARY).iter().collect();
            assert_eq!(vary, ["Cookie"], "{name}");
            let expected = match answer.set_cookie() {
                Some(_) => "no-store",
                None if answer.status == StatusCode::OK => "private",
                None => "no-store",
            };
            assert_eq!(answer.headers[header::CACHE_CONTROL], expected, "{name}");
        }
    }
    // A failure depends on the session as well.
    let mut browser = visitor(&stage).await;
    let stale = browser.clone();
    stage
        .visit(&mut browser, |session| async move { Ok(session.logout()) })
        .await
        .text();
    let write = |session: Session| async move { Ok(session.insert("n", &1)?) };
    let answer = stage.request(&stale, write).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
}

async fn count(session: Session) -> Result<String, Failure> {
    let n = session
        .update("n", |n: Option<u32>| n.unwrap_or(0) + 1)
        .await?;
    session.renew();
    Ok(n.to_string())
}

/// Scar 23, CK-10.
async fn layers_within_layers_send_one_cookie_and_settle_once(stage: Stage) {
    let layer = || SessionLayer::new(stage.manager.clone());
    let app = Router::new()
        .nest(
            "/in",
            Router::new()
                .route("/", any(count))
                .layer(layer())
                .layer(layer()),
        )
        .route("/", any(count).layer(layer()))
        .layer(layer());
    for browser in [Browser::new(), visitor(&stage).await] {
        let mut browser = browser;
        stage.store.follow(Plan::new());
        let answer = ask(app.clone(), browser.headers()).await;
        assert!(answer.set_cookie().is_some());
        let calls = stage.calls();
        browser.receive(&answer);
        let shown = stage.shown(&browser).await;
        assert_eq!((answer.text(), shown.as_str()), ("1", "n=1"));
        assert!(calls <= 3, "load, commit and rotate, or create: {calls}");
    }
}

async fn a_middleware_and_a_nested_router_share_the_session_of_the_request(stage: Stage) {
    async fn outside(session: Session, request: Request, next: Next) -> Result<Response, Failure> {
        session.insert("before", &1)?;
        let mut answer = next.run(request).await;
        session.insert("after", &1)?;
        let seen: Option<u32> = session.get("n").await?;
        answer
            .headers_mut()
            .insert("x-seen", seen.unwrap_or(0).into());
        // A cookie of the session's name that somebody else sets would shadow the real one.
        answer
            .headers_mut()
            .append(header::SET_COOKIE, "__Host-Http-sid=mine".parse().unwrap());
        Ok(answer)
    }
    let inner = Router::new().route("/", any(count));
    let app = Router::new()
        .fallback_service(inner)
        .layer(from_fn(outside))
        .layer(SessionLayer::new(stage.manager.clone()));
    let mut browser = Browser::new();
    let answer = ask(app, HeaderMap::new()).await;
    browser.receive(&answer);
    assert_eq!(answer.headers["x-seen"], "1");
    assert_eq!(stage.shown(&browser).await, "before=1 n=1 after=1");
    assert_eq!(stage.records().await.len(), 1);
}

/// Two managers, two cookies: a `Session` is the inner one's.
async fn two_applications_in_one_keep_their_sessions_apart(stage: Stage) {
    let cookie = Some(abiding::CookieSpec::host("admin").unwrap());
    let admin = stage.another(Setup {
        cookie,
        realm: Some("admin"),
        ..Setup::default()
    });
    let app = Router::new()
        .route("/", any(count))
        .layer(SessionLayer::new(admin.clone()))
        .layer(SessionLayer::new(stage.manager.clone()));
    let browser = visitor(&stage).await;
    let answer = ask(app, browser.headers()).await;
    assert!(
        answer
            .set_cookie()
            .unwrap()
            .starts_with("__Host-Http-admin=")
    );
    assert_eq!(stage.shown(&browser).await, "n=0");
}

async fn a_route_without_the_layer_says_what_is_missing(stage: Stage) {
    type Form = serde_json::Value;
    for route in [any(show), any(|_: Typed<Form>| async {})] {
        let answer = ask(Router::new().route("/", route), HeaderMap::new()).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::INTERNAL_SERVER_ERROR, "")
        );
    }

    assert_eq!(stage.calls(), 0);
}
