//! Out of a store and into the primary cookie, when the answer is made.

use std::sync::Mutex;

use super::Count;
use crate::{
    codec::{Mark, Passage, Side},
    engine::Known,
    error::Result,
    manager::Shared,
    session::{Desk, lock},
};

impl Shared {
    /// Seals a session that leaves its store, unless it does not fit. Answers whether to look again.
    pub(super) async fn leave(&self, desk: &Mutex<Desk>) -> Result<bool> {
        let now = self.clock.now();
        let (at, credential, live, asked) = {
            let mut desk = lock(desk);
            let left = desk.left;
            let Some(across) = &mut desk.across else {
                return Ok(false);
            };
            if !across.leaving {
                return Ok(false);
            }
            let at = across.home;
            match &desk.state.known {
                // No cookie can be sent any more.
                Known::Live(Some(credential), live) if !left => {
                    (at, credential.clone(), live.clone(), desk.state.asked())
                }
                _ => return Ok(false),
            }
        };
        let mut live = live;
        // A browser that never gets the new cookie may still have the one that the record was made of.
        let former = live.meta.mark.take();
        let former = former.filter(|mark| matches!(mark.side, Side::Claimed | Side::Moved(_)));
        let made_of = former.and_then(|mark| mark.twin());
        live.meta.mark = Some(Mark::new(Side::Settled, Some(credential.key)));
        let base = (live.meta.clone(), live.entries.clone());
        let moved = match self.sealed_cookie(Some(&base), &asked, now) {
            Ok(_) => {
                let mark = Mark::new(Side::Moved(Passage::draw()?), made_of);
                let place = self.place(at);
                place.mark(&credential.key, mark, live.version, now).await
            }
            Err(error) => Err(error),
        };
        let mut desk = lock(desk);
        let in_place = desk.state.is_at(&credential.key);
        let Some(across) = &mut desk.across else {
            return Ok(false);
        };
        match moved {
            Err(error) => {
                self.kept(error)?;
                across.leaving = false;
                Ok(false)
            }
            // Another request wrote to it, or another task of this one did something.
            Ok(false) if in_place => {
                desk.state.known = Known::Unread(credential);
                Ok(true)
            }
            Ok(_) if !in_place => Ok(true),
            Ok(_) => {
                self.counts.add(Count::Moved);
                across.leaving = false;
                across.home = 0;
                live.old_key = true;
                if live.meta.subject.is_some() {
                    // Has the sign-in entered, where sign-ins of cookies are.
                    desk.state.edit.handle.get_or_insert(live.meta.handle);
                }
                desk.state.known = Known::Live(None, live);
                Ok(false)
            }
        }
    }
}
