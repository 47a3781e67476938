//! The tables, and the steps from an older schema to this one. Byte for byte: `docs/format.md`.
//!
//! The version lies in a table `abiding_schema` beside the one of the sessions, a row for each table of
//! sessions. Two processes that start at once take turns: one migrates, the other finds it done. The server
//! commits each step by itself, so the row is there before the table is, with version 0: who dies in between is
//! followed by somebody who goes on from there.

use std::time::Duration;

use abiding::{Error, ErrorKind};
use mysql_async::{Conn, Row as Columns, prelude::Queryable};

use super::{
    errand::query,
    failure::Failure,
    rows::{number, text},
};
use crate::table::TableName;

/// Step `n` leads from version `n` to version `n + 1`, and may be repeated. Never edit one that was released.
const STEPS: &[&str] = &[
    // `sweep_at` is never later than `ends`: a session that is used moves `ends` alone, which no index holds.
    "CREATE TABLE IF NOT EXISTS {table} (
         `key` BINARY(32) NOT NULL PRIMARY KEY,
         kind TINYINT NOT NULL,
         ends BIGINT NOT NULL,
         sweep_at BIGINT NOT NULL,
         created BIGINT NOT NULL,
         seen BIGINT NOT NULL,
         idle_deadline BIGINT NOT NULL,
         absolute_deadline BIGINT NOT NULL,
         version BIGINT NOT NULL,
         subject BINARY(16),
         payload MEDIUMBLOB NOT NULL,
         KEY due (sweep_at),
         KEY whose (subject)
     ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET = utf8mb4;",
];

/// The schema that this release reads and writes.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// The catalogue says the same.
const _: () = match crate::catalogue::mysql::KIND.schema {
    Some(schema) => assert!(schema as i64 == VERSION),
    None => panic!(),
};

/// A table that is not ours to shape: how it is made where there is none, and a question that it must answer.
#[derive(Debug)]
pub(super) struct Theirs<'a> {
    pub(super) make: &'a str,
    pub(super) ask: &'a str,
}

/// Everything that an administrator may do by hand instead.
pub(super) fn sql(table: &TableName) -> String {
    let steps = STEPS.iter().map(|step| for_table(step, table));
    let mut sql = steps.collect::<Vec<_>>().join("\n");
    sql += &format!("\n{};\n{};", versions(table), set_version(table, VERSION));
    sql
}

pub(super) struct Schema<'a> {
    connection: &'a mut Conn,
    table: &'a TableName,
    place: &'a str,
}

impl<'a> Schema<'a> {
    pub(super) fn new(connection: &'a mut Conn, table: &'a TableName, place: &'a str) -> Self {
        Self {
            connection,
            table,
            place,
        }
    }

    /// Makes the tables or brings them up to date, if `create` and if need be; looks whether this user may
    /// use them.
    pub(super) async fn prepare(
        &mut self,
        create: bool,
        patience: Duration,
    ) -> Result<(), Failure> {
        self.check_server().await?;
        let mut version = self.look().await?;
        if create && version < VERSION {
            self.migrate(patience).await?;
            version = self.look().await?;
        }
        if version == VERSION {
            return self.check_rights().await;
        }
        let table = self.table;
        let what = if version == 0 {
            format!(
                "has no table {table} of sessions that this user can see: let an administrator run the schema and `grants.sql`, or allow this program to make it"
            )
        } else {
            format!(
                "has schema {version} and this release needs {VERSION}: let the owner of {table} open the store once"
            )
        };
        Err(self.refused(&what))
    }

    /// Takes somebody else's table as it is.
    pub(super) async fn take(&mut self, theirs: &Theirs<'_>, create: bool) -> Result<(), Failure> {
        self.check_server().await?;
        if create {
            query(self.connection, theirs.make).await?;
        }
        query(self.connection, theirs.ask).await.map(drop)
    }

    /// Refuses servers that are not for us.
    async fn check_server(&mut self) -> Result<(), Failure> {
        let version = self.row("SELECT VERSION()").await?;
        let version = version.map(|row| text(&row, 0)).unwrap_or_default();
        if !is_fit(&version) {
            return Err(self.refused(&format!(
                "is {version}: this library needs MariaDB 10.6 or MySQL 8.0, or a later one"
            )));
        }
        let log = "SHOW VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format')";
        let rows = query(self.connection, log).await?.rows;
        let says = |name, value| {
            rows.iter()
                .any(|row| text(row, 0) == name && text(row, 1).eq_ignore_ascii_case(value))
        };
        if says("log_bin", "ON") && says("binlog_format", "STATEMENT") {
            return Err(self.refused(
                "writes its binary log by statement: set its `binlog_format` to `ROW` or `MIXED`",
            ));
        }
        Ok(())
    }

    /// The version of the table. 0 means that there is none, or none that is complete.
    async fn look(&mut self) -> Result<i64, Failure> {
        let table = self.table;
        let schema = table
            .schema()
            .map_or_else(|| "DATABASE()".into(), |schema| format!("'{schema}'"));
        let kept = |name: &str| {
            format!(
                "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = '{name}'"
            )
        };
        let engine = self.row(&kept(table.name())).await?;
        let engine = engine.map(|row| text(&row, 0));
        let version = if self.row(&kept("abiding_schema")).await?.is_some() {
            let find = format!(
                "SELECT version FROM {} WHERE name = '{}'",
                table.versions('`'),
                table.name()
            );
            let row = self.row(&find).await?;
            row.map(|row| number(&row, 0)).transpose()?
        } else {
            None
        };
        match (engine, version) {
            (None, _) | (Some(_), Some(0)) => Ok(0),
            (Some(engine), Some(1..=VERSION)) if !engine.eq_ignore_ascii_case("InnoDB") => {
                Err(self.refused(&format!(
                    "keeps the table {table} in the engine {engine}, which neither locks rows nor survives a crash: run `ALTER TABLE {table} ENGINE = InnoDB`"
                )))
            }
            (Some(_), Some(version @ 1..=VERSION)) => Ok(version),
            (Some(_), Some(version)) if version > VERSION => Err(self.refused(&format!(
                "has schema {version} and this release knows {VERSION}: run the newer release, or restore a backup"
            ))),
            (Some(_), _) => Err(self.refused(&format!(
                "has a table {table} that this library did not write: give the sessions another name with the option `table`"
            ))),
        }
    }

    /// Whoever comes second waits for it.
    async fn migrate(&mut self, patience: Duration) -> Result<(), Failure> {
        let lock = format!(
            "SELECT GET_LOCK('abiding_schema', {})",
            patience.as_secs().max(1)
        );
        let locked = self.row(&lock).await?;
        if locked.is_none_or(|row| text(&row, 0) != "1") {
            return Err(Failure::Late(patience));
        }
        // The end of the connection gives it free as well, where this fails.
        self.migrate_alone().await?;
        self.connection
            .query_drop("DO RELEASE_LOCK('abiding_schema')")
            .await?;
        Ok(())
    }

    async fn migrate_alone(&mut self) -> Result<(), Failure> {
        // Again, now that nobody else can change it.
        let version = self.look().await?;
        let begun = format!(
            "{}; {}",
            versions(self.table),
            set_version(self.table, version)
        );
        query(self.connection, &begun).await?;
        for (at, step) in (1..).zip(STEPS) {
            if at > version {
                let text = for_table(step, self.table);
                query(self.connection, text.trim_end_matches(';')).await?;
                query(self.connection, &set_version(self.table, at)).await?;
            }
        }
        Ok(())
    }

    /// Better now than in the first request of a visitor. Nothing is changed.
    async fn check_rights(&mut self) -> Result<(), Failure> {
        let table = self.table.quoted('`');
        let mut missing = Vec::new();
        for (right, statement) in [
            ("SELECT", format!("SELECT `key` FROM {table} LIMIT 0")),
            (
                "INSERT",
                format!(
                    "INSERT INTO {table} (kind, ends, sweep_at, created, seen, idle_deadline, absolute_deadline, version, `key`, payload) SELECT 0, 0, 0, 0, 0, 0, 0, 0, '', '' FROM DUAL WHERE FALSE"
                ),
            ),
            ("UPDATE", format!("UPDATE {table} SET kind = 0 WHERE FALSE")),
            ("DELETE", format!("DELETE FROM {table} WHERE FALSE")),
        ] {
            match query(self.connection, &statement).await {
                Ok(_) => {}
                Err(failure) if failure.code() == Some(DENIED) => missing.push(right),
                Err(failure) => return Err(failure),
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let user = self.row("SELECT CURRENT_USER()").await?;
        let user = user.map(|row| text(&row, 0)).unwrap_or_default();
        Err(self.refused(&format!(
            "denies the user {user} the right to {} in {}: let an administrator run `grants.sql` for it",
            missing.join(", "),
            self.table
        )))
    }

    async fn row(&mut self, text: &str) -> Result<Option<Columns>, Failure> {
        Ok(query(self.connection, text).await?.rows.into_iter().next())
    }

    fn refused(&self, what: &str) -> Failure {
        let context = format!("{} {what}", self.place);
        Error::new(ErrorKind::Unavailable, "open", context).into()
    }
}

/// Whether a server skips rows that are locked, and locks the gaps between rows. What calls itself by the name of
/// another product does not.
fn is_fit(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return false;
    };
    if version.contains("MariaDB") {
        return (major, minor) >= (10, 6);
    }
    major >= 8 && !version.contains("TiDB")
}

fn for_table(step: &str, table: &TableName) -> String {
    step.replace("{table}", &table.quoted('`'))
}

fn versions(table: &TableName) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (name VARCHAR(64) NOT NULL PRIMARY KEY, version BIGINT NOT NULL) \
         ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin",
        table.versions('`')
    )
}

fn set_version(table: &TableName, version: i64) -> String {
    format!(
        "REPLACE INTO {} (name, version) VALUES ('{}', {version})",
        table.versions('`'),
        table.name()
    )
}

/// A right that is missing.
const DENIED: u16 = 1142;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_apart_by_what_they_call_themselves() {
        for (version, expected) in [
            ("10.11.19-MariaDB-0+deb12u1", true),
            ("10.6.0-MariaDB", true),
            ("11.8.2-MariaDB", true),
            ("10.5.29-MariaDB-log", false),
            ("8.0.36", true),
            ("9.1.0-commercial", true),
            ("5.7.44-log", false),
            ("8.0.11-TiDB-v8.5.1", false),
            ("whatever", false),
        ] {
            assert_eq!(is_fit(version), expected, "{version}");
        }
    }
}
