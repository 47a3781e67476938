//! A table of PostgreSQL.

use abiding::store::Powers;

use super::{Claim, Facts, Hosts, Kind, Processes, Scheme, UrlOption, Value, needs, opener};

pub(crate) const KIND: Kind = Kind {
    name: "postgres",
    title: "PostgreSQL",
    feature: Some(needs!("postgres")),
    schemes: &[
        Scheme {
            name: "postgres",
            example: "postgres://shop:secret@db1,db2:5433/shop?table=web_sessions",
            leads_to: "a table; of several servers, the one that can be written to. A directory, percent-encoded, is the place of a socket",
            feature: None,
            hosts: Hosts::Several,
            options: &[],
        },
        Scheme {
            name: "postgresql",
            example: "postgresql://shop@%2Frun%2Fpostgresql/shop",
            leads_to: "the same",
            feature: None,
            hosts: Hosts::Several,
            options: &[],
        },
    ],
    options: &[
        UrlOption::new(
            "announce",
            Value::Flag,
            "whether all who watch are told when this process ends or moves a session; every process that uses the table must say the same",
        )
        .or("false"),
        UrlOption::new("connections", Value::Count, "how many connections there are at most").or("8"),
        UrlOption::new("create", Value::Flag, "whether missing tables are made, and older ones brought up to date")
            .or("true"),
        UrlOption::new(
            "durability",
            Value::Choice(&["power", "lazy", "unlogged"]),
            "what an acknowledged write survives: power loss, an orderly restart alone, or that in a table that a crash empties",
        )
        .or("power"),
        UrlOption::new("patience", Value::Millis, "how long an operation may take before it is an error")
            .or("5000"),
        UrlOption::new(
            "sslmode",
            Value::Choice(&["disable", "require", "verify-ca", "verify-full"]),
            "whether the way is encrypted and the server known by its certificate: all but the first mean the same, and need the feature `postgres-tls`",
        )
        .or("disable"),
        UrlOption::new("sslrootcert", Value::Path, "certificates to trust, in PEM")
            .or("those of the system"),
        UrlOption::new("table", Value::Text, "the table: a name, or `schema.name`").or("abiding_sessions"),
        UrlOption::of_driver("application_name", Value::Text, "what the server's list of connections shows")
            .or("abiding"),
        UrlOption::of_driver("channel_binding", Value::Choice(&["disable", "prefer", "require"]), "as libpq has it"),
        UrlOption::of_driver("connect_timeout", Value::Number, "seconds; as libpq has it").or("the patience"),
        UrlOption::of_driver("dbname", Value::Text, "the database, instead of the path"),
        UrlOption::of_driver("host", Value::Text, "host or directory of a socket, instead of the one before the path"),
        UrlOption::of_driver("hostaddr", Value::Text, "the address of the host, which is looked up otherwise"),
        UrlOption::of_driver("keepalives", Value::Number, "as libpq has it"),
        UrlOption::of_driver("keepalives_idle", Value::Number, "seconds; as libpq has it"),
        UrlOption::of_driver("keepalives_interval", Value::Number, "seconds; as libpq has it"),
        UrlOption::of_driver("keepalives_retries", Value::Number, "as libpq has it"),
        UrlOption::of_driver("load_balance_hosts", Value::Choice(&["disable", "random"]), "as libpq has it"),
        UrlOption::of_driver("options", Value::Text, "settings of the connection, such as `-c search_path=web`"),
        UrlOption::of_driver("password", Value::Secret, "the password, instead of the one before the host"),
        UrlOption::of_driver("port", Value::Text, "the port, instead of the one behind the host"),
        UrlOption::of_driver(
            "target_session_attrs",
            Value::Choice(&["any", "read-write", "read-only"]),
            "as libpq has it; `any` is taken for `read-write`",
        )
        .or("read-write"),
        UrlOption::of_driver("tcp_user_timeout", Value::Number, "milliseconds; as libpq has it").or("the patience"),
        UrlOption::of_driver("user", Value::Text, "the role, instead of the one before the host"),
    ],
    schema: Some(1),
    facts: Facts {
        processes: Processes::All,
        durable: Claim::AsConfigured,
        survives: "a crash of the server and power loss; less with `durability=lazy` or `unlogged`",
        evicts: Claim::Never,
        sealed: true,
        powers: Powers::new(true, true, true).and_bulk().and_survey(),
        watch: Claim::AsConfigured,
        trips: "read 1, read then write 2, write alone 1 or 2, new 1, sign-in 1 after a read",
    },
    open: opener!("postgres", crate::postgres::open_url),
};
