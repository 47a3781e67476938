//! Without the feature `flask` every key is a hash.

use super::{SessionId, StoreKey};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Sid;

impl Sid {
    pub(super) const NONE: Self = Self;
}

impl StoreKey {
    /// The bytes of the key, as a mark keeps them.
    pub(crate) fn spelled(&self) -> Vec<u8> {
        [&[0][..], &self.hash].concat()
    }

    /// The key that was spelled like this.
    pub(crate) fn from_spelled(bytes: &[u8]) -> Option<Self> {
        let (&[0], hash) = bytes.split_first_chunk()? else {
            return None;
        };
        Some(Self::from_bytes(hash.try_into().ok()?))
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SidLength(());

impl SidLength {
    pub(super) fn store_key(self, _: &SessionId) -> Option<StoreKey> {
        None
    }
}
