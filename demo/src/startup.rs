//! From settings to a server that can answer, or to a message that says what to change.

use std::{
    fmt, fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use abiding::{
    Clock as _, ConfigError, Expiry, KeyRing, Ledger, Manager, MemoryStore, Profile,
    store::{Subjects, Sweep},
};
use abiding_stores::{keys::KeyError, sqlite::SqliteStore};
use tokio::net::TcpListener;

use crate::{
    accounts::{self, Hasher},
    app::{App, Shared},
    database::{Database, DatabaseError},
    lab::Lab,
    mail::{Mailer, SmtpError},
    requests::Trail,
    settings::{ProfileKind, SettingError, Settings, StoreKind},
};

/// Takes the port. On this machine only: the demo has no sign-in that would keep others out.
pub(crate) async fn listen(settings: &Settings) -> Result<TcpListener, StartError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port));
    TcpListener::bind(address)
        .await
        .map_err(|cause| StartError::Port { address, cause })
}

/// Opens everything that is kept, making what is absent.
pub(crate) async fn prepare(
    settings: &Settings,
    address: SocketAddr,
) -> Result<(App, Manager), StartError> {
    let data = std::path::absolute(&settings.data)
        .and_then(|data| make_writable(&data).map(|()| data))
        .map_err(|cause| StartError::Data {
            path: settings.data.clone(),
            cause,
        })?;
    let file = data.join("applications.db");
    let database = open_database(&file, settings)
        .map_err(|cause| StartError::Database { path: file, cause })?;
    let keys = match settings.profile {
        ProfileKind::Development => settings.keys.load_or_create()?,
        ProfileKind::Production => settings.keys.load()?,
    };
    let clock = settings.clock.clone();
    // Beside the sessions where a URL says where they are, so that all machines count as one. In every
    // mode: sessions in cookies need it most.
    let (ledger, sessions) = match &settings.url {
        Some(url) => {
            let store = url.open().await?;
            let ledger = Ledger::with_clock(store.clone(), keys.clone(), clock);
            (ledger, sessions(store, keys, settings)?)
        }
        None => {
            let ledger = SqliteStore::open(data.join("ledger.db"))?;
            let ledger = Ledger::with_clock(ledger, keys.clone(), clock);
            (ledger, local(&data, keys, settings)?)
        }
    };
    let mailer = Mailer::new(settings, &database)?;
    let app = App::new(Shared {
        address,
        clock: settings.clock.clone(),
        data,
        database,
        hasher: Hasher::new(),
        keys: settings.keys.clone(),
        lab: Lab::default(),
        ledger,
        mailer,
        operator: settings.operator.clone(),
        profile: settings.profile,
        proxies: settings.proxies.clone(),
        store: settings.store,
        trail: Trail::default(),
    });
    Ok((app, sessions))
}

/// The sessions of the demo in its data directory, or nowhere.
fn local(data: &Path, keys: KeyRing, settings: &Settings) -> Result<Manager, StartError> {
    Ok(match settings.store {
        StoreKind::Cookie => {
            let sign_ins = SqliteStore::open(data.join("sign-ins.db"))?;
            sealed(sign_ins, keys, settings)?
        }
        StoreKind::Memory => sessions(MemoryStore::new(), keys, settings)?,
        // The settings name no other store without its URL.
        StoreKind::Other(_) | StoreKind::Sqlite => {
            sessions(SqliteStore::open(data.join("sessions.db"))?, keys, settings)?
        }
    })
}

/// The sessions of the demo, in any store that can be swept and searched.
pub(crate) fn sessions(
    store: impl Sweep + Subjects,
    keys: KeyRing,
    settings: &Settings,
) -> Result<Manager, ConfigError> {
    Manager::builder(store)
        .keys(keys)
        .profile(profile(settings))
        .expiry(VISIT)
        .realm(REALM)
        .clock(settings.clock.clone())
        .sweeping()
        .subjects()
        .build()
}

/// The sessions of the demo, each in its cookie. The store lists who is signed in, so that a sign-in can
/// be ended.
fn sealed(
    sign_ins: impl Sweep,
    keys: KeyRing,
    settings: &Settings,
) -> Result<Manager, ConfigError> {
    Manager::client_side(keys)
        .profile(profile(settings))
        .expiry(VISIT)
        .realm(REALM)
        .clock(settings.clock.clone())
        .revocable(sign_ins)
        .build()
}

fn profile(settings: &Settings) -> Result<Profile, ConfigError> {
    match settings.profile {
        ProfileKind::Development => Profile::development(),
        ProfileKind::Production => Profile::native(),
    }
}

fn open_database(file: &Path, settings: &Settings) -> Result<Database, DatabaseError> {
    let database = Database::open(file)?;
    accounts::plant(&database, settings.profile, settings.clock.now())?;
    Ok(database)
}

fn make_writable(data: &Path) -> io::Result<()> {
    let mut directory = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut directory, 0o700);
    directory.recursive(true).create(data)?;
    // Asking for permissions is not the same as trying: a full or read-only disk shows here.
    let probe = data.join(format!(".probe-{}", std::process::id()));
    fs::write(&probe, b"probe")?;
    fs::remove_file(probe)
}

/// Why the demo did not start, or stopped.
#[derive(Debug)]
pub(crate) enum StartError {
    Config(ConfigError),
    Data {
        path: PathBuf,
        cause: io::Error,
    },
    Database {
        path: PathBuf,
        cause: DatabaseError,
    },
    Keys(KeyError),
    Mail(SmtpError),
    Port {
        address: SocketAddr,
        cause: io::Error,
    },
    Serve(io::Error),
    Setting(SettingError),
    Store(abiding::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Data { path, cause } => {
                let path = path.display();
                write!(f, "the data directory {path} cannot be written ({cause}): ")?;
                f.write_str("make it writable, or name another one in ABIDING_DATA")
            }
            Self::Database { path, cause } => {
                let path = path.display();
                write!(f, "the database {path} cannot be used ({cause}): ")?;
                f.write_str("move it away to begin with an empty one, or name another ABIDING_DATA")
            }
            Self::Keys(error) => error.fmt(f),
            Self::Mail(error) => error.fmt(f),
            Self::Port { address, cause } if cause.kind() == io::ErrorKind::AddrInUse => {
                let port = address.port();
                write!(
                    f,
                    "port {port} is in use: stop the program that has it, or choose another PORT"
                )
            }
            Self::Port { address, cause } => {
                write!(
                    f,
                    "{address} cannot be listened on ({cause}): choose another PORT"
                )
            }
            Self::Serve(cause) => write!(f, "the server stopped: {cause}"),
            Self::Setting(error) => error.fmt(f),
            Self::Store(error) => write!(f, "the sessions cannot be reached: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<KeyError> for StartError {
    fn from(error: KeyError) -> Self {
        Self::Keys(error)
    }
}

impl From<SmtpError> for StartError {
    fn from(error: SmtpError) -> Self {
        Self::Mail(error)
    }
}

impl From<SettingError> for StartError {
    fn from(error: SettingError) -> Self {
        Self::Setting(error)
    }
}

impl From<abiding::Error> for StartError {
    fn from(error: abiding::Error) -> Self {
        Self::Store(error)
    }
}

/// The session of a visitor whom nobody knows: two hours for the form, however long the pauses are. The
/// idle timeout never ends it earlier; with one, the library can tell sessions that idled from sessions
/// that it never knew. A sign-in brings lifetimes of its own. A use is written down every other minute
/// at most, so that the list of devices is right by two.
const VISIT: Expiry = Expiry::new()
    .idle(HOURS_2)
    .absolute(HOURS_2)
    .touch_after(Duration::from_secs(2 * 60));
const HOURS_2: Duration = Duration::from_secs(2 * 60 * 60);
/// The name under which its sessions are vouched for.
const REALM: &str = "abiding-demo";
