//! The way out: carries out the engine's plan and spells the cookie.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{Manager, Place, Shared, open::SEALED_COOKIE};
use crate::{
    clock::Timestamp,
    codec::{self, Entries, Meta},
    cookie::MAX_COOKIE,
    delta::Delta,
    engine::{self, CookieStep, Credential, Ending, Fate, Known, Plan, State, Step},
    error::{Error, ErrorKind, Result},
    id::{SessionId, random_bytes},
    keyring::Purpose,
    session::{Desk, Session, lock},
    store::{Change, Committed, Created, DynStore, Expect, Leave, MetaEdit},
};

/// How often a fresh id is drawn when a store says that one is taken: once is a wonder already.
const DRAWS: usize = 3;

/// What the adapter adds to the response.
#[derive(Debug)]
#[non_exhaustive]
pub struct Closing {
    /// The value of the one `Set-Cookie` header, if there is to be one.
    pub set_cookie: Option<Zeroizing<String>>,
    /// Whether the response depends on the session: it needs `Vary: Cookie` and must not be cached
    /// by others.
    pub accessed: bool,
    /// What was done: `read 1, store: commit, cookie: nothing`.
    pub summary: Summary,
}

/// A request's work, taken from its state so that no lock is held while it is carried out.
struct Work {
    plan: Plan,
    delta: Delta,
    edit: MetaEdit,
    fate: Fate,
    credential: Option<Credential>,
    /// What was read.
    base: Option<(Meta, Entries)>,
    /// Whether what was read is a snapshot.
    frozen: bool,
}

/// A session under a new id, and the cookie that tells the browser.
struct Renamed {
    credential: Credential,
    cookie: Zeroizing<String>,
}

impl Manager {
    /// Settles a request whose handler did not look at its session, and answers whether that was so:
    /// the common case, without an await. If not, it is [`close`](Self::close)'s turn.
    pub fn close_untouched(&self, session: &Session) -> bool {
        let mut desk = lock(session.desk());
        desk.closed = true;
        !desk.state.accessed && !desk.state.ambiguous
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
    /// missing, and the response of the handler must not be sent.
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
        {
            let mut desk = lock(desk);
            if let Some(failure) = desk.failure.take() {
                return Err(failure);
            }
            if failed && !self.0.keep_on_server_error {
                desk.state.discard();
            }
        }
        let plan = self.0.perform(desk).await?;
        let mut desk = lock(desk);
        Ok(Closing {
            set_cookie: desk.set_cookie.take(),
            accessed: desk.state.accessed,
            summary: Summary {
                reads: desk.reads,
                commits: desk.commits,
                saved: desk.saved,
                plan: Some(plan),
            },
        })
    }
}

impl Shared {
    /// Carries out what is pending. What could not be carried out stays pending.
    pub(crate) async fn perform(&self, desk: &Mutex<Desk>) -> Result<Plan> {
        let now = self.clock.now();
        let mut work = self.work(desk, now).await?;
        let Place::Store(store) = &self.place else {
            let cookie = match work.plan.cookie {
                CookieStep::Seal => Some(self.sealed_cookie(&work, now)?),
                CookieStep::Remove => Some(Zeroizing::new(self.cookie.remove())),
                CookieStep::Nothing | CookieStep::Set => None,
            };
            lock(desk).settled(&work.delta, cookie, None);
            return Ok(work.plan);
        };
        let store = &**store;
        if let Some(Ending::Stored(key)) = work.plan.end {
            store.delete(&key, now).await?;
        }
        let renamed = match work.plan.store {
            Step::Nothing => None,
            Step::Touch(deadline) => {
                self.touch(store, &work, deadline, now).await;
                None
            }
            Step::Create => Some(self.create(store, &work, now).await?),
            Step::Commit => {
                self.commit(desk, store, &work, now).await?;
                None
            }
            Step::Rotate => self.rotate(desk, store, &mut work, now).await?,
        };
        let (cookie, credential) = match renamed {
            Some(Renamed { credential, cookie }) => (Some(cookie), Some(credential)),
            None => (
                self.same_cookie(&work, now),
                work.credential.filter(|_| work.plan.store == Step::Commit),
            ),
        };
        lock(desk).settled(&work.delta, cookie, credential);
        Ok(work.plan)
    }

    /// The plan and what it needs. A cookie's lifetime depends on the record, so that is read first.
    async fn work(&self, desk: &Mutex<Desk>, now: Timestamp) -> Result<Work> {
        let unread = {
            let desk = lock(desk);
            let work = Work::of(&desk.state, engine::settle(&self.policy, &desk.state, now));
            match &desk.state.known {
                Known::Unread(credential) if work.plan.cookie == CookieStep::Set => {
                    credential.clone()
                }
                _ => return Ok(work),
            }
        };
        let known = self.load(unread).await?;
        let mut desk = lock(desk);
        desk.learn(known);
        Ok(Work::of(
            &desk.state,
            engine::settle(&self.policy, &desk.state, now),
        ))
    }

    /// Who only read gets the answer, even if the use of the session cannot be written down.
    async fn touch(&self, store: &dyn DynStore, work: &Work, deadline: Timestamp, now: Timestamp) {
        let Some(credential) = &work.credential else {
            return;
        };
        if let Err(error) = store.touch(&credential.key, deadline, now).await {
            tracing::warn!(%error, key = ?credential.key, "the use of a session could not be written down");
        }
    }

    async fn create(&self, store: &dyn DynStore, work: &Work, now: Timestamp) -> Result<Renamed> {
        let meta = engine::first_meta(&self.policy, &work.edit, random_bytes("create")?, now);
        // Who signs in on a snapshot takes along what it holds.
        let entries = match &work.base {
            Some((_, entries)) if work.frozen => entries.clone(),
            _ => Entries::default(),
        };
        for _ in 0..DRAWS {
            let credential = self.draw()?;
            let record = self
                .sealer
                .record(&credential.key, &meta, &entries, &work.delta, now)?;
            if store.create(&credential.key, &record, now).await? == Created::Yes {
                let cookie = self.token_cookie(&credential.id, &meta, now);
                return Ok(Renamed { credential, cookie });
            }
        }
        Err(every_id_taken("create"))
    }

    async fn commit(
        &self,
        desk: &Mutex<Desk>,
        store: &dyn DynStore,
        work: &Work,
        now: Timestamp,
    ) -> Result<()> {
        let Some(credential) = &work.credential else {
            return Err(self.ended(desk));
        };
        let change = self.change(work.delta.clone(), work.edit.clone(), now);
        match gone_is_an_answer(
            store
                .commit(&credential.key, &change, Expect::Any, now)
                .await,
        )? {
            Committed::Yes(_) => Ok(()),
            Committed::Gone => Err(self.ended(desk)),
            Committed::KeyTaken | Committed::Stale(_) => Err(breach("commit")),
        }
    }

    async fn rotate(
        &self,
        desk: &Mutex<Desk>,
        store: &dyn DynStore,
        work: &mut Work,
        now: Timestamp,
    ) -> Result<Option<Renamed>> {
        let (Some(old), Some((meta, _))) = (&work.credential, &work.base) else {
            return Err(self.ended(desk));
        };
        let mut meta = meta.clone();
        work.edit.apply(&mut meta);
        let until = now.after(self.grace);
        let leave = if work.fate == Fate::SignIn {
            Leave::Snapshot(until)
        } else {
            Leave::Alias(until)
        };
        let change = self.change(work.delta.clone(), work.edit.clone(), now);
        for _ in 0..DRAWS {
            let new = self.draw()?;
            let rotated = store
                .rotate(&old.key, &new.key, &change, Expect::Any, leave, now)
                .await;
            match gone_is_an_answer(rotated)? {
                Committed::Yes(_) => {
                    let cookie = self.token_cookie(&new.id, &meta, now);
                    return Ok(Some(Renamed {
                        credential: new,
                        cookie,
                    }));
                }
                Committed::KeyTaken => {}
                Committed::Gone => return self.nothing_to_move(desk, store, work, now).await,
                Committed::Stale(_) => return Err(breach("rotate")),
            }
        }
        Err(every_id_taken("rotate"))
    }

    /// Signing in begins a session, since it rests on fresh credentials. If another sign-in came first
    /// it left a snapshot, and what the visitor had typed is in there. Anybody else came too late.
    async fn nothing_to_move(
        &self,
        desk: &Mutex<Desk>,
        store: &dyn DynStore,
        work: &mut Work,
        now: Timestamp,
    ) -> Result<Option<Renamed>> {
        match work.fate {
            Fate::SignIn => {
                let Some(credential) = work.credential.clone() else {
                    return Err(self.ended(desk));
                };
                (work.base, work.frozen) = match self.load(credential).await? {
                    Known::Live(_, live) if live.frozen => (Some((live.meta, live.entries)), true),
                    _ => (None, false),
                };
                self.create(store, work, now).await.map(Some)
            }
            Fate::Renew if work.delta.is_empty() && work.edit.is_empty() => Ok(None),
            Fate::Elevate | Fate::Keep | Fate::Renew => Err(self.ended(desk)),
        }
    }

    /// Notes that the session ended under the request's hands; what it wrote is dropped.
    pub(crate) fn ended(&self, desk: &Mutex<Desk>) -> Error {
        let mut desk = lock(desk);
        desk.state.discard();
        desk.state.known = Known::Ended;
        tracing::info!("a session ended while a request was writing to it; the change was dropped");
        Error::new(
            ErrorKind::Gone,
            "commit",
            "the session ended while the request was running",
        )
    }

    pub(crate) fn change(&self, delta: Delta, edit: MetaEdit, now: Timestamp) -> Change {
        Change {
            now,
            delta,
            edit,
            sealer: self.sealer.clone(),
        }
    }

    fn draw(&self) -> Result<Credential> {
        let id = SessionId::generate()?;
        Ok(Credential {
            key: self.naming.store_key(&id),
            id,
            old_key: false,
        })
    }

    /// The cookie of a session that keeps its id.
    fn same_cookie(&self, work: &Work, now: Timestamp) -> Option<Zeroizing<String>> {
        match work.plan.cookie {
            CookieStep::Remove => Some(Zeroizing::new(self.cookie.remove())),
            CookieStep::Set => {
                let ((meta, _), credential) = (work.base.as_ref()?, work.credential.as_ref()?);
                let mut meta = meta.clone();
                work.edit.apply(&mut meta);
                Some(self.token_cookie(&credential.id, &meta, now))
            }
            CookieStep::Nothing | CookieStep::Seal => None,
        }
    }

    fn token_cookie(&self, id: &SessionId, meta: &Meta, now: Timestamp) -> Zeroizing<String> {
        let token = self.ring.token(&self.token_context, id, now);
        Zeroizing::new(self.cookie.set(&token, engine::max_age(meta, now)))
    }

    fn sealed_cookie(&self, work: &Work, now: Timestamp) -> Result<Zeroizing<String>> {
        let (meta, entries) = match &work.base {
            Some((meta, entries)) => {
                let mut meta = meta.clone();
                work.edit.apply(&mut meta);
                (meta, entries.clone())
            }
            None => {
                let handle = random_bytes("create")?;
                (
                    engine::first_meta(&self.policy, &work.edit, handle, now),
                    Entries::default(),
                )
            }
        };
        let mut prefix = vec![SEALED_COOKIE];
        prefix.extend_from_slice(&now.as_millis().to_le_bytes());
        prefix.extend_from_slice(&meta.idle_deadline(now).as_millis().to_le_bytes());
        let text = Zeroizing::new(codec::encode(&prefix, &meta, &entries, &work.delta));
        let sealed = self
            .ring
            .seal(Purpose::Cookie, &self.seal_context, 1, &text, now)?;
        let value = Zeroizing::new(URL_SAFE_NO_PAD.encode(sealed));
        let bytes = self.cookie.name().len() + value.len();
        if bytes > MAX_COOKIE {
            let context =
                format!("the cookie would have {bytes} bytes; browsers keep {MAX_COOKIE}");
            return Err(Error::new(ErrorKind::TooLarge, "seal", context));
        }
        Ok(Zeroizing::new(
            self.cookie.set(&value, engine::max_age(&meta, now)),
        ))
    }
}

impl Work {
    fn of(state: &State, plan: Plan) -> Self {
        let (credential, base, frozen) = match &state.known {
            Known::Live(credential, live) => (
                credential.clone(),
                Some((live.meta.clone(), live.entries.clone())),
                live.frozen,
            ),
            Known::Unread(credential) => (Some(credential.clone()), None, false),
            Known::Ended | Known::Nobody | Known::Unopened(_) => (None, None, false),
        };
        let (delta, edit) = (state.delta.clone(), state.edit.clone());
        Self {
            plan,
            delta,
            edit,
            fate: state.fate,
            credential,
            base,
            frozen,
        }
    }
}

/// What a request did to its session, in words. Holds no secret.
#[derive(Clone, Debug)]
pub struct Summary {
    reads: u32,
    commits: u32,
    saved: Option<Plan>,
    plan: Option<Plan>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(plan) = &self.plan else {
            return f.write_str("untouched");
        };
        match (self.reads, self.commits) {
            (0, 0) => {}
            (reads, 0) => write!(f, "read {reads}, ")?,
            (reads, commits) => write!(f, "read {reads}, updated {commits}, ")?,
        }
        if let Some(saved) = &self.saved {
            write!(f, "saved early ({saved}), ")?;
        }
        write!(f, "{plan}")
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

fn every_id_taken(operation: &'static str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        operation,
        "the store says that every fresh id is taken",
    )
}
