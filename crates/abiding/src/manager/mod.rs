//! The manager: opens a session when a request begins and settles it when the response is ready.
//!
//! Called by the adapters. It alone awaits stores; what to do it asks the engine. A manager is cheap to
//! clone, and every clone is the same one.
//!
//! What happens at the edges, and is tested:
//!
//! | when | then |
//! |---|---|
//! | the handler answers 5xx | its changes are kept, or dropped with [`ManagerBuilder::discard_on_server_error`] |
//! | the handler panics, or the client goes away before it is done | nothing of the request is kept, except what `update` and `save` had committed |
//! | the client goes away during the commit | the whole change is in, or none of it |
//! | the body is streamed, or the connection upgraded | the session is settled when the head of the response is ready; later changes need [`Session::save`], which refuses what would need a cookie |
//! | the store fails | the request fails (503), also a reading one; a failed touch alone is only logged |
//! | the session ended while the request ran | what it wrote is dropped and the request fails (409); who only read gets the answer |
//! | another task of the request ends or renames the session during a `save` or `update` | that is what counts: nothing is written to what has ended, and a write follows the new id |

mod across;
mod build;
mod close;
mod closing;
mod cookies;
#[cfg_attr(not(feature = "flask"), path = "no_dialect.rs")]
mod dialect;
#[cfg(feature = "flask")]
mod flask;
mod open;
mod register;
mod subjects;
mod watch;

use std::{fmt, sync::Arc, time::Duration};

pub(crate) use across::Across;
pub use across::{Brought, Crossings, LeftBehind, Phase};
use across::{Counts, Other};
pub use build::{ClientSideBuilder, ManagerBuilder, Profile};
pub(crate) use close::{breach, gone, gone_is_an_answer, left};
pub use closing::{Closing, Summary};
#[cfg(feature = "flask")]
pub(crate) use dialect::dict_of;
pub(crate) use open::{Look, SEALED_COOKIE, unreadable};
pub(crate) use register::Register;
pub(crate) use subjects::Own;

use crate::{
    clock::{Clock, Timestamp},
    cookie::{self, CookieSpec, Presented},
    engine::{Known, Policy, State, Unopened},
    error::{Error, ErrorKind, Result},
    id::Naming,
    keyring::{Binding, Context, KeyRing},
    rejection::{Rejected, Rejection},
    session::{Info, Session},
    store::{
        Capabilities, DynBulk, DynStore, DynSubjects, DynSweep, DynWatch, Sealer, Store, Swept,
    },
};

/// Opens, keeps and ends the sessions of one application.
#[derive(Clone)]
pub struct Manager(pub(crate) Arc<Shared>);

/// What every session of a manager shares.
pub(crate) struct Shared {
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) policy: Policy,
    pub(crate) place: Place,
    pub(crate) dialect: dialect::Dialect,
    cookie: CookieSpec,
    pub(crate) ring: KeyRing,
    realm: Box<str>,
    naming: Naming,
    pub(crate) sealer: Sealer,
    token_binding: Binding,
    seal_context: Context,
    grace: Duration,
    keep_on_server_error: bool,
    bulk: Option<Arc<dyn DynBulk>>,
    sweep: Option<Arc<dyn DynSweep>>,
    subjects: Option<Arc<dyn DynSubjects>>,
    watch: Option<Arc<dyn DynWatch>>,
    rejected: Rejected,
    /// The other places where sessions may live.
    others: Box<[Other]>,
    counts: Counts,
}

/// Where sessions live.
pub(crate) enum Place {
    Cookie(Option<Register>),
    Store(Arc<dyn DynStore>),
}

impl Manager {
    /// A manager that keeps sessions in `store`, with the native profile until told otherwise.
    ///
    /// ```
    /// use abiding::{KeyRing, Manager, MemoryStore};
    ///
    /// let manager = Manager::builder(MemoryStore::new()).keys(KeyRing::generate()?).build()?;
    /// assert_eq!(manager.cookie().name(), "__Host-Http-sid");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder<S: Store>(store: S) -> ManagerBuilder<S> {
        ManagerBuilder::new(store)
    }

    /// A manager that keeps each session in its cookie, sealed: nothing to run, at most 4,096 bytes,
    /// the last of two concurrent writes wins, and a session cannot be ended from the server's side.
    pub fn client_side(keys: KeyRing) -> ClientSideBuilder {
        ClientSideBuilder::new(keys)
    }

    /// The session of a request with these `Cookie` headers. Looks for the cookie and does no more:
    /// nothing is verified, decoded or fetched before the handler looks at the session.
    pub fn open<'a>(&self, cookie_headers: impl IntoIterator<Item = &'a [u8]>) -> Session {
        if self.0.is_one_of_many() {
            let headers: Vec<_> = cookie_headers.into_iter().collect();
            let mut state = self.found(headers.iter().copied());
            let across = self.0.gather(&headers, &mut state);
            return Session::new(Arc::clone(&self.0), state, across);
        }
        let state = self.found(cookie_headers);
        Session::new(Arc::clone(&self.0), state, None)
    }

    fn found<'a>(&self, cookie_headers: impl IntoIterator<Item = &'a [u8]>) -> State {
        let refused = |reason| {
            self.0.rejected.count(reason);
            (Known::Nobody, Some(reason))
        };
        let (known, refused) = match cookie::find(cookie_headers, self.0.cookie.name()) {
            Presented::Value(value) => (Known::Unopened(Unopened(value.into())), None),
            Presented::Nothing => (Known::Nobody, None),
            Presented::Duplicate(first) if self.0.dialect.takes_the_first() => {
                (Known::Unopened(Unopened(first.into())), None)
            }
            Presented::Duplicate(_) => refused(Rejection::Duplicate),
            Presented::TooLarge => refused(Rejection::Malformed),
        };
        let mut state = State::new(known);
        state.ambiguous = refused == Some(Rejection::Duplicate);
        state.refused = refused;
        state
    }

    /// Removes up to `limit` sessions that ended by themselves. Call it now and then, from one task.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless the builder was told [`sweeping`](ManagerBuilder::sweeping).
    pub async fn sweep(&self, limit: usize) -> Result<Swept> {
        match &self.0.sweep {
            Some(store) => store.sweep(self.0.clock.now(), limit).await,
            None => Err(Error::new(
                ErrorKind::Unsupported,
                "sweep",
                "build the manager with `sweeping()`",
            )),
        }
    }

    /// The living sessions of a subject, the most recently seen first. One that cannot be opened is
    /// logged and left out, so that it does not hide the others.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless the builder was told [`subjects`](ManagerBuilder::subjects).
    pub async fn sessions_of(&self, subject: &str) -> Result<Vec<Info>> {
        self.0.sessions_of(subject).await
    }

    /// Ends every session of a subject, and answers how many there were. To spare the one that asks,
    /// use [`Session::end_others`].
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless the builder was told [`subjects`](ManagerBuilder::subjects).
    pub async fn end_subject(&self, subject: &str) -> Result<usize> {
        let nobody = Own::default();
        self.0.end_subject("end_subject", subject, &nobody).await
    }

    /// Ends one session of a subject, by the handle that [`sessions_of`](Self::sessions_of) shows.
    /// `false` if there is none (any more).
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless the builder was told [`subjects`](ManagerBuilder::subjects).
    pub async fn revoke(&self, subject: &str, handle: &str) -> Result<bool> {
        self.0.revoke(subject, handle).await
    }

    /// The cookie's name and attributes.
    pub fn cookie(&self) -> &CookieSpec {
        &self.0.cookie
    }

    /// What the store is; `None` if sessions live in their cookies.
    pub fn store(&self) -> Option<Capabilities> {
        match &self.0.place {
            Place::Cookie(_) => None,
            Place::Store(store) => Some(store.capabilities()),
        }
    }

    /// The ring that vouches for this manager's sessions.
    pub fn keys(&self) -> &KeyRing {
        &self.0.ring
    }

    /// The instant now, by the manager's clock.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// How many cookies were refused since the manager was built, by reason.
    pub fn rejections(&self) -> Vec<(Rejection, u64)> {
        Rejection::ALL
            .iter()
            .map(|&reason| (reason, self.0.rejected.of(reason)))
            .collect()
    }
}

impl Shared {
    /// What is bound to the cookie of this application, for that purpose, and to these parts besides.
    pub(crate) fn context(&self, purpose: &[u8], parts: &[&[u8]]) -> Context {
        let place: [&[u8]; 3] = [
            purpose,
            self.realm.as_bytes(),
            self.cookie.name().as_bytes(),
        ];
        Context::new(&[&place, parts].concat())
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager")
            .field("store", &self.store().map(|store| store.name))
            .field("realm", &self.0.realm)
            .field("policy", &self.0.policy)
            .field("cookie", &self.0.cookie)
            .field("ring", &self.0.ring)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}
