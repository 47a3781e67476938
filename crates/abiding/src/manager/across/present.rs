//! What the cookies of a request vouch for, in every place that is known. No I/O.

use aws_lc_rs::digest;

use super::{Across, Candidate, Lead, Origin, claim::NAMELESS};
use crate::{
    codec::Mark,
    cookie::{self, Presented},
    engine::{Known, Live, State, Unopened},
    keyring::Binding,
    manager::{Place, Shared},
    rejection::Rejection,
    session::Desk,
};

impl Shared {
    /// The cookies of the other places, for a request whose own cookie was found.
    pub(in crate::manager) fn gather(
        &self,
        headers: &[&[u8]],
        state: &mut State,
    ) -> Option<Box<Across>> {
        let mut values = Vec::new();
        for (at, other) in self.others.iter().enumerate() {
            let place = &other.shared;
            let value = match cookie::find(headers.iter().copied(), place.cookie.name()) {
                Presented::Value(value) => value,
                Presented::Duplicate(first) if place.dialect.takes_the_first() => first,
                Presented::Duplicate(_) | Presented::Nothing | Presented::TooLarge => continue,
            };
            values.push((at + 1, Unopened(value.into())));
        }
        if matches!(state.known, Known::Nobody) && !state.ambiguous && !values.is_empty() {
            // Something to look at, when somebody looks.
            state.known = Known::Unopened(Unopened([].into()));
        }
        Some(Box::new(Across {
            values,
            ..Across::default()
        }))
    }

    /// The same as [`present`](Self::present) for a request that may have cookies of several places.
    pub(in crate::manager) fn present_all(&self, desk: &mut Desk) {
        let (Known::Unopened(Unopened(own)), Some(across)) = (&desk.state.known, &mut desk.across)
        else {
            return;
        };
        let mut values = std::mem::take(&mut across.values);
        if !own.is_empty() {
            values.insert(0, (0, Unopened(own.clone())));
        }
        let mut refused = None;
        let mut ended = None;
        for (at, Unopened(value)) in values {
            let place = self.place(at);
            let known = match place.open_value(&value) {
                Ok(Some(known)) => known,
                Ok(None) if at == 0 => {
                    desk.state.unreadable = true;
                    return;
                }
                Ok(None) => continue,
                Err(Rejection::RevokedKey) => place.over(crate::Ending::KeyRevoked),
                Err(reason) => {
                    refused.get_or_insert(reason);
                    continue;
                }
            };
            let (known, lead) = match known {
                Known::Unread(credential) => {
                    let lead = Lead::Key(credential.key);
                    (Known::Unread(credential), lead)
                }
                // Whether it was claimed is to be asked of a store, as whether its sign-in stands.
                Known::Live(None, live) | Known::Unvouched(live) => {
                    let lead = Lead::Cookie(name_of(&value, &live));
                    (Known::Unvouched(live), lead)
                }
                Known::Ended(ending) => {
                    ended.get_or_insert(ending);
                    continue;
                }
                Known::Live(Some(_), _) | Known::Nobody | Known::Unopened(_) => continue,
            };
            let origin = Origin { place: at, lead };
            across.presented.push(origin);
            let mut asked = across.candidates.iter().map(|one| one.origin);
            if self.store_of().is_some()
                && asked.any(|one| one.lead == lead && self.are_same(one.place, at))
            {
                // Whoever asks in one place finds it in the other.
                continue;
            }
            across.candidates.push(Candidate { known, origin });
        }
        across.sort();
        desk.state.known = match (across.next(), ended, refused) {
            (Some(known), ..) => known,
            (None, Some(ending), _) => Known::Ended(ending),
            (None, None, Some(reason)) => {
                self.rejected.count(reason);
                desk.state.refused = Some(reason);
                Known::Nobody
            }
            (None, None, None) => Known::Nobody,
        };
    }

    pub(in crate::manager) fn open_value(&self, value: &[u8]) -> Result<Option<Known>, Rejection> {
        match &self.place {
            Place::Cookie(_) => self.open_sealed(value),
            Place::Store(_) => self.open_token(value).map(Some),
        }
    }

    /// Whether one and the same cookie leads to a session here and in `other`, under one key.
    pub(in crate::manager) fn shares_cookies_with(&self, other: &Self) -> bool {
        let ours = self.sample();
        let theirs = other.sample();
        let same = |value: &Option<String>, place: &Self, key: &Option<crate::StoreKey>| {
            let opened = value
                .as_ref()
                .map(|value| place.open_value(value.as_bytes()));
            match (opened, key) {
                (Some(Ok(Some(Known::Unread(credential)))), Some(key)) => credential.key == *key,
                _ => false,
            }
        };
        self.cookie.name() == other.cookie.name()
            && same(&ours.0, other, &ours.1)
            && same(&theirs.0, self, &theirs.1)
    }

    /// A cookie's value that leads to nothing, and the key to which it does.
    fn sample(&self) -> (Option<String>, Option<crate::StoreKey>) {
        let (Place::Store(_), Ok(id)) = (&self.place, crate::SessionId::generate()) else {
            return (None, None);
        };
        let key = self.naming.store_key(&id);
        let binding: &Binding = &self.token_binding;
        let value = self.dialect.sid_cookie(&key).unwrap_or_else(|| {
            let until = self.clock.now().after(std::time::Duration::from_secs(60));
            let token = self.ring.token(binding, &id, until, self.clock.now());
            String::clone(&token)
        });
        (Some(value), Some(key))
    }
}

impl Across {
    /// Records first: each tells whether it is still the session. Of cookies the one that was made of another
    /// comes before that.
    fn sort(&mut self) {
        let names: Vec<_> = self.candidates.iter().map(|one| one.origin.lead).collect();
        self.candidates.sort_by_key(|candidate| {
            let Known::Unvouched(live) = &candidate.known else {
                return (false, false);
            };
            let made_of = live.meta.mark.as_ref().and_then(|mark| mark.twin());
            let supersedes =
                made_of.is_some_and(|twin| names.contains(&Lead::Cookie(*twin.as_bytes())));
            (true, !supersedes)
        });
    }

    /// The next candidate, whose place is the home from now on.
    pub(super) fn next(&mut self) -> Option<Known> {
        if self.candidates.is_empty() {
            return None;
        }
        let Candidate { known, origin } = self.candidates.remove(0);
        self.home = origin.place;
        self.current = Some(origin);
        Some(known)
    }

    /// Whether anything is still to be asked.
    pub(super) fn asks_more(&self) -> bool {
        !self.candidates.is_empty()
    }

    /// The cookies that hold a session and are still to be asked.
    pub(super) fn held(&self) -> Held {
        let leads = self.candidates.iter().map(|one| one.origin.lead);
        Held(
            leads
                .filter_map(|lead| match lead {
                    Lead::Cookie(name) => Some(name),
                    Lead::Key(_) => None,
                })
                .collect(),
        )
    }
}

/// Cookies that hold a session, by their names.
pub(super) struct Held(Vec<[u8; 32]>);

impl Held {
    /// Whether one of them may be newer than this record, which is marked as one that went into a cookie: one that the
    /// record was itself made of is not.
    pub(super) fn may_supersede(&self, live: &Live) -> bool {
        let made_of = live.meta.mark.as_ref().and_then(Mark::twin);
        let mut names = self.0.iter();
        names.any(|name| made_of.is_none_or(|made_of| made_of.as_bytes() != name))
    }
}

/// What names a cookie that holds a session: its handle and where it came from, so that an older state
/// of it is known as well; where it has none, the cookie itself.
fn name_of(value: &[u8], live: &Live) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"abiding claimed cookie v1");
    if live.meta.handle == NAMELESS {
        context.update(value);
    } else {
        context.update(&live.meta.handle);
        let twin = live.meta.mark.as_ref().and_then(|mark| mark.twin());
        context.update(&twin.map_or_else(Vec::new, |twin| twin.spelled()));
    }
    let mut name = [0; 32];
    name.copy_from_slice(context.finish().as_ref());
    name
}
