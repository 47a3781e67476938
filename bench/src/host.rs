//! What every benchmark server shares, ours and the rivals': settings, runtime, listener, end.
//!
//! Both sides compile this very file, so that nothing but the session library differs between them.

use std::{
    env, error::Error, future::Future, net::Ipv4Addr, path::PathBuf, process::ExitCode,
    str::FromStr,
};

use axum::{Router, serve::ListenerExt as _};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// Whatever kept a server from starting.
pub type StartError = Box<dyn Error + Send + Sync>;

/// The environment of a benchmark server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the key lies; made if absent.
    pub key_file: Option<PathBuf>,
    /// Which library serves, for the program that holds several.
    pub library: String,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// Where the SQLite store lies.
    pub sqlite_path: PathBuf,
    /// Where the server of the store is, for a store that has one.
    pub server_url: Option<String>,
    /// `memory`, `sqlite`, `cookie`, or one of the servers below.
    pub store: String,
    /// How many threads serve.
    pub workers: usize,
}

impl Settings {
    /// The settings of this process.
    pub fn from_environment() -> Result<Self, StartError> {
        let store = variable("STORE").unwrap_or_else(|| "memory".into());
        let server = SERVERS.iter().find(|(name, _)| *name == store);
        Ok(Self {
            key_file: variable("KEY_FILE").map(PathBuf::from),
            library: variable("LIBRARY").unwrap_or_default(),
            port: parse("PORT", 3000)?,
            sqlite_path: variable("SQLITE_PATH")
                .unwrap_or_else(|| "bench.sqlite".into())
                .into(),
            server_url: server.and_then(|(_, name)| variable(name)),
            store,
            workers: parse("WORKERS", 1)?,
        })
    }
}

/// The stores that are on a server, and the variable that says where.
const SERVERS: [(&str, &str); 4] = [
    ("memcached", "MEMCACHED_URL"),
    ("mysql", "MYSQL_URL"),
    ("postgres", "PG_URL"),
    ("redis", "REDIS_URL"),
];

/// Serves what `application` makes of the settings, until SIGTERM.
pub fn run<F>(application: impl FnOnce(Settings) -> F) -> ExitCode
where
    F: Future<Output = Result<Router, StartError>>,
{
    let outcome = Settings::from_environment().and_then(|settings| {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime
            .worker_threads(settings.workers.max(1))
            .enable_all()
            .build()?
            .block_on(async {
                let port = settings.port;
                serve(port, application(settings).await?).await
            })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("bench: {cause}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(port: u16, application: Router) -> Result<(), StartError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let listener = listener.tap_io(|stream| {
        // Without it a small answer may wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
    });
    let mut ends = signal(SignalKind::terminate())?;
    tokio::select! {
        served = axum::serve(listener, application) => Ok(served?),
        _ = ends.recv() => Ok(()),
    }
}

fn parse<T: FromStr>(name: &str, default: T) -> Result<T, StartError> {
    match variable(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .map_err(|_| format!("{name}={text:?} is no number").into()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program reads its settings in one place, and this is it"
)]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|text| !text.is_empty())
}
