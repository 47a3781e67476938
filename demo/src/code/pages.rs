//! What the shop and the two steps of the sign-in look like.

use std::time::Duration;

use abiding::Timestamp;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use maud::{Markup, html};

use crate::{
    accounts::SignedIn,
    app::App,
    calendar::remaining,
    forms::{Complaint, Question, hidden, summary},
    layout::{Page, Section, notice, page},
};

use super::{
    challenge::Challenge,
    post::Unsent,
    shop::{ARTICLES, Article, Cart},
};

/// Why an address is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// The session that waited for a code ended before the request came.
    EndedBefore,
    /// They came to it.
    First,
    /// What was typed is none.
    NoAddress,
    /// The page is older than the session.
    Stale,
}

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Expired,
    /// Guessed at too often.
    Locked,
    /// Used, or replaced by another.
    Over,
    Right,
    /// The page is older than the session: nothing was looked at.
    Stale,
    /// What was typed is no code at all: that is no guess.
    Unreadable,
    /// It was not typed yet.
    Waiting,
    Wrong {
        left: u32,
    },
}

/// The shelf and the cart.
pub(super) fn shop(cart: &Cart, visitor: Option<&SignedIn>, token: &str) -> Page {
    let title = "A small shop";
    page(
        title,
        Some(Section::Code),
        html! {
            h1 data-testid="page-title" { (title) }
            p.lead { "Fill the cart as a stranger, sign in with a code by e-mail, and find it as you left it." }
            div.cards {
                @for article in ARTICLES {
                    section.card {
                        h2 { (article.name) }
                        p { (article.text) }
                        div.actions {
                            strong { (rand(article.cents)) }
                            (button(article, "more", "add", "Add", token))
                        }
                    }
                }
            }
            (filled(cart, token))
            section.card.plain aria-labelledby="visitor-title" {
                h2 #visitor-title { "You" }
                @if let Some(visitor) = visitor {
                    p { "Signed in as " strong data-testid="visitor" { (visitor.name) } "." }
                } @else {
                    p { "Nobody knows you here yet." }
                    p { a.button.primary href="/code" data-testid="sign-in-by-mail" { "Sign in by e-mail" } }
                }
            }
        },
    )
}

fn filled(cart: &Cart, token: &str) -> Markup {
    html! {
        section.card aria-labelledby="cart-title" {
            h2 #cart-title { "Your cart" }
            @if cart.lines().next().is_none() { p data-testid="cart-empty" { "Nothing yet." } } @else {
                table data-testid="cart" {
                    thead { tr {
                        th scope="col" { "Article" } th scope="col" { "Count" }
                        th scope="col" { "Price" } th scope="col" { span.visually-hidden { "Change" } }
                    } }
                    tbody {
                        @for (article, count) in cart.lines() {
                            tr {
                                th scope="row" { (article.name) }
                                td data-testid={ "count-" (article.slug) } { (count) }
                                td { (rand(article.cents * u32::from(count))) }
                                td { (button(article, "less", "take", "Less", token)) }
                            }
                        }
                    }
                }
                p { "Together " strong data-testid="cart-total" { (rand(cart.total())) } }
            }
        }
    }
}

fn button(article: &Article, by: &str, testid: &str, text: &str, token: &str) -> Markup {
    html! {
        form method="post" action="/shop/cart" {
            (hidden(token))
            input type="hidden" name="article" value=(article.slug);
            button type="submit" name="by" value=(by) data-testid={ (testid) "-" (article.slug) } {
                (text) span.visually-hidden { ": " (article.name) }
            }
        }
    }
}

fn rand(cents: u32) -> String {
    format!("R\u{a0}{}.{:02}", cents / 100, cents % 100)
}

/// The question for an address.
pub(super) fn ask(typed: &str, asking: Asking, token: &str) -> Response {
    let (status, complaints) = match asking {
        Asking::First => (StatusCode::OK, vec![]),
        Asking::EndedBefore => (StatusCode::CONFLICT, vec![]),
        Asking::Stale => (StatusCode::FORBIDDEN, vec![Complaint::stale()]),
        Asking::NoAddress => {
            let message = "Enter an e-mail address such as name@example.org";
            (
                StatusCode::UNPROCESSABLE_ENTITY,
                vec![Complaint::new("address", message)],
            )
        }
    };
    let main = html! {
        @match asking {
            Asking::EndedBefore => (notice(
                "Your session has ended, and the code that it waited for with it. Ask for a new one."
            )),
            Asking::First | Asking::NoAddress | Asking::Stale => {}
        }
        (summary(&complaints, str::to_owned, "No code was sent."))
        form.card method="post" action="/code" novalidate data-testid="ask" {
            (hidden(token))
            (ADDRESS.ask(typed, &complaints))
            div.actions {
                button.primary type="submit" data-testid="send-code" { "Send me a code" }
                a href="/shop" { "Back to the shop" }
            }
        }
    };
    (
        status,
        titled("Sign in by e-mail", !complaints.is_empty(), &main),
    )
        .into_response()
}

/// Why no code was sent, and what to do.
pub(super) fn unsent(
    to: &super::Address,
    unsent: Unsent,
    waiting: Option<&Challenge>,
    now: Timestamp,
    token: &str,
) -> Response {
    let (status, title, advice) = match unsent {
        Unsent::Exhausted => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many codes for this address",
            "A mailbox gets six codes within an hour, whoever asks for them. Wait an hour, or use another address.",
        ),
        Unsent::Later => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The code could not be sent",
            "Our mail server does not answer as it should, so no mail has left. Send it again in a minute.",
        ),
        Unsent::Paused(_) => (
            StatusCode::TOO_MANY_REQUESTS,
            "A code is on its way",
            "One was sent to this address a moment ago. Mail can take a minute: look for it first.",
        ),
        Unsent::Refused => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "This address takes no mail",
            "The mail server refused it, so no code has left. Look for a slip of the keyboard, or use another address.",
        ),
    };
    let pause = match (unsent, waiting) {
        (Unsent::Paused(_), Some(waiting)) if waiting.address == *to => waiting.again().since(now),
        (Unsent::Paused(pause), _) => pause,
        _ => RETRY,
    };
    let main = html! {
        section.card role="alert" data-testid="unsent" {
            p { (advice) }
            @if let Unsent::Paused(_) = unsent {
                p { "Another can be asked for in " (countdown("pause", pause)) " at the latest." }
            }
            @if waiting.is_some() {
                p { "The code that you were sent before still works." }
            }
        }
        form.card method="post" action="/code" novalidate data-testid="ask" {
            (hidden(token))
            (ADDRESS.ask(to.as_str(), &[]))
            div.actions {
                button.primary type="submit" data-testid="send-code" { "Try again" }
                @if waiting.is_some() { a href="/code/verify" data-testid="to-verify" { "Enter the code" } }
            }
        }
    };
    let mut response = (status, titled(title, true, &main)).into_response();
    if status != StatusCode::UNPROCESSABLE_ENTITY {
        let seconds = HeaderValue::from(pause.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// The question for the code, or what became of it.
pub(super) fn verify(
    challenge: &Challenge,
    verdict: Verdict,
    typed: &str,
    token: &str,
    app: &App,
) -> Response {
    let now = app.now();
    let about = |message: &str| vec![Complaint::new("code", message)];
    let (status, title, complaints) = match verdict {
        Verdict::Expired => (StatusCode::GONE, "This code has expired", vec![]),
        Verdict::Locked => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many wrong codes",
            vec![],
        ),
        Verdict::Over => (StatusCode::GONE, "This code was used already", vec![]),
        Verdict::Right | Verdict::Waiting => (StatusCode::OK, ENTER, vec![]),
        Verdict::Stale => (StatusCode::FORBIDDEN, ENTER, vec![Complaint::stale()]),
        Verdict::Unreadable => {
            let complaints = about("Enter the six digits of the code");
            (StatusCode::UNPROCESSABLE_ENTITY, ENTER, complaints)
        }
        Verdict::Wrong { left: 1 } => {
            let complaints = about("This is not the code: you can try once more");
            (StatusCode::UNPROCESSABLE_ENTITY, ENTER, complaints)
        }
        Verdict::Wrong { left } => {
            let message = format!("This is not the code: you can try {left} more times");
            (StatusCode::UNPROCESSABLE_ENTITY, ENTER, about(&message))
        }
    };
    let main = html! {
        @match verdict {
            Verdict::Expired => (ended("A code works for ten minutes, and these are over.")),
            Verdict::Locked => (ended("Five wrong ones have ended this code, even if the right one comes now.")),
            Verdict::Over => (ended(
                "A code works once. Was it you, in another window? Then you are signed in there. \
                 Or was it replaced? Then the code in your latest mail is the one that works."
            )),
            Verdict::Right | Verdict::Stale | Verdict::Unreadable | Verdict::Waiting | Verdict::Wrong { .. } => {
                (summary(&complaints, str::to_owned, "The code is in the mail that you got last."))
                (question(challenge, typed, &complaints, now, token))
            }
        }
        (another(challenge, verdict, now, token))
        @if app.mailer.is_mailbox() {
            p.hint {
                "This demo has no mail server: " a href="/mailbox" data-testid="to-mailbox" { "look into its mailbox" } "."
            }
        }
    };
    (status, titled(title, status != StatusCode::OK, &main)).into_response()
}

fn ended(text: &str) -> Markup {
    html! { p.notice role="alert" data-testid="code-ended" { (text) } }
}

fn question(
    challenge: &Challenge,
    typed: &str,
    complaints: &[Complaint],
    now: Timestamp,
    token: &str,
) -> Markup {
    html! {
        p.lead { "Six digits are on their way to " strong data-testid="sent-to" { (challenge.address) } "." }
        form.card method="post" action="/code/verify" novalidate data-testid="verify" {
            (hidden(token))
            (CODE.ask(typed, complaints))
            (kept(challenge))
            p.hint { "It works for another " (countdown("expires", challenge.expires().since(now))) ", once, in this browser." }
            div.actions { button.primary type="submit" data-testid="submit-code" { "Sign in" } }
        }
    }
}

fn another(challenge: &Challenge, verdict: Verdict, now: Timestamp, token: &str) -> Markup {
    let pause = challenge.again().since(now);
    let over = matches!(verdict, Verdict::Expired | Verdict::Locked | Verdict::Over);
    html! {
        section.card.plain aria-labelledby="another-title" {
            h2 #another-title { @if over { "A new code" } @else { "No mail?" } }
            p {
                @if !over { "It may lie among the unwanted ones. " }
                @if !pause.is_zero() { "A new code can be sent in " (countdown("again", pause)) "." }
                @else { "A new code can be sent now." }
            }
            div.actions {
                form method="post" action="/code/resend" {
                    (hidden(token))
                    (kept(challenge))
                    button.primary[over] type="submit" data-testid="resend" { "Send a new code" }
                }
                a href="/code" data-testid="other-address" { "Use another address" }
            }
        }
    }
}

/// Should the session end, the address need not be typed again.
fn kept(challenge: &Challenge) -> Markup {
    html! { input type="hidden" name="address" value=(challenge.address); }
}

/// The script counts it down.
fn countdown(testid: &str, left: Duration) -> Markup {
    let start = Timestamp::default();
    html! {
        span data-testid=(testid) data-countdown=(left.as_secs()) { (remaining(start.after(left), start)) }
    }
}

fn titled(title: &str, is_error: bool, main: &Markup) -> Page {
    let error = if is_error { "Error: " } else { "" };
    page(
        &format!("{error}{title}"),
        Some(Section::Code),
        html! { h1 data-testid="page-title" { (title) } (main) },
    )
}

const ENTER: &str = "Enter your code";

const ADDRESS: Question = Question {
    name: "address",
    label: "E-mail address",
    hint: "We send a code there, and nothing else.",
    kind: "email",
    autocomplete: "email",
};

const CODE: Question = Question {
    name: "code",
    label: "Code",
    hint: "Six digits, from the mail",
    kind: "text",
    autocomplete: "one-time-code",
};

/// Long enough for a mail server to come back, short enough to wait for.
const RETRY: Duration = Duration::from_secs(60);
