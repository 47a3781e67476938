//! One folder of files.

use abiding::store::Powers;

use super::{Claim, Facts, Hosts, Kind, Processes, Scheme, UrlOption, Value, needs, opener};

pub(crate) const KIND: Kind = Kind {
    name: "file",
    title: "Files in a folder",
    feature: Some(needs!("file")),
    schemes: &[Scheme {
        name: "file",
        example: "file:///var/lib/shop/sessions",
        leads_to: "the folder of that name; `file:sessions` is one in the current directory",
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
            "how long an operation may wait for its turn",
        )
        .or("5000"),
        UrlOption::new("threads", Value::Count, "how many threads write").or("8"),
    ],
    schema: Some(1),
    facts: Facts {
        processes: Processes::OfOneMachine,
        durable: Claim::Always,
        survives: "power loss; `kill -9` alone with `durability=process`",
        evicts: Claim::Never,
        sealed: true,
        powers: Powers::new(true, true, true).and_survey(),
        watch: Claim::Never,
        trips: "none: calls of this process",
    },
    open: opener!("file", crate::file::open_url),
};
