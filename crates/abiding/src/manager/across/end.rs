//! An end that reaches every place, whichever node moves the session at that moment.

use std::sync::Mutex;

use super::{Lead, Origin, Parting};
use crate::{
    codec::Side,
    ending::Ending,
    engine::{Credential, Known, Live, Parted},
    error::Result,
    id::StoreKey,
    manager::{Place, Shared},
    session::{Desk, ROUNDS, lock},
    store::Deleted,
};

impl Desk {
    /// Takes note of which session the request is about to end.
    pub(crate) fn note_end(&mut self) {
        if let Known::Live(_, live) = &self.state.known
            && let Some(mark) = &live.meta.mark
            && mark.side == Side::Claimed
        {
            self.ended_claim = mark.twin().map(|name| Box::new(*name.as_bytes()));
        }
        let Some(across) = &mut self.across else {
            return;
        };
        let (key, live) = match &self.state.known {
            Known::Live(credential, live) => (
                credential.as_ref().map(|credential| credential.key),
                Some(live.clone()),
            ),
            Known::Unread(credential) => (Some(credential.key), None),
            Known::Unvouched(live) => (None, Some(live.clone())),
            Known::Ended(_) => (None, None),
            Known::Nobody | Known::Unopened(_) => return,
        };
        across.ends.push(Parting {
            place: across.home,
            key,
            live,
        });
        (across.home, across.leaving) = (0, false);
        across.candidates.clear();
    }
}

impl Shared {
    /// Ends everywhere what the request has ended.
    pub(super) async fn part(&self, desk: &Mutex<Desk>) -> Result<()> {
        loop {
            let (place, key, live, presented) = {
                let mut desk = lock(desk);
                let Some(across) = &mut desk.across else {
                    return Ok(());
                };
                let Some(parting) = across.ends.first() else {
                    return Ok(());
                };
                let live = parting.live.clone();
                (parting.place, parting.key, live, across.presented.clone())
            };
            self.end_everywhere(place, key, live.as_deref(), &presented)
                .await?;
            let mut desk = lock(desk);
            if let Some(across) = &mut desk.across
                && !across.ends.is_empty()
            {
                across.ends.remove(0);
            }
            if let Some(Parted::Stored { .. }) = desk.state.ends {
                desk.state.ends = Some(Parted::CookieOnly);
            }
        }
    }

    async fn end_everywhere(
        &self,
        at: usize,
        key: Option<StoreKey>,
        live: Option<&Live>,
        presented: &[Origin],
    ) -> Result<()> {
        let now = self.clock.now();
        let mut keys: Vec<(usize, StoreKey)> = key.map(|key| (at, key)).into_iter().collect();
        for origin in presented {
            match origin.lead {
                Lead::Key(key) => keys.push((origin.place, key)),
                Lead::Cookie(name) => self.end_cookie(&name, live, now).await?,
            }
        }
        let mut names = Vec::new();
        if let Some(mark) = live.and_then(|live| live.meta.mark.as_ref())
            && let Some(twin) = mark.twin()
        {
            match mark.side {
                Side::Claimed => names.push(twin),
                _ => keys.extend(self.stores().map(|(at, ..)| (at, twin))),
            }
        }
        self.add_other_ends(&mut keys, &mut names, now).await?;
        for name in names {
            self.end_cookie(name.as_bytes(), live, now).await?;
        }
        let known = live.is_none_or(|live| live.meta.subject.is_some());
        for place in 0..=self.others.len() {
            for (_, key) in keys.iter().filter(|(at, _)| *at == place) {
                self.delete(
                    place,
                    key,
                    known && Some(*key) == keys.first().map(|first| first.1),
                )
                .await?;
            }
        }
        // Whoever moves it at this moment takes it from one to another of these. Once nothing is found in any place after something
        // was last taken from another there is nothing left to be moved, and nobody to have brought it.
        let mut empty = 0;
        for place in (0..=self.others.len()).cycle().take(ROUNDS) {
            if empty == self.others.len() {
                break;
            }
            empty += 1;
            for (_, key) in keys.iter().filter(|(at, _)| *at == place) {
                let credential = Self::keyed(*key);
                let (standing, _) = self.place(place).standing(&credential, now).await?;
                if !matches!(standing, super::Standing::Absent | super::Standing::Over(_))
                    && self.delete(place, key, false).await? == Deleted::Yes
                {
                    empty = 0;
                }
            }
        }
        if let Some(live) = live
            && let Some(subject) = &live.meta.subject
        {
            for place in (0..=self.others.len()).map(|at| self.place(at)) {
                if let Place::Cookie(Some(register)) = &place.place {
                    register.sign_out(subject, &live.meta.handle, now).await?;
                }
            }
        }
        Ok(())
    }

    /// The same on a node that knows of no other place any more, so that others find what was ended here.
    pub(in crate::manager) async fn part_alone(&self, desk: &Mutex<Desk>) -> Result<()> {
        let ended = lock(desk).ended_claim.clone();
        if let Some(name) = ended {
            self.end_cookie(&name, None, self.clock.now()).await?;
            lock(desk).ended_claim = None;
        }
        Ok(())
    }

    /// A cookie that is shown again finds that it was ended.
    async fn end_cookie(
        &self,
        name: &[u8; 32],
        live: Option<&Live>,
        now: crate::Timestamp,
    ) -> Result<()> {
        let ends = live.map(|live| live.meta.absolute_deadline.min(live.idle_deadline));
        for place in (0..=self.others.len()).map(|at| self.place(at)) {
            let ends = ends.unwrap_or(crate::Timestamp::MAX);
            if place.claim(name, None, ends, now).await? {
                continue;
            }
            let Some(credential) = place.close_claim(name, now).await? else {
                continue;
            };
            if let Some(live) = live
                && place.is_same_person(&credential, live, now).await?
                && let Some(store) = place.store_of()
            {
                store.delete(&credential.key, None, now).await?;
            }
        }
        Ok(())
    }

    /// Whether the session that a cookie was claimed for is the one that ends, or of the same subject. Otherwise it is that of another
    /// visitor who had the very same cookie.
    async fn is_same_person(
        &self,
        claimed: &Credential,
        ending: &Live,
        now: crate::Timestamp,
    ) -> Result<bool> {
        use super::Standing::{Absent, Aside, Copy, Moved, Over, Plain};
        let (standing, _) = self.standing(claimed, now).await?;
        Ok(match standing {
            Absent | Over(_) => false,
            Aside(live) | Copy(live) | Moved(live) | Plain(live) => {
                let (ours, theirs) = (&live.meta, &ending.meta);
                ours.handle == theirs.handle
                    || (ours.subject.is_some() && ours.subject == theirs.subject)
            }
        })
    }

    /// The keys under which the same sessions may lie in other places, and the names of the cookies that they
    /// came out of.
    async fn add_other_ends(
        &self,
        keys: &mut Vec<(usize, StoreKey)>,
        names: &mut Vec<StoreKey>,
        now: crate::Timestamp,
    ) -> Result<()> {
        use super::Standing::{Aside, Copy, Moved, Plain};
        let presented = keys.len();
        let mut next = 0;
        while let Some(&(place, key)) = keys.get(next) {
            let (standing, found) = self.place(place).standing(&Self::keyed(key), now).await?;
            let live = match standing {
                Aside(live) | Copy(live) | Moved(live) | Plain(live) => Some(live),
                super::Standing::Absent | super::Standing::Over(_) => None,
            };
            let mut more = vec![(place, found)];
            let mark = live.as_ref().and_then(|live| live.meta.mark.as_ref());
            let mut twin = mark.and_then(|mark| mark.twin());
            if mark.is_some_and(|mark| mark.side == Side::Claimed) {
                names.extend(twin.take());
            }
            for (other, ..) in self.stores().filter(|(other, ..)| *other != place) {
                more.extend(twin.map(|twin| (other, twin)));
                if live.is_none() && next >= presented {
                    // Nothing lies here, so nothing follows from it.
                } else if self.are_same(place, other) {
                    more.push((other, key));
                } else if place == 0 || other == 0 {
                    let derived = self.place(other).derived(&key, now).into_iter();
                    more.extend(derived.map(|credential| (other, credential.key)));
                }
            }
            for end in more {
                if !keys.contains(&end) {
                    keys.push(end);
                }
            }
            next += 1;
        }
        Ok(())
    }

    async fn delete(&self, at: usize, key: &StoreKey, known: bool) -> Result<Deleted> {
        let (place, now) = (self.place(at), self.clock.now());
        let farewell = known.then(|| place.farewell(Ending::SignedOut, now));
        match place.store_of() {
            Some(store) => store.delete(key, farewell.as_ref(), now).await,
            None => Ok(Deleted::Absent),
        }
    }
}
