//! Signing in with a code by e-mail, asked for in one request and typed in another.
//!
//! The two requests may reach two processes: all that they share is the session and the ledger. The
//! session knows which code it waits for (`challenge`); what must not be undone by whoever puts an
//! older session back is counted in the ledger (`limits`), because in a sealed cookie every session
//! can be put back. So an older cookie still names a used code, and the ledger says that it was used;
//! it names a code that was guessed at, and the ledger says how often.
//!
//! A letter is sent before the page that says so, and a known address is answered as an unknown one.

mod challenge;
mod limits;
mod owner;
mod pages;
mod post;
mod shop;

use abiding_tower::Session;
use axum::{
    Router,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

use crate::{
    accounts::SignedIn,
    app::App,
    errors::Problem,
    forms::{Sent, opened},
    mail::Address,
};

use self::{
    challenge::{Challenge, SixDigits},
    limits::{Guess, Limits},
    pages::{Asking, Verdict},
};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/code", get(start).post(ask))
        .route("/code/resend", post(resend))
        .route("/code/verify", get(show).post(verify))
        .merge(shop::routes())
}

/// Where an address is asked for.
async fn start(session: Session) -> Result<Response, Problem> {
    let token = session.form_token().await?;
    Ok(match SignedIn::of(&session).await? {
        Some(_) => Redirect::to("/shop").into_response(),
        None => pages::ask("", Asking::First, &token),
    })
}

/// Sends a code to the address.
async fn ask(
    session: Session,
    State(app): State<App>,
    sent: Sent<Ask>,
) -> Result<Response, Problem> {
    let (Ask { address }, fresh) = opened(sent)?;
    let token = session.form_token().await?;
    match (fresh, address.parse()) {
        (Ok(()), Ok(to)) => send(&session, &app, to).await,
        (Ok(()), Err(_)) => Ok(pages::ask(&address, Asking::NoAddress, &token)),
        (Err(_), _) => Ok(pages::ask(&address, Asking::Stale, &token)),
    }
}

/// Sends another code to the same address.
async fn resend(
    session: Session,
    State(app): State<App>,
    sent: Sent<Ask>,
) -> Result<Response, Problem> {
    let (Ask { address }, fresh) = opened(sent)?;
    let token = session.form_token().await?;
    match (fresh, Challenge::load(&session).await?) {
        (Ok(()), Some(challenge)) => send(&session, &app, challenge.address).await,
        (Err(_), Some(_)) => Ok(pages::ask(&address, Asking::Stale, &token)),
        (_, None) => Ok(pages::ask(&address, Asking::EndedBefore, &token)),
    }
}

/// A code is on its way before the one it replaces ends: if it cannot be sent, that one still works.
async fn send(session: &Session, app: &App, to: Address) -> Result<Response, Problem> {
    let replaced = Challenge::load(session).await?;
    match post::send(app, to.clone()).await? {
        Ok(challenge) => {
            if let Some(replaced) = replaced {
                Limits(&app.ledger).end(&replaced).await?;
            }
            challenge.keep(session)?;
            Ok(Redirect::to("/code/verify").into_response())
        }
        Err(unsent) => {
            let token = session.form_token().await?;
            let waiting = match replaced {
                Some(earlier) if standing(app, &earlier).await? == Verdict::Waiting => {
                    Some(earlier)
                }
                _ => None,
            };
            let waiting = waiting.as_ref();
            Ok(pages::unsent(&to, unsent, waiting, app.now(), &token))
        }
    }
}

/// Where the code is typed.
async fn show(session: Session, State(app): State<App>) -> Result<Response, Problem> {
    let Some(challenge) = Challenge::load(&session).await? else {
        return Ok(Redirect::to("/code").into_response());
    };
    let token = session.form_token().await?;
    let verdict = standing(&app, &challenge).await?;
    Ok(pages::verify(&challenge, verdict, "", &token, &app))
}

/// Signs in with the code.
async fn verify(
    session: Session,
    State(app): State<App>,
    headers: HeaderMap,
    sent: Sent<Typed>,
) -> Result<Response, Problem> {
    let (Typed { code, address }, fresh) = opened(sent)?;
    let token = session.form_token().await?;
    let Some(challenge) = Challenge::load(&session).await? else {
        return Ok(pages::ask(&address, Asking::EndedBefore, &token));
    };
    let verdict = match fresh {
        Ok(()) => judge(&app, &challenge, &code).await?,
        Err(_) => Verdict::Stale,
    };
    if verdict != Verdict::Right {
        return Ok(pages::verify(&challenge, verdict, &code, &token, &app));
    }
    Challenge::forget(&session);
    owner::enter(&session, &app, &challenge.address, &headers).await?;
    Ok(Redirect::to("/shop").into_response())
}

/// Counts the guess, then looks at it; the right one is used up in the same moment.
async fn judge(app: &App, challenge: &Challenge, typed: &str) -> abiding::Result<Verdict> {
    let limits = Limits(&app.ledger);
    match (standing(app, challenge).await?, SixDigits::parse(typed)) {
        (Verdict::Waiting, Some(typed)) => match limits.guess(challenge).await? {
            Guess::TooMany => Ok(Verdict::Locked),
            Guess::Counted { .. } if challenge.fits(&typed) => {
                let first = limits.end(challenge).await?;
                Ok(if first { Verdict::Right } else { Verdict::Over })
            }
            Guess::Counted { left: 0 } => Ok(Verdict::Locked),
            Guess::Counted { left } => Ok(Verdict::Wrong { left }),
        },
        (Verdict::Waiting, None) => Ok(Verdict::Unreadable),
        (over, _) => Ok(over),
    }
}

/// Whether the code still waits to be typed, by the ledger and the clock.
async fn standing(app: &App, challenge: &Challenge) -> abiding::Result<Verdict> {
    let limits = Limits(&app.ledger);
    Ok(if limits.is_over(challenge).await? {
        Verdict::Over
    } else if challenge.expires() <= app.now() {
        Verdict::Expired
    } else if limits.is_locked(challenge).await? {
        Verdict::Locked
    } else {
        Verdict::Waiting
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ask {
    address: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Typed {
    code: String,
    /// What the code was asked for with, should the session not know any more.
    address: String,
}
