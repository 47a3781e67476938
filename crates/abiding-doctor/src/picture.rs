//! What the facts add up to: which extension keeps the sessions, where, and which settings count.
//! Every rule asks here; nothing is decided twice.

use crate::{
    facts::{Facts, Layer, Origin, Package, Scope, Setting, Sight, What},
    requirement::{Known, Requirement},
    value::{self, Value},
};

/// The facts, with the answers to what several rules ask.
pub(crate) struct Picture<'a> {
    pub(crate) facts: &'a Facts,
    /// Who handles sessions.
    pub(crate) extension: Extension,
    /// Every place in which sessions may lie, by the settings of any environment but tests.
    pub(crate) backends: Vec<(Backend, Option<&'a Setting>)>,
}

/// Who handles a Flask application's sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extension {
    /// `abiding.flask`
    Abiding,
    /// Flask-Session
    FlaskSession,
    /// Flask itself
    Flask,
    /// No Python application was seen.
    NoFlask,
}

/// Where sessions lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Cachelib,
    /// Flask's signed cookie.
    Cookie,
    Dynamodb,
    Filesystem,
    Memcached,
    Mongodb,
    /// A URL of `abiding`.
    Native,
    Redis,
    Sqlalchemy,
    /// A name that means nothing to Flask-Session.
    Unknown,
}

impl<'a> Picture<'a> {
    pub(crate) fn of(facts: &'a Facts) -> Self {
        let mut picture = Self {
            facts,
            extension: extension(facts),
            backends: Vec::new(),
        };
        picture.backends = picture.places();
        picture
    }

    /// Every setting of this name that is meant for more than tests and examples.
    pub(crate) fn settings(&self, name: &str) -> impl Iterator<Item = &'a Setting> {
        let name = name.to_owned();
        let counted =
            |setting: &&Setting| setting.scope != Scope::Testing && setting.layer != Layer::Example;
        let settings = self.facts.settings.iter().filter(counted);
        settings.filter(move |setting| setting.name == name)
    }

    /// The same, without those for development.
    pub(crate) fn production(&self, name: &str) -> impl Iterator<Item = &'a Setting> {
        self.settings(name)
            .filter(|setting| setting.scope != Scope::Development)
    }

    /// The first setting of this name that turns it on.
    pub(crate) fn on(&self, name: &str) -> Option<&'a Setting> {
        self.settings(name)
            .find(|setting| may_be(&setting.value, true))
    }

    /// The first setting of this name that turns it off.
    pub(crate) fn off(&self, name: &str) -> Option<&'a Setting> {
        self.settings(name)
            .find(|setting| may_be(&setting.value, false))
    }

    pub(crate) fn sights<T>(
        &self,
        of: impl Fn(&'a What) -> Option<T>,
    ) -> impl Iterator<Item = (T, &'a Sight)> {
        let sights = self.facts.sights.iter();
        sights.filter_map(move |sight| Some((of(&sight.what)?, sight)))
    }

    /// The remarks that have all of these words, whatever their case.
    pub(crate) fn remarks(
        &self,
        words: &'static [&'static str],
    ) -> impl Iterator<Item = &'a Sight> {
        let told = self.sights(move |what| match what {
            What::Remark(text) | What::Shell(text) => {
                let text = text.to_lowercase();
                words.iter().all(|word| text.contains(word)).then_some(())
            }
            _ => None,
        });
        told.map(|((), sight)| sight)
    }

    /// Whether sessions may lie here.
    pub(crate) fn has(&self, wanted: &[Backend]) -> bool {
        self.backends
            .iter()
            .any(|(backend, _)| wanted.contains(backend))
    }

    /// Where it is said that sessions lie here; the extension's call or the application, if nothing says it.
    pub(crate) fn origin_of(&self, wanted: &[Backend]) -> Origin {
        let named = self.backends.iter().find_map(|(backend, setting)| {
            let setting = setting.filter(|_| wanted.contains(backend))?;
            Some(setting.origin.clone())
        });
        named.unwrap_or_else(|| self.application())
    }

    /// Where the application is, for what is said of it as a whole.
    pub(crate) fn application(&self) -> Origin {
        if self.facts.interface.is_some() {
            return Origin::place("the application");
        }
        let made = self.sights(|what| matches!(what, What::Extension).then_some(()));
        let imported = self.sights(|what| match what {
            What::Import(module) => is_framework(module).then_some(()),
            _ => None,
        });
        let first = made.chain(imported).next();
        first.map_or_else(|| Origin::place("."), |((), sight)| sight.origin.clone())
    }

    pub(crate) fn package(&self, package: &Known) -> Option<&'a Package> {
        self.facts
            .packages
            .iter()
            .find(|found| found.name == package.name)
    }

    /// Whether what is required, or anything at all if nothing is, leads to a release before this one.
    pub(crate) fn leads_before(&self, package: &Known, version: &str) -> bool {
        let none = Requirement::default();
        let found = self
            .package(package)
            .map_or(&none, |found| &found.requirement);
        found.leads_before(package, version)
    }

    /// Where a package is required, or the application.
    pub(crate) fn origin_of_package(&self, package: &Known) -> Origin {
        let found = self.package(package);
        found.map_or_else(|| self.application(), |found| found.origin.clone())
    }

    /// Whether visitors carry their sessions in Flask's cookie.
    pub(crate) fn is_client_side(&self) -> bool {
        self.has(&[Backend::Cookie])
    }

    /// Whether Flask-Session keeps them on a server.
    pub(crate) fn is_flask_session(&self) -> bool {
        self.extension == Extension::FlaskSession
    }

    /// Whether there is a Python application whose sessions are looked at.
    pub(crate) fn is_flask(&self) -> bool {
        self.extension != Extension::NoFlask
    }

    fn places(&self) -> Vec<(Backend, Option<&'a Setting>)> {
        let types = || self.settings("SESSION_TYPE");
        let typed = || {
            types().flat_map(|setting| {
                let texts = setting.value.texts().into_iter();
                texts.map(move |text| (backend(text), Some(setting)))
            })
        };
        match self.extension {
            Extension::NoFlask => Vec::new(),
            Extension::Flask => vec![(Backend::Cookie, None)],
            Extension::FlaskSession => typed().collect(),
            Extension::Abiding => {
                let native = self.settings("SESSION_ABIDING_URL");
                let native: Vec<_> = native
                    .filter(|setting| setting.value != Value::None)
                    .map(|setting| (Backend::Native, Some(setting)))
                    .collect();
                if !native.is_empty() {
                    return native;
                }
                let typed: Vec<_> = typed()
                    .filter(|(backend, _)| *backend != Backend::Unknown)
                    .collect();
                if typed.is_empty() {
                    return vec![(Backend::Cookie, None)];
                }
                typed
            }
        }
    }
}

/// Whether a flag may turn out so.
pub(crate) fn may_be(value: &Value, wanted: bool) -> bool {
    value
        .outcomes()
        .iter()
        .any(|value| value.truth() == Some(wanted))
}

/// Whether the URL names this machine, or a neighbour by a name without dots, as in a compose file.
pub(crate) fn is_near(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return true;
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host.is_empty() || host == "::1" || host.starts_with("127.") || !host.contains(['.', ':'])
}

/// Whether the URL has a password in it, and one that is there in the text.
pub(crate) fn has_password(url: &str) -> bool {
    let authority = url
        .split_once("://")
        .map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or_default());
    let user = authority
        .and_then(|authority| authority.rsplit_once('@'))
        .map(|(user, _)| user);
    let password = user
        .and_then(|user| user.split_once(':'))
        .map(|(_, password)| password);
    password.is_some_and(|password| {
        !password.is_empty() && !password.contains(['{', '$', '*', '<', '%'])
    })
}

/// The value of a call's argument, or of the first one without a name.
pub(crate) fn given<'a>(value: &'a Value, calls: &[&str], name: &str) -> Option<&'a Value> {
    let arguments = value.call(calls)?;
    value::argument(arguments, name).or_else(|| value::first(arguments))
}

fn backend(kind: &str) -> Backend {
    match kind.to_ascii_lowercase().as_str() {
        "cachelib" => Backend::Cachelib,
        "dynamodb" => Backend::Dynamodb,
        "filesystem" => Backend::Filesystem,
        "memcached" => Backend::Memcached,
        "mongodb" => Backend::Mongodb,
        "redis" => Backend::Redis,
        "sqlalchemy" => Backend::Sqlalchemy,
        _ => Backend::Unknown,
    }
}

fn extension(facts: &Facts) -> Extension {
    if let Some(interface) = &facts.interface {
        return match interface.split('.').next() {
            Some("abiding") => Extension::Abiding,
            Some("flask_session") => Extension::FlaskSession,
            _ => Extension::Flask,
        };
    }
    let imports = |wanted: fn(&str) -> bool| {
        let mut sights = facts.sights.iter();
        sights.any(|sight| matches!(&sight.what, What::Import(module) if wanted(module)))
    };
    if imports(|module| module.starts_with("abiding")) {
        Extension::Abiding
    } else if imports(|module| module.starts_with("flask_session")) {
        Extension::FlaskSession
    } else if imports(is_framework) {
        Extension::Flask
    } else {
        Extension::NoFlask
    }
}

fn is_framework(module: &str) -> bool {
    let root = module.split('.').next().unwrap_or(module);
    matches!(root, "flask" | "quart" | "flask_session" | "abiding")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_is_named_without_dots() {
        for (url, near) in [
            ("redis://localhost:6379/0", true),
            ("redis://redis:6379", true),
            ("redis://:secret@127.0.0.1", true),
            ("redis://[::1]:6379", true),
            ("redis://cache.example.com:6379", false),
            ("redis://user:pa.ss@10.0.0.7/0", false),
            ("sqlite:sessions.db", true),
        ] {
            assert_eq!(is_near(url), near, "{url}");
        }
    }

    #[test]
    fn a_password_counts_where_it_stands_in_the_text() {
        for (url, there) in [
            ("postgresql://shop:hunter2@db/shop", true),
            ("postgresql://shop@db/shop", false),
            ("postgresql://shop:${DB_PASSWORD}@db/shop", false),
            ("postgresql://shop:***@db/shop", false),
            ("sqlite:///site.db", false),
        ] {
            assert_eq!(has_password(url), there, "{url}");
        }
    }
}
