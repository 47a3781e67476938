//! The store that a command is about: named by a URL, or by where its URL is, since it may hold a password.

use std::{env, fs, sync::Arc, time::Duration};

use abiding::{
    FlaskSession, Found, StoreKey, Timestamp,
    inspect::{Content, Inspector},
    store::{AnyStore, Cursor, Deleted, Page, Scan, Store, Walk},
};
use abiding_stores::{FlaskPlace, StoreUrl};
use clap::ValueEnum;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use crate::{
    exit::{Exit, Failure},
    handle::{flask_handle, handle},
    moment::parse_length,
};

/// Where the store is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct UrlArgs {
    /// The store: a URL such as `sqlite:sessions.db`; one with a password in it as `env:NAME`, the variable
    /// that holds it, or `@PATH`, the file
    #[arg(value_name = "URL")]
    url: String,
}

/// Where sessions are, and in whose layout.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PlaceArgs {
    #[command(flatten)]
    url: UrlArgs,
    /// Who keeps them there, in which layout
    #[arg(long, value_enum, default_value_t, help_heading = "Layout")]
    layout: Layout,
    #[command(flatten)]
    flask: FlaskArgs,
}

/// The settings of Flask-Session, where it keeps them.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FlaskArgs {
    /// Flask-Session: how the names of sessions begin (SESSION_KEY_PREFIX)
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "session:",
        help_heading = "Layout"
    )]
    prefix: String,
    /// Flask-Session: the table in a database (SESSION_SQLALCHEMY_TABLE)
    #[arg(
        long,
        value_name = "NAME",
        default_value = "sessions",
        help_heading = "Layout"
    )]
    table: String,
    /// Flask-Session: how long a session may lie unused (PERMANENT_SESSION_LIFETIME)
    #[arg(long, value_name = "LENGTH", default_value = "31d", value_parser = parse_length, help_heading = "Layout")]
    permanent: Duration,
}

/// Whose layout it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// abiding's own
    #[default]
    Native,
    /// That of Flask-Session 0.6 to 0.8
    FlaskSession,
    /// That of Flask-Session 0.5 and before
    #[value(name = "flask-session-0.5")]
    FlaskSession05,
}

impl UrlArgs {
    /// What stands in an argument that may be something else than a store.
    pub(crate) fn of(url: &str) -> Self {
        let url = url.to_owned();
        Self { url }
    }

    /// The URL, wherever it is.
    pub(crate) fn read(&self) -> Result<StoreUrl, Failure> {
        read_url(&self.url)
    }
}

/// The URL that an argument is or names.
#[expect(
    clippy::disallowed_methods,
    reason = "a program reads the variable that its user names"
)]
pub(crate) fn read_url(argument: &str) -> Result<StoreUrl, Failure> {
    let text = if let Some(name) = argument.strip_prefix("env:") {
        let missing = |cause| {
            let message = format!("the variable {name} does not hold the URL of a store: {cause}");
            Failure::usage(message)
        };
        Zeroizing::new(env::var(name).map_err(missing)?)
    } else if let Some(path) = argument.strip_prefix('@') {
        let missing = |cause| {
            Failure::usage(format!(
                "the file {path} does not hold the URL of a store: {cause}"
            ))
        };
        Zeroizing::new(fs::read_to_string(path).map_err(missing)?)
    } else {
        let url: StoreUrl = argument.parse()?;
        if url.to_string() != argument && url.to_string().contains("***") {
            return Err(Failure::usage(format!(
                "{url} has a password, and every user of this machine can read arguments: \
                     put the URL into a variable and write `env:NAME`, or into a file and write `@PATH`"
            )));
        }
        return Ok(url);
    };
    Ok(text.trim().parse()?)
}

/// Runs what needs a runtime.
pub(crate) fn run<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = Runtime::new().map_err(Failure::from)?;
    runtime.block_on(work)
}

/// A store with sessions in it.
pub(crate) struct Place {
    pub(crate) url: StoreUrl,
    pub(crate) store: AnyStore,
    flask: Option<Arc<FlaskPlace>>,
}

impl PlaceArgs {
    /// Opens what is there. Nothing is made.
    pub(crate) async fn open(&self) -> Result<Place, Failure> {
        let settings = self.flask.settings(self.layout);
        self.layout.open(self.url.read()?, &settings).await
    }
}

impl FlaskArgs {
    /// Those of an application that keeps its sessions in this layout.
    pub(crate) fn settings(&self, layout: Layout) -> FlaskSession {
        let settings = FlaskSession::new()
            .prefix(&self.prefix)
            .table(&self.table)
            .lifetime(self.permanent);
        match layout {
            Layout::FlaskSession05 => settings.pickled(),
            Layout::FlaskSession | Layout::Native => settings,
        }
    }
}

impl Layout {
    /// Opens what is there. Nothing is made. The settings are those of Flask-Session.
    pub(crate) async fn open(
        self,
        url: StoreUrl,
        settings: &FlaskSession,
    ) -> Result<Place, Failure> {
        if self == Self::Native {
            return Ok(Place::native(url.open_existing().await?, url));
        }
        let flask = Arc::new(url.open_flask_session(settings).await?);
        Ok(Place {
            url,
            store: flask.store.clone(),
            flask: Some(flask),
        })
    }
}

impl Place {
    /// One in abiding's own layout.
    pub(crate) fn native(store: AnyStore, url: StoreUrl) -> Self {
        Self {
            url,
            store,
            flask: None,
        }
    }

    /// Whether values lie there in the open.
    pub(crate) fn is_flask(&self) -> bool {
        self.flask.is_some()
    }

    /// Whether sessions are counted where they lie.
    pub(crate) fn counts(&self) -> bool {
        self.store.powers().survey
    }

    pub(crate) fn hides_ids(&self) -> bool {
        self.flask.as_ref().is_some_and(|flask| flask.hides_ids())
    }

    /// What people call a session.
    pub(crate) fn handle(&self, key: &StoreKey) -> String {
        if self.is_flask() && !self.hides_ids() {
            flask_handle(key)
        } else {
            handle(key)
        }
    }

    /// The next page of all sessions.
    pub(crate) async fn page(
        &self,
        from: Option<&Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page, Failure> {
        if !self.store.powers().walk {
            let name = self.store.capabilities().name;
            return Err(Failure::new(
                Exit::Unsupported,
                format!(
                    "a {name} server tells nobody which sessions it has: ask for those of one person with `--subject NAME --keys SOURCE`"
                ),
            ));
        }
        Ok(self.store.walk(from, limit, now).await?)
    }

    /// What a session holds: with the keys, or where it lies in the open.
    pub(crate) fn content(
        &self,
        found: &Found,
        inspector: Option<&Inspector>,
        now: Timestamp,
    ) -> Result<Option<Content>, Failure> {
        if self.is_flask() {
            return Ok(Content::in_the_open(&found.record, now)?);
        }
        match inspector {
            Some(inspector) => Ok(inspector.record(&found.key, &found.record, now)?),
            None => Ok(None),
        }
    }

    /// Ends a session that was found here.
    pub(crate) async fn end(
        &self,
        found: &Found,
        inspector: Option<&Inspector>,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let key = &found.key;
        match &self.flask {
            Some(flask) if flask.hides_ids() => Ok(flask.end_file(key).await?),
            flask => {
                // With other keys than the application's it would be none that it can read.
                let opens = |inspector: &&Inspector| {
                    flask.is_none()
                        && matches!(inspector.record(key, &found.record, now), Ok(Some(_)))
                };
                let farewell = inspector.filter(opens).map(|by| by.farewell(now));
                let deleted = self.store.delete(key, farewell.as_ref(), now).await?;
                Ok(deleted == Deleted::Yes)
            }
        }
    }

    /// The sessions whose handle begins so, two at most.
    pub(crate) async fn find(&self, digits: &str, now: Timestamp) -> Result<Vec<Found>, Failure> {
        if self.store.powers().scan {
            let after = before(digits);
            let found = self.store.scan(after.as_ref(), 2, now).await?;
            let is_it = |found: &Found| self.handle(&found.key).starts_with(digits);
            return Ok(found.into_iter().filter(is_it).collect());
        }
        let (mut all, mut place) = (Vec::<Found>::new(), None);
        loop {
            let page = self.page(place.as_ref(), PAGE, now).await?;
            for found in page.found {
                // A walk may come by one twice.
                let is_new = all.iter().all(|known| known.key != found.key);
                if is_new && self.handle(&found.key).starts_with(digits) {
                    all.push(found);
                }
            }
            place = page.next;
            if place.is_none() || all.len() > 1 {
                return Ok(all);
            }
        }
    }
}

/// The last key before all that begin with these digits. Stores may go by the first eight bytes alone, which no two
/// sessions share: further digits are left to whoever compares them.
fn before(digits: &str) -> Option<StoreKey> {
    let mut bytes = [0; StoreKey::LEN];
    let digits = &digits[..digits.len().min(15)];
    let padded = format!("{digits:0<64}");
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(padded.get(at..at + 2)?, 16).ok()?;
    }
    for byte in bytes.iter_mut().rev() {
        let (less, borrowed) = byte.overflowing_sub(1);
        *byte = less;
        if !borrowed {
            return Some(StoreKey::from_bytes(bytes));
        }
    }
    None
}

/// The digits of a handle, or of its beginning.
pub(crate) fn parse_handle(text: &str) -> Result<String, &'static str> {
    let text = text.to_ascii_lowercase();
    let fits = (6..=24).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then_some(text)
        .ok_or("a handle has 24 hexadecimal digits, of which the first 6 or more do: copy it from `abiding sessions list`")
}

/// How many sessions are held in memory at once.
pub(crate) const PAGE: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_before_a_handle_is_the_last_one_before_all_of_its_keys() {
        for (digits, expected) in [
            ("01", Some(format!("00{}", "f".repeat(62)))),
            ("a0b", Some(format!("a0a{}", "f".repeat(61)))),
            ("00", None),
        ] {
            assert_eq!(before(digits).map(|key| key.to_hex()), expected, "{digits}");
        }
        assert!(parse_handle("abc").is_err() && parse_handle("A1b2C3").is_ok());
    }
}
