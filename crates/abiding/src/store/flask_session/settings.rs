//! The settings of a Flask-Session application, as one value that the manager and the store both take.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    compat::{Dict, layout, payload, payload::Format, pickle, signer::Secrets},
    error::{ConfigError, Result},
    id::StoreKey,
};

/// How an application of Flask-Session 0.5 to 0.8 keeps its sessions. Each setting has the default that
/// the application has when it does not set it.
///
/// ```
/// use std::time::Duration;
/// use abiding::{FlaskSession, compat::signer::Secrets};
///
/// let sessions = FlaskSession::new()
///     .signed(Secrets::new("the application's SECRET_KEY")?)
///     .prefix("shop:")
///     .lifetime(Duration::from_secs(7 * 24 * 60 * 60));
/// # Ok::<(), abiding::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "settings do nothing before a manager and a store have them"]
pub struct FlaskSession(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    secrets: Option<Secrets>,
    prefix: Box<str>,
    lifetime: Duration,
    permanent: bool,
    id_bytes: u8,
    format: Option<Format>,
    table: Box<str>,
    refreshes: bool,
}

impl FlaskSession {
    /// The defaults of Flask-Session: ids unsigned, prefix `session:`, 31 days, permanent, MessagePack.
    pub fn new() -> Self {
        Self(Arc::new(Settings {
            secrets: None,
            prefix: layout::DEFAULT_PREFIX.into(),
            lifetime: Duration::from_secs(31 * 24 * 60 * 60),
            permanent: true,
            id_bytes: 32,
            format: Some(Format::default()),
            table: layout::DEFAULT_TABLE.into(),
            refreshes: true,
        }))
    }

    fn with(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(Arc::make_mut(&mut self.0));
        self
    }

    /// `SESSION_USE_SIGNER`: the id in the cookie is signed with `SECRET_KEY`. The fallbacks, which
    /// Flask-Session ignores, are honoured: a rotated key signs nobody out.
    pub fn signed(self, secrets: Secrets) -> Self {
        self.with(|settings| settings.secrets = Some(secrets))
    }

    /// `SESSION_KEY_PREFIX`: how the names of all sessions begin.
    pub fn prefix(self, prefix: &str) -> Self {
        self.with(|settings| settings.prefix = prefix.into())
    }

    /// `PERMANENT_SESSION_LIFETIME`: a session ends when it was not used for so long, whether or not its
    /// cookie outlives the browser.
    pub fn lifetime(self, lifetime: Duration) -> Self {
        self.with(|settings| settings.lifetime = lifetime)
    }

    /// `SESSION_PERMANENT`: whether the cookie of a new session outlives the browser.
    pub fn permanent(self, permanent: bool) -> Self {
        self.with(|settings| settings.permanent = permanent)
    }

    /// `SESSION_REFRESH_EACH_REQUEST`: whether each use prolongs a session, as it does unless told otherwise, or only
    /// what is written.
    pub fn refresh_each_request(self, refreshes: bool) -> Self {
        self.with(|settings| settings.refreshes = refreshes)
    }

    /// `SESSION_ID_LENGTH`: of how many random bytes an id is made, 16 to 64. Ids of other lengths,
    /// those of Flask-Session 0.5 among them, are read all the same.
    pub fn id_length(self, bytes: u8) -> Self {
        self.with(|settings| settings.id_bytes = bytes)
    }

    /// `SESSION_SERIALIZATION_FORMAT`: what is written. Every format is read.
    pub fn format(self, format: Format) -> Self {
        self.with(|settings| settings.format = Some(format))
    }

    /// Writes pickles, the only format that Flask-Session before 0.7 reads. Later ones read it as well.
    pub fn pickled(self) -> Self {
        self.with(|settings| settings.format = None)
    }

    /// `SESSION_SQLALCHEMY_TABLE`, and `SESSION_SQLALCHEMY_SCHEMA` before it and a dot, if there is one: where an
    /// SQL database keeps the sessions.
    pub fn table(self, table: &str) -> Self {
        self.with(|settings| settings.table = table.into())
    }

    /// The name of the table of an SQL database.
    pub fn table_name(&self) -> &str {
        &self.0.table
    }

    /// The name of a session in the store: the prefix and the session id.
    pub fn name(&self, key: &StoreKey) -> String {
        layout::store_key(&self.0.prefix, &key.sid())
    }

    /// How the names of all sessions begin.
    pub fn name_prefix(&self) -> &str {
        &self.0.prefix
    }

    /// The bytes that are stored for a map.
    ///
    /// # Errors
    /// [`Encode`](crate::ErrorKind::Encode) for a value that the format cannot hold, with its key and type.
    pub fn encode(&self, dict: &Dict) -> Result<Vec<u8>> {
        match self.0.format {
            Some(format) => payload::write(dict, format),
            None => pickle::write(dict),
        }
    }

    /// The map that is stored in these bytes, of any era.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for what no era wrote, and for a pickle that asks for
    /// anything to be called.
    pub fn decode(&self, bytes: &[u8]) -> Result<Dict> {
        payload::read(bytes, self.0.format.unwrap_or_default())
    }

    /// How long a session lives without being used, in the whole seconds that stores count.
    pub fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.0.lifetime.as_secs())
    }

    pub(crate) fn secrets(&self) -> Option<&Secrets> {
        self.0.secrets.as_ref()
    }

    pub(crate) fn is_permanent(&self) -> bool {
        self.0.permanent
    }

    pub(crate) fn refreshes(&self) -> bool {
        self.0.refreshes
    }

    pub(crate) fn id_bytes(&self) -> u8 {
        self.0.id_bytes
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !(16..=64).contains(&self.0.id_bytes) {
            return Err(ConfigError::Cookie {
                value: format!("id_length({})", self.0.id_bytes),
                remedy: "choose 16 to 64 bytes: fewer can be guessed",
            });
        }
        if self.idle_timeout().is_zero() {
            return Err(ConfigError::Lifetime {
                value: format!("lifetime({:?})", self.0.lifetime),
                remedy: "choose at least a second",
            });
        }
        Ok(())
    }
}

impl Default for FlaskSession {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FlaskSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlaskSession")
            .field("signed", &self.0.secrets.is_some())
            .field("prefix", &self.0.prefix)
            .field("lifetime", &self.0.lifetime)
            .field("permanent", &self.0.permanent)
            .field("id_length", &self.0.id_bytes)
            .field("format", &self.0.format)
            .field("table", &self.0.table)
            .field("refresh_each_request", &self.0.refreshes)
            .finish()
    }
}
