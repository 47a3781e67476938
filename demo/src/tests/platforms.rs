//! Platforms: connecting, switching, and what changes behind somebody's back.

use axum::http::StatusCode;

use super::{
    accounts::{STORES, THANDI, ZOLA},
    stage::{Page, Stage, Visitor},
};
use crate::settings::StoreKind;

const SHOP: &[(&str, &str)] = &[
    ("name", "Shop"),
    ("kind", "shop"),
    ("account", "@party-shop"),
    ("note", "The balloons"),
];
const NEWS: &[(&str, &str)] = &[
    ("name", "News"),
    ("kind", "newsletter"),
    ("account", "news@example.org"),
];

#[tokio::test]
async fn one_of_several_platforms_is_active_and_can_be_left() {
    for store in STORES {
        let mut stage = Stage::set(store);
        let mut visitor = owner(&stage).await;
        let page = visitor.get("/platforms").await;
        assert!(page.tag("none-active").is_some(), "{store}");
        let sent = visitor.post("/platforms/1/switch", &[]).await;
        assert_eq!(sent.location, "/platforms/desk");
        let page = visitor.get("/platforms").await;
        assert_eq!(page.text("active-name"), Some("Shop"), "{store}");
        visitor.post("/platforms/2/switch", &[]).await;
        let desk = visitor.get("/platforms/desk").await;
        assert_eq!(desk.text("page-title"), Some("News"), "{store}");
        let cookie = visitor.cookie.clone();
        if store != StoreKind::Memory {
            stage.restart();
        }
        let mut visitor = stage.visitor();
        visitor.cookie = cookie;
        let desk = visitor.get("/platforms/desk").await;
        assert_eq!(
            desk.text("desk-account"),
            Some("news@example.org"),
            "{store}"
        );
        visitor.post("/platforms/clear", &[]).await;
        let page = visitor.get("/platforms").await;
        assert_eq!(page.text("flash"), Some("You have left “News”."), "{store}");
        assert_eq!(visitor.get("/platforms/desk").await.location, "/platforms");
    }
}

#[tokio::test]
async fn an_announcement_is_on_its_platform_alone_and_there_once() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitor = owner(&stage).await;
        visitor.post("/platforms/1/switch", &[]).await;
        for _ in 0..2 {
            let page = visitor
                .publish("/platforms/desk", "1.1", " Balloons!\r\nToday ")
                .await;
            assert_eq!(page.location, "/platforms/desk", "{store}");
        }
        assert_eq!(
            stage.published().await,
            [("Shop".into(), "Balloons!\r\nToday".into())]
        );
        let desk = visitor.get("/platforms/desk").await;
        assert_eq!(desk.text("flash"), Some("Your announcement is published."));
        assert_eq!(desk.text("announcement-text"), Some("Balloons!\r\nToday"));
        visitor.post("/platforms/2/switch", &[]).await;
        let desk = visitor.get("/platforms/desk").await;
        assert!(desk.tag("no-announcements").is_some(), "{store}");
    }
}

#[tokio::test]
async fn what_was_written_for_one_platform_is_not_published_on_another() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitor = owner(&stage).await;
        visitor.post("/platforms/1/switch", &[]).await;
        // Another tab switches while the first has its desk open.
        visitor.post("/platforms/2/switch", &[]).await;
        let page = visitor
            .publish("/platforms/desk", "1.1", "For the <shop>")
            .await;
        assert_eq!(page.status, StatusCode::CONFLICT, "{store}");
        assert!(
            page.text("refused").unwrap().contains("written for “Shop”"),
            "{store}"
        );
        assert!(
            page.body.contains("For the &lt;shop&gt;</textarea>"),
            "{store}"
        );
        assert!(stage.published().await.is_empty(), "{store}");
        // The choice is still the other tab's, until the person says where it goes.
        let desk = visitor.get("/platforms/desk").await;
        assert_eq!(desk.text("page-title"), Some("News"));
        let page = visitor
            .publish("/platforms/elsewhere", "1.1", "For the <shop>")
            .await;
        assert_eq!(page.location, "/platforms/desk", "{store}");
        assert_eq!(
            stage.published().await,
            [("Shop".into(), "For the <shop>".into())]
        );
        let desk = visitor.get("/platforms/desk").await;
        assert_eq!(desk.text("page-title"), Some("Shop"), "{store}");
    }
}

#[tokio::test]
async fn nothing_is_published_when_the_choice_was_cleared() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = owner(&stage).await;
    visitor.post("/platforms/1/switch", &[]).await;
    visitor.post("/platforms/clear", &[]).await;
    let page = visitor.publish("/platforms/desk", "1.1", "Kept").await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.body.contains("Kept</textarea>"));
    assert!(stage.published().await.is_empty());
}

#[tokio::test]
async fn a_change_made_elsewhere_is_noticed_and_told_once() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitor = owner(&stage).await;
        visitor.post("/platforms/1/switch", &[]).await;
        let mut elsewhere = stage.visitor();
        elsewhere.sign_in(THANDI).await;
        let change = [SHOP[0], SHOP[1], ("account", "@other"), ("platform", "1.1")];
        let sent = elsewhere.post("/platforms/1", &change).await;
        assert_eq!(sent.location, "/platforms", "{}", sent.body);

        let desk = visitor.get("/platforms/desk").await;
        assert_eq!(
            desk.text("flash"),
            Some("“Shop” was changed elsewhere: its account is “@other” now."),
            "{store}"
        );
        assert_eq!(desk.text("desk-account"), Some("@other"), "{store}");
        let desk = visitor.get("/platforms/desk").await;
        assert_eq!(desk.tag("flash"), None, "{store}");
    }
}

#[tokio::test]
async fn a_page_that_shows_what_a_platform_was_publishes_nothing() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitor = owner(&stage).await;
        visitor.post("/platforms/1/switch", &[]).await;
        let mut elsewhere = stage.visitor();
        elsewhere.sign_in(THANDI).await;
        let change = [SHOP[0], SHOP[1], ("account", "@other"), ("platform", "1.1")];
        elsewhere.post("/platforms/1", &change).await;
        let page = visitor.publish("/platforms/desk", "1.1", "Hello").await;
        assert_eq!(page.status, StatusCode::CONFLICT, "{store}");
        assert!(
            page.text("refused")
                .unwrap()
                .contains("the account “@other”"),
            "{store}"
        );
        assert!(
            page.text("flash")
                .unwrap()
                .contains("was changed elsewhere"),
            "{store}"
        );
        assert!(page.body.contains("Hello</textarea>"), "{store}");
        assert!(stage.published().await.is_empty(), "{store}");
        let page = visitor
            .publish("/platforms/elsewhere", "1.2", "Hello")
            .await;
        assert_eq!(page.location, "/platforms/desk", "{store}");
        assert_eq!(stage.published().await.len(), 1, "{store}");
    }
}

#[tokio::test]
async fn a_platform_removed_elsewhere_is_noticed_and_what_was_typed_is_kept() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitor = owner(&stage).await;
        visitor.post("/platforms/1/switch", &[]).await;
        let mut elsewhere = stage.visitor();
        elsewhere.sign_in(THANDI).await;
        elsewhere.post("/platforms/1/remove", &[]).await;
        let page = visitor.publish("/platforms/desk", "1.1", "Hello").await;
        assert_eq!(page.status, StatusCode::CONFLICT, "{store}");
        assert_eq!(
            page.text("flash"),
            Some("“Shop” was removed elsewhere. No platform is active now."),
            "{store}"
        );
        assert!(
            page.text("refused").unwrap().contains("was removed"),
            "{store}"
        );
        assert!(page.body.contains("Hello</textarea>"), "{store}");
        assert!(page.tag("publish-on-2").is_some(), "{store}");
        let page = visitor
            .publish("/platforms/elsewhere", "2.1", "Hello")
            .await;
        assert_eq!(page.location, "/platforms/desk", "{store}");
        assert_eq!(stage.published().await, [("News".into(), "Hello".into())]);
    }
}

#[tokio::test]
async fn another_process_removes_the_active_platform() {
    let mut stage = Stage::set(StoreKind::Sqlite);
    let mut visitor = owner(&stage).await;
    visitor.post("/platforms/1/switch", &[]).await;
    let cookie = visitor.cookie.clone();
    let remove = |connection: &mut rusqlite::Connection| {
        connection.execute("DELETE FROM platform WHERE id = 1", [])
    };
    stage.app.database.run(remove).await.unwrap();
    stage.restart();
    let mut visitor = stage.visitor();
    visitor.cookie = cookie;
    assert_eq!(visitor.get("/platforms/desk").await.location, "/platforms");
    let page = visitor.get("/platforms").await;
    assert!(
        page.text("flash")
            .unwrap()
            .starts_with("“Shop” was removed elsewhere")
    );
    assert!(page.tag("none-active").is_some());
}

#[tokio::test]
async fn two_who_change_the_same_platform_do_not_overwrite_each_other() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = owner(&stage).await;
    let mut elsewhere = stage.visitor();
    elsewhere.sign_in(THANDI).await;
    let theirs = [("name", "Store"), SHOP[1], SHOP[2], ("platform", "1.1")];
    elsewhere.post("/platforms/1", &theirs).await;
    let mine = [SHOP[0], SHOP[1], ("account", "@mine"), ("platform", "1.1")];
    let page = visitor.post("/platforms/1", &mine).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert_eq!(page.text("now-name"), Some("Store"));
    assert!(
        page.tag("field-account")
            .unwrap()
            .contains("value=\"@mine\"")
    );
    assert!(page.body.contains("name=\"platform\" value=\"1.2\""));
    let sent = visitor
        .post(
            "/platforms/1",
            &[&mine[..3], &[("platform", "1.2")]].concat(),
        )
        .await;
    assert_eq!(sent.location, "/platforms");

    elsewhere.post("/platforms/1/remove", &[]).await;
    let page = visitor
        .post(
            "/platforms/1",
            &[&mine[..3], &[("platform", "1.3")]].concat(),
        )
        .await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.tag("connect-form").is_some());
    assert!(
        page.tag("field-account")
            .unwrap()
            .contains("value=\"@mine\"")
    );
}

#[tokio::test]
async fn one_s_own_change_and_removal_are_no_news() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = owner(&stage).await;
    visitor.post("/platforms/1/switch", &[]).await;
    let change = [("name", "Store"), SHOP[1], SHOP[2], ("platform", "1.1")];
    visitor.post("/platforms/1", &change).await;
    let page = visitor.get("/platforms").await;
    assert_eq!(page.text("flash"), Some("“Store” is changed."));
    assert_eq!(page.text("active-name"), Some("Store"));
    visitor.post("/platforms/1/remove", &[]).await;
    let page = visitor.get("/platforms").await;
    assert_eq!(page.text("flash"), Some("“Store” is removed."));
    assert!(page.tag("none-active").is_some());
}

#[tokio::test]
async fn nobody_reaches_the_platforms_of_somebody_else() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = owner(&stage).await;
    visitor.post("/platforms/1/switch", &[]).await;
    let mut zola = stage.visitor();
    zola.post("/register", ZOLA).await;
    assert!(!zola.get("/platforms").await.body.contains("Shop"));
    assert_eq!(zola.get("/platforms/1").await.status, StatusCode::NOT_FOUND);
    let switch = zola.post("/platforms/1/switch", &[]).await;
    assert_eq!(switch.status, StatusCode::NOT_FOUND);
    let change = [SHOP[0], SHOP[1], ("account", "@zola"), ("platform", "1.1")];
    let page = zola.post("/platforms/1", &change).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(!page.body.contains("Shop\" was"), "{}", page.body);
    zola.post("/platforms/1/remove", &[]).await;
    for path in ["/platforms/desk", "/platforms/elsewhere"] {
        let page = zola.publish(path, "1.1", "Gotcha").await;
        assert_eq!(page.status, StatusCode::CONFLICT, "{path}");
    }
    assert!(stage.published().await.is_empty());
    let desk = visitor.get("/platforms/desk").await;
    assert_eq!(desk.text("desk-account"), Some("@party-shop"));
    assert_eq!(desk.tag("flash"), None);
}

#[tokio::test]
async fn whoever_signs_in_next_in_this_browser_has_a_choice_of_their_own() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitor = owner(&stage).await;
        visitor.post("/platforms/1/switch", &[]).await;
        visitor.post("/register", ZOLA).await;
        let page = visitor.get("/platforms").await;
        assert!(page.tag("none-active").is_some(), "{store}");
        assert!(!page.body.contains("Shop"), "{store}");
    }
}

#[tokio::test]
async fn what_does_not_do_is_named_and_what_was_typed_stays() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = owner(&stage).await;
    visitor.post("/platforms/1/switch", &[]).await;
    let (long, text) = ("x".repeat(61), "y".repeat(1001));
    for (path, form, fields) in [
        ("/platforms/new", &[][..], &["name", "kind", "account"][..]),
        (
            "/platforms/new",
            &[("name", &*long), SHOP[1], SHOP[2]],
            &["name"],
        ),
        (
            "/platforms/new",
            &[("name", "shop"), SHOP[1], ("account", "@b")],
            &["name"],
        ),
        (
            "/platforms/1",
            &[("platform", "1.1"), ("name", "NEWS"), SHOP[1], SHOP[2]],
            &["name"],
        ),
        (
            "/platforms/1",
            &[("platform", "2.1"), SHOP[0], SHOP[1], SHOP[2]],
            &["main"],
        ),
        ("/platforms/desk", &[("platform", "1.1")], &["text"]),
        (
            "/platforms/desk",
            &[("platform", "1.1"), ("text", &text)],
            &["text"],
        ),
        (
            "/platforms/elsewhere",
            &[("platform", "1.1"), ("text", " ")],
            &["text"],
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
        }
        for (name, value) in form.iter().filter(|(name, _)| *name != "platform") {
            assert!(page.body.contains(value), "{path}: {name}");
        }
    }
    assert!(stage.published().await.is_empty());
}

#[tokio::test]
async fn a_form_without_a_platform_or_without_its_token_does_nothing() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = owner(&stage).await;
    visitor.post("/platforms/1/switch", &[]).await;
    for platform in [
        "",
        "1",
        "1.",
        ".1",
        "x.y",
        "1.1.1",
        "99999999999999999999.1",
    ] {
        let page = visitor.publish("/platforms/desk", platform, "Hello").await;
        assert!(page.status.is_client_error(), "{platform}: {}", page.status);
    }
    for path in [
        "/platforms/2/switch",
        "/platforms/1/remove",
        "/platforms/clear",
    ] {
        let page = visitor.post_as_it_is(path, &[]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
    }
    let draft = [("platform", "1.1"), ("text", "Hello there")];
    let page = visitor.post_as_it_is("/platforms/desk", &draft).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("Hello there</textarea>"));
    let page = visitor
        .post_as_it_is("/platforms/new", &[("name", "Mine"), SHOP[1], SHOP[2]])
        .await;
    assert!(page.tag("field-name").unwrap().contains("value=\"Mine\""));
    assert!(stage.published().await.is_empty());
    let desk = visitor.get("/platforms/desk").await;
    assert_eq!(desk.text("page-title"), Some("Shop"));
}

#[tokio::test]
async fn a_form_that_comes_after_the_session_ended_is_there_after_the_sign_in() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = owner(&stage).await;
    visitor.post("/platforms/1/switch", &[]).await;
    let mut tab = visitor.another_tab();
    visitor.post("/sign-out", &[]).await;
    let sent = tab
        .publish("/platforms/desk", "1.1", "Balloons & more")
        .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    let (_, next) = sent.location.split_once("&next=").unwrap();
    let next = percent_decoded(next);
    let form = [THANDI, &[("next", &*next)]].concat();
    let back = tab.sign_in(&form).await;
    assert!(
        back.location.starts_with("/platforms/elsewhere?"),
        "{}",
        back.location
    );
    let page = tab.get(&back.location).await;
    assert!(page.body.contains("Balloons &amp; more</textarea>"));
    assert!(page.tag("publish-on-1").is_some());
    assert!(stage.published().await.is_empty());
}

#[tokio::test]
async fn hostile_names_are_shown_as_text() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = owner(&stage).await;
    let hostile = "</option><script>alert(1)</script>\u{202e}'\"";
    let form = [
        ("name", hostile),
        NEWS[1],
        ("account", hostile),
        ("note", hostile),
    ];
    visitor.post("/platforms/new", &form).await;
    visitor.post("/platforms/3/switch", &[]).await;
    visitor.publish("/platforms/desk", "3.1", hostile).await;
    for path in ["/platforms", "/platforms/desk", "/platforms/3", "/session"] {
        let page = visitor.get(path).await;
        assert!(!page.body.contains("<script>alert"), "{path}");
    }
    let desk = visitor.get("/platforms/desk").await;
    assert!(desk.body.contains("&lt;/option&gt;&lt;script&gt;"));
}

#[tokio::test]
async fn visitors_are_asked_to_sign_in() {
    let stage = Stage::set(StoreKind::Memory);
    for path in [
        "/platforms",
        "/platforms/new",
        "/platforms/desk",
        "/platforms/1",
    ] {
        let page = stage.visitor().get(path).await;
        assert!(page.location.starts_with("/sign-in?"), "{path}");
        assert!(page.cookies.is_empty(), "{path}");
    }
}

/// Thandi, with two platforms and none of them active.
async fn owner(stage: &Stage) -> Visitor<'_> {
    let mut visitor = stage.visitor();
    visitor.sign_in(THANDI).await;
    for platform in [SHOP, NEWS] {
        let sent = visitor.post("/platforms/new", platform).await;
        assert_eq!(sent.location, "/platforms", "{}", sent.body);
    }
    visitor.get("/platforms").await;
    visitor
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).unwrap()
}

impl Visitor<'_> {
    async fn publish(&mut self, path: &str, platform: &str, text: &str) -> Page {
        self.post(path, &[("platform", platform), ("text", text)])
            .await
    }
}

impl Stage {
    /// Everything that was published, with the name of where.
    async fn published(&self) -> Vec<(String, String)> {
        let select = "SELECT name, text FROM announcement JOIN platform ON platform.id = platform
            ORDER BY announcement.id";
        let run = self.app.database.run(|connection| {
            let mut select = connection.prepare(select)?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        });
        run.await.unwrap()
    }
}
