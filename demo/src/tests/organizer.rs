//! Parties and guests: what is done, said, refused, and kept over a sign-in.

use axum::http::StatusCode;

use super::{
    accounts::{STORES, THANDI, ZOLA},
    stage::{Stage, Visitor},
};
use crate::settings::StoreKind;

const DINNER: &[(&str, &str)] = &[("title", "Dinner"), ("day", "2099-12-24")];

#[tokio::test]
async fn a_party_is_planned_and_its_guests_answer() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitor = stage.visitor();
        visitor.sign_in(THANDI).await;
        let party = visitor.plan(DINNER).await;
        let page = visitor.get(&party).await;
        assert_eq!(page.text("flash"), Some("“Dinner” is planned."), "{store}");
        assert!(page.body.contains("24 December 2099"));
        assert_eq!(visitor.get(&party).await.tag("flash"), None, "said twice");
        for name in ["Zanele", "Sipho"] {
            visitor
                .post(&format!("{party}/guests"), &[("name", name)])
                .await;
        }
        visitor
            .post(&format!("{party}/guests/1"), &[("answer", "yes")])
            .await;
        let page = visitor.get(&party).await;
        let said: Vec<_> = page.body.split("data-testid=\"flash\">").skip(1).collect();
        assert_eq!(said.len(), 3, "{store}");
        assert!(said[0].starts_with("Zanele is invited.") && said[2].starts_with("The answer"));
        assert_eq!(page.text("guest-1-answer"), Some("comes"));
        assert_eq!(
            page.text("counts"),
            Some("1 coming, 0 not coming, 1 without an answer")
        );
        visitor.post(&format!("{party}/guests/2/remove"), &[]).await;
        assert_eq!(visitor.get(&party).await.tag("guest-2"), None);
        assert_eq!(
            visitor.post(&format!("{party}/remove"), &[]).await.location,
            "/organizer"
        );
        let page = visitor.get("/organizer").await;
        assert_eq!(page.text("no-parties"), Some("Nothing is planned yet."));
    }
}

#[tokio::test]
async fn nobody_finds_the_parties_of_others() {
    let stage = Stage::set(StoreKind::Memory);
    let (mut thandi, mut zola) = (stage.visitor(), stage.visitor());
    thandi.sign_in(THANDI).await;
    zola.post("/register", ZOLA).await;
    let party = thandi.plan(DINNER).await;
    thandi
        .post(&format!("{party}/guests"), &[("name", "Zanele")])
        .await;
    assert_eq!(zola.get(&party).await.status, StatusCode::NOT_FOUND);
    for (path, form) in [
        ("/guests", &[("name", "Eve")][..]),
        ("/guests/1", &[("answer", "no")]),
        ("/guests/1/remove", &[]),
        ("/remove", &[]),
    ] {
        zola.post(&format!("{party}{path}"), form).await;
    }
    assert!(!zola.get("/organizer").await.body.contains("Dinner"));
    let page = thandi.get(&party).await;
    assert_eq!(
        page.text("counts"),
        Some("0 coming, 0 not coming, 1 without an answer")
    );
}

#[tokio::test]
async fn what_does_not_do_is_named_and_kept() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    visitor.sign_in(THANDI).await;
    let party = visitor.plan(DINNER).await;
    let guests = format!("{party}/guests");
    for (path, form, fields) in [
        (
            "/organizer",
            &[("title", "Tea"), ("day", "2001-01-01")][..],
            &["day"][..],
        ),
        ("/organizer", &[], &["title", "day"]),
        (&guests, &[("name", " ")], &["name"]),
    ] {
        let page = visitor.post(path, form).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(
            page.body.matches("error-link-").count(),
            fields.len(),
            "{path}"
        );
        for (name, value) in form {
            let tag = page.tag(&format!("field-{name}")).unwrap();
            assert!(tag.contains(&format!("value=\"{value}\"")), "{path}: {tag}");
        }
    }
}

#[tokio::test]
async fn the_same_again_is_no_second_one() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut visitor = stage.visitor();
    visitor.sign_in(THANDI).await;
    let (mut left, mut right) = (visitor.another_tab(), visitor.another_tab());
    let (one, other) = tokio::join!(left.plan(DINNER), right.plan(DINNER));
    assert_eq!(one, other);
    let guests = format!("{one}/guests");
    for _ in 0..2 {
        visitor.post(&guests, &[("name", "Zanele")]).await;
    }
    assert_eq!(stage.count("SELECT count(*) FROM guest").await, 1);
    assert!(
        visitor
            .get(&one)
            .await
            .body
            .contains("Zanele is on the list already.")
    );
}

#[tokio::test]
async fn tabs_with_different_actions_at_once_both_count() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut visitor = stage.visitor();
    visitor.sign_in(THANDI).await;
    let party = visitor.plan(DINNER).await;
    visitor.get(&party).await;
    let guests = format!("{party}/guests");
    let (mut left, mut right) = (visitor.another_tab(), visitor.another_tab());
    tokio::join!(
        left.post(&guests, &[("name", "Zanele")]),
        right.post(&guests, &[("name", "Sipho")]),
    );
    let page = visitor.get(&party).await;
    assert_eq!(
        page.text("counts"),
        Some("0 coming, 0 not coming, 2 without an answer")
    );
    assert_eq!(page.body.matches("data-testid=\"flash\"").count(), 2);
}

#[tokio::test]
async fn a_form_sent_after_the_end_is_filled_in_again_after_the_sign_in() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitor = stage.visitor();
        visitor.sign_in(THANDI).await;
        let party = visitor.plan(DINNER).await;
        visitor.get(&party).await;
        stage.at_second(31 * 60);
        let name = "Zanele & \"Söhne\"";
        let page = visitor
            .post(&format!("{party}/guests"), &[("name", name)])
            .await;
        assert_eq!(page.status, StatusCode::SEE_OTHER);
        let form = visitor.get(&page.location).await;
        assert!(form.tag("sign-in-reason").is_some(), "{store}");
        let next = form.body.split("name=\"next\" value=\"").nth(1).unwrap();
        let next = next.split('"').next().unwrap().replace("&amp;", "&");
        let form: Vec<_> = THANDI.iter().copied().chain([("next", &*next)]).collect();
        let page = visitor.sign_in(&form).await;
        let page = visitor.get(&page.location).await;
        let field = page.tag("field-name").unwrap();
        assert!(
            field.contains("value=\"Zanele &amp; &quot;Söhne&quot;\""),
            "{field}"
        );
        visitor
            .post(&format!("{party}/guests"), &[("name", name)])
            .await;
        assert_eq!(stage.count("SELECT count(*) FROM guest").await, 1);
    }
}

#[tokio::test]
async fn a_page_that_is_older_than_the_sign_in_changes_nothing_and_keeps_what_was_typed() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    let stale = visitor.form_token().await;
    visitor.sign_in(THANDI).await;
    let form: Vec<_> = DINNER
        .iter()
        .copied()
        .chain([("form_token", &*stale)])
        .collect();
    for form in [&form[..], DINNER] {
        let page = visitor.post_as_it_is("/organizer", form).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.text("error-link-main").unwrap().contains("older"));
        assert!(
            page.tag("field-title")
                .unwrap()
                .contains("value=\"Dinner\"")
        );
    }
    for path in [
        "/sign-out",
        "/organizer/1/remove",
        "/account/devices/end-others",
    ] {
        let page = visitor.post_as_it_is(path, &[("form_token", &stale)]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(
            page.text("page-title"),
            Some("That page is out of date"),
            "{path}"
        );
    }
    assert!(visitor.is_signed_in().await);
    assert_eq!(stage.count("SELECT count(*) FROM party").await, 0);
}

#[tokio::test]
async fn addresses_that_nobody_has_made_are_pages() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    visitor.sign_in(THANDI).await;
    for (path, status) in [
        ("/organizer/99", StatusCode::NOT_FOUND),
        ("/organizer/x", StatusCode::BAD_REQUEST),
        ("/organizer?title=a&title=b", StatusCode::BAD_REQUEST),
        ("/sign-in?next=a&next=b", StatusCode::BAD_REQUEST),
    ] {
        let page = visitor.get(path).await;
        assert_eq!(page.status, status, "{path}");
        assert!(page.text("page-title").is_some(), "{path}");
    }
    let page = visitor
        .post("/organizer/1/guests/1", &[("answer", "maybe")])
        .await;
    assert_eq!(page.text("page-title"), Some("That form cannot be read"));
}

#[tokio::test]
async fn hostile_names_come_back_as_text() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    visitor.sign_in(THANDI).await;
    let hostile = "\"><img src=x onerror=alert(1)>";
    let party = visitor.plan(&[("title", hostile), DINNER[1]]).await;
    visitor
        .post(&format!("{party}/guests"), &[("name", hostile)])
        .await;
    for path in [&*party, "/organizer"] {
        let page = visitor.get(path).await;
        assert!(
            page.body.contains("&lt;img src=x") && !page.body.contains("<img"),
            "{path}"
        );
    }
}

impl Visitor<'_> {
    /// Plans a party and answers its address.
    async fn plan(&mut self, form: &[(&str, &str)]) -> String {
        let page = self.post("/organizer", form).await;
        assert!(page.location.starts_with("/organizer/"), "{}", page.body);
        page.location
    }
}
