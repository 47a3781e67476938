//! Where the vectors lie, and how a list of cases is walked.

use std::{fs, path::PathBuf};

use serde_json::Value as Json;

/// One file of vectors.
pub(crate) struct File {
    name: &'static str,
    json: Json,
}

impl File {
    pub(crate) fn open(name: &'static str) -> Self {
        let json = serde_json::from_slice(&bytes(name)).expect(name);
        Self { name, json }
    }

    pub(crate) fn field(&self, name: &str) -> &Json {
        &self.json[name]
    }

    /// The cases of a list, of which there are some.
    pub(crate) fn cases(&self, list: &str) -> &[Json] {
        let cases = self.json[list].as_array().expect(list);
        assert!(!cases.is_empty(), "{} holds no {list}", self.name);
        cases
    }

    /// Runs `check` on every case of a list; a case that is none of ours says so and is counted apart.
    pub(crate) fn each(&self, list: &str, mut check: impl FnMut(&Json) -> Verdict) {
        let cases = self.cases(list);
        let mut tally = Tally::default();
        for case in cases {
            match check(case) {
                Verdict::Passed => tally.passed += 1,
                Verdict::Refused => tally.refused += 1,
                Verdict::Foreign => tally.foreign += 1,
            }
        }
        let Tally {
            passed,
            refused,
            foreign,
        } = tally;
        println!(
            "{} {list}: {passed} passed, {refused} refused as expected, {foreign} foreign",
            self.name
        );
        assert_eq!(passed + refused + foreign, cases.len());
        assert!(
            passed + refused > foreign,
            "{}: most {list} were skipped",
            self.name
        );
        if standard() {
            let expected = COUNTS
                .iter()
                .find(|(file, of, _)| *file == self.name && *of == list);
            let (_, _, expected) =
                expected.unwrap_or_else(|| panic!("{} {list}: no count", self.name));
            assert_eq!(
                [passed, refused, foreign],
                *expected,
                "{} {list}",
                self.name
            );
        }
    }
}

/// What became of a case.
pub(crate) enum Verdict {
    /// Read and written as expected.
    Passed,
    /// Refused, as the original refused it or as the list of exceptions says.
    Refused,
    /// An application's own class, for which no value exists.
    Foreign,
}

#[derive(Default)]
struct Tally {
    passed: usize,
    refused: usize,
    foreign: usize,
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether the repository's own set is read, whose counts are known.
fn standard() -> bool {
    setting().is_none()
}

/// A relative setting starts at the root of the repository, where people stand when they type it.
fn folder() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(setting().unwrap_or_else(|| PathBuf::from("vectors")))
}

#[expect(clippy::disallowed_methods, reason = "the one setting of this test")]
fn setting() -> Option<PathBuf> {
    std::env::var_os("ABIDING_VECTORS").map(PathBuf::from)
}

pub(crate) fn text<'a>(case: &'a Json, field: &str) -> &'a str {
    case[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} in {case}"))
}

pub(crate) fn number(case: &Json, field: &str) -> i64 {
    case[field]
        .as_i64()
        .unwrap_or_else(|| panic!("{field} in {case}"))
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits = text
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    digits
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

pub(crate) fn hex(case: &Json, field: &str) -> Vec<u8> {
    unhex(text(case, field))
}

/// Passed, refused, foreign: of the repository's set.
const COUNTS: &[(&str, &str, [usize; 3])] = &[
    ("cachelib_0060.json", "cases", [19, 0, 0]),
    ("cachelib_0102.json", "cases", [19, 0, 0]),
    ("cachelib_0170.json", "cases", [19, 0, 0]),
    ("flask_cookies.json", "sign", [96, 7, 3]),
    ("flask_cookies.json", "verify", [27, 28, 0]),
    ("flask_cookies.json", "signers", [8, 0, 0]),
    ("memcached_flask_session_050.json", "memcached", [18, 0, 0]),
    ("memcached_flask_session_060.json", "memcached", [18, 0, 0]),
    ("memcached_flask_session_070.json", "memcached", [18, 0, 0]),
    ("memcached_flask_session_080.json", "memcached", [18, 0, 0]),
    ("payload_foreign.json", "cases", [25, 9, 0]),
    ("payload_json.json", "cases", [89, 6, 3]),
    ("payload_msgpack.json", "cases", [94, 5, 3]),
    ("payload_pickle.json", "cases", [250, 1, 0]),
    ("payload_pickle.json", "hand_made", [9, 0, 0]),
    ("pickle_refuse.json", "cases", [0, 31, 0]),
    ("redis_flask_session_050.json", "redis", [14, 0, 0]),
    ("redis_flask_session_060.json", "redis", [14, 0, 0]),
    ("redis_flask_session_070.json", "redis", [28, 0, 0]),
    ("redis_flask_session_080.json", "redis", [28, 0, 0]),
    ("sids.json", "signed", [26, 0, 0]),
    ("sids.json", "checks", [2, 8, 0]),
];
