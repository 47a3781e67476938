//! What the environment asks for: the one place that reads it.
//!
//! | Variable | Default | Meaning |
//! |---|---|---|
//! | `PORT` | 3000 | the port on 127.0.0.1; 0 takes any free one |
//! | `ABIDING_DATA` | `./data` | the directory that keeps everything |
//! | `ABIDING_STORE` | `sqlite` | where sessions live: `sqlite` (in the data directory), `memory`, `cookie` (sealed), or the URL of a store, `postgres://…`, as `docs/stores.md` lists them |
//! | `ABIDING_PLACES` | none | URLs of stores, with blanks between them, that sessions can be moved to beside files and cookies |
//! | `ABIDING_KEY` | `session.key` in the data directory | where the keys come from: `file:PATH`, `env:NAME`, `fd:N`, `credential:NAME` |
//! | `ABIDING_KEY_FILE` | unset | the same for a path alone |
//! | `ABIDING_OPERATOR` | nobody | in production: the account (its number) that may see `/operator` |
//! | `ABIDING_PROFILE` | `development` | `development` or `production` |
//! | `ABIDING_TRUSTED_PROXIES` | none | whose `X-Forwarded-*` counts: networks such as `127.0.0.1, 10.0.0.0/8` |
//! | `ABIDING_SMTP` | unset | the mail server, `smtp://user@host:587`; unset, a mailbox in the demo |
//! | `ABIDING_SMTP_PASSWORD` | unset | its password, or `ABIDING_SMTP_PASSWORD_FILE` with it on a line |
//! | `ABIDING_MAIL_FROM` | `demo@abiding.example` | the sender of mail |
//! | `ABIDING_TEST_CLOCK` | unset | debug builds only: a file of seconds to be ahead |
//! | `RUST_LOG` | `info` | what is logged, as `tracing` spells it |

use std::{
    borrow::Cow,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use abiding_stores::{
    StoreUrl,
    keys::{KeyError, KeySource},
};

use abiding_tower::{Network, Proxies};
use zeroize::Zeroizing;

use crate::{
    clock::DemoClock,
    mail::{Address, MailSettings, Password, Relay},
};

/// The settings of one run.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) port: u16,
    pub(crate) data: PathBuf,
    pub(crate) store: StoreKind,
    /// Where the store is, unless it is the demo's own.
    pub(crate) url: Option<StoreUrl>,
    /// Where sessions can be moved to, beside what is always there.
    pub(crate) places: Vec<StoreUrl>,
    pub(crate) keys: KeySource,
    pub(crate) operator: Option<String>,
    pub(crate) profile: ProfileKind,
    pub(crate) proxies: Proxies,
    pub(crate) clock: DemoClock,
    pub(crate) mail: MailSettings,
    pub(crate) log: String,
}

/// Where sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreKind {
    /// In their cookies; a small store beside them lists who is signed in.
    Cookie,
    Memory,
    /// In a store of this name, whose URL is beside it.
    Other(&'static str),
    Sqlite,
}

/// How strict the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProfileKind {
    Development,
    Production,
}

/// A variable that cannot be followed, with what would do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SettingError {
    variable: &'static str,
    problem: String,
    remedy: Cow<'static, str>,
}

impl Settings {
    /// What the environment of this process asks for.
    #[expect(
        clippy::disallowed_methods,
        reason = "programs read their environment in this file"
    )]
    pub(crate) fn of_environment() -> Result<Self, SettingError> {
        Self::read(
            |variable| std::env::var_os(variable),
            cfg!(debug_assertions),
        )
    }

    /// The pure form: `variable` looks one up, `debug` tells what kind of build this is.
    fn read(
        variable: impl Fn(&str) -> Option<OsString>,
        debug: bool,
    ) -> Result<Self, SettingError> {
        // An empty variable is how shells and compose files say "unset".
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let data = variable("ABIDING_DATA").map_or_else(|| PathBuf::from("data"), PathBuf::from);
        let ahead = variable("ABIDING_TEST_CLOCK");
        if let Some(file) = ahead.as_ref().filter(|_| !debug) {
            let remedy = "unset it: moving the clock is for tests, and release builds refuse it";
            return Err(SettingError::new("ABIDING_TEST_CLOCK", file, remedy));
        }
        let (store, url) = store(variable)?;
        let places = places(variable, url.is_some())?;
        Ok(Self {
            port: choose(
                variable,
                "PORT",
                3000,
                "give a number from 0 to 65535",
                |value| value.parse().ok(),
            )?,
            store,
            url,
            places,
            keys: keys(variable, &data)?,
            operator: choose(
                variable,
                "ABIDING_OPERATOR",
                None,
                "give the number of an account",
                |value| Some(Some(value.to_owned())),
            )?,
            profile: choose(
                variable,
                "ABIDING_PROFILE",
                ProfileKind::Development,
                "the profiles are development and production",
                |value| match value {
                    "development" => Some(ProfileKind::Development),
                    "production" => Some(ProfileKind::Production),
                    _ => None,
                },
            )?,
            proxies: choose(
                variable,
                "ABIDING_TRUSTED_PROXIES",
                Proxies::none(),
                "list networks such as 127.0.0.1, 10.0.0.0/8",
                |value| {
                    let networks = value.split(',').map(|network| network.trim().parse());
                    let networks: Result<Vec<Network>, _> = networks.collect();
                    networks.ok().map(Proxies::trusting)
                },
            )?,
            clock: DemoClock {
                ahead: ahead.map(PathBuf::from),
            },
            mail: MailSettings {
                relay: relay(variable)?,
                password: password(variable),
                sender: choose(
                    variable,
                    "ABIDING_MAIL_FROM",
                    Address::of_the_demo(),
                    "give one address, such as shop@example.org",
                    |value| value.parse().ok(),
                )?,
            },
            log: variable("RUST_LOG").map_or_else(
                || String::from("info"),
                |filter| filter.to_string_lossy().into_owned(),
            ),
            data,
        })
    }
}

/// Where the keys come from. What cannot be followed is not repeated: it may be a key.
fn keys(
    variable: impl Fn(&'static str) -> Option<OsString>,
    data: &Path,
) -> Result<KeySource, SettingError> {
    let refused = |problem: &str, remedy: &'static str| SettingError {
        variable: "ABIDING_KEY",
        problem: problem.to_owned(),
        remedy: remedy.into(),
    };
    let source = match (variable("ABIDING_KEY"), variable("ABIDING_KEY_FILE")) {
        (None, None) => return Ok(KeySource::File(data.join("session.key"))),
        (None, Some(path)) => return Ok(KeySource::File(path.into())),
        (Some(_), Some(_)) => {
            return Err(refused(
                "is set and ABIDING_KEY_FILE too",
                "unset one of them",
            ));
        }
        (Some(source), None) => source,
    };
    KeySource::parse(&source.to_string_lossy()).map_err(|error| match error {
        KeyError::Source { problem, remedy } => refused(problem, remedy),
        _ => refused("names no source", "write `file:PATH`"),
    })
}

/// A word for what the demo keeps itself, or the URL of a store.
fn store(
    variable: impl Fn(&'static str) -> Option<OsString>,
) -> Result<(StoreKind, Option<StoreUrl>), SettingError> {
    let name = "ABIDING_STORE";
    let Some(value) = variable(name) else {
        return Ok((StoreKind::Sqlite, None));
    };
    let text = value.to_string_lossy();
    if let Some((_, kind)) = STORES.iter().find(|(known, _)| *known == text) {
        return Ok((*kind, None));
    }
    if !text.contains(':') {
        let remedy = "the stores are sqlite, memory and cookie, or a URL such as redis://host, as docs/stores.md lists them";
        return Err(SettingError::new(name, &value, remedy));
    }
    let url = store_url(name, &text)?;
    let kind = match url.kind().name {
        "memory" => StoreKind::Memory,
        "sqlite" => StoreKind::Sqlite,
        name => StoreKind::Other(name),
    };
    Ok((kind, Some(url)))
}

/// Where sessions can be moved to. A blank ends a URL, since a comma stands between hosts.
fn places(
    variable: impl Fn(&'static str) -> Option<OsString>,
    is_fixed: bool,
) -> Result<Vec<StoreUrl>, SettingError> {
    let name = "ABIDING_PLACES";
    let refused = |problem: String, remedy: &'static str| SettingError {
        variable: name,
        problem,
        remedy: remedy.into(),
    };
    let Some(value) = variable(name) else {
        return Ok(Vec::new());
    };
    if is_fixed {
        let problem = "is set, and ABIDING_STORE names a URL".to_owned();
        return Err(refused(
            problem,
            "unset one of them: others may use that store, so nothing is moved out of it here",
        ));
    }
    let mut places: Vec<StoreUrl> = Vec::new();
    for text in value.to_string_lossy().split_whitespace() {
        let url = store_url(name, text)?;
        if ["memcached", "memory"].contains(&url.kind().name) {
            let problem = format!("names {url}");
            return Err(refused(
                problem,
                "leave it out: it lists no sessions, so nobody could tell when the last one has left",
            ));
        }
        if places
            .iter()
            .any(|known| known.to_string() == url.to_string())
        {
            return Err(refused(format!("names {url} twice"), "keep one"));
        }
        places.push(url);
    }
    Ok(places)
}

fn store_url(variable: &'static str, text: &str) -> Result<StoreUrl, SettingError> {
    text.parse().map_err(|error| SettingError {
        variable,
        problem: "cannot be followed".into(),
        remedy: Cow::Owned(format!("{error}")),
    })
}

fn choose<T>(
    variable: impl Fn(&'static str) -> Option<OsString>,
    name: &'static str,
    default: T,
    remedy: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, SettingError> {
    let Some(value) = variable(name) else {
        return Ok(default);
    };
    value
        .to_str()
        .and_then(parse)
        .ok_or_else(|| SettingError::new(name, &value, remedy))
}

/// What is told of a refused address leaves its user out, who may have a password behind.
fn relay(
    variable: impl Fn(&'static str) -> Option<OsString>,
) -> Result<Option<Relay>, SettingError> {
    let Some(address) = variable("ABIDING_SMTP") else {
        return Ok(None);
    };
    let address = address.to_string_lossy();
    let told = |remedy| {
        let host = address
            .rsplit_once('@')
            .map(|(_, host)| format!("…@{host}"));
        let told = host.unwrap_or_else(|| address.clone().into_owned());
        SettingError::new("ABIDING_SMTP", &told.into(), remedy)
    };
    Relay::parse(&address).map(Some).map_err(told)
}

fn password(variable: impl Fn(&'static str) -> Option<OsString>) -> Option<Password> {
    let given = variable("ABIDING_SMTP_PASSWORD")
        .map(|password| Password::Given(Zeroizing::new(password.to_string_lossy().into_owned())));
    let file = || variable("ABIDING_SMTP_PASSWORD_FILE").map(|file| Password::File(file.into()));
    given.or_else(file)
}

impl SettingError {
    fn new(variable: &'static str, value: &OsString, remedy: &'static str) -> Self {
        Self {
            variable,
            problem: format!("is {:?}", value.to_string_lossy()),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.variable, self.problem, self.remedy)
    }
}

impl std::error::Error for SettingError {}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cookie => "cookie",
            Self::Memory => "memory",
            Self::Other(name) => name,
            Self::Sqlite => "sqlite",
        })
    }
}

impl fmt::Display for ProfileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Production => "production",
        })
    }
}

/// By name.
const STORES: &[(&str, StoreKind)] = &[
    ("cookie", StoreKind::Cookie),
    ("memory", StoreKind::Memory),
    ("sqlite", StoreKind::Sqlite),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_by_its_url_whose_password_is_not_printed() {
        for (url, kind) in [
            ("redis://:sesame@localhost/1", StoreKind::Other("redis")),
            (
                "postgres://demo:sesame@localhost/demo",
                StoreKind::Other("postgres"),
            ),
            ("sqlite:///srv/sessions.db", StoreKind::Sqlite),
            ("memory:", StoreKind::Memory),
        ] {
            let settings = read(&[("ABIDING_STORE", url)], false).unwrap();
            assert_eq!(settings.store, kind);
            let shown = settings.url.as_ref().unwrap().to_string();
            assert_eq!(shown, url.replace("sesame", "***"));
            assert!(!format!("{settings:?}").contains("sesame"));
        }
    }

    fn read(variables: &[(&str, &str)], debug: bool) -> Result<Settings, String> {
        let lookup = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        };
        Settings::read(lookup, debug).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_environment_gives_the_defaults() {
        for variables in [
            &[][..],
            &[
                ("PORT", ""),
                ("ABIDING_STORE", ""),
                ("ABIDING_TEST_CLOCK", ""),
            ],
        ] {
            let settings = read(variables, false).unwrap();
            assert_eq!((settings.port, settings.store), (3000, StoreKind::Sqlite));
            assert_eq!(settings.keys, KeySource::File("data/session.key".into()));
            assert_eq!(settings.profile, ProfileKind::Development);
        }
    }

    #[test]
    fn the_key_lives_in_the_data_directory_unless_told_otherwise() {
        for (variable, value, expected) in [
            (
                "ABIDING_DATA",
                "/srv/demo",
                KeySource::File("/srv/demo/session.key".into()),
            ),
            (
                "ABIDING_KEY_FILE",
                "/run/key",
                KeySource::File("/run/key".into()),
            ),
            (
                "ABIDING_KEY",
                "file:/run/key",
                KeySource::File("/run/key".into()),
            ),
            (
                "ABIDING_KEY",
                "env:DEMO_KEY",
                KeySource::Environment("DEMO_KEY".into()),
            ),
            ("ABIDING_KEY", "fd:3", KeySource::Descriptor(3)),
        ] {
            assert_eq!(read(&[(variable, value)], false).unwrap().keys, expected);
        }
    }

    #[test]
    fn a_key_is_not_repeated_where_its_source_belongs() {
        let key = "c2VjcmV0LW9mLXRoaXMtdGVzdC1hbmQtbm9ib2R5LWU";
        let error = read(&[("ABIDING_KEY", key)], false).unwrap_err();
        assert!(
            error.starts_with("ABIDING_KEY is the key itself: "),
            "{error}"
        );
        assert!(!error.contains(&key[..10]), "{error}");
        let both = [("ABIDING_KEY", "fd:3"), ("ABIDING_KEY_FILE", "/run/key")];
        assert_eq!(
            read(&both, false).unwrap_err(),
            "ABIDING_KEY is set and ABIDING_KEY_FILE too: unset one of them"
        );
    }

    #[test]
    fn what_cannot_be_followed_is_refused_with_the_remedy() {
        for (variable, value, message) in [
            (
                "PORT",
                "65536",
                r#"PORT is "65536": give a number from 0 to 65535"#,
            ),
            (
                "PORT",
                "http",
                r#"PORT is "http": give a number from 0 to 65535"#,
            ),
            (
                "ABIDING_STORE",
                "Redis",
                r#"ABIDING_STORE is "Redis": the stores are sqlite, memory and cookie, or a URL such as redis://host, as docs/stores.md lists them"#,
            ),
            (
                "ABIDING_STORE",
                "rdis://:secret@localhost",
                "ABIDING_STORE cannot be followed: `rdis:` begins no URL of a store: did you mean `redis:`?",
            ),
            (
                "ABIDING_PLACES",
                "redis://localhost rdis://:secret@localhost",
                "ABIDING_PLACES cannot be followed: `rdis:` begins no URL of a store: did you mean `redis:`?",
            ),
            (
                "ABIDING_PLACES",
                "memcached://localhost",
                "ABIDING_PLACES names memcached://localhost: leave it out: it lists no sessions, so nobody could tell when the last one has left",
            ),
            (
                "ABIDING_PLACES",
                "redis://:sesame@localhost redis://:open@localhost",
                "ABIDING_PLACES names redis://:***@localhost twice: keep one",
            ),
            (
                "ABIDING_MAIL_FROM",
                "The shop",
                r#"ABIDING_MAIL_FROM is "The shop": give one address, such as shop@example.org"#,
            ),
            (
                "ABIDING_SMTP",
                "smtp://shop:sesame@example.org",
                r#"ABIDING_SMTP is "…@example.org": put the password into ABIDING_SMTP_PASSWORD or ABIDING_SMTP_PASSWORD_FILE"#,
            ),
            (
                "ABIDING_PROFILE",
                "prod",
                r#"ABIDING_PROFILE is "prod": the profiles are development and production"#,
            ),
            (
                "ABIDING_TRUSTED_PROXIES",
                "127.0.0.1, proxy",
                r#"ABIDING_TRUSTED_PROXIES is "127.0.0.1, proxy": list networks such as 127.0.0.1, 10.0.0.0/8"#,
            ),
        ] {
            assert_eq!(read(&[(variable, value)], true).unwrap_err(), message);
        }
    }

    #[test]
    fn only_debug_builds_take_a_test_clock() {
        let clock = [("ABIDING_TEST_CLOCK", "/tmp/ahead")];
        assert_eq!(
            read(&clock, true).unwrap().clock.ahead,
            Some(PathBuf::from("/tmp/ahead"))
        );
        assert_eq!(
            read(&clock, false).unwrap_err(),
            r#"ABIDING_TEST_CLOCK is "/tmp/ahead": unset it: moving the clock is for tests, and release builds refuse it"#
        );
    }
}
