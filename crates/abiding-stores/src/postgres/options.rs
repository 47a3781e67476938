//! How a database is reached, and everything that can be chosen about it.

use std::{borrow::Cow, fmt, path::PathBuf, str::FromStr, time::Duration};

use abiding::{Error, ErrorKind, Result};
use tokio_postgres::config::{Config, Host, SslMode, TargetSessionAttrs};

use super::{PostgresStore, failure::Failure, pool::Pool, schema, statements::Texts, tls::Tls};
use crate::table::TableName;

/// What can be chosen about a PostgreSQL store. The defaults are right for most.
///
/// The URL is that of PostgreSQL itself, with hosts divided by commas where there are several servers:
/// the one that can be written to is used. Options of this library may stand beside those of the driver:
/// `postgres://shop@db1,db2/shop?table=web_sessions&connections=4`.
///
/// | option | method | values |
/// |---|---|---|
/// | `announce` | [`announce`](Self::announce) | `true`, `false` |
/// | `connections` | [`connections`](Self::connections) | a number, from 1 |
/// | `create` | [`create`](Self::create) | `true`, `false` |
/// | `durability` | [`durability`](Self::durability) | `power`, `lazy`, `unlogged` |
/// | `patience` | [`patience`](Self::patience) | milliseconds, from 1 |
/// | `sslmode` | [`tls`](Self::tls) | `disable`; `require`, `verify-ca` or `verify-full`, which mean the same here |
/// | `sslrootcert` | [`root_certificates`](Self::root_certificates) | a path |
/// | `table` | [`table`](Self::table) | a name, or `schema.name` |
///
/// ```
/// use std::time::Duration;
/// use abiding_stores::postgres::PostgresOptions;
///
/// let options = PostgresOptions::new("postgres://shop:secret@db.internal/shop?connections=4")?
///     .table("web_sessions")?
///     .patience(Duration::from_secs(2));
/// assert!(!format!("{options:?}").contains("secret"));
/// # Ok::<(), abiding::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "options do nothing until `open` is called"]
pub struct PostgresOptions {
    config: Config,
    table: TableName,
    durability: Durability,
    patience: Duration,
    announce: bool,
    connections: usize,
    create: bool,
    tls: bool,
    roots: Option<PathBuf>,
}

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Power loss and the crash of the server, as far as its disk keeps what it said it wrote
    /// (`synchronous_commit` as the server has it, or `on` where that says `off`). The default.
    #[default]
    Power,
    /// The end of this process, and an orderly restart of the server. Its crash may undo the last second of
    /// writes, whole ones and in order (`synchronous_commit = off`). A log-out that a crash undoes is a
    /// session that lives on; choose it knowingly.
    Lazy,
    /// The end of this process, and an orderly restart of the server. Its crash ends all sessions, and a
    /// replica has none. Concerns a table that is yet to be made (`CREATE UNLOGGED TABLE`).
    Unlogged,
}

impl PostgresOptions {
    /// The defaults, for the database at `url`.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] for a URL that cannot work. The message quotes no more of it than the
    /// name of an option: it may hold a password.
    pub fn new(url: &str) -> Result<Self> {
        let (url, ours) = divide(url);
        let config = Config::from_str(&url).map_err(|_| {
            unusable("the URL is not one of PostgreSQL: it is postgres://user:password@host:port/database?option=value, with reserved characters percent-encoded")
        })?;
        let mut options = Self {
            config,
            table: table_named("abiding_sessions")?,
            durability: Durability::default(),
            patience: Duration::from_secs(5),
            announce: false,
            connections: 8,
            create: true,
            tls: false,
            roots: None,
        };
        for (name, value) in ours {
            options = options.with(name, value)?;
        }
        Ok(options)
    }

    /// The table of the sessions, `abiding_sessions` unless told otherwise: a name of lower-case letters,
    /// digits and underscores, or two of them with a dot in between, the first being a schema.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] for any other name.
    pub fn table(mut self, name: &str) -> Result<Self> {
        self.table = table_named(name)?;
        Ok(self)
    }

    /// What an acknowledged write survives; [`Durability::Power`] unless told otherwise.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long an operation may take, all waiting included, before it ends in an error; 5 seconds unless
    /// told otherwise. What is not over by then may have come into effect or not.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.max(Duration::from_millis(1));
        self
    }

    /// Whether this process tells all others when it ends or moves a session, so that they can
    /// [`watch`](abiding::store::Watch) over it; not unless told otherwise. Every process that writes to the
    /// table must, or its sign-outs are not heard of. Telling is part of the write: it comes into effect
    /// with it, and a server lets one at a time through, so that sign-ins and sign-outs, and nothing
    /// else, wait for each other's flush.
    ///
    /// Who watches uses one connection more, on which he hears within milliseconds. Where that breaks, whoever
    /// watches is told to look; where it falls silent, within 30 seconds.
    pub fn announce(mut self, announce: bool) -> Self {
        self.announce = announce;
        self
    }

    /// How many connections there are at most; 8 unless told otherwise. Each serves many requests at once.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// Whether the way to the server is encrypted, and the server known by its certificate, which must be valid
    /// for the host in the URL; it is not unless told otherwise. Needs the feature `postgres-tls`.
    pub fn tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// A file in PEM with the certificates to trust, instead of those that the system trusts.
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.roots = Some(path.into());
        self
    }

    /// Whether missing tables are made, and those of an older release brought up to date; they are unless
    /// told otherwise. A role that may not do so needs tables that are there.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// The statements that make the tables, to be run by their owner. What an application's own role needs
    /// is in the file `grants.sql` beside the source of this module.
    pub fn schema_sql(&self) -> String {
        schema::sql(&self.table, self.durability == Durability::Unlogged)
    }

    /// Connects, makes the tables or brings them up to date, and looks whether they can be used.
    ///
    /// The connections belong to the tokio runtime of whoever needs one first: with several runtimes, let
    /// the one that lives longest do it. Where it has ended, others connect anew.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the server cannot be reached, refuses the user, only reads, is older than
    /// PostgreSQL 12, or has tables of a newer release or of somebody else. The message names the
    /// database and the remedy, never a password.
    pub async fn open(self) -> Result<PostgresStore> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(unusable(
                "a PostgreSQL store needs a tokio runtime: open it inside one",
            ));
        }
        let place = self.place();
        let opening = self.open_at(&place);
        let opened = tokio::time::timeout(self.patience, opening).await;
        let opened = opened.unwrap_or(Err(Failure::Late(self.patience)));
        opened.map_err(|failure| failure.into_error("open", &place))
    }

    /// Takes the table away, and what is noted of it.
    pub(crate) async fn drop_table(&self) -> Result<()> {
        let place = self.place();
        let drop = async {
            let mut config = self.patient();
            let tls = self.way(&mut config)?;
            let (client, _ending) = tls.connect(&config).await?;
            let statements = format!(
                "DROP TABLE IF EXISTS {}; DELETE FROM {} WHERE name = '{}'",
                self.table.quoted('"'),
                self.table.versions('"'),
                self.table.name(),
            );
            Ok(client.batch_execute(&statements).await?)
        };
        let dropped = tokio::time::timeout(self.patience, drop).await;
        let dropped = dropped.unwrap_or(Err(Failure::Late(self.patience)));
        dropped.map_err(|failure: Failure| failure.into_error("remove", &place))
    }

    async fn open_at(&self, place: &str) -> Result<PostgresStore, Failure> {
        let Self {
            table,
            durability,
            patience,
            ..
        } = self;
        let mut config = self.patient();
        let tls = self.way(&mut config)?;
        let unlogged = *durability == Durability::Unlogged;
        let (client, _ending) = tls.connect(&config).await?;
        let standing = schema::prepare(&client, table, unlogged, self.create, place).await?;
        if !standing.is_logged && !unlogged {
            let what = format!(
                "{place} has an unlogged table {table}, which a crash empties: run `ALTER TABLE {table} SET LOGGED`, or choose `Durability::Unlogged`"
            );
            return Err(unusable(what).into());
        }
        let pool = Pool::new(
            tls,
            config,
            self.setup(),
            Some(Texts::new(&table.quoted('"'), self.announce)),
            *patience,
            place.to_owned(),
            self.connections,
        );
        let mut store = PostgresStore::new(pool, table.clone(), standing.is_logged);
        store.announces = self.announce;
        Ok(store)
    }

    pub(super) fn announces(&self) -> bool {
        self.announce
    }

    /// How the server is reached, with what the URL did not say.
    fn patient(&self) -> Config {
        let Self { patience, .. } = self;
        let mut config = self.config.clone();
        if config.get_application_name().is_none() {
            config.application_name("abiding");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(*patience);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(*patience);
        }
        if config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        config
    }

    fn way(&self, config: &mut Config) -> Result<Tls, Failure> {
        if self.tls {
            config.ssl_mode(SslMode::Require);
            return Ok(Tls::trusting(self.roots.as_deref())?);
        }
        config.ssl_mode(SslMode::Disable);
        Ok(Tls::none())
    }

    /// Connects to a database for a table of somebody else's, which `make` makes if it may and must.
    #[cfg(feature = "flask")]
    pub(super) async fn open_as_it_is(self, make: &str) -> Result<PostgresStore> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(unusable(
                "a PostgreSQL store needs a tokio runtime: open it inside one",
            ));
        }
        let place = self.place();
        let opening = async {
            let mut config = self.patient();
            let tls = self.way(&mut config)?;
            let (client, _ending) = tls.connect(&config).await?;
            if self.create {
                client.batch_execute(make).await?;
            }
            Ok(Pool::new(
                tls,
                config,
                self.setup(),
                None,
                self.patience,
                place.clone(),
                self.connections,
            ))
        };
        let opened = tokio::time::timeout(self.patience, opening).await;
        let opened = opened.unwrap_or(Err(Failure::Late(self.patience)));
        let pool = opened.map_err(|failure| failure.into_error("open", &place))?;
        Ok(PostgresStore::new(pool, self.table, true))
    }

    /// What every connection begins with, whatever the role and the database have as their defaults.
    fn setup(&self) -> String {
        let synchronous = match self.durability {
            Durability::Lazy | Durability::Unlogged => "SET synchronous_commit = off",
            Durability::Power => {
                "SELECT set_config('synchronous_commit', 'on', false) \
                 WHERE current_setting('synchronous_commit') = 'off'"
            }
        };
        format!(
            "SET default_transaction_isolation = 'read committed'; SET jit = off; \
             SET statement_timeout = {}; {synchronous}",
            self.patience.as_millis()
        )
    }

    /// Which database this is, in words that may be read by anybody.
    fn place(&self) -> String {
        let hosts = self.config.get_hosts().iter().enumerate();
        let ports = self.config.get_ports();
        let hosts: Vec<_> = hosts
            .map(|(at, host)| {
                let port = ports
                    .get(at)
                    .or_else(|| ports.first())
                    .copied()
                    .unwrap_or(5432);
                match host {
                    Host::Tcp(name) => format!("{name}:{port}"),
                    #[cfg(unix)]
                    Host::Unix(path) => path.display().to_string(),
                }
            })
            .collect();
        let name = self.config.get_dbname().or_else(|| self.config.get_user());
        format!(
            "the database {} at {}",
            name.unwrap_or("of this user"),
            hosts.join(",")
        )
    }

    /// One option of the URL that is ours.
    pub(super) fn with(self, name: &str, value: &str) -> Result<Self> {
        let wrong = |expected: &str| {
            unusable(format!(
                "the option `{name}` of the URL is not {expected}, as it must be"
            ))
        };
        let number = |expected| value.parse::<u32>().map_err(|_| wrong(expected));
        match name {
            "announce" => match value.parse() {
                Ok(announce) => Ok(self.announce(announce)),
                Err(_) => Err(wrong("`true` or `false`")),
            },
            "connections" => match number("a number from 1")? {
                0 => Err(wrong("a number from 1")),
                count => Ok(self.connections(usize::try_from(count).unwrap_or(usize::MAX))),
            },
            "create" => match value.parse() {
                Ok(create) => Ok(self.create(create)),
                Err(_) => Err(wrong("`true` or `false`")),
            },
            "durability" => match value {
                "power" => Ok(self.durability(Durability::Power)),
                "lazy" => Ok(self.durability(Durability::Lazy)),
                "unlogged" => Ok(self.durability(Durability::Unlogged)),
                _ => Err(wrong("`power`, `lazy` or `unlogged`")),
            },
            "patience" => match number("a number of milliseconds, from 1")? {
                0 => Err(wrong("a number of milliseconds, from 1")),
                millis => Ok(self.patience(Duration::from_millis(millis.into()))),
            },
            "sslmode" => match value {
                "disable" => Ok(self.tls(false)),
                "require" | "verify-ca" | "verify-full" => Ok(self.tls(true)),
                _ => Err(wrong("`disable`, `require`, `verify-ca` or `verify-full`")),
            },
            "sslrootcert" => Ok(self.root_certificates(value)),
            _ => self.table(value),
        }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("place", &self.place())
            .field("table", &format_args!("{}", self.table))
            .field("durability", &self.durability)
            .field("patience", &self.patience)
            .field("announce", &self.announce)
            .field("connections", &self.connections)
            .field("create", &self.create)
            .field("tls", &self.tls)
            .finish()
    }
}

fn table_named(text: &str) -> Result<TableName> {
    TableName::new(text).ok_or_else(|| {
        unusable("the name of the table is not one of lower-case letters, digits and underscores, as it must be")
    })
}

/// The URL without our own options, and those.
fn divide(url: &str) -> (String, Vec<(&str, &str)>) {
    let Some((base, query)) = url.split_once('?') else {
        return (url.to_owned(), Vec::new());
    };
    let pairs = query.split('&').map(|pair| (pair, pair.split_once('=')));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (pair, option) in pairs {
        match option {
            Some((name, value)) if OURS.contains(&name) => ours.push((name, value)),
            _ => theirs.push(pair),
        }
    }
    let divided = if theirs.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", theirs.join("&"))
    };
    (divided, ours)
}

pub(super) fn unusable(what: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unavailable, "open", what)
}

/// The options of the URL that are read here, and not by the driver.
const OURS: [&str; 8] = [
    "announce",
    "connections",
    "create",
    "durability",
    "patience",
    "sslmode",
    "sslrootcert",
    "table",
];
