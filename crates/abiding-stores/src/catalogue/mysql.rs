//! A table of MariaDB or MySQL.

use abiding::store::Powers;

use super::{Claim, Facts, Hosts, Kind, Processes, Scheme, UrlOption, Value, needs, opener};

pub(crate) const KIND: Kind = Kind {
    name: "mysql",
    title: "MariaDB, MySQL",
    feature: Some(needs!("mysql")),
    schemes: &[
        Scheme {
            name: "mysql",
            example: "mysql://shop:secret@db.internal:3306/shop?table=web_sessions",
            leads_to: "a table in the database that the path names",
            feature: None,
            hosts: Hosts::One,
            options: &[],
        },
        Scheme {
            name: "mariadb",
            example: "mariadb://shop@localhost/shop?socket=/run/mysqld/mysqld.sock",
            leads_to: "the same",
            feature: None,
            hosts: Hosts::One,
            options: &[],
        },
    ],
    options: &[
        UrlOption::new("connections", Value::Count, "how many connections there are at most; each serves one request at a time")
            .or("8"),
        UrlOption::new("create", Value::Flag, "whether missing tables are made, and older ones brought up to date")
            .or("true"),
        UrlOption::new("patience", Value::Millis, "how long an operation may take before it is an error")
            .or("5000"),
        UrlOption::new("socket", Value::Path, "the socket of a server on this machine, instead of host and port"),
        UrlOption::new("ssl-ca", Value::Path, "certificates to trust, in PEM").or("those of the system"),
        UrlOption::new(
            "ssl-mode",
            Value::Choice(&["DISABLED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"]),
            "whether the way is encrypted and the server known by its certificate: all but the first mean the same, and need the feature `mysql-tls`",
        )
        .or("DISABLED"),
        UrlOption::new("table", Value::Text, "the table: a name, or `database.name`").or("abiding_sessions"),
    ],
    schema: Some(1),
    facts: Facts {
        processes: Processes::All,
        durable: Claim::Always,
        survives: "a crash of the server and power loss, unless its `innodb_flush_log_at_trx_commit` says less",
        evicts: Claim::Never,
        sealed: true,
        powers: Powers::new(true, true, true).and_bulk().and_survey(),
        watch: Claim::Never,
        trips: "read 1, read then write 2, write alone 1 or 2, new 1, sign-in 1 after a read",
    },
    open: opener!("mysql", crate::mysql::open_url),
};
