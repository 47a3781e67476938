//! The sessions of the Flask application, where and as it keeps them: its settings once more, in Rust.

use std::{error::Error, time::Duration};

use abiding::{
    CookieSpec, FlaskSession, Manager, SameSite, compat::signer::Secrets, store::AnyStore,
};
use abiding_stores::{
    flask_session::FlaskStore, postgres::PostgresOptions, redis::RedisOptions,
    sqlite::SqliteOptions,
};

/// The manager of sessions in `place`: `cookie` for Flask's own signed cookie, else the URL of what Flask-Session's
/// `SESSION_REDIS` or `SESSION_SQLALCHEMY` name.
pub(crate) async fn manager(place: &str, secret: &str) -> Result<Manager, Box<dyn Error>> {
    // SESSION_KEY_PREFIX, PERMANENT_SESSION_LIFETIME
    let settings = FlaskSession::new().prefix("shop:").lifetime(TWO_DAYS);
    // SESSION_COOKIE_NAME, SESSION_COOKIE_SAMESITE
    let cookie = CookieSpec::flask("session")?.same_site(SameSite::Lax)?;
    if place == "cookie" {
        let secrets = Secrets::new(secret)?;
        let sessions = Manager::flask_cookie(secrets, settings.permanent(false));
        return Ok(sessions.cookie(cookie).irrevocable().build()?);
    }
    let store = if let Some(path) = place.strip_prefix("sqlite:") {
        AnyStore::of(FlaskStore::sqlite(SqliteOptions::new(path), &settings)?).build()
    } else if place.starts_with("redis:") {
        AnyStore::of(FlaskStore::redis(RedisOptions::new(place), &settings).await?).build()
    } else {
        let options = PostgresOptions::new(place)?;
        AnyStore::of(FlaskStore::postgres(options, &settings).await?).build()
    };
    let sessions = Manager::builder(store).flask_session(settings);
    Ok(sessions.cookie(cookie).build()?)
}

const TWO_DAYS: Duration = Duration::from_secs(2 * 24 * 60 * 60);
