//! Where somebody is signed in, and the ways to end it.

use abiding::Info;
use abiding_tower::{GuardedForm, Session};
use axum::{
    extract::{Path, State},
    response::Redirect,
};
use maud::{Markup, html};

use super::guard::SignedIn;
use crate::{
    app::App,
    calendar::spelled,
    errors::Problem,
    forms::hidden,
    layout::{Page, Section, page},
};

/// The devices on which somebody is signed in.
pub(super) async fn show(
    _: SignedIn,
    session: Session,
    State(app): State<App>,
) -> Result<Page, Problem> {
    let here = session.info().await?.map(|info| info.handle);
    let devices = session.devices().await?;
    let token = session.form_token().await?;
    let title = "Where you are signed in";
    Ok(page(
        title,
        Some(Section::Account),
        html! {
            h1 data-testid="page-title" { (title) }
            ul.list data-testid="devices" {
                @for info in &devices {
                    (device(info, here.as_ref() == Some(&info.handle), app.places.primary().is_cookie(), &token))
                }
            }
            form method="post" action="/account/devices/end-others" {
                (hidden(&token))
                div.actions {
                    button.danger type="submit" data-testid="end-others" { "Sign out everywhere else" }
                    a href="/account/password" data-testid="to-password" { "Change the password" }
                }
            }
        },
    ))
}

/// Signs another device out.
pub(super) async fn revoke(
    _: SignedIn,
    session: Session,
    Path(handle): Path<String>,
    _: GuardedForm,
) -> Result<Redirect, Problem> {
    let message = match session.revoke(&handle).await? {
        true => "That device is signed out.",
        false => "That device was not signed in any more.",
    };
    tracing::info!(handle, message, "a device was to be signed out");
    session.flash("info", message).await?;
    Ok(Redirect::to("/account/devices"))
}

/// Signs every other device out.
pub(super) async fn end_others(
    user: SignedIn,
    session: Session,
    _: GuardedForm,
) -> Result<Redirect, Problem> {
    let message = match session.end_others().await? {
        0 => String::from("You are signed in nowhere else."),
        1 => String::from("One other device is signed out."),
        ended => format!("{ended} other devices are signed out."),
    };
    tracing::info!(user = %user.id, "signed out everywhere else");
    session.flash("info", &message).await?;
    Ok(Redirect::to("/account/devices"))
}

fn device(info: &Info, here: bool, in_cookie: bool, token: &str) -> Markup {
    let name = info.device.as_deref().unwrap_or("An unknown browser");
    html! {
        li.card data-testid={ "device-" (info.handle) } data-here=(here) {
            div.heading {
                h2 data-testid="device-name" { (name) }
                @if here { p.state data-testid="this-device" { "This device" } }
            }
            dl.facts {
                dt { "First seen" } dd { (spelled(info.created)) }
                @if in_cookie {
                    // Nothing is written down when a sealed cookie is used.
                    dt { "Signed in" } dd { (spelled(info.authenticated.unwrap_or(info.created))) }
                } @else {
                    dt { "Last seen" } dd { (spelled(info.seen)) }
                }
                dt { "Stays signed in" }
                dd { @if info.persistent { "until " (spelled(info.absolute_deadline)) } @else { "while its browser is open" } }
            }
            @if !here {
                form method="post" action={ "/account/devices/" (info.handle) "/revoke" } {
                    (hidden(token))
                    div.actions {
                        button.danger type="submit" data-testid={ "revoke-" (info.handle) } {
                            "Sign out" span.visually-hidden { " " (name) }
                        }
                    }
                }
            }
        }
    }
}
