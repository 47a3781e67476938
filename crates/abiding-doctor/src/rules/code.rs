//! Rules of code that uses the session.

use super::each;
use crate::{
    facts::{Origin, What},
    picture::Extension,
    rule::{
        Broken, Rule,
        Severity::{Error, Warning},
        Source::{Store, Tree},
    },
    value::Value,
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "D20",
        severity: Error,
        title: "Something is changed inside a value of the session",
        why: "Flask-Session keeps it only while it rewrites every session at each request, and requests that overlap overwrite each other's steps.",
        remedy: "one key for each step, or assign it anew, as in session[\"form\"] = {**session[\"form\"], \"name\": name}; abiding.flask notices the change and merges by key",
        standards: &[],
        sources: &[Tree],
        check: |picture| {
            if !picture.is_flask_session() {
                return Vec::new();
            }
            each(
                picture
                    .sights(|what| matches!(what, What::NestedMutation).then_some(()))
                    .map(|((), sight)| sight),
                "the session does not notice",
            )
        },
    },
    Rule {
        id: "D21",
        severity: Error,
        title: "Something is changed inside a value of a cookie session",
        why: "Flask's cookie is not written for it: what Flask-Session saved is lost here.",
        remedy: "assign it anew, as in session[\"form\"] = {**session[\"form\"], \"name\": name}; abiding.flask notices the change",
        standards: &[],
        sources: &[Tree],
        check: |picture| {
            if picture.extension != Extension::Flask {
                return Vec::new();
            }
            each(
                picture
                    .sights(|what| matches!(what, What::NestedMutation).then_some(()))
                    .map(|((), sight)| sight),
                "the change is lost",
            )
        },
    },
    Rule {
        id: "D23",
        severity: Error,
        title: "Private data in a cookie that its visitor can read",
        why: "Flask's cookie is signed, not encrypted: a one-time code in it is told to whoever has to prove that they know it.",
        remedy: "keep sessions on the server: Session(app) of abiding.flask, with SESSION_ABIDING_URL = \"sqlite:sessions.db\" or another store",
        standards: &["ASVS 14.2.1"],
        sources: &[Tree],
        check: |picture| {
            if !picture.is_client_side() {
                return Vec::new();
            }
            let sights = picture.sights(|what| match what {
                What::Stores { key, .. } => is_private(key).then_some(key),
                _ => None,
            });
            sights
                .map(|(key, sight)| {
                    Broken::at(&sight.origin, format!("session[{key:?}] is legible"))
                })
                .collect()
        },
    },
    Rule {
        id: "D24",
        severity: Warning,
        title: "A page that shows sessions",
        why: "It tells whoever finds it what is in a session. Flask's cookie sessions have no id; one that is put there by hand names nothing.",
        remedy: "remove it, or guard it and mask the values",
        standards: &["ASVS 13.4.5"],
        sources: &[Tree],
        check: |picture| {
            picture
                .sights(|what| match what {
                    What::SessionShown => Some("the session is answered"),
                    What::Stores { key, .. } => {
                        (key == "session_id").then_some("an id that names nothing")
                    }
                    _ => None,
                })
                .map(|(what, sight)| Broken::at(&sight.origin, what))
                .collect()
        },
    },
    Rule {
        id: "D25",
        severity: Warning,
        title: "session.modified = True in every request",
        why: "Each answer sets the cookie, so that of requests at the same time all but the last are undone.",
        remedy: "remove it, and where something inside a value is changed assign it anew, as in session[\"form\"] = {**session[\"form\"], \"name\": name}",
        standards: &[],
        sources: &[Tree],
        check: |picture| {
            let sights = picture
                .sights(|what| matches!(what, What::ModifiedEverywhere).then_some(()))
                .filter(|_| picture.extension != Extension::Abiding);
            each(
                sights.map(|((), sight)| sight),
                "every answer sets the cookie",
            )
        },
    },
    Rule {
        id: "D31",
        severity: Warning,
        title: "A local time without its zone in a session",
        why: "Hosts in different zones, and one host twice a year, disagree about how old it is.",
        remedy: "datetime.now(timezone.utc)",
        standards: &[],
        sources: &[Tree],
        check: |picture| {
            each(
                picture
                    .sights(|what| match what {
                        What::Stores { value, .. } => is_naive(value).then_some(()),
                        _ => None,
                    })
                    .map(|((), sight)| sight),
                "its zone is not told",
            )
        },
    },
    Rule {
        id: "D18",
        severity: Warning,
        title: "A table of sessions other than Flask-Session makes it",
        why: "Its column session_id is nullable, and none is indexed by expiry: what is expired is found by reading all of it.",
        remedy: "let the library make the table; for one that is there, CREATE INDEX ON sessions (expiry)",
        standards: &[],
        sources: &[Store, Tree],
        check: |picture| {
            let indexed = picture.facts.sights.iter().any(|sight| {
                matches!(&sight.what, What::Sql(text) if {
                    let text = text.to_ascii_lowercase();
                    text.contains("create index") && text.contains("expiry")
                })
            });
            let tables = picture
                .sights(|what| match what {
                    What::Sql(text) => {
                        let text = text.to_ascii_lowercase();
                        (text.contains("create table")
                            && text.contains("session_id")
                            && text.contains("expiry"))
                        .then_some(())
                    }
                    _ => None,
                })
                .filter(|_| !indexed);
            let mut all = each(tables.map(|((), sight)| sight), "no index on expiry");
            let store = picture
                .facts
                .store
                .as_ref()
                .filter(|store| store.expiry_indexed == Some(false));
            all.extend(
                store.map(|store| Broken::at(&Origin::place(&store.url), "no index on expiry")),
            );
            all
        },
    },
    Rule {
        id: "D28",
        severity: Warning,
        title: "A version that the shell takes for a file",
        why: "`pip install X>=1` without quotes writes to a file named `=1` and installs any release.",
        remedy: "quote it: pip install \"Flask-Session>=0.6\"; and remove the file that came of it",
        standards: &[],
        sources: &[Tree],
        check: |picture| {
            each(
                picture
                    .sights(|what| match what {
                        What::Shell(text) => is_unquoted(text).then_some(()),
                        _ => None,
                    })
                    .map(|((), sight)| sight),
                "the version is not installed",
            )
        },
    },
    Rule {
        id: "D29",
        severity: Warning,
        title: "Sessions are looked after by commands for everything",
        why: "FLUSHDB ends what else lies in Redis, DBSIZE and `ls | wc -l` count it.",
        remedy: "flask abiding count, sweep and revoke know sessions from the rest",
        standards: &[],
        sources: &[Tree],
        check: |picture| {
            each(
                picture
                    .sights(|what| match what {
                        What::Shell(text) => is_crude(text).then_some(()),
                        _ => None,
                    })
                    .map(|((), sight)| sight),
                "it means more than sessions",
            )
        },
    },
];

/// Whether a key of the session tells of something private, word by word.
fn is_private(key: &str) -> bool {
    const PRIVATE: &[&str] = &[
        "address",
        "birthday",
        "birthdate",
        "card",
        "code",
        "email",
        "iban",
        "otp",
        "passport",
        "password",
        "phone",
        "pin",
        "secret",
        "ssn",
        "token",
    ];
    let key = key.to_ascii_lowercase();
    let mut words = key.split(['_', '-', '.', ' ']);
    // A token against forged requests is the visitor's own.
    !key.contains("csrf") && words.any(|word| PRIVATE.contains(&word))
}

fn is_naive(value: &Value) -> bool {
    value.outcomes().iter().any(|value| match value {
        Value::Call { name, arguments } => {
            let now = ["datetime.now", "datetime.utcnow", "datetime.today"];
            let called = name
                .strip_suffix(".isoformat")
                .or_else(|| name.strip_suffix(".timestamp"))
                .unwrap_or(name);
            let called = called.strip_suffix("()").unwrap_or(called);
            now.iter().any(|now| called.ends_with(now)) && arguments.is_empty()
                || arguments.iter().any(|argument| is_naive(&argument.value))
        }
        _ => false,
    })
}

fn is_unquoted(line: &str) -> bool {
    let Some((_, rest)) = line
        .split_once("pip install")
        .or_else(|| line.split_once("pip3 install"))
    else {
        return false;
    };
    let command = rest.split([';', '&', '|', '`']).next().unwrap_or_default();
    command.split_whitespace().any(|word| {
        let quoted = word.contains(['"', '\'', '\\']);
        let name = word.split(['>', '<']).next().unwrap_or_default();
        !quoted
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.len() < word.len()
            && word.contains(['>', '<'])
    })
}

fn is_crude(line: &str) -> bool {
    let upper = line.to_ascii_uppercase();
    let redis = upper.contains("REDIS-CLI")
        && ["FLUSHDB", "FLUSHALL", "DBSIZE"]
            .iter()
            .any(|command| upper.contains(command));
    let files = line.contains("ls")
        && line.contains("wc -l")
        && line.to_ascii_lowercase().contains("session");
    redis || files
}
