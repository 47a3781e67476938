//! The roll of all sessions that this process knows: where each was last, and whether any is missing.
//!
//! Told by walks over the stores and by the cookies that come and go. A session is *lost* if it was there,
//! has neither run out nor been ended, and is found in no place. That is looked for, one by one, and never
//! assumed. Sessions go by their handles, which are good for nothing else.

use std::collections::{BTreeSet, HashMap};

use abiding::{
    Found, Info, StoreKey, Timestamp,
    inspect::{Content, Holds, Inspector},
    store::{AnyStore, Store as _, Walk as _},
};

/// Who was where.
#[derive(Debug, Default)]
pub(super) struct Roll {
    seats: HashMap<String, Seat>,
    lost: BTreeSet<String>,
}

/// What is known of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    at: At,
    /// When it has run out.
    until: Timestamp,
    /// Under which key it was before its answer brought another cookie, which may be one of another session.
    former: Option<StoreKey>,
}

/// Where a session was last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Cookie,
    /// In the store of this number, or on its way there.
    Store(Option<u32>, StoreKey),
}

/// What walks over all stores have found.
#[derive(Debug, Default)]
pub(super) struct Census {
    seats: HashMap<String, Seat>,
    /// By the number of the store: what has to stay there.
    kept: HashMap<u32, usize>,
    /// More than are counted.
    pub(super) is_capped: bool,
}

impl Census {
    /// Counts what lives in these stores. They come from the newest to the oldest, so what is in two, being
    /// copied, counts in the newer one.
    pub(super) async fn take(
        stores: &[(u32, AnyStore)],
        inspector: &Inspector,
        now: Timestamp,
    ) -> abiding::Result<Self> {
        let mut census = Self::default();
        for (number, store) in stores {
            let mut from = None;
            let mut seen = 0;
            loop {
                let page = store.walk(from.as_ref(), PAGE, now).await?;
                *census.kept.entry(*number).or_default() += page.unreadable;
                seen += page.found.len();
                for found in &page.found {
                    match read(inspector, found, now) {
                        Ok(Some(content)) => census.add(*number, found.key, &content),
                        Ok(None) => {}
                        Err(_) => *census.kept.entry(*number).or_default() += 1,
                    }
                }
                from = page.next;
                if from.is_none() {
                    break;
                }
                if seen >= MOST {
                    census.is_capped = true;
                    break;
                }
            }
        }
        Ok(census)
    }

    fn add(&mut self, number: u32, key: StoreKey, content: &Content) {
        if content.moved {
            return;
        }
        *self.kept.entry(number).or_default() += 1;
        if is_nameless(content) {
            return;
        }
        let seat = Seat {
            at: At::Store(Some(number), key),
            until: runs_out(&content.info),
            former: None,
        };
        self.seats
            .entry(content.info.handle.clone())
            .or_insert(seat);
    }

    /// Whether the store of that number has nothing that anybody could miss.
    pub(super) fn is_empty(&self, number: u32) -> bool {
        !self.is_capped && self.kept.get(&number).is_none_or(|kept| *kept == 0)
    }
}

impl Roll {
    /// A request came with one cookie, and its answer brought another: none, an empty one that takes it away,
    /// or what that holds. `ended` says that the request ended its session, or found it ended on purpose.
    pub(super) fn note(
        &mut self,
        came: Option<&Holds>,
        went: Option<Option<&Holds>>,
        ended: bool,
        now: Timestamp,
    ) {
        match (came, went) {
            (Some(Holds::Session(content)), None) => self.is_in_cookie(content, now, false),
            (Some(came), Some(None)) => match (came, ended) {
                (came, true) => self.is_over(came),
                (Holds::Session(content), false) => self.miss(&content.info.handle, now),
                _ => {}
            },
            (came, Some(Some(Holds::Session(content)))) => {
                if matches!(came, Some(Holds::Session(old)) if old.info.handle != content.info.handle)
                {
                    came.into_iter().for_each(|came| self.is_over(came));
                }
                self.is_in_cookie(content, now, true);
            }
            (Some(Holds::Session(content)), Some(Some(Holds::StoreKey(key)))) => {
                if let Some(seat) = self.seats.get_mut(&content.info.handle) {
                    seat.at = At::Store(None, *key);
                }
            }
            (Some(Holds::StoreKey(old)), Some(Some(Holds::StoreKey(key)))) if old != key => {
                let is_it =
                    |seat: &&mut Seat| matches!(seat.at, At::Store(_, known) if known == *old);
                if let Some(seat) = self.seats.values_mut().find(is_it) {
                    (seat.at, seat.former) = (At::Store(None, *key), Some(*old));
                }
            }
            _ => {}
        }
    }

    /// A cookie that somebody had kept tells nothing of a session that has long been elsewhere.
    fn is_in_cookie(&mut self, content: &Content, now: Timestamp, is_news: bool) {
        let (handle, until) = (&content.info.handle, runs_out(&content.info));
        let known = self.seats.get(handle);
        let elsewhere = known.is_some_and(|seat| matches!(seat.at, At::Store(..)));
        if until > now && (is_news || !elsewhere) {
            let seat = Seat {
                at: At::Cookie,
                until,
                former: None,
            };
            self.seats.insert(handle.clone(), seat);
            self.lost.remove(handle);
        }
    }

    fn is_over(&mut self, came: &Holds) {
        match came {
            Holds::Session(content) => _ = self.seats.remove(&content.info.handle),
            Holds::StoreKey(key) => {
                let is_it = |at| matches!(at, At::Store(_, known) if known == *key);
                self.seats.retain(|_, seat| !is_it(seat.at));
            }
            _ => {}
        }
    }

    fn miss(&mut self, handle: &str, now: Timestamp) {
        if let Some(seat) = self.seats.remove(handle)
            && seat.until > now
        {
            self.lost.insert(handle.to_owned());
        }
    }

    /// Takes a census over, and answers who is not in it and should be somewhere.
    pub(super) fn compare(&mut self, census: &Census, now: Timestamp) -> Vec<(String, Seat)> {
        for (handle, seat) in &census.seats {
            self.seats.insert(handle.clone(), *seat);
            self.lost.remove(handle);
        }
        self.seats.retain(|_, seat| seat.until > now);
        let is_missing = |(handle, seat): &(&String, &Seat)| {
            seat.at != At::Cookie && !census.seats.contains_key(*handle)
        };
        let missing = self.seats.iter().filter(is_missing);
        let missing = missing.map(|(handle, seat)| (handle.clone(), *seat));
        // Whoever was not reached by the census may be anywhere.
        if census.is_capped {
            Vec::new()
        } else {
            missing.collect()
        }
    }

    /// Says of one that was missing where it turned out to be.
    pub(super) fn settle(&mut self, handle: &str, fate: Fate, now: Timestamp) {
        match fate {
            Fate::Ended => _ = self.seats.remove(handle),
            Fate::Gone => self.miss(handle, now),
            Fate::InCookie => {
                if let Some(seat) = self.seats.get_mut(handle) {
                    seat.at = At::Cookie;
                }
            }
            Fate::There => {}
        }
    }

    /// How many were last in cookies, and have not run out by what those say.
    pub(super) fn in_cookies(&self) -> usize {
        self.seats
            .values()
            .filter(|seat| seat.at == At::Cookie)
            .count()
    }

    /// How many are in the store of that number.
    pub(super) fn in_store(&self, number: u32) -> usize {
        let is_there = |seat: &&Seat| matches!(seat.at, At::Store(Some(at), _) if at == number);
        self.seats.values().filter(is_there).count()
    }

    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn lost(&self) -> usize {
        self.lost.len()
    }
}

/// What became of a session that no walk has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Ended,
    Gone,
    InCookie,
    There,
}

impl Fate {
    /// Looks for one session in every store, from the newest to the oldest.
    pub(super) async fn of(
        handle: &str,
        seat: Seat,
        stores: &[(u32, AnyStore)],
        inspector: &Inspector,
        now: Timestamp,
    ) -> abiding::Result<Self> {
        let At::Store(_, key) = seat.at else {
            return Ok(Self::There);
        };
        for key in [Some(key), seat.former].into_iter().flatten() {
            for (_, store) in stores {
                let Some(found) = store.load(&key, now).await? else {
                    continue;
                };
                match read(inspector, &found, now) {
                    Ok(Some(content)) if content.info.handle == handle => {
                        // Between two stores, what one has marked is found in the other.
                        return Ok(if content.moved {
                            Self::InCookie
                        } else {
                            Self::There
                        });
                    }
                    // The reason of an end has taken its place.
                    Ok(Some(content)) if is_nameless(&content) => return Ok(Self::Ended),
                    Ok(Some(_)) if seat.former.is_none() => return Ok(Self::Ended),
                    // Of somebody else, who has the cookie of a new session.
                    Ok(Some(_)) => {}
                    Ok(None) => return Ok(Self::Ended),
                    Err(_) => return Ok(Self::There),
                }
            }
        }
        Ok(Self::Gone)
    }
}

/// What a record holds, sealed or, in the memory of this process, not.
pub(super) fn read(
    inspector: &Inspector,
    found: &Found,
    now: Timestamp,
) -> abiding::Result<Option<Content>> {
    match Content::in_the_open(&found.record, now) {
        Ok(None) => inspector.record(&found.key, &found.record, now),
        content => content,
    }
}

/// Whether it is no session, but tells of one that ended, or what became of a cookie.
pub(super) fn is_nameless(content: &Content) -> bool {
    content.info.handle.bytes().all(|digit| digit == b'0')
}

fn runs_out(info: &Info) -> Timestamp {
    info.idle_deadline.min(info.absolute_deadline)
}

/// How many records a page of a walk has.
const PAGE: usize = 256;
/// As many sessions as are counted in one store: a demo is watched by people, not by accountants.
const MOST: usize = 20_000;
