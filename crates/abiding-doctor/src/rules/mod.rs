//! The table of rules. A rule is a row here, and a function from the [`Picture`] to where it is broken.
//!
//! To add one, write its row into the file of its subject, and a fixture that breaks it and one that does not
//! into `tests.rs`; `cargo xtask tables` writes it into the documentation.

use std::sync::LazyLock;

use crate::{
    facts::Setting,
    picture::Picture,
    rule::{Broken, Rule},
};

mod beliefs;
mod code;
mod cookie;
mod flask_session;
mod live;
mod rust;
mod secrets;
mod settings;
mod store;
#[cfg(test)]
mod tests;

/// Every rule, in the order of its name.
pub static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let families = [
        beliefs::RULES,
        code::RULES,
        cookie::RULES,
        flask_session::RULES,
        live::RULES,
        rust::RULES,
        secrets::RULES,
        settings::RULES,
        store::RULES,
    ];
    let mut rules = families.concat();
    rules.sort_by_key(|rule| place(rule.id));
    rules
});

/// `D2` before `D10`.
fn place(id: &str) -> (&str, u32) {
    let digits = id.find(|c: char| c.is_ascii_digit()).unwrap_or(id.len());
    (&id[..digits], id[digits..].parse().unwrap_or(0))
}

/// One place where a rule is broken, if it is.
fn one(broken: Option<Broken>) -> Vec<Broken> {
    broken.into_iter().collect()
}

/// Each of these sights, with the same words.
fn each<'a>(sights: impl Iterator<Item = &'a crate::facts::Sight>, what: &str) -> Vec<Broken> {
    sights
        .map(|sight| Broken::at(&sight.origin, what))
        .collect()
}

/// Each of these settings, with the same words.
fn each_set<'a>(settings: impl IntoIterator<Item = &'a Setting>, what: &str) -> Vec<Broken> {
    let settings = settings.into_iter();
    settings
        .map(|setting| Broken::at(&setting.origin, what))
        .collect()
}

/// The application as a whole.
fn whole(picture: &Picture<'_>, what: impl Into<String>) -> Vec<Broken> {
    vec![Broken::at(&picture.application(), what)]
}

/// How many secrets are known, and how many are tried on a cookie.
pub(crate) fn known_secrets() -> (usize, usize) {
    secrets::known()
}
