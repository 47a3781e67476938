//! Rules of Flask-Session: what its releases do with settings, by name and version.

use super::{each, each_set, one, whole};
use crate::{
    facts::{Setting, What},
    picture::{Backend, Picture, given},
    requirement::{CACHELIB, FLASK_SESSION, WERKZEUG},
    rule::{
        Broken, Rule,
        Severity::{Error, Note, Warning},
        Source::{Application, Tree},
    },
    value::{self, Value},
};

const FILES: &[Backend] = &[Backend::Cachelib, Backend::Filesystem];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "D01",
        severity: Error,
        title: "SESSION_REDIS is text, or may be nothing",
        why: "Flask-Session wants a client there: releases before 0.7 fail each request, later ones silently connect to localhost:6379.",
        remedy: "SESSION_REDIS = redis.from_url(os.environ[\"REDIS_URL\"]); abiding.flask takes the URL itself",
        standards: &[],
        sources: &[Application, Tree],
        check: |picture| {
            if !picture.is_flask_session() {
                return Vec::new();
            }
            let broken =
                |setting: &Setting| Some(Broken::at(&setting.origin, no_client(&setting.value)?));
            picture
                .settings("SESSION_REDIS")
                .filter_map(broken)
                .collect()
        },
    },
    Rule {
        id: "D02",
        severity: Error,
        title: "The signer of Flask-Session before 0.6 with Werkzeug 3",
        why: "Each response that sets the cookie fails with `TypeError: cannot use a string pattern on a bytes-like object`.",
        remedy: "pip install \"Flask-Session>=0.6\", or SESSION_USE_SIGNER = False",
        standards: &[],
        sources: &[Application, Tree],
        check: |picture| {
            let fails = picture.is_flask_session()
                && picture.leads_before(&FLASK_SESSION, "0.6")
                && !picture.leads_before(&WERKZEUG, "3");
            let signer = picture.on("SESSION_USE_SIGNER").filter(|_| fails);
            each_set(signer, "the signer is on, and no cookie can be set")
        },
    },
    Rule {
        id: "D04",
        severity: Error,
        title: "SESSION_TYPE is no type of Flask-Session",
        why: "`null` and misspelt types never mean Flask's own cookie: before 0.7 every write fails and blames a missing secret key, later the application does not start.",
        remedy: "SESSION_TYPE = \"redis\", \"sqlalchemy\", \"cachelib\" or another of its types; for the cookie of Flask itself, no Session(app)",
        standards: &[],
        sources: &[Application, Tree],
        check: |picture| {
            if !picture.is_flask_session() {
                return Vec::new();
            }
            let unknown = picture
                .backends
                .iter()
                .filter(|(backend, _)| *backend == Backend::Unknown);
            let broken = unknown.filter_map(|(_, setting)| {
                let setting = (*setting)?;
                let texts = setting.value.texts();
                Some(Broken::at(
                    &setting.origin,
                    format!("SESSION_TYPE may be {texts:?}"),
                ))
            });
            broken.collect()
        },
    },
    Rule {
        id: "D13",
        severity: Error,
        title: "At most 501 sessions in files",
        why: "Above SESSION_FILE_THRESHOLD, 500 unless told otherwise, each new session deletes another visitor's: people are signed out at random.",
        remedy: "SESSION_FILE_THRESHOLD = 0, or a store that is not a cache",
        standards: &[],
        sources: &[Application, Tree],
        check: |picture| {
            if !picture.is_flask_session() || !picture.has(FILES) {
                return Vec::new();
            }
            let limit = |value: &Value| value.seconds().unwrap_or(500.0);
            let cache = picture.settings("SESSION_CACHELIB").find_map(|setting| {
                let arguments = setting.value.call(&["FileSystemCache"])?;
                Some((
                    value::argument(arguments, "threshold").map_or(500.0, limit),
                    &setting.origin,
                ))
            });
            let threshold = picture.settings("SESSION_FILE_THRESHOLD").next();
            let threshold = threshold.map(|setting| (limit(&setting.value), &setting.origin));
            let origin = picture.origin_of(FILES);
            let (most, origin) = cache.or(threshold).unwrap_or((500.0, &origin));
            one((most > 0.0)
                .then(|| Broken::at(origin, format!("{} sessions live at most", most + 1.0))))
        },
    },
    Rule {
        id: "D14",
        severity: Error,
        title: "cachelib may be upgraded across 0.16",
        why: "0.16 names files by SHA-256 in place of MD5: the upgrade signs everybody out whose session is a file.",
        remedy: "\"cachelib<0.16\" in requirements.txt while the files that are there count; abiding.flask finds files by either name",
        standards: &[],
        sources: &[Tree],
        check: |picture| {
            let open = match picture.package(&CACHELIB) {
                Some(package) => package.requirement.straddles(&CACHELIB, "0.16"),
                None => true,
            };
            let is_tree = picture.facts.interface.is_none();
            if !(open && is_tree && picture.is_flask_session() && picture.has(FILES)) {
                return Vec::new();
            }
            let origin = picture.origin_of_package(&CACHELIB);
            vec![Broken::at(&origin, "no release of cachelib is pinned")]
        },
    },
    Rule {
        id: "D16",
        severity: Warning,
        title: "SESSION_FILE_DIR is relative",
        why: "It is taken from the working directory, which is another one in each way of starting the application: a shell, a service, a container.",
        remedy: "an absolute path, such as os.path.join(app.instance_path, \"sessions\")",
        standards: &[],
        sources: &[Application, Tree],
        check: |picture| {
            if !picture.is_flask_session() || !picture.has(FILES) {
                return Vec::new();
            }
            let relative = |setting: &&Setting| {
                let texts = setting.value.texts();
                texts.iter().any(|path| {
                    !path.is_empty() && !path.starts_with(['/', '~']) && !path.contains(":\\")
                })
            };
            let settings = picture.settings("SESSION_FILE_DIR").filter(relative);
            settings
                .map(|setting| {
                    Broken::at(
                        &setting.origin,
                        "the folder of sessions depends on the working directory",
                    )
                })
                .collect()
        },
    },
    Rule {
        id: "D17",
        severity: Error,
        title: "Sessions are saved through the application's own db.session",
        why: "Saving the session commits whatever a view left uncommitted, also where the view answered an error.",
        remedy: "SESSION_SQLALCHEMY = another SQLAlchemy() than the application's, or a store with its own connections",
        standards: &[],
        sources: &[Application, Tree],
        check: |picture| {
            if !picture.is_flask_session() || !picture.has(&[Backend::Sqlalchemy]) {
                return Vec::new();
            }
            let shared = picture.settings("SESSION_SQLALCHEMY").next();
            let origin = shared.map(|setting| &setting.origin);
            let own = picture.origin_of(&[Backend::Sqlalchemy]);
            vec![Broken::at(
                origin.unwrap_or(&own),
                "a failed view's rows are committed",
            )]
        },
    },
    Rule {
        id: "D32",
        severity: Error,
        title: "SESSION_PERMANENT = False with SQL before Flask-Session 0.7",
        why: "Rows get no expiry: 0.5 fails the second request of each visitor, 0.6 signs them out.",
        remedy: "pip install \"Flask-Session>=0.7\", or SESSION_PERMANENT = True",
        standards: &[],
        sources: &[Application, Tree],
        check: |picture| {
            let fails = picture.is_flask_session()
                && picture.has(&[Backend::Sqlalchemy])
                && picture.leads_before(&FLASK_SESSION, "0.7");
            let off = picture.off("SESSION_PERMANENT").filter(|_| fails);
            let what = "sessions have no expiry, which the next request does not survive";
            each_set(off, what)
        },
    },
    Rule {
        id: "D34",
        severity: Error,
        title: "A session of more than 64 KiB in MySQL",
        why: "Flask-Session's column is a BLOB: a larger session fails with 500, after 1.8 s of retries.",
        remedy: "ALTER TABLE sessions MODIFY data MEDIUMBLOB",
        standards: &[],
        sources: &[Application, Tree],
        check: |picture| {
            if !picture.is_flask_session() || !picture.has(&[Backend::Sqlalchemy]) {
                return Vec::new();
            }
            let is_mysql = |setting: &&Setting| {
                let texts = setting.value.texts();
                texts
                    .iter()
                    .any(|url| url.starts_with("mysql") || url.starts_with("mariadb"))
            };
            let database = picture.settings("SQLALCHEMY_DATABASE_URI").find(is_mysql);
            each_set(database, "sessions end at 65,535 bytes")
        },
    },
    Rule {
        id: "D35",
        severity: Error,
        title: "The Redis client of sessions decodes what it reads",
        why: "Sessions are bytes: each read fails with UnicodeDecodeError, unless their format is json.",
        remedy: "a client of its own for sessions, without decode_responses",
        standards: &[],
        sources: &[Application, Tree],
        check: |picture| {
            let decodes = |setting: &&Setting| {
                let outcomes = setting.value.outcomes();
                outcomes.iter().any(|value| match value {
                    Value::Call { arguments, .. } => value::argument(arguments, "decode_responses")
                        .is_some_and(|on| on.truth() == Some(true)),
                    _ => false,
                })
            };
            let json = picture
                .settings("SESSION_SERIALIZATION_FORMAT")
                .any(|setting| setting.value.texts().contains(&"json"));
            let clients = picture.settings("SESSION_REDIS").filter(decodes);
            let clients = clients.filter(|_| picture.is_flask_session() && !json);
            each_set(clients, "decode_responses is on")
        },
    },
    Rule {
        id: "D37",
        severity: Error,
        title: "Sessions in DynamoDB never expire",
        why: "Flask-Session does not look at the expiry when it reads, never turns the table's time to live on, and shifts it by the host's time zone.",
        remedy: "turn TTL on for the attribute `expiration` by hand and run in UTC; sessions still live until DynamoDB removes them, which takes days",
        standards: &["ASVS 7.3.1"],
        sources: &[Application, Tree],
        check: |picture| {
            if !picture.is_flask_session() || !picture.has(&[Backend::Dynamodb]) {
                return Vec::new();
            }
            vec![Broken::at(
                &picture.origin_of(&[Backend::Dynamodb]),
                "no session there ends by itself",
            )]
        },
    },
    Rule {
        id: "D38",
        severity: Warning,
        title: "Rotating SECRET_KEY signs out whom the signer knows",
        why: "Flask-Session's signer ignores SECRET_KEY_FALLBACKS, in every release.",
        remedy: "turn the signer off, as its own documentation says: ids are random; abiding.flask honours the fallbacks",
        standards: &[],
        sources: &[Application, Tree],
        check: |picture| {
            let signer = picture
                .on("SESSION_USE_SIGNER")
                .filter(|_| picture.is_flask_session());
            let fallbacks = picture
                .settings("SECRET_KEY_FALLBACKS")
                .find(|setting| setting.value != Value::None);
            let both = signer.and(fallbacks);
            each_set(both, "the fallbacks do not count for sessions")
        },
    },
    Rule {
        id: "D39",
        severity: Warning,
        title: "Each request rewrites its session",
        why: "A slow request that only read puts back what it read: a sign-out meanwhile is undone, what others wrote is lost.",
        remedy: "SESSION_REFRESH_EACH_REQUEST = False; abiding.flask prolongs without rewriting",
        standards: &["ASVS 7.4.1"],
        sources: &[Application, Tree],
        check: |picture| {
            let kept = picture
                .backends
                .iter()
                .any(|(backend, _)| *backend != Backend::Unknown);
            if !picture.is_flask_session()
                || !kept
                || picture.off("SESSION_REFRESH_EACH_REQUEST").is_some()
            {
                return Vec::new();
            }
            whole(picture, "SESSION_REFRESH_EACH_REQUEST is on")
        },
    },
    Rule {
        id: "D40",
        severity: Note,
        title: "Visitors choose their session ids",
        why: "Flask-Session before 0.7 adopts an id that it never gave out: whoever plants one knows it after the sign-in.",
        remedy: "pip install \"Flask-Session>=0.7\", and app.session_interface.regenerate(session) at each sign-in",
        standards: &["ASVS 7.2.4"],
        sources: &[Application, Tree],
        check: |picture| old(picture, "0.7", "an unknown id is adopted"),
    },
    Rule {
        id: "D42",
        severity: Note,
        title: "Each visitor without a cookie gets a session",
        why: "Flask-Session before 0.6 stores one for every request of a robot or a health check.",
        remedy: "pip install \"Flask-Session>=0.6\"",
        standards: &[],
        sources: &[Application, Tree],
        check: |picture| {
            old(
                picture,
                "0.6",
                "requests that never look at the session store one",
            )
        },
    },
    Rule {
        id: "D36",
        severity: Error,
        title: "A value that sessions cannot hold",
        why: "From 0.7 on Flask-Session fails with 500 where Markup, a deque or an object of the application is put into a session.",
        remedy: "store text, numbers, lists and dicts",
        standards: &[],
        sources: &[Tree],
        check: |picture| {
            if !picture.is_flask_session() || picture.leads_before(&FLASK_SESSION, "0.7") {
                return Vec::new();
            }
            each(
                picture
                    .sights(|what| match what {
                        What::Stores { value, .. } => value
                            .call(&["Markup", "deque", "escape", "complex", "range"])
                            .map(drop),
                        _ => None,
                    })
                    .map(|((), sight)| sight),
                "it cannot be stored",
            )
        },
    },
    Rule {
        id: "D43",
        severity: Error,
        title: "Sessions in the memory of each process",
        why: "Every worker has sessions of its own and forgets them at each restart.",
        remedy: "a store that processes share: files, Redis, a database",
        standards: &[],
        sources: &[Application, Tree],
        check: |picture| {
            let is_simple = |setting: &&Setting| setting.value.call(&["SimpleCache"]).is_some();
            let settings = picture.settings("SESSION_CACHELIB").filter(is_simple);
            each_set(settings, "the cache lies in one process")
        },
    },
];

fn old(picture: &Picture<'_>, version: &str, what: &str) -> Vec<Broken> {
    if !picture.is_flask_session() || !picture.leads_before(&FLASK_SESSION, version) {
        return Vec::new();
    }
    vec![Broken::at(&picture.origin_of_package(&FLASK_SESSION), what)]
}

/// Why this is no client of Redis, if it is none.
fn no_client(value: &Value) -> Option<&'static str> {
    let from_url = given(value, &["from_url"], "url");
    let may_be_absent = |value: &Value| {
        let outcomes = value.outcomes();
        outcomes.iter().any(|value| {
            matches!(value, Value::None)
                || matches!(
                    value,
                    Value::Variable {
                        default: None,
                        required: false,
                        ..
                    }
                )
        })
    };
    match value {
        Value::Call { .. } => from_url
            .filter(|url| may_be_absent(url))
            .map(|_| "without its variable the application does not start"),
        Value::Either(_) | Value::None => may_be_absent(value)
            .then_some("it may be None")
            .or_else(|| text(value)),
        _ => text(value),
    }
}

fn text(value: &Value) -> Option<&'static str> {
    let is_text = |value: &&Value| matches!(value, Value::Text(_) | Value::Variable { .. });
    let outcomes = value.outcomes();
    outcomes
        .iter()
        .any(is_text)
        .then_some("it is text, not a client")
}
