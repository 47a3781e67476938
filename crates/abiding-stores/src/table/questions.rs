//! What a server is asked, whatever its language.

use std::future::Future;

use abiding::{
    Error, Found, Record, StoreKey, Timestamp,
    store::{Deleted, Leave},
};
use tokio::sync::MutexGuard;

use super::{Lane, Lanes, Stored, Way};

/// One operation on its way, and the questions it may ask: all of them are answered before one deadline.
pub(crate) trait Questions: Sync {
    type Failure: From<Error> + Send;

    fn lanes(&self) -> &Lanes;

    /// Waits for its turn to change a session of `lane`.
    fn turn<'l>(
        &self,
        lane: &'l Lane,
    ) -> impl Future<Output = Result<MutexGuard<'l, ()>, Self::Failure>> + Send;

    /// The row under `key`, over or not.
    fn find(
        &self,
        key: &StoreKey,
    ) -> impl Future<Output = Result<Option<Stored>, Self::Failure>> + Send;

    /// The row under `key` and those that aliases lead to, in their order, of one moment.
    fn follow(
        &self,
        key: &StoreKey,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Stored>, Self::Failure>> + Send;

    /// Adds a session. Whether the key was free.
    fn add(
        &self,
        key: &StoreKey,
        record: &Record,
    ) -> impl Future<Output = Result<bool, Self::Failure>> + Send;

    /// Puts `new` in the place of `old`. Whether that still was as it was read.
    fn replace(
        &self,
        old: &Found,
        new: &Record,
    ) -> impl Future<Output = Result<bool, Self::Failure>> + Send;

    /// Touches the session under this very key.
    fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<Reached, Self::Failure>> + Send;

    /// Moves `old`, if it still is as it was read, to the key `to`, and leaves at its own what `leave` says.
    fn move_to(
        &self,
        old: &Found,
        to: &StoreKey,
        moved: &Record,
        leave: Leave,
    ) -> impl Future<Output = Result<Arrived, Self::Failure>> + Send;

    /// Removes what lies under `key`, and the aliases on the way to it; nothing if it leads on or is not there.
    fn remove(
        &self,
        key: &StoreKey,
        way: &Way,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Deleted>, Self::Failure>> + Send;

    /// Puts `reason` in the place of `old`, frozen, and removes the aliases on the way. Whether `old` still was
    /// as it was read.
    fn leave_farewell(
        &self,
        old: &Found,
        reason: &Record,
        way: &Way,
    ) -> impl Future<Output = Result<bool, Self::Failure>> + Send;
}

/// Whether a touch reached its session.
pub(crate) enum Reached {
    /// There is none here, and what is here does not lead on.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "a server that answers with a count cannot tell")
    )]
    Gone,
    /// It is, perhaps, under another key.
    Elsewhere,
    Yes,
}

/// What became of a move.
pub(crate) enum Arrived {
    KeyTaken,
    /// The session was another one by then; nothing was changed.
    Overtaken,
    Yes,
}

/// Whether a question may be asked once more when the connection was lost before the answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// To ask twice could do twice.
    Never,
    /// To ask twice is as good as once.
    Once,
}

/// Counts how often a question was asked.
pub(crate) struct Tries {
    again: Again,
    conflicts: u32,
}

impl Tries {
    pub(crate) fn new(again: Again) -> Self {
        Self {
            again,
            conflicts: 0,
        }
    }

    /// Whether to ask again, after a failure: `is_conflict` if it was rolled back for the sake of others,
    /// `is_lost` if the connection was.
    pub(crate) fn ask_again(&mut self, is_conflict: bool, is_lost: bool) -> bool {
        if is_conflict && self.conflicts < CONFLICTS {
            self.conflicts += 1;
            return true;
        }
        let again = is_lost && self.again == Again::Once;
        if again {
            self.again = Again::Never;
        }
        again
    }
}

/// How often a statement that was rolled back for the sake of others is sent again.
const CONFLICTS: u32 = 10;
