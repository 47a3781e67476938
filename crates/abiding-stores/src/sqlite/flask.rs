//! The table of Flask-Session in a database that is the application's own.
//!
//! Journal and schema stay as they are. The bytes that were read are compared in the statement that
//! replaces them, so that a Flask process is no more in the way than another one of ours.

use std::time::Duration;

use abiding::{
    Error, ErrorKind, FlaskSession, Result, Store, Timestamp,
    compat::{Datetime, layout},
    store::{Capabilities, Swept},
};
use rusqlite::{Connection, OptionalExtension, params};

use super::{SqliteOptions, SqliteStore, failure::Failure};
use crate::flask_session::{
    Aisle, Broom, FlaskStore, Item, Moved, Named, Shelf, Shown, sealed::Sealed, strange_place,
};

/// A table in an SQLite file, to a [`FlaskStore`].
#[derive(Debug)]
pub struct SqliteShelf {
    store: SqliteStore,
    texts: Texts,
}

/// The statements for one table.
#[derive(Clone, Debug)]
struct Texts {
    page: String,
    read: String,
    add: String,
    swap: String,
    prolong: String,
    take: String,
    sweep: String,
}

impl Texts {
    fn new(table: &str) -> Self {
        let with = |text: &str| text.replace("{table}", table);
        Self {
            page: with(
                "SELECT id, session_id, data, expiry FROM {table} WHERE id > ?1 ORDER BY id LIMIT ?2",
            ),
            read: with("SELECT data, expiry FROM {table} WHERE session_id = ?1"),
            add: with(
                "INSERT INTO {table} (session_id, data, expiry) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (session_id) DO NOTHING",
            ),
            swap: with(
                "UPDATE {table} SET data = ?3, expiry = ?4 WHERE session_id = ?1 AND data = ?2",
            ),
            prolong: with("UPDATE {table} SET expiry = max(expiry, ?2) WHERE session_id = ?1"),
            take: with("DELETE FROM {table} WHERE session_id = ?1 AND data = ?2"),
            sweep: with(
                "DELETE FROM {table} WHERE rowid IN \
                 (SELECT rowid FROM {table} WHERE expiry <= ?1 LIMIT ?2)",
            ),
        }
    }
}

impl FlaskStore<SqliteShelf> {
    /// Sessions where `SESSION_TYPE = "sqlalchemy"` keeps them in an SQLite file, made with the table if need be.
    /// Its journal stays what it is; several processes do better with `PRAGMA journal_mode = WAL`.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the file cannot be opened or the table is not what Flask-Session makes.
    pub fn sqlite(options: SqliteOptions, settings: &FlaskSession) -> Result<Self> {
        let table = settings.table_name();
        if table.is_empty() || table.contains(['"', '\0', '.']) {
            let context = format!(
                "the table {table:?} cannot be named: choose letters, digits and underscores"
            );
            return Err(Error::new(ErrorKind::Unavailable, "open", context));
        }
        let table = format!("\"{table}\"");
        let store = options.open_as_it_is(&MAKE.replace("{table}", &table))?;
        let texts = Texts::new(&table);
        store.read("open", |conn| Ok(conn.prepare(&texts.read).map(drop)?))?;
        let shelf = SqliteShelf { store, texts };
        Ok(Self::new(settings.clone(), shelf))
    }

    /// Finishes the writes that are queued, and closes the file.
    ///
    /// # Errors
    /// If the last step does not succeed.
    pub fn close(self) -> Result<()> {
        self.into_shelf().store.close()
    }
}

impl SqliteShelf {
    /// Whether a statement found its row.
    async fn write(
        &self,
        operation: &'static str,
        act: impl FnMut(&Connection) -> Result<usize, Failure> + Send + 'static,
    ) -> Result<bool> {
        self.store.write(operation, act).await.map(|rows| rows == 1)
    }
}

impl Sealed for SqliteShelf {}

impl Shelf for SqliteShelf {
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
        let found = self.store.read(operation, |conn| {
            let mut statement = conn.prepare_cached(&self.texts.read)?;
            let row = statement.query_row([name], |row| {
                Ok((
                    row.get::<_, Option<Vec<u8>>>(0)?,
                    row.get::<_, Option<String>>(1)?,
                ))
            });
            Ok(row.optional()?)
        })?;
        let Some((Some(bytes), expiry)) = found else {
            return Ok(None);
        };
        let ends = expiry.map(|expiry| instant(&expiry)).transpose()?;
        Ok(Some(Item::new(bytes, ends)))
    }

    async fn add(&self, name: &str, new: &Item, _: Timestamp) -> Result<bool> {
        let (name, new, text) = (name.to_owned(), new.clone(), self.texts.add.clone());
        self.write("create", move |conn| {
            let mut statement = conn.prepare_cached(&text)?;
            Ok(statement.execute(params![name, new.bytes, expiry(new.ends)])?)
        })
        .await
    }

    async fn swap(&self, name: &str, old: &Item, new: &Item, _: Timestamp) -> Result<bool> {
        let (name, old, new) = (name.to_owned(), old.clone(), new.clone());
        let text = self.texts.swap.clone();
        self.write("commit", move |conn| {
            let mut statement = conn.prepare_cached(&text)?;
            Ok(statement.execute(params![name, old.bytes, new.bytes, expiry(new.ends)])?)
        })
        .await
    }

    async fn prolong(&self, name: &str, ends: Timestamp, _: Timestamp) -> Result<bool> {
        let (name, text) = (name.to_owned(), self.texts.prolong.clone());
        self.write("touch", move |conn| {
            let mut statement = conn.prepare_cached(&text)?;
            Ok(statement.execute(params![name, expiry(Some(ends))])?)
        })
        .await
    }

    async fn take(&self, name: &str, old: &Item) -> Result<bool> {
        let (name, old, text) = (name.to_owned(), old.clone(), self.texts.take.clone());
        self.write("delete", move |conn| {
            let mut statement = conn.prepare_cached(&text)?;
            Ok(statement.execute(params![name, old.bytes])?)
        })
        .await
    }

    async fn rename(
        &self,
        (from, old, left): (&str, &Item, &Item),
        (to, moved): (&str, &Item),
        _: Timestamp,
    ) -> Result<Moved> {
        let (from, old, left) = (from.to_owned(), old.clone(), left.clone());
        let (to, moved, texts) = (to.to_owned(), moved.clone(), self.texts.clone());
        // One transaction, as everything that the writer runs.
        let act = move |conn: &Connection| {
            let mut read = conn.prepare_cached(&texts.read)?;
            let taken = read.exists([&to])?;
            let mut swap = conn.prepare_cached(&texts.swap)?;
            if taken {
                return Ok(Moved::Taken);
            }
            let left = params![from, old.bytes, left.bytes, expiry(left.ends)];
            if swap.execute(left)? == 0 {
                return Ok(Moved::Other);
            }
            let mut add = conn.prepare_cached(&texts.add)?;
            add.execute(params![to, moved.bytes, expiry(moved.ends)])?;
            Ok(Moved::Done)
        };
        self.store.write("rotate", act).await
    }
}

impl Aisle for SqliteShelf {
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
        let mut shown = Shown::default();
        self.store.read("walk", |conn| {
            let mut statement = conn.prepare_cached(&self.texts.page)?;
            let mut rows = statement.query(params![after, most])?;
            let (mut count, mut last) = (0, after);
            while let Some(row) = rows.next()? {
                (count, last) = (count + 1, row.get(0)?);
                let name: Option<String> = row.get(1)?;
                let Some(sid) = name.as_deref().and_then(|name| name.strip_prefix(prefix)) else {
                    continue;
                };
                let (bytes, expiry): (Option<Vec<u8>>, Option<String>) = (row.get(2)?, row.get(3)?);
                let ends = expiry.map(|expiry| instant(&expiry)).transpose();
                match (bytes, ends) {
                    (Some(bytes), Ok(ends)) => {
                        let named = Named::Sid(sid.to_owned());
                        shown.items.push((named, Item::new(bytes, ends)));
                    }
                    _ => shown.unreadable += 1,
                }
            }
            shown.next = (count == most).then(|| last.to_string());
            Ok(())
        })?;
        Ok(shown)
    }
}

impl Broom for SqliteShelf {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        let (text, most) = (
            self.texts.sweep.clone(),
            i64::try_from(limit).unwrap_or(i64::MAX),
        );
        let act = move |conn: &Connection| {
            let mut statement = conn.prepare_cached(&text)?;
            Ok(statement.execute(params![expiry(Some(now)), most])?)
        };
        let removed = self.store.write("sweep", act).await?;
        Ok(Swept::new(removed, removed == limit))
    }
}

/// UTC without a zone, to the microsecond, as SQLAlchemy writes it.
fn expiry(ends: Option<Timestamp>) -> Option<String> {
    let micros = ends?.as_millis().checked_mul(1_000)?;
    layout::sql_expiry(Datetime::from_unix_micros(micros)?)
}

fn instant(expiry: &str) -> Result<Timestamp> {
    let read = layout::read_sql_expiry(expiry).map(Datetime::unix_micros);
    let micros = read.ok_or_else(|| {
        let context = "the expiry of a session is no time that SQLAlchemy writes";
        Error::new(ErrorKind::Corrupt, "read a row", context)
    })?;
    Ok(Timestamp::from_millis(micros.div_euclid(1_000)))
}

/// As Flask-Session 0.5 to 0.8 make it.
const MAKE: &str = "CREATE TABLE IF NOT EXISTS {table} (
    id INTEGER NOT NULL,
    session_id VARCHAR(255),
    data BLOB,
    expiry DATETIME,
    PRIMARY KEY (id),
    UNIQUE (session_id)
)";
