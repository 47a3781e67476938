//! The session inspector: what is stored about a visitor, for the visitor.
//!
//! Values are masked and the session goes by its handle; no id and no key ever reaches a page. The
//! same as JSON is there in the development profile alone.

use abiding::{Info, Standing, Timestamp};
use abiding_tower::{GuardedForm, Session};
use axum::{
    Json, Router,
    extract::State,
    http::HeaderMap,
    response::Redirect,
    routing::{get, post},
};
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::{
    app::App,
    calendar::{remaining, spelled},
    errors::Problem,
    forms::hidden,
    layout::{Page, Section, page},
    requests::Line,
};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/session", get(show))
        .route("/session/renew", post(renew))
        .route("/session/end", post(end))
}

/// Mounted in the development profile only.
pub(crate) fn debug_routes() -> Router<App> {
    Router::new().route("/debug/session.json", get(debug))
}

async fn show(
    session: Session,
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Page, Problem> {
    let standing = session.standing().await?;
    let token = session.form_token().await?;
    let title = "My session";
    Ok(page(
        title,
        Some(Section::Session),
        html! {
            h1 data-testid="page-title" { (title) }
            @match session.info().await? {
                Some(info) => (open(&info, &entries(&session).await?, &app, &token)),
                None => (nothing(standing)),
            }
            (last_requests(&app.trail.of(&headers)))
        },
    ))
}

async fn renew(session: Session, _: GuardedForm) -> Result<Redirect, Problem> {
    if session.info().await?.is_none() {
        return Ok(Redirect::to("/session"));
    }
    session.renew();
    session
        .flash(
            "info",
            "Your session has a new id. What it holds is the same.",
        )
        .await?;
    Ok(Redirect::to("/session"))
}

async fn end(session: Session, _: GuardedForm) -> Redirect {
    session.logout();
    Redirect::to("/session")
}

async fn debug(session: Session, State(app): State<App>) -> Result<Json<Value>, Problem> {
    let Some(info) = session.info().await? else {
        return Ok(Json(
            json!({ "store": app.places.primary().name(), "session": null }),
        ));
    };
    let values: serde_json::Map<_, _> = entries(&session)
        .await?
        .into_iter()
        .map(|(key, masked)| (key, masked.into()))
        .collect();
    Ok(Json(json!({
        "store": app.places.primary().name(),
        "session": {
            "handle": info.handle,
            "version": info.version.number(),
            "created": info.created.as_millis(),
            "seen": info.seen.as_millis(),
            "idle_deadline": known(info.idle_deadline).map(Timestamp::as_millis),
            "absolute_deadline": info.absolute_deadline.as_millis(),
            "signed_in": info.subject.is_some(),
            "bytes": info.bytes,
            "values": values,
        },
    })))
}

/// Keys and masked values.
async fn entries(session: &Session) -> abiding::Result<Vec<(String, String)>> {
    let mut entries = Vec::new();
    for key in session.keys().await? {
        let value = session.get::<Value>(&key).await?.unwrap_or_default();
        entries.push((key, masked(&value)));
    }
    Ok(entries)
}

/// Enough of a value to recognise one's own, not enough to take it away.
fn masked(value: &Value) -> String {
    let plural =
        |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    match value {
        Value::Null => String::from("null"),
        Value::Bool(_) => String::from("yes or no"),
        Value::Number(_) => String::from("number"),
        Value::Array(items) => format!("list, {}", plural(items.len(), "item")),
        Value::Object(fields) => format!(
            "map, {}",
            plural(fields.len(), "entry").replace("entrys", "entries")
        ),
        Value::String(text) => match text.chars().next() {
            None => String::from("text, empty"),
            Some(first) => format!(
                "text, {}: {first}…",
                plural(text.chars().count(), "character")
            ),
        },
    }
}

fn known(deadline: Timestamp) -> Option<Timestamp> {
    (deadline != Timestamp::MAX).then_some(deadline)
}

fn nothing(standing: Standing) -> Markup {
    let why = match standing {
        Standing::Ended(ending) => format!("The session you had is over: {ending}."),
        Standing::Refused(_) => {
            "Your browser sent a cookie that no key of this application vouches for, so it counts for nothing.".into()
        }
        _ => "Looking around starts none: no cookie was set and nothing was stored.".to_owned(),
    };
    html! {
        section.card {
            p.state data-testid="session-state" { "no session" }
            p data-testid="session-why" { (why) }
            p { a.button href="/membership" { "Start the membership form" } }
        }
    }
}

fn open(info: &Info, entries: &[(String, String)], app: &App, token: &str) -> Markup {
    html! {
        section.card aria-labelledby="facts-title" {
            div.heading {
                h2 #facts-title { "What is known of it" }
                p.state data-testid="session-state" { "open" }
            }
            dl.facts {
                dt { "Store" } dd data-testid="session-store" { (app.places.primary().name()) }
                dt { "Handle" } dd { code data-testid="session-handle" { (info.handle) } }
                dt { "Version" } dd data-testid="session-version" { (info.version.number()) }
                dt { "Size" } dd data-testid="session-bytes" { (info.bytes) " bytes" }
                dt { "Signed in as" }
                dd data-testid="session-subject" { (info.subject.as_deref().unwrap_or("nobody")) }
                dt { "Device" }
                dd data-testid="session-device" { (info.device.as_deref().unwrap_or("not named")) }
                dt { "Created" } dd data-testid="session-created" { (spelled(info.created)) }
                dt { "Last written or touched" } dd data-testid="session-seen" { (spelled(info.seen)) }
                dt { "Ends when idle" } (deadline("deadline-idle", info.idle_deadline, app))
                dt { "Ends in any case" } (deadline("deadline-absolute", info.absolute_deadline, app))
            }
        }
        section.card aria-labelledby="values-title" {
            h2 #values-title { "What is in it" }
            @if entries.is_empty() { p { "Nothing at the moment." } } @else {
                div.wide {
                    table data-testid="session-keys" {
                        thead { tr { th scope="col" { "Key" } th scope="col" { "Value, masked" } } }
                        tbody {
                            @for (key, masked) in entries {
                                tr data-testid={ "session-key-" (key) } {
                                    th scope="row" { code { (breakable(key)) } }
                                    td { (masked) }
                                }
                            }
                        }
                    }
                }
            }
        }
        div.actions {
            form method="post" action="/session/renew" {
                (hidden(token))
                button type="submit" data-testid="renew-session" { "Take a new id" }
            }
            form method="post" action="/session/end" {
                (hidden(token))
                button.danger type="submit" data-testid="end-session" { "End this session" }
            }
        }
    }
}

/// Lets a long key break after its dots, where it reads best.
fn breakable(key: &str) -> Markup {
    html! {
        @for part in key.split_inclusive('.') { (part) wbr; }
    }
}

/// The script counts `data-deadline` down, beginning from how far away it was by the server's clock.
fn deadline(testid: &str, deadline: Timestamp, app: &App) -> Markup {
    let now = app.now();
    html! {
        @if let Some(deadline) = known(deadline) {
            dd data-testid=(testid) data-deadline=(deadline.as_millis()) {
                "in " span data-countdown=(deadline.since(now).as_secs()) { (remaining(deadline, now)) }
                " · " (spelled(deadline))
            }
        } @else {
            dd data-testid=(testid) { "never" }
        }
    }
}

fn last_requests(lines: &[Line]) -> Markup {
    html! {
        section.card aria-labelledby="requests-title" {
            h2 #requests-title { "What your last requests did to the store" }
            @if lines.is_empty() { p data-testid="last-request" { "Nothing yet." } } @else {
                div.wide {
                    table.requests {
                        thead { tr { th scope="col" { "Request and status" } th scope="col" { "Session" } } }
                        tbody {
                            @for (at, line) in lines.iter().enumerate() {
                                tr data-testid=[(at == 0).then_some("last-request")] {
                                    th scope="row" { code { (line.request) } " " (line.status) }
                                    td { (line.session) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_value_tells_its_kind_and_keeps_its_content() {
        for (value, expected) in [
            (json!("8001015009087"), "text, 13 characters: 8…"),
            (json!("Ž"), "text, 1 character: Ž…"),
            (json!(""), "text, empty"),
            (json!(4711), "number"),
            (json!(true), "yes or no"),
            (json!(["secret"]), "list, 1 item"),
            (json!({ "a": 1, "b": 2 }), "map, 2 entries"),
            (json!(null), "null"),
        ] {
            assert_eq!(masked(&value), expected);
        }
    }
}
