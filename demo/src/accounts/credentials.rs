//! Checking a password, slowly and alike for everybody.

use abiding::Timestamp;
use abiding_tower::Client;

use super::{
    backoff,
    passwords::Password,
    users::{self, User},
};
use crate::{app::App, errors::Problem};

/// What came of credentials, or of making some.
#[derive(Debug)]
pub(crate) enum Checked {
    Right(User),
    /// Nobody may try before then.
    TooMany(Timestamp),
    /// No such account, no password, or another one: nobody is told which. Or one that is taken.
    Wrong,
}

/// Whose password it is, if it is the one of the account with this address.
pub(crate) async fn check(
    app: &App,
    email: &str,
    password: &Password,
    client: &Client,
) -> Result<Checked, Problem> {
    let attempt = match backoff::begin(&app.database, email, client.address, app.now()).await? {
        Ok(attempt) => attempt,
        Err(until) => {
            tracing::warn!(address = ?client.address, "sign-in refused: too many attempts");
            return Ok(Checked::TooMany(until));
        }
    };
    let (user, hash) = users::find_with_hash(&app.database, email).await?.unzip();
    let right = app.hasher.verify(password, hash.flatten()).await?;
    let Some(user) = user.filter(|_| right) else {
        tracing::info!(address = ?client.address, "sign-in refused: wrong address or password");
        return Ok(Checked::Wrong);
    };
    backoff::succeed(&app.database, attempt).await?;
    Ok(Checked::Right(user))
}
