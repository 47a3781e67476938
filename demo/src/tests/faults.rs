//! A store that fails: every page says so, nothing is taken for "no session", nothing is done twice.

use abiding_testkit::{Fault, Operation, Plan};
use axum::http::StatusCode;

use super::stage::{FORM, Stage};

#[tokio::test]
async fn a_store_that_is_down_is_a_page_that_says_try_again() {
    let stage = Stage::set_on_faults(Plan::new().always(Operation::Load, Fault::Fail));
    let mut visitor = stage.visitor();
    visitor.post("/membership/personal", FORM[0].1).await;
    let cookie = visitor.cookie.clone();
    for path in [
        "/membership",
        "/membership/personal",
        "/membership/review",
        "/membership/done",
        "/session",
    ] {
        let page = visitor.get(path).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(page.text("page-title"), Some("Please try again"), "{path}");
        assert!(
            page.retry_after.is_some() && page.cookies.is_empty(),
            "{path}"
        );
    }
    assert_eq!(visitor.cookie, cookie);
    assert_eq!(visitor.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_answer_that_could_not_be_saved_is_not_said_to_be() {
    let stage = Stage::set_on_faults(Plan::new().always(Operation::Commit, Fault::Fail));
    let mut visitor = stage.visitor();
    visitor.post("/membership/personal", FORM[0].1).await;
    for path in ["/membership/contact", "/membership/contact/draft"] {
        let page = visitor.post(path, FORM[1].1).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
    // Here the handler is done and content when the layer finds out.
    let page = visitor.post("/lab/set?key=1", &[]).await;
    assert_eq!(page.text("page-title"), Some("Please try again"));
    assert!(page.retry_after.is_some());
}

/// The session could not be cleared after the application was written, or that was not heard of: as
/// if the server had died in between.
#[tokio::test]
async fn a_submit_that_was_cut_in_half_is_finished_by_the_next_and_makes_one_application() {
    // Three steps are saved after the first, the fourth commit names the run, the fifth clears it.
    for fault in [Fault::Fail, Fault::LoseReply] {
        let stage = Stage::set_on_faults(Plan::new().at(Operation::Commit, 5, fault));
        let mut visitor = stage.visitor();
        visitor.fill().await;
        visitor.get("/membership/review").await;
        let path = "/membership/review";
        assert_eq!(
            visitor.post(path, &[]).await.status,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(visitor.post(path, &[]).await.location, "/membership/done");
        assert_eq!(
            visitor
                .get("/membership/done")
                .await
                .text("application-number"),
            Some("ABD-000001")
        );
        assert_eq!(
            stage
                .count("SELECT count(*) FROM membership_application")
                .await,
            1
        );
    }
}
