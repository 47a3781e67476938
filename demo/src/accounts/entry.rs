//! Coming in and going out: what a sign-in does to the session.

use std::time::Duration;

use abiding::{Expiry, Session};
use axum::http::HeaderMap;

use super::{agent, guard::NAME, users::User};
use crate::errors::Problem;

/// How long a sign-in lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stay {
    /// Until the browser is closed, half an hour without use, or twelve hours.
    Browser,
    /// Seven days, whatever the browser does.
    Week,
}

/// Signs `user` in on this session. What a visitor began before stays; what somebody else left goes.
pub(crate) async fn enter(
    session: &Session,
    user: &User,
    stay: Stay,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    let subject = user.id.to_string();
    if session
        .subject()
        .await?
        .is_some_and(|other| other != subject)
    {
        session.logout();
    }
    session.login(&subject)?;
    session.set_expiry(stay.expiry())?;
    session.set_persistent(stay == Stay::Week);
    session.set_device(&agent::device(headers));
    session.insert(NAME, &user.name)?;
    tracing::info!(user = %user.id, ?stay, "signed in");
    Ok(())
}

impl Stay {
    fn expiry(self) -> Expiry {
        match self {
            Self::Browser => Expiry::new(),
            Self::Week => Expiry::new().idle(WEEK).absolute(WEEK),
        }
    }
}

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
