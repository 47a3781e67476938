//! Mail through a server that is well, refuses, falls silent, hangs up or is not there.

use axum::http::StatusCode;

use super::{
    smtp_server::{Manner, SmtpServer},
    stage::{Page, Stage, Visitor},
};

const ADDRESS: &[(&str, &str)] = &[("address", "zola@example.org")];

#[tokio::test]
async fn a_letter_reaches_the_server_as_plain_text_in_utf_8() {
    let server = SmtpServer::start(Manner::Accepts).await;
    let stage = Stage::set_with_relay(&server.url());
    let mut visitor = stage.visitor();
    let page = visitor.post("/code", ADDRESS).await;
    assert_eq!(page.location, "/code/verify");

    let commands = server.commands().join("\n");
    for part in [
        // `\0shop\0open sesame` in base64.
        "AUTH PLAIN AHNob3AAb3BlbiBzZXNhbWU=",
        "MAIL FROM:<demo@abiding.example>",
        "RCPT TO:<zola@example.org>",
    ] {
        assert!(commands.contains(part), "{part}: {commands}");
    }
    let letter = &server.letters()[0];
    for part in [
        "From: \"abiding demo\" <demo@abiding.example>\r\n",
        "To: zola@example.org\r\n",
        "Subject: Your code for the shop\r\n",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "Date: ",
    ] {
        assert!(letter.contains(part), "{part}: {letter}");
    }
    let signed_in = visitor
        .post("/code/verify", &[("code", &code_in(letter))])
        .await;
    assert_eq!(signed_in.location, "/shop");
}

#[tokio::test]
async fn what_keeps_a_letter_from_leaving_is_told_and_costs_no_pause() {
    let refused = (
        StatusCode::UNPROCESSABLE_ENTITY,
        "This address takes no mail",
    );
    let later = (
        StatusCode::SERVICE_UNAVAILABLE,
        "The code could not be sent",
    );
    let server = SmtpServer::start(Manner::Accepts).await;
    let stage = Stage::set_with_relay(&server.url());
    let mut visitor = stage.visitor();
    for (manner, (status, title)) in [
        (Manner::Replies("550 5.1.1 no such mailbox"), refused),
        (Manner::Replies("552 5.2.2 mailbox full"), refused),
        (Manner::Replies("556 5.1.10 takes no mail"), refused),
        (Manner::Replies("450 4.2.1 not now"), later),
        (Manner::Replies("421 4.3.2 going down"), later),
        (Manner::Replies("530 5.7.0 authenticate first"), later),
        (Manner::Replies("what?"), later),
        (Manner::Closes, later),
    ] {
        server.turn(manner);
        let page = visitor.post("/code", ADDRESS).await;
        assert_eq!(page.status, status, "{manner:?}");
        assert_eq!(page.text("page-title"), Some(title), "{manner:?}");
        assert_eq!(page.retry_after.is_some(), status == later.0, "{manner:?}");
        let typed = page.tag("field-address").unwrap();
        assert!(typed.contains(r#"value="zola@example.org""#), "{typed}");
        assert_eq!(visitor.cookie, None, "{manner:?}");
    }
    server.turn(Manner::Accepts);
    assert_eq!(
        visitor.post("/code", ADDRESS).await.location,
        "/code/verify"
    );
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left_after_ten_seconds() {
    let server = SmtpServer::start(Manner::Hangs).await;
    let stage = Stage::set_with_relay(&server.url());
    // Nothing but the timer is left to happen, so the runtime moves it forward.
    tokio::time::pause();
    let page = stage.visitor().post("/code", ADDRESS).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let stage = Stage::set_with_relay(&format!("smtp://127.0.0.1:{port}"));
    let page = stage.visitor().post("/code", ADDRESS).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.retry_after.is_some());
}

#[tokio::test]
async fn a_server_that_cannot_encrypt_gets_nothing_that_has_to_be_encrypted() {
    let server = SmtpServer::start(Manner::Accepts).await;
    let stage = Stage::set_with_relay(&format!("{}?tls=starttls", server.url()));
    let page = stage.visitor().post("/code", ADDRESS).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    let commands = server.commands();
    assert!(
        commands.iter().all(|command| !command.starts_with("AUTH")),
        "{commands:?}"
    );
    assert!(server.letters().is_empty());
}

#[tokio::test]
async fn a_code_that_cannot_be_replaced_still_works() {
    let server = SmtpServer::start(Manner::Accepts).await;
    let stage = Stage::set_with_relay(&server.url());
    let mut visitor = stage.visitor();
    visitor.post("/code", ADDRESS).await;
    stage.at_second(31);
    for manner in [Manner::Closes, Manner::Replies("550 gone")] {
        server.turn(manner);
        let page = visitor.post("/code/resend", &[]).await;
        assert!(
            page.body.contains("still works"),
            "{manner:?}: {}",
            page.body
        );
    }
    let code = code_in(&server.letters()[0]);
    assert_eq!(type_in(&mut visitor, &code).await.location, "/shop");
}

#[tokio::test]
async fn a_letter_counts_also_when_its_visitor_has_gone() {
    let server = SmtpServer::start(Manner::Accepts).await;
    let stage = Stage::set_with_relay(&server.url());
    let mut visitor = stage.visitor();
    tokio::select! {
        biased;
        () = server.recipient() => {}
        page = visitor.post("/code", ADDRESS) => panic!("answered before the letter: {}", page.status),
    }
    let ledger = &stage.app.ledger;
    while ledger.peek("code letters zola@example.org").await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.letters().len(), 1);
    for (second, status) in [
        (0, StatusCode::TOO_MANY_REQUESTS),
        (31, StatusCode::SEE_OTHER),
        // The second pause is the longer one.
        (62, StatusCode::TOO_MANY_REQUESTS),
    ] {
        stage.at_second(second);
        assert_eq!(
            visitor.post("/code", ADDRESS).await.status,
            status,
            "{second}"
        );
    }
}

async fn type_in(visitor: &mut Visitor<'_>, code: &str) -> Page {
    visitor.post("/code/verify", &[("code", code)]).await
}

fn code_in(letter: &str) -> String {
    let (_, rest) = letter.split_once("Your code is").unwrap();
    rest.trim_start().chars().take(6).collect()
}
