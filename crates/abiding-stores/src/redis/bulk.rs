//! Many rows side by side: their commands go out together.

use abiding::{
    Found, Record, Result, Store, StoreKey, Timestamp,
    store::{Bulk, Created},
};

use super::{Outcome, RedisStore, changes::relisted, gather::gather, rows::Stored};

impl Bulk for RedisStore {
    async fn create_all(
        &self,
        records: Vec<(StoreKey, Record)>,
        now: Timestamp,
    ) -> Result<Vec<Created>> {
        let mut created = Vec::with_capacity(records.len());
        for some in records.chunks(AT_ONCE) {
            let all = some
                .iter()
                .map(|(key, record)| self.create(key, record, now));
            for one in gather(all).await {
                created.push(one?);
            }
        }
        Ok(created)
    }

    async fn replace_all(
        &self,
        records: Vec<(Found, Record)>,
        now: Timestamp,
    ) -> Result<Vec<bool>> {
        let mut replaced = Vec::with_capacity(records.len());
        for some in records.chunks(AT_ONCE) {
            let all = some.iter().map(async |(old, new)| {
                if old.record.is_expired_at(now) {
                    return Ok(false);
                }
                let row = Stored::record(old.record.clone()).to_bytes();
                let stored = Stored::record(new.clone());
                let listings = relisted(old, new);
                let put = self.replace("replace", &old.key, &row, &stored, now, &listings);
                Ok(matches!(put.await?, Outcome::Done))
            });
            for one in gather(all).await {
                replaced.push(one?);
            }
        }
        Ok(replaced)
    }
}

/// How many are on their way together.
const AT_ONCE: usize = 128;
