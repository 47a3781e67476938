//! Flash messages: said in one request, shown once in a later one.
//!
//! They lie under `_flashes` as a list of `[category, message]` pairs, as Flask (3.1) keeps them, so that
//! either host shows what the other one said.

use super::Session;
use crate::error::Result;

const KEY: &str = "_flashes";

/// A message to be shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flash {
    /// What kind of message it is: `info`, `error`, whatever the page styles.
    pub category: String,
    /// What it says. Escape it like any text.
    pub message: String,
}

impl Session {
    /// Adds a message for the next page. Two requests that add one each both keep theirs.
    ///
    /// # Errors
    /// As for [`update`](Self::update).
    pub async fn flash(&self, category: &str, message: &str) -> Result<()> {
        let dialect = &self.shared.dialect;
        self.modify(KEY, |old| {
            if let Some(flashed) = dialect.flashed(old, category, message) {
                return flashed.map(Some);
            }
            let old = old.map(|old| dialect.decode(KEY, old)).transpose()?;
            let mut pairs: Vec<(String, String)> = old.unwrap_or_default();
            pairs.push((category.into(), message.into()));
            dialect.encode(KEY, &pairs).map(Some)
        })
        .await
    }

    /// The messages to be shown now, the oldest first; they are gone from the session. Without any,
    /// nothing is written.
    ///
    /// # Errors
    /// As for [`update`](Self::update).
    pub async fn take_flashes(&self) -> Result<Vec<Flash>> {
        let mut taken: Vec<(String, String)> = Vec::new();
        let dialect = &self.shared.dialect;
        self.modify(KEY, |old| {
            let old = old.map(|old| dialect.decode(KEY, old)).transpose()?;
            taken = old.unwrap_or_default();
            Ok(None)
        })
        .await?;
        Ok(taken
            .into_iter()
            .map(|(category, message)| Flash { category, message })
            .collect())
    }
}
