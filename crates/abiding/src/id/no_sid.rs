//! Without the feature `flask` every key is a hash.

use super::{SessionId, StoreKey};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Sid;

impl Sid {
    pub(super) const NONE: Self = Self;
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SidLength(());

impl SidLength {
    pub(super) fn store_key(self, _: &SessionId) -> Option<StoreKey> {
        None
    }
}
