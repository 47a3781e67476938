//! Managers whose sessions a Flask application shares.

use super::{ClientSideBuilder, Manager, ManagerBuilder, Profile, dialect::Dialect};
use crate::{
    compat::{cookie::CookieCodec, signer::Secrets},
    store::{Store, flask_session::FlaskSession},
};

/// What a session of Flask-Session may weigh unless told otherwise: it has no limit of its own.
const SIZE_LIMIT: usize = 1024 * 1024;

impl<S: Store> ManagerBuilder<S> {
    /// Shares the sessions with Flask-Session applications that have these settings, byte for byte. The
    /// store has to be one of its layout, made with the same settings: see `abiding_stores::flask_session`.
    ///
    /// Cookie and lifetimes are Flask's, unless the builder is told others after this; a name or
    /// attributes of its own come with [`cookie`](Self::cookie) and [`CookieSpec::flask`](crate::CookieSpec::flask).
    /// [`keys`](Self::keys) is needed for nothing but form tokens. Without it they rest on the application's
    /// secret, or, where ids are not signed, on a key that another process does not have.
    ///
    /// An id that leads to nothing is never adopted, whoever made it up.
    pub fn flask_session(mut self, sessions: FlaskSession) -> Self {
        self.settings.profile = Profile::flask(&sessions);
        self.settings.size_limit = SIZE_LIMIT;
        self.settings.dialect = Dialect::of_store(sessions);
        self
    }
}

impl Manager {
    /// A manager that keeps each session in Flask's own signed cookie, which Flask applications with the
    /// same `SECRET_KEY` read and write too. The visitor can read what is in it, and cannot change it.
    ///
    /// `sessions` tells its lifetime (`PERMANENT_SESSION_LIFETIME`) and whether the cookie outlives the
    /// browser; Flask's own default for that is `permanent(false)`. Types that Flask's cookie flattens
    /// (a `Decimal`, the fraction of a second) come back flattened.
    pub fn flask_cookie(secrets: Secrets, sessions: FlaskSession) -> ClientSideBuilder {
        Self::flask_cookie_as(CookieCodec::new(secrets.clone()), sessions.signed(secrets))
    }

    /// The same with another salt, derivation or digest than Flask's own. `sessions` has to be told the
    /// secret by [`signed`](FlaskSession::signed).
    pub fn flask_cookie_as(codec: CookieCodec, sessions: FlaskSession) -> ClientSideBuilder {
        let profile = Profile::flask(&sessions);
        let dialect = Dialect::of_cookie(sessions, codec);
        ClientSideBuilder::speaking(dialect, profile)
    }
}
