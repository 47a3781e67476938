//! A memcached server.

use abiding::store::Powers;

use super::{Claim, Facts, Hosts, Kind, Processes, Scheme, UrlOption, Value, needs, opener};

pub(crate) const KIND: Kind = Kind {
    name: "memcached",
    title: "memcached",
    feature: Some(needs!("memcached")),
    schemes: &[
        Scheme {
            name: "memcached",
            example: "memcached://10.0.0.7:11211",
            leads_to: "one server",
            feature: None,
            hosts: Hosts::One,
            options: &[],
        },
        Scheme {
            name: "memcached+unix",
            example: "memcached+unix:///run/memcached/socket",
            leads_to: "one server on this machine",
            feature: None,
            hosts: Hosts::None,
            options: &[],
        },
    ],
    options: &[
        UrlOption::new(
            "patience",
            Value::Millis,
            "how long an exchange with the server may take before it is an error",
        )
        .or("5000"),
        UrlOption::new("prefix", Value::Text, "how the names of all items begin").or("abiding:"),
        UrlOption::new(
            "refuse_eviction",
            Value::Flag,
            "whether a server is refused that may drop living sessions: one that was not started with `-M`",
        )
        .or("false"),
    ],
    schema: None,
    facts: Facts {
        processes: Processes::All,
        durable: Claim::Never,
        survives: "the end of the processes that use it; nothing survives the end of the server, which may also drop living sessions to make room",
        evicts: Claim::AsConfigured,
        sealed: true,
        powers: Powers::new(false, true, false),
        watch: Claim::Never,
        trips: "read 1, read then write 2, write alone 1 or 2, new 1, sign-in 4 after a read",
    },
    open: opener!("memcached", crate::memcached::open_url),
};
