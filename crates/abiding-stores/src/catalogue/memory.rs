//! The memory store, which is the core's own.

use std::future::ready;

use abiding::{
    MemoryStore,
    store::{AnyStore, Powers},
};

use super::{Claim, Facts, Hosts, Kind, Processes, Scheme};

pub(crate) const KIND: Kind = Kind {
    name: "memory",
    title: "Memory",
    feature: None,
    schemes: &[Scheme {
        name: "memory",
        example: "memory:",
        leads_to: "a new store in this process",
        feature: None,
        hosts: Hosts::None,
        options: &[],
    }],
    options: &[],
    schema: None,
    facts: Facts {
        processes: Processes::One,
        durable: Claim::Never,
        survives: "nothing",
        evicts: Claim::Never,
        sealed: false,
        powers: Powers::new(true, true, true).and_bulk().and_survey(),
        watch: Claim::Always,
        trips: "none",
    },
    open: Some(|url| {
        let new = || {
            AnyStore::of(MemoryStore::new())
                .scan()
                .subjects()
                .bulk()
                .survey()
                .sweep()
                .watch()
        };
        Box::pin(ready(url.no_path().map(|()| new().build())))
    }),
};
