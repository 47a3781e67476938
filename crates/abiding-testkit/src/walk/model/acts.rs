//! What requests set out to do, and what they read.

use std::collections::BTreeSet;

use abiding::Timestamp;

use super::{ABSOLUTE, IDLE, Model, Standing, Token, Verdict};

impl Model {
    /// A new write of two keys, to be set by this request.
    pub(in crate::walk) fn insert(&mut self, request: usize) -> usize {
        self.writers.push(self.requests[request].browser);
        let write = self.writers.len() - 1;
        self.requests[request].pending.push(write);
        write
    }

    /// Writes of the session that this request might remove.
    pub(in crate::walk) fn removable(&self, request: usize) -> Vec<usize> {
        let session = self.requests[request].session;
        session
            .map(|session| {
                self.sessions[session]
                    .acknowledged
                    .iter()
                    .copied()
                    .collect()
            })
            .unwrap_or_default()
    }

    pub(in crate::walk) fn remove(&mut self, request: usize, write: usize) {
        let this = &mut self.requests[request];
        this.removes = true;
        // What came while the request ran is perhaps not in what it read, and then nothing is removed.
        if this.must_read.remove(&write) {
            this.to_be_removed.push(write);
        }
        if let Some(session) = self.session_of(request) {
            session.acknowledged.remove(&write);
        }
    }

    pub(in crate::walk) fn clear(&mut self, request: usize) {
        let cleared = self.session_of(request).map(|session| {
            session.exact = false;
            std::mem::take(&mut session.acknowledged)
        });
        let request = &mut self.requests[request];
        request.clears = true;
        request.cleared.extend(cleared.unwrap_or_default());
        request.must_read.clear();
        request.pending.clear();
    }

    pub(in crate::walk) fn begin_to_count(&mut self, request: usize) {
        if let Some(session) = self.session_of(request) {
            session.perhaps_counted += 1;
        }
    }

    /// The counter was raised: in a session that is `live` at once, together with what was set before;
    /// otherwise with the rest. Whoever signs in does so first, and it is told at the end which session
    /// that led to.
    pub(in crate::walk) fn counted(&mut self, request: usize, live: bool) {
        let this = &mut self.requests[request];
        if this.subject.is_some() {
            this.adrift = true;
            this.pending.clear();
            this.must_read.clear();
            return;
        }
        let (Some(session), true) = (this.session, live && !this.ends && !this.adrift) else {
            return;
        };
        let until = this.begun_at.after(IDLE);
        self.sessions[session].counted += 1;
        self.sessions[session].idle_until = self.sessions[session].idle_until.max(until);
        self.keep_pending(request, session);
    }

    /// The request set out to move the session to a new id.
    pub(in crate::walk) fn rotate(&mut self, request: usize) {
        self.requests[request].rotates = true;
        let session = self.requests[request].session;
        let own = self
            .tokens
            .iter_mut()
            .filter(|token| session.is_some() && token.session == session);
        own.for_each(|token| token.perhaps_moved = true);
    }

    pub(in crate::walk) fn elevate(&mut self, request: usize) {
        self.requests[request].elevates = true;
        self.rotate(request);
    }

    pub(in crate::walk) fn sign_in(&mut self, request: usize, subject: &str, now: Timestamp) {
        self.rotate(request);
        let is_ending = self
            .endings
            .iter()
            .any(|ending| ending.subject == subject && ending.done.is_none());
        let this = &mut self.requests[request];
        this.signs_in = true;
        this.elevates = false;
        this.subject = Some(subject.into());
        if let Some(session) = self.session_of(request) {
            session.subjects.push(Some(subject.into()));
            session.absolute_bound = session.absolute_bound.max(now.after(ABSOLUTE));
            session.perhaps_ended |= is_ending;
        }
    }

    pub(in crate::walk) fn sign_out(&mut self, request: usize) {
        if let Some(session) = self.session_of(request) {
            session.perhaps_ended = true;
        }
        let this = &mut self.requests[request];
        (this.ends, this.elevates, this.subject) = (true, false, None);
        this.must_read.clear();
        this.cleared.clear();
        this.to_be_removed.clear();
        this.pending.clear();
    }

    /// Whether saving now stores to the session that was presented, so that the answer can be judged.
    pub(in crate::walk) fn may_save(&self, request: usize) -> bool {
        let this = &self.requests[request];
        this.session.is_some() && !this.ends && !this.rotates
    }

    pub(in crate::walk) fn saved(&mut self, request: usize) {
        if let Some(session) = self.requests[request].session {
            self.keep_pending(request, session);
        }
    }

    /// What a handler read must hold what it has itself set, and what was acknowledged before it began.
    pub(in crate::walk) fn read(
        &self,
        request: usize,
        live: bool,
        writes: &BTreeSet<usize>,
    ) -> Verdict {
        let this = &self.requests[request];
        let disturbed = self.overlaps(request, |other| {
            other.clears || other.removes || other.signs_in
        });
        if let Some(lost) = this.pending.iter().find(|write| !writes.contains(write)) {
            return Err(format!("the handler does not read its own write {lost}"));
        }
        let lives = this.token.is_some_and(|token| {
            let Token {
                session,
                generation,
                last,
                ..
            } = &self.tokens[token];
            let is_current = |session: usize| self.sessions[session].generation == *generation;
            *last == Standing::Live && session.is_some_and(is_current)
        });
        match this.must_read.difference(writes).next() {
            Some(lost) if live && lives && !disturbed && !this.ends => Err(format!(
                "the handler does not read write {lost}, which was acknowledged before"
            )),
            _ => Ok(()),
        }
    }

    /// The session went away under the request, or it was given up: nothing more of it is stored.
    pub(in crate::walk) fn refused(&mut self, request: usize) {
        let this = &mut self.requests[request];
        let pending = std::mem::take(&mut this.pending);
        (this.elevates, this.subject) = (false, None);
        this.to_be_removed.clear();
        this.cleared.clear();
        if !this.doubtful {
            self.refused.extend(pending);
        }
    }

    /// The store failed the request: what is stored is not known.
    pub(in crate::walk) fn doubt(&mut self, request: usize) {
        self.requests[request].doubtful = true;
    }
}
