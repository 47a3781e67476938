//! The table of Flask-Session in a database of MariaDB or MySQL that is the application's own.
//!
//! Every write compares the bytes that were read, in one statement or one message, so no transaction is ever open
//! while this side waits. The column `expiry` has whole seconds; what is in between is rounded up. Names are compared
//! byte for byte, whatever the collation of the table: it may take a capital for a small letter, and ids differ by that.

use std::{sync::Arc, time::Duration};

use abiding::{
    Error, ErrorKind, FlaskSession, Result, Store, Timestamp,
    store::{Capabilities, Swept},
};
use mysql_async::{Row, Value};

use super::{
    MysqlOptions, MysqlStore,
    errand::Answer,
    failure::{Failure, damaged_row},
    rows::{bytes, number},
    schema::Theirs,
    statements::script,
};
use crate::{
    flask_session::{
        Aisle, Broom, FlaskStore, Item, Moved, Named, Shelf, Shown, sealed::Sealed, strange_place,
    },
    table::{Again, TableName},
};

/// A table of MariaDB or MySQL, to a [`FlaskStore`].
#[derive(Debug)]
pub struct MysqlShelf {
    store: MysqlStore,
    texts: Texts,
}

/// The statements for one table.
#[derive(Debug)]
struct Texts {
    page: Arc<str>,
    read: Arc<str>,
    add: Arc<str>,
    swap: Arc<str>,
    prolong: Arc<str>,
    take: Arc<str>,
    rename: Arc<str>,
    sweep: Arc<str>,
}

impl Texts {
    fn new(table: &str) -> Self {
        let with = |text: &str| for_table(text, table).into();
        Self {
            page: with(PAGE),
            read: with(READ),
            add: with(ADD),
            swap: with(SWAP),
            prolong: with(PROLONG),
            take: with(TAKE),
            rename: with(RENAME),
            sweep: with(SWEEP),
        }
    }
}

impl FlaskStore<MysqlShelf> {
    /// Sessions where `SESSION_TYPE = "sqlalchemy"` keeps them in MariaDB or MySQL. The table is made if need be, unless
    /// [`create`](MysqlOptions::create) says no; its name is the application's, not that of the options.
    ///
    /// The column `data` of a table that Flask-Session made holds 65,535 bytes: a session beyond that is an error of
    /// kind [`TooLarge`](ErrorKind::TooLarge), and stays as it was.
    ///
    /// # Errors
    /// As [`MysqlOptions::open`].
    pub async fn mysql(options: MysqlOptions, settings: &FlaskSession) -> Result<Self> {
        let table = TableName::new(settings.table_name()).ok_or_else(|| {
            let what = "the name of the table is not one of lower-case letters, digits and underscores, as it must be";
            Error::new(ErrorKind::Unavailable, "open", what)
        })?;
        let table = table.quoted('`');
        let theirs = Theirs {
            make: &for_table(MAKE, &table),
            ask: &for_table(ASK, &table),
        };
        let store = options.open_as_it_is(theirs).await?;
        let texts = Texts::new(&table);
        Ok(Self::new(settings.clone(), MysqlShelf { store, texts }))
    }
}

impl MysqlShelf {
    async fn ask(
        &self,
        operation: &'static str,
        again: Again,
        text: &Arc<str>,
        values: impl Into<Vec<Value>>,
    ) -> Result<Result<Answer, Failure>> {
        let errand = self.store.errand(operation)?;
        Ok(errand.ask(again, text, values).await)
    }

    /// What came of a write, in words that fit the table.
    fn told<T>(&self, operation: &'static str, answer: Result<T, Failure>) -> Result<T> {
        if let Err(failure) = &answer
            && failure.code() == Some(TOO_LONG)
        {
            let what = "the session is larger than the column `data` of its table: keep less in it, or let an administrator make that a MEDIUMBLOB";
            return Err(Error::new(ErrorKind::TooLarge, operation, what));
        }
        self.store.told(operation, answer)
    }

    /// Whether a statement found its row.
    async fn write(
        &self,
        operation: &'static str,
        text: &Arc<str>,
        values: impl Into<Vec<Value>>,
    ) -> Result<bool> {
        let answer = self.ask(operation, Again::Never, text, values).await?;
        Ok(self.told(operation, answer)?.written_by(0) == 1)
    }
}

impl Sealed for MysqlShelf {}

impl Shelf for MysqlShelf {
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
        let answer = self
            .ask(operation, Again::Once, &self.texts.read, named(name))
            .await?;
        let answer = self.store.told(operation, answer)?;
        let Some(row) = answer.rows.first() else {
            return Ok(None);
        };
        self.store.told(operation, item_at(row, 0))
    }

    async fn add(&self, name: &str, new: &Item, _: Timestamp) -> Result<bool> {
        let values = [text(name), blob(new), seconds(new.ends)];
        match self
            .ask("create", Again::Never, &self.texts.add, values)
            .await?
        {
            Err(failure) if failure.is_taken() => Ok(false),
            answer => self.told("create", answer).map(|_| true),
        }
    }

    async fn swap(&self, name: &str, old: &Item, new: &Item, _: Timestamp) -> Result<bool> {
        let mut values = vec![blob(new), seconds(new.ends)];
        values.extend(named(name));
        values.push(blob(old));
        self.write("commit", &self.texts.swap, values).await
    }

    async fn prolong(&self, name: &str, ends: Timestamp, _: Timestamp) -> Result<bool> {
        let mut values = vec![seconds(Some(ends))];
        values.extend(named(name));
        self.write("touch", &self.texts.prolong, values).await
    }

    async fn take(&self, name: &str, old: &Item) -> Result<bool> {
        let mut values = named(name).to_vec();
        values.push(blob(old));
        self.write("delete", &self.texts.take, values).await
    }

    async fn rename(
        &self,
        (from, old, left): (&str, &Item, &Item),
        (to, moved): (&str, &Item),
        _: Timestamp,
    ) -> Result<Moved> {
        let mut values = vec![blob(left), seconds(left.ends)];
        values.extend(named(from));
        values.extend([blob(old), text(to), blob(moved), seconds(moved.ends)]);
        let rename = script(&self.texts.rename, values);
        let errand = self.store.errand("rotate")?;
        match errand.script(Again::Never, rename).await {
            Ok(answer) if answer.written_by(3) == 1 => Ok(Moved::Done),
            Ok(_) => Ok(Moved::Other),
            Err(failure) if failure.is_taken() => Ok(Moved::Taken),
            answer => self.told("rotate", answer).map(|_| Moved::Other),
        }
    }
}

impl Aisle for MysqlShelf {
    async fn page(
        &self,
        prefix: &str,
        from: Option<&str>,
        limit: usize,
        _: Timestamp,
    ) -> Result<Shown> {
        let mut last: i64 =
            from.map_or(Ok(-1), |from| from.parse().map_err(|_| strange_place()))?;
        let most = Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
        let answer = self.ask(
            "walk",
            Again::Once,
            &self.texts.page,
            [Value::Int(last), most],
        );
        let rows = self.store.told("walk", answer.await?)?.rows;
        let mut shown = Shown::default();
        for row in &rows {
            last = self.store.told("walk", number(row, 0))?;
            let name = bytes(row, 1)
                .ok()
                .and_then(|name| str::from_utf8(name).ok());
            let Some(sid) = name.and_then(|name| name.strip_prefix(prefix)) else {
                continue;
            };
            match item_at(row, 2) {
                Ok(Some(item)) => shown.items.push((Named::Sid(sid.to_owned()), item)),
                _ => shown.unreadable += 1,
            }
        }
        shown.next = (rows.len() == limit).then(|| last.to_string());
        Ok(shown)
    }
}

/// What two columns say, the bytes and when they end; none where there are no bytes.
fn item_at(row: &Row, at: usize) -> Result<Option<Item>, Failure> {
    let ends = match row.as_ref(at + 1) {
        Some(Value::NULL) => None,
        _ => Some(Timestamp::from_millis(
            number(row, at + 1)?.div_euclid(1_000),
        )),
    };
    match row.as_ref(at) {
        Some(Value::NULL) => Ok(None),
        Some(_) => Ok(Some(Item::new(bytes(row, at)?.to_vec(), ends))),
        None => Err(damaged_row("a column is missing")),
    }
}

impl Broom for MysqlShelf {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        let most = Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
        // What ends within this second ends with it.
        let now = Value::Int(now.as_millis().div_euclid(1_000));
        let swept = self.ask("sweep", Again::Once, &self.texts.sweep, [now, most]);
        let swept = self.store.told("sweep", swept.await?)?.written_by(0);
        let removed = usize::try_from(swept).unwrap_or(usize::MAX);
        Ok(Swept::new(removed, removed >= limit))
    }
}

fn for_table(text: &str, table: &str) -> String {
    let it_as_text = IT.replacen("= ?", "= _utf8mb4 ?", 1);
    text.replace("{it}", IT)
        .replace("{it as text}", &it_as_text)
        .replace("{at}", "TIMESTAMP '1970-01-01 00:00:00' + INTERVAL")
        .replace("{table}", table)
}

fn text(name: &str) -> Value {
    Value::Bytes(name.as_bytes().to_vec())
}

fn blob(item: &Item) -> Value {
    Value::Bytes(item.bytes.clone())
}

/// The values of [`IT`].
fn named(name: &str) -> [Value; 2] {
    [text(name), text(name)]
}

/// Whole seconds since 1970, rounded up; none for never, and for what no calendar of the server has.
fn seconds(ends: Option<Timestamp>) -> Value {
    let seconds = ends.map(|ends| ends.as_millis().saturating_add(999).div_euclid(1_000));
    match seconds {
        Some(seconds) if seconds < 253_000_000_000 => Value::Int(seconds),
        _ => Value::NULL,
    }
}

/// The row of a name: found by its index, and then compared byte for byte. Where the name stands in the text of the
/// statement it is digits, which are bytes and not text unless they are said to be.
const IT: &str =
    "session_id = ? AND CAST(CONVERT(session_id USING utf8mb4) AS BINARY) = CAST(? AS BINARY)";

const PAGE: &str = "SELECT id, session_id, data, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', expiry) \
     FROM {table} WHERE id > ? ORDER BY id LIMIT ?";

/// Without the time zone of the session having a say.
const READ: &str =
    "SELECT data, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', expiry) FROM {table} WHERE {it}";

const ADD: &str = "INSERT INTO {table} (session_id, data, expiry) VALUES (?, ?, {at} ? SECOND)";

const SWAP: &str = "UPDATE {table} SET data = ?, expiry = {at} ? SECOND \
     WHERE {it} AND data = CAST(? AS BINARY)";

const PROLONG: &str = "UPDATE {table} SET expiry = GREATEST(expiry, {at} ? SECOND) WHERE {it}";

const TAKE: &str = "DELETE FROM {table} WHERE {it} AND data = CAST(? AS BINARY)";

/// A taken name fails it, as a whole.
const RENAME: &str = "START TRANSACTION; \
     UPDATE {table} SET data = ?, expiry = {at} ? SECOND WHERE {it as text} AND data = ?; \
     SET @abiding = ROW_COUNT(); \
     INSERT INTO {table} (session_id, data, expiry) \
     SELECT _utf8mb4 ?, ?, {at} ? SECOND FROM DUAL WHERE @abiding = 1; \
     COMMIT";

/// There is no index by expiry, so this looks through the table; who is at work on a row is not waited for long.
const SWEEP: &str = "DELETE FROM {table} WHERE expiry <= {at} ? SECOND LIMIT ?";

const ASK: &str = "SELECT session_id, data, expiry FROM {table} LIMIT 0";

/// As Flask-Session 0.5 to 0.8 make it, but that a session may have more than the 64 KiB of a `BLOB`.
const MAKE: &str = "CREATE TABLE IF NOT EXISTS {table} (
    id INTEGER NOT NULL AUTO_INCREMENT,
    session_id VARCHAR(255),
    data MEDIUMBLOB,
    expiry DATETIME,
    PRIMARY KEY (id),
    UNIQUE (session_id)
)";

/// A value is longer than its column.
const TOO_LONG: u16 = 1406;
