//! Many rows in one transaction, which flushes the disk once for all of them.

use abiding::{
    Found, Record, Result, StoreKey, Timestamp,
    store::{Bulk, Created},
};
use rusqlite::Connection;

use super::{SqliteStore, changes, failure::Failure};

impl Bulk for SqliteStore {
    async fn create_all(
        &self,
        records: Vec<(StoreKey, Record)>,
        _: Timestamp,
    ) -> Result<Vec<Created>> {
        let add = |conn: &Connection, (key, record): &_| changes::create(conn, key, record);
        self.each("create", records, add).await
    }

    async fn replace_all(
        &self,
        records: Vec<(Found, Record)>,
        now: Timestamp,
    ) -> Result<Vec<bool>> {
        let put = move |conn: &Connection, (old, new): &_| changes::replace(conn, old, new, now);
        self.each("replace", records, put).await
    }
}

impl SqliteStore {
    /// Writes each of them, some in a job, so that writes that came meanwhile have their turn in between.
    async fn each<R, T>(
        &self,
        operation: &'static str,
        mut rows: Vec<R>,
        write: impl Fn(&Connection, &R) -> Result<T, Failure> + Clone + Send + 'static,
    ) -> Result<Vec<T>>
    where
        R: Send + 'static,
        T: Send + 'static,
    {
        let mut written = Vec::with_capacity(rows.len());
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(AT_ONCE));
            let some = std::mem::replace(&mut rows, rest);
            let write = write.clone();
            let job = move |conn: &Connection| {
                let all = some.iter().map(|row| write(conn, row));
                all.collect::<Result<Vec<_>, _>>()
            };
            written.extend(self.write(operation, job).await?);
        }
        Ok(written)
    }
}

/// How many rows one job writes: about ten milliseconds of the one who writes, which is what a flush takes.
const AT_ONCE: usize = 1_024;
