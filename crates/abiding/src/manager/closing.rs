//! What closing a session tells the adapter.

use std::fmt;

use zeroize::Zeroizing;

use crate::engine::Plan;

/// What the adapter adds to the response.
#[derive(Debug)]
#[non_exhaustive]
pub struct Closing {
    /// The value of the one `Set-Cookie` header, if there is to be one.
    pub set_cookie: Option<Zeroizing<String>>,
    /// Whether the response depends on the session: it needs `Vary: Cookie` and must not be cached
    /// by others.
    pub accessed: bool,
    /// What was done: `read 1, store: commit, cookie: nothing`.
    pub summary: Summary,
}

/// What a request did to its session, in words. Holds no secret.
#[derive(Clone, Debug)]
pub struct Summary {
    pub(super) reads: u32,
    pub(super) commits: u32,
    pub(super) saved: Option<Plan>,
    pub(super) plan: Option<Plan>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(plan) = &self.plan else {
            return f.write_str("untouched");
        };
        match (self.reads, self.commits) {
            (0, 0) => {}
            (reads, 0) => write!(f, "read {reads}, ")?,
            (reads, commits) => write!(f, "read {reads}, updated {commits}, ")?,
        }
        if let Some(saved) = &self.saved {
            write!(f, "saved early ({saved}), ")?;
        }
        write!(f, "{plan}")
    }
}
