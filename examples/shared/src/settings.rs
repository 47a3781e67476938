//! What the environment says. Flask is started with the same `SECRET_KEY` and `SESSIONS`.

use std::{env, error::Error};

/// The settings of this program.
pub(crate) struct Settings {
    /// Where sessions lie: `cookie`, or the URL of a store.
    pub(crate) sessions: String,
    /// Flask's `SECRET_KEY`.
    pub(crate) secret: String,
    /// Where Flask listens, `127.0.0.1:PORT`.
    pub(crate) flask: String,
    /// Where to listen.
    pub(crate) port: u16,
}

impl Settings {
    pub(crate) fn of_environment() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            sessions: variable("SESSIONS")?,
            secret: variable("SECRET_KEY")?,
            flask: variable("FLASK")?,
            port: variable("PORT")?.parse()?,
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the settings of a program")]
fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("the environment has no {name}"))
}
