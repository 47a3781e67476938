//! What must be true, kept beside the real thing: which session each token leads to, what it must hold
//! and may hold, and whether it may still answer.
//!
//! The walk tells what requests begin, do and are answered; each look through a token is held against
//! it. Where requests overlap, more than one outcome is right, and the model claims only what holds
//! in all of them. It knows nothing of the store, and no rule of the engine beyond its promises.

mod acts;
mod answers;
mod endings;
mod looks;

use std::{collections::BTreeSet, time::Duration};

use abiding::Timestamp;

/// The idle timeout of the sessions of the walk.
pub(super) const IDLE: Duration = Duration::from_secs(30 * 60);
/// Their absolute lifetime.
pub(super) const ABSOLUTE: Duration = Duration::from_secs(12 * 60 * 60);
/// How long an old id is good for something after a rotation.
pub(super) const GRACE: Duration = Duration::from_secs(30);

/// A promise that was broken, in words.
pub(super) type Verdict = Result<(), String>;

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) sessions: Vec<SessionModel>,
    pub(super) tokens: Vec<Token>,
    pub(super) requests: Vec<Request>,
    endings: Vec<Ending>,
    /// Which browser wrote each write.
    writers: Vec<usize>,
    /// Writes that were refused for certain: they must be nowhere.
    refused: BTreeSet<usize>,
    step: usize,
}

/// A session, known by its handle.
#[derive(Debug)]
pub(super) struct SessionModel {
    handle: String,
    /// The browser whose session it is.
    owner: usize,
    /// How often it was signed in; tokens of an earlier generation reach it no more.
    generation: u32,
    /// For certain.
    ended: bool,
    perhaps_ended: bool,
    /// Writes that must be there, and writes that must not.
    acknowledged: BTreeSet<usize>,
    removed: BTreeSet<usize>,
    counted: u64,
    perhaps_counted: u64,
    /// Whether nobody ever began to clear it, so that its counter is exact.
    exact: bool,
    /// Who may be signed in.
    subjects: Vec<Option<String>>,
    last_used: Timestamp,
    /// Until when it lives for certain unless it is ended.
    idle_until: Timestamp,
    absolute_until: Timestamp,
    /// Beyond which it lives under no circumstances.
    absolute_bound: Timestamp,
}

/// A cookie's value that was issued, or invented.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) text: String,
    /// `None` if it was invented.
    session: Option<usize>,
    generation: u32,
    may_be_elevated: bool,
    /// Whether somebody may have moved the session on to another id.
    perhaps_moved: bool,
    /// When the grace is over that followed a rotation.
    dead_from: Option<Timestamp>,
    last: Standing,
}

/// How a token was found to stand. It only ever falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Dead,
    Frozen,
    Live,
}

#[derive(Debug, Default)]
pub(super) struct Request {
    browser: usize,
    token: Option<usize>,
    session: Option<usize>,
    begun_at: Timestamp,
    begun: usize,
    /// `None` while it runs.
    done: Option<usize>,
    /// What it ever set out to do.
    clears: bool,
    removes: bool,
    rotates: bool,
    signs_in: bool,
    /// What it is to do when it is closed.
    ends: bool,
    elevates: bool,
    subject: Option<String>,
    pending: Vec<usize>,
    to_be_removed: Vec<usize>,
    cleared: BTreeSet<usize>,
    /// Whether it signed in before its end, so that what it stored may be in another session.
    adrift: bool,
    /// Whether the store failed it, so that what was stored is not known.
    doubtful: bool,
    /// When its session was seen alive just before it was closed.
    live_at: Option<Timestamp>,
    must_read: BTreeSet<usize>,
}

/// An end of all sessions of a subject.
#[derive(Debug)]
struct Ending {
    subject: String,
    begun: usize,
    done: Option<usize>,
    /// The sessions that were the subject's, and alive, when it began.
    certain: Vec<usize>,
}

impl Model {
    fn advance(&mut self) -> usize {
        self.step += 1;
        self.step
    }

    /// Takes note of a token that nobody issued.
    pub(super) fn invented(&mut self, text: String) -> usize {
        self.token(Token {
            text,
            session: None,
            generation: 0,
            may_be_elevated: false,
            perhaps_moved: true,
            dead_from: None,
            last: Standing::Dead,
        })
    }

    fn token(&mut self, token: Token) -> usize {
        self.tokens.push(token);
        self.tokens.len() - 1
    }

    pub(super) fn token_of(&self, text: &str) -> Option<usize> {
        self.tokens.iter().position(|token| token.text == text)
    }

    /// All tokens that led to sessions of this browser.
    pub(super) fn tokens_of(&self, browser: usize) -> Vec<usize> {
        let is_own = |token: &usize| {
            self.tokens[*token]
                .session
                .is_some_and(|session| self.sessions[session].owner == browser)
        };
        (0..self.tokens.len()).filter(is_own).collect()
    }

    /// The tokens that led somewhere when they were last looked through.
    pub(super) fn alive(&self) -> Vec<usize> {
        let is_alive = |token: &usize| self.tokens[*token].last != Standing::Dead;
        (0..self.tokens.len()).filter(is_alive).collect()
    }

    pub(super) fn begin(&mut self, browser: usize, token: Option<usize>, now: Timestamp) -> usize {
        let session = token.and_then(|token| self.tokens[token].session);
        let must_read = session.map(|session| self.sessions[session].acknowledged.clone());
        let begun = self.advance();
        self.requests.push(Request {
            browser,
            token,
            session,
            begun_at: now,
            begun,
            must_read: must_read.unwrap_or_default(),
            ..Request::default()
        });
        self.requests.len() - 1
    }

    /// Whether another request of the same session, with this property, ran at the same time.
    fn overlaps(&self, request: usize, with: impl Fn(&Request) -> bool) -> bool {
        let this = &self.requests[request];
        self.requests.iter().enumerate().any(|(at, other)| {
            at != request
                && other.session == this.session
                && with(other)
                && this.done.is_none_or(|done| other.begun < done)
                && other.done.is_none_or(|done| done > this.begun)
        })
    }

    fn session_of(&mut self, request: usize) -> Option<&mut SessionModel> {
        self.requests[request]
            .session
            .map(|session| &mut self.sessions[session])
    }
}
