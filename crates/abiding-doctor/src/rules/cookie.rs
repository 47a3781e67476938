//! Rules of the session cookie, by the settings that make it.

use super::{each, each_set, whole};
use crate::{
    facts::{Setting, What},
    picture::{Extension, may_be},
    rule::{
        Rule,
        Severity::{Error, Note, Warning},
        Source::{Application, Tree},
    },
    timeouts,
    value::Value,
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "D10",
        severity: Warning,
        title: "FLASK_ENV decides whether the cookie is Secure",
        why: "Flask 2.3 and later know no FLASK_ENV: where nobody sets it the cookie goes over plain http, and nothing says so.",
        remedy: "SESSION_COOKIE_SECURE = True, and False in the settings of development alone",
        standards: &["ASVS 3.3.1"],
        sources: &[Tree],
        check: |picture| {
            let by_environment = |setting: &&Setting| {
                let variables = setting.value.variables();
                variables.iter().any(|name| {
                    matches!(
                        *name,
                        "FLASK_ENV" | "ENV" | "APP_ENV" | "ENVIRONMENT" | "FLASK_DEBUG"
                    )
                })
            };
            let settings = picture
                .settings("SESSION_COOKIE_SECURE")
                .filter(by_environment);
            each_set(settings, "without its variable the cookie is not Secure")
        },
    },
    Rule {
        id: "D11",
        severity: Warning,
        title: "The session cookie is not Secure",
        why: "Nothing makes it so by itself, in production neither: it goes over plain http, where everybody on the way can take it.",
        remedy: "SESSION_COOKIE_SECURE = True",
        standards: &["ASVS 3.3.1"],
        sources: &[Application, Tree],
        check: |picture| {
            if !picture.is_flask() {
                return Vec::new();
            }
            let mut set = picture.production("SESSION_COOKIE_SECURE").peekable();
            if set.peek().is_none() {
                return whole(picture, "SESSION_COOKIE_SECURE is not set, which is False");
            }
            let off = set.find(|setting| setting.value.truth() == Some(false));
            each_set(off, "SESSION_COOKIE_SECURE is off")
        },
    },
    Rule {
        id: "D12",
        severity: Warning,
        title: "SESSION_COOKIE_DOMAIN = None does not mean all domains",
        why: "None is this host alone; before Flask 2.3 it was SERVER_NAME.",
        remedy: "leave it out, or name the domain whose every subdomain may read and overwrite the cookie",
        standards: &[],
        sources: &[Tree],
        check: |picture| {
            let none = picture
                .settings("SESSION_COOKIE_DOMAIN")
                .filter(|setting| setting.value == Value::None);
            let believed = none.filter(|setting| {
                picture.facts.sights.iter().any(|sight| {
                    let near = sight.origin.place == setting.origin.place
                        && sight.origin.line.zip(setting.origin.line).is_some_and(|(a, b)| a == b || a + 1 == b);
                    matches!(&sight.what, What::Remark(text) if near && text.to_lowercase().contains("domain"))
                })
            });
            each_set(believed, "the cookie is for this host alone")
        },
    },
    Rule {
        id: "CK-1",
        severity: Note,
        title: "The cookie is sent to every subdomain",
        why: "Whoever controls one subdomain can read sessions and plant others.",
        remedy: "leave SESSION_COOKIE_DOMAIN out, and name the cookie `__Host-session`",
        standards: &["ASVS 3.3.1", "ASVS 3.3.3"],
        sources: &[Application, Tree],
        check: |picture| {
            let wide = |setting: &&Setting| {
                setting
                    .value
                    .texts()
                    .iter()
                    .any(|domain| !domain.is_empty())
            };
            let settings = picture.production("SESSION_COOKIE_DOMAIN").filter(wide);
            each_set(settings, "SESSION_COOKIE_DOMAIN is set")
        },
    },
    Rule {
        id: "CK-2",
        severity: Error,
        title: "Scripts may read the session cookie",
        why: "One injected script sends everybody's session away.",
        remedy: "SESSION_COOKIE_HTTPONLY = True, which is the default",
        standards: &["ASVS 3.3.4"],
        sources: &[Application, Tree],
        check: |picture| {
            let off = picture
                .production("SESSION_COOKIE_HTTPONLY")
                .filter(|setting| may_be(&setting.value, false));
            each_set(off, "SESSION_COOKIE_HTTPONLY is off")
        },
    },
    Rule {
        id: "CK-3",
        severity: Warning,
        title: "The session cookie has no SameSite",
        why: "Browsers differ in what they do then; `None` sends it along with what other sites make a visitor do.",
        remedy: "SESSION_COOKIE_SAMESITE = \"Lax\"",
        standards: &["ASVS 3.3.2"],
        sources: &[Application, Tree],
        check: |picture| {
            if !picture.is_flask() {
                return Vec::new();
            }
            let mut set = picture.production("SESSION_COOKIE_SAMESITE").peekable();
            if set.peek().is_none() {
                return whole(picture, "SESSION_COOKIE_SAMESITE is not set");
            }
            let absent = |setting: &Setting| {
                let outcomes = setting.value.outcomes();
                outcomes.iter().any(|value| match value {
                    Value::None => true,
                    Value::Text(text) => text.eq_ignore_ascii_case("none"),
                    _ => false,
                })
            };
            let off = set.find(|setting| absent(setting));
            each_set(off, "other sites may send it")
        },
    },
    Rule {
        id: "CK-4",
        severity: Warning,
        title: "The cookie is to live longer than browsers keep it",
        why: "They keep none for more than 400 days.",
        remedy: "PERMANENT_SESSION_LIFETIME of at most 400 days",
        standards: &["RFC 6265bis 5.5"],
        sources: &[Application, Tree],
        check: |picture| {
            let long = |setting: &&Setting| setting.value.is_above(timeouts::DAYS_400);
            let setting = picture.settings("PERMANENT_SESSION_LIFETIME").find(long);
            each_set(setting, "longer than 400 days")
        },
    },
    Rule {
        id: "D27",
        severity: Warning,
        title: "A session that may not fit into its cookie",
        why: "Flask only logs a warning for a cookie of more than 4,093 bytes; browsers drop it, and the visitor is signed out.",
        remedy: "keep sessions on the server: Session(app) of abiding.flask, with SESSION_ABIDING_URL = \"sqlite:sessions.db\" or another store; or short keys and numbers instead of what forms and services sent",
        standards: &["ASVS 3.3.5"],
        sources: &[Application, Tree],
        check: |picture| {
            if !picture.is_client_side() {
                return Vec::new();
            }
            let mut all = each(
                picture
                    .sights(|what| match what {
                        What::Stores { value, .. } => is_bulk(value).then_some(()),
                        _ => None,
                    })
                    .map(|((), sight)| sight),
                "it grows with what visitors send",
            );
            let silent = |setting: &&Setting| {
                setting.value.seconds() == Some(0.0) || setting.value.is_above(4093.0)
            };
            let silenced = picture.settings("MAX_COOKIE_SIZE").filter(silent);
            all.extend(each_set(silenced, "the warning about it is turned off"));
            all
        },
    },
    Rule {
        id: "D22",
        severity: Warning,
        title: "A sign-out that does not end the session",
        why: "The session is its cookie: a copy of it that was made before goes on working, and an old copy brings back a counter of attempts.",
        remedy: "keep sessions on the server: Session(app) of abiding.flask, with SESSION_ABIDING_URL = \"sqlite:sessions.db\" or another store; count attempts outside of the session",
        standards: &["ASVS 7.4.1"],
        sources: &[Application, Tree],
        check: |picture| {
            if !picture.is_client_side() {
                return Vec::new();
            }
            let sights = each(
                picture
                    .sights(|what| matches!(what, What::Logout).then_some(()))
                    .map(|((), sight)| sight),
                "a copied cookie outlives this",
            );
            // Of a running application the code is not seen.
            let is_application =
                picture.facts.interface.is_some() && picture.extension != Extension::NoFlask;
            if sights.is_empty() && is_application {
                return whole(picture, "sessions lie in their cookies: none can be ended");
            }
            sights
        },
    },
];

/// Whether what is stored is as large as somebody likes.
fn is_bulk(value: &Value) -> bool {
    let sent = |name: &str| {
        [
            "request.form",
            "request.json",
            "request.args",
            "get_json",
            "request.get_json",
            ".json",
            "to_dict",
            "model_dump",
        ]
        .iter()
        .any(|bulk| name.ends_with(bulk) || name.contains("request.form"))
    };
    value.outcomes().iter().any(|value| match value {
        Value::Call { name, arguments } => {
            sent(name) || arguments.iter().any(|argument| is_bulk(&argument.value))
        }
        _ => false,
    })
}
