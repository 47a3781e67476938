//! The name of one run through the form: what makes a double click one application.
//!
//! Made when the review is first shown, by a read-modify-write, so that two tabs agree on it; cleared
//! in the same commit that clears the form. A submit never makes one: it could only be the name of a
//! form that was submitted a moment ago.

use abiding_tower::Session;
use serde::{Deserialize, Serialize};

/// A name that nobody else has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Submission(String);

impl Submission {
    /// The one in the session, or a new one.
    pub(crate) async fn begin(session: &Session) -> abiding::Result<Self> {
        let fresh = Self::random()?;
        session
            .update(KEY, |old: Option<Self>| {
                old.unwrap_or_else(|| fresh.clone())
            })
            .await
    }

    /// The one in the session.
    pub(crate) async fn load(session: &Session) -> abiding::Result<Option<Self>> {
        session.get(KEY).await
    }

    /// Ends the run.
    pub(crate) fn forget(session: &Session) {
        session.remove(KEY);
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn random() -> abiding::Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|cause| {
            let context = "the system gave no randomness";
            abiding::Error::new(abiding::ErrorKind::Randomness, "begin", context).with_source(cause)
        })?;
        Ok(Self(
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }
}

const KEY: &str = "membership.submission";
