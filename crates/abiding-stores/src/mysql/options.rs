//! How a database is reached, and everything that can be chosen about it.

use std::{borrow::Cow, fmt, path::PathBuf, sync::Arc, time::Duration};

use abiding::{Error, ErrorKind, Result};
use mysql_async::{Opts, OptsBuilder};
use percent_encoding::percent_decode_str;

use super::{
    MysqlStore,
    errand::query,
    failure::Failure,
    pool::{self, Pool},
    schema::{self, Schema},
    statements::Texts,
    tls,
};
use crate::table::TableName;

/// What can be chosen about a store on MySQL or MariaDB. The defaults are right for most.
///
/// The URL is `mysql://user:password@host:port/database`, or the same with `mariadb://`; options may follow:
/// `mysql://shop@db.internal/shop?table=web_sessions&connections=4`.
///
/// | option | method | values |
/// |---|---|---|
/// | `connections` | [`connections`](Self::connections) | a number, from 1 |
/// | `create` | [`create`](Self::create) | `true`, `false` |
/// | `patience` | [`patience`](Self::patience) | milliseconds, from 1 |
/// | `socket` | [`socket`](Self::socket) | a path |
/// | `ssl-ca` | [`root_certificates`](Self::root_certificates) | a path |
/// | `ssl-mode` | [`tls`](Self::tls) | `DISABLED`; `REQUIRED`, `VERIFY_CA` or `VERIFY_IDENTITY`, which mean the same here |
/// | `table` | [`table`](Self::table) | a name, or `database.name` |
///
/// ```
/// use std::time::Duration;
/// use abiding_stores::mysql::MysqlOptions;
///
/// let options = MysqlOptions::new("mysql://shop:secret@db.internal/shop?connections=4")?
///     .table("web_sessions")?
///     .patience(Duration::from_secs(2));
/// assert!(!format!("{options:?}").contains("secret"));
/// # Ok::<(), abiding::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "options do nothing until `open` is called"]
pub struct MysqlOptions {
    opts: Opts,
    table: TableName,
    patience: Duration,
    connections: usize,
    create: bool,
    socket: Option<PathBuf>,
    tls: bool,
    roots: Option<PathBuf>,
}

impl MysqlOptions {
    /// The defaults, for the database at `url`.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] for a URL that cannot work. The message quotes no more of it than the
    /// name of an option: it may hold a password.
    pub fn new(url: &str) -> Result<Self> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let base = match base.split_once("://") {
            Some(("mariadb" | "mysql", rest)) => format!("mysql://{rest}"),
            _ => return Err(unusable(NO_URL)),
        };
        let opts = Opts::from_url(&base).map_err(|_| unusable(NO_URL))?;
        if opts.db_name().is_none_or(str::is_empty) {
            return Err(unusable(NO_URL));
        }
        let mut options = Self {
            opts,
            table: table_named("abiding_sessions")?,
            patience: Duration::from_secs(5),
            connections: 8,
            create: true,
            socket: None,
            tls: false,
            roots: None,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| unusable(NO_URL))?;
            options = options.with(name, &value)?;
        }
        Ok(options)
    }

    /// The table of the sessions, `abiding_sessions` unless told otherwise: a name of lower-case letters,
    /// digits and underscores, or two of them with a dot in between, the first being a database.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] for any other name.
    pub fn table(mut self, name: &str) -> Result<Self> {
        self.table = table_named(name)?;
        Ok(self)
    }

    /// How long an operation may take, all waiting included, before it ends in an error; 5 seconds unless
    /// told otherwise. What is not over by then may have come into effect or not.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.max(Duration::from_millis(1));
        self
    }

    /// How many connections there are at most; 8 unless told otherwise. Each serves one request at a time, and
    /// who comes when all are busy waits for his turn.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.clamp(1, MOST_CONNECTIONS);
        self
    }

    /// The socket of a server on this machine, instead of the host and the port of the URL.
    pub fn socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.socket = Some(path.into());
        self
    }

    /// Whether the way to the server is encrypted, and the server known by its certificate, which must be valid
    /// for the host in the URL; it is not unless told otherwise. Needs the feature `mysql-tls`.
    ///
    /// Without it, whoever sits in between reads what is sent, and may get hold of the password.
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
    /// told otherwise. A user who may not do so needs tables that are there.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// The statements that make the tables, to be run by an administrator. What an application's own user needs
    /// is in the file `grants.sql` beside the source of this module.
    pub fn schema_sql(&self) -> String {
        schema::sql(&self.table)
    }

    /// Connects, makes the tables or brings them up to date, and looks whether they can be used.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the server cannot be reached, refuses the user, only reads, is older than
    /// MariaDB 10.6 or MySQL 8.0, lets no session choose its `sql_mode`, writes its binary log by statement, or has
    /// tables of a newer release, of another engine or of somebody else. The message names the database and
    /// the remedy, never a password.
    pub async fn open(self) -> Result<MysqlStore> {
        self.open_with(None).await
    }

    /// The same with the table of somebody else, made by these statements where it is not there, and kept as it is.
    #[cfg(feature = "flask")]
    pub(super) async fn open_as_it_is(self, theirs: schema::Theirs<'_>) -> Result<MysqlStore> {
        self.open_with(Some(theirs)).await
    }

    async fn open_with(self, theirs: Option<schema::Theirs<'_>>) -> Result<MysqlStore> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(unusable(
                "a MySQL store needs a tokio runtime: open it inside one",
            ));
        }
        let place = self.place();
        let opening = self.open_at(&place, theirs);
        let opened = tokio::time::timeout(self.patience, opening).await;
        let opened = opened.unwrap_or(Err(Failure::Late(self.patience)));
        opened.map_err(|failure| failure.into_error("open", &place))
    }

    async fn open_at(
        &self,
        place: &str,
        theirs: Option<schema::Theirs<'_>>,
    ) -> Result<MysqlStore, Failure> {
        let Self {
            table, patience, ..
        } = self;
        let opts = self.way()?;
        let mut connection = pool::open(&opts, *patience).await?;
        let mut schema = Schema::new(&mut connection, table, place);
        match theirs {
            None => schema.prepare(self.create, *patience).await?,
            Some(theirs) => schema.take(&theirs, self.create).await?,
        }
        let texts = Texts::new(&table.quoted('`'));
        let pool = Pool::new(opts, texts, *patience, place.to_owned(), self.connections);
        pool.put_back(connection);
        Ok(MysqlStore::new(Arc::new(pool), table.clone()))
    }

    /// How the server is reached.
    fn way(&self) -> Result<Opts, Failure> {
        let mut opts = OptsBuilder::from_opts(self.opts.clone())
            // What an update finds counts, whether or not it changes anything.
            .client_found_rows(true)
            // The driver would go and ask the server for a socket.
            .prefer_socket(false)
            .tcp_keepalive(Some(KEEPALIVE));
        if let Some(socket) = &self.socket {
            opts = opts.socket(Some(socket.to_string_lossy()));
        }
        if self.tls {
            opts = opts.ssl_opts(tls::trusting(self.roots.as_deref())?);
        }
        Ok(Opts::from(opts))
    }

    /// Takes the table away, and what is noted of it.
    pub(crate) async fn drop_table(&self) -> Result<()> {
        let place = self.place();
        let dropping = async {
            let mut connection = pool::open(&self.way()?, self.patience).await?;
            let (table, versions) = (self.table.quoted('`'), self.table.versions('`'));
            query(&mut connection, &format!("DROP TABLE IF EXISTS {table}")).await?;
            let name = self.table.name();
            let forget = format!("DELETE FROM {versions} WHERE name = '{name}'");
            query(&mut connection, &forget).await.map(drop)
        };
        let dropped = tokio::time::timeout(self.patience, dropping).await;
        let dropped = dropped.unwrap_or(Err(Failure::Late(self.patience)));
        dropped.map_err(|failure| failure.into_error("remove", &place))
    }

    /// Which database this is, in words that may be read by anybody.
    fn place(&self) -> String {
        let name = self.opts.db_name().unwrap_or_default();
        match &self.socket {
            Some(path) => format!("the database {name} at {}", path.display()),
            None => format!(
                "the database {name} at {}:{}",
                self.opts.ip_or_hostname(),
                self.opts.tcp_port()
            ),
        }
    }

    /// One option of the URL.
    pub(super) fn with(self, name: &str, value: &str) -> Result<Self> {
        let wrong = |expected: &str| {
            unusable(format!(
                "the option `{name}` of the URL is not {expected}, as it must be"
            ))
        };
        let number = |expected| match value.parse::<u32>() {
            Ok(number @ 1..) => Ok(number),
            _ => Err(wrong(expected)),
        };
        match name {
            "connections" => {
                let count = number("a number from 1")?;
                Ok(self.connections(usize::try_from(count).unwrap_or(usize::MAX)))
            }
            "create" => match value.parse() {
                Ok(create) => Ok(self.create(create)),
                Err(_) => Err(wrong("`true` or `false`")),
            },
            "patience" => {
                let millis = number("a number of milliseconds, from 1")?;
                Ok(self.patience(Duration::from_millis(millis.into())))
            }
            "socket" => Ok(self.socket(value)),
            "ssl-ca" => Ok(self.root_certificates(value)),
            "ssl-mode" => match &*value.to_ascii_uppercase() {
                "DISABLED" => Ok(self.tls(false)),
                "REQUIRED" | "VERIFY_CA" | "VERIFY_IDENTITY" => Ok(self.tls(true)),
                _ => Err(wrong(
                    "`DISABLED`, `REQUIRED`, `VERIFY_CA` or `VERIFY_IDENTITY`",
                )),
            },
            "table" => self.table(value),
            _ => Err(unusable(NO_OPTION)),
        }
    }
}

impl fmt::Debug for MysqlOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlOptions")
            .field("place", &self.place())
            .field("table", &format_args!("{}", self.table))
            .field("patience", &self.patience)
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

fn unusable(what: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unavailable, "open", what)
}

const NO_URL: &str = "the URL is not one of MySQL: it is mysql://user:password@host:port/database?option=value, with reserved characters percent-encoded";

const NO_OPTION: &str = "the URL has an option that there is not: there are `connections`, `create`, `patience`, `socket`, `ssl-ca`, `ssl-mode` and `table`";

/// After how long in silence the system looks whether the other end is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// More than any server admits.
const MOST_CONNECTIONS: usize = 100_000;
