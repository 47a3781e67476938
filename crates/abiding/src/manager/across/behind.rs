//! What sessions have left behind here: marked records of sessions that ended where they went.
//!
//! A node that knew the other place alone has ended such a session there, and could not end what is left of it here.
//! Nodes that know both places take the record for what it is; one that knows this place alone takes it for the session
//! that it was. So before the other place is forgotten these records are ended, each as it was seen and no other.

use std::time::Duration;

use super::{
    LeftBehind,
    census::{Home, Row, arrived, ended_on_purpose, lives},
};
use crate::{
    codec::Mark,
    delta::Delta,
    error::{Error, ErrorKind, Result},
    id::StoreKey,
    manager::{Look, Shared, close::gone_is_an_answer},
    record::Found,
    session::ROUNDS,
    store::{Committed, Expect, MetaEdit},
};

/// How long what was ended is good for if the process dies before it is removed. Not nothing: to some stores that is
/// for ever.
const MOMENT: Duration = Duration::from_secs(1);

/// What became of a session that left a marked record.
enum Rest {
    Lives,
    Over,
    /// It has another id; the one that it had may lead to it for its grace.
    Renamed,
    Unknown,
}

impl Shared {
    /// What a record of this place is; `ends` it if its session has ended elsewhere.
    pub(super) async fn left_behind(&self, found: &Found, ends: bool) -> Result<LeftBehind> {
        let Some(store) = self.store_of() else {
            let context = "the primary place has to be a store";
            return Err(Error::new(ErrorKind::Unsupported, "end", context));
        };
        let now = self.clock.now();
        let live = match self.look(&Self::keyed(found.key), found, now)? {
            Look::Live(live) if !found.frozen => live,
            Look::Live(_) | Look::Over(_) => return Ok(LeftBehind::Nothing),
        };
        if live.meta.mark.as_ref().and_then(Mark::passage).is_none() {
            return Ok(LeftBehind::Nothing);
        }
        let (until, is_over) = match self.rest_of(found.key).await? {
            Rest::Lives => return Ok(LeftBehind::Lives),
            Rest::Unknown => return Ok(LeftBehind::Unknown),
            Rest::Over => (now.after(MOMENT), true),
            Rest::Renamed => (now.after(self.grace), false),
        };
        if live.meta.absolute_deadline <= until {
            // It has been seen to.
            return Ok(LeftBehind::Nothing);
        }
        if !ends {
            return Ok(LeftBehind::Over);
        }
        let edit = MetaEdit {
            absolute_deadline: Some(until),
            at_rest: true,
            ..MetaEdit::default()
        };
        let mut change = self.change(Delta::default(), edit, now);
        change.under = Some(found.key);
        let expect = Expect::Version(found.record.version);
        let committed = store.commit(&found.key, &change, expect, now).await;
        if !matches!(gone_is_an_answer(committed)?, Committed::Yes(_)) {
            // It is something else by now, or somebody was faster.
            return Ok(LeftBehind::Nothing);
        }
        if is_over {
            store.delete(&found.key, None, now).await?;
        }
        Ok(LeftBehind::Over)
    }

    /// Ends what lies here under `key`, if a request has found it to be left behind by a session that is over.
    pub(super) async fn end_if_left_behind(&self, key: &StoreKey) -> Result<()> {
        let Some(store) = self.store_of() else {
            return Ok(());
        };
        if let Some(found) = store.load(key, self.clock.now()).await?
            && found.key == *key
        {
            self.left_behind(&found, true).await?;
        }
        Ok(())
    }

    /// What has become of the session that has a marked record under `key`. Nothing is changed by that.
    async fn rest_of(&self, key: StoreKey) -> Result<Rest> {
        let mut before = None;
        for _ in 0..ROUNDS {
            let rows = self.census(0, key, self.clock.now()).await?;
            if rows.len() < 2 {
                // None of the other places is a store, or it is not known under which key.
                return Ok(Rest::Unknown);
            }
            if rows.iter().find_map(ended_on_purpose).is_some() {
                return Ok(Rest::Over);
            }
            if arrived(&rows).is_some() {
                return Ok(Rest::Lives);
            }
            let present = rows.iter().filter(|row| row.live().is_some());
            let state: Vec<_> = present.map(Row::state).collect();
            let is_renamed = rows.iter().any(Row::is_renamed);
            if let Some(Home::Lives { live, .. }) = lives(rows) {
                let is_past = is_renamed || live.moved || live.frozen;
                return Ok(if is_past { Rest::Renamed } else { Rest::Lives });
            }
            // As for a request: each was read at a moment of its own, and nothing lives if all are as they were.
            if before.as_ref() == Some(&state) {
                // Or it went into a cookie, and of that nobody knows.
                let is_known = !self.has_cookies();
                return Ok(if is_known { Rest::Over } else { Rest::Unknown });
            }
            before = Some(state);
        }
        // On its way all the time.
        Ok(Rest::Lives)
    }
}
