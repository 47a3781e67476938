//! Carrying out what a request did, wherever its session lives, and what follows from it elsewhere.

use std::sync::Mutex;

use super::{Count, Phase, Standing};
use crate::{
    codec::{Mark, Meta, Passage, Side},
    delta::Delta,
    engine::{CookieStep, Fate, Known, Plan, Step},
    error::{Error, ErrorKind, Result},
    id::StoreKey,
    manager::{Shared, close::gone_is_an_answer},
    session::{Desk, ROUNDS, lock},
    store::{Created, Expect, MetaEdit},
};

/// Where a session lay before the work on it.
type Before = Option<(usize, StoreKey, Option<StoreKey>)>;

impl Shared {
    /// Carries out what is pending. What could not be carried out stays pending.
    pub(in crate::manager) async fn perform_across(&self, desk: &Mutex<Desk>) -> Result<Plan> {
        for _ in 0..ROUNDS {
            self.part(desk).await?;
            self.arrive(desk).await?;
            if self.leave(desk).await? {
                continue;
            }
            let (home, before) = {
                let desk = lock(desk);
                (desk.home(), where_it_lies(&desk))
            };
            if let Some(plan) = self.place(home).perform_once(desk, true).await? {
                self.follow_up(desk, plan, before).await?;
                return Ok(plan);
            }
        }
        let context = "too many requests change the session at once";
        Err(Error::new(ErrorKind::Contended, "commit", context))
    }

    /// Reads the session first, if there is anything to be done to it: it may live elsewhere by now.
    async fn arrive(&self, desk: &Mutex<Desk>) -> Result<()> {
        let is_new = {
            let desk = lock(desk);
            let unread = matches!(desk.state.known, Known::Unread(_) | Known::Unvouched(_));
            if !unread || !desk.state.asks_anything() {
                return Ok(());
            }
            desk.is_new_to_it()
        };
        self.resolve(desk).await?;
        let mut desk = lock(desk);
        let state = &desk.state;
        let writes = !state.delta.is_empty() || !state.edit.is_empty();
        match state.known {
            Known::Ended(ending) if writes && state.fate != Fate::SignIn => {
                if is_new {
                    desk.set_cookie = Some(self.removal());
                }
                Err(self.ended(&mut desk, ending))
            }
            _ => Ok(()),
        }
    }

    async fn follow_up(&self, desk: &Mutex<Desk>, plan: Plan, before: Before) -> Result<()> {
        let (after, wrote) = {
            let mut desk = lock(desk);
            let after = where_it_lies(&desk);
            let across = desk.across.as_mut();
            let wrote = across.is_some_and(|across| std::mem::take(&mut across.wrote));
            (after, wrote)
        };
        if plan.cookie == CookieStep::Set && !matches!(plan.store, Step::Create | Step::Rotate) {
            self.withhold(desk, before).await?;
        }
        if let Some((0, key, _)) = after
            && (wrote || plan.store != Step::Nothing)
        {
            self.mirror(&key).await;
        }
        if let (Step::Rotate, Some((home, old, twin))) = (plan.store, before) {
            for at in (0..=self.others.len()).filter(|at| *at != home) {
                let key = if self.are_same(home, at) {
                    Some(old)
                } else {
                    twin
                };
                if let Some(key) = key {
                    self.place(at).fade(&key).await?;
                }
            }
        }
        Ok(())
    }

    /// Lets what is left under an id that was given up lead to the session for its grace, and no longer.
    async fn fade(&self, key: &StoreKey) -> Result<()> {
        let Some(store) = self.store_of() else {
            return Ok(());
        };
        let now = self.clock.now();
        let edit = MetaEdit {
            absolute_deadline: Some(now.after(self.grace)),
            ..MetaEdit::default()
        };
        let change = self.change(Delta::default(), edit, now);
        gone_is_an_answer(store.commit(key, &change, Expect::Any, now).await)?;
        Ok(())
    }

    /// Takes back a cookie whose session has got a new id meanwhile: the browser has a newer one.
    async fn withhold(&self, desk: &Mutex<Desk>, before: Before) -> Result<()> {
        if let Some((home, key, _)) = before {
            let (place, now) = (self.place(home), self.clock.now());
            let (standing, _) = place.standing(&Self::keyed(key), now).await?;
            if matches!(standing, Standing::Aside(_)) {
                lock(desk).set_cookie = None;
            }
        }
        Ok(())
    }

    /// Repeats in the mirrored places what the session under `key` is now.
    async fn mirror(&self, key: &StoreKey) {
        for at in 1..=self.others.len() {
            if self.others[at - 1].phase != Phase::Mirror || self.place(at).store_of().is_none() {
                continue;
            }
            match self.mirror_to(at, key).await {
                Ok(true) => self.counts.add(Count::Mirrored),
                Ok(false) => {}
                Err(error) => {
                    // The old place must not be able to stop the new one.
                    tracing::warn!(%error, ?key, "a session could not be mirrored");
                    self.counts.add(Count::MirrorFailed);
                }
            }
        }
    }

    async fn mirror_to(&self, at: usize, key: &StoreKey) -> Result<bool> {
        let (place, own) = (self.place(at), Self::keyed(*key));
        let mut target = self.is_same(at).then_some(*key);
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            // The mirror first: what is written there must not be older than what it shows.
            let theirs = match target {
                Some(target) => Some(place.standing(&Self::keyed(target), now).await?.0),
                None => None,
            };
            let (Standing::Plain(live), _) = self.standing(&own, now).await? else {
                return Ok(false);
            };
            let (Some(there), Some(theirs)) = (target, theirs) else {
                target = live.meta.mark.as_ref().and_then(|mark| mark.twin());
                if target.is_none() {
                    return Ok(false);
                }
                continue;
            };
            let side = match &theirs {
                // Somebody may be about to bring the session there, or was: it is no less a copy now.
                Standing::Copy(old) | Standing::Moved(old) => {
                    old.meta.mark.as_ref().map(|mark| mark.side)
                }
                _ => None,
            };
            let side = match side {
                Some(side) => side,
                None => Side::Moved(Passage::draw()?),
            };
            let mark = Mark::new(side, self.twin(at, *key));
            let written = match theirs {
                Standing::Absent if self.is_same(at) => {
                    let meta = Meta {
                        mark: Some(mark),
                        ..live.meta.clone()
                    };
                    let record = place.record_of(&there, &meta, &live, now)?;
                    match place.store_of() {
                        Some(store) => store.create(&there, &record, now).await? == Created::Yes,
                        None => false,
                    }
                }
                Standing::Absent | Standing::Aside(_) | Standing::Over(_) => return Ok(false),
                Standing::Copy(old) | Standing::Moved(old) | Standing::Plain(old) => {
                    let version = Some(old.version);
                    place.write_copy(&there, &live, mark, version, now).await?
                }
            };
            if !written {
                continue;
            }
            // If it was ended meanwhile, so is this.
            let (standing, _) = self.standing(&own, now).await?;
            if let (Standing::Absent | Standing::Over(_), Some(store)) =
                (standing, place.store_of())
            {
                store.delete(&there, None, now).await?;
            }
            return Ok(true);
        }
        Ok(false)
    }
}

/// The place, the key there, and the twin that the record tells of.
fn where_it_lies(desk: &Desk) -> Before {
    match &desk.state.known {
        Known::Live(Some(credential), live) => {
            let twin = live.meta.mark.as_ref().and_then(|mark| mark.twin());
            Some((desk.home(), credential.key, twin))
        }
        Known::Unread(credential) => Some((desk.home(), credential.key, None)),
        _ => None,
    }
}
