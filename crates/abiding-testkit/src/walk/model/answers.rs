//! What requests are answered, and what that makes certain.

use std::collections::BTreeSet;

use abiding::Timestamp;

use super::{ABSOLUTE, GRACE, IDLE, Model, Request, SessionModel, Standing, Token, Verdict};
use crate::walk::observer::Seen;

impl Model {
    /// The request is over, without an answer that tells more.
    pub(in crate::walk) fn finish(&mut self, request: usize, now: Timestamp) {
        self.requests[request].done = Some(self.advance());
        if let Some(session) = self.session_of(request) {
            session.last_used = session.last_used.max(now);
        }
    }

    /// The session of this request was seen just before it was closed.
    pub(in crate::walk) fn closing(&mut self, request: usize, seen: Option<&Seen>, now: Timestamp) {
        self.requests[request].live_at = seen.filter(|seen| !seen.frozen).map(|_| now);
    }

    /// Whether what was answered was done to the session that was presented. A token whose grace runs
    /// out meanwhile leads nowhere, and one that a sign-in overtakes leads to a snapshot: there is
    /// nothing to remove, to clear or to end.
    fn reached_its_session(&self, request: usize, now: Timestamp) -> bool {
        let this = &self.requests[request];
        let stays = this
            .token
            .is_some_and(|token| !self.tokens[token].perhaps_moved);
        // Also by a rotation that took so long that its grace was over when it was done.
        let is_slow = |other: &Request| other.rotates && other.begun_at.after(GRACE) <= now;
        let overtaken = self.overlaps(request, |other| other.signs_in || is_slow(other));
        !overtaken && this.live_at.is_some_and(|live_at| live_at == now || stays)
    }

    /// The request was answered: all it did is stored. `issued` is the token that came with it, and what
    /// was seen through it at once.
    pub(in crate::walk) fn acknowledge(
        &mut self,
        request: usize,
        issued: Option<(String, Option<Seen>)>,
        now: Timestamp,
    ) -> Verdict {
        self.finish(request, now);
        let this = &self.requests[request];
        let (presented, has_cookie) = (this.session, issued.is_some());
        let target = match issued {
            Some((text, seen)) => self.issued(request, text, seen, now)?,
            None if !this.ends => presented,
            None => None,
        };
        let this = &self.requests[request];
        let reached = self.reached_its_session(request, now);
        if this.ends && reached {
            let ended = presented.map(|session| &mut self.sessions[session]);
            ended.into_iter().for_each(|session| session.ended = true);
        }
        let this = &self.requests[request];
        let Some(target) = target else {
            let nowhere = presented.is_none() && !this.pending.is_empty() && !has_cookie;
            return if nowhere {
                Err("a first write was acknowledged without a cookie".into())
            } else {
                Ok(())
            };
        };
        if presented == Some(target) && reached {
            let gone: Vec<_> = this
                .to_be_removed
                .iter()
                .chain(&this.cleared)
                .copied()
                .collect();
            self.sessions[target].removed.extend(gone);
        }
        self.keep_pending(request, target);
        Ok(())
    }

    pub(in crate::walk) fn keep_pending(&mut self, request: usize, target: usize) {
        let disturbed = self.overlaps(request, |other| other.clears);
        let this = &mut self.requests[request];
        let (pending, begun_at) = (std::mem::take(&mut this.pending), this.begun_at);
        let session = &mut self.sessions[target];
        if !pending.is_empty() {
            session.idle_until = session.idle_until.max(begun_at.after(IDLE));
        }
        if !disturbed {
            session.acknowledged.extend(pending);
        }
    }

    /// The session that a fresh token leads to.
    fn issued(
        &mut self,
        request: usize,
        text: String,
        seen: Option<Seen>,
        now: Timestamp,
    ) -> Result<Option<usize>, String> {
        let presented = self.requests[request].token;
        if let Some(known) = self.token_of(&text) {
            return if presented == Some(known) {
                Ok(self.tokens[known].session)
            } else {
                Err(format!(
                    "token {known} was issued again, to somebody who did not present it"
                ))
            };
        }
        let Some(seen) = seen else {
            // Ended before the answer was there; whatever it led to must not come back.
            self.invented(text);
            return Ok(None);
        };
        let known = self
            .sessions
            .iter()
            .position(|session| session.handle == seen.handle);
        let (session, generation, inherited) = match known {
            Some(session) => {
                if self.requests[request].session != Some(session) {
                    return Err(format!(
                        "the request was given session {session}, which it did not present"
                    ));
                }
                let token = presented.map(|token| &self.tokens[token]);
                let known = token.map(|token| (token.generation, token.may_be_elevated));
                let (generation, elevated) = known.unwrap_or_default();
                self.moved(request, session, generation, now);
                // A renewed id has the privileges of the one that was presented, and no others.
                let signed_in = self.requests[request].subject.is_some();
                (
                    session,
                    generation + u32::from(signed_in),
                    elevated && !signed_in,
                )
            }
            None => (self.begun(request, &seen, now)?, 0, false),
        };
        let this = &self.requests[request];
        let token = Token {
            text,
            session: Some(session),
            generation,
            may_be_elevated: inherited || this.elevates,
            perhaps_moved: self.overlaps(request, |other| other.rotates),
            dead_from: None,
            last: Standing::Live,
        };
        let token = self.token(token);
        self.look(token, Some(&seen), now)?;
        Ok(Some(session))
    }

    /// The session that was presented lies under a new id.
    fn moved(&mut self, request: usize, session: usize, generation: u32, now: Timestamp) {
        let alone = !self.overlaps(request, |other| other.signs_in);
        let this = &self.requests[request];
        let presented = this.token.map(|token| &mut self.tokens[token]);
        let after = now.after(GRACE);
        presented.into_iter().for_each(|token| {
            token.dead_from = Some(token.dead_from.map_or(after, |dead| dead.min(after)))
        });
        let session = &mut self.sessions[session];
        session.idle_until = session.idle_until.max(this.begun_at.after(IDLE));
        if let Some(subject) = &this.subject {
            session.generation = session.generation.max(generation + 1);
            session.absolute_until = session.absolute_until.max(this.begun_at.after(ABSOLUTE));
            if alone {
                session.subjects = vec![Some(subject.clone())];
            }
        }
    }

    /// A session that was not there before.
    fn begun(&mut self, request: usize, seen: &Seen, now: Timestamp) -> Result<usize, String> {
        let this = &self.requests[request];
        if let Some(lost) = this
            .pending
            .iter()
            .find(|write| !seen.writes.contains(write))
        {
            return Err(format!("write {lost} is not in the session that it began"));
        }
        let is_ending = self.endings.iter().any(|ending| {
            this.subject.as_ref() == Some(&ending.subject)
                && ending.done.is_none_or(|done| done > this.begun)
        });
        let mut subjects = vec![this.subject.clone()];
        // The session that it signed in may be over, and this be another one.
        subjects.extend(this.adrift.then_some(None));
        self.sessions.push(SessionModel {
            handle: seen.handle.clone(),
            owner: this.browser,
            generation: 0,
            ended: false,
            perhaps_ended: is_ending,
            acknowledged: seen.writes.clone(),
            removed: BTreeSet::new(),
            counted: seen.count,
            perhaps_counted: seen.count,
            exact: true,
            subjects,
            last_used: now,
            idle_until: this.begun_at.after(IDLE),
            absolute_until: this.begun_at.after(ABSOLUTE),
            absolute_bound: now.after(ABSOLUTE),
        });
        Ok(self.sessions.len() - 1)
    }
}
