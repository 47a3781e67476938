//! What signing in and making an account look like.

use abiding::Timestamp;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use maud::{Markup, html};

use super::{
    Reason,
    entry::Stay,
    guard::encoded,
    seed,
    sent::{Register, SignIn},
};
use crate::{
    app::App,
    calendar::{remaining, spelled},
    forms::{Complaint, Question, hidden, summary},
    layout::{Page, Section, page},
    settings::ProfileKind,
};

/// The sign-in form, after what went wrong or why it is shown.
pub(super) fn sign_in(
    app: &App,
    form: &SignIn,
    reason: Option<Reason>,
    complaints: &[Complaint],
    token: &str,
) -> Page {
    let title = "Sign in";
    page(
        &titled(title, complaints),
        Some(Section::Account),
        html! {
            h1 data-testid="page-title" { (title) }
            @if let Some(reason) = reason {
                p.notice role="status" data-testid="sign-in-reason" data-reason=(reason.word()) { (reason.told()) }
            }
            (summary(complaints, str::to_owned, "The password has to be typed again."))
            form.card method="post" action="/sign-in" novalidate data-testid="sign-in-form" {
                (hidden(token))
                (EMAIL.ask(&form.email, complaints))
                (PASSWORD.ask("", complaints))
                div.option {
                    input #stay name="stay" type="checkbox" value="week" checked[form.stay() == Stay::Week]
                        data-testid="field-stay";
                    label for="stay" { "Keep me signed in for 7 days, also when the browser was closed" }
                }
                input type="hidden" name="next" value=(form.next);
                div.actions {
                    button.primary type="submit" data-testid="submit-sign-in" { "Sign in" }
                    a href={ "/register" (onward(&form.next)) } data-testid="to-register" { "Make an account" }
                    // The only way in for who has no password.
                    a href="/code" data-testid="to-code" { "Get a code by e-mail" }
                }
            }
            @if app.profile == ProfileKind::Development { (demo_account()) }
        },
    )
}

/// The form of whoever has no account yet.
pub(super) fn register(form: &Register, complaints: &[Complaint], token: &str) -> Page {
    let title = "Make an account";
    page(
        &titled(title, complaints),
        Some(Section::Account),
        html! {
            h1 data-testid="page-title" { (title) }
            p.lead { "It stays on this machine, like everything here." }
            (summary(complaints, str::to_owned, "The password has to be typed again."))
            form.card method="post" action="/register" novalidate data-testid="register-form" {
                (hidden(token))
                (NAME.ask(&form.name, complaints))
                (EMAIL.ask(&form.email, complaints))
                (NEW_PASSWORD.ask("", complaints))
                input type="hidden" name="next" value=(form.next);
                div.actions {
                    button.primary type="submit" data-testid="submit-register" { "Make the account" }
                    a href={ "/sign-in" (onward(&form.next)) } data-testid="to-sign-in" { "Sign in instead" }
                }
            }
        },
    )
}

/// When to try again.
pub(super) fn too_many(until: Timestamp, now: Timestamp) -> Response {
    let title = "Too many attempts";
    let body = page(
        title,
        Some(Section::Account),
        html! {
            section.card.problem data-testid="problem" {
                p.status data-testid="problem-status" { "Error 429" }
                h1 data-testid="page-title" { (title) }
                p {
                    "The password was not looked at. Try again in "
                    strong data-testid="retry-in" { (remaining(until, now)) }
                    ", at " (spelled(until)) "."
                }
                p { a.button href="/sign-in" data-testid="to-sign-in" { "Back to the sign-in page" } }
            }
        },
    );
    let mut response = (StatusCode::TOO_MANY_REQUESTS, body).into_response();
    // Rounded up: who comes back on the second must not be refused again.
    let seconds = until.since(now).as_millis().div_ceil(1000);
    if let Ok(seconds) = HeaderValue::from_str(&seconds.to_string()) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

fn titled(title: &str, complaints: &[Complaint]) -> String {
    let error = if complaints.is_empty() { "" } else { "Error: " };
    format!("{error}{title}")
}

fn onward(next: &str) -> String {
    if next.is_empty() {
        return String::new();
    }
    format!("?next={}", encoded(next))
}

fn demo_account() -> Markup {
    html! {
        section.card.plain data-testid="demo-account" {
            h2 { "To look around" }
            dl.facts {
                dt { "Email" } dd { code data-testid="demo-email" { (seed::EMAIL) } }
                dt { "Password" } dd { code data-testid="demo-password" { (seed::PASSWORD) } }
            }
            p.hint { "This account is there in the development profile only." }
        }
    }
}

pub(super) const EMAIL: Question = Question {
    name: "email",
    label: "Email",
    hint: "",
    kind: "email",
    // The name of the account, for password managers (HTML, 4.10.18.7.1).
    autocomplete: "username",
};
pub(super) const NAME: Question = Question {
    name: "name",
    label: "Your name",
    hint: "",
    kind: "text",
    autocomplete: "name",
};
pub(super) const PASSWORD: Question = Question {
    name: "password",
    label: "Password",
    hint: "",
    kind: "password",
    autocomplete: "current-password",
};
pub(super) const NEW_PASSWORD: Question = Question {
    name: "password",
    label: "Password",
    hint: "At least 8 characters. A few words that you can remember do best.",
    kind: "password",
    autocomplete: "new-password",
};
