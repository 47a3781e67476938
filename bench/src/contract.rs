//! What the endpoints take and hold: the sample session and the parameters of the queries.

use std::{sync::LazyLock, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value};

/// The keys of the sample session, in the order in which `/login` sets them.
pub const SAMPLE_KEYS: [&str; 12] = [
    "user_id", "email", "name", "roles", "csrf", "locale", "login_at", "counter", "prefs", "cart",
    "recent", "flash",
];

/// The sample session, about 1 KB as JSON.
///
/// # Panics
/// If `sample.json` is not a JSON object.
pub fn sample() -> Map<String, Value> {
    serde_json::from_str(include_str!("../sample.json")).expect("sample.json is a JSON object")
}

/// The sample session key by key, in the order of [`SAMPLE_KEYS`]. Parsed once.
///
/// # Panics
/// If `sample.json` lacks a key.
pub fn sample_entries() -> &'static [(&'static str, Value)] {
    static ENTRIES: LazyLock<Vec<(&str, Value)>> = LazyLock::new(parse_entries);
    &ENTRIES
}

fn parse_entries() -> Vec<(&'static str, Value)> {
    let sample = sample();
    SAMPLE_KEYS
        .map(|key| {
            (
                key,
                sample.get(key).cloned().expect("sample.json has every key"),
            )
        })
        .into()
}

/// The sample session with strings in place of all values, as long in JSON as the values are.
pub fn sample_texts() -> Vec<(&'static str, String)> {
    let as_long_as = |value: &Value| "x".repeat(value.to_string().len().saturating_sub(2));
    sample_entries()
        .iter()
        .map(|(key, value)| (*key, as_long_as(value)))
        .collect()
}

/// `/set?key=K&value=V&delay_ms=D`
#[derive(Debug, Deserialize)]
pub struct Set {
    /// The key to set.
    pub key: String,
    /// The string to set it to.
    pub value: String,
    /// How long to wait between the read and the write.
    #[serde(default)]
    pub delay_ms: u64,
}

impl Set {
    /// The wait between the read and the write.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }
}

/// `/get?key=K`
#[derive(Debug, Deserialize)]
pub struct Get {
    /// The key to read.
    pub key: String,
}

/// `/keys?prefix=P&n=N`
#[derive(Debug, Deserialize)]
pub struct Keys {
    /// What the names of the keys begin with.
    pub prefix: String,
    /// How many names there are: `P0` to `P(N-1)`.
    pub n: usize,
}

impl Keys {
    /// The names asked for.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.n).map(|number| format!("{}{number}", self.prefix))
    }
}
