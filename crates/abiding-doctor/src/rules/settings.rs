//! Rules of settings whatever keeps the sessions: names that nothing reads, lifetimes, time zones.

use super::{each_set, whole};
use crate::{
    facts::{Setting, What},
    picture::{Backend, Extension},
    requirement::FLASK_SESSION,
    rule::{
        Broken, Rule,
        Severity::{Error, Note, Warning},
        Source::{Application, Store, Tree},
    },
    timeouts,
};

/// Every setting that starts with `SESSION_` and is read by Flask, Flask-Session or abiding.
pub(crate) const KNOWN: &[&str] = &[
    "SESSION_ABIDING_ABSOLUTE_LIFETIME",
    "SESSION_ABIDING_ELSEWHERE",
    "SESSION_ABIDING_KEYS",
    "SESSION_ABIDING_REALM",
    "SESSION_ABIDING_SIZE_LIMIT",
    "SESSION_ABIDING_SUBJECT",
    "SESSION_ABIDING_SWEEP_SECONDS",
    "SESSION_ABIDING_URL",
    "SESSION_CACHELIB",
    "SESSION_CLEANUP_N_REQUESTS",
    "SESSION_COOKIE_DOMAIN",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_COOKIE_NAME",
    "SESSION_COOKIE_PARTITIONED",
    "SESSION_COOKIE_PATH",
    "SESSION_COOKIE_SAMESITE",
    "SESSION_COOKIE_SECURE",
    "SESSION_DYNAMODB",
    "SESSION_DYNAMODB_TABLE",
    "SESSION_DYNAMODB_TABLE_EXISTS",
    "SESSION_FILE_DIR",
    "SESSION_FILE_MODE",
    "SESSION_FILE_THRESHOLD",
    "SESSION_ID_LENGTH",
    "SESSION_KEY_PREFIX",
    "SESSION_MEMCACHED",
    "SESSION_MONGODB",
    "SESSION_MONGODB_COLLECT",
    "SESSION_MONGODB_DB",
    "SESSION_PERMANENT",
    "SESSION_POSTGRESQL",
    "SESSION_POSTGRESQL_SCHEMA",
    "SESSION_POSTGRESQL_TABLE",
    "SESSION_PROTECTION",
    "SESSION_REDIS",
    "SESSION_REFRESH_EACH_REQUEST",
    "SESSION_SERIALIZATION_FORMAT",
    "SESSION_SQLALCHEMY",
    "SESSION_SQLALCHEMY_BIND_KEY",
    "SESSION_SQLALCHEMY_SCHEMA",
    "SESSION_SQLALCHEMY_SEQUENCE",
    "SESSION_SQLALCHEMY_TABLE",
    "SESSION_TYPE",
    "SESSION_USE_SIGNER",
];

const MISPRINTED: &[(&str, &str)] = &[
    ("SESSION_KEY_LENGTH", "SESSION_ID_LENGTH"),
    ("SESSION_SQLALCHEMY_BINDKEY", "SESSION_SQLALCHEMY_BIND_KEY"),
];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "D05",
        severity: Warning,
        title: "Settings of Flask-Session, and no Flask-Session",
        why: "Flask ignores SESSION_TYPE, SESSION_PERMANENT, SESSION_USE_SIGNER and SESSION_KEY_PREFIX: sessions lie in its signed cookie.",
        remedy: "remove them, or call Session(app)",
        standards: &[],
        sources: &[Application, Tree],
        check: |picture| {
            if picture.extension != Extension::Flask {
                return Vec::new();
            }
            let ignored = [
                "SESSION_TYPE",
                "SESSION_PERMANENT",
                "SESSION_USE_SIGNER",
                "SESSION_KEY_PREFIX",
            ];
            let settings = ignored.iter().flat_map(|name| picture.settings(name));
            settings
                .map(|setting| {
                    Broken::at(&setting.origin, format!("nothing reads {}", setting.name))
                })
                .collect()
        },
    },
    Rule {
        id: "D06",
        severity: Warning,
        title: "A session setting that does not exist",
        why: "Flask ignores settings that it does not know. SESSION_COOKIE_MAX_AGE is none: a lifetime is PERMANENT_SESSION_LIFETIME.",
        remedy: "use the name that is meant, or remove it",
        standards: &[],
        sources: &[Application, Tree],
        check: |picture| {
            let unknown = |setting: &&Setting| {
                let name = setting.name.as_str();
                name.starts_with("SESSION_")
                    && !KNOWN.contains(&name)
                    && !MISPRINTED.iter().any(|(wrong, _)| *wrong == name)
                    // Settings of an application's own are its own; those of the cookie are Flask's.
                    && (name.starts_with("SESSION_COOKIE_") || nearest(name).is_some())
            };
            let settings = picture.facts.settings.iter().filter(unknown);
            settings
                .map(|setting| {
                    let meant = match (setting.name.as_str(), nearest(&setting.name)) {
                        ("SESSION_COOKIE_MAX_AGE" | "SESSION_COOKIE_AGE", _) => {
                            "; PERMANENT_SESSION_LIFETIME is the lifetime".to_owned()
                        }
                        (_, Some(near)) => format!("; did you mean {near}?"),
                        (_, None) => String::new(),
                    };
                    Broken::at(
                        &setting.origin,
                        format!("nothing reads {}{meant}", setting.name),
                    )
                })
                .collect()
        },
    },
    Rule {
        id: "D07",
        severity: Warning,
        title: "A setting that Flask-Session documents and does not read",
        why: "SESSION_KEY_LENGTH and SESSION_SQLALCHEMY_BINDKEY stand in its change log under names that no release reads.",
        remedy: "SESSION_ID_LENGTH, SESSION_SQLALCHEMY_BIND_KEY",
        standards: &[],
        sources: &[Application, Tree],
        check: |picture| {
            let settings = MISPRINTED.iter().flat_map(|(wrong, right)| {
                picture.settings(wrong).map(move |setting| {
                    Broken::at(
                        &setting.origin,
                        format!("nothing reads {wrong}; {right} is read"),
                    )
                })
            });
            settings.collect()
        },
    },
    Rule {
        id: "D26",
        severity: Warning,
        title: "A lifetime that begins anew with each request",
        why: "PERMANENT_SESSION_LIFETIME is an idle timeout: a session that is used never ends. In Flask's cookie it also ends sessions that are not permanent.",
        remedy: "keep the time of the sign-in in the session and compare; with abiding.flask, SESSION_ABIDING_ABSOLUTE_LIFETIME = timedelta(hours=12)",
        standards: &["ASVS 7.3.2", "NIST SP 800-63B 2.1.3"],
        sources: &[Application, Tree],
        check: |picture| {
            let slides = matches!(
                picture.extension,
                Extension::Flask | Extension::FlaskSession
            ) && picture.off("SESSION_REFRESH_EACH_REQUEST").is_none();
            let lifetime = picture
                .production("PERMANENT_SESSION_LIFETIME")
                .next()
                .filter(|_| slides);
            each_set(lifetime, "a session that is used never ends")
        },
    },
    Rule {
        id: "D33",
        severity: Error,
        title: "PostgreSQL or its client is not in UTC, before Flask-Session 0.7",
        why: "Expiries are shifted by the time zone: east of Greenwich sessions live hours longer, west of it nobody can sign in.",
        remedy: "pip install \"Flask-Session>=0.7\", or time zone UTC for the server and each client",
        standards: &[],
        sources: &[Store, Tree],
        check: |picture| {
            let affected = picture.is_flask_session()
                && picture.has(&[Backend::Sqlalchemy])
                && picture.leads_before(&FLASK_SESSION, "0.7");
            let told = picture
                .sights(|what| match what {
                    What::ServerOption { name, value } => {
                        let is_zone = matches!(
                            name.to_ascii_uppercase().as_str(),
                            "TZ" | "PGTZ" | "TIMEZONE"
                        );
                        (is_zone && !is_utc(value)).then_some(value)
                    }
                    _ => None,
                })
                .filter(|_| affected);
            let mut all: Vec<_> = told
                .map(|(zone, sight)| Broken::at(&sight.origin, format!("the time zone is {zone}")))
                .collect();
            if let Some(store) = picture.facts.store.as_ref().filter(|_| affected)
                && let Some(zone) = store.time_zone.as_ref().filter(|zone| !is_utc(zone))
            {
                all.push(Broken::at(
                    &crate::facts::Origin::place(&store.url),
                    format!("the time zone is {zone}"),
                ));
            }
            all
        },
    },
    Rule {
        id: "LC-5",
        severity: Note,
        title: "Sessions may lie unused for longer than thirty days",
        why: "Whoever finds a browser that was left behind is signed in.",
        remedy: "PERMANENT_SESSION_LIFETIME of at most thirty days; hours where more than a newsletter is at stake",
        standards: &["ASVS 7.3.1", "NIST SP 800-63B 2.1.3"],
        sources: &[Application, Tree],
        check: |picture| {
            let long = |setting: &&Setting| setting.value.is_above(timeouts::DAYS_30);
            let setting = picture.production("PERMANENT_SESSION_LIFETIME").find(long);
            let what = "longer than any assurance level of NIST SP 800-63B allows";
            each_set(setting, what)
        },
    },
    Rule {
        id: "LC-6",
        severity: Note,
        title: "No end for a session that is used",
        why: "A stolen session that is kept in use lives on; abiding.flask ends it after 400 days unless told otherwise.",
        remedy: "SESSION_ABIDING_ABSOLUTE_LIFETIME = timedelta(days=30), or what your policy says",
        standards: &["ASVS 7.3.2", "NIST SP 800-63B 2.1.3"],
        sources: &[Application, Tree],
        check: |picture| {
            let set = picture
                .settings("SESSION_ABIDING_ABSOLUTE_LIFETIME")
                .next()
                .is_some();
            if picture.extension != Extension::Abiding || !picture.has(&[Backend::Native]) || set {
                return Vec::new();
            }
            whole(picture, "a session may be used for 400 days")
        },
    },
];

fn is_utc(zone: &str) -> bool {
    matches!(
        zone.to_ascii_uppercase().as_str(),
        "UTC" | "ETC/UTC" | "GMT" | "ETC/GMT" | "Z" | "+00:00" | "SYSTEM" | "UNIVERSAL"
    )
}

/// The known name that this one misses by one or two letters.
fn nearest(name: &str) -> Option<&'static str> {
    let near = KNOWN
        .iter()
        .map(|known| (distance(name, known), *known))
        .min()?;
    (near.0 <= 2).then_some(near.1)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<_> = b.bytes().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(before + 1);
        }
    }
    row[b.len()]
}
