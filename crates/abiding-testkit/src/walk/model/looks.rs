//! What is seen through a token, held against what must be true.

use std::collections::BTreeSet;

use abiding::Timestamp;

use super::{IDLE, Model, SessionModel, Standing, Token, Verdict};
use crate::walk::observer::Seen;

impl Model {
    /// Holds what is seen through a token now against what must be true.
    pub(in crate::walk) fn look(
        &mut self,
        at: usize,
        seen: Option<&Seen>,
        now: Timestamp,
    ) -> Verdict {
        let standing = match seen {
            None => Standing::Dead,
            Some(seen) if seen.frozen => Standing::Frozen,
            Some(_) => Standing::Live,
        };
        let busy = self.tokens[at].session.is_some_and(|session| {
            self.requests
                .iter()
                .any(|request| request.session == Some(session) && request.done.is_none())
        });
        let must_live = self.must_live(at, now);
        let token = &mut self.tokens[at];
        if standing > token.last {
            return Err(format!(
                "token {at} was {:?} and is {standing:?} again",
                token.last
            ));
        }
        // A request that runs may carry an instant from before the end.
        if standing != Standing::Dead || !busy {
            token.last = standing;
        }
        if must_live && standing != Standing::Live {
            return Err(format!(
                "token {at} is {standing:?} although nobody ended or moved its session"
            ));
        }
        let Some(seen) = seen else { return Ok(()) };
        if token.dead_from.is_some_and(|dead_from| dead_from <= now) {
            return Err(format!(
                "token {at} answers after the grace of its rotation"
            ));
        }
        let Some(session) = token.session.map(|session| &self.sessions[session]) else {
            return Err(format!("token {at} was issued by nobody, and is honoured"));
        };
        self.judge(&self.tokens[at], session, seen)?;
        if standing == Standing::Live {
            self.judge_living(&self.tokens[at], session, seen, busy, now)
        } else {
            Ok(())
        }
    }

    fn judge(&self, token: &Token, session: &SessionModel, seen: &Seen) -> Verdict {
        if seen.handle != session.handle {
            return Err("a token leads to another session than it did".into());
        }
        if let Some(foreign) = seen
            .writes
            .iter()
            .find(|write| self.writers[**write] != session.owner)
        {
            return Err(format!(
                "write {foreign} is in a session of another browser"
            ));
        }
        if let Some(refused) = seen.writes.intersection(&self.refused).next() {
            return Err(format!("write {refused} was refused and is stored"));
        }
        if seen.absolute_deadline > session.absolute_bound {
            return Err("a session lives beyond its absolute lifetime".into());
        }
        if seen.elevated && !token.may_be_elevated {
            return Err("an id has privileges that were given to another one".into());
        }
        Ok(())
    }

    fn judge_living(
        &self,
        token: &Token,
        session: &SessionModel,
        seen: &Seen,
        busy: bool,
        now: Timestamp,
    ) -> Verdict {
        if session.ended {
            return Err("a session answers that was ended".into());
        }
        if token.generation < session.generation {
            return Err("an id from before the sign-in reaches the session".into());
        }
        if !session.subjects.contains(&seen.subject) {
            return Err(format!(
                "{:?} is signed in, and nobody of {:?}",
                seen.subject, session.subjects
            ));
        }
        if !busy && session.last_used.after(IDLE) <= now {
            return Err("a session answers that idled for too long".into());
        }
        if let Some(lost) = session.acknowledged.difference(&seen.writes).next() {
            return Err(format!("write {lost} was acknowledged and is lost"));
        }
        if let Some(removed) = seen.writes.intersection(&session.removed).next() {
            return Err(format!("write {removed} was removed and is back"));
        }
        let least = if session.exact { session.counted } else { 0 };
        if !(least..=session.perhaps_counted).contains(&seen.count) {
            let most = session.perhaps_counted;
            return Err(format!(
                "the counter is {} and must be {least} to {most}",
                seen.count
            ));
        }
        Ok(())
    }

    /// Whether the token must lead to its session: nobody may have ended it or moved it away.
    fn must_live(&self, token: usize, now: Timestamp) -> bool {
        let token = &self.tokens[token];
        token
            .session
            .map(|session| &self.sessions[session])
            .is_some_and(|session| {
                !token.perhaps_moved
                    && !session.perhaps_ended
                    && now < session.idle_until.min(session.absolute_until)
            })
    }

    /// The handles that must be listed under a subject, and those that must not.
    pub(in crate::walk) fn listed(
        &self,
        subject: &str,
        now: Timestamp,
    ) -> (BTreeSet<&str>, BTreeSet<&str>) {
        let handle = |session: &usize| &*self.sessions[*session].handle;
        let theirs = |session: &SessionModel| {
            session.subjects.len() == 1 && session.subjects[0].as_deref() == Some(subject)
        };
        let living = (0..self.tokens.len()).filter(|token| self.must_live(*token, now));
        let living = living.filter_map(|token| self.tokens[token].session);
        let must = living.filter(|session| theirs(&self.sessions[*session]));
        let over = (0..self.sessions.len()).filter(|session| {
            let session = &self.sessions[*session];
            session.ended
                || !session
                    .subjects
                    .iter()
                    .any(|one| one.as_deref() == Some(subject))
        });
        (
            must.map(|session| handle(&session)).collect(),
            over.map(|session| handle(&session)).collect(),
        )
    }
}
