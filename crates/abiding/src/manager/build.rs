//! Building a manager: a profile to begin with, refinements, and one check that refuses what cannot work.

use std::{sync::Arc, time::Duration};

use super::{
    Manager, Phase, Place, Register, Shared,
    across::{Counts, Other},
    dialect::Dialect,
};
use crate::{
    clock::{Clock, SystemClock},
    cookie::CookieSpec,
    engine::{Mode, Policy},
    error::ConfigError,
    expiry::Expiry,
    id::Naming,
    keyring::{Binding, Context, KeyRing},
    notes::Notes,
    rejection::Rejected,
    store::{
        Bulk, DynBulk, DynStore, DynSubjects, DynSweep, DynWatch, SIZE_LIMIT, Sealer, Store,
        Subjects, Sweep, Watch,
    },
};

/// How long an old id leads to its session after a renewal: as long as parallel requests may be under way.
const GRACE: Duration = Duration::from_secs(30);

const MISSING: ConfigError = ConfigError::Key {
    problem: "is missing",
    remedy: "give the manager a `KeyRing`; a key that is made anew at each start logs everybody out",
};

const MISMATCH: ConfigError = ConfigError::Key {
    problem: "and the store do not go together",
    remedy: "give the manager `flask_session(..)` exactly where the store has the layout of Flask-Session",
};

/// Settings that belong together. A profile is data: print it, compare it, override any part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub(super) cookie: CookieSpec,
    pub(super) expiry: Expiry,
    pub(super) grace: Duration,
}

impl Profile {
    /// For production, behind TLS: a `__Host-` cookie, idle 30 min, absolute 12 h.
    ///
    /// # Errors
    /// None with the built-in name; the signature is that of the other constructors.
    pub fn native() -> Result<Self, ConfigError> {
        Ok(Self {
            cookie: CookieSpec::host("sid")?,
            expiry: Expiry::new(),
            grace: GRACE,
        })
    }

    /// For plain http on this machine: the same without `Secure` and without the prefix that requires it.
    ///
    /// # Errors
    /// None with the built-in name; the signature is that of the other constructors.
    pub fn development() -> Result<Self, ConfigError> {
        Ok(Self {
            cookie: CookieSpec::danger_insecure("sid")?,
            ..Self::native()?
        })
    }
}

/// Everything but the place where sessions live.
#[derive(Debug)]
pub(super) struct Settings {
    keys: Option<KeyRing>,
    pub(super) dialect: Dialect,
    pub(super) profile: Result<Profile, ConfigError>,
    cookie: Option<CookieSpec>,
    expiry: Option<Expiry>,
    realm: String,
    clock: Box<dyn Clock>,
    pub(super) size_limit: usize,
    keep_on_server_error: bool,
    others: Vec<(Manager, Phase)>,
}

impl Settings {
    fn new(keys: Option<KeyRing>) -> Self {
        Self {
            keys,
            dialect: Dialect::default(),
            profile: Profile::native(),
            cookie: None,
            expiry: None,
            realm: "default".into(),
            clock: Box::new(SystemClock),
            size_limit: SIZE_LIMIT,
            keep_on_server_error: true,
            others: Vec::new(),
        }
    }

    fn build(
        self,
        place: Place,
        Powers {
            bulk,
            sweep,
            subjects,
            watch,
        }: Powers,
    ) -> Result<Manager, ConfigError> {
        let profile = self.profile?;
        let cookie = self.cookie.unwrap_or(profile.cookie);
        let expiry = self.expiry.unwrap_or(profile.expiry);
        self.dialect.check()?;
        expiry.check()?;
        let (mode, seals) = match &place {
            Place::Cookie(_) => (Mode::ClientSide, true),
            Place::Store(store) => {
                let store = store.capabilities();
                if store.legible != self.dialect.names_by_sid() {
                    return Err(MISMATCH);
                }
                (Mode::ServerSide, !store.in_process && !store.legible)
            }
        };
        let ring = match self.keys.or_else(|| self.dialect.ring()) {
            None if self.dialect.names_by_sid() => KeyRing::generate().ok(),
            ring => ring,
        };
        let ring = ring.ok_or(MISSING)?;
        let mut policy = Policy {
            mode,
            expiry,
            persistent: false,
            cookie_slides: false,
        };
        self.dialect.adapt(&mut policy);
        let context = |purpose: &[u8]| {
            Context::new(&[purpose, self.realm.as_bytes(), cookie.name().as_bytes()])
        };
        let mut shared = Shared {
            clock: self.clock,
            policy,
            place,
            naming: Naming::new(&self.realm, self.dialect.sids()),
            dialect: self.dialect,
            ring: ring.clone(),
            sealer: Sealer::new(&self.realm, ring, seals, self.size_limit),
            token_binding: Binding::new(&context(b"token")),
            seal_context: context(b"cookie"),
            realm: self.realm.into(),
            cookie,
            grace: profile.grace,
            keep_on_server_error: self.keep_on_server_error,
            bulk,
            sweep,
            subjects,
            watch,
            rejected: Rejected::default(),
            others: Box::default(),
            counts: Counts::default(),
        };
        let mut others: Vec<Other> = Vec::with_capacity(self.others.len());
        for (other, phase) in self.others {
            let known = others.iter().map(|other| &*other.shared);
            let mut known = std::iter::once(&shared).chain(known);
            let first = known.position(|place| place.shares_cookies_with(&other.0));
            others.push(Other {
                first: first.unwrap_or(others.len() + 1),
                shared: other.0,
                phase,
            });
        }
        shared.others = others.into();
        Ok(Manager(Arc::new(shared)))
    }
}

/// The settings that both kinds of manager have.
macro_rules! shared_settings {
    () => {
        /// The profile to begin with; [`Profile::native`] otherwise.
        pub fn profile(mut self, profile: Result<Profile, ConfigError>) -> Self {
            self.settings.profile = profile;
            self
        }

        /// The cookie's name and attributes, instead of the profile's.
        pub fn cookie(mut self, cookie: CookieSpec) -> Self {
            self.settings.cookie = Some(cookie);
            self
        }

        /// The lifetimes that a session begins with, instead of the profile's.
        pub fn expiry(mut self, expiry: Expiry) -> Self {
            self.settings.expiry = Some(expiry);
            self
        }

        /// The name of this application: two with different realms may share a store and a key without
        /// ever accepting each other's sessions. A changed realm ends every session.
        pub fn realm(mut self, realm: &str) -> Self {
            self.settings.realm = realm.into();
            self
        }

        /// Another clock than the system's: for tests.
        pub fn clock(mut self, clock: impl Clock) -> Self {
            self.settings.clock = Box::new(clock);
            self
        }

        /// Another place where sessions may live, and what becomes of those that do: what it takes to change
        /// stores, cookies or frameworks and keep everybody signed in. A place is a whole manager, built as
        /// it was when it was the only one. Any number of them; the order is that in which they are asked.
        ///
        /// ```
        /// use abiding::{KeyRing, Manager, MemoryStore, Phase};
        ///
        /// let keys = KeyRing::generate()?;
        /// let old = Manager::client_side(keys.clone()).irrevocable().build()?;
        /// let manager = Manager::builder(MemoryStore::new())
        ///     .keys(keys)
        ///     .elsewhere(old, Phase::Move)
        ///     .build()?;
        /// assert_eq!(manager.crossings().moved, 0);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        pub fn elsewhere(mut self, place: Manager, phase: Phase) -> Self {
            self.settings.others.push((place, phase));
            self
        }

        /// Drops the changes of a request that is answered with a 5xx status, instead of keeping them.
        /// A logout is carried out either way.
        pub fn discard_on_server_error(mut self) -> Self {
            self.settings.keep_on_server_error = false;
            self
        }
    };
}

/// Builds a [`Manager`] that keeps sessions in a store.
#[must_use = "a builder does nothing before `build`"]
pub struct ManagerBuilder<S> {
    store: Arc<S>,
    pub(super) settings: Settings,
    powers: Powers,
}

/// The optional powers of the store that the manager may use.
#[derive(Default)]
struct Powers {
    bulk: Option<Arc<dyn DynBulk>>,
    sweep: Option<Arc<dyn DynSweep>>,
    subjects: Option<Arc<dyn DynSubjects>>,
    watch: Option<Arc<dyn DynWatch>>,
}

impl<S: Store> ManagerBuilder<S> {
    pub(super) fn new(store: S) -> Self {
        Self {
            store: Arc::new(store),
            settings: Settings::new(None),
            powers: Powers::default(),
        }
    }

    shared_settings!();

    /// The keys that vouch for sessions. Every process of the application needs the same ones.
    pub fn keys(mut self, keys: KeyRing) -> Self {
        self.settings.keys = Some(keys);
        self
    }

    /// The most bytes of keys and values in one session: 64 KiB otherwise.
    pub fn size_limit(mut self, bytes: usize) -> Self {
        self.settings.size_limit = bytes;
        self
    }

    /// Lets [`Manager::bring_all`] write many sessions at once.
    pub fn bulk(mut self) -> Self
    where
        S: Bulk,
    {
        self.powers.bulk = Some(Arc::clone(&self.store) as _);
        self
    }

    /// Lets [`Manager::sweep`] remove what ended by itself.
    pub fn sweeping(mut self) -> Self
    where
        S: Sweep,
    {
        self.powers.sweep = Some(Arc::clone(&self.store) as _);
        self
    }

    /// Lets [`Manager::sessions_of`] and [`Manager::end_subject`] find the sessions of a subject.
    pub fn subjects(mut self) -> Self
    where
        S: Subjects,
    {
        self.powers.subjects = Some(Arc::clone(&self.store) as _);
        self
    }

    /// Lets [`Session::until_over`](crate::Session::until_over) wait for the end of a session.
    pub fn watching(mut self) -> Self
    where
        S: Watch,
    {
        self.powers.watch = Some(Arc::clone(&self.store) as _);
        self
    }

    /// The manager.
    ///
    /// # Errors
    /// [`ConfigError`] for settings that cannot work, with the remedy.
    pub fn build(self) -> Result<Manager, ConfigError> {
        let store: Arc<dyn DynStore> = self.store;
        self.settings.build(Place::Store(store), self.powers)
    }
}

impl<S> std::fmt::Debug for ManagerBuilder<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManagerBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Builds a [`Manager`] that keeps each session in its cookie.
#[derive(Debug)]
#[must_use = "a builder does nothing before `build`"]
pub struct ClientSideBuilder {
    settings: Settings,
    irrevocable: bool,
    sign_ins: Option<Revocations>,
}

/// Where the sign-ins of sealed cookies are entered.
struct Revocations {
    store: Arc<dyn DynStore>,
    sweep: Arc<dyn DynSweep>,
}

impl std::fmt::Debug for Revocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.store.capabilities().name)
    }
}

impl ClientSideBuilder {
    pub(super) fn new(keys: KeyRing) -> Self {
        Self::with(Settings::new(Some(keys)))
    }

    #[cfg(feature = "flask")]
    pub(super) fn speaking(dialect: Dialect, profile: Result<Profile, ConfigError>) -> Self {
        Self::with(Settings {
            dialect,
            profile,
            ..Settings::new(None)
        })
    }

    fn with(settings: Settings) -> Self {
        Self {
            settings,
            irrevocable: false,
            sign_ins: None,
        }
    }

    shared_settings!();

    /// Enters every sign-in in `store`, so that it can be ended: by a logout, by
    /// [`Manager::revoke`], [`Manager::end_subject`] and their like, which all work then. A request that
    /// looks at the session of somebody signed in reads from the store once; others never do. What a
    /// visitor who is not signed in holds can still be replayed: count in a [`Ledger`](crate::Ledger) what
    /// must not be undone.
    ///
    /// Give it a file or table of its own. If the store forgets, everybody is signed out.
    pub fn revocable<S: Sweep>(mut self, store: S) -> Self {
        let store = Arc::new(store);
        self.sign_ins = Some(Revocations {
            store: Arc::clone(&store) as _,
            sweep: store,
        });
        self
    }

    /// Says that you know it: whoever kept a copy of a cookie can present it until it expires, also
    /// after the logout. Choose lifetimes accordingly.
    pub fn irrevocable(mut self) -> Self {
        self.irrevocable = true;
        self
    }

    /// The manager.
    ///
    /// # Errors
    /// [`ConfigError`] for settings that cannot work, with the remedy, and if nobody said
    /// [`revocable`](Self::revocable) or [`irrevocable`](Self::irrevocable).
    pub fn build(self) -> Result<Manager, ConfigError> {
        if let Some(Revocations { store, sweep }) = self.sign_ins {
            let ring = self.settings.keys.clone();
            let ring = ring
                .or_else(|| self.settings.dialect.ring())
                .ok_or(MISSING)?;
            let realm = &self.settings.realm;
            let notes = Notes::new(store, Arc::clone(&sweep), ring, realm, "sign-ins");
            let place = Place::Cookie(Some(Register(notes)));
            let powers = Powers {
                sweep: Some(sweep),
                ..Powers::default()
            };
            return self.settings.build(place, powers);
        }
        if !self.irrevocable {
            return Err(ConfigError::Lifetime {
                value: "of a client-side session".into(),
                remedy: "say `revocable(store)`, or `irrevocable()`, since a copied cookie outlives its logout",
            });
        }
        self.settings.build(Place::Cookie(None), Powers::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    #[test]
    fn a_manager_without_keys_is_refused_with_the_remedy() {
        let error = Manager::builder(MemoryStore::new()).build().unwrap_err();
        assert!(error.to_string().contains("KeyRing"), "{error}");
    }

    /// LC-9: a mode that cannot revoke has to be asked for by that name.
    #[test]
    fn client_side_sessions_must_be_called_irrevocable() {
        let builder = || Manager::client_side(KeyRing::generate().unwrap());
        assert!(builder().build().is_err());
        assert!(builder().irrevocable().build().is_ok());
    }

    #[test]
    fn lifetimes_that_cannot_work_are_refused_when_the_manager_is_built() {
        let builder = Manager::builder(MemoryStore::new()).keys(KeyRing::generate().unwrap());
        assert!(
            builder
                .expiry(Expiry::new().absolute(Duration::ZERO))
                .build()
                .is_err()
        );
    }
}
