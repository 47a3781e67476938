//! Signing in and out, making accounts, and what that does to sessions.

use axum::http::StatusCode;

use super::stage::{Page, Stage, Visitor};
use crate::settings::{ProfileKind, StoreKind};

pub(super) const THANDI: &[(&str, &str)] = &[
    ("email", "thandi@example.org"),
    ("password", "party-at-eight"),
];
pub(super) const ZOLA: &[(&str, &str)] = &[
    ("name", "Zola"),
    ("email", "zola@example.org"),
    ("password", "correct horse"),
];
const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

#[tokio::test]
async fn a_newcomer_signs_in_with_the_account_that_the_page_shows() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitor = stage.visitor();
        let page = visitor.get("/sign-in").await;
        assert_eq!(page.text("demo-email"), Some(THANDI[0].1));
        assert_eq!(page.text("demo-password"), Some(THANDI[1].1));
        assert_eq!(page.tag("sign-in-reason"), None);
        let home = visitor.sign_in(THANDI).await;
        assert_eq!(
            (home.status, home.location.as_str()),
            (StatusCode::SEE_OTHER, "/organizer")
        );
        assert!(visitor.is_signed_in().await, "{store}");
        let out = visitor.post("/sign-out", &[]).await;
        assert_eq!(out.location, "/sign-in?reason=signed-out");
        assert!(!visitor.is_signed_in().await, "{store}");
        let page = visitor.get(&out.location).await;
        assert_eq!(
            page.text("sign-in-reason"),
            Some("You have signed out in this browser.")
        );
    }
}

#[tokio::test]
async fn signing_in_changes_the_id_and_keeps_the_form_in_progress() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitor = stage.visitor();
        visitor.fill().await;
        let mut copy = visitor.another_tab();
        visitor.sign_in(THANDI).await;
        assert_ne!(visitor.cookie, copy.cookie);
        assert_eq!(
            visitor.get("/membership").await.location,
            "/membership/review"
        );
        assert!(
            !copy.is_signed_in().await,
            "the id of before is signed in, {store}"
        );
    }
}

#[tokio::test]
async fn an_account_that_is_not_there_is_refused_like_a_wrong_password() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    let mut pages = Vec::new();
    for email in ["thandi@example.org", "nobody@example.org"] {
        let page = visitor
            .sign_in(&[
                ("email", email),
                ("password", "wrong & secret"),
                ("stay", "week"),
            ])
            .await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            page.tag("field-email")
                .unwrap()
                .contains(&format!("value=\"{email}\""))
        );
        assert!(page.tag("field-stay").unwrap().contains(" checked"));
        assert!(!page.body.contains("secret"), "the password comes back");
        assert!(page.cookies.is_empty());
        pages.push(
            page.without_token()
                .replace(&format!("value=\"{email}\""), ""),
        );
    }
    assert_eq!(pages[0], pages[1]);
}

#[tokio::test]
async fn what_is_missing_is_named_and_costs_no_attempt() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    for (path, form, fields) in [
        ("/sign-in", &[][..], &["email", "password"][..]),
        (
            "/sign-in",
            &[("email", "zola"), ("password", "x")],
            &["email"],
        ),
        ("/register", &[], &["name", "email", "password"]),
        (
            "/register",
            &[
                ("name", "Zola"),
                ("email", "z@example.org"),
                ("password", "short"),
            ],
            &["password"],
        ),
        (
            "/register",
            &[
                ("name", "Zola"),
                ("email", "z@example.org"),
                ("password", "Z@example.org"),
            ],
            &["password"],
        ),
    ] {
        let page = visitor.post(path, form).await;
        assert_eq!(
            page.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{path} {form:?}"
        );
        assert_eq!(
            page.body.matches("error-link-").count(),
            fields.len(),
            "{path} {form:?}"
        );
        for field in fields {
            assert!(
                page.text(&format!("error-link-{field}")).is_some(),
                "{path}: {field}"
            );
            assert!(
                page.tag(&format!("field-{field}"))
                    .unwrap()
                    .contains("aria-invalid")
            );
        }
    }
    assert_eq!(stage.count("SELECT count(*) FROM failure").await, 0);
}

#[tokio::test]
async fn whoever_guesses_waits_and_a_restart_does_not_help() {
    let mut stage = Stage::set(StoreKind::Sqlite);
    let wrong = [("email", "thandi@example.org"), ("password", "wrong")];
    for _ in 0..5 {
        let page = stage.visitor().sign_in(&wrong).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    stage.restart();
    // Also with the right password, which is not looked at.
    let page = stage.visitor().sign_in(THANDI).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = page.retry_after.as_deref().unwrap().parse().unwrap();
    assert!((1..=15).contains(&wait), "{wait}");
    assert!(page.text("retry-in").unwrap().ends_with(" s"));
    stage.at_second(wait);
    let page = stage.visitor().sign_in(THANDI).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_way_back_leads_to_this_site_alone() {
    let stage = Stage::set(StoreKind::Memory);
    for (next, expected) in [
        (
            "/membership/contact?for=review",
            "/membership/contact?for=review",
        ),
        ("//evil.example/", "/organizer"),
        ("https://evil.example/", "/organizer"),
        ("\"><script>alert(1)</script>", "/organizer"),
    ] {
        let form: Vec<_> = THANDI.iter().copied().chain([("next", next)]).collect();
        let mut visitor = stage.visitor();
        assert_eq!(visitor.sign_in(&form).await.location, expected, "{next}");
        let query: String = next.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/sign-in?next={query}");
        assert_eq!(visitor.get(&path).await.location, expected, "{next}");
        let page = stage.visitor().get(&path).await;
        assert!(!page.body.contains("<script>alert"), "{next}");
    }
}

#[tokio::test]
async fn somebody_else_finds_nothing_of_who_was_signed_in_before() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitor = stage.visitor();
        visitor.sign_in(THANDI).await;
        visitor.fill().await;
        let mut thandi = visitor.another_tab();
        let page = visitor.post("/register", ZOLA).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER);
        let page = visitor.get("/membership/personal").await;
        assert_eq!(page.text("account-name"), Some("Zola"), "{store}");
        assert!(
            !page.body.contains("Nomvula"),
            "Zola sees Thandi's form, {store}"
        );
        // Thandi's session is over: it was this browser's.
        assert!(
            store == StoreKind::Cookie || !thandi.is_signed_in().await,
            "{store}"
        );
    }
}

#[tokio::test]
async fn signing_in_again_as_the_same_person_keeps_everything() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    visitor.sign_in(THANDI).await;
    visitor.fill().await;
    visitor.sign_in(THANDI).await;
    assert_eq!(
        visitor.get("/membership").await.location,
        "/membership/review"
    );
}

#[tokio::test]
async fn a_sign_in_lasts_as_long_as_was_asked_for() {
    for store in STORES {
        for (stay, kept, used_until, over) in [
            (false, "", 29 * MINUTE, 31 * MINUTE),
            (true, "Max-Age=604", 7 * DAY - MINUTE, 7 * DAY + MINUTE),
        ] {
            let stage = Stage::set(store);
            let mut visitor = stage.visitor();
            let stay_field = stay.then_some(("stay", "week"));
            let form: Vec<_> = THANDI.iter().copied().chain(stay_field).collect();
            let page = visitor.sign_in(&form).await;
            let cookie = page.cookies.last().unwrap();
            assert!(
                cookie.contains(kept) && cookie.contains("Max-Age") == stay,
                "{cookie}"
            );
            let mut unused = visitor.another_tab();
            stage.at_second(used_until);
            assert!(visitor.is_signed_in().await, "{store}, {stay}");
            stage.at_second(over);
            assert!(
                store != StoreKind::Cookie || !unused.is_signed_in().await,
                "{store}, {stay}"
            );
            // Use prolongs half an hour, and never a week.
            assert_eq!(visitor.is_signed_in().await, !stay, "{store}, {stay}");
        }
    }
}

#[tokio::test]
async fn use_keeps_nobody_signed_in_for_longer_than_twelve_hours() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut visitor = stage.visitor();
    visitor.sign_in(THANDI).await;
    for minute in (20..12 * 60).step_by(20) {
        stage.at_second(minute * MINUTE);
        assert!(visitor.is_signed_in().await, "minute {minute}");
    }
    stage.at_second(12 * 60 * MINUTE + 1);
    assert!(!visitor.is_signed_in().await);
}

#[tokio::test]
async fn an_account_is_made_once_and_signs_in_afterwards() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    let form: Vec<_> = ZOLA
        .iter()
        .copied()
        .chain([("next", "/membership")])
        .collect();
    assert_eq!(
        visitor.post("/register", &form).await.location,
        "/membership"
    );
    assert!(visitor.is_signed_in().await);
    let again = stage.visitor().post("/register", ZOLA).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.text("error-email").is_some() || again.body.contains("error-link-email"));
    assert!(again.tag("field-name").unwrap().contains("value=\"Zola\""));
    let mut elsewhere = stage.visitor();
    elsewhere
        .sign_in(&[
            ("email", " ZOLA@example.org "),
            ("password", "correct horse"),
        ])
        .await;
    assert!(elsewhere.is_signed_in().await);
}

#[tokio::test]
async fn hostile_names_are_shown_as_text() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    let name = "</a><script>alert(1)</script>\u{202e}";
    visitor
        .post("/register", &[("name", name), ZOLA[1], ZOLA[2]])
        .await;
    for path in ["/", "/membership/personal", "/session"] {
        let page = visitor.get(path).await;
        assert!(page.body.contains("&lt;/a&gt;&lt;script&gt;"), "{path}");
        assert!(!page.body.contains("<script>alert"), "{path}");
    }
}

#[tokio::test]
async fn production_shows_no_account_and_takes_the_known_password_away() {
    let mut stage = Stage::set(StoreKind::Sqlite);
    assert_eq!(
        stage.visitor().sign_in(THANDI).await.status,
        StatusCode::SEE_OTHER
    );
    stage.restart_as(ProfileKind::Production);
    assert_eq!(
        stage.visitor().get("/sign-in").await.tag("demo-account"),
        None
    );
    assert_eq!(
        stage.visitor().sign_in(THANDI).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

impl Visitor<'_> {
    pub(super) async fn sign_in(&mut self, form: &[(&str, &str)]) -> Page {
        self.post("/sign-in", form).await
    }

    /// Whether pages know this visitor by name.
    pub(super) async fn is_signed_in(&mut self) -> bool {
        self.get("/").await.tag("account-name").is_some()
    }
}

pub(super) const STORES: [StoreKind; 3] = [StoreKind::Cookie, StoreKind::Memory, StoreKind::Sqlite];
