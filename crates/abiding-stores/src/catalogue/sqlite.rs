//! One SQLite file.

use abiding::store::Powers;

use super::{Claim, Facts, Hosts, Kind, Processes, Scheme, UrlOption, Value, needs, opener};

pub(crate) const KIND: Kind = Kind {
    name: "sqlite",
    title: "SQLite",
    feature: Some(needs!("sqlite")),
    schemes: &[Scheme {
        name: "sqlite",
        example: "sqlite:///var/lib/shop/sessions.db",
        leads_to: "the file of that name; `sqlite:sessions.db` is one in the current directory",
        feature: None,
        hosts: Hosts::None,
        options: &[],
    }],
    options: &[
        UrlOption::new(
            "durability",
            Value::Choice(&["power", "process"]),
            "what an acknowledged write survives: power loss, or the end of the process alone",
        )
        .or("power"),
        UrlOption::new(
            "patience",
            Value::Millis,
            "how long a write may wait for its turn",
        )
        .or("5000"),
        UrlOption::new(
            "readers",
            Value::Count,
            "how many reads may run at the same moment",
        )
        .or("the number of cores, from 2 to 8"),
    ],
    schema: Some(1),
    facts: Facts {
        processes: Processes::OfOneMachine,
        durable: Claim::Always,
        survives: "power loss; `kill -9` alone with `durability=process`",
        evicts: Claim::Never,
        sealed: true,
        powers: Powers::new(true, true, true).and_bulk().and_survey(),
        watch: Claim::Never,
        trips: "none: calls of this process",
    },
    open: opener!("sqlite", crate::sqlite::open_url),
};
