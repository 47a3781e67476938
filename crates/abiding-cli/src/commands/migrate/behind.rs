//! The second part of a migration: what sessions have left behind where these go, and which of them ended since.
//!
//! Whoever was signed out while nodes knew the one place alone has a marked record in the other. A walk over the place
//! that sessions go to ends those, each by itself ([`Manager::end_left_behind`]): an unmarked one costs nothing.

use abiding::{ErrorKind, Found, LeftBehind, Manager};
use tokio::task::JoinSet;

use super::{ends::Ends, movers::broken};
use crate::{
    exit::Failure,
    place::{PAGE, Place},
};

/// What is to be done with what is found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    End,
    Look,
}

/// How many of these were left behind by sessions that are over, looked at in so many shares side by side.
pub(super) async fn left_behind(
    manager: &Manager,
    found: &[Found],
    parallel: usize,
    act: Act,
) -> Result<u64, Failure> {
    let mut tasks = JoinSet::new();
    let share = found.len().div_ceil(parallel).max(1);
    for share in found.chunks(share) {
        let (manager, share) = (manager.clone(), share.to_vec());
        tasks.spawn(async move {
            let mut over = 0;
            for found in &share {
                over += u64::from(is_over(&manager, found, act).await?);
            }
            Ok::<_, abiding::Error>(over)
        });
    }
    let mut over = 0;
    while let Some(share) = tasks.join_next().await {
        over += share.map_err(|_| broken())??;
    }
    Ok(over)
}

async fn is_over(manager: &Manager, found: &Found, act: Act) -> abiding::Result<bool> {
    let seen = match act {
        Act::End => manager.end_left_behind(found).await,
        Act::Look => manager.left_behind(found).await,
    };
    match seen {
        Ok(seen) => Ok(seen == LeftBehind::Over),
        // It is one record that is damaged, or was sealed with another key, and no session to anybody.
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Decode) => Ok(false),
        Err(error) => Err(error),
    }
}

impl Ends {
    /// Whether what was left behind can be looked for.
    pub(super) fn can_clear(&self) -> bool {
        self.to.store.powers().walk && !self.to.hides_ids()
    }

    /// Whether the place that sessions come from is known to hold nothing at all. One that lists nothing is not.
    pub(super) async fn comes_from_nothing(&self) -> Result<bool, Failure> {
        let Place { store, .. } = &self.from;
        if !store.powers().walk {
            return Ok(false);
        }
        let mut next = None;
        loop {
            let page = self
                .from
                .page(next.as_ref(), PAGE, self.now.instant())
                .await?;
            if !page.found.is_empty() || page.unreadable > 0 {
                return Ok(false);
            }
            next = page.next;
            if next.is_none() {
                return Ok(true);
            }
        }
    }
}
