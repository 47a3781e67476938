//! The table of Flask-Session in a database that is the application's own.
//!
//! Every write is one statement that compares the bytes that were read, so no transaction is ever open
//! while this side waits.

use std::time::Duration;

use abiding::{
    FlaskSession, Result, Store, Timestamp,
    store::{Capabilities, Swept},
};
use tokio_postgres::{
    Row,
    error::SqlState,
    types::{ToSql, Type},
};

use super::{PostgresOptions, PostgresStore, failure::Failure, options::unusable};
use crate::{
    flask_session::{
        Aisle, Broom, FlaskStore, Item, Moved, Named, Shelf, Shown, sealed::Sealed, strange_place,
    },
    table::{Again, TableName},
};

/// A table of PostgreSQL, to a [`FlaskStore`].
#[derive(Debug)]
pub struct PostgresShelf {
    store: PostgresStore,
    table: String,
}

impl FlaskStore<PostgresShelf> {
    /// Sessions where `SESSION_TYPE = "sqlalchemy"` keeps them in PostgreSQL. The table is made if need be, unless
    /// [`create`](PostgresOptions::create) says no; its name is the application's, not that of the options.
    ///
    /// What Flask-Session before 0.7 wrote on a server whose time zone is not UTC has an expiry that is off by the
    /// zone; it is taken as it stands.
    ///
    /// # Errors
    /// As [`PostgresOptions::open`].
    pub async fn postgres(options: PostgresOptions, settings: &FlaskSession) -> Result<Self> {
        let table = TableName::new(settings.table_name()).ok_or_else(|| {
            unusable("the name of the table is not one of lower-case letters, digits and underscores, as it must be")
        })?;
        let table = table.quoted('"');
        let store = options
            .open_as_it_is(&MAKE.replace("{table}", &table))
            .await?;
        let shelf = PostgresShelf { store, table };
        Ok(Self::new(settings.clone(), shelf))
    }
}

type Parameters<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

impl PostgresShelf {
    async fn ask(
        &self,
        operation: &'static str,
        again: Again,
        text: &str,
        parameters: Parameters<'_>,
    ) -> Result<Result<Vec<Row>, Failure>> {
        let text = text.replace("{table}", &self.table).replace(
            "{at}",
            "timestamp '1970-01-01' + interval '1 millisecond' *",
        );
        let errand = self.store.errand(operation)?;
        Ok(errand.typed(again, &text, parameters).await)
    }

    /// Whether a statement found its row.
    async fn write(
        &self,
        operation: &'static str,
        text: &str,
        parameters: Parameters<'_>,
    ) -> Result<bool> {
        let rows = self.ask(operation, Again::Never, text, parameters).await?;
        Ok(self.store.told(operation, rows)?.len() == 1)
    }
}

impl Sealed for PostgresShelf {}

impl Shelf for PostgresShelf {
    /// Nothing is forgotten here before it is over.
    const SLACK: Duration = Duration::ZERO;

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn read(
        &self,
        operation: &'static str,
        name: &str,
        _: Timestamp,
    ) -> Result<Option<Item>> {
        let rows = self
            .ask(operation, Again::Once, READ, &[(&name, Type::TEXT)])
            .await?;
        let rows = self.store.told(operation, rows)?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let columns = || Ok((row.try_get(0)?, row.try_get::<_, Option<i64>>(1)?));
        let columns = columns().map_err(|cause: tokio_postgres::Error| Failure::from(cause));
        let (bytes, ends) = self.store.told(operation, columns)?;
        Ok(Some(Item::new(bytes, ends.map(Timestamp::from_millis))))
    }

    async fn add(&self, name: &str, new: &Item, _: Timestamp) -> Result<bool> {
        let (bytes, ends) = (&new.bytes, millis(new.ends));
        let values: Parameters<'_> = &[
            (&name, Type::TEXT),
            (bytes, Type::BYTEA),
            (&ends, Type::INT8),
        ];
        self.write("create", ADD, values).await
    }

    async fn swap(&self, name: &str, old: &Item, new: &Item, _: Timestamp) -> Result<bool> {
        let (old, bytes, ends) = (&old.bytes, &new.bytes, millis(new.ends));
        let values: Parameters<'_> = &[
            (&name, Type::TEXT),
            (old, Type::BYTEA),
            (bytes, Type::BYTEA),
            (&ends, Type::INT8),
        ];
        self.write("commit", SWAP, values).await
    }

    async fn prolong(&self, name: &str, ends: Timestamp, _: Timestamp) -> Result<bool> {
        let ends = millis(Some(ends));
        let values: Parameters<'_> = &[(&name, Type::TEXT), (&ends, Type::INT8)];
        self.write("touch", PROLONG, values).await
    }

    async fn take(&self, name: &str, old: &Item) -> Result<bool> {
        let values: Parameters<'_> = &[(&name, Type::TEXT), (&old.bytes, Type::BYTEA)];
        self.write("delete", TAKE, values).await
    }

    async fn rename(
        &self,
        (from, old, left): (&str, &Item, &Item),
        (to, moved): (&str, &Item),
        _: Timestamp,
    ) -> Result<Moved> {
        let (left_ends, moved_ends) = (millis(left.ends), millis(moved.ends));
        let values: Parameters<'_> = &[
            (&from, Type::TEXT),
            (&old.bytes, Type::BYTEA),
            (&left.bytes, Type::BYTEA),
            (&left_ends, Type::INT8),
            (&to, Type::TEXT),
            (&moved.bytes, Type::BYTEA),
            (&moved_ends, Type::INT8),
        ];
        match self.ask("rotate", Again::Never, RENAME, values).await? {
            Ok(rows) if rows.is_empty() => Ok(Moved::Other),
            Err(failure) if failure.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(Moved::Taken),
            answer => self.store.told("rotate", answer).map(|_| Moved::Done),
        }
    }
}

impl Aisle for PostgresShelf {
    async fn page(
        &self,
        prefix: &str,
        from: Option<&str>,
        limit: usize,
        _: Timestamp,
    ) -> Result<Shown> {
        let after = from.map_or(Ok(i64::MIN), |from| {
            from.parse().map_err(|_| strange_place())
        })?;
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let values: Parameters<'_> = &[(&after, Type::INT8), (&most, Type::INT8)];
        let rows = self.ask("walk", Again::Once, PAGE, values).await?;
        let rows = self.store.told("walk", rows)?;
        let mut shown = Shown::default();
        let mut last = after;
        for row in &rows {
            let columns = || {
                Ok((
                    row.try_get(0)?,
                    row.try_get(1)?,
                    row.try_get(2)?,
                    row.try_get(3)?,
                ))
            };
            let columns = columns().map_err(|cause: tokio_postgres::Error| Failure::from(cause));
            type Columns = (i64, Option<String>, Option<Vec<u8>>, Option<i64>);
            let (id, name, bytes, ends): Columns = self.store.told("walk", columns)?;
            last = id;
            let Some(sid) = name.as_deref().and_then(|name| name.strip_prefix(prefix)) else {
                continue;
            };
            match bytes {
                Some(bytes) => {
                    let ends = ends.map(Timestamp::from_millis);
                    let named = Named::Sid(sid.to_owned());
                    shown.items.push((named, Item::new(bytes, ends)));
                }
                None => shown.unreadable += 1,
            }
        }
        shown.next = (rows.len() == limit).then(|| last.to_string());
        Ok(shown)
    }
}

impl Broom for PostgresShelf {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        let (now, most) = (millis(Some(now)), i64::try_from(limit).unwrap_or(i64::MAX));
        let values: Parameters<'_> = &[(&now, Type::INT8), (&most, Type::INT8)];
        let rows = self.ask("sweep", Again::Once, SWEEP, values).await?;
        let removed = self.store.told("sweep", rows)?.len();
        Ok(Swept::new(removed, removed == limit))
    }
}

/// None for never, and for what no calendar of the server has.
fn millis(ends: Option<Timestamp>) -> Option<i64> {
    ends.map(Timestamp::as_millis)
        .filter(|millis| *millis < 9_000_000_000_000_000)
}

const READ: &str = "SELECT data, (extract(epoch FROM expiry) * 1000)::int8 FROM {table} \
     WHERE session_id = $1 AND data IS NOT NULL";

const PAGE: &str = "SELECT id::int8, session_id::text, data, (extract(epoch FROM expiry) * 1000)::int8 \
     FROM {table} WHERE id > $1 ORDER BY id LIMIT $2";

const ADD: &str = "INSERT INTO {table} (session_id, data, expiry) VALUES ($1, $2, {at} $3) \
     ON CONFLICT (session_id) DO NOTHING RETURNING 1";

const SWAP: &str = "UPDATE {table} SET data = $3, expiry = {at} $4 \
     WHERE session_id = $1 AND data = $2 RETURNING 1";

const PROLONG: &str = "UPDATE {table} SET expiry = CASE WHEN expiry IS NULL THEN expiry \
     ELSE greatest(expiry, {at} $2) END WHERE session_id = $1 RETURNING 1";

const TAKE: &str = "DELETE FROM {table} WHERE session_id = $1 AND data = $2 RETURNING 1";

/// A taken name fails the statement as a whole.
const RENAME: &str = "WITH old AS (UPDATE {table} SET data = $3, expiry = {at} $4 \
     WHERE session_id = $1 AND data = $2 RETURNING 1 AS here) \
     INSERT INTO {table} (session_id, data, expiry) SELECT $5, $6, {at} $7 FROM old RETURNING 1";

const SWEEP: &str = "DELETE FROM {table} WHERE id IN \
     (SELECT id FROM {table} WHERE expiry <= {at} $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1";

/// As Flask-Session 0.5 to 0.8 make it.
const MAKE: &str = "CREATE TABLE IF NOT EXISTS {table} (
    id SERIAL NOT NULL,
    session_id VARCHAR(255),
    data BYTEA,
    expiry TIMESTAMP WITHOUT TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (session_id)
)";
