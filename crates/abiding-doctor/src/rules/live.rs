//! Rules of what a URL answers: its cookies, and whether caches may keep what belongs to one visitor.

use super::one;
use crate::{
    facts::{Answer, Origin},
    live_cookie::{self, SetCookie},
    rule::{
        Broken, Rule,
        Severity::{Error, Note, Warning},
        Source::Url,
    },
    timeouts,
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "U01",
        severity: Error,
        title: "The session cookie is sent without Secure, or over plain http",
        why: "Everybody on the way can take it.",
        remedy: "https, and Secure on the cookie",
        standards: &["ASVS 3.3.1"],
        sources: &[Url],
        check: |picture| {
            cookies(picture.facts.answer.as_ref(), |answer, cookie| {
                if answer.loopback {
                    None
                } else if !answer.https {
                    Some("it came over plain http".to_owned())
                } else {
                    (!cookie.has("secure")).then(|| "it has no Secure".to_owned())
                }
            })
        },
    },
    Rule {
        id: "U02",
        severity: Error,
        title: "Scripts may read the session cookie that was sent",
        why: "One injected script sends everybody's session away.",
        remedy: "HttpOnly on the cookie",
        standards: &["ASVS 3.3.4"],
        sources: &[Url],
        check: |picture| {
            cookies(picture.facts.answer.as_ref(), |_, cookie| {
                (!cookie.has("httponly")).then(|| "it has no HttpOnly".to_owned())
            })
        },
    },
    Rule {
        id: "U03",
        severity: Warning,
        title: "The session cookie that was sent has no SameSite",
        why: "Browsers differ in what they do then; `None` sends it along with what other sites make a visitor do.",
        remedy: "SameSite=Lax on the cookie",
        standards: &["ASVS 3.3.2"],
        sources: &[Url],
        check: |picture| {
            cookies(picture.facts.answer.as_ref(), |_, cookie| {
                match cookie.get("samesite") {
                    None => Some("it has no SameSite".to_owned()),
                    Some(value) => value
                        .eq_ignore_ascii_case("none")
                        .then(|| "SameSite is None".to_owned()),
                }
            })
        },
    },
    Rule {
        id: "U04",
        severity: Note,
        title: "A session cookie that subdomains can plant",
        why: "Only a name that begins with `__Host-` makes a browser refuse it from another host, or with a Domain.",
        remedy: "name it `__Host-…`, with Secure, Path=/ and no Domain",
        standards: &["ASVS 3.3.3"],
        sources: &[Url],
        check: |picture| {
            cookies(picture.facts.answer.as_ref(), |answer, cookie| {
                (answer.https && !cookie.name.starts_with("__Host-"))
                    .then(|| "its name has no `__Host-`".to_owned())
            })
        },
    },
    Rule {
        id: "U05",
        severity: Warning,
        title: "A cookie that does not fit, or lives longer than browsers keep it",
        why: "Browsers drop a cookie of more than 4,096 bytes, and keep none for more than 400 days.",
        remedy: "a store on the server; a lifetime of at most 400 days",
        standards: &["ASVS 3.3.5", "RFC 6265bis 5.5"],
        sources: &[Url],
        check: |picture| {
            cookies(picture.facts.answer.as_ref(), |_, cookie| {
                let size = cookie.name.len() + cookie.value.len();
                let age = cookie
                    .get("max-age")
                    .and_then(|age| age.parse::<f64>().ok());
                if size > 4096 {
                    return Some(format!("it has {size} bytes"));
                }
                age.filter(|age| *age > timeouts::DAYS_400)
                    .map(|_| "Max-Age is longer than 400 days".to_owned())
            })
        },
    },
    Rule {
        id: "U06",
        severity: Error,
        title: "Caches may keep an answer that sets the session cookie",
        why: "The next visitor gets it from the cache, and with it the session of this one.",
        remedy: "Cache-Control: no-store, or private, and Vary: Cookie",
        standards: &["ASVS 14.3.2", "CVE-2023-30861"],
        sources: &[Url],
        check: |picture| {
            cookies(picture.facts.answer.as_ref(), |answer, _| {
                let control = live_cookie::header(answer, "cache-control")
                    .unwrap_or_default()
                    .to_ascii_lowercase();
                let guarded = ["no-store", "private", "no-cache"]
                    .iter()
                    .any(|word| control.contains(word));
                let varies = live_cookie::header(answer, "vary")
                    .unwrap_or_default()
                    .to_ascii_lowercase();
                let varies = varies.contains("cookie") || varies.contains('*');
                (!guarded && (!varies || control.contains("public")))
                    .then(|| "neither Cache-Control nor Vary guards it".to_owned())
            })
        },
    },
    Rule {
        id: "U07",
        severity: Warning,
        title: "The same cookie is set twice",
        why: "Browsers keep the last one, and other programs the first: which session it is depends on who asks.",
        remedy: "one layer of sessions, one Set-Cookie of a name",
        standards: &["RFC 6265 4.1.1"],
        sources: &[Url],
        check: |picture| {
            let Some(answer) = picture.facts.answer.as_ref() else {
                return Vec::new();
            };
            let cookies = live_cookie::all(answer);
            let twice = cookies.iter().enumerate().find(|(i, cookie)| {
                cookies[..*i]
                    .iter()
                    .any(|other| other.is_same_place(cookie))
            });
            one(twice.map(|(_, cookie)| {
                Broken::at(
                    &Origin::place(&answer.url),
                    format!("`{}` is set twice", cookie.name),
                )
            }))
        },
    },
    Rule {
        id: "U08",
        severity: Warning,
        title: "No Strict-Transport-Security",
        why: "The first request of a visitor who types the address goes over plain http, where it can be answered by anybody.",
        remedy: "Strict-Transport-Security: max-age=31536000; includeSubDomains",
        standards: &["ASVS 3.4.1"],
        sources: &[Url],
        check: |picture| {
            let answer = picture
                .facts
                .answer
                .as_ref()
                .filter(|answer| answer.https && !answer.loopback);
            let broken = answer.and_then(|answer| {
                let header = live_cookie::header(answer, "strict-transport-security")
                    .unwrap_or_default()
                    .to_ascii_lowercase();
                let age = header.split(';').find_map(|part| {
                    part.trim()
                        .strip_prefix("max-age=")?
                        .trim_matches('"')
                        .parse::<u64>()
                        .ok()
                });
                let what = match age {
                    None => "the header is not there",
                    Some(age) if age < 31_536_000 => "its max-age is less than a year",
                    Some(_) => return None,
                };
                Some(Broken::at(&Origin::place(&answer.url), what))
            });
            one(broken)
        },
    },
    Rule {
        id: "DR-3",
        severity: Error,
        title: "The cookie is signed with a known secret",
        why: "It was found by trying the secrets that documents show: anybody can make such a cookie, and be anybody.",
        remedy: "a new secret at once: python -c 'import secrets; print(secrets.token_hex(32))'",
        standards: &["ASVS 13.3.1"],
        sources: &[Url],
        check: |picture| {
            cookies(picture.facts.answer.as_ref(), |_, cookie| {
                live_cookie::known_secret(cookie.value)
                    .map(|shape| format!("a secret of {shape} made its signature"))
            })
        },
    },
];

/// What is said of each session cookie that was set.
fn cookies(
    answer: Option<&Answer>,
    check: impl Fn(&Answer, &SetCookie<'_>) -> Option<String>,
) -> Vec<Broken> {
    let Some(answer) = answer else {
        return Vec::new();
    };
    let cookies = live_cookie::all(answer);
    let sessions = cookies.iter().filter(|cookie| cookie.is_session());
    let broken = sessions.filter_map(|cookie| {
        let what = check(answer, cookie)?;
        Some(Broken::at(
            &Origin::place(&answer.url),
            format!("`{}`: {what}", cookie.name),
        ))
    });
    broken.collect()
}
