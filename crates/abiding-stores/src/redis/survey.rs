//! The survey: a walk on which the server hands out the heads of rows alone.

use abiding::{
    Result, StoreKey, Timestamp,
    store::{Census, Outline, Question, Survey},
};
use redis::Value;

use super::{
    RedisStore,
    rows::{HEAD, Row, Stored},
    scripts::{Call, HEADS},
    sweep::Cursor,
};

/// By `SCAN`, as the walk: what lies there throughout is counted, and perhaps more than once while the server
/// makes room.
impl Survey for RedisStore {
    async fn survey(&self, question: &Question, now: Timestamp) -> Result<Census> {
        let mut census = Census::begin(question);
        let mut next = Some(Cursor::default());
        while let Some(cursor) = next {
            let (after, mut keys) = self.page(SURVEY, cursor, PAGE).await?;
            next = after;
            // One page may name a key twice.
            keys.sort_unstable();
            keys.dedup();
            for (head, length) in self.heads(&keys).await? {
                match Stored::parse(&head) {
                    Ok(stored) => {
                        if let Row::Record(record) = stored.row {
                            let mut outline = Outline::of(&record);
                            outline.size = length.saturating_sub(HEAD as u64);
                            census.meet(question, &outline, now);
                        }
                    }
                    Err(_) => census.unreadable += 1,
                }
            }
        }
        Ok(census)
    }
}

impl RedisStore {
    /// The heads of these rows, and how long they are, without those that are gone.
    async fn heads(&self, keys: &[StoreKey]) -> Result<Vec<(Vec<u8>, u64)>> {
        if self.is_spread() {
            let rows = self.raw_rows(SURVEY, keys).await?;
            let whole = |row: Vec<u8>| {
                let length = row.len() as u64;
                (row, length)
            };
            return Ok(rows.into_iter().flatten().map(whole).collect());
        }
        let mut names = keys.iter().map(|key| self.names.row(key));
        let Some(first) = names.next() else {
            return Ok(vec![]);
        };
        let call = names.fold(Call::on(first), Call::key);
        let Value::Array(told) = self.run(SURVEY, &HEADS, &call).await? else {
            return Err(self.unexpected(SURVEY));
        };
        let mut heads = Vec::with_capacity(keys.len());
        let mut told = told.into_iter();
        while let (Some(head), Some(length)) = (told.next(), told.next()) {
            let (Value::BulkString(head), Value::Int(length)) = (head, length) else {
                return Err(self.unexpected(SURVEY));
            };
            if length > 0 {
                heads.push((head, u64::try_from(length).unwrap_or(0)));
            }
        }
        Ok(heads)
    }
}

const SURVEY: &str = "survey";
/// How many keys the server looks at for one page: about a millisecond of its time.
const PAGE: usize = 1_000;
