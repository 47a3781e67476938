//! Whether a secret can be guessed: its structure, the words of placeholders, and what was published.
//!
//! Asked by the rules, which print what is answered here and never the secret. The bounds are so far out that
//! a fresh secret of 14 bytes or more (`secrets.token_hex(14)`) is not refused.

use std::sync::LazyLock;

use crate::published::PUBLISHED;

/// Why a secret is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weakness {
    Empty,
    /// Few distinct characters, or one piece over and over, or a sequence.
    Pattern,
    /// A sentence of a person.
    Phrase,
    /// It has the words of a placeholder.
    Placeholder,
    /// It stands in a document that everybody can read.
    Published(&'static str),
    /// Too few characters of their kind to hold 112 bits.
    Short,
}

/// What is wrong with this secret; nothing if it may be one.
pub(crate) fn weakness(secret: &[u8]) -> Option<Weakness> {
    if secret.is_empty() {
        return Some(Weakness::Empty);
    }
    // Bytes of Python come as text of as many characters.
    let text = std::str::from_utf8(secret).unwrap_or_default();
    let is_spelled = |known: &[u8]| text.chars().eq(known.iter().map(|byte| char::from(*byte)));
    let is_known = |known: &[u8]| known == secret || is_spelled(known);
    if let Some((_, place, _)) = PUBLISHED.iter().find(|(known, ..)| is_known(known)) {
        return Some(Weakness::Published(place));
    }
    if is_placeholder(secret)
        || CANDIDATES
            .binary_search_by(|known| known.as_slice().cmp(secret))
            .is_ok()
    {
        return Some(Weakness::Placeholder);
    }
    // The order is that of how much each tells.
    if is_pattern(secret) {
        Some(Weakness::Pattern)
    } else if bits(secret) < ENOUGH_BITS {
        Some(Weakness::Short)
    } else if is_phrase(secret) {
        Some(Weakness::Phrase)
    } else {
        None
    }
}

/// What a secret looks like, without it: its length and its kinds of characters.
pub(crate) fn shape(secret: &[u8]) -> String {
    if secret.is_empty() {
        return "empty".to_owned();
    }
    let kinds: Vec<_> = KINDS
        .iter()
        .filter(|kind| secret.iter().any(|byte| (kind.has)(*byte)))
        .map(|kind| kind.name)
        .collect();
    let (length, plural) = (secret.len(), if secret.len() == 1 { "" } else { "s" });
    format!("{length} character{plural}: {}", kinds.join(", "))
}

/// Secrets to try on a signed cookie: what was published, and what people make of a few words. In order.
pub(crate) static CANDIDATES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut all: Vec<Vec<u8>> = PUBLISHED
        .iter()
        .map(|(secret, ..)| secret.to_vec())
        .collect();
    for words in PHRASES {
        for joint in ["", " ", "-", "_"] {
            let plain = words.join(joint);
            let mut titled = words.to_vec().join(joint);
            if let Some(first) = titled.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            for base in [plain.clone(), titled, plain.to_ascii_uppercase()] {
                for ending in ENDINGS {
                    all.push(format!("{base}{ending}").into_bytes());
                }
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    all
});

/// How many secrets are known by heart, and how many are tried on a cookie.
pub(crate) fn counts() -> (usize, usize) {
    (PUBLISHED.len(), CANDIDATES.len())
}

impl std::fmt::Display for Weakness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::Pattern => f.write_str("repeats itself or counts"),
            Self::Phrase => f.write_str("is words of a person"),
            Self::Placeholder => f.write_str("has the words of a placeholder"),
            Self::Published(place) => write!(f, "is published: {place}"),
            Self::Short => f.write_str("is too short"),
        }
    }
}

/// What NIST SP 800-131A asks of a key since 2014.
const ENOUGH_BITS: f64 = 112.0;

/// The most bits that a text of these kinds of characters and this length can hold.
fn bits(secret: &[u8]) -> f64 {
    let hexadecimal = secret
        .iter()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
        || secret
            .iter()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'A'..=b'F'));
    let alphabet: u32 = if secret.iter().all(u8::is_ascii_digit) {
        10
    } else if hexadecimal {
        16
    } else {
        let there = |kind: &&Kind| secret.iter().any(|byte| (kind.has)(*byte));
        KINDS.iter().filter(there).map(|kind| kind.size).sum()
    };
    f64::from(alphabet.max(2)).log2() * secret.len() as f64
}

struct Kind {
    name: &'static str,
    size: u32,
    has: fn(u8) -> bool,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "small letters",
        size: 26,
        has: |byte| byte.is_ascii_lowercase(),
    },
    Kind {
        name: "capitals",
        size: 26,
        has: |byte| byte.is_ascii_uppercase(),
    },
    Kind {
        name: "digits",
        size: 10,
        has: |byte| byte.is_ascii_digit(),
    },
    Kind {
        name: "signs",
        size: 33,
        has: |byte| byte.is_ascii_punctuation() || byte == b' ',
    },
    Kind {
        name: "other bytes",
        size: 161,
        has: |byte| !(b' '..=b'~').contains(&byte),
    },
];

fn is_pattern(secret: &[u8]) -> bool {
    if secret.len() < 8 {
        return false;
    }
    let mut seen = [false; 256];
    secret
        .iter()
        .for_each(|byte| seen[usize::from(*byte)] = true);
    let distinct = seen.iter().filter(|seen| **seen).count();
    let steps = secret.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let sequential = steps.filter(|step| matches!(step, 0 | 1 | 255)).count();
    let repeats = (1..=secret.len() / 2).any(|length| {
        let piece = &secret[..length];
        secret.chunks(length).all(|chunk| piece.starts_with(chunk))
    });
    // Of 28 random hexadecimal digits fewer than 6 are distinct once in 10^10 secrets; that more than
    // half of their steps are 0, 1 or -1 is as rare.
    distinct < 6.min(secret.len()) || sequential * 2 > secret.len() + 4 || repeats
}

/// Small letters in words divided by one kind of sign.
fn is_phrase(secret: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(secret) else {
        return false;
    };
    let is_word = |word: &str| {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit() || ".,!?".contains(c));
        let mut letters = letters.chars();
        letters
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|c| c.is_ascii_lowercase() || c == '\'')
    };
    let words = |joint: char| {
        let words: Vec<_> = text.split(joint).collect();
        (3..9).contains(&words.len()) && words.iter().all(|word| is_word(word))
    };
    words(' ') || words('-') || words('_')
}

fn is_placeholder(secret: &[u8]) -> bool {
    let text = String::from_utf8_lossy(secret).to_ascii_lowercase();
    let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
    if PLACEHOLDERS.iter().any(|word| letters.contains(word)) {
        return true;
    }
    // A short word counts where it stands by itself, and beside another one or alone.
    let words: Vec<_> = text
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| !word.is_empty())
        .collect();
    let common: Vec<_> = words
        .iter()
        .filter(|word| SHORT_WORDS.contains(word))
        .collect();
    // Random bytes hold a word of two letters now and then, but little else that is one.
    let most = common.iter().map(|word| word.len()).sum::<usize>() * 2 >= secret.len();
    most && (common.len() == words.len() || common.len() > 1)
        || secret.iter().all(|byte| (b' '..=b'~').contains(byte)) && is_bracketed(&text)
}

/// `<your key>`, `${SECRET}`
fn is_bracketed(text: &str) -> bool {
    text.starts_with('<') && text.ends_with('>') || text.starts_with("${") && text.ends_with('}')
}

/// Words of placeholders, by their letters. Eight or more: chance spells one of them in base64 less than once in 10^9.
const PLACEHOLDERS: &[&str] = &[
    "changeit",
    "changeme",
    "changethis",
    "changeinproduction",
    "cookiekey",
    "cookiesecret",
    "defaultkey",
    "developmentkey",
    "donotuse",
    "examplekey",
    "generateone",
    "hardtoguess",
    "insecure",
    "keyboardcat",
    "mysecret",
    "neverguess",
    "notasecret",
    "notsecret",
    "password",
    "placeholder",
    "replaceme",
    "replacethis",
    "secretkey",
    "sessionkey",
    "sessionsecret",
    "signingkey",
    "somesecret",
    "supersecret",
    "temporarykey",
    "thisisasecret",
    "thisissecret",
    "topsecret",
    "verysecret",
    "yourkey",
    "yoursecret",
];

/// Words that are no placeholder inside another one.
const SHORT_WORDS: &[&str] = &[
    "app",
    "change",
    "default",
    "demo",
    "dev",
    "development",
    "example",
    "flask",
    "guess",
    "here",
    "key",
    "local",
    "me",
    "my",
    "prod",
    "production",
    "random",
    "secret",
    "session",
    "some",
    "temp",
    "test",
    "testing",
    "the",
    "this",
    "todo",
    "xxx",
    "your",
];

/// Phrases that people take for secrets, to be joined and ended in the usual ways.
const PHRASES: &[&[&str]] = &[
    &["a", "secret"],
    &["a", "secret", "key"],
    &["a", "very", "secret", "key"],
    &["abc"],
    &["admin"],
    &["app", "secret"],
    &["app", "secret", "key"],
    &["change", "me"],
    &["change", "me", "in", "production"],
    &["change", "this"],
    &["change", "this", "in", "production"],
    &["default"],
    &["default", "secret", "key"],
    &["demo"],
    &["dev"],
    &["dev", "key"],
    &["dev", "secret"],
    &["dev", "secret", "key"],
    &["dev", "secret", "key", "change", "in", "production"],
    &["dev", "secret", "key", "change", "me"],
    &["development"],
    &["development", "key"],
    &["development", "secret", "key"],
    &["example"],
    &["flask"],
    &["flask", "app"],
    &["flask", "secret"],
    &["flask", "secret", "key"],
    &["flask", "session"],
    &["hello"],
    &["hello", "world"],
    &["insecure"],
    &["key"],
    &["local", "dev"],
    &["my", "key"],
    &["my", "secret"],
    &["my", "secret", "key"],
    &["my", "super", "secret", "key"],
    &["my", "very", "secret", "key"],
    &["my", "app"],
    &["my", "app", "secret", "key"],
    &["not", "a", "secret"],
    &["not", "secret"],
    &["password"],
    &["placeholder"],
    &["random"],
    &["random", "string"],
    &["random", "secret", "key"],
    &["replace", "me"],
    &["s3cr3t"],
    &["secret"],
    &["secret", "key"],
    &["secret", "key", "here"],
    &["secrets"],
    &["session"],
    &["session", "key"],
    &["session", "secret"],
    &["some", "key"],
    &["some", "random", "key"],
    &["some", "random", "string"],
    &["some", "secret"],
    &["some", "secret", "key"],
    &["super", "secret"],
    &["super", "secret", "key"],
    &["temp"],
    &["temporary", "key"],
    &["test"],
    &["test", "key"],
    &["test", "secret"],
    &["test", "secret", "key"],
    &["testing"],
    &["the", "secret", "key"],
    &["this", "is", "a", "secret"],
    &["this", "is", "a", "secret", "key"],
    &["this", "is", "a", "very", "secret", "key"],
    &["this", "is", "my", "secret", "key"],
    &["this", "is", "secret"],
    &["top", "secret"],
    &["very", "secret"],
    &["very", "secret", "key"],
    &["your", "key"],
    &["your", "secret"],
    &["your", "secret", "key"],
    &["your", "secret", "key", "here"],
    &["your", "super", "secret", "key"],
];

const ENDINGS: &[&str] = &[
    "", "!", "!!", "1", "12", "123", "1234", "12345", "123456", "?", ".",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_no_secret() {
        for (secret, weakness_of) in [
            ("", Weakness::Empty),
            ("dev", Weakness::Published("the tutorial of Flask")),
            ("dev-secret-key-change-in-production", Weakness::Placeholder),
            ("your-secret-key-here", Weakness::Placeholder),
            ("My Secret 2024", Weakness::Placeholder),
            ("<generate one>", Weakness::Placeholder),
            ("test-key", Weakness::Placeholder),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Weakness::Pattern),
            ("abcdefghijklmnopqrstuvwxyz012345", Weakness::Pattern),
            ("s0m3Th1ngs0m3Th1ngs0m3Th1ng", Weakness::Pattern),
            ("organizer2024", Weakness::Short),
            ("9f8e7d6c5b4a3928", Weakness::Short),
            ("the membership form of our club", Weakness::Phrase),
        ] {
            assert_eq!(weakness(secret.as_bytes()), Some(weakness_of), "{secret}");
        }
    }

    /// DR-1: fresh secrets of each kind that documents recommend, none of them refused.
    #[test]
    fn fresh_secrets_are_taken() {
        let (fresh, mut bytes) = (100_000 / 4, [0_u8; 32]);
        for _ in 0..fresh {
            getrandom::fill(&mut bytes).unwrap();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let url =
                base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
            for secret in [
                hex.as_bytes(),
                &hex.as_bytes()[..32],
                url.as_bytes(),
                &bytes[..24],
            ] {
                let found = weakness(secret);
                assert_eq!(found, None, "a fresh secret of {}", shape(secret));
            }
        }
    }

    #[test]
    fn every_published_secret_is_refused_and_tried() {
        for (secret, place, source) in PUBLISHED {
            assert_eq!(weakness(secret), Some(Weakness::Published(place)));
            assert!(CANDIDATES.iter().any(|candidate| candidate == secret));
            assert!(!source.is_empty());
            // What is like it is another one's, if it is none's.
            let known = |near: &[u8]| PUBLISHED.iter().any(|(secret, ..)| *secret == near);
            let more = [secret, &b"~"[..]].concat();
            for near in [&secret[1..], &more] {
                let published = matches!(weakness(near), Some(Weakness::Published(_)));
                assert_eq!(published, known(near), "{}", shape(near));
            }
        }
        assert!(
            CANDIDATES
                .iter()
                .all(|candidate| weakness(candidate).is_some())
        );
    }

    #[test]
    fn a_shape_tells_length_and_kinds_alone() {
        assert_eq!(
            shape(b"aB3-"),
            "4 characters: small letters, capitals, digits, signs"
        );
        assert_eq!(shape(b"x"), "1 character: small letters");
        assert_eq!(shape(b""), "empty");
    }
}
