//! The survey: a walk on which the server counts, or hands out the heads of rows alone.

use abiding::{
    Result, Timestamp,
    store::{Census, Outline, Question, Survey},
};
use redis::Value;

use super::{
    RedisStore,
    rows::{HEAD, LETTERS, Row, Stored},
    scripts::{COUNT, Call, HEADS},
    sweep::{Cursor, escaped, next_at},
};

/// By `SCAN`, as the walk: what lies there throughout is counted, and perhaps more than once while the server
/// makes room.
impl Survey for RedisStore {
    async fn survey(&self, question: &Question, now: Timestamp) -> Result<Census> {
        let mut census = Census::begin(question);
        let mut next = Some(Cursor::default());
        if !self.is_spread() && question.steps.is_none() {
            while let Some(cursor) = next {
                next = self.count(cursor, question, now, &mut census).await?;
            }
            return Ok(census);
        }
        while let Some(cursor) = next {
            let (after, heads) = if self.is_spread() {
                self.page_of_rows(cursor).await?
            } else {
                self.page_of_heads(cursor).await?
            };
            next = after;
            for (head, length) in heads {
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

/// The beginnings of some rows and how long they are, and where the next ones are.
type Heads = (Option<Cursor>, Vec<(Vec<u8>, u64)>);

impl RedisStore {
    /// The server walks and counts, and hands out numbers. Answers where it goes on.
    async fn count(
        &self,
        cursor: Cursor,
        question: &Question,
        now: Timestamp,
        census: &mut Census,
    ) -> Result<Option<Cursor>> {
        let call = [
            now,
            question.created_from,
            question.created_by,
            question.seen_by,
            question.ends_by,
        ]
        .into_iter()
        .fold(self.page_at(&cursor), |call, at| {
            call.number(at.as_millis())
        });
        let told = self.run(SURVEY, &COUNT, &call).await?;
        let unexpected = || self.unexpected(SURVEY);
        let Value::Array(told) = told else {
            return Err(unexpected());
        };
        let [
            Value::BulkString(next),
            Value::Int(count),
            Value::Int(unreadable),
        ] = &told[..]
        else {
            return Err(unexpected());
        };
        census.sessions += count.unsigned_abs();
        census.unreadable += unreadable.unsigned_abs();
        let at = next_at(next).ok_or_else(unexpected)?;
        Ok((at > 0).then(|| cursor.moved_to(at)))
    }

    /// Which page a script is to look at.
    fn page_at(&self, cursor: &Cursor) -> Call {
        let rows = self.names.rows();
        Call::default()
            .bytes(cursor.at.to_string())
            .bytes(format!("{}*", escaped(&rows)))
            .number(PAGE as i64)
            .number((rows.len() + LETTERS) as i64)
    }

    /// The server walks, and hands out heads.
    async fn page_of_heads(&self, cursor: Cursor) -> Result<Heads> {
        let call = self.page_at(&cursor);
        let unexpected = || self.unexpected(SURVEY);
        let Value::Array(told) = self.run(SURVEY, &HEADS, &call).await? else {
            return Err(unexpected());
        };
        let mut told = told.into_iter();
        let Some(Value::BulkString(next)) = told.next() else {
            return Err(unexpected());
        };
        let at = next_at(&next).ok_or_else(unexpected)?;
        let next = (at > 0).then(|| cursor.moved_to(at));
        let mut heads = Vec::with_capacity(told.len() / 2);
        while let (Some(head), Some(length)) = (told.next(), told.next()) {
            let (Value::BulkString(head), Value::Int(length)) = (head, length) else {
                return Err(unexpected());
            };
            heads.push((head, u64::try_from(length).unwrap_or(0)));
        }
        Ok((next, heads))
    }

    /// The servers of a cluster run no script over keys of many slots: rows come whole.
    async fn page_of_rows(&self, cursor: Cursor) -> Result<Heads> {
        let (next, mut keys) = self.page(SURVEY, cursor, PAGE).await?;
        // One page may name a key twice.
        keys.sort_unstable();
        keys.dedup();
        let rows = self.raw_rows(SURVEY, &keys).await?;
        let whole = |row: Vec<u8>| {
            let length = row.len() as u64;
            (row, length)
        };
        Ok((next, rows.into_iter().flatten().map(whole).collect()))
    }
}

const SURVEY: &str = "survey";
/// How many keys the server looks at for one page: about a millisecond of its time.
const PAGE: usize = 500;
