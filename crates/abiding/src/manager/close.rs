//! The way out: carries out the engine's plan.

use std::sync::{Arc, Mutex};

use zeroize::Zeroizing;

use super::{Closing, Manager, Place, Shared, Summary, unreadable};
use crate::{
    clock::Timestamp,
    codec::{Entries, Meta, Side},
    delta::Delta,
    ending::Ending,
    engine::{self, Asked, CookieStep, Credential, Fate, Known, Parted, Plan, State, Step},
    error::{Error, ErrorKind, Result},
    id::SessionId,
    record::Version,
    session::{Desk, ROUNDS, Session, lock},
    store::{Change, Committed, Created, DynStore, Expect, Leave, MetaEdit},
};

/// How often a fresh id is drawn when a store says that one is taken: once is a wonder already.
const DRAWS: usize = 3;

/// A request's work, taken from its state so that no lock is held while it is carried out.
struct Work {
    plan: Plan,
    asked: Asked,
    credential: Option<Credential>,
    /// What was read.
    base: Option<(Meta, Entries)>,
    version: Option<Version>,
    /// Whether what was read is a snapshot.
    frozen: bool,
    /// Why the session is over, if it turns out to be.
    ending: Ending,
    /// Who signed out of a sealed cookie.
    signed_out: Option<(Box<str>, [u8; 12])>,
    /// Whether the session may move to another place meanwhile, so that nothing is written blindly.
    guarded: bool,
}

/// What became of a step.
enum Outcome {
    /// There was no living session to change.
    Gone,
    /// There was none to give a new id to, and nothing was to be written either.
    Over,
    /// Another request was faster; what was read is out of date.
    Overtaken,
    Renamed(Renamed),
    SameId,
}

/// A session under a new id, and the cookie that tells the browser.
struct Renamed {
    credential: Credential,
    cookie: Zeroizing<String>,
    /// Whether it is a record of its own, and not the old one moved.
    created: bool,
}

impl Manager {
    /// Settles a request whose handler did not look at its session, and answers whether that was so:
    /// the common case, without an await. If not, it is [`close`](Self::close)'s turn.
    pub fn close_untouched(&self, session: &Session) -> bool {
        let mut desk = lock(session.desk());
        desk.closed = true;
        // Whoever still holds the session may look at it while the body is sent, and the headers are
        // made now.
        desk.state.accessed |= session.is_shared();
        !desk.state.accessed && !desk.state.ambiguous
    }

    /// Settles a request that leaves nothing to be carried out: one that only read, say. The next most
    /// common case, without an await. To be called after [`close_untouched`](Self::close_untouched); if
    /// it answers `None`, it is [`close`](Self::close)'s turn.
    pub fn close_at_once(&self, session: &Session) -> Option<Closing> {
        let mut desk = lock(session.desk());
        if desk.failure.is_some() || desk.state.asks_anything() {
            return None;
        }
        if desk.across.as_ref().is_some_and(|across| across.is_busy()) {
            return None;
        }
        let home = self.0.place(desk.home());
        let plan = engine::settle(&home.policy, &desk.state, self.0.clock.now());
        let idle = (None, Step::Nothing, CookieStep::Nothing);
        ((plan.end, plan.store, plan.cookie) == idle).then(|| desk.leave(plan))
    }

    /// Whether this manager has opened `session`.
    pub fn opened(&self, session: &Session) -> bool {
        Arc::ptr_eq(&self.0, session.shared())
    }

    /// Settles a request: carries out what its handler did to the session. `failed` says that the
    /// answer has a 5xx status. To be called once, when the head of the response is ready.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] if the session ended meanwhile and the request had written something
    /// (answer 409); otherwise the store failed (answer 503). Nothing was written in place of what is
    /// missing, and the response of the handler must not be sent; the one that is gets the
    /// [`parting_cookie`](Self::parting_cookie).
    pub async fn close(&self, session: &Session, failed: bool) -> Result<Closing> {
        if self.close_untouched(session) {
            let summary = Summary {
                reads: 0,
                commits: 0,
                saved: None,
                plan: None,
            };
            return Ok(Closing {
                set_cookie: None,
                accessed: false,
                summary,
            });
        }
        let desk = session.desk();
        let failure = {
            let mut desk = lock(desk);
            let failure = desk.failure.take();
            if failure.is_some() || (failed && !self.0.keep_on_server_error) {
                // What was ended is ended either way.
                desk.state.discard();
            }
            failure
        };
        let plan = self.0.perform(desk).await?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        Ok(lock(desk).leave(plan))
    }
}

impl Desk {
    fn leave(&mut self, plan: Plan) -> Closing {
        self.left = true;
        Closing {
            set_cookie: self.set_cookie.take(),
            accessed: self.state.accessed,
            summary: Summary {
                reads: self.reads,
                commits: self.commits,
                saved: self.saved,
                plan: Some(plan),
            },
        }
    }
}

impl Manager {
    /// The cookie to send with the answer that says that closing failed: an earlier
    /// [`save`](Session::save) had given the session an id of which the browser does not know yet, or
    /// the browser holds one that has been over since before the request.
    pub fn parting_cookie(&self, session: &Session) -> Option<Zeroizing<String>> {
        let mut desk = lock(session.desk());
        desk.left = true;
        desk.set_cookie.take()
    }
}

impl Shared {
    /// Carries out what is pending. What could not be carried out stays pending.
    pub(crate) async fn perform(&self, desk: &Mutex<Desk>) -> Result<Plan> {
        if lock(desk).state.unreadable {
            return Err(unreadable());
        }
        if self.is_one_of_many() {
            // Apart, since it is large, and few applications ever come here.
            return Box::pin(self.perform_across(desk)).await;
        }
        if lock(desk).ended_claim.is_some() {
            Box::pin(self.part_alone(desk)).await?;
        }
        for _ in 0..ROUNDS {
            if let Some(plan) = self.perform_once(desk, false).await? {
                return Ok(plan);
            }
            // Another task of this request gave the session a new id, or another request changed what is
            // to be renewed: what is left is looked at anew.
        }
        let context = "too many requests change the session at once";
        Err(Error::new(ErrorKind::Contended, "commit", context))
    }

    /// Carries out what is pending, of a session that lives here; nothing if it has to be looked at anew.
    pub(super) async fn perform_once(
        &self,
        desk: &Mutex<Desk>,
        guarded: bool,
    ) -> Result<Option<Plan>> {
        let now = self.clock.now();
        let mut work = self.work(desk, now).await?;
        work.guarded = guarded;
        let Place::Store(store) = &self.place else {
            // Apart, since it is large, and sessions in a store never come here.
            return Box::pin(self.perform_in_cookie(desk, work, now))
                .await
                .map(Some);
        };
        let outcome = match (work.plan.end, work.plan.store) {
            (None, Step::Nothing) => Outcome::SameId,
            // Apart, since it is large, and most requests never come here.
            _ => Box::pin(self.carry_out(&**store, &mut work, now)).await?,
        };
        let settled = self.settle(desk, &**store, &work, outcome, now).await?;
        Ok(settled.then_some(work.plan))
    }

    /// Nothing is kept before the answer leaves, so all of it stays pending until then.
    async fn perform_in_cookie(
        &self,
        desk: &Mutex<Desk>,
        work: Work,
        now: Timestamp,
    ) -> Result<Plan> {
        if work.plan.store == Step::Refuse {
            return Err(gone());
        }
        let cookie = match work.plan.cookie {
            CookieStep::Seal => {
                let (meta, cookie) = self.sealed_cookie(work.base.as_ref(), &work.asked, now)?;
                self.enter(&work, &meta, now).await?;
                Some(cookie)
            }
            CookieStep::Remove => Some(self.removal()),
            CookieStep::Nothing | CookieStep::Set => None,
        };
        self.sign_out(&work, now).await?;
        lock(desk).set_cookie = cookie;
        Ok(work.plan)
    }

    async fn carry_out(
        &self,
        store: &dyn DynStore,
        work: &mut Work,
        now: Timestamp,
    ) -> Result<Outcome> {
        if let Some(Parted::Stored { key, known }) = work.plan.end {
            let farewell = known.then(|| self.farewell(Ending::SignedOut, now));
            store.delete(&key, farewell.as_ref(), now).await?;
        }
        match work.plan.store {
            Step::Nothing => Ok(Outcome::SameId),
            Step::Touch(deadline) => {
                self.touch(store, work, deadline, now).await;
                Ok(Outcome::SameId)
            }
            Step::Create => self.create(store, work, now).await.map(Outcome::Renamed),
            Step::Commit => self.commit(store, work, now).await,
            Step::Refuse => Ok(Outcome::Gone),
            Step::Rotate => self.rotate(store, work, now).await,
        }
    }

    /// Takes note of what was carried out. While it was under way, another task of the request may have
    /// ended the session or given it a new id; answers whether everything has found its place.
    async fn settle(
        &self,
        desk: &Mutex<Desk>,
        store: &dyn DynStore,
        work: &Work,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<bool> {
        let unwanted = {
            let mut desk = lock(desk);
            let desk = &mut *desk;
            let in_place = match &work.credential {
                Some(credential) => desk.state.is_at(&credential.key),
                None => matches!(desk.state.known, Known::Ended(_) | Known::Nobody),
            };
            let current = desk.state.is_asked(&work.asked);
            match outcome {
                Outcome::Gone if in_place => {
                    if work.credential.is_some() && !work.frozen && desk.is_new_to_it() {
                        // It may have been over for long. Without this the next write would fail as well.
                        desk.set_cookie = Some(self.removal());
                    }
                    return Err(self.ended(desk, work.ending));
                }
                Outcome::Gone if current => return Ok(false),
                Outcome::Gone => return Err(gone()),
                Outcome::Overtaken => {
                    if let (true, Some(credential)) = (in_place, &work.credential) {
                        desk.state.known = Known::Unread(credential.clone());
                    }
                    return Ok(false);
                }
                Outcome::Over => {
                    desk.state.done(&work.asked);
                    if in_place {
                        desk.state.known = Known::Ended(work.ending);
                    }
                    return Ok(true);
                }
                Outcome::SameId => {
                    desk.state.done(&work.asked);
                    if current || work.plan.cookie == CookieStep::Remove {
                        let cookie = self.same_cookie(work, now);
                        if cookie.is_some() {
                            desk.set_cookie = cookie;
                        }
                    }
                    if let (true, Step::Commit, Some(credential)) =
                        (in_place, work.plan.store, &work.credential)
                    {
                        // What was read is out of date.
                        desk.state.known = Known::Unread(credential.clone());
                    }
                    return Ok(true);
                }
                // Moved, it is the session whoever else moved it meanwhile; made anew, it is one of two.
                Outcome::Renamed(new) if current && (!new.created || (in_place && !desk.left)) => {
                    desk.state.done(&work.asked);
                    desk.set_cookie = Some(new.cookie);
                    desk.state.known = Known::Unread(new.credential);
                    return if desk.left { Err(left()) } else { Ok(true) };
                }
                Outcome::Renamed(new) => new,
            }
        };
        store.delete(&unwanted.credential.key, None, now).await?;
        let mut desk = lock(desk);
        if !desk.state.is_asked(&work.asked) {
            desk.state.done(&work.asked);
            return match desk.state.known {
                // It was over by somebody else's doing, and what was to begin anew was dropped with it.
                Known::Ended(_) => Err(gone()),
                _ => Ok(true),
            };
        }
        if desk.left { Err(left()) } else { Ok(false) }
    }

    /// The plan and what it needs. A cookie's lifetime depends on the record, so that is read first.
    async fn work(&self, desk: &Mutex<Desk>, now: Timestamp) -> Result<Work> {
        loop {
            let unread = {
                let mut desk = lock(desk);
                let state = &mut desk.state;
                let plan = engine::settle(&self.policy, state, now);
                match &state.known {
                    Known::Unread(credential) if plan.cookie == CookieStep::Set => {
                        Some(credential.clone())
                    }
                    Known::Unvouched(_) if plan.cookie != CookieStep::Nothing => None,
                    _ => {
                        state.sent |=
                            matches!(plan.store, Step::Commit | Step::Create | Step::Rotate);
                        return Ok(Work::of(state, plan));
                    }
                }
            };
            let Some(unread) = unread else {
                Box::pin(self.vouch(desk)).await?;
                let mut desk = lock(desk);
                // Signing in rests on fresh credentials, and begins a session in any case.
                if let (Known::Ended(ending), false) =
                    (&desk.state.known, desk.state.fate == Fate::SignIn)
                {
                    let ending = *ending;
                    return Err(self.ended(&mut desk, ending));
                }
                continue;
            };
            let known = self.load(unread.clone()).await?;
            lock(desk).learn(&unread, known);
        }
    }

    /// Asks whether the sign-in of a sealed cookie still stands.
    pub(crate) async fn vouch(&self, desk: &Mutex<Desk>) -> Result<()> {
        let asked = match &lock(desk).state.known {
            Known::Unvouched(live) => live
                .meta
                .subject
                .clone()
                .map(|subject| (subject, live.meta.handle)),
            _ => return Ok(()),
        };
        let ending = match &asked {
            Some((subject, handle)) => self.ending_of(subject, handle).await?,
            None => None,
        };
        let mut desk = lock(desk);
        desk.reads += 1;
        // Another task of the same request may have been faster.
        desk.state.known = match std::mem::replace(&mut desk.state.known, Known::Nobody) {
            Known::Unvouched(live) => match ending {
                Some(ending) => self.over(ending),
                None => Known::Live(None, live),
            },
            known => known,
        };
        desk.state.rebase();
        Ok(())
    }

    /// Enters a sign-in of a sealed cookie, or what changed about it.
    async fn enter(&self, work: &Work, meta: &Meta, now: Timestamp) -> Result<()> {
        let (Place::Cookie(Some(register)), Some(subject)) = (&self.place, &meta.subject) else {
            return Ok(());
        };
        let Asked { edit, .. } = &work.asked;
        let former = work.base.as_ref().map(|(meta, _)| meta);
        if let (
            Some(_),
            Some(Meta {
                subject: Some(old),
                handle,
                ..
            }),
        ) = (edit.handle, former)
            && edit.handle != Some(*handle)
        {
            register.sign_out(old, handle, now).await?;
        }
        let changed = edit.handle.is_some() || edit.absolute_deadline.is_some();
        if (changed || edit.device.is_some()) && !register.enter(subject, meta, now).await? {
            return Err(gone());
        }
        Ok(())
    }

    /// Ends the sign-in of a sealed cookie.
    async fn sign_out(&self, work: &Work, now: Timestamp) -> Result<()> {
        if let (Place::Cookie(Some(register)), Some((subject, handle))) =
            (&self.place, &work.signed_out)
        {
            register.sign_out(subject, handle, now).await?;
        }
        Ok(())
    }

    /// Who only read gets the answer, even if the use of the session cannot be written down.
    async fn touch(&self, store: &dyn DynStore, work: &Work, deadline: Timestamp, now: Timestamp) {
        let Some(credential) = &work.credential else {
            return;
        };
        let touched = if work.guarded {
            // As a change, so that whoever moves the session takes the new deadline along.
            let change = self.change(Delta::default(), MetaEdit::default(), now);
            let committed = store.commit(&credential.key, &change, work.expect(), now);
            gone_is_an_answer(committed.await).map(drop)
        } else {
            store.touch(&credential.key, deadline, now).await.map(drop)
        };
        if let Err(error) = touched {
            tracing::warn!(%error, key = ?credential.key, "the use of a session could not be written down");
        }
    }

    async fn create(&self, store: &dyn DynStore, work: &Work, now: Timestamp) -> Result<Renamed> {
        let mut id = SessionId::generate()?;
        let handle = id.handle();
        let meta = engine::first_meta(&self.policy, &work.asked.edit, handle, now);
        // Who signs in on a snapshot takes along what it holds.
        let entries = match &work.base {
            Some((_, entries)) if work.frozen => entries.clone(),
            _ => Entries::default(),
        };
        for _ in 0..DRAWS {
            let credential = self.credential(id, &meta);
            let record =
                self.sealer
                    .record(&credential.key, &meta, &entries, &work.asked.delta, now)?;
            if store.create(&credential.key, &record, now).await? == Created::Yes {
                let cookie = self.token_cookie(&credential, &meta, now);
                return Ok(Renamed {
                    credential,
                    cookie,
                    created: true,
                });
            }
            id = SessionId::generate()?;
        }
        Err(every_id_taken("create"))
    }

    async fn commit(
        &self,
        store: &dyn DynStore,
        work: &mut Work,
        now: Timestamp,
    ) -> Result<Outcome> {
        let Some(credential) = &work.credential else {
            return Ok(Outcome::Gone);
        };
        let change = self.change(work.asked.delta.clone(), work.asked.edit.clone(), now);
        let committed = store.commit(&credential.key, &change, work.expect(), now);
        match gone_is_an_answer(committed.await)? {
            Committed::Yes(_) => Ok(Outcome::SameId),
            Committed::Gone | Committed::Stale(_) if work.guarded && !work.frozen => {
                Ok(Outcome::Overtaken)
            }
            Committed::Gone => {
                // A snapshot tells that the visitor signed in a moment ago: the browser has a newer
                // cookie than the one that was sent here, and it must not be taken away.
                match self.load(credential.clone()).await? {
                    Known::Live(_, live) => work.frozen = live.frozen,
                    Known::Ended(ending) => work.ending = ending,
                    Known::Nobody | Known::Unopened(_) | Known::Unread(_) | Known::Unvouched(_) => {
                    }
                }
                Ok(Outcome::Gone)
            }
            Committed::KeyTaken | Committed::Stale(_) => Err(breach("commit")),
        }
    }

    async fn rotate(
        &self,
        store: &dyn DynStore,
        work: &mut Work,
        now: Timestamp,
    ) -> Result<Outcome> {
        let (Some(old), Some((meta, _))) = (&work.credential, &work.base) else {
            return Ok(Outcome::Gone);
        };
        let mut meta = meta.clone();
        work.asked.edit.apply(&mut meta);
        let until = now.after(self.grace);
        let leave = match work.asked.fate {
            Fate::SignIn | Fate::RenewApart => Leave::Snapshot(until),
            Fate::Elevate | Fate::Keep | Fate::Renew => Leave::Alias(until),
        };
        // Whoever renews moves what lies under the id that was presented. An elevation that came first
        // has moved it on, and the new id of a mere renewal must not reach what that one was given.
        let expect = match (work.asked.fate, work.version) {
            (Fate::Renew, Some(version)) => Expect::Version(version),
            _ => work.expect(),
        };
        let mut edit = work.asked.edit.clone();
        if meta
            .mark
            .as_ref()
            .is_some_and(|mark| mark.side != Side::Claimed)
        {
            // Its other self has the id that is given up.
            edit.mark = Some(None);
        }
        let change = self.change(work.asked.delta.clone(), edit, now);
        for _ in 0..DRAWS {
            let new = self.credential(SessionId::generate()?, &meta);
            let rotated = store
                .rotate(&old.key, &new.key, &change, expect, leave, now)
                .await;
            match gone_is_an_answer(rotated)? {
                Committed::Yes(_) => {
                    if let Some(mark) = &meta.mark
                        && mark.side == Side::Claimed
                        && let Some(name) = mark.twin()
                        && let Err(error) =
                            Box::pin(self.follow_renewal(name.as_bytes(), &old.id, &new, now)).await
                    {
                        tracing::warn!(%error, "the cookie that a session came out of counts as ended soon");
                    }
                    let cookie = self.token_cookie(&new, &meta, now);
                    return Ok(Outcome::Renamed(Renamed {
                        credential: new,
                        cookie,
                        created: false,
                    }));
                }
                Committed::KeyTaken => {}
                Committed::Gone if work.guarded && !work.frozen => return Ok(Outcome::Overtaken),
                Committed::Gone => return self.nothing_to_move(store, work, now).await,
                Committed::Stale(_) if expect != Expect::Any => return Ok(Outcome::Overtaken),
                Committed::Stale(_) => return Err(breach("rotate")),
            }
        }
        Err(every_id_taken("rotate"))
    }

    /// Signing in begins a session, since it rests on fresh credentials. If another sign-in came first
    /// it left a snapshot, and what the visitor had typed is in there. Anybody else came too late.
    async fn nothing_to_move(
        &self,
        store: &dyn DynStore,
        work: &mut Work,
        now: Timestamp,
    ) -> Result<Outcome> {
        match (work.asked.fate, &work.credential) {
            (Fate::SignIn, Some(credential)) => {
                (work.base, work.frozen) = match self.load(credential.clone()).await? {
                    Known::Live(_, live) if live.frozen => (Some((live.meta, live.entries)), true),
                    _ => (None, false),
                };
                self.create(store, work, now).await.map(Outcome::Renamed)
            }
            (Fate::Renew | Fate::RenewApart, _)
                if work.asked.delta.is_empty() && work.asked.edit.is_empty() =>
            {
                Ok(Outcome::Over)
            }
            _ => Ok(Outcome::Gone),
        }
    }

    /// Notes that the session ended under the request's hands; what it wrote is dropped.
    pub(crate) fn ended(&self, desk: &mut Desk, ending: Ending) -> Error {
        desk.state.over(ending);
        tracing::info!(%ending, "a session ended while a request was writing to it; the change was dropped");
        gone()
    }

    /// Once the response has left: drops what no browser would ever learn of, and answers whether there
    /// was anything of that kind. An end is carried out without a word to the browser.
    pub(crate) fn take_back_what_needs_a_cookie(&self, state: &mut State) -> bool {
        let plan = engine::settle(&self.policy, state, self.clock.now());
        let lives_in_it =
            matches!(self.place, Place::Cookie(_)) && plan.cookie != CookieStep::Nothing;
        let refused = lives_in_it || matches!(plan.store, Step::Create | Step::Rotate);
        if refused {
            state.discard();
        }
        refused
    }

    pub(crate) fn change(&self, delta: Delta, edit: MetaEdit, now: Timestamp) -> Change {
        Change {
            now,
            delta,
            edit,
            sealer: self.sealer.clone(),
            under: None,
        }
    }

    fn credential(&self, id: SessionId, meta: &Meta) -> Credential {
        Credential {
            key: self.naming.store_key(&id),
            id,
            until: meta.absolute_deadline,
            old_key: false,
        }
    }

    /// The cookie of a session that keeps its id.
    fn same_cookie(&self, work: &Work, now: Timestamp) -> Option<Zeroizing<String>> {
        match work.plan.cookie {
            CookieStep::Remove => Some(self.removal()),
            CookieStep::Set => {
                let ((meta, _), credential) = (work.base.as_ref()?, work.credential.as_ref()?);
                let mut meta = meta.clone();
                work.asked.edit.apply(&mut meta);
                Some(self.token_cookie(credential, &meta, now))
            }
            CookieStep::Nothing | CookieStep::Seal => None,
        }
    }
}

impl Work {
    /// What a change that names its own keys expects of the record.
    fn expect(&self) -> Expect {
        match self.version {
            Some(version) if self.guarded => Expect::Version(version),
            _ => Expect::Any,
        }
    }

    fn of(state: &State, plan: Plan) -> Self {
        let (credential, live) = match &state.known {
            Known::Live(credential, live) => (credential.clone(), Some(live)),
            Known::Unread(credential) => (Some(credential.clone()), None),
            Known::Ended(_) | Known::Nobody | Known::Unopened(_) | Known::Unvouched(_) => {
                (None, None)
            }
        };
        Self {
            plan,
            asked: state.asked(),
            credential,
            base: live.map(|live| (live.meta.clone(), live.entries.clone())),
            version: live.map(|live| live.version),
            frozen: live.is_some_and(|live| live.frozen),
            ending: Ending::Unknown,
            signed_out: state.signed_out.clone(),
            guarded: false,
        }
    }
}

/// A change finds out by itself that a session is over when its seal says so; a store by its deadline.
pub(crate) fn gone_is_an_answer(committed: Result<Committed>) -> Result<Committed> {
    match committed {
        Err(error) if error.kind() == ErrorKind::Gone => Ok(Committed::Gone),
        other => other,
    }
}

pub(crate) fn breach(operation: &'static str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        operation,
        "the store gave an answer that its contract does not know",
    )
}

pub(crate) fn gone() -> Error {
    Error::new(
        ErrorKind::Gone,
        "commit",
        "the session ended while the request was running",
    )
}

/// A new id of which the browser will never learn.
pub(crate) fn left() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "save",
        "the response has left, and its cookie with it; save before answering",
    )
}

fn every_id_taken(operation: &'static str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        operation,
        "the store says that every fresh id is taken",
    )
}
