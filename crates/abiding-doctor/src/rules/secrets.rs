//! Rules of secrets: whether they can be guessed, where they lie, and how old they are. None is printed.

use std::collections::HashSet;

use super::each_set;
use crate::{
    facts::{Facts, Layer, Past, Scope, Setting, What},
    picture::{Extension, Picture, has_password, is_near},
    rule::{
        Broken, Rule,
        Severity::{Error, Warning},
        Source::{Application, Tree},
    },
    secret::{self, shape, weakness},
    value::Value,
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "D08",
        severity: Error,
        title: "A secret is made up and written to a file of the working directory",
        why: "Each container and each directory has a secret of its own: sessions of one are nothing to the other. Workers that start together may differ too.",
        remedy: "make it once, put it into the environment of every process, and read os.environ[\"SECRET_KEY\"]",
        standards: &["ASVS 13.3.1"],
        sources: &[Tree],
        check: |picture| {
            let made = picture
                .sights(|what| match what {
                    What::SecretFile(path) => {
                        Some(path.as_deref().is_none_or(|path| !path.starts_with('/')))
                    }
                    _ => None,
                })
                .filter(|(relative, _)| *relative);
            made.map(|(_, sight)| Broken::at(&sight.origin, "a secret for this directory alone"))
                .collect()
        },
    },
    Rule {
        id: "D09",
        severity: Error,
        title: "A literal stands in for a missing secret",
        why: "Where the variable is not set, the secret is what everybody can read in the code: anybody can make a session. Stores that unpickle then execute what they are sent.",
        remedy: "os.environ[\"SECRET_KEY\"] without a default, and so for URLs with passwords: where it is missing nothing starts",
        standards: &["ASVS 13.3.1"],
        sources: &[Tree],
        check: |picture| {
            let in_code =
                |setting: &&Setting| setting.layer == Layer::Code && setting.scope == Scope::Any;
            let secrets = picture
                .facts
                .settings
                .iter()
                .filter(in_code)
                .filter(|setting| is_secret(&setting.name));
            let literal = secrets.filter_map(|setting| {
                let text = literals(&setting.value)
                    .into_iter()
                    .find(|text| !text.is_empty())?;
                let how = if setting.value.variables().is_empty() {
                    "is"
                } else {
                    "falls back to"
                };
                Some(Broken::at(
                    &setting.origin,
                    format!(
                        "{} {how} a literal ({})",
                        setting.name,
                        shape(text.as_bytes())
                    ),
                ))
            });
            let databases = picture
                .facts
                .settings
                .iter()
                .filter(in_code)
                .filter(|setting| setting.value.texts().iter().any(|url| has_password(url)));
            let databases = databases.map(|setting| {
                Broken::at(
                    &setting.origin,
                    format!("{} has a password in it", setting.name),
                )
            });
            literal.chain(databases).collect()
        },
    },
    Rule {
        id: "DR-1",
        severity: Error,
        title: "A secret that can be guessed",
        why: "Whoever guesses it signs in as anybody.",
        remedy: "a new one in the environment, which signs everybody out once: python -c 'import secrets; print(secrets.token_hex(32))'",
        standards: &["ASVS 11.2.3", "ASVS 13.3.1"],
        sources: &[Application, Tree],
        check: weak,
    },
    Rule {
        id: "DR-2",
        severity: Error,
        title: "A secret that is made up at each start",
        why: "Every restart signs everybody out, and workers do not know each other's sessions.",
        remedy: "make it once, put it into the environment of every process, and read os.environ[\"SECRET_KEY\"]",
        standards: &["ASVS 13.3.1"],
        sources: &[Tree],
        check: |picture| {
            let random = &[
                "token_hex",
                "token_urlsafe",
                "token_bytes",
                "urandom",
                "uuid4",
                "generate_key",
                "getrandbits",
                "randbytes",
            ];
            let made = picture
                .production("SECRET_KEY")
                .filter(|setting| setting.layer == Layer::Code);
            let made = made.filter(|setting| is_made(&setting.value, random));
            each_set(made, "the secret is another one at each start")
        },
    },
    Rule {
        id: "DR-4",
        severity: Error,
        title: "A secret in the repository",
        why: "Everybody who has ever had a copy of it has the secret.",
        remedy: "take it out, ignore the file, and make a new secret: the old one stays in the history",
        standards: &["ASVS 13.3.1"],
        sources: &[Tree],
        check: |picture| {
            let here = committed(picture).map(|(setting, _, shape)| {
                Broken::at(&setting.origin, format!("{} ({shape})", setting.name))
            });
            let used = gone(picture).filter_map(|(past, text, shape)| {
                let setting = picture.facts.settings.iter();
                let mut setting = setting.filter(|setting| setting.value.texts().contains(&text));
                let here = &setting.next()?.origin;
                let Setting { name, origin, .. } = &past.setting;
                let commit = &past.commit;
                let what = format!("{name} ({shape}), still that of {here}, is in commit {commit}");
                Some(Broken::at(origin, what))
            });
            here.chain(used).collect()
        },
    },
    Rule {
        id: "D44",
        severity: Warning,
        title: "A secret in the history of the repository",
        why: "It was taken out of its file, and stays in every copy of the repository.",
        remedy: "make a new secret, with this one not even a fallback; where that is done, silence this with its date",
        standards: &["ASVS 13.3.1"],
        sources: &[Tree],
        check: |picture| {
            let is_used = |text| {
                let mut settings = picture.facts.settings.iter();
                settings.any(|setting| setting.value.texts().contains(&text))
            };
            let unused = gone(picture).filter(|(_, text, _)| !is_used(*text));
            unused
                .map(|(past, _, shape)| {
                    let Setting { name, origin, .. } = &past.setting;
                    Broken::at(
                        origin,
                        format!("{name} ({shape}) is in commit {}", past.commit),
                    )
                })
                .collect()
        },
    },
    Rule {
        id: "DR-5",
        severity: Warning,
        title: "A key that has signed for more than a year",
        why: "The longer a key is used, the more copies of it there are: backups, machines, people who have left.",
        remedy: "`abiding keys rotate FILE` a few times a year; it signs nobody out",
        standards: &["ASVS 13.3.4"],
        sources: &[Tree],
        check: |picture| {
            let Some(now) = picture.facts.now else {
                return Vec::new();
            };
            let old = picture.sights(|what| match what {
                What::KeySigns(since) => Some((now - since) / 86_400).filter(|days| *days > 366),
                _ => None,
            });
            old.map(|(days, sight)| {
                Broken::at(&sight.origin, format!("the newest key is {days} days old"))
            })
            .collect()
        },
    },
    Rule {
        id: "ST-6",
        severity: Error,
        title: "Session files that others may read",
        why: "Who reads a session of Flask-Session has what is in it; who may write one is its user, and executes code where it is unpickled.",
        remedy: "SESSION_FILE_MODE = 0o600, which is the default",
        standards: &["ASVS 13.2.2"],
        sources: &[Application, Tree],
        check: |picture| {
            let loose = |setting: &&Setting| {
                let mode = setting
                    .value
                    .seconds()
                    .filter(|mode| *mode >= 0.0 && *mode < 4096.0);
                mode.is_some_and(|mode| mode as u32 & 0o077 != 0)
            };
            let settings = picture.settings("SESSION_FILE_MODE").filter(loose);
            each_set(settings, "the group or others may read them")
        },
    },
];

/// The settings with a secret in them that the repository has or will have: each with the secret, and what that
/// looks like.
fn committed<'a>(
    picture: &Picture<'a>,
) -> impl Iterator<Item = (&'a Setting, &'a str, String)> + use<'a> {
    let is_repository = picture.facts.is_repository;
    let settings = picture.facts.settings.iter().filter(move |setting| {
        is_repository || !matches!(setting.layer, Layer::Environment { .. })
    });
    settings.filter_map(|setting| {
        let (text, shape) = told(setting)?;
        Some((setting, text, shape))
    })
}

/// The secrets that were committed and are in no file of the repository any more, each once.
fn gone<'a>(picture: &Picture<'a>) -> impl Iterator<Item = (&'a Past, &'a str, String)> + use<'a> {
    let mut told_of: HashSet<_> = committed(picture).map(|(_, text, _)| text).collect();
    // The oldest commit that has it tells the longest story.
    picture.facts.history.iter().rev().filter_map(move |past| {
        let (text, shape) = told(&past.setting)?;
        told_of.insert(text).then_some((past, text, shape))
    })
}

/// The secret that everybody learns who has a setting's file, and what it looks like.
fn told(setting: &Setting) -> Option<(&str, String)> {
    let is_file_of_all = match setting.layer {
        Layer::Environment { ignored } => !ignored,
        Layer::Code => setting.scope == Scope::Any,
        Layer::Compose | Layer::Example => true,
        Layer::Application => false,
    };
    let is_url = setting.name.ends_with("_URL") || setting.name.ends_with("_URI");
    let texts = setting.value.texts();
    let mut texts = texts.into_iter().filter(|_| is_file_of_all);
    if is_secret(&setting.name) {
        // What can be guessed is another rule's, and in an example it is what should be there.
        let text =
            texts.find(|text| weakness(text.as_bytes()).is_none() && !names_a_source(text))?;
        return Some((text, shape(text.as_bytes())));
    }
    // The password of a container's own database is told to that container alone.
    let text = texts
        .find(|url| is_url && setting.layer != Layer::Code && has_password(url) && !is_near(url))?;
    Some((text, "a URL with a password".to_owned()))
}

fn weak(picture: &Picture<'_>) -> Vec<Broken> {
    let judged = |setting: &&Setting| {
        let outside = setting.scope == Scope::Any && setting.layer != Layer::Example;
        outside && (is_session_secret(&setting.name) || setting.name == "SECRET_KEY_FALLBACKS")
    };
    let settings = picture.facts.settings.iter().filter(judged);
    let mut all: Vec<_> = settings
        .flat_map(|setting| {
            let literals = literals(&setting.value);
            literals.into_iter().filter_map(|text| {
                let weakness = weakness(text.as_bytes()).filter(|_| !names_a_source(text))?;
                let shape = shape(text.as_bytes());
                Some(Broken::at(
                    &setting.origin,
                    format!("{} {weakness} ({shape})", setting.name),
                ))
            })
        })
        .collect();
    let missing = |facts: &Facts| {
        facts.interface.is_some()
            && !facts
                .settings
                .iter()
                .any(|setting| setting.name == "SECRET_KEY" && setting.value != Value::None)
    };
    let needs = picture.extension == Extension::Flask || picture.extension == Extension::Abiding;
    let keys = picture
        .settings("SESSION_ABIDING_KEYS")
        .any(|setting| setting.value != Value::None);
    if missing(picture.facts) && needs && !keys {
        all.push(Broken::at(&picture.application(), "SECRET_KEY is not set"));
    }
    let rust = picture.sights(|what| match what {
        What::RustCall {
            path,
            literal: Some(literal),
        } if is_key(path) => weakness(literal.as_bytes()),
        _ => None,
    });
    all.extend(rust.map(|(weakness, sight)| {
        Broken::at(&sight.origin, format!("the key in the code {weakness}"))
    }));
    all
}

/// The texts that may become the secret: not those it is compared with.
fn literals(value: &Value) -> Vec<&str> {
    match value {
        Value::Call { name, arguments } if name == "list" => arguments
            .iter()
            .flat_map(|argument| literals(&argument.value))
            .collect(),
        _ => value.texts(),
    }
}

/// Whether the value is fresh bytes, in whatever they are wrapped.
fn is_made(value: &Value, random: &[&str]) -> bool {
    value.outcomes().iter().any(|value| match value {
        Value::Call { name, arguments } => {
            let mut parts = name.split(['.', '(']);
            parts.any(|part| random.contains(&part))
                || arguments
                    .iter()
                    .any(|argument| is_made(&argument.value, random))
        }
        _ => false,
    })
}

/// The secrets that sessions rest on.
fn is_session_secret(name: &str) -> bool {
    let name = name.strip_prefix("FLASK_").unwrap_or(name);
    matches!(
        name,
        "SECRET_KEY"
            | "SESSION_SECRET"
            | "SESSION_SECRET_KEY"
            | "COOKIE_SECRET"
            | "APP_SECRET"
            | "APP_SECRET_KEY"
    ) || name.ends_with("_SECRET_KEY")
}

/// Whether a setting of this name holds a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let ends = [
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "TOKEN",
        "API_KEY",
        "PRIVATE_KEY",
        "ABIDING_KEY",
    ];
    is_session_secret(name) || ends.iter().any(|end| name.ends_with(end))
}

/// Whether it says where a secret is, rather than which.
fn names_a_source(text: &str) -> bool {
    let schemes = [
        "file:",
        "env:",
        "credential:",
        "fd:",
        "/",
        "./",
        "vault:",
        "arn:",
    ];
    schemes.iter().any(|scheme| text.starts_with(scheme))
        || text.starts_with("${")
        || text.starts_with("{{")
}

pub(super) fn is_key(path: &str) -> bool {
    ["Key::from_secret", "Key::danger_from_secret", "Key::parse"]
        .iter()
        .any(|key| path.ends_with(key))
}

/// How many secrets are known, for documents.
pub(crate) fn known() -> (usize, usize) {
    secret::counts()
}
