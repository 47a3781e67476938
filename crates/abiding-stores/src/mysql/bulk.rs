//! Many rows in one message: one statement that adds them, or a transaction that replaces each.

use std::fmt::Write as _;

use abiding::{
    Found, Record, Result, StoreKey, Timestamp,
    store::{Bulk, Created},
};

use super::{
    MysqlStore,
    errand::Errand,
    failure::Failure,
    questions::{of_change, of_new},
    statements::script,
};
use crate::{
    parts::parts,
    table::{Again, Questions as _},
};

impl Bulk for MysqlStore {
    async fn create_all(
        &self,
        records: Vec<(StoreKey, Record)>,
        _: Timestamp,
    ) -> Result<Vec<Created>> {
        let operation = "create";
        let mut created = Vec::with_capacity(records.len());
        for part in parts(&records, |(_, record)| record.payload.len()) {
            let errand = self.errand(operation)?;
            created.extend(self.told(operation, create(&errand, part).await)?);
        }
        Ok(created)
    }

    async fn replace_all(
        &self,
        mut records: Vec<(Found, Record)>,
        now: Timestamp,
    ) -> Result<Vec<bool>> {
        let operation = "replace";
        // The same deadline is a part of what each was found as, so nobody else has to look at the clock.
        let lives: Vec<_> = records
            .iter()
            .map(|(old, _)| !old.record.is_expired_at(now))
            .collect();
        records.retain(|(old, _)| !old.record.is_expired_at(now));
        let mut replaced = Vec::with_capacity(records.len());
        for part in parts(&records, |(_, record)| record.payload.len()) {
            let errand = self.errand(operation)?;
            let replace = &self.pool.texts.replace;
            let mut text = String::from("START TRANSACTION");
            for (old, new) in part {
                let _ = write!(text, "; {}", script(replace, of_change(old, new)));
            }
            text += "; COMMIT";
            let answer = errand.script(Again::Never, text).await;
            let answer = self.told(operation, answer)?;
            replaced.extend((1..=part.len()).map(|at| answer.written_by(at) == 1));
        }
        let mut replaced = replaced.into_iter();
        let answer = |lives: bool| lives && replaced.next().unwrap_or(false);
        Ok(lives.into_iter().map(answer).collect())
    }
}

/// The statement is refused as a whole if one key is taken, and then each is added by itself.
async fn create(
    errand: &Errand<'_>,
    records: &[(StoreKey, Record)],
) -> Result<Vec<Created>, Failure> {
    let texts = &errand.pool.texts;
    let (head, row) = texts.create.split_once("VALUES").unwrap_or_default();
    let mut text = format!("{head}VALUES");
    for (at, (key, record)) in records.iter().enumerate() {
        text += if at > 0 { "," } else { "" };
        text += &script(row, of_new(key, record));
    }
    match errand.script(Again::Never, text).await {
        Ok(_) => return Ok(vec![Created::Yes; records.len()]),
        Err(failure) if failure.is_taken() => {}
        Err(failure) => return Err(failure),
    }
    let mut created = Vec::with_capacity(records.len());
    for (key, record) in records {
        created.push(match errand.add(key, record).await? {
            true => Created::Yes,
            false => Created::KeyTaken,
        });
    }
    Ok(created)
}
