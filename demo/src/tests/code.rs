//! Signing in with a code by e-mail, and everything that must not sign anybody in.

use axum::http::StatusCode;
use rusqlite::OptionalExtension as _;

use super::stage::{Page, Stage, Visitor};
use crate::settings::{ProfileKind, StoreKind};

const STORES: [StoreKind; 3] = [StoreKind::Cookie, StoreKind::Memory, StoreKind::Sqlite];
const ZOLA: &str = "zola@example.org";
const TEA: &[(&str, &str)] = &[("article", "tea"), ("by", "more")];

#[tokio::test]
async fn a_code_signs_in_under_a_new_id_and_keeps_the_cart() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitor = stage.visitor();
        visitor.post("/shop/cart", TEA).await;
        visitor.post("/shop/cart", TEA).await;
        let asked = ask(&mut visitor, ZOLA).await;
        assert_eq!(
            (asked.status, &*asked.location),
            (StatusCode::SEE_OTHER, "/code/verify")
        );
        let waiting = visitor.get("/code/verify").await;
        assert_eq!(waiting.text("sent-to"), Some(ZOLA));
        let code = code(&stage).await;
        assert!(!waiting.body.contains(&code), "the page shows the code");

        let before = visitor.cookie.clone();
        let signed_in = type_in(&mut visitor, &code).await;
        assert_eq!(
            (signed_in.status, &*signed_in.location),
            (StatusCode::SEE_OTHER, "/shop")
        );
        assert_ne!(visitor.cookie, before);
        let shop = visitor.get("/shop").await;
        assert_eq!(shop.text("visitor"), Some("zola"));
        assert_eq!(shop.text("count-tea"), Some("2"));
        assert!(shop.text("flash").unwrap().contains("signed in"));
        assert_eq!(visitor.get("/code").await.location, "/shop");

        visitor.post("/sign-out", &[]).await;
        assert_eq!(visitor.get("/shop").await.text("visitor"), None);
    }
}

#[tokio::test]
async fn five_wrong_codes_lock_out_even_the_right_one() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    ask(&mut visitor, ZOLA).await;
    let code = code(&stage).await;
    let wrong = wrong(&code);
    // What cannot be a code is no guess.
    for typed in ["", "12345", "abcdef"] {
        let page = type_in(&mut visitor, typed).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{typed}");
        assert_eq!(
            page.text("error-link-code"),
            Some("Enter the six digits of the code")
        );
    }
    for left in ["4 more times", "3 more times", "2 more times", "once more"] {
        let page = type_in(&mut visitor, &wrong).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        let told = page.text("error-link-code").unwrap();
        assert!(told.ends_with(left), "{told}");
    }
    for typed in [&wrong, &code] {
        let page = type_in(&mut visitor, typed).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(page.text("page-title"), Some("Too many wrong codes"));
    }
    assert_eq!(visitor.get("/shop").await.text("visitor"), None);
    // Too early for another, and nobody is told that this one still works.
    let page = visitor.post("/code/resend", &[]).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(page.tag("to-verify"), None);
}

#[tokio::test]
async fn guesses_that_come_at_once_are_all_counted() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut visitor = stage.visitor();
    ask(&mut visitor, ZOLA).await;
    let code = code(&stage).await;
    let wrong = wrong(&code);
    let pages = [
        at_once(&visitor, &wrong).await,
        at_once(&visitor, &wrong).await,
    ];
    let looked_at = pages
        .iter()
        .flatten()
        .filter(|page| page.status == StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(looked_at.count(), 4);
    assert_eq!(
        type_in(&mut visitor, &code).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
}

#[tokio::test]
async fn an_older_session_neither_resets_the_guesses_nor_revives_a_used_code() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitor = stage.visitor();
        ask(&mut visitor, ZOLA).await;
        let code = code(&stage).await;
        let older = visitor.another_tab();
        for _ in 0..3 {
            type_in(&mut older.another_tab(), &wrong(&code)).await;
        }
        let page = type_in(&mut older.another_tab(), &wrong(&code)).await;
        assert!(page.text("error-link-code").unwrap().ends_with("once more"));

        assert_eq!(type_in(&mut visitor, &code).await.location, "/shop");
        for mut copy in [older.another_tab(), older.another_tab()] {
            for page in [
                type_in(&mut copy, &code).await,
                copy.get("/code/verify").await,
            ] {
                assert_eq!(page.status, StatusCode::GONE);
                assert_eq!(page.text("page-title"), Some("This code was used already"));
                assert!(page.tag("resend").is_some());
            }
            assert_eq!(copy.get("/shop").await.text("visitor"), None);
        }
    }
}

#[tokio::test]
async fn a_rotation_of_the_keys_forgives_no_guess_and_ends_no_code() {
    for store in STORES {
        let stage = Stage::set(store);
        let mut visitor = stage.visitor();
        ask(&mut visitor, ZOLA).await;
        let code = code(&stage).await;
        type_in(&mut visitor, &wrong(&code)).await;
        let older = visitor.another_tab();
        let rotated = visitor.post("/operator/keys/rotate", &[]).await;
        assert_eq!(rotated.location, "/operator", "{}", rotated.body);
        // By now the new key signs.
        stage.at_second(11);
        let page = type_in(&mut visitor, &wrong(&code)).await;
        let told = page.text("error-link-code").unwrap();
        assert!(told.ends_with("3 more times"), "{store}: {told}");
        assert_eq!(type_in(&mut visitor, &code).await.location, "/shop");
        let page = type_in(&mut older.another_tab(), &code).await;
        assert_eq!(page.status, StatusCode::GONE, "{store}");
    }
}

#[tokio::test]
async fn of_four_that_type_the_code_at_once_one_is_signed_in() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut visitor = stage.visitor();
    ask(&mut visitor, ZOLA).await;
    let pages = at_once(&visitor, &code(&stage).await).await;
    let in_the_shop = pages.iter().filter(|page| page.location == "/shop").count();
    let told = pages
        .iter()
        .filter(|page| page.status == StatusCode::GONE)
        .count();
    assert_eq!((in_the_shop, told), (1, 3));
}

#[tokio::test]
async fn a_code_ends_after_ten_minutes() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    ask(&mut visitor, ZOLA).await;
    let code = code(&stage).await;
    stage.at_second(595);
    assert_eq!(visitor.get("/code/verify").await.status, StatusCode::OK);
    stage.at_second(601);
    let page = type_in(&mut visitor, &code).await;
    assert_eq!(page.status, StatusCode::GONE);
    assert_eq!(page.text("page-title"), Some("This code has expired"));
    assert_eq!(
        visitor.post("/code/resend", &[]).await.location,
        "/code/verify"
    );
    let code = self::code(&stage).await;
    assert_eq!(type_in(&mut visitor, &code).await.location, "/shop");
}

#[tokio::test]
async fn the_pause_between_two_codes_doubles_whoever_asks() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    ask(&mut visitor, ZOLA).await;
    let older = visitor.another_tab();
    let mut second = 0;
    for pause in [30, 60, 120, 240, 480] {
        stage.at_second(second + pause - 5);
        let page = visitor.post("/code/resend", &[]).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS, "{pause}");
        assert_eq!(page.text("page-title"), Some("A code is on its way"));
        assert!(page.retry_after.is_some() && page.text("pause").is_some());
        // Neither an older copy of the session nor another one waits less.
        for mut other in [older.another_tab(), stage.visitor()] {
            let page = ask(&mut other, "Zola+other@Example.org").await;
            assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS, "{pause}");
        }
        second += pause + 1;
        stage.at_second(second);
        assert_eq!(
            visitor.post("/code/resend", &[]).await.location,
            "/code/verify",
            "{pause}"
        );
    }
    stage.at_second(3500);
    let page = ask(&mut stage.visitor(), ZOLA).await;
    assert_eq!(
        page.text("page-title"),
        Some("Too many codes for this address")
    );
    assert_eq!(stage.count("SELECT count(*) FROM mail").await, 6);
    stage.at_second(3605);
    assert_eq!(
        ask(&mut stage.visitor(), ZOLA).await.location,
        "/code/verify"
    );
}

#[tokio::test]
async fn many_sessions_together_guess_no_more_than_twenty_times_at_a_mailbox() {
    let stage = Stage::set(StoreKind::Memory);
    let mut second = 0;
    for pause in [31, 61, 121, 241] {
        let mut guesser = stage.visitor();
        ask(&mut guesser, ZOLA).await;
        let wrong = wrong(&code(&stage).await);
        for _ in 0..5 {
            type_in(&mut guesser, &wrong).await;
        }
        second += pause;
        stage.at_second(second);
    }
    let mut visitor = stage.visitor();
    ask(&mut visitor, ZOLA).await;
    let page = type_in(&mut visitor, &code(&stage).await).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_new_code_ends_the_one_before() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    ask(&mut visitor, ZOLA).await;
    let mut older = visitor.another_tab();
    older.get("/code/verify").await;
    let first = code(&stage).await;
    stage.at_second(31);
    visitor.post("/code/resend", &[]).await;
    let second = code(&stage).await;
    if first != second {
        let page = type_in(&mut visitor, &first).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(type_in(&mut visitor, &second).await.location, "/shop");
}

#[tokio::test]
async fn a_code_is_for_the_session_that_asked() {
    let stage = Stage::set(StoreKind::Memory);
    let (mut asked, mut other) = (stage.visitor(), stage.visitor());
    ask(&mut asked, ZOLA).await;
    let code = code(&stage).await;
    ask(&mut other, "thandi@example.org").await;
    if code != self::code(&stage).await {
        let page = type_in(&mut other, &code).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let page = type_in(&mut stage.visitor(), &code).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert_eq!(type_in(&mut asked, &code).await.location, "/shop");
}

#[tokio::test]
async fn who_proves_an_address_shares_the_account_with_nobody_who_did_not() {
    for store in STORES {
        let stage = Stage::set(store);
        let (mut squatter, mut owner) = (stage.visitor(), stage.visitor());
        let account = [
            ("name", "Squatter"),
            ("email", ZOLA),
            ("password", "quite long enough"),
        ];
        let registered = squatter.post("/register", &account).await;
        assert_eq!(
            registered.status,
            StatusCode::SEE_OTHER,
            "{}",
            registered.body
        );
        ask(&mut owner, ZOLA).await;
        assert_eq!(
            type_in(&mut owner, &code(&stage).await).await.location,
            "/shop"
        );
        let shop = owner.get("/shop").await;
        assert!(
            shop.text("flash").unwrap().starts_with("The password"),
            "{store}"
        );

        assert_eq!(squatter.get("/shop").await.text("visitor"), None, "{store}");
        let again = squatter.post("/sign-in", &account).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "{store}");
        assert!(
            owner.get("/shop").await.text("visitor").is_some(),
            "{store}"
        );
    }
}

#[tokio::test]
async fn a_known_address_is_answered_as_an_unknown_one() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    ask(&mut visitor, ZOLA).await;
    type_in(&mut visitor, &code(&stage).await).await;
    stage.at_second(60);
    let mut answers = Vec::new();
    for address in [ZOLA, "novo@example.org"] {
        let mut visitor = stage.visitor();
        let asked = ask(&mut visitor, address).await;
        let again = visitor.post("/code/resend", &[]).await;
        answers.push((asked.status, asked.location, again.status));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_session_that_ended_in_between_is_told_and_the_address_kept() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut visitor = stage.visitor();
    ask(&mut visitor, ZOLA).await;
    let code = code(&stage).await;
    stage.at_second(3 * 60 * 60);
    for path in ["/code/verify", "/code/resend"] {
        let page = visitor
            .post(path, &[("code", &code), ("address", ZOLA)])
            .await;
        assert_eq!(page.status, StatusCode::CONFLICT, "{path}");
        assert!(page.text("notice").unwrap().contains("ended"), "{path}");
        let typed = page.tag("field-address").unwrap();
        assert!(typed.contains(&format!(r#"value="{ZOLA}""#)), "{typed}");
    }
    assert_eq!(visitor.get("/code/verify").await.location, "/code");
}

#[tokio::test]
async fn an_address_that_is_none_is_shown_as_typed_and_gets_nothing() {
    let stage = Stage::set(StoreKind::Memory);
    for address in [
        "",
        "zola",
        "\"><script>window.caught = 1</script>@example.org",
        "zola@example.org\r\nBcc: thandi@example.org",
        "zola@example.org,thandi@example.org",
        "zola@example.org\0",
        &format!("{}@example.org", "é".repeat(2000)),
    ] {
        let mut visitor = stage.visitor();
        let page = ask(&mut visitor, address).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{address:?}");
        assert!(page.text("error-link-address").is_some(), "{address:?}");
        assert!(!page.body.contains("<script>window"), "{address:?}");
        assert_eq!(visitor.cookie, None, "{address:?}");
    }
    assert_eq!(stage.count("SELECT count(*) FROM mail").await, 0);
}

#[tokio::test]
async fn forms_of_the_shop_that_cannot_be_followed_are_refused() {
    let stage = Stage::set(StoreKind::Memory);
    let mut visitor = stage.visitor();
    for (path, form, status) in [
        (
            "/shop/cart",
            &[("article", "gold"), ("by", "more")][..],
            StatusCode::NOT_FOUND,
        ),
        (
            "/shop/cart",
            &[("article", "tea"), ("by", "thousand")],
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        ("/shop/cart", &[], StatusCode::UNPROCESSABLE_ENTITY),
        ("/code", &[], StatusCode::UNPROCESSABLE_ENTITY),
        ("/code/verify", &[], StatusCode::CONFLICT),
    ] {
        let page = visitor.post(path, form).await;
        assert_eq!(page.status, status, "{path}");
        assert!(page.text("page-title").is_some(), "{path}");
    }
    assert_eq!(visitor.cookie, None);
}

#[tokio::test]
async fn a_form_without_its_token_is_shown_again_and_neither_sends_nor_signs_in() {
    let stage = Stage::set(StoreKind::Sqlite);
    let mut visitor = stage.visitor();
    let asked = visitor.post_as_it_is("/code", &[("address", ZOLA)]).await;
    assert_eq!(asked.status, StatusCode::FORBIDDEN);
    assert!(asked.tag("field-address").unwrap().contains(ZOLA));
    assert_eq!(stage.count("SELECT count(*) FROM mail").await, 0);

    ask(&mut visitor, ZOLA).await;
    let code = code(&stage).await;
    let typed = visitor
        .post_as_it_is("/code/verify", &[("code", &code)])
        .await;
    assert_eq!(typed.status, StatusCode::FORBIDDEN);
    assert!(typed.tag("field-code").unwrap().contains(&code));
    for path in ["/code/resend", "/shop/cart"] {
        let page = visitor.post_as_it_is(path, TEA).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(stage.count("SELECT count(*) FROM mail").await, 1);
    assert_eq!(visitor.get("/shop").await.text("count-tea"), None);
    // No guess was lost by it.
    let page = type_in(&mut visitor, &wrong(&code)).await;
    assert!(
        page.text("error-link-code")
            .unwrap()
            .ends_with("4 more times")
    );
    assert_eq!(type_in(&mut visitor, &code).await.location, "/shop");
}

#[tokio::test]
async fn looking_into_the_shop_sets_no_cookie() {
    let stage = Stage::set(StoreKind::Sqlite);
    for path in ["/shop", "/code", "/code/verify", "/mailbox"] {
        let page = stage.visitor().get(path).await;
        assert!(page.cookies.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn the_mailbox_is_for_development_alone() {
    let stage = Stage::set(StoreKind::Memory);
    ask(&mut stage.visitor(), ZOLA).await;
    let code = code(&stage).await;
    let mailbox = stage.visitor().get("/mailbox").await;
    assert!(mailbox.body.contains(&code));

    let stage = Stage::set_for(StoreKind::Memory, ProfileKind::Production, "127.0.0.1:1");
    assert_eq!(
        stage.visitor().get("/mailbox").await.status,
        StatusCode::NOT_FOUND
    );
    let page = ask(&mut stage.visitor(), ZOLA).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
}

async fn ask(visitor: &mut Visitor<'_>, address: &str) -> Page {
    visitor.post("/code", &[("address", address)]).await
}

async fn type_in(visitor: &mut Visitor<'_>, code: &str) -> Page {
    visitor.post("/code/verify", &[("code", code)]).await
}

/// The same code from four tabs.
async fn at_once(visitor: &Visitor<'_>, code: &str) -> [Page; 4] {
    let [mut a, mut b, mut c, mut d] = [(); 4].map(|()| visitor.another_tab());
    tokio::join!(
        type_in(&mut a, code),
        type_in(&mut b, code),
        type_in(&mut c, code),
        type_in(&mut d, code),
    )
    .into()
}

/// The code in the latest letter.
async fn code(stage: &Stage) -> String {
    let select = "SELECT text FROM mail ORDER BY id DESC LIMIT 1";
    let letter = stage.app.database.run(|connection| {
        let letter = connection.query_row(select, [], |row| row.get::<_, String>(0));
        letter.optional()
    });
    let letter = letter.await.unwrap().expect("a letter was sent");
    let (_, rest) = letter.split_once("Your code is").unwrap();
    rest.trim_start().chars().take(6).collect()
}

/// Six digits that are another code.
fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}
