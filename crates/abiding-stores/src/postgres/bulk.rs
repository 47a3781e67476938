//! Many rows in one statement: their columns as arrays.

use abiding::{
    Found, Record, Result, StoreKey, Timestamp,
    store::{Bulk, Created},
};
use tokio_postgres::{Row as Columns, types::ToSql};

use super::{
    PostgresStore,
    errand::Errand,
    failure::Failure,
    rows::{column, subject},
};
use crate::{parts::parts, table::Again};

impl Bulk for PostgresStore {
    async fn create_all(
        &self,
        records: Vec<(StoreKey, Record)>,
        _: Timestamp,
    ) -> Result<Vec<Created>> {
        let operation = "create";
        let mut created = Vec::with_capacity(records.len());
        for part in parts(&records, |(_, record)| record.payload.len()) {
            let errand = self.errand(operation)?;
            let keys = self.told(operation, create(&errand, part).await)?;
            created.extend(part.iter().map(|(key, _)| match keys.binary_search(key) {
                Ok(_) => Created::Yes,
                Err(_) => Created::KeyTaken,
            }));
        }
        Ok(created)
    }

    async fn replace_all(
        &self,
        records: Vec<(Found, Record)>,
        now: Timestamp,
    ) -> Result<Vec<bool>> {
        let operation = "replace";
        let mut keys = Vec::with_capacity(records.len());
        let least = parts(&records, |(_, record)| record.payload.len()).len();
        for some in apart(&records, least.max(APART)) {
            let errand = self.errand(operation)?;
            keys.extend(self.told(operation, replace(&errand, &some, now).await)?);
        }
        keys.sort_unstable();
        let is_in = |(old, _): &(Found, Record)| keys.binary_search(&old.key).is_ok();
        Ok(records.iter().map(is_in).collect())
    }
}

/// So many parts, in which no two stand side by side that did so before.
fn apart<T>(rows: &[T], count: usize) -> impl Iterator<Item = Vec<&T>> {
    let part = move |first| rows.iter().skip(first).step_by(count).collect();
    (0..count.min(rows.len())).map(part)
}

/// Answers the keys that were added, in their order.
async fn create(
    errand: &Errand<'_>,
    records: &[(StoreKey, Record)],
) -> Result<Vec<StoreKey>, Failure> {
    let all: Vec<_> = records.iter().map(|(key, record)| (key, record)).collect();
    let values = Arrays::of(&all);
    let rows = errand
        .rows(Again::Never, |all| &all.create_all, &values.as_parameters())
        .await?;
    keys(&rows)
}

/// Answers the keys of those that still were as they were found.
async fn replace(
    errand: &Errand<'_>,
    records: &[&(Found, Record)],
    now: Timestamp,
) -> Result<Vec<StoreKey>, Failure> {
    let all: Vec<_> = records.iter().map(|(old, new)| (&old.key, new)).collect();
    let values = Arrays::of(&all);
    let old = || records.iter().map(|(old, _)| &old.record);
    let versions: Vec<_> = old()
        .map(|old| old.version.number().cast_signed())
        .collect();
    let seen: Vec<_> = old().map(|old| old.seen.as_millis()).collect();
    let idle: Vec<_> = old().map(|old| old.idle_deadline.as_millis()).collect();
    let now = now.as_millis();
    let as_read: [&(dyn ToSql + Sync); 4] = [&versions, &seen, &idle, &now];
    let parameters = [&values.as_parameters()[..], &as_read].concat();
    let rows = errand
        .rows(Again::Never, |all| &all.replace_all, &parameters)
        .await?;
    keys(&rows)
}

fn keys(rows: &[Columns]) -> Result<Vec<StoreKey>, Failure> {
    let key = |row| column::<&[u8]>(row, 0).and_then(super::rows::key);
    let mut keys: Vec<_> = rows.iter().map(key).collect::<Result<_, _>>()?;
    keys.sort_unstable();
    Ok(keys)
}

/// The columns of many sessions, each as an array.
struct Arrays<'a> {
    keys: Vec<&'a [u8]>,
    numbers: [Vec<i64>; 6],
    subjects: Vec<Option<&'a [u8]>>,
    payloads: Vec<&'a [u8]>,
}

impl<'a> Arrays<'a> {
    fn of(records: &[(&'a StoreKey, &'a Record)]) -> Self {
        let all = || records.iter().map(|(_, record)| *record);
        let numbers: [fn(&Record) -> i64; 6] = [
            |record| record.deadline().as_millis(),
            |record| record.created.as_millis(),
            |record| record.seen.as_millis(),
            |record| record.idle_deadline.as_millis(),
            |record| record.absolute_deadline.as_millis(),
            |record| record.version.number().cast_signed(),
        ];
        Self {
            keys: records.iter().map(|(key, _)| &key.as_bytes()[..]).collect(),
            numbers: numbers.map(|number| all().map(number).collect()),
            subjects: all().map(subject).collect(),
            payloads: all().map(|record| &*record.payload).collect(),
        }
    }

    /// For `$1` to `$9`, in the order of a single session.
    fn as_parameters(&self) -> [&(dyn ToSql + Sync); 9] {
        let [ends, created, seen, idle, absolute, version] = &self.numbers;
        [
            &self.keys,
            ends,
            created,
            seen,
            idle,
            absolute,
            version,
            &self.subjects,
            &self.payloads,
        ]
    }
}

/// In how many statements rows are replaced at least. Neighbours lie on one page of the table, which has room for two or
/// three new rows in five: those that come later find what the first have left, and nothing goes into an index.
const APART: usize = 3;
