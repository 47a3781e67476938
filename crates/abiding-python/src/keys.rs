//! The ring of keys: out of the application's secrets, or from where keys are kept.

use abiding::{ConfigError, Key, KeyRing};
use abiding_stores::keys::KeySource;
use pyo3::prelude::*;

use crate::errors::{misconfigured, wrong_setting};

/// The ring of `secrets`, the first of which signs. `trusting` takes any secret, for development.
pub(crate) fn of_secrets(py: Python<'_>, secrets: &[Vec<u8>], trusting: bool) -> PyResult<KeyRing> {
    let key = |secret: &Vec<u8>| match trusting {
        true => Ok(Key::danger_from_secret(secret)),
        false => Key::from_secret(secret),
    };
    let ring = || -> Result<Option<KeyRing>, ConfigError> {
        let Some((first, others)) = secrets.split_first() else {
            return Ok(None);
        };
        let ring = KeyRing::new(key(first)?);
        for other in others {
            ring.accept(key(other)?)?;
        }
        Ok(Some(ring))
    };
    ring()
        .map_err(|error| misconfigured(py, &error))?
        .ok_or_else(|| {
            wrong_setting(
                py,
                "there is no secret: give one, or name where the keys are",
            )
        })
}

/// The ring that `source` names: `file:PATH`, `env:NAME`, `credential:NAME` or `fd:NUMBER`.
pub(crate) fn of_source(py: Python<'_>, source: &str) -> PyResult<KeyRing> {
    KeySource::parse(source)
        .and_then(|source| source.load())
        .map_err(|error| wrong_setting(py, error.to_string()))
}
