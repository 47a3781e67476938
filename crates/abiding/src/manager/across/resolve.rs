//! Finding out where the session of a request lives, and moving it if it is to be elsewhere.

use std::sync::Mutex;

use super::{Count, Lead, Origin, Standing, census::Home, present::Held, standing::went};
use crate::{
    codec::Side,
    ending::Ending,
    engine::{Credential, Known, Live},
    error::{Error, ErrorKind, Result},
    id::StoreKey,
    manager::{Place, Shared},
    rejection::Rejection,
    session::{Desk, ROUNDS, lock},
};

/// Where a session turned out to live.
#[derive(Debug)]
pub(super) enum Whereabouts {
    Here {
        place: usize,
        credential: Option<Credential>,
        live: Box<Live>,
        /// Whether it is to be sealed into the primary cookie.
        leaving: bool,
    },
    /// A cookie that came with the request holds it; unless that is over, since the answer that brought a
    /// newer one may have been lost.
    InCookie {
        otherwise: Box<Self>,
    },
    Over(Ending),
}

impl Whereabouts {
    pub(super) fn stored(place: usize, credential: Credential, live: Box<Live>) -> Self {
        Self::Here {
            place,
            credential: Some(credential),
            live,
            leaving: false,
        }
    }

    /// Whether it was reached through an id that was given up.
    fn is_past(&self) -> bool {
        matches!(self, Self::Here { live, .. } if live.moved || live.frozen)
    }

    pub(super) fn unless_in_cookie(self, asks: bool) -> Self {
        if asks {
            Self::InCookie {
                otherwise: Box::new(self),
            }
        } else {
            self
        }
    }

    fn is_frozen(&self) -> bool {
        matches!(self, Self::Here { live, .. } if live.frozen)
    }

    pub(super) fn sealed(place: usize, live: Box<Live>) -> Self {
        Self::Here {
            place,
            credential: None,
            live,
            leaving: false,
        }
    }
}

/// What the next step begins with.
enum Lookup {
    Sealed(Box<Live>, [u8; 32]),
    Stored(Credential),
}

impl Shared {
    /// Reads the session that was presented, wherever it lives.
    pub(crate) async fn resolve(&self, desk: &Mutex<Desk>) -> Result<()> {
        for _ in 0..ROUNDS {
            let (at, lookup, held) = {
                let desk = lock(desk);
                let Some(across) = &desk.across else {
                    return Ok(());
                };
                let lookup = match (&desk.state.known, across.current) {
                    (Known::Unread(credential), _) => Lookup::Stored(credential.clone()),
                    (
                        Known::Unvouched(live),
                        Some(Origin {
                            lead: Lead::Cookie(name),
                            ..
                        }),
                    ) => Lookup::Sealed(live.clone(), name),
                    _ => return Ok(()),
                };
                (across.home, lookup, across.held())
            };
            let found = match &lookup {
                Lookup::Stored(credential) => self.follow(at, credential, &held).await?,
                Lookup::Sealed(live, name) => self.follow_cookie(at, live, name, &held).await?,
            };
            let mut desk = lock(desk);
            let is_asked = match (&desk.state.known, &lookup) {
                (Known::Unread(known), Lookup::Stored(asked)) => known.key == asked.key,
                (Known::Unvouched(_), Lookup::Sealed(..)) => true,
                _ => false,
            };
            if !is_asked {
                // Another task of the same request was faster.
                continue;
            }
            self.learn(&mut desk, found);
        }
        let context = "the session changes its place all the time";
        Err(Error::new(ErrorKind::Contended, "read", context))
    }

    fn learn(&self, desk: &mut Desk, found: Whereabouts) {
        desk.reads += 1;
        let Some(across) = &mut desk.across else {
            return;
        };
        let found = match (found, across.set_aside.take()) {
            (Whereabouts::InCookie { otherwise }, aside) => {
                across.set_aside = aside.or(Some(*otherwise));
                Whereabouts::Over(Ending::Unknown)
            }
            // Another cookie may lead to where it is now.
            (found, None) if found.is_past() && across.asks_more() => {
                across.set_aside = Some(found);
                Whereabouts::Over(Ending::Unknown)
            }
            (Whereabouts::Over(_), Some(aside)) if !across.asks_more() => aside,
            (Whereabouts::Over(ending), aside) => {
                across.set_aside = aside;
                Whereabouts::Over(ending)
            }
            // An alias leads to the session itself, a snapshot to what it was.
            (found, Some(aside)) if found.is_frozen() => aside,
            (found, _) => found,
        };
        desk.state.known = match found {
            Whereabouts::Here {
                place,
                credential,
                live,
                leaving,
            } => {
                if place > 0 && !leaving {
                    self.counts.add(Count::UsedElsewhere);
                }
                let arrives = across.home != place && place == 0 && credential.is_none();
                if arrives && live.meta.subject.is_some() {
                    // Has the sign-in entered, where sign-ins of cookies are.
                    desk.state.edit.handle.get_or_insert(live.meta.handle);
                }
                across.home = place;
                across.leaving = leaving;
                Known::Live(credential, live)
            }
            Whereabouts::InCookie { .. } => Known::Ended(Ending::Unknown),
            Whereabouts::Over(ending) => match across.next() {
                Some(known) => known,
                None => {
                    across.home = 0;
                    self.rejected.count(Rejection::UnknownId);
                    self.over(ending)
                }
            },
        };
        desk.state.sent = false;
        desk.state.rebase();
    }

    /// The session that a token of place number `at` leads to.
    async fn follow(&self, at: usize, credential: &Credential, held: &Held) -> Result<Whereabouts> {
        match (&self.place, at) {
            (Place::Cookie(_), _) => self.follow_out(at, credential, held).await,
            (Place::Store(_), 0) => self.follow_own(credential, held).await,
            (Place::Store(_), _) => self.follow_other(at, credential).await,
        }
    }

    /// Out of a store, where the primary place is a cookie.
    async fn follow_out(
        &self,
        at: usize,
        credential: &Credential,
        held: &Held,
    ) -> Result<Whereabouts> {
        let (place, now) = (self.place(at), self.clock.now());
        let (standing, _) = place.standing(credential, now).await?;
        Ok(match standing {
            Standing::Absent => Whereabouts::Over(place.absence(credential, now)),
            Standing::Over(ending) => Whereabouts::Over(ending),
            Standing::Aside(live) => Whereabouts::stored(at, credential.clone(), live),
            Standing::Copy(live) | Standing::Moved(live) | Standing::Plain(live) => {
                if let Some(found) = self.follow_out_among(at, credential, &live).await? {
                    return Ok(found);
                }
                let mark = live.meta.mark.as_ref().map(|mark| mark.side);
                let has_moved = matches!(mark, Some(Side::Moved(_)));
                let is_past = has_moved && held.may_supersede(&live);
                let here = Whereabouts::Here {
                    leaving: self.moves(at) && !live.moved,
                    place: at,
                    credential: Some(credential.clone()),
                    live,
                };
                here.unless_in_cookie(is_past)
            }
        })
    }

    /// The same where it may have gone on to another store; nothing if the record at hand, `live`, is all there is.
    async fn follow_out_among(
        &self,
        at: usize,
        credential: &Credential,
        live: &Live,
    ) -> Result<Option<Whereabouts>> {
        let mark = live.meta.mark.as_ref();
        let Some(side) = mark.filter(|mark| mark.passage().is_some()) else {
            return Ok(None);
        };
        if !self.is_among_many() {
            return Ok(None);
        }
        Ok(match self.home_of(at, &credential.key).await? {
            Home::Lives { place, key, live } => Some(Whereabouts::Here {
                leaving: self.moves(place) && !live.moved && !live.frozen,
                place,
                credential: Some(if key == credential.key {
                    credential.clone()
                } else {
                    Self::keyed(key)
                }),
                live,
            }),
            Home::Nowhere if matches!(side.side, Side::Moved(_)) => None,
            Home::Nowhere => Some(Whereabouts::Over(Ending::Unknown)),
            Home::Over(ending) => Some(Whereabouts::Over(ending)),
        })
    }

    async fn follow_own(&self, credential: &Credential, held: &Held) -> Result<Whereabouts> {
        let now = self.clock.now();
        let (mine, key) = self.standing(credential, now).await?;
        let live = match mine {
            // What moved from here long ago may be over here by time.
            Standing::Over(Ending::Idle) => None,
            Standing::Over(ending) => return Ok(Whereabouts::Over(ending)),
            Standing::Aside(live) | Standing::Plain(live) => {
                return Ok(Whereabouts::stored(0, credential.clone(), live));
            }
            Standing::Absent => None,
            Standing::Copy(live) | Standing::Moved(live) => Some(live),
        };
        let own = if key == credential.key {
            credential.clone()
        } else {
            Self::keyed(key)
        };
        let twin = live
            .as_ref()
            .and_then(|live| live.meta.mark.as_ref()?.twin());
        let others = self.stores().filter(|(at, ..)| *at > 0);
        let ends: Vec<_> = others
            .filter_map(|(at, ..)| {
                let own = self.is_same(at).then(|| own.clone());
                Some((at, own.or_else(|| twin.map(Self::keyed))?))
            })
            .collect();
        if let [(at, theirs)] = &ends[..]
            && !self.is_among_many()
        {
            let aside = key != credential.key;
            let found = self.pair(*at, own.clone(), theirs.clone(), aside).await?;
            if let Some(found) = found {
                if matches!(found, Whereabouts::Over(_)) && live.is_some() {
                    self.end_if_left_behind(&own.key).await?;
                }
                return Ok(found);
            }
        }
        if !ends.is_empty()
            && let Some(found) = self.follow_among(0, credential).await?
        {
            return Ok(found);
        }
        let Some(live) = live else {
            return Ok(Whereabouts::Over(self.absence(credential, now)));
        };
        let is_copy = live
            .meta
            .mark
            .as_ref()
            .is_some_and(|mark| matches!(mark.side, Side::Copy(_)));
        if !is_copy && self.has_cookies() {
            let is_past = held.may_supersede(&live);
            let here = Whereabouts::stored(0, credential.clone(), live);
            return Ok(here.unless_in_cookie(is_past));
        }
        self.end_if_left_behind(&own.key).await?;
        Ok(Whereabouts::Over(Ending::Unknown))
    }

    async fn follow_other(&self, at: usize, credential: &Credential) -> Result<Whereabouts> {
        let now = self.clock.now();
        let own = if self.is_same(at) {
            Some(credential.clone())
        } else {
            self.derived(&credential.key, now).into_iter().next()
        };
        let Some(own) = own else {
            return Ok(Whereabouts::Over(Ending::Unknown));
        };
        let mut found = None;
        if !self.is_among_many() {
            found = self.pair(at, own, credential.clone(), false).await?;
        }
        if found.is_none() {
            found = self.follow_among(at, credential).await?;
        }
        Ok(match found {
            Some(Whereabouts::Here {
                place: 0,
                credential,
                mut live,
                leaving,
            }) => {
                // The browser has to learn of the new cookie.
                live.old_key |= !self.is_same(at);
                Whereabouts::Here {
                    place: 0,
                    credential,
                    live,
                    leaving,
                }
            }
            Some(found) => found,
            None => Whereabouts::Over(self.place(at).absence(credential, now)),
        })
    }

    /// The session that lies here under `own` or in place number `at` under `theirs`, moved if it is to
    /// be; nothing if it lies in neither. `aside` says that it was reached through an id that is past.
    pub(super) async fn pair(
        &self,
        at: usize,
        mut own: Credential,
        mut theirs: Credential,
        mut aside: bool,
    ) -> Result<Option<Whereabouts>> {
        let place = self.place(at);
        let mut taken = 0;
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            // Mine first: a copy that is brought up to date must not be newer than what it is made from.
            let (mine, key) = self.standing(&own, now).await?;
            if let (Standing::Copy(live) | Standing::Moved(live), true) = (&mine, key != own.key) {
                theirs = self.other_end(at, key, live, theirs);
                (own, aside) = (Self::keyed(key), true);
                continue;
            }
            let there = match &mine {
                Standing::Over(ending) => return Ok(Some(Whereabouts::Over(*ending))),
                Standing::Aside(_) | Standing::Plain(_) => {
                    let (Standing::Aside(mut live) | Standing::Plain(mut live)) = mine else {
                        continue;
                    };
                    live.moved |= aside;
                    return Ok(Some(Whereabouts::stored(0, own, live)));
                }
                Standing::Absent => None,
                Standing::Copy(live) | Standing::Moved(live) => {
                    let side = live.meta.mark.as_ref().map(|mark| mark.side);
                    Some((live.version, side))
                }
            };
            let (other, key) = place.standing(&theirs, now).await?;
            if let Standing::Copy(live) | Standing::Moved(live) = &other {
                let moved_on = key != theirs.key;
                let end = self.own_end(at, key, live, &theirs, now);
                if moved_on || end.as_ref().is_some_and(|(end, _)| end.key != own.key) {
                    if moved_on {
                        (theirs, aside) = (Self::keyed(key), true);
                    }
                    if let Some((end, unknown)) = end {
                        (own, aside) = (end, aside || unknown);
                    }
                    continue;
                }
            }
            match (mine, other) {
                (_, Standing::Over(ending)) => return Ok(Some(Whereabouts::Over(ending))),
                (mine, Standing::Aside(live)) => {
                    if matches!(mine, Standing::Copy(_)) {
                        // What it was made of has another id by now, and is copied under that.
                        self.drop_copy(&own).await?;
                    }
                    return Ok(Some(Whereabouts::stored(at, theirs, live)));
                }
                (_, Standing::Plain(mut live)) => {
                    let stays = !self.moves(at)
                        || taken > 2
                        || !self
                            .carry(at, &own, there, &theirs, &live, &mut taken)
                            .await?;
                    if stays {
                        live.moved |= aside;
                        return Ok(Some(Whereabouts::stored(at, theirs, live)));
                    }
                }
                (Standing::Copy(live), Standing::Moved(original)) if went(&original, &live) => {
                    self.confirm(&own, &live, at, &theirs, now).await?;
                }
                (Standing::Moved(original), Standing::Copy(live)) if went(&original, &live) => {
                    place
                        .confirm_as(&theirs, &live, self.twin(at, own.key), now)
                        .await?;
                }
                _ => return Ok(None),
            }
        }
        let context = "the session changes its place all the time";
        Err(Error::new(ErrorKind::Contended, "read", context))
    }

    /// The other end of a pair whose own end lies under `key`.
    fn other_end(&self, at: usize, key: StoreKey, live: &Live, known: Credential) -> Credential {
        let twin = live.meta.mark.as_ref().and_then(|mark| mark.twin());
        match (self.is_same(at), twin) {
            (true, _) => Self::keyed(key),
            (false, Some(twin)) => Self::keyed(twin),
            (false, None) => known,
        }
    }

    /// The own end of a pair whose other end lies under `key`, and whether its id is not known.
    fn own_end(
        &self,
        at: usize,
        key: StoreKey,
        live: &Live,
        theirs: &Credential,
        now: crate::Timestamp,
    ) -> Option<(Credential, bool)> {
        if self.is_same(at) {
            let known = key == theirs.key;
            return Some(if known {
                (theirs.clone(), false)
            } else {
                (Self::keyed(key), true)
            });
        }
        let twin = live.meta.mark.as_ref().and_then(|mark| mark.twin())?;
        let mut derived = self.derived(&key, now).into_iter();
        Some(match derived.find(|credential| credential.key == twin) {
            Some(credential) => (credential, false),
            // Its name is all that a cookie needs, or there is none to be sent.
            None => (Self::keyed(twin), !self.dialect.names_by_sid()),
        })
    }

    /// What a record here tells of the one under `key` in place number `at`.
    pub(super) fn twin(&self, at: usize, key: StoreKey) -> Option<StoreKey> {
        (!self.is_same(at)).then_some(key)
    }

    pub(super) fn has_cookies(&self) -> bool {
        let mut places = (0..=self.others.len()).map(|at| self.place(at));
        places.any(|place| matches!(place.place, Place::Cookie(_)))
    }
}
