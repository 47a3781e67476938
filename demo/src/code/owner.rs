//! The account of whoever has shown to own an address.
//!
//! Anybody can have made it before, with a password and without owning anything. So the first time that
//! the owner comes, that password goes, and whoever is signed in by it is signed out.

use abiding::Session;
use axum::http::HeaderMap;

use crate::{
    accounts::{
        self, Stay,
        users::{self, User},
    },
    app::App,
    errors::Problem,
    mail::Address,
};

/// Signs the owner of the address in.
pub(super) async fn enter(
    session: &Session,
    app: &App,
    address: &Address,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    let user = account_of(app, address).await?;
    accounts::enter(session, &user, Stay::Browser, headers).await?;
    if users::prove(&app.database, user.id, app.now()).await? {
        session.end_others().await?;
        session.flash("info", PASSWORD_GONE).await?;
    }
    session.flash("info", WELCOME).await?;
    Ok(())
}

/// The account with this address; made when the owner first comes.
async fn account_of(app: &App, address: &Address) -> Result<User, Problem> {
    let (database, email) = (&app.database, address.as_str());
    match users::add(database, email, address.name(), None, app.now()).await? {
        Some(user) => Ok(user),
        None => {
            let known = users::find(database, email).await?;
            known.ok_or_else(Problem::internal)
        }
    }
}

const PASSWORD_GONE: &str = "The password of this account is gone: whoever chose it had not shown that \
     the address is theirs.";
const WELCOME: &str = "You are signed in, and your cart is as you left it.";
