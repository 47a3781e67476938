//! Forms with a token: whose is admitted, what a refusal says, and what it keeps.

use abiding::{CookieSpec, Key, KeyRing, Manager};
use abiding_testkit::{Fault, Operation, Plan};
use abiding_tower::{
    FORM_TOKEN, FORM_TOKEN_HEADER, Failure, FormRefusal, GuardedForm, Session, SessionLayer,
};
use axum::{Router, body::Body, extract::DefaultBodyLimit, routing};
use http::{Request, StatusCode, header};
use serde::Deserialize;

use crate::{
    browser::{Answer, Browser},
    stage::{Setup, Stage, answer, application, ask},
};

on_each_store![
    a_form_of_a_visitor_costs_no_row_and_no_cookie,
    a_form_that_could_not_be_checked_is_not_called_forged,
    a_refusal_keeps_what_was_typed_and_not_the_token,
    a_script_sends_the_token_in_a_header,
    a_token_is_admitted_for_whom_its_form_was_shown_to,
    a_token_of_another_application_is_refused,
    a_token_outlives_a_rotation_of_keys_and_not_a_revocation,
    each_fault_of_a_form_has_its_status,
    the_page_that_signs_in_may_hold_a_form,
];

#[derive(Debug, Default, Deserialize)]
struct Guest {
    name: String,
    #[serde(default)]
    seats: u8,
}

async fn invite(session: Session, form: GuardedForm<Guest>) -> Result<String, Failure> {
    session.insert("guest", &form.name)?;
    Ok(format!("{} {}", form.name, form.seats))
}

fn app(manager: &Manager) -> Router {
    Router::new()
        .route("/", routing::post(invite))
        .layer(DefaultBodyLimit::max(1000))
        .layer(SessionLayer::new(manager.clone()))
}

fn request(browser: &Browser, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::post("/").body(body.into()).unwrap();
    *request.headers_mut() = browser.headers();
    let form = "application/x-www-form-urlencoded;charset=utf-8";
    request
        .headers_mut()
        .insert(header::CONTENT_TYPE, form.parse().unwrap());
    request
}

async fn post(stage: &Stage, browser: &Browser, body: &str) -> Answer {
    answer(app(&stage.manager), request(browser, body.to_owned())).await
}

/// The token of a form that is shown to this browser.
async fn shown(manager: &Manager, browser: &Browser) -> String {
    let session = manager.open(browser.cookie().map(str::as_bytes));
    session.form_token().await.unwrap()
}

async fn signed_in(stage: &Stage, subject: &'static str) -> Browser {
    let mut browser = Browser::new();
    let login = move |session: Session| async move { Ok(session.login(subject)?) };
    stage.visit(&mut browser, login).await.text();
    browser
}

async fn a_form_of_a_visitor_costs_no_row_and_no_cookie(stage: Stage) {
    let mut browser = Browser::new();
    let show = |session: Session| async move { Ok(session.form_token().await?) };
    let page = stage.visit(&mut browser, show).await;
    assert_eq!(page.summary(), "store: nothing, cookie: nothing");
    assert_eq!(page.headers[header::VARY], "Cookie");
    assert_eq!((stage.calls(), browser.cookie()), (0, None));
    let sent = format!("name=Zo%C3%AB&{FORM_TOKEN}={}&seats=2", page.text());
    assert_eq!(post(&stage, &browser, &sent).await.text(), "Zoë 2");
}

/// CK-13. Rows: who sees the form; columns: who sends it.
async fn a_token_is_admitted_for_whom_its_form_was_shown_to(stage: Stage) {
    let mut visitor = Browser::new();
    let begin = |session: Session| async move { Ok(session.insert("n", &1)?) };
    stage.visit(&mut visitor, begin).await.text();
    let (ada, ada_elsewhere) = (
        signed_in(&stage, "ada").await,
        signed_in(&stage, "ada").await,
    );
    let bob = signed_in(&stage, "bob").await;
    let browsers = [Browser::new(), visitor, ada, ada_elsewhere, bob];
    for (row, sees) in browsers.iter().enumerate() {
        let token = shown(&stage.manager, sees).await;
        for (column, sends) in browsers.iter().enumerate() {
            let admitted = row == column || (row < 2 && column < 2);
            let expected = if admitted {
                StatusCode::OK
            } else {
                StatusCode::FORBIDDEN
            };
            let answer = post(&stage, sends, &format!("name=x&{FORM_TOKEN}={token}")).await;
            assert_eq!(answer.status, expected, "of {row}, sent by {column}");
        }
    }

    // One session through its life: a renewal keeps open forms, a sign-in or a sign-out does not.
    let [_, mut browser, ..] = browsers;
    let mut token = shown(&stage.manager, &browser).await;
    type Act = fn(&Session) -> Result<(), Failure>;
    let acts: [(&str, Act, StatusCode); 5] = [
        ("renew", |session| Ok(session.renew()), StatusCode::OK),
        (
            "login",
            |session| Ok(session.login("ada")?),
            StatusCode::FORBIDDEN,
        ),
        ("renew", |session| Ok(session.renew()), StatusCode::OK),
        (
            "other",
            |session| Ok(session.login("bob")?),
            StatusCode::FORBIDDEN,
        ),
        (
            "logout",
            |session| Ok(session.logout()),
            StatusCode::FORBIDDEN,
        ),
    ];
    for (name, act, expected) in acts {
        stage
            .visit(&mut browser, move |session| async move { act(&session) })
            .await;
        let answer = post(&stage, &browser, &format!("name=x&{FORM_TOKEN}={token}")).await;
        assert_eq!(answer.status, expected, "{name}");
        token = shown(&stage.manager, &browser).await;
    }
}

/// KR-7.
async fn a_token_of_another_application_is_refused(stage: Stage) {
    let browser = signed_in(&stage, "ada").await;
    let realm = Setup {
        realm: Some("other"),
        ..Setup::default()
    };
    let cookie = Setup {
        cookie: Some(CookieSpec::host("other").unwrap()),
        ..Setup::default()
    };
    for other in [stage.another(realm), stage.another(cookie)] {
        let token = shown(&other, &Browser::new()).await;
        for browser in [&browser, &Browser::new()] {
            let answer = post(&stage, browser, &format!("name=x&{FORM_TOKEN}={token}")).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN);
        }
    }
}

/// KR-9, KR-10.
async fn a_token_outlives_a_rotation_of_keys_and_not_a_revocation(stage: Stage) {
    let mut browser = signed_in(&stage, "ada").await;
    let sent = format!(
        "name=x&{FORM_TOKEN}={}",
        shown(&stage.manager, &browser).await
    );
    let first = stage.keys.signer_at(stage.now());
    stage
        .keys
        .rotate(Key::generate().unwrap(), stage.now())
        .unwrap();
    let answer = post(&stage, &browser, &sent).await;
    answer.text();
    // The cookie comes anew under the new key, so that the session outlives the old one.
    browser.receive(&answer);
    stage.keys.revoke(first).unwrap();
    assert_eq!(
        post(&stage, &browser, &sent).await.status,
        StatusCode::FORBIDDEN
    );
    let sent = format!(
        "name=x&{FORM_TOKEN}={}",
        shown(&stage.manager, &browser).await
    );
    post(&stage, &browser, &sent).await.text();
}

/// Without a redirect: what the page of the sign-in shows is good for the session that it began.
async fn the_page_that_signs_in_may_hold_a_form(stage: Stage) {
    for begun in [false, true] {
        let mut browser = Browser::new();
        if begun {
            let begin = |session: Session| async move { Ok(session.insert("n", &1)?) };
            stage.visit(&mut browser, begin).await.text();
        }
        let login = |session: Session| async move {
            session.login("ada")?;
            Ok(session.form_token().await?)
        };
        let page = stage.visit(&mut browser, login).await;
        let sent = format!("name=x&{FORM_TOKEN}={}", page.text());
        post(&stage, &browser, &sent).await.text();
        assert_eq!(
            post(&stage, &Browser::new(), &sent).await.status,
            StatusCode::FORBIDDEN
        );
    }
}

async fn a_script_sends_the_token_in_a_header(stage: Stage) {
    let browser = signed_in(&stage, "ada").await;
    let token = shown(&stage.manager, &browser).await;
    for (header, body, expected) in [
        (token.as_str(), "name=x", StatusCode::OK),
        ("", "name=x", StatusCode::FORBIDDEN),
        (
            "forged",
            &format!("name=x&{FORM_TOKEN}={token}"),
            StatusCode::FORBIDDEN,
        ),
    ] {
        let mut request = request(&browser, body.to_owned());
        request
            .headers_mut()
            .insert(FORM_TOKEN_HEADER, header.parse().unwrap());
        assert_eq!(
            answer(app(&stage.manager), request).await.status,
            expected,
            "{body}"
        );
    }
    let mut in_the_address = request(&browser, "name=x");
    *in_the_address.uri_mut() = format!("/?{FORM_TOKEN}={token}").parse().unwrap();
    let refused = answer(app(&stage.manager), in_the_address).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

async fn each_fault_of_a_form_has_its_status(stage: Stage) {
    let browser = signed_in(&stage, "ada").await;
    let token = shown(&stage.manager, &browser).await;
    let form = "application/x-www-form-urlencoded";
    let long = format!("name={}", "x".repeat(1000));
    for (kind, body, expected) in [
        (form, "name=x&form_token=TOKEN", StatusCode::OK),
        (
            "Application/X-WWW-Form-Urlencoded ; x=y",
            "name=x&form_token=TOKEN",
            StatusCode::OK,
        ),
        ("application/json", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            "multipart/form-data; boundary=x",
            "--x--",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            "",
            "name=x&form_token=TOKEN",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (form, &long, StatusCode::PAYLOAD_TOO_LARGE),
        (form, "name=%FF&form_token=TOKEN", StatusCode::BAD_REQUEST),
        (form, "", StatusCode::FORBIDDEN),
        (form, "name=x", StatusCode::FORBIDDEN),
        (form, "name=x&form_token=", StatusCode::FORBIDDEN),
        (form, "name=x&form_token=TOKENx", StatusCode::FORBIDDEN),
        (
            form,
            "name=x&form_token=TOKEN&form_token=TOKEN",
            StatusCode::FORBIDDEN,
        ),
        (form, "form_token=TOKEN", StatusCode::UNPROCESSABLE_ENTITY),
        (
            form,
            "name=x&seats=many&form_token=TOKEN",
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    ] {
        let mut request = request(&browser, body.replace("TOKEN", &token));
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, kind.parse().unwrap());
        let answer = answer(app(&stage.manager), request).await;
        assert_eq!(answer.status, expected, "{kind} {body}");
        assert!(!answer.body.contains(&token), "{}", answer.body);
    }
    let not_utf8 = request(&browser, &b"name=\xff"[..]);
    assert_eq!(
        answer(app(&stage.manager), not_utf8).await.status,
        StatusCode::BAD_REQUEST
    );
    let bare = Router::new().route("/", routing::post(invite));
    let without_layer = answer(bare, request(&browser, "name=x")).await;
    assert_eq!(without_layer.status, StatusCode::INTERNAL_SERVER_ERROR);
}

async fn a_refusal_keeps_what_was_typed_and_not_the_token(stage: Stage) {
    async fn again(form: Result<GuardedForm<Guest>, FormRefusal>) -> String {
        let refusal = form.unwrap_err();
        let typed: Guest = refusal.typed().unwrap_or_default();
        let shown = format!("{refusal:?} {refusal}");
        assert!(!shown.contains("Ada") && shown.contains("name"), "{shown}");
        format!(
            "{} {:?} {}",
            refusal.forged(),
            refusal.fields(),
            typed.seats
        )
    }
    let app = Router::new()
        .route("/", routing::post(again))
        .layer(SessionLayer::new(stage.manager.clone()));
    let token = shown(&stage.manager, &signed_in(&stage, "ada").await).await;
    for (body, expected) in [
        (
            "name=Ada+L&form_token=TOKEN&seats=3",
            r#"true [("name", "Ada L"), ("seats", "3")] 3"#,
        ),
        ("name=Ada&x=%FF", r#"false [("name", "Ada")] 0"#),
    ] {
        let body = body.replace("TOKEN", &token);
        let answer = answer(app.clone(), request(&Browser::new(), body)).await;
        assert_eq!(answer.text(), expected);
    }
}

/// A store that is down is a failure, for which nobody is blamed and after which nothing was done.
async fn a_form_that_could_not_be_checked_is_not_called_forged(stage: Stage) {
    let browser = signed_in(&stage, "ada").await;
    let sent = format!(
        "name=x&{FORM_TOKEN}={}",
        shown(&stage.manager, &browser).await
    );
    stage
        .store
        .follow(Plan::new().always(Operation::Load, Fault::Fail));
    let answer = post(&stage, &browser, &sent).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    stage.store.follow(Plan::new());
    assert_eq!(stage.shown(&browser).await, "");
}

/// A sealed cookie keeps its handle from request to request, and signs nobody in before it is sent.
#[tokio::test]
async fn a_session_in_its_cookie_has_form_tokens_as_any_other() {
    let manager = Manager::client_side(KeyRing::generate().unwrap())
        .irrevocable()
        .build()
        .unwrap();
    let send = async |browser: &Browser, token: &str| {
        let body = format!("name=x&{FORM_TOKEN}={token}");
        answer(app(&manager), request(browser, body)).await
    };
    let mut browser = Browser::new();
    let before = shown(&manager, &browser).await;
    assert_eq!(send(&browser, &before).await.status, StatusCode::OK);

    let login = |session: Session| async move {
        session.login("ada")?;
        Ok::<_, Failure>(session.form_token().await?)
    };
    let page = ask(application(&manager, login), browser.headers()).await;
    browser.receive(&page);
    for early in [before.as_str(), page.text()] {
        assert_eq!(send(&browser, early).await.status, StatusCode::FORBIDDEN);
    }
    let token = shown(&manager, &browser).await;
    for _ in 0..2 {
        let sent = send(&browser, &token).await;
        assert_eq!(sent.status, StatusCode::OK);
        browser.receive(&sent);
    }
}
