//! The places of the matrix: each kind of store, of cookie, and of what Flask-Session left.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use abiding::{
    Clock, FlaskSession, KeyRing, Manager, Phase, Store, compat::payload::Format,
    compat::signer::Secrets, store::AnyStore,
};
use abiding_stores::{
    file::{Durability, FileOptions},
    flask_session::{Cachelib, FlaskStore},
    redis::RedisOptions,
    sqlite::SqliteOptions,
};
use abiding_testkit::{
    ManualClock,
    servers::{
        Folder,
        places::{PLACES, Standing},
        redis::RedisServer,
    },
};
use tokio::runtime::Runtime;

use crate::delayed;

const SECRET: &str = "a secret of Flask that nobody else has";

/// What a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Flask's signed cookie.
    FlaskCookie,
    /// The layout of Flask-Session, as its 0.5 or its 0.8 writes it.
    FlaskSession {
        old: bool,
    },
    Sealed,
    Store,
}

pub(crate) struct Kind {
    pub(crate) name: &'static str,
    form: Form,
}

const fn kind(name: &'static str, form: Form) -> Kind {
    Kind { name, form }
}

/// A ring in this order leaves each once, for the next one that is a target.
pub(crate) const KINDS: &[Kind] = &[
    kind("sqlite", Form::Store),
    kind("Flask-Session 0.5, redis", Form::FlaskSession { old: true }),
    kind("Flask-Session 0.5, files", Form::FlaskSession { old: true }),
    kind(
        "Flask-Session 0.5, sqlite",
        Form::FlaskSession { old: true },
    ),
    kind("postgres", Form::Store),
    kind("sealed cookie", Form::Sealed),
    kind("file", Form::Store),
    kind(
        "Flask-Session 0.8, files",
        Form::FlaskSession { old: false },
    ),
    kind("mysql", Form::Store),
    kind("Flask cookie", Form::FlaskCookie),
    kind("redis", Form::Store),
    kind(
        "Flask-Session 0.8, sqlite",
        Form::FlaskSession { old: false },
    ),
    kind("memcached", Form::Store),
    kind(
        "Flask-Session 0.8, redis",
        Form::FlaskSession { old: false },
    ),
];

impl Kind {
    pub(crate) fn is_cookie(&self) -> bool {
        matches!(self.form, Form::FlaskCookie | Form::Sealed)
    }

    /// Whether it tells which sessions it has, and by their keys: a memcached server lists none, and the files of
    /// cachelib are named by a hash.
    pub(crate) fn is_walked(&self) -> bool {
        !self.is_cookie() && self.name != "memcached" && self.engine() != "files"
    }

    /// Whether one moves to it. What Flask-Session left is a source.
    pub(crate) fn is_target(&self) -> bool {
        !matches!(self.form, Form::FlaskSession { old: true })
    }
}

/// All that was started.
pub(crate) struct Fleet {
    /// By the names of their kinds: where the sessions are, for [`Kind::open`].
    urls: Vec<(&'static str, String)>,
    /// Two connections to each, for two nodes in one process.
    stores: Vec<(&'static str, [AnyStore; 2])>,
    _servers: Vec<Box<dyn Standing>>,
    _folder: Folder,
    _redis: Option<RedisServer>,
}

impl Fleet {
    pub(crate) fn new(runtime: &Runtime) -> Self {
        let mut fleet = Self {
            urls: Vec::new(),
            stores: Vec::new(),
            _servers: Vec::new(),
            _folder: Folder::new("matrix"),
            _redis: RedisServer::new(),
        };
        for kind in KINDS {
            let Some(url) = fleet.begin(kind) else {
                continue;
            };
            let open = || runtime.block_on(kind.open(&url));
            fleet.stores.push((kind.name, [open(), open()]));
            fleet.urls.push((kind.name, url));
        }
        fleet
    }

    /// None of a cookie, and where a server is not installed.
    fn begin(&mut self, kind: &Kind) -> Option<String> {
        match (kind.form, kind.engine()) {
            (Form::FlaskCookie | Form::Sealed, _) => None,
            (Form::FlaskSession { .. }, "redis") => Some(self._redis.as_ref()?.url()),
            (Form::FlaskSession { .. }, _) => {
                let path = self._folder.file(kind.name);
                Some(path.display().to_string())
            }
            (Form::Store, _) => {
                let is_it = |place: &&abiding_testkit::servers::places::Place| {
                    place.store() == kind.name && !place.name.contains("always")
                };
                let place = PLACES.iter().find(is_it)?.begin()?;
                let url = place.url();
                self._servers.push(place);
                Some(url)
            }
        }
    }

    fn stores(&self, kind: &Kind) -> Option<&[AnyStore; 2]> {
        let found = self.stores.iter().find(|(name, _)| *name == kind.name);
        found.map(|(_, stores)| stores)
    }

    /// Whether its server is installed.
    pub(crate) fn has(&self, kind: &Kind) -> bool {
        kind.is_cookie() || self.stores(kind).is_some()
    }

    /// What another process needs to find it: its name, and where the sessions are. A busy machine is no outage, so
    /// stores get more patience than they have.
    pub(crate) fn told(&self, kind: &Kind) -> String {
        let url = self.urls.iter().find(|(name, _)| *name == kind.name);
        let url = url.map_or("", |(_, url)| url);
        match kind.form {
            Form::Store if url.contains('?') => format!("{}|{url}&patience=60000", kind.name),
            Form::Store => format!("{}|{url}?patience=60000", kind.name),
            _ => format!("{}|{url}", kind.name),
        }
    }

    /// One end of a history, with keys and secrets of its own: the stores are those of all histories.
    pub(crate) fn end(&self, kind: &'static Kind, clock: &ManualClock, seed: u64) -> Place {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let secret = format!("{SECRET} {}", NEXT.fetch_add(1, Ordering::Relaxed));
        Place {
            kind,
            access: Access::new(KeyRing::generate().unwrap(), &secret),
            stores: self.stores(kind).cloned(),
            clock: clock.clone(),
            seed,
            nodes: AtomicUsize::new(0),
        }
    }
}

impl Kind {
    /// By what [`Fleet::told`] says.
    pub(crate) fn of(told: &str) -> (&'static Self, &str) {
        let (name, url) = told.split_once('|').unwrap();
        (KINDS.iter().find(|kind| kind.name == name).unwrap(), url)
    }

    /// What keeps the sessions of Flask-Session.
    fn engine(&self) -> &'static str {
        self.name.rsplit(' ').next().unwrap_or_default()
    }

    /// A connection of its own.
    pub(crate) async fn open(&self, url: &str) -> AnyStore {
        let Form::FlaskSession { old } = self.form else {
            return abiding_stores::open(url).await.unwrap();
        };
        let sessions = self.sessions();
        match self.engine() {
            "redis" => {
                let store = FlaskStore::redis(RedisOptions::new(url.to_owned()), &sessions);
                AnyStore::of(store.await.unwrap()).walk().build()
            }
            "files" => {
                let options = FileOptions::new(url).durability(Durability::Process);
                // 0.5 came with the one, 0.8 with the other.
                let cachelib = if old {
                    Cachelib::V0_15
                } else {
                    Cachelib::V0_16
                };
                let store = FlaskStore::files(options, cachelib, &sessions);
                AnyStore::of(store.unwrap()).walk().build()
            }
            _ => {
                // Without a log every write is a flush, and a busy machine takes its time.
                let options = SqliteOptions::new(url).patience(Duration::from_secs(60));
                let store = FlaskStore::sqlite(options, &sessions);
                AnyStore::of(store.unwrap()).walk().build()
            }
        }
    }

    fn sessions(&self) -> FlaskSession {
        let sessions = FlaskSession::new().signed(Secrets::new(SECRET).unwrap());
        match self.form {
            Form::FlaskSession { old: true } => sessions.prefix("old:").pickled(),
            _ => sessions.format(Format::default()),
        }
    }

    /// A node of which this is the primary place; a cookie needs no store.
    pub(crate) fn node(
        &self,
        store: Option<impl Store>,
        access: &Access,
        clock: impl Clock,
        elsewhere: Option<(Manager, Phase)>,
    ) -> Manager {
        let sessions = self.sessions().signed(access.secrets.clone());
        let Some(store) = store else {
            let builder = match self.form {
                Form::FlaskCookie => Manager::flask_cookie(access.secrets.clone(), sessions),
                _ => Manager::client_side(access.keys.clone()),
            };
            let builder = builder.irrevocable().clock(clock);
            return match elsewhere {
                Some((other, phase)) => builder.elsewhere(other, phase).build(),
                None => builder.build(),
            }
            .unwrap();
        };
        let builder = Manager::builder(store).keys(access.keys.clone());
        let builder = match self.form {
            Form::FlaskSession { .. } => builder.flask_session(sessions),
            _ => builder,
        };
        let builder = builder.clock(clock);
        match elsewhere {
            Some((other, phase)) => builder.elsewhere(other, phase).build(),
            None => builder.build(),
        }
        .unwrap()
    }
}

/// What vouches for cookies: keys of ours, or a secret of Flask.
pub(crate) struct Access {
    keys: KeyRing,
    secrets: Secrets,
}

impl Access {
    pub(crate) fn new(keys: KeyRing, secret: &str) -> Self {
        let secrets = Secrets::new(secret).unwrap();
        Self { keys, secrets }
    }
}

/// One end of a history.
pub(crate) struct Place {
    kind: &'static Kind,
    access: Access,
    stores: Option<[AnyStore; 2]>,
    clock: ManualClock,
    seed: u64,
    nodes: AtomicUsize,
}

impl Place {
    /// A node, on the other connection than the one before it.
    pub(crate) fn node(&self, elsewhere: Option<(Manager, Phase)>) -> Manager {
        let node = self.nodes.fetch_add(1, Ordering::Relaxed);
        let stores = self.stores.as_ref();
        let store = stores.map(|stores| delayed(&stores[node % 2], self.seed + node as u64));
        self.kind
            .node(store, &self.access, self.clock.clone(), elsewhere)
    }
}
