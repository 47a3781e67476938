//! A Redis server, by itself or behind Sentinels; or a Redis Cluster.

use abiding::store::Powers;

use super::{Claim, Facts, Hosts, Kind, Processes, Scheme, UrlOption, Value, needs, opener};

const SENTINEL_PASSWORD: UrlOption = UrlOption::new(
    "sentinel_password",
    Value::Secret,
    "the password for the Sentinels, which have none of the primary's",
);
const ROOTS: UrlOption = UrlOption::new(
    "root_certificates",
    Value::Path,
    "certificates to trust a server by, in PEM",
)
.or("those of the system");

pub(crate) const KIND: Kind = Kind {
    name: "redis",
    title: "Redis, by itself, behind Sentinels or as a Cluster",
    feature: Some(needs!("redis")),
    schemes: &[
        Scheme {
            name: "redis",
            example: "redis://shop:secret@10.0.0.7:6379/0",
            leads_to: "one server, and the number of a database there",
            feature: None,
            hosts: Hosts::One,
            options: &[],
        },
        Scheme {
            name: "rediss",
            example: "rediss://shop:secret@redis.internal/0",
            leads_to: "the same, over TLS",
            feature: Some(needs!("redis-tls")),
            hosts: Hosts::One,
            options: &[ROOTS],
        },
        Scheme {
            name: "redis+sentinel",
            example: "redis+sentinel://shop:secret@one,two:26379,three/service/0",
            leads_to: "the primary of a service, as Sentinels at these places know it",
            feature: None,
            hosts: Hosts::Several,
            options: &[SENTINEL_PASSWORD],
        },
        Scheme {
            name: "rediss+sentinel",
            example: "rediss+sentinel://one,two,three/service",
            leads_to: "the same, all of them over TLS",
            feature: Some(needs!("redis-tls")),
            hosts: Hosts::Several,
            options: &[SENTINEL_PASSWORD, ROOTS],
        },
        Scheme {
            name: "redis+cluster",
            example: "redis+cluster://shop:secret@one,two:7000,three/",
            leads_to: "a Redis Cluster, of which these are some servers",
            feature: None,
            hosts: Hosts::Several,
            options: &[],
        },
        Scheme {
            name: "rediss+cluster",
            example: "rediss+cluster://one,two,three/",
            leads_to: "the same, all of them over TLS, each under the name by which the others announce it",
            feature: Some(needs!("redis-tls")),
            hosts: Hosts::Several,
            options: &[ROOTS],
        },
        Scheme {
            name: "unix",
            example: "unix:///run/redis/socket?db=0",
            leads_to: "one server of Redis on this machine",
            feature: None,
            hosts: Hosts::None,
            options: &[
                UrlOption::of_driver("db", Value::Number, "the number of the database").or("0"),
                UrlOption::of_driver("pass", Value::Secret, "the password"),
                UrlOption::of_driver("user", Value::Text, "the user"),
            ],
        },
    ],
    options: &[
        UrlOption::new(
            "patience",
            Value::Millis,
            "how long an operation may take before it is an error",
        )
        .or("5000"),
        UrlOption::new("prefix", Value::Text, "how the names of all keys begin").or("abiding:"),
        UrlOption::new(
            "refuse_eviction",
            Value::Flag,
            "whether a server is refused that may drop living sessions, or does not tell",
        )
        .or("false"),
        UrlOption::new(
            "replicas",
            Value::Number,
            "how many replicas must have a write before it is acknowledged",
        )
        .or("0"),
    ],
    schema: None,
    facts: Facts {
        processes: Processes::All,
        durable: Claim::AsConfigured,
        survives: "what the server's does: all with `appendfsync always`, a failover with `replicas=1`, else a crash loses seconds",
        evicts: Claim::AsConfigured,
        sealed: true,
        powers: Powers::new(false, true, true)
            .and_bulk()
            .and_survey()
            .and_walk(),
        watch: Claim::Never,
        trips: "read 1, read then write 2, write alone 1 or 2, new 1, sign-in 1 after a read (3 on a Cluster)",
    },
    open: opener!("redis", crate::redis::open_url),
};
