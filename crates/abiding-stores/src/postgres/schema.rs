//! The tables, and the steps from an older schema to this one. Byte for byte: `docs/format.md`.
//!
//! The version lies in a table `abiding_schema` beside the one of the sessions, a row for each table of
//! sessions. Two processes that start at once take turns: one migrates, the other finds it done.

use abiding::{Error, ErrorKind};
use tokio_postgres::Client;

use super::failure::Failure;
use crate::table::TableName;

/// Step `n` leads from version `n` to version `n + 1`. Never edit one that was released.
const STEPS: &[&str] = &[
    // Fixed lengths first, so that no byte is lost to alignment, and the payload last. `sweep_at` is
    // never later than `ends`: a session that is used moves `ends` alone, which no index holds, so the
    // new row goes into the room that `fillfactor` left on the page of the old one, and no index is written.
    // The payload is sealed: there is nothing in it to compress.
    "CREATE {unlogged} TABLE {table} (
         ends bigint NOT NULL,
         sweep_at bigint NOT NULL,
         created bigint NOT NULL,
         seen bigint NOT NULL,
         idle_deadline bigint NOT NULL,
         absolute_deadline bigint NOT NULL,
         version bigint NOT NULL,
         kind smallint NOT NULL,
         key bytea PRIMARY KEY,
         subject bytea,
         payload bytea NOT NULL
     ) WITH (fillfactor = 70);
     ALTER TABLE {table} ALTER payload SET STORAGE EXTERNAL;
     CREATE INDEX ON {table} (sweep_at);
     CREATE INDEX ON {table} (subject) WHERE subject IS NOT NULL;",
];

/// The schema that this release reads and writes.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// The catalogue says the same.
const _: () = match crate::catalogue::postgres::KIND.schema {
    Some(schema) => assert!(schema as i64 == VERSION),
    None => panic!(),
};

/// What is in the database.
pub(super) struct Standing {
    version: i64,
    /// Whether a crash of the server leaves the table as it was.
    pub(super) is_logged: bool,
}

/// Makes the tables or brings them up to date, if `create` and if need be; looks whether this role may
/// use them.
pub(super) async fn prepare(
    client: &Client,
    table: &TableName,
    unlogged: bool,
    create: bool,
    place: &str,
) -> Result<Standing, Failure> {
    let schema = Schema {
        client,
        table,
        place,
    };
    let mut standing = schema.look().await?;
    if create && standing.version < VERSION {
        schema.migrate(unlogged).await?;
        standing = schema.look().await?;
    }
    if standing.version == VERSION {
        schema.check_rights().await?;
        return Ok(standing);
    }
    let what = if standing.version == 0 {
        format!(
            "has no table {table} of sessions: let the owner of the database run `schema.sql`, or allow this program to make it"
        )
    } else {
        format!(
            "has schema {} and this release needs {VERSION}: let the owner of {table} open the store once",
            standing.version
        )
    };
    Err(schema.refused(&what))
}

/// Everything that the owner of the database may do by hand instead.
pub(super) fn sql(table: &TableName, unlogged: bool) -> String {
    let steps = STEPS.iter().map(|step| for_table(step, table, unlogged));
    let mut sql = steps.collect::<Vec<_>>().join("\n");
    sql += &format!("\n{}\n{}", versions(table), set_version(table));
    sql
}

struct Schema<'a> {
    client: &'a Client,
    table: &'a TableName,
    place: &'a str,
}

impl Schema<'_> {
    /// Refuses servers and tables that are not for us. Version 0 means that there is no table.
    async fn look(&self) -> Result<Standing, Failure> {
        let Self { client, table, .. } = self;
        let row = client
            .query_one(
                "SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), \
                 (SELECT relpersistence = 'p' FROM pg_class WHERE oid = to_regclass($1)), to_regclass($2) IS NOT NULL",
                &[&table.quoted('"'), &table.versions('"')],
            )
            .await?;
        let (server, is_replica): (i32, bool) = (row.get(0), row.get(1));
        let (is_logged, is_versioned): (Option<bool>, bool) = (row.get(2), row.get(3));
        if server < OLDEST_SERVER {
            return Err(self.refused("is older than PostgreSQL 12, which this library needs"));
        }
        if is_replica {
            return Err(self.refused(super::failure::READ_ONLY));
        }
        let version = if is_versioned {
            let find = format!(
                "SELECT version FROM {} WHERE name = $1",
                table.versions('"')
            );
            let row = client.query_opt(&find, &[&table.name()]).await?;
            row.map(|row| row.try_get::<_, i64>(0)).transpose()?
        } else {
            None
        };
        match (is_logged, version) {
            (None, _) => Ok(Standing {
                version: 0,
                is_logged: true,
            }),
            (Some(is_logged), Some(version @ 1..=VERSION)) => Ok(Standing { version, is_logged }),
            (Some(_), Some(version)) if version > VERSION => Err(self.refused(&format!(
                "has schema {version} and this release knows {VERSION}: run the newer release, or restore a backup"
            ))),
            (Some(_), _) => Err(self.refused(&format!(
                "has a table {table} that this library did not write: give the sessions another name with the option `table`"
            ))),
        }
    }

    /// In one transaction; whoever comes second waits for it.
    async fn migrate(&self, unlogged: bool) -> Result<(), Failure> {
        let Self { client, table, .. } = self;
        let begin = format!(
            "BEGIN; SELECT pg_advisory_xact_lock({TURN}); {}",
            versions(table)
        );
        client.batch_execute(&begin).await?;
        // Again, now that nobody else can change it.
        let version = self.look().await?.version;
        for step in STEPS.iter().skip(usize::try_from(version).unwrap_or(0)) {
            client
                .batch_execute(&for_table(step, table, unlogged))
                .await?;
        }
        client
            .batch_execute(&format!("{}; COMMIT", set_version(table)))
            .await?;
        Ok(())
    }

    /// Better now than in the first request of a visitor.
    async fn check_rights(&self) -> Result<(), Failure> {
        let rights = "SELECT current_user::text, concat_ws(', ', \
             CASE WHEN NOT has_table_privilege($1, 'SELECT') THEN 'SELECT' END, \
             CASE WHEN NOT has_table_privilege($1, 'INSERT') THEN 'INSERT' END, \
             CASE WHEN NOT has_table_privilege($1, 'UPDATE') THEN 'UPDATE' END, \
             CASE WHEN NOT has_table_privilege($1, 'DELETE') THEN 'DELETE' END)";
        let row = self
            .client
            .query_one(rights, &[&self.table.quoted('"')])
            .await?;
        let (role, missing): (String, String) = (row.get(0), row.get(1));
        if missing.is_empty() {
            return Ok(());
        }
        Err(self.refused(&format!(
            "denies the role {role} the right to {missing} in {}: let the owner of the tables run `grants.sql` for it",
            self.table
        )))
    }

    fn refused(&self, what: &str) -> Failure {
        let context = format!("{} {what}", self.place);
        Error::new(ErrorKind::Unavailable, "open", context).into()
    }
}

fn for_table(step: &str, table: &TableName, unlogged: bool) -> String {
    step.replace("{table}", &table.quoted('"'))
        .replace("{unlogged} ", if unlogged { "UNLOGGED " } else { "" })
}

fn versions(table: &TableName) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (name text PRIMARY KEY, version bigint NOT NULL);",
        table.versions('"')
    )
}

fn set_version(table: &TableName) -> String {
    format!(
        "INSERT INTO {} VALUES ('{}', {VERSION}) ON CONFLICT (name) DO UPDATE SET version = excluded.version;",
        table.versions('"'),
        table.name()
    )
}

/// The number of the lock under which tables are made: "abidings".
const TURN: i64 = i64::from_be_bytes(*b"abidings");

/// PostgreSQL 12, the first in which `AS MATERIALIZED` means something.
const OLDEST_SERVER: i32 = 120_000;
