//! What the environment asks for: the one place that reads it.
//!
//! | Variable | Default | Meaning |
//! |---|---|---|
//! | `PORT` | 3000 | the port on 127.0.0.1; 0 takes any free one |
//! | `ABIDING_DATA` | `./data` | the directory that keeps everything |
//! | `ABIDING_STORE` | `sqlite` | where sessions live: `sqlite`, `memory`, or `cookie` (sealed) |
//! | `ABIDING_KEY_FILE` | `session.key` in the data directory | the key that vouches for cookies |
//! | `ABIDING_PROFILE` | `development` | `development` or `production` |
//! | `ABIDING_TRUSTED_PROXIES` | none | whose `X-Forwarded-*` counts: networks such as `127.0.0.1, 10.0.0.0/8` |
//! | `ABIDING_TEST_CLOCK` | unset | debug builds only: a file of seconds to be ahead |
//! | `RUST_LOG` | `info` | what is logged, as `tracing` spells it |

use std::{ffi::OsString, fmt, path::PathBuf};

use abiding_tower::{Network, Proxies};

use crate::clock::DemoClock;

/// The settings of one run.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) port: u16,
    pub(crate) data: PathBuf,
    pub(crate) store: StoreKind,
    pub(crate) key_file: PathBuf,
    pub(crate) profile: ProfileKind,
    pub(crate) proxies: Proxies,
    pub(crate) clock: DemoClock,
    pub(crate) log: String,
}

/// Where sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreKind {
    /// In their cookies; a small store beside them lists who is signed in.
    Cookie,
    Memory,
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
    value: String,
    remedy: &'static str,
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
        Ok(Self {
            port: choose(
                variable,
                "PORT",
                3000,
                "give a number from 0 to 65535",
                |value| value.parse().ok(),
            )?,
            store: choose(
                variable,
                "ABIDING_STORE",
                StoreKind::Sqlite,
                "the stores are sqlite, memory and cookie",
                |value| match value {
                    "cookie" => Some(StoreKind::Cookie),
                    "memory" => Some(StoreKind::Memory),
                    "sqlite" => Some(StoreKind::Sqlite),
                    _ => None,
                },
            )?,
            key_file: variable("ABIDING_KEY_FILE")
                .map_or_else(|| data.join("session.key"), PathBuf::from),
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
            log: variable("RUST_LOG").map_or_else(
                || String::from("info"),
                |filter| filter.to_string_lossy().into_owned(),
            ),
            data,
        })
    }
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

impl SettingError {
    fn new(variable: &'static str, value: &OsString, remedy: &'static str) -> Self {
        Self {
            variable,
            value: value.to_string_lossy().into_owned(),
            remedy,
        }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {:?}: {}", self.variable, self.value, self.remedy)
    }
}

impl std::error::Error for SettingError {}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cookie => "cookie",
            Self::Memory => "memory",
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

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(settings.key_file, PathBuf::from("data/session.key"));
            assert_eq!(settings.profile, ProfileKind::Development);
        }
    }

    #[test]
    fn the_key_lives_in_the_data_directory_unless_told_otherwise() {
        let settings = read(&[("ABIDING_DATA", "/srv/demo")], false).unwrap();
        assert_eq!(settings.key_file, PathBuf::from("/srv/demo/session.key"));
        let settings = read(&[("ABIDING_KEY_FILE", "/run/key")], false).unwrap();
        assert_eq!(settings.key_file, PathBuf::from("/run/key"));
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
                r#"ABIDING_STORE is "Redis": the stores are sqlite, memory and cookie"#,
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
