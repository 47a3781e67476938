//! The rules of a session's life, as a pure function from values to a [`Plan`].
//!
//! The manager fills a [`State`] while a request runs and asks [`settle`] what to do; the engine has
//! no clock, no I/O and no keys. The rules:
//!
//! 1. Who does not look at the session causes nothing: no I/O, no header.
//! 2. What was ended in this request is ended first; whatever is written after that is a new session.
//! 3. A session begins when something is set and there is none, under an id that nobody had before.
//! 4. Signing in takes a new id and leaves a frozen snapshot under the old one, and so does a renewal
//!    apart; a renewal or an elevation takes a new id and leaves an alias. Signing in where there is nothing left to move
//!    begins a session, since it rests on fresh credentials; nothing else ever does so, and an
//!    elevation without a session fails the request.
//! 5. A change is committed as a change. One that changes nothing is none.
//! 6. A use is written down when the last one is older than the touch threshold.
//! 7. A cookie is sent when its value or lifetime changed, or when an older key had signed it; one whose
//!    lifetime slides also when a use is written down.
//! 8. A snapshot shows data and signs nobody in.
//! 9. Reading through an alias or a snapshot sends no cookie: the browser has a newer one.

#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use crate::{
    clock::Timestamp,
    codec::{Entries, Meta},
    delta::Delta,
    ending::Ending,
    expiry::Expiry,
    id::{SessionId, StoreKey},
    record::Version,
    rejection::Rejection,
    store::MetaEdit,
};

/// Where the sessions of a manager live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In the cookie itself, sealed.
    ClientSide,
    /// In a store; the cookie holds a token.
    ServerSide,
}

/// What the engine goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) mode: Mode,
    pub(crate) expiry: Expiry,
    /// Whether the cookie of a new session outlives the browser.
    pub(crate) persistent: bool,
    /// Whether a cookie that outlives the browser does so by the idle timeout, counted from each use
    /// that is written down.
    pub(crate) cookie_slides: bool,
}

/// All that is known of a request's session and all that the handler did to it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) known: Known,
    pub(crate) delta: Delta,
    pub(crate) edit: MetaEdit,
    pub(crate) fate: Fate,
    /// The session that this request ended.
    pub(crate) ends: Option<Parted>,
    /// Who signed out with it, where it lived in a cookie, and by which handle.
    pub(crate) signed_out: Option<(Box<str>, [u8; 12])>,
    /// Whether the handler looked at the session or changed it.
    pub(crate) accessed: bool,
    /// Whether the handler asked for a touch, due or not.
    pub(crate) touch: bool,
    /// Whether the cookie that was sent is to be taken away: two of one name.
    pub(crate) ambiguous: bool,
    /// Why what was sent is no session.
    pub(crate) refused: Option<Rejection>,
    /// Whether what was sent is genuine and says more than this release understands. It is neither read nor replaced.
    pub(crate) unreadable: bool,
    /// How many sessions of this request have ended. What was noted for one is not meant for the next.
    pub(crate) generation: u32,
    /// Whether a change is on its way to the store, so that what was read is no measure any more for
    /// what is a change.
    pub(crate) sent: bool,
}

/// What was to be done when the work on it began. More may be asked for while it is under way.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) delta: Delta,
    pub(crate) edit: MetaEdit,
    pub(crate) fate: Fate,
    ends: Option<Parted>,
    generation: u32,
}

impl Asked {
    /// Nothing at all.
    pub(crate) fn nothing() -> Self {
        State::new(Known::Nobody).asked()
    }
}

impl State {
    pub(crate) fn new(known: Known) -> Self {
        Self {
            known,
            delta: Delta::default(),
            edit: MetaEdit::default(),
            fate: Fate::Keep,
            ends: None,
            signed_out: None,
            accessed: false,
            touch: false,
            ambiguous: false,
            unreadable: false,
            refused: None,
            generation: 0,
            sent: false,
        }
    }

    /// What is to be done as it stands now.
    pub(crate) fn asked(&self) -> Asked {
        Asked {
            delta: self.delta.clone(),
            edit: self.edit.clone(),
            fate: self.fate,
            ends: self.ends,
            generation: self.generation,
        }
    }

    /// Takes note that `asked` was done; what was asked for since then stays.
    pub(crate) fn done(&mut self, asked: &Asked) {
        if self.ends == asked.ends {
            self.ends = None;
        }
        if !self.is_asked(asked) {
            return;
        }
        self.delta.subtract(&asked.delta);
        self.edit.subtract(&asked.edit);
        if self.fate == asked.fate {
            self.fate = Fate::Keep;
        }
        self.touch = false;
        self.ambiguous = false;
    }

    /// Whether a session is to get a new id, and what is written from now on is for that alone.
    pub(crate) fn signs_in(&self) -> bool {
        let has_id = matches!(
            self.known,
            Known::Live(Some(_), _) | Known::Unread(_) | Known::Unopened(_)
        );
        has_id && matches!(self.fate, Fate::SignIn | Fate::RenewApart)
    }

    /// Whether the session that this was asked of is still the one of this request.
    pub(crate) fn is_asked(&self, asked: &Asked) -> bool {
        self.generation == asked.generation
    }

    /// Whether the session lies, as far as this request knows, under this key.
    pub(crate) fn is_at(&self, key: &StoreKey) -> bool {
        match &self.known {
            Known::Live(Some(credential), _) | Known::Unread(credential) => credential.key == *key,
            Known::Live(None, _)
            | Known::Ended(_)
            | Known::Nobody
            | Known::Unopened(_)
            | Known::Unvouched(_) => false,
        }
    }

    /// Whether the handler left anything to be carried out.
    pub(crate) fn asks_anything(&self) -> bool {
        let changes = !self.delta.is_empty() || !self.edit.is_empty() || self.fate != Fate::Keep;
        changes || self.touch || self.ambiguous || self.ends.is_some()
    }

    /// Ends the session as far as this request can see; what is written from now on is another one.
    pub(crate) fn end(&mut self) {
        let stored = |key, known| Some(Parted::Stored { key, known });
        let parted = match std::mem::replace(&mut self.known, Known::Nobody) {
            Known::Live(Some(credential), live) => {
                stored(credential.key, live.meta.subject.is_some())
            }
            Known::Unread(credential) => stored(credential.key, true),
            Known::Live(None, live) | Known::Unvouched(live) => {
                let handle = live.meta.handle;
                self.signed_out = live.meta.subject.map(|subject| (subject, handle));
                Some(Parted::CookieOnly)
            }
            Known::Ended(_) => Some(Parted::CookieOnly),
            known @ (Known::Nobody | Known::Unopened(_)) => {
                self.known = known;
                None
            }
        };
        // A second end in one request is that of a session which was never stored.
        self.ends = self.ends.take().or(parted);
        self.generation += 1;
        self.discard();
    }

    /// Takes note that the session is over, by somebody else's doing.
    pub(crate) fn over(&mut self, ending: Ending) {
        self.known = Known::Ended(ending);
        self.generation += 1;
        self.discard();
    }

    /// Forgets what the handler did to the session, an end aside.
    pub(crate) fn discard(&mut self) {
        self.delta = Delta::default();
        self.edit = MetaEdit::default();
        self.fate = Fate::Keep;
    }
}

/// What is known of the session that a request presented.
#[derive(Debug)]
pub(crate) enum Known {
    /// It was presented by a genuine token, and it is over.
    Ended(Ending),
    /// It was read, from under its token's key or out of the cookie itself.
    Live(Option<Credential>, Box<Live>),
    /// Nothing was presented that a key vouches for.
    Nobody,
    /// A cookie's value at which nobody looked yet.
    Unopened(Unopened),
    /// A genuine token; the store was not asked yet.
    Unread(Credential),
    /// It was read out of the cookie; whether its sign-in stands was not asked yet.
    Unvouched(Box<Live>),
}

/// What a browser sent; a genuine one is as good as the session.
pub(crate) struct Unopened(pub(crate) Box<[u8]>);

impl fmt::Debug for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// What a genuine token tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) id: SessionId,
    pub(crate) key: StoreKey,
    /// When the session was to end at the latest, as far as the token knows: it may have been told of
    /// another lifetime since.
    pub(crate) until: Timestamp,
    /// Whether an older key than the signing one vouched for it.
    pub(crate) old_key: bool,
}

/// A session as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) meta: Meta,
    pub(crate) entries: Entries,
    pub(crate) version: Version,
    pub(crate) seen: Timestamp,
    pub(crate) idle_deadline: Timestamp,
    /// Whether an alias was followed: the browser has a newer cookie, or soon will.
    pub(crate) moved: bool,
    /// Whether it is a snapshot, to be read and not to be changed.
    pub(crate) frozen: bool,
    /// Whether an older key vouched for the cookie.
    pub(crate) old_key: bool,
}

/// Which session a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parted {
    /// One that lives in its cookie, or lives no more.
    CookieOnly,
    Stored {
        key: StoreKey,
        /// Whether somebody was, or may have been, signed in: they will want to know why it is over.
        known: bool,
    },
}

/// What shall become of the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A new id with more privileges: the old one leads to the session without them.
    Elevate,
    Keep,
    /// A new id with the same privileges.
    Renew,
    /// A new id, and what is written with it is nothing for whoever holds the old one.
    RenewApart,
    /// A new id and a subject.
    SignIn,
}

/// What is to be done. Printable, so that it can be logged, shown and tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// First of all: the session that ended.
    pub(crate) end: Option<Parted>,
    pub(crate) store: Step,
    pub(crate) cookie: CookieStep,
}

/// What is to be done in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Commit,
    Create,
    Nothing,
    /// There is no session whose privileges could be raised: fail the request.
    Refuse,
    /// Move to a new id; what the old one is good for follows from the fate.
    Rotate,
    /// Move the idle deadline to this instant.
    Touch(Timestamp),
}

/// What is to be done with the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CookieStep {
    Nothing,
    Remove,
    /// Seal the whole session into it.
    Seal,
    Set,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.end {
            Some(Parted::Stored { .. }) => "delete, ",
            Some(Parted::CookieOnly) | None => "",
        };
        let store = match self.store {
            Step::Commit => "commit",
            Step::Create => "create",
            Step::Nothing => "nothing",
            Step::Refuse => "refuse",
            Step::Rotate => "rotate",
            Step::Touch(_) => "touch",
        };
        let cookie = match self.cookie {
            CookieStep::Nothing => "nothing",
            CookieStep::Remove => "remove",
            CookieStep::Seal => "seal",
            CookieStep::Set => "set",
        };
        write!(f, "store: {end}{store}, cookie: {cookie}")
    }
}

/// What is to be done at `now`.
pub(crate) fn settle(policy: &Policy, state: &State, now: Timestamp) -> Plan {
    let store = step(policy, state, now);
    let (store, cookie) = match policy.mode {
        Mode::ServerSide => (store, cookie(policy, state, store)),
        Mode::ClientSide if store == Step::Refuse => (store, CookieStep::Nothing),
        Mode::ClientSide => (Step::Nothing, sealed_cookie(state, store)),
    };
    Plan {
        end: state.ends,
        store,
        cookie,
    }
}

fn step(policy: &Policy, state: &State, now: Timestamp) -> Step {
    let changed = !state.delta.is_empty() || !state.edit.is_empty();
    match (&state.known, state.fate) {
        (Known::Unopened(_), _) => Step::Nothing,
        (Known::Nobody | Known::Ended(_), Fate::SignIn) => Step::Create,
        (Known::Nobody | Known::Ended(_), Fate::Elevate) => Step::Refuse,
        (Known::Nobody | Known::Ended(_), _) if state.delta.sets_anything() => Step::Create,
        (Known::Nobody | Known::Ended(_), _) => Step::Nothing,
        (
            Known::Live(..) | Known::Unread(_) | Known::Unvouched(_),
            Fate::SignIn | Fate::Elevate | Fate::RenewApart,
        ) => Step::Rotate,
        // Whoever came through an alias or a snapshot was overtaken by another renewal: one is enough.
        (Known::Live(_, live), Fate::Renew) if live.moved || live.frozen => commit_if(changed),
        (Known::Live(..) | Known::Unread(_) | Known::Unvouched(_), Fate::Renew) => Step::Rotate,
        (Known::Live(..) | Known::Unread(_) | Known::Unvouched(_), Fate::Keep) if changed => {
            Step::Commit
        }
        (Known::Live(_, live), Fate::Keep) => touch(policy, state, live, now),
        (Known::Unread(_) | Known::Unvouched(_), Fate::Keep) => Step::Nothing,
    }
}

fn commit_if(changed: bool) -> Step {
    if changed { Step::Commit } else { Step::Nothing }
}

fn touch(policy: &Policy, state: &State, live: &Live, now: Timestamp) -> Step {
    let due = state.accessed && policy.expiry.touch_is_due(live.meta.idle, live.seen, now);
    let asked = state.touch && live.meta.idle.is_some();
    if live.frozen || !(due || asked) {
        Step::Nothing
    } else {
        Step::Touch(live.meta.idle_deadline(now))
    }
}

fn cookie(policy: &Policy, state: &State, step: Step) -> CookieStep {
    let lifetime_changed =
        state.edit.persistent.is_some() || state.edit.absolute_deadline.is_some();
    match (step, &state.known) {
        (Step::Create | Step::Rotate, _) => CookieStep::Set,
        (_, Known::Live(_, live)) if live.moved || live.frozen => CookieStep::Nothing,
        (Step::Commit, _) if lifetime_changed => CookieStep::Set,
        (Step::Commit | Step::Touch(_), known) if policy.cookie_slides && slides(known) => {
            CookieStep::Set
        }
        (_, Known::Live(_, live)) if live.old_key && state.accessed => CookieStep::Set,
        (Step::Nothing, _) if state.ends.is_some() || state.ambiguous => CookieStep::Remove,
        _ => CookieStep::Nothing,
    }
}

/// Whether the cookie outlives the browser, as far as is known.
fn slides(known: &Known) -> bool {
    match known {
        Known::Live(_, live) => live.meta.persistent,
        _ => true,
    }
}

fn sealed_cookie(state: &State, step: Step) -> CookieStep {
    match (step, &state.known) {
        (Step::Nothing, Known::Live(_, live)) if live.old_key && state.accessed => CookieStep::Seal,
        (Step::Nothing, _) if state.ends.is_some() || state.ambiguous => CookieStep::Remove,
        (Step::Nothing, _) => CookieStep::Nothing,
        _ => CookieStep::Seal,
    }
}

/// The library's own part of a session that begins at `now`.
pub(crate) fn first_meta(
    policy: &Policy,
    edit: &MetaEdit,
    handle: [u8; 12],
    now: Timestamp,
) -> Meta {
    let mut meta = Meta {
        idle: policy.expiry.idle_timeout(),
        persistent: policy.persistent,
        handle,
        ..Meta::new(now, policy.expiry.absolute_deadline(now))
    };
    edit.apply(&mut meta);
    meta
}

/// How long a cookie is to be kept: as long as the session may live, if it outlives the browser at all.
pub(crate) fn max_age(meta: &Meta, now: Timestamp) -> Option<Duration> {
    let ends = match meta.absolute_deadline {
        Timestamp::MAX => meta.idle_deadline(now),
        absolute => absolute,
    };
    meta.persistent.then(|| ends.since(now))
}
