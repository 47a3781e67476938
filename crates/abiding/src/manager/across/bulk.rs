//! Moving many sessions from one store to another: each step of all of them in one go.
//!
//! The steps are those of a single move, in the same order: copy, mark, confirm. What the page of a walk says
//! of a session is as good as a look at it, since the copy is created and never written over, and the mark
//! goes in only if the original is as the page said. Whatever is not plain is moved by itself.

use super::{Brought, Count};
use crate::{
    clock::Timestamp,
    codec::{Mark, Meta, Passage, Side},
    engine::{Credential, Live},
    error::Result,
    id::StoreKey,
    manager::{Look, Shared},
    record::{Found, Record},
    store::{Created, DynBulk},
};

/// A session on its way.
struct Crossing {
    /// Its place among those that were given.
    at: usize,
    own: StoreKey,
    live: Box<Live>,
    passage: Passage,
}

/// What a page says of a session.
enum Sight {
    /// It is to be moved.
    Plain(Credential, Box<Live>),
    /// That is what became of it.
    Told(Brought),
    /// It has to be looked at.
    Unclear,
}

impl Shared {
    /// The stores of both places, if both can write many records at once.
    pub(super) fn bulks(&self, at: usize) -> Option<(&dyn DynBulk, &dyn DynBulk)> {
        Some((self.bulk.as_deref()?, self.place_at(at)?.bulk.as_deref()?))
    }

    /// Moves sessions that were found in place number `other`, counted from 0. Answers in their order.
    pub(super) async fn bring_many(
        &self,
        other: usize,
        found: &[Found],
    ) -> Result<Vec<Result<Brought>>> {
        let at = other + 1;
        let mut brought: Vec<_> = found.iter().map(|_| None).collect();
        if let (Some((own, theirs)), true) = (self.bulks(at), self.moves(at)) {
            self.bring_plain(at, own, theirs, found, &mut brought)
                .await?;
        }
        let mut all = Vec::with_capacity(found.len());
        for (brought, found) in brought.into_iter().zip(found) {
            all.push(match brought {
                Some(brought) => brought,
                None => self.bring_found(other, found).await,
            });
        }
        Ok(all)
    }

    /// Leaves open what has to be moved by itself.
    async fn bring_plain(
        &self,
        at: usize,
        own: &dyn DynBulk,
        theirs: &dyn DynBulk,
        found: &[Found],
        brought: &mut [Option<Result<Brought>>],
    ) -> Result<()> {
        let (place, now) = (self.place(at), self.clock.now());
        let (mut copies, mut crossings) = (Vec::new(), Vec::new());
        for ((number, found), brought) in found.iter().enumerate().zip(&mut *brought) {
            let (own, live) = match self.sight(at, found, now) {
                Ok(Sight::Plain(own, live)) => (own.key, live),
                Ok(Sight::Told(told)) => {
                    *brought = Some(Ok(told));
                    continue;
                }
                Ok(Sight::Unclear) => continue,
                Err(error) => {
                    *brought = Some(Err(error));
                    continue;
                }
            };
            let passage = Passage::draw()?;
            let mark = Mark::new(Side::Copy(passage), self.twin(at, found.key));
            match self.marked(&own, &live, Some(mark), now) {
                Ok(copy) => {
                    copies.push((own, copy));
                    crossings.push(Crossing {
                        at: number,
                        own,
                        live,
                        passage,
                    });
                }
                Err(error) => *brought = Some(self.kept(error)),
            }
        }
        if copies.is_empty() {
            return Ok(());
        }
        let created = own.create_all(copies.clone(), now).await?;
        let (mut marks, mut confirmations) = (Vec::new(), Vec::new());
        let mut moving = Vec::new();
        let copies = copies.into_iter().zip(created);
        for (crossing, ((_, copy), created)) in crossings.into_iter().zip(copies) {
            if created != Created::Yes {
                continue;
            }
            let found = &found[crossing.at];
            let mark = Mark::new(Side::Moved(crossing.passage), self.twin(at, crossing.own));
            let mut marked = match place.marked(&found.key, &crossing.live, Some(mark), now) {
                Ok(marked) => marked,
                Err(error) => {
                    // Its copy stays behind, and is believed by nobody.
                    brought[crossing.at] = Some(self.kept(error));
                    continue;
                }
            };
            follow_on(&mut marked, &found.record);
            marks.push((found.clone(), marked));
            let mark = self.twin(at, found.key);
            let mark = mark.map(|twin| Mark::new(Side::Settled, Some(twin)));
            let mut settled = self.marked(&crossing.own, &crossing.live, mark, now)?;
            follow_on(&mut settled, &copy);
            confirmations.push((Found::new(crossing.own, copy), settled));
            moving.push(crossing.at);
        }
        let marked = theirs.replace_all(marks, now).await?;
        let mut marked_ones = marked.iter().copied();
        confirmations.retain(|_| marked_ones.next().unwrap_or(false));
        for (at, is_marked) in moving.into_iter().zip(marked) {
            if is_marked {
                self.counts.add(Count::Moved);
                brought[at] = Some(Ok(Brought::Moved));
            }
        }
        // Whoever was faster has confirmed it, or has written to it or ended it, which does so too.
        own.replace_all(confirmations, now).await?;
        Ok(())
    }

    /// What is to be done with a session, by what was found.
    fn sight(&self, at: usize, found: &Found, now: Timestamp) -> Result<Sight> {
        if found.frozen {
            return Ok(Sight::Unclear);
        }
        let theirs = Self::keyed(found.key);
        let live = match self.place(at).look(&theirs, found, now)? {
            Look::Over(_) => return Ok(Sight::Told(Brought::Ended)),
            Look::Live(live) => live,
        };
        match live.meta.mark.as_ref().map(|mark| mark.side) {
            Some(Side::Moved(_)) => return Ok(Sight::Told(Brought::WasMoved)),
            Some(Side::Copy(_)) => return Ok(Sight::Unclear),
            None | Some(Side::Claimed | Side::Settled) => {}
        }
        let own = if self.is_same(at) {
            Some(theirs)
        } else {
            self.derived(&found.key, now).into_iter().next()
        };
        Ok(own.map_or(Sight::Unclear, |own| Sight::Plain(own, live)))
    }

    /// The record of what `live` shows, under `key`, with another mark.
    fn marked(
        &self,
        key: &StoreKey,
        live: &Live,
        mark: Option<Mark>,
        now: Timestamp,
    ) -> Result<Record> {
        let meta = Meta {
            mark,
            ..live.meta.clone()
        };
        self.record_of(key, &meta, live, now)
    }
}

/// Makes of a record the state after `old`, which nobody used meanwhile.
fn follow_on(new: &mut Record, old: &Record) {
    new.version = old.version.next();
    new.created = old.created;
    new.seen = old.seen;
    new.idle_deadline = old.idle_deadline;
    // Under the key it was indexed with, as any change leaves it.
    new.subject = old.subject;
}
