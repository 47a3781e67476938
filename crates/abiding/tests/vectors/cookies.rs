//! `flask_cookies.json`: what Flask signs and what it accepts.

use std::time::Duration;

use abiding::{
    ErrorKind, Timestamp,
    compat::{
        Dict,
        cookie::CookieCodec,
        signer::{Derivation, Digest, Refusal, Secrets, Signer},
    },
};
use serde_json::Value as Json;

use crate::{
    folder::{File, Verdict, number, text, unhex},
    notation,
};

#[test]
fn sessions_are_signed_as_flask_signs_them() {
    File::open("flask_cookies.json").each("sign", |case| {
        let id = text(case, "id");
        let codec =
            CookieCodec::new(secrets(case)).with_sorted_keys(text(case, "context") == "request");
        let Some(session) = notation::dict(&case["value"]) else {
            assert!(case["error"].is_object(), "{id}");
            return Verdict::Foreign;
        };
        let written = codec.write(&session, now(case));
        if case["error"].is_object() {
            assert_eq!(written.unwrap_err().kind(), ErrorKind::Encode, "{id}");
            return Verdict::Refused;
        }
        let (ours, theirs) = (written.unwrap(), text(case, "cookie"));
        // Another zlib may find the compressed form a byte shorter or longer.
        if !ours.starts_with('.') && !theirs.starts_with('.') {
            assert_eq!(ours, theirs, "{id}");
        }
        let expected = match case["loads_to"].is_null() {
            true => session,
            false => notation::dict(&case["loads_to"]).unwrap(),
        };
        let minute = Duration::from_secs(60);
        for cookie in [theirs, &ours] {
            assert_eq!(
                codec.read(cookie, now(case), minute).unwrap(),
                Some(expected.clone()),
                "{id}"
            );
        }
        Verdict::Passed
    });
}

#[test]
fn cookies_are_judged_as_flask_judges_them() {
    File::open("flask_cookies.json").each("verify", |case| {
        let id = text(case, "id");
        let codec = CookieCodec::new(secrets(case));
        let lifetime = Duration::from_secs(number(case, "permanent_session_lifetime_s") as u64);
        let header = case["cookie_header"].as_str();
        let header = header.map_or_else(
            || format!("session={}", text(case, "cookie")),
            str::to_owned,
        );
        let Some(cookie) = session_cookie(&header) else {
            assert_eq!(text(case, "outcome"), "no_cookie", "{id}");
            return Verdict::Refused;
        };
        let read = codec.read(cookie, now(case), lifetime);
        match text(case, "outcome") {
            "session" => {
                let expected = notation::dict(&case["session"]).unwrap();
                assert_eq!(read.unwrap(), Some(expected), "{id}");
                Verdict::Passed
            }
            "empty_session" => {
                assert_eq!(read.unwrap(), None, "{id}");
                let refusal = codec
                    .signer()
                    .unsign_at(cookie, now(case), lifetime)
                    .unwrap_err();
                let expired = text(case, "reason") == "SignatureExpired";
                assert_eq!(refusal == Refusal::Expired, expired, "{id}");
                Verdict::Refused
            }
            "exception" => {
                assert_eq!(read.unwrap_err().kind(), ErrorKind::Corrupt, "{id}");
                Verdict::Refused
            }
            other => panic!("{id}: {other}"),
        }
    });
}

#[test]
fn every_derivation_and_digest_signs_as_itsdangerous_does() {
    File::open("flask_cookies.json").each("signers", |case| {
        let derivation = match text(case, "key_derivation") {
            "concat" => Derivation::Concat,
            "django-concat" => Derivation::DjangoConcat,
            "hmac" => Derivation::Hmac,
            "none" => Derivation::None,
            other => panic!("{other}"),
        };
        let digest = match text(case, "digest") {
            "sha1" => Digest::Sha1,
            "sha256" => Digest::Sha256,
            "sha512" => Digest::Sha512,
            other => panic!("{other}"),
        };
        let signer = Signer::new(
            &secrets(case),
            text(case, "salt").as_bytes(),
            derivation,
            digest,
        );
        let message = text(case, "message");
        assert_eq!(signer.sign(message), text(case, "signed"));
        assert_eq!(signer.unsign(text(case, "signed")), Ok(message));
        let timed = text(case, "timestamp_signed");
        assert_eq!(signer.sign_at(message, now(case)), timed);
        assert_eq!(
            signer.unsign_at(timed, now(case), Duration::ZERO),
            Ok(message)
        );
        Verdict::Passed
    });
}

#[test]
fn a_broken_cookie_is_refused_and_never_panics() {
    for case in File::open("flask_cookies.json").cases("verify") {
        let cookie = text(case, "cookie");
        let codec = CookieCodec::new(secrets(case));
        let expected = codec.read(cookie, now(case), Duration::MAX).ok().flatten();
        for end in (0..cookie.len()).filter(|end| cookie.is_char_boundary(*end)) {
            let read = codec.read(&cookie[..end], now(case), Duration::MAX);
            // Only padding may be missing: Python does not look at it.
            let read = read.unwrap_or_default();
            assert!(
                read.is_none() || (cookie.ends_with('=') && read == expected),
                "{cookie} up to {end}"
            );
        }
        // Some cases are one bit away from a valid cookie, so this is for those that are valid.
        let whole = text(case, "outcome") == "session";
        for broken in crate::broken::flipped(cookie.as_bytes()).filter(|_| whole) {
            let Ok(broken) = String::from_utf8(broken) else {
                continue;
            };
            // A flip may only pass where Python ignores the bits: it then says the same.
            let read = codec
                .read(&broken, now(case), Duration::MAX)
                .unwrap_or_default();
            assert!(read.is_none() || read == expected, "{broken}");
        }
        // The payload itself, behind a signature that holds.
        let payload = cookie
            .split('.')
            .find(|part| !part.is_empty())
            .unwrap_or_default();
        for dot in ["", "."] {
            for broken in crate::broken::all(format!("{dot}{payload}").as_bytes()) {
                if let Ok(broken) = String::from_utf8(broken) {
                    let signed = codec.signer().sign_at(&broken, now(case));
                    let _: Result<Option<Dict>, _> = codec.read(&signed, now(case), Duration::MAX);
                }
            }
        }
    }
}

/// The first cookie named `session`, as Werkzeug picks it; an empty one is none.
fn session_cookie(header: &str) -> Option<&str> {
    let mut pairs = header.split("; ").filter_map(|pair| pair.split_once('='));
    let (_, cookie) = pairs.find(|(name, _)| *name == "session")?;
    Some(cookie).filter(|cookie| !cookie.is_empty())
}

pub(crate) fn secrets(case: &Json) -> Secrets {
    let fallbacks = case["fallbacks"].as_array().into_iter().flatten();
    fallbacks.fold(secret(&case["secret_key"]), |ring, key| {
        ring.with_fallback(key_bytes(key)).unwrap()
    })
}

pub(crate) fn secret(key: &Json) -> Secrets {
    Secrets::new(key_bytes(key)).unwrap()
}

fn key_bytes(key: &Json) -> Vec<u8> {
    match key["str"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => unhex(text(key, "hex")),
    }
}

fn now(case: &Json) -> Timestamp {
    Timestamp::from_millis(number(case, "now") * 1_000)
}
