//! Rules of what a store says of itself.

use super::one;
use crate::{
    facts::{Origin, StoreSays, What},
    rule::{
        Broken, Rule,
        Severity::{Error, Warning},
        Source::{Store, Tree},
    },
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "S01",
        severity: Error,
        title: "The store cannot be reached, or not used by this release",
        why: "Every request that looks at its session fails.",
        remedy: "what the message says: the address, the password, the certificate, the grants, the schema",
        standards: &[],
        sources: &[Store],
        check: |picture| says(picture.facts.store.as_ref(), |store| store.refusal.clone()),
    },
    Rule {
        id: "S02",
        severity: Warning,
        title: "The way to the store is not encrypted",
        why: "Who listens on it reads ids and passwords of the store, and where sessions are not sealed the sessions.",
        remedy: "rediss:, sslmode=verify-full, ssl-mode=VERIFY_IDENTITY; docs/stores.md has the options",
        standards: &["ASVS 12.3.1"],
        sources: &[Store],
        check: |picture| {
            says(picture.facts.store.as_ref(), |store| {
                let open = store.encrypted == Some(false) && !store.local;
                open.then(|| "it is reached in the clear, across a network".to_owned())
            })
        },
    },
    Rule {
        id: "S03",
        severity: Warning,
        title: "The user of the store may do more than sessions need",
        why: "A fault in the application is then one in everything that lies there.",
        remedy: "a user of its own, with the grants in docs/stores.md",
        standards: &["ASVS 13.2.2"],
        sources: &[Store],
        check: |picture| {
            says(picture.facts.store.as_ref(), |store| {
                (!store.excessive.is_empty())
                    .then(|| format!("it may: {}", store.excessive.join(", ")))
            })
        },
    },
    Rule {
        id: "S04",
        severity: Error,
        title: "The server drops living sessions",
        why: "When its memory is full it removes what has not been used for longest, or anything: people are signed out at random.",
        remedy: "Redis: maxmemory-policy noeviction; memcached: start it with -M",
        standards: &[],
        sources: &[Store, Tree],
        check: |picture| {
            let mut all = says(picture.facts.store.as_ref(), |store| {
                let policy = store.eviction.as_ref().filter(|policy| evicts(policy))?;
                Some(format!("its policy is {policy}"))
            });
            let told = picture.sights(|what| match what {
                What::ServerOption { name, value } if name == "maxmemory-policy" => {
                    evicts(value).then_some(value)
                }
                _ => None,
            });
            all.extend(told.map(|(policy, sight)| {
                Broken::at(&sight.origin, format!("maxmemory-policy is {policy}"))
            }));
            all
        },
    },
    Rule {
        id: "S05",
        severity: Warning,
        title: "The clocks of store and application differ",
        why: "What expires by one clock lives by the other: sessions end early or late by the difference.",
        remedy: "a time service (chrony, systemd-timesyncd) on both",
        standards: &["ASVS 16.2.2"],
        sources: &[Store],
        check: |picture| {
            says(picture.facts.store.as_ref(), |store| {
                let skew = store.skew.filter(|skew| skew.abs() > 2.0)?;
                let which = if skew > 0.0 { "ahead of" } else { "behind" };
                Some(format!(
                    "the server is {:.0} s {which} this machine",
                    skew.abs()
                ))
            })
        },
    },
    Rule {
        id: "S06",
        severity: Warning,
        title: "MySQL cuts off what does not fit",
        why: "Without a strict sql_mode a value that is too long is shortened and stored: a session that cannot be read.",
        remedy: "sql_mode with STRICT_TRANS_TABLES, which is the default",
        standards: &["CVE-2016-3171"],
        sources: &[Store],
        check: |picture| {
            says(picture.facts.store.as_ref(), |store| {
                let mode = store.sql_mode.as_ref()?.to_ascii_uppercase();
                (!mode.contains("STRICT_")).then(|| "sql_mode is not strict".to_owned())
            })
        },
    },
    Rule {
        id: "S07",
        severity: Error,
        title: "A file or folder of sessions that others may read",
        why: "Other users of the machine see when who was here; who may write can undo sessions.",
        remedy: "chmod 0600 for the file, 0700 for the folder",
        standards: &["ASVS 13.2.2"],
        sources: &[Store],
        check: |picture| {
            says(picture.facts.store.as_ref(), |store| {
                Some(format!("its mode is {:04o}", store.loose_mode?))
            })
        },
    },
];

/// All keys of sessions have an expiry, so that every policy but one means them.
fn evicts(policy: &str) -> bool {
    policy != "noeviction"
}

fn says(store: Option<&StoreSays>, check: impl Fn(&StoreSays) -> Option<String>) -> Vec<Broken> {
    let broken =
        store.and_then(|store| Some(Broken::at(&Origin::place(&store.url), check(store)?)));
    one(broken)
}
