//! Ends of all sessions of a subject, while requests go on.

use super::{Ending, Model, Request};
use crate::walk::observer::Seen;

impl Model {
    /// Somebody sets out to end all sessions of a subject; `seen` is what each token leads to now.
    pub(in crate::walk) fn begin_to_end(&mut self, subject: &str, seen: &[Option<Seen>]) -> usize {
        let begun = self.advance();
        let running = |session: usize| {
            self.requests.iter().any(|request| {
                request.session == Some(session) && request.signs_in && request.done.is_none()
            })
        };
        let mut certain = vec![];
        for (token, seen) in self.tokens.iter().zip(seen) {
            let is_theirs = |seen: &Seen| !seen.frozen && seen.subject.as_deref() == Some(subject);
            if let (Some(session), true) = (token.session, seen.as_ref().is_some_and(is_theirs))
                && !running(session)
            {
                certain.push(session);
            }
        }
        for (at, session) in self.sessions.iter_mut().enumerate() {
            let may_become = self.requests.iter().any(|request| {
                request.session == Some(at)
                    && request.done.is_none()
                    && request.subject.as_deref() == Some(subject)
            });
            session.perhaps_ended |= may_become
                || session
                    .subjects
                    .iter()
                    .any(|one| one.as_deref() == Some(subject));
        }
        self.endings.push(Ending {
            subject: subject.into(),
            begun,
            done: None,
            certain,
        });
        self.endings.len() - 1
    }

    /// It is done, and was acknowledged or not.
    pub(in crate::walk) fn ended(&mut self, ending: usize, acknowledged: bool) {
        let done = self.advance();
        self.endings[ending].done = Some(done);
        let Ending { begun, certain, .. } = &self.endings[ending];
        for &session in certain.iter().filter(|_| acknowledged) {
            // Whoever signs in meanwhile, as somebody else perhaps, may come before the end or after it.
            let meanwhile = |request: &Request| {
                request.session == Some(session)
                    && request.signs_in
                    && request.done.is_none_or(|done| done > *begun)
            };
            if !self.requests.iter().any(meanwhile) {
                self.sessions[session].ended = true;
            }
        }
    }
}
