//! The membership form, from the first step to the number.

use axum::http::StatusCode;

use super::stage::{FORM, Stage};
use crate::settings::StoreKind;

const APPLICATIONS: &str = "SELECT count(*) FROM membership_application";

#[tokio::test]
async fn five_steps_make_one_application_with_every_field() {
    for store in [StoreKind::Memory, StoreKind::Sqlite] {
        let stage = Stage::set(store);
        let mut visitor = stage.visitor();
        visitor.fill().await;
        let review = visitor.get("/membership/review").await;
        assert_eq!(review.text("review-language"), Some("isiZulu"));
        assert_eq!(
            review.text("review-address"),
            Some("1 Long Street\r\nCape Town")
        );
        assert_eq!(review.text("derived-birth_date"), Some("1 January 1980"));
        assert!(review.body.contains(r#"<polyline points="1,2 3,4">"#));
        let sent = visitor.post("/membership/review", &[]).await;
        assert_eq!(
            (sent.status, sent.location.as_str()),
            (StatusCode::SEE_OTHER, "/membership/done")
        );
        let done = visitor.get("/membership/done").await;
        assert_eq!(done.text("application-number"), Some("ABD-000001"));
        assert_eq!(
            visitor.get("/membership").await.location,
            "/membership/personal"
        );

        let values = FORM.iter().flat_map(|(_, answers)| *answers);
        let held = values
            .map(|(name, value)| format!("{name} = '{value}'"))
            .collect::<Vec<_>>()
            .join(" AND ");
        let question: &'static str = format!("{APPLICATIONS} WHERE {held}").leak();
        assert_eq!(stage.count(question).await, 1, "{question}");
    }
}

#[tokio::test]
async fn optional_questions_may_stay_open() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    for (slug, answers) in FORM {
        let optional = [
            "language",
            "occupation",
            "qualification",
            "ward",
            "signature_drawn",
            "reason",
        ];
        let required: Vec<_> = answers
            .iter()
            .filter(|(name, _)| !optional.contains(name))
            .copied()
            .collect();
        assert_eq!(
            visitor
                .post(&format!("/membership/{slug}"), &required)
                .await
                .status,
            StatusCode::SEE_OTHER
        );
    }
    visitor.get("/membership/review").await;
    assert_eq!(
        visitor.post("/membership/review", &[]).await.location,
        "/membership/done"
    );
}

#[tokio::test]
async fn a_step_can_be_revisited_and_shows_what_was_typed() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    visitor.fill().await;
    let personal = visitor.get("/membership/personal").await;
    assert!(
        personal
            .tag("field-first_names")
            .unwrap()
            .contains(r#"value="Nomvula""#)
    );
    assert!(personal.body.contains(r#"<option value="zu" selected>"#));
    assert_eq!(personal.text("derived-gender"), Some("Male"));
    let declaration = visitor.get("/membership/declaration").await;
    assert!(
        declaration
            .tag("field-agree_rules")
            .unwrap()
            .contains(" checked")
    );
    assert!(
        visitor
            .get("/membership/payment")
            .await
            .tag("field-method-eft")
            .unwrap()
            .contains(" checked")
    );
}

#[tokio::test]
async fn answers_that_do_not_do_are_refused_and_kept() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    let typed = [
        ("id_number", "8001015009086"),
        ("first_names", ""),
        ("surname", "Zola"),
    ];
    let refused = visitor.post("/membership/personal", &typed).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        refused.text("error-link-first_names"),
        Some("Enter your first names")
    );
    let id_number = refused.tag("field-id_number").unwrap();
    for part in [
        r#"value="8001015009086""#,
        r#"aria-invalid="true""#,
        "id_number-error id_number-hint",
    ] {
        assert!(id_number.contains(part), "{id_number}");
    }
    let again = visitor.get("/membership/personal").await;
    assert!(
        again
            .tag("field-surname")
            .unwrap()
            .contains(r#"value="Zola""#)
    );
    assert!(
        again
            .tag("field-id_number")
            .unwrap()
            .contains(r#"value="8001015009086""#)
    );
    assert!(again.text("error-id_number").is_some());
}

#[tokio::test]
async fn an_empty_form_names_everything_that_is_missing() {
    let stage = Stage::set(StoreKind::Memory);
    for (slug, missing) in [
        ("personal", &["id_number", "first_names", "surname"][..]),
        ("contact", &["email", "phone", "address", "municipality"]),
        (
            "declaration",
            &[
                "signature_typed",
                "agree_rules",
                "agree_truth",
                "agree_privacy",
            ],
        ),
        ("payment", &["method"]),
    ] {
        let page = stage
            .visitor()
            .post(&format!("/membership/{slug}"), &[("x", "y")])
            .await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{slug}");
        assert_eq!(
            page.body.matches("error-link-").count(),
            missing.len(),
            "{slug}"
        );
        for name in missing {
            assert!(
                page.text(&format!("error-link-{name}")).is_some(),
                "{slug}: {name}"
            );
        }
    }
}

#[tokio::test]
async fn a_step_needs_the_steps_before_it_and_loses_nothing_by_coming_early() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    assert_eq!(
        visitor.get("/membership/payment").await.location,
        "/membership/personal?for=payment"
    );
    assert_eq!(
        visitor.post("/membership/review", &[]).await.location,
        "/membership/personal?for=review"
    );
    assert_eq!(visitor.cookie, None);
    let page = visitor.get("/membership/personal?for=payment").await;
    assert!(page.text("notice").unwrap().contains("How you pay"));
    assert_eq!(page.tag("error-summary"), None);
    assert_eq!(
        visitor
            .get("/membership/personal?for=%3Cscript%3E")
            .await
            .text("notice"),
        None
    );
    for step in [3, 2, 1, 0] {
        let (slug, answers) = FORM[step];
        visitor.post(&format!("/membership/{slug}"), answers).await;
    }
    assert_eq!(
        visitor.get("/membership").await.location,
        "/membership/review"
    );
}

#[tokio::test]
async fn going_back_saves_what_was_typed() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    visitor.post("/membership/personal", FORM[0].1).await;
    let back = visitor
        .post(
            "/membership/contact",
            &[("email", "half an ad"), ("go", "back")],
        )
        .await;
    assert_eq!(back.location, "/membership/personal");
    let contact = visitor.get("/membership/contact").await;
    assert!(
        contact
            .tag("field-email")
            .unwrap()
            .contains(r#"value="half an ad""#)
    );
}

#[tokio::test]
async fn a_draft_saves_one_answer_and_leaves_the_others_alone() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    visitor.fill().await;
    let draft = visitor
        .post("/membership/personal/draft", &[("surname", "Dlamini")])
        .await;
    assert_eq!(draft.status, StatusCode::NO_CONTENT);
    let review = visitor.get("/membership/review").await;
    assert_eq!(review.text("review-surname"), Some("Dlamini"));
    assert_eq!(review.text("review-first_names"), Some("Nomvula"));
}

#[tokio::test]
async fn tabs_on_different_steps_do_not_overwrite_each_other() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut visitor = stage.visitor();
    visitor.fill().await;
    let (mut left, mut right) = (visitor.another_tab(), visitor.another_tab());
    let contact = [
        ("email", "new@example.org"),
        ("phone", "0821234567"),
        ("address", "x"),
        ("municipality", "y"),
    ];
    tokio::join!(
        left.post("/membership/contact", &contact),
        right.post(
            "/membership/payment",
            &[("method", "cash"), ("reference", "")]
        ),
    );
    let review = visitor.get("/membership/review").await;
    assert_eq!(review.text("review-email"), Some("new@example.org"));
    assert_eq!(review.text("review-method"), Some("Cash at a branch"));
    assert_eq!(review.text("review-surname"), Some("Zola"));
}

#[tokio::test]
async fn however_often_it_is_submitted_one_form_is_one_application() {
    for store in [StoreKind::Memory, StoreKind::Sqlite] {
        let stage = Stage::set(store);
        let mut visitor = stage.visitor();
        visitor.fill().await;
        visitor.get("/membership/review").await;
        let mut tabs: Vec<_> = (0..8).map(|_| visitor.another_tab()).collect();
        let [a, b, c, d, e, f, g, h] = &mut tabs[..] else {
            unreachable!()
        };
        let path = "/membership/review";
        let pages = tokio::join!(
            a.post(path, &[]),
            b.post(path, &[]),
            c.post(path, &[]),
            d.post(path, &[]),
            e.post(path, &[]),
            f.post(path, &[]),
            g.post(path, &[]),
            h.post(path, &[]),
        );
        assert_eq!(pages.0.location, "/membership/done");
        assert_eq!(pages.7.location, "/membership/done");
        assert_eq!(visitor.post(path, &[]).await.location, "/membership/done");
        assert_eq!(stage.count(APPLICATIONS).await, 1);

        visitor.fill().await;
        visitor.get(path).await;
        visitor.post(path, &[]).await;
        assert_eq!(
            visitor
                .get("/membership/done")
                .await
                .text("application-number"),
            Some("ABD-000002")
        );
    }
}

#[tokio::test]
async fn hostile_answers_come_back_as_text() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    visitor.fill().await;
    for hostile in [
        r#""><script>alert(1)</script>"#,
        "</textarea><img src=x onerror=alert(1)>",
        "' OR 1=1; --",
        "\u{202e}right to left\u{2066} \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} Z\u{335}\u{321}",
        "{{7*7}} ${7*7} %00",
    ] {
        visitor
            .post("/membership/personal/draft", &[("first_names", hostile)])
            .await;
        visitor
            .post(
                "/membership/declaration/draft",
                &[("reason", hostile), ("signature_drawn", hostile)],
            )
            .await;
        for path in [
            "/membership/personal",
            "/membership/declaration",
            "/membership/review",
            "/session",
        ] {
            let page = visitor.get(path).await;
            for markup in ["<script>alert", "<img", "</textarea><"] {
                let own = usize::from(markup == "</textarea><" && page.body.contains("<textarea"));
                assert_eq!(page.body.matches(markup).count(), own, "{path}: {markup}");
            }
        }
        let personal = visitor.get("/membership/personal").await;
        let shown = hostile
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;");
        assert!(
            personal.body.contains(&format!("value=\"{shown}\"")),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_form_that_took_too_long_is_shown_again_with_what_was_typed_and_can_go_on() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut visitor = stage.visitor();
    visitor.post("/membership/personal", FORM[0].1).await;
    stage.at_second(2 * 60 * 60 - 60);
    assert_eq!(
        visitor.get("/membership").await.location,
        "/membership/contact"
    );
    stage.at_second(2 * 60 * 60 + 1);
    let late = visitor.post("/membership/contact", FORM[1].1).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text("notice").unwrap().contains("has ended"));
    assert!(
        late.tag("field-email")
            .unwrap()
            .contains("zola@example.org")
    );
    assert!(late.body.contains(r#"name="go" value="anew""#));

    let anew: Vec<_> = FORM[1].1.iter().copied().chain([("go", "anew")]).collect();
    assert_eq!(
        visitor.post("/membership/contact", &anew).await.location,
        "/membership/declaration"
    );
    assert_eq!(
        visitor.get("/membership").await.location,
        "/membership/personal"
    );
    assert!(
        !visitor
            .get("/membership/personal")
            .await
            .body
            .contains("Nomvula"),
        "the ended session is back"
    );
}

#[tokio::test]
async fn a_visitor_whose_session_ended_is_told_at_the_first_look() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    visitor.post("/membership/personal", FORM[0].1).await;
    stage.at_second(3 * 60 * 60);
    let page = visitor.get("/membership/personal").await;
    assert_eq!(
        page.text("notice"),
        Some("Your session has ended. The form begins anew.")
    );
    let anew: Vec<_> = FORM[0].1.iter().copied().chain([("go", "anew")]).collect();
    assert_eq!(
        visitor.post("/membership/personal", &anew).await.location,
        "/membership/contact"
    );
}

#[tokio::test]
async fn a_draft_into_an_ended_session_begins_a_new_one_only_for_who_was_told() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut visitor = stage.visitor();
    visitor.post("/membership/personal", FORM[0].1).await;
    stage.at_second(3 * 60 * 60);
    let mut untold = visitor.another_tab();
    let path = "/membership/personal/draft";
    assert_eq!(
        untold.post(path, &[("surname", "late")]).await.status,
        StatusCode::CONFLICT
    );
    assert_eq!(
        untold
            .post("/membership/personal", &[("go", "ended")])
            .await
            .status,
        StatusCode::CONFLICT
    );
    let told = visitor
        .post(path, &[("surname", "Dlamini"), ("go", "anew")])
        .await;
    assert_eq!(told.status, StatusCode::NO_CONTENT);
    let page = visitor.get("/membership/personal").await;
    assert!(page.tag("field-surname").unwrap().contains("Dlamini"));
    assert!(!page.body.contains("Nomvula"), "the ended session is back");
}
