//! Rules of what comments and documents say that is not so. They find the usual wordings, in English.

use super::{each, each_set};
use crate::{
    facts::{Setting, What},
    picture::{Backend, Picture, is_near},
    requirement::FLASK_SESSION,
    rule::{
        Broken, Rule,
        Severity::Warning,
        Source::{Application, Tree},
    },
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "D03",
        severity: Warning,
        title: "\"Flask-Session is incompatible\"",
        why: "It fails with Werkzeug 3 for one option before 0.6: the signer.",
        remedy: "pip install \"Flask-Session>=0.6\", or SESSION_USE_SIGNER = False",
        standards: &[],
        sources: &[Tree],
        check: |picture| {
            said(
                picture,
                &[
                    &["flask-session", "incompatib"],
                    &["flask_session", "incompatib"],
                    &["flask-session", "not compatible"],
                ],
                "one option or one release is all that it needs",
            )
        },
    },
    Rule {
        id: "D15",
        severity: Warning,
        title: "Nothing removes expired sessions",
        why: "Flask-Session removes files only above its threshold, and rows of SQL only by `flask session_cleanup` or SESSION_CLEANUP_N_REQUESTS.",
        remedy: "run `flask session_cleanup` by cron, every hour; abiding.flask sweeps by itself",
        standards: &["ASVS 14.2.7"],
        sources: &[Application, Tree],
        check: |picture| {
            let mut all = Vec::new();
            if picture.is_flask_session() {
                all = said(
                    picture,
                    &[
                        &["automatic", "cleanup"],
                        &["automatically", "clean"],
                        &["expired", "removed automatically"],
                        &["auto", "expired", "clean"],
                    ],
                    "it is not automatic",
                );
                let swept = picture
                    .settings("SESSION_CLEANUP_N_REQUESTS")
                    .next()
                    .is_some()
                    || picture.remarks(&["session_cleanup"]).next().is_some();
                if picture.has(&[Backend::Sqlalchemy]) && !swept {
                    all.push(Broken::at(
                        &picture.origin_of(&[Backend::Sqlalchemy]),
                        "expired rows stay",
                    ));
                }
            }
            all
        },
    },
    Rule {
        id: "D19",
        severity: Warning,
        title: "\"Files are lost on restart\", \"a database loses no data\"",
        why: "Files survive restarts, and requests that overlap lose each other's changes on every store of Flask-Session alike.",
        remedy: "find the threshold (D13) and the overlapping requests (D20, D39) instead",
        standards: &[],
        sources: &[Tree],
        check: |picture| {
            said(
                picture,
                &[
                    &["session", "lost on restart"],
                    &["session", "lost", "restarts"],
                    &["filesystem", "data loss"],
                    &["database", "session", "data loss"],
                    &["session", "files", "lost"],
                ],
                "the cause is another one",
            )
        },
    },
    Rule {
        id: "D30",
        severity: Warning,
        title: "Redis across a network without TLS",
        why: "Everybody on the way reads sessions and writes them. Flask-Session signs at most the id, and releases before 0.7 execute what they read.",
        remedy: "a URL like rediss://:PASSWORD@HOST:6379/0, and pip install \"Flask-Session>=0.7\"",
        standards: &["ASVS 12.3.1"],
        sources: &[Application, Tree],
        check: |picture| {
            let plain = |setting: &&Setting| {
                let value = &setting.value;
                let url = crate::picture::given(value, &["from_url"], "url").unwrap_or(value);
                url.texts()
                    .iter()
                    .any(|url| url.starts_with("redis://") && !is_near(url))
            };
            let names = ["SESSION_REDIS", "REDIS_URL", "SESSION_ABIDING_URL"];
            let settings = names
                .iter()
                .flat_map(|name| picture.production(name))
                .filter(plain);
            let mut all = each_set(settings, "the way to Redis is not encrypted");
            if picture.is_flask_session() && picture.leads_before(&FLASK_SESSION, "0.7") {
                all.extend(said(
                    picture,
                    &[
                        &["secure redis"],
                        &["sessions", "signed"],
                        &["signed", "session data"],
                    ],
                    "the id is signed at most, the data is not, and it is executed when it is read",
                ));
            }
            all
        },
    },
    Rule {
        id: "D41",
        severity: Warning,
        title: "\"All users will need to log in again\"",
        why: "A change of storage need not sign anybody out: read the old place, write the new one.",
        remedy: "keep the old sessions until they have moved; abiding.flask reads Flask-Session's where they lie (docs/from-flask-session.md)",
        standards: &[],
        sources: &[Tree],
        check: |picture| {
            let mut all = said(
                picture,
                &[
                    &["users", "log in again"],
                    &["users", "login again"],
                    &["users", "re-login"],
                    &["users", "logged out", "migration"],
                    &["users", "sign in again"],
                ],
                "it is avoidable",
            );
            all.extend(each(
                picture
                    .sights(|what| match what {
                        What::Sql(text) | What::Shell(text) => {
                            let text = text.to_ascii_lowercase();
                            let drops =
                                text.contains("drop table") || text.contains("op.drop_table");
                            (drops && text.contains("session")).then_some(())
                        }
                        _ => None,
                    })
                    .map(|((), sight)| sight),
                "the sessions in it end",
            ));
            all
        },
    },
];

/// Where any of these is said.
fn said(picture: &Picture<'_>, wordings: &[&'static [&'static str]], what: &str) -> Vec<Broken> {
    let sights = wordings.iter().flat_map(|words| picture.remarks(words));
    let mut all = each(sights, what);
    all.sort_by(|a, b| a.origin.cmp(&b.origin));
    all.dedup_by(|a, b| a.origin == b.origin);
    all
}
