//! Keys that keep no secret: patterns, phrases and what was published.
//!
//! Asked by [`Key`](super::Key) before it takes bytes or text. Every bound is so far out that fewer
//! than one fresh key in 10^8 is refused.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::Key;

/// Whether these bytes show a pattern: few distinct ones, text, or steps that repeat (counters,
/// sequences, counters under a mask).
pub(super) fn is_pattern(bytes: &[u8; Key::LEN]) -> bool {
    let steps = |step: fn(u8, u8) -> u8| bytes.windows(2).map(move |pair| step(pair[0], pair[1]));
    // Of 32 random bytes fewer than 20 are distinct once in 10^9 keys or less, and of the 31 steps
    // between them fewer than 18 once in 10^11.
    distinct(bytes.iter().copied()) < 20
        || distinct(steps(|a, b| b.wrapping_sub(a))) < 18
        || distinct(steps(|a, b| a ^ b)) < 18
        || bytes.iter().all(|byte| (0x20..0x7f).contains(byte))
}

/// Whether these bytes stand in a document that everybody can read, or are the digest of a phrase
/// that everybody tries.
pub(super) fn is_published(bytes: &[u8; Key::LEN]) -> bool {
    let digested = |phrase: &&str| digest(&SHA256, phrase.as_bytes()).as_ref() == bytes;
    let published = |&(text, _): &(&str, &str)| {
        URL_SAFE_NO_PAD
            .decode(text)
            .is_ok_and(|known| known == bytes)
    };
    PHRASES.iter().any(digested) || PUBLISHED.iter().any(published)
}

/// Whether this text, which happens to spell 32 bytes, was written by a person: words, one case
/// only, or few distinct characters.
pub(super) fn is_phrase(text: &str) -> bool {
    let letters = || text.chars().filter(char::is_ascii_alphabetic);
    let folded: String = letters().map(|c| c.to_ascii_lowercase()).collect();
    // 43 random characters hold no capital, or no small letter, less than once in 10^9 keys, and
    // fewer than 18 distinct ones less than once in 10^10.
    letters().all(|c| c.is_ascii_lowercase())
        || letters().all(|c| c.is_ascii_uppercase())
        || distinct(text.bytes()) < 18
        || WORDS.iter().any(|word| folded.contains(word))
}

/// Whether a framework's secret, which may be any text, shows that a person wrote it: few distinct
/// characters, or the words of a placeholder.
pub(super) fn is_guessable(secret: &[u8]) -> bool {
    let letters = secret.iter().filter(|byte| byte.is_ascii_alphabetic());
    let folded: String = letters
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect();
    // Of 32 random hexadecimal digits fewer than 6 are distinct once in 10^12 secrets.
    distinct(secret.iter().copied()) < 6 || WORDS.iter().any(|word| folded.contains(word))
}

fn distinct(values: impl Iterator<Item = u8>) -> usize {
    let mut seen = [false; 256];
    values.for_each(|value| seen[usize::from(value)] = true);
    seen.iter().filter(|&&seen| seen).count()
}

/// Words of placeholders. Eight letters or more: chance spells one of them less than once in 10^9.
const WORDS: &[&str] = &[
    "changeit",
    "changeme",
    "changethis",
    "cookiekey",
    "cookiesecret",
    "examplekey",
    "insecure",
    "keyboardcat",
    "mysecret",
    "notsecret",
    "password",
    "placeholder",
    "secretkey",
    "sessionkey",
    "sessionsecret",
    "signingkey",
    "supersecret",
    "topsecret",
    "yoursecret",
];

/// Phrases whose SHA-256 people take for a key.
const PHRASES: &[&str] = &[
    "",
    "0",
    "1",
    "123456",
    "abc",
    "abiding",
    "admin",
    "changeme",
    "correct horse battery staple",
    "cookie",
    "default",
    "demo",
    "dev",
    "development",
    "hello",
    "hello world",
    "key",
    "keyboard cat",
    "my-secret-key",
    "passphrase",
    "password",
    "secret",
    "secret-key",
    "secretkey",
    "session",
    "session-secret",
    "super-secret",
    "test",
    "the quick brown fox jumps over the lazy dog",
    "The quick brown fox jumps over the lazy dog",
];

/// Random keys that documents show, in base64url, with where they stand.
const PUBLISHED: &[(&str, &str)] = &[
    (
        "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4",
        "Fernet's specification",
    ),
    (
        "YD3rEBXKcb4rc67whX13gR81LAc7YQjXLZgQowkU3_Q",
        "NIST SP 800-38A, F.1.5",
    ),
    (
        "ya-p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE",
        "RFC 6979, A.2.5",
    ),
    (
        "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
        "RFC 7520, 3.5",
    ),
    (
        "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "RFC 8032, 7.1, test 1",
    ),
    (
        "TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs",
        "RFC 8032, 7.1, test 2",
    ),
    (
        "xaqN9D-fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPc",
        "RFC 8032, 7.1, test 3",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// DR-1.
    #[test]
    fn patterns_are_no_keys() {
        let byte = |at: fn(usize) -> u8| std::array::from_fn(at);
        for (what, bytes) in [
            ("one byte", byte(|_| 0xa7)),
            ("a count", byte(|i| i as u8)),
            ("a count down", byte(|i| 251_u8.wrapping_sub((i * 7) as u8))),
            ("a count under a mask", byte(|i| i as u8 ^ 0xa5)),
            (
                "a count that turns over",
                byte(|i| (i as u8).wrapping_add(0xf0)),
            ),
            ("two counts", byte(|i| (i / 2 + i % 2 * 128) as u8)),
            ("doubled bytes", byte(|i| (i as u8 / 2).wrapping_mul(37))),
        ] {
            assert!(is_pattern(&bytes), "{what}");
        }
    }

    /// DR-1: what everybody can look up, and what people type when asked for 43 characters.
    #[test]
    fn published_keys_digests_of_phrases_and_words_are_refused() {
        let digest_of_secret = "K7gNU3sdo-OL0wNhqoVWhr3g6s1xYv72ol_pe_Unols";
        let words = [
            "this-is-my-own-long-session-signing-key-ok0",
            "THIS-IS-MY-OWN-LONG-SESSION-SIGNING-KEY-OK0",
            "PleaseChangeMe-BeforeProduction-2026-abcDEE",
            "Placeholder0Key9For8Our7Test6Server5Only4-A",
            "AbAbAbAbAbAbAbCdCdCdCdCdCdEfEfEfEfEfGhGhGhA",
        ];
        let published = PUBLISHED.iter().map(|(key, _)| *key);
        for text in published.chain([digest_of_secret]).chain(words) {
            let error = Key::parse(text).unwrap_err().to_string();
            assert!(error.contains("openssl"), "{text}: {error}");
            assert!(!error.contains(text), "{error}");
        }
    }
}
