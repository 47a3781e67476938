//! Many records at once: what it takes to move all sessions of a store in less time than one by one.

use std::future::Future;

use super::{Created, Store};
use crate::{
    clock::Timestamp,
    error::Result,
    id::StoreKey,
    record::{Found, Record},
};

/// Writes many records in one go. Each is written or not by itself; after an error some of them may be.
pub trait Bulk: Store {
    /// Adds each record whose key is free, as [`create`](Store::create) does. Answers in their order. No
    /// key comes twice.
    fn create_all(
        &self,
        records: Vec<(StoreKey, Record)>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Created>>> + Send;

    /// Puts each record in the place of the one that was found, if that still is as it was: nobody has
    /// written to it or touched it since, and it lives. Answers in their order for which that was so. No key comes twice.
    fn replace_all(
        &self,
        records: Vec<(Found, Record)>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<bool>>> + Send;
}
