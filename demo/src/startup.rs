//! From settings to a server that can answer, or to a message that says what to change.

use std::{
    fmt, fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use abiding::{Clock as _, ConfigError, Ledger};
use abiding_stores::{keys::KeyError, sqlite::SqliteStore};
use tokio::net::TcpListener;

use crate::{
    accounts::{self, Hasher},
    app::{App, Shared},
    database::{Database, DatabaseError},
    lab::Lab,
    mail::{Mailer, SmtpError},
    places::{Places, Rules},
    requests::Trail,
    settings::{ProfileKind, SettingError, Settings},
};

/// Takes the port. On this machine only: the demo has no sign-in that would keep others out.
pub(crate) async fn listen(settings: &Settings) -> Result<TcpListener, StartError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port));
    TcpListener::bind(address)
        .await
        .map_err(|cause| StartError::Port { address, cause })
}

/// Opens everything that is kept, making what is absent.
pub(crate) async fn prepare(settings: &Settings, address: SocketAddr) -> Result<App, StartError> {
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
    let rules = Rules {
        keys,
        profile: settings.profile,
        clock: settings.clock.clone(),
    };
    let first = match &settings.url {
        Some(url) => Some(url.open().await?),
        None => None,
    };
    // Beside the sessions where a URL says where they are, so that all machines count as one. In every
    // mode: sessions in cookies need it most.
    let (keys, clock) = (rules.keys.clone(), rules.clock.clone());
    let ledger = match &first {
        Some(store) => Ledger::with_clock(store.clone(), keys, clock),
        None => Ledger::with_clock(SqliteStore::open(data.join("ledger.db"))?, keys, clock),
    };
    let places = Places::open(settings, rules, &data, first).await?;
    let mailer = Mailer::new(settings, &database)?;
    Ok(App::new(Shared {
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
        places,
        profile: settings.profile,
        proxies: settings.proxies.clone(),
        trail: Trail::default(),
    }))
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
    /// The sessions were moved from another place than the settings name.
    Moved {
        path: PathBuf,
        began_in: String,
    },
    /// Sessions live in a place that the settings do not name any more.
    PlaceUnnamed(String),
    Plan {
        path: PathBuf,
        cause: io::Error,
    },
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
            Self::Moved { path, began_in } => {
                let path = path.display();
                write!(
                    f,
                    "the sessions of this data directory began in {began_in} and were moved: "
                )?;
                write!(
                    f,
                    "set ABIDING_STORE={began_in}, which lets them stay where they are; or "
                )?;
                write!(f, "remove {path} to begin anew, which signs everybody out")
            }
            Self::PlaceUnnamed(place) => {
                write!(f, "sessions live in {place}, which is not named any more: ")?;
                f.write_str("put its URL back into ABIDING_PLACES, and move them first")
            }
            Self::Plan { path, cause } => {
                let path = path.display();
                write!(f, "{path} does not tell where the sessions are ({cause}): ")?;
                f.write_str("restore it, or remove it to begin anew, which signs everybody out")
            }
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
