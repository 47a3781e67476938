//! Without the feature `flask` there is one way to speak to browsers and to values: ours.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    clock::Timestamp,
    codec::{self, Entries, Meta},
    cookie::CookieSpec,
    engine::{Credential, Live, Policy},
    error::{ConfigError, Result},
    id::{SidLength, StoreKey},
    keyring::KeyRing,
    rejection::Rejection,
};

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dialect(());

#[expect(clippy::unused_self, reason = "the other dialect needs it")]
impl Dialect {
    pub(super) fn names_by_sid(self) -> bool {
        false
    }

    pub(super) fn sids(self) -> SidLength {
        SidLength::default()
    }

    pub(super) fn check(self) -> Result<(), ConfigError> {
        Ok(())
    }

    pub(super) fn ring(self) -> Option<KeyRing> {
        None
    }

    pub(super) fn adapt(self, _: &mut Policy) {}

    pub(super) fn takes_the_first(self) -> bool {
        false
    }

    pub(super) fn open_sid(self, _: &[u8]) -> Option<Result<Credential, Rejection>> {
        None
    }

    pub(super) fn sid_cookie(self, _: &StoreKey) -> Option<String> {
        None
    }

    pub(super) fn open_cookie(
        self,
        _: &[u8],
        _: Timestamp,
    ) -> Option<Result<Option<Live>, Rejection>> {
        None
    }

    pub(super) fn seal_cookie(self, _: &Meta, _: &Entries, _: Timestamp) -> Option<Result<String>> {
        None
    }

    pub(super) fn set_cookie(
        self,
        spec: &CookieSpec,
        value: &str,
        max_age: Option<Duration>,
        _: Timestamp,
    ) -> String {
        spec.set(value, max_age)
    }

    pub(super) fn remove_cookie(self, spec: &CookieSpec) -> String {
        spec.remove()
    }

    pub(crate) fn encode<T: Serialize + ?Sized>(self, key: &str, value: &T) -> Result<Vec<u8>> {
        codec::encode_value(key, value)
    }

    pub(crate) fn decode<T: DeserializeOwned>(self, key: &str, value: &[u8]) -> Result<T> {
        codec::decode_value(key, value)
    }

    pub(crate) fn flashed(self, _: Option<&[u8]>, _: &str, _: &str) -> Option<Result<Vec<u8>>> {
        None
    }
}
