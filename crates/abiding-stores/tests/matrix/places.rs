//! The places of the matrix: each kind of store, of cookie, and of what Flask-Session left.

use std::sync::atomic::{AtomicUsize, Ordering};

use abiding::{
    FlaskSession, KeyRing, Manager, Phase, compat::payload::Format, compat::signer::Secrets,
    store::AnyStore,
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

/// A ring in this order leaves and reaches each once.
pub(crate) const KINDS: &[Kind] = &[
    kind("sqlite", Form::Store),
    kind("Flask-Session 0.5, redis", Form::FlaskSession { old: true }),
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

    /// Whether one moves to it. What Flask-Session left is a source.
    pub(crate) fn is_target(&self) -> bool {
        !matches!(self.form, Form::FlaskSession { old: true })
    }
}

/// All that was started.
pub(crate) struct Fleet {
    /// By the names of their kinds; two connections to each, for two nodes.
    stores: Vec<(&'static str, [AnyStore; 2])>,
    _servers: Vec<Box<dyn Standing>>,
    _folders: Vec<Folder>,
    _redis: Option<RedisServer>,
}

impl Fleet {
    pub(crate) fn new(runtime: &Runtime) -> Self {
        let mut fleet = Self {
            stores: Vec::new(),
            _servers: Vec::new(),
            _folders: Vec::new(),
            _redis: RedisServer::new(),
        };
        for kind in KINDS.iter().filter(|kind| kind.form == Form::Store) {
            let is_it = |place: &&abiding_testkit::servers::places::Place| {
                place.store() == kind.name && !place.name.contains("always")
            };
            let Some(place) = PLACES.iter().find(is_it).and_then(|place| place.begin()) else {
                continue;
            };
            let url = place.url();
            let open = || runtime.block_on(abiding_stores::open(&url)).unwrap();
            fleet.stores.push((kind.name, [open(), open()]));
            fleet._servers.push(place);
        }
        for kind in KINDS {
            if let Form::FlaskSession { .. } = kind.form {
                fleet.begin_flask_session(kind, runtime);
            }
        }
        fleet
    }

    fn begin_flask_session(&mut self, kind: &Kind, runtime: &Runtime) {
        let sessions = kind.sessions();
        let folder = Folder::new("matrix");
        let engine = kind.name.rsplit(' ').next();
        let stores = [(); 2].map(|()| match engine {
            Some("redis") => {
                let url = self._redis.as_ref()?.url();
                let store = FlaskStore::redis(RedisOptions::new(url), &sessions);
                Some(AnyStore::of(runtime.block_on(store).unwrap()).build())
            }
            Some("files") => {
                let options = FileOptions::new(folder.file("sessions"));
                let options = options.durability(Durability::Process);
                let store = FlaskStore::files(options, Cachelib::V0_16, &sessions);
                Some(AnyStore::of(store.unwrap()).build())
            }
            _ => {
                let options = SqliteOptions::new(folder.file("sessions.db"));
                let store = FlaskStore::sqlite(options, &sessions).unwrap();
                Some(AnyStore::of(store).build())
            }
        });
        if let [Some(one), Some(two)] = stores {
            self.stores.push((kind.name, [one, two]));
        }
        self._folders.push(folder);
    }

    fn stores(&self, kind: &Kind) -> Option<&[AnyStore; 2]> {
        let found = self.stores.iter().find(|(name, _)| *name == kind.name);
        found.map(|(_, stores)| stores)
    }

    /// Whether its server is installed.
    pub(crate) fn has(&self, kind: &Kind) -> bool {
        kind.is_cookie() || self.stores(kind).is_some()
    }

    /// One end of a history, with keys and secrets of its own: the stores are those of all histories.
    pub(crate) fn end(&self, kind: &Kind, clock: &ManualClock, seed: u64) -> Place {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let secret = format!("{SECRET} {}", NEXT.fetch_add(1, Ordering::Relaxed));
        let secrets = Secrets::new(secret).unwrap();
        Place {
            form: kind.form,
            sessions: kind.sessions().signed(secrets.clone()),
            secrets,
            stores: self.stores(kind).cloned(),
            keys: KeyRing::generate().unwrap(),
            clock: clock.clone(),
            seed,
            nodes: AtomicUsize::new(0),
        }
    }
}

impl Kind {
    fn sessions(&self) -> FlaskSession {
        let sessions = FlaskSession::new().signed(Secrets::new(SECRET).unwrap());
        match self.form {
            Form::FlaskSession { old: true } => sessions.prefix("old:").pickled(),
            _ => sessions.format(Format::default()),
        }
    }
}

/// One end of a history.
pub(crate) struct Place {
    form: Form,
    sessions: FlaskSession,
    secrets: Secrets,
    stores: Option<[AnyStore; 2]>,
    keys: KeyRing,
    clock: ManualClock,
    seed: u64,
    nodes: AtomicUsize,
}

impl Place {
    /// A node, on the other connection than the one before it.
    pub(crate) fn node(&self, elsewhere: Option<(Manager, Phase)>) -> Manager {
        let node = self.nodes.fetch_add(1, Ordering::Relaxed);
        if let Some(stores) = &self.stores {
            let store = delayed(&stores[node % 2], self.seed + node as u64);
            let builder = Manager::builder(store).keys(self.keys.clone());
            let builder = match self.form {
                Form::FlaskSession { .. } => builder.flask_session(self.sessions.clone()),
                _ => builder,
            };
            let builder = builder.clock(self.clock.clone());
            return match elsewhere {
                Some((other, phase)) => builder.elsewhere(other, phase).build(),
                None => builder.build(),
            }
            .unwrap();
        }
        let builder = match self.form {
            Form::FlaskCookie => Manager::flask_cookie(self.secrets.clone(), self.sessions.clone()),
            _ => Manager::client_side(self.keys.clone()),
        };
        let builder = builder.irrevocable().clock(self.clock.clone());
        match elsewhere {
            Some((other, phase)) => builder.elsewhere(other, phase).build(),
            None => builder.build(),
        }
        .unwrap()
    }
}
