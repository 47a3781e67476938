//! Rules of Rust code that uses the library, seen outside of its tests.

use super::secrets::is_key;
use crate::{
    facts::What,
    rule::{
        Broken, Rule,
        Severity::{Error, Warning},
        Source::Tree,
    },
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "R01",
        severity: Error,
        title: "A guard is taken off",
        why: "What is called `danger_…` exists for tests and for development on one machine.",
        remedy: "the call without `danger_`, and what it asks for",
        standards: &[],
        sources: &[Tree],
        check: |picture| {
            picture
                .sights(|what| match what {
                    What::RustCall { path, .. } => {
                        let last = path.rsplit("::").next().unwrap_or(path);
                        last.starts_with("danger_").then_some(last)
                    }
                    _ => None,
                })
                .map(|(name, sight)| Broken::at(&sight.origin, format!("`{name}` is called")))
                .collect()
        },
    },
    Rule {
        id: "R02",
        severity: Warning,
        title: "Sessions or their keys live in one process",
        why: "`MemoryStore` and `KeyRing::generate` forget at every restart, and two processes share nothing.",
        remedy: "`abiding_stores::open(url)` and `KeyFile::new(path).load_or_create()`",
        standards: &[],
        sources: &[Tree],
        check: |picture| {
            picture
                .sights(|what| match what {
                    What::RustCall { path, .. } => ["MemoryStore::new", "KeyRing::generate"]
                        .into_iter()
                        .find(|call| path.ends_with(call)),
                    _ => None,
                })
                .map(|(call, sight)| {
                    Broken::at(
                        &sight.origin,
                        format!("`{call}` forgets at the end of the process"),
                    )
                })
                .collect()
        },
    },
    Rule {
        id: "R03",
        severity: Error,
        title: "A key stands in the code",
        why: "Everybody who has ever had a copy of the code can make sessions.",
        remedy: "`KeySource`: a file, a credential or a variable",
        standards: &["ASVS 13.3.1"],
        sources: &[Tree],
        check: |picture| {
            picture
                .sights(|what| match what {
                    What::RustCall {
                        path,
                        literal: Some(_),
                    } => is_key(path).then_some(()),
                    _ => None,
                })
                .map(|((), sight)| Broken::at(&sight.origin, "a literal is made a key"))
                .collect()
        },
    },
];
