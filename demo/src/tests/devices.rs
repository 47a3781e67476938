//! The list of devices, ending them, and a password that ends the others.

use axum::http::StatusCode;

use super::{
    accounts::{STORES, THANDI},
    stage::{Page, Stage, Visitor},
};
use crate::settings::StoreKind;

const NEW: (&str, &str) = ("password", "another horse");

#[tokio::test]
async fn one_device_signs_another_out() {
    for store in STORES {
        let stage = Stage::set(store);
        let (mut here, mut there) = (stage.visitor(), stage.visitor());
        here.sign_in(THANDI).await;
        there.sign_in(THANDI).await;
        let page = here.get("/account/devices").await;
        assert_eq!(
            page.body.matches("data-testid=\"device-name\"").count(),
            2,
            "{store}"
        );
        assert_eq!(
            page.body.matches("data-testid=\"this-device\"").count(),
            1,
            "{store}"
        );
        let last_seen = page.body.contains("Last seen");
        assert_eq!(last_seen, store != StoreKind::Cookie, "{store}");

        let path = format!("/account/devices/{}/revoke", other(&page));
        here.post(&path, &[]).await;
        let page = here.get("/account/devices").await;
        assert_eq!(
            page.text("flash"),
            Some("That device is signed out."),
            "{store}"
        );
        assert_eq!(there.reason("/organizer").await, "revoked", "{store}");
        assert!(here.is_signed_in().await, "{store}");
        here.post(&path, &[]).await;
        let page = here.get("/account/devices").await;
        assert_eq!(
            page.text("flash"),
            Some("That device was not signed in any more.")
        );
    }
}

#[tokio::test]
async fn a_device_of_somebody_else_cannot_be_ended() {
    let stage = Stage::set(StoreKind::Memory);
    let (mut thandi, mut zola) = (stage.visitor(), stage.visitor());
    thandi.sign_in(THANDI).await;
    zola.post("/register", super::accounts::ZOLA).await;
    let page = thandi.get("/account/devices").await;
    let handle = page.body.split("data-testid=\"device-").nth(1).unwrap();
    let handle = handle.split('"').next().unwrap();
    zola.post(&format!("/account/devices/{handle}/revoke"), &[])
        .await;
    assert!(thandi.is_signed_in().await);
}

#[tokio::test]
async fn everywhere_else_is_not_here() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitors = [stage.visitor(), stage.visitor(), stage.visitor()];
        for visitor in &mut visitors {
            visitor.sign_in(THANDI).await;
        }
        let [here, there, elsewhere] = &mut visitors;
        here.post("/account/devices/end-others", &[]).await;
        let page = here.get("/account/devices").await;
        assert_eq!(
            page.text("flash"),
            Some("2 other devices are signed out."),
            "{store}"
        );
        for other in [there, elsewhere] {
            assert_eq!(other.reason("/account/devices").await, "revoked", "{store}");
        }
    }
}

#[tokio::test]
async fn a_new_password_ends_the_others_and_renews_this_one() {
    for store in STORES {
        let stage = Stage::set(store);
        let (mut here, mut there) = (stage.visitor(), stage.visitor());
        here.sign_in(THANDI).await;
        there.sign_in(THANDI).await;
        let before = here.cookie.clone();
        let page = here
            .post("/account/password", &[("present", THANDI[1].1), NEW])
            .await;
        assert_eq!(page.location, "/account/devices", "{store}");
        assert_ne!(here.cookie, before, "{store}");
        assert!(here.is_signed_in().await, "{store}");
        assert_eq!(there.reason("/organizer").await, "revoked", "{store}");
        let refused = stage.visitor().sign_in(THANDI).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{store}");
        let page = there.sign_in(&[THANDI[0], NEW]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{store}");
    }
}

#[tokio::test]
async fn a_password_change_that_does_not_do_changes_nothing() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    visitor.sign_in(THANDI).await;
    for (form, fields) in [
        (&[][..], &["present", "password"][..]),
        (&[("present", "wrong"), NEW], &["present"]),
        (
            &[("present", THANDI[1].1), ("password", "short")],
            &["password"],
        ),
        (
            &[("present", THANDI[1].1), ("password", "thandi@example.org")],
            &["password"],
        ),
    ] {
        let page = visitor.post("/account/password", form).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{form:?}");
        assert_eq!(
            page.body.matches("error-link-").count(),
            fields.len(),
            "{form:?}"
        );
        for field in fields {
            assert!(
                page.text(&format!("error-link-{field}")).is_some(),
                "{form:?}"
            );
        }
    }
    assert_eq!(
        stage.visitor().sign_in(THANDI).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn whoever_was_signed_out_reads_why() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut idle = stage.visitor();
        idle.sign_in(THANDI).await;
        let week: Vec<_> = THANDI.iter().copied().chain([("stay", "week")]).collect();
        let mut week_long = stage.visitor();
        week_long.sign_in(&week).await;
        let mut out = stage.visitor();
        out.sign_in(THANDI).await;
        let mut copy = out.another_tab();
        out.post("/sign-out", &[]).await;
        assert_eq!(copy.reason("/organizer").await, "signed-out", "{store}");
        assert_eq!(
            stage.visitor().reason("/organizer").await,
            "no-cookie",
            "{store}"
        );
        let mut visitor = stage.visitor();
        visitor
            .post("/membership/personal", &[("surname", "Zola")])
            .await;
        assert_eq!(visitor.reason("/organizer").await, "not-yet", "{store}");
        stage.at_second(40 * 60);
        // The memory store cannot tell what it forgot from what it never knew.
        let expected = if store == StoreKind::Memory {
            "over"
        } else {
            "idle"
        };
        assert_eq!(idle.reason("/organizer").await, expected, "{store}");
        stage.at_second(7 * 24 * 60 * 60 + 1);
        assert_eq!(week_long.reason("/organizer").await, "lifetime", "{store}");
    }
}

/// The handle of the device that is not this one.
fn other(page: &Page) -> &str {
    let device = page
        .body
        .split("data-testid=\"device-")
        .find(|part| part.contains("data-here=\"false\""));
    device.unwrap().split('"').next().unwrap()
}

impl Visitor<'_> {
    /// Why this page sends its visitor to the sign-in page, as that page tells it.
    async fn reason(&mut self, path: &str) -> String {
        let sent = self.get(path).await;
        let page = self.get(&sent.location).await;
        let tag = page.tag("sign-in-reason").unwrap_or_default();
        let (_, word) = tag.split_once("data-reason=\"").unwrap_or_default();
        word.trim_end_matches('"').to_owned()
    }
}
