//! Where a session lives among more than two stores: told by all of its records, since two of them do not tell.

use super::{Standing, resolve::Whereabouts, standing::went};
use crate::{
    clock::Timestamp,
    codec::Side,
    ending::Ending,
    engine::{Credential, Live},
    error::{Error, ErrorKind, Result},
    id::StoreKey,
    manager::Shared,
    record::Version,
    session::ROUNDS,
};

/// What the places together say of a session.
pub(super) enum Home {
    Lives {
        place: usize,
        key: StoreKey,
        live: Box<Live>,
    },
    Nowhere,
    Over(Ending),
}

/// What lies in one place.
pub(super) struct Row {
    place: usize,
    asked: StoreKey,
    /// Another one, if that is an alias.
    key: StoreKey,
    standing: Standing,
}

impl Row {
    pub(super) fn live(&self) -> Option<&Live> {
        match &self.standing {
            Standing::Aside(live)
            | Standing::Copy(live)
            | Standing::Moved(live)
            | Standing::Plain(live) => Some(live),
            Standing::Absent | Standing::Over(_) => None,
        }
    }

    /// Where the other one lies, if not under the same key and not in a cookie.
    fn twin(&self) -> Option<StoreKey> {
        let mark = self.live()?.meta.mark.as_ref()?;
        mark.twin().filter(|_| mark.side != Side::Claimed)
    }

    /// Whether it was found by an id that was given up.
    pub(super) fn is_renamed(&self) -> bool {
        self.asked != self.key
    }

    fn is_copy(&self) -> bool {
        matches!(self.standing, Standing::Copy(_))
    }

    /// What changes whenever the record does.
    pub(super) fn state(&self) -> (usize, StoreKey, Option<Version>) {
        (self.place, self.key, self.live().map(|live| live.version))
    }
}

impl Shared {
    /// Whether a session may have records in more stores than the two between which it moves.
    pub(super) fn is_among_many(&self) -> bool {
        let moving = if self.store_of().is_some() { 2 } else { 1 };
        self.stores().count() > moving
    }

    /// The session to which `credential` leads in place number `at`, moved if it is to be; nothing if it lives nowhere.
    pub(super) async fn follow_among(
        &self,
        at: usize,
        credential: &Credential,
    ) -> Result<Option<Whereabouts>> {
        for _ in 0..ROUNDS {
            let (place, key, mut live) = match self.home_of(at, &credential.key).await? {
                Home::Lives { place, key, live } => (place, key, live),
                Home::Nowhere => return Ok(None),
                Home::Over(ending) => return Ok(Some(Whereabouts::Over(ending))),
            };
            let is_aside = live.moved || live.frozen;
            let (own, is_unknown) = self.credential_here(at, credential, place, key);
            if place == 0 {
                live.moved |= is_unknown;
                return Ok(Some(Whereabouts::stored(0, own, live)));
            }
            let theirs = if key == credential.key && self.are_same(at, place) {
                credential.clone()
            } else {
                Self::keyed(key)
            };
            if is_aside {
                return Ok(Some(Whereabouts::stored(place, theirs, live)));
            }
            if let Some(found) = self.pair(place, own, theirs, is_unknown).await? {
                return Ok(Some(found));
            }
        }
        let context = "the session changes its place all the time";
        Err(Error::new(ErrorKind::Contended, "read", context))
    }

    /// Where the session that `credential` leads to from place number `at`, and that lives under `key` in place number `place`, lies here
    /// or would; and whether its id is not known.
    fn credential_here(
        &self,
        at: usize,
        credential: &Credential,
        place: usize,
        key: StoreKey,
    ) -> (Credential, bool) {
        let here = if self.are_same(0, place) {
            Some(key)
        } else {
            (at == 0).then_some(credential.key)
        };
        if let Some(here) = here
            && here == credential.key
            && self.are_same(0, at)
        {
            return (credential.clone(), false);
        }
        let now = self.clock.now();
        let sources = [key, credential.key].into_iter();
        let mut derived = sources.flat_map(|key| self.derived(&key, now));
        let found = match here {
            None => derived.next(),
            Some(here) => derived.find(|derived| derived.key == here),
        };
        match (found, here) {
            (Some(derived), _) => (derived, false),
            // Its name is all that a cookie needs, or there is none to be sent.
            (None, here) => (
                Self::keyed(here.unwrap_or(key)),
                self.are_same(0, at) || !self.dialect.names_by_sid(),
            ),
        }
    }

    /// Where the session lives whose record may lie under `key` in place number `at`. What a mover left half done is finished, and a
    /// copy is removed that is all that is left.
    pub(super) async fn home_of(&self, at: usize, key: &StoreKey) -> Result<Home> {
        let mut before = None;
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let rows = self.census(at, *key, now).await?;
            if let Some(ending) = rows.iter().find_map(ended_on_purpose) {
                return Ok(Home::Over(ending));
            }
            if let Some((copy, original)) = arrived(&rows) {
                let place = self.place(copy.place);
                let twin = (!self.are_same(copy.place, original.place)).then_some(original.key);
                if let Some(live) = copy.live() {
                    let copy = Self::keyed(copy.key);
                    place.confirm_as(&copy, live, twin, now).await?;
                }
                continue;
            }
            let present: Vec<_> = rows.iter().filter(|row| row.live().is_some()).collect();
            let state: Vec<_> = present.iter().map(|row| row.state()).collect();
            let copies = present.iter().filter(|row| row.is_copy());
            let copies: Vec<_> = copies.map(|row| (row.place, row.key)).collect();
            if present.len() <= 1 && present.len() == copies.len() {
                self.drop_copies(&copies).await?;
                return Ok(Home::Nowhere);
            }
            if let Some(home) = lives(rows) {
                if matches!(&home, Home::Lives { live, .. } if live.moved || live.frozen) {
                    // What they were made of has another id by now, and is copied under that.
                    self.drop_copies(&copies).await?;
                }
                return Ok(home);
            }
            // Each was read at a moment of its own, and it may have gone from one to another meanwhile: but not if all
            // are as they were.
            if before.as_ref() == Some(&state) {
                return Ok(Home::Nowhere);
            }
            before = Some(state);
        }
        let context = "the session changes its place all the time";
        Err(Error::new(ErrorKind::Contended, "read", context))
    }

    async fn drop_copies(&self, copies: &[(usize, StoreKey)]) -> Result<()> {
        for (place, key) in copies {
            self.place(*place).drop_copy(&Self::keyed(*key)).await?;
        }
        Ok(())
    }

    /// All records of a session in all places, found from one to the next.
    pub(super) async fn census(
        &self,
        at: usize,
        key: StoreKey,
        now: Timestamp,
    ) -> Result<Vec<Row>> {
        let mut ends = vec![(at, key)];
        let mut rows: Vec<Row> = Vec::new();
        while let Some(&(place, asked)) = ends.get(rows.len()) {
            let place_of_it = self.place(place);
            let (standing, key) = place_of_it.standing(&Self::keyed(asked), now).await?;
            let row = Row {
                place,
                asked,
                key,
                standing,
            };
            for (other, ..) in self.stores().filter(|(other, ..)| *other != place) {
                let there = if self.are_same(place, other) {
                    Some(key)
                } else {
                    row.twin()
                };
                if let Some(there) = there
                    && !ends.contains(&(other, there))
                {
                    ends.push((other, there));
                }
            }
            rows.push(row);
        }
        Ok(rows)
    }
}

/// What time has ended may have gone elsewhere before.
pub(super) fn ended_on_purpose(row: &Row) -> Option<Ending> {
    match row.standing {
        Standing::Over(Ending::Absolute | Ending::Idle) => None,
        Standing::Over(ending) => Some(ending),
        _ => None,
    }
}

/// A copy that is the session already, and the original that says so.
pub(super) fn arrived(rows: &[Row]) -> Option<(&Row, &Row)> {
    let copies = rows.iter().filter_map(|row| match &row.standing {
        Standing::Copy(live) => Some((row, live)),
        _ => None,
    });
    let mut pairs = copies.flat_map(|copy| rows.iter().map(move |row| (copy, row)));
    pairs.find_map(|((copy, into), row)| match &row.standing {
        Standing::Moved(live) if went(live, into) => Some((copy, row)),
        _ => None,
    })
}

/// The record that is the session; otherwise what an id that was given up leads to, rather another id than what the
/// session was.
pub(super) fn lives(rows: Vec<Row>) -> Option<Home> {
    let rank = |standing: &Standing| match standing {
        Standing::Plain(_) => Some(0),
        Standing::Aside(live) => Some(1 + u8::from(live.frozen)),
        Standing::Absent | Standing::Copy(_) | Standing::Moved(_) | Standing::Over(_) => None,
    };
    let ranked = rows
        .into_iter()
        .filter_map(|row| Some((rank(&row.standing)?, row)));
    let (_, row) = ranked.min_by_key(|(rank, _)| *rank)?;
    match row.standing {
        Standing::Plain(live) | Standing::Aside(live) => Some(Home::Lives {
            place: row.place,
            key: row.asked,
            live,
        }),
        _ => None,
    }
}
