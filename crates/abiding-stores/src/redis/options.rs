//! How a server is reached, and everything that can be chosen about it.

use std::{fmt, time::Duration};

use abiding::{Error, ErrorKind, Result};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use super::{RedisStore, link::Link, nature};

/// What can be chosen about a Redis store. The defaults are right for most.
///
/// ```no_run
/// use std::time::Duration;
/// use abiding_stores::redis::RedisOptions;
///
/// # async {
/// let store = RedisOptions::new("redis://shop:password@10.0.0.7:6379/0")
///     .prefix("shop:")
///     .patience(Duration::from_secs(2))
///     .open()
///     .await?;
/// # Ok::<(), abiding::Error>(())
/// # };
/// ```
#[derive(Clone)]
#[must_use = "options do nothing until `open` is called"]
pub struct RedisOptions {
    url: Box<str>,
    prefix: Box<str>,
    patience: Duration,
    refuses_eviction: bool,
}

impl RedisOptions {
    /// The defaults, for the server at `url`: `redis://user:password@host:6379/0`, `rediss://…` for TLS (feature
    /// `redis-tls`), or `unix:///path/of/socket?db=0&user=…&pass=…`. User, password, port and database may
    /// be left out; what is not a letter or digit in a password is spelled `%40`.
    pub fn new(url: impl Into<Box<str>>) -> Self {
        Self {
            url: url.into(),
            prefix: "abiding:".into(),
            patience: Duration::from_secs(5),
            refuses_eviction: false,
        }
    }

    /// How the names of all keys begin; `abiding:` unless told otherwise. Applications that share a
    /// server, or one with other data in it, are kept apart by it, and an ACL can name it.
    pub fn prefix(mut self, prefix: impl Into<Box<str>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long an operation may take, connecting anew included, before it is an error; 5 seconds unless
    /// told otherwise.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Does not connect to a server that may drop living sessions to make room, which is otherwise
    /// warned of and told by [`evicts`](abiding::store::Capabilities::evicts). Neither to one that does
    /// not tell.
    pub fn refuse_eviction(mut self) -> Self {
        self.refuses_eviction = true;
        self
    }

    /// Connects, and looks what kind of server it is.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the server cannot be reached within the patience, refuses the user or
    /// password, is a read-only replica or a part of a cluster, or evicts and must not. The message names the server and the
    /// remedy, and never the password.
    pub async fn open(self) -> Result<RedisStore> {
        let unusable = |what: &'static str| Error::new(ErrorKind::Unavailable, "open", what);
        let info: ConnectionInfo = (&*self.url).into_connection_info().map_err(|cause| {
            // The driver's message may hold a part of the URL.
            drop(cause);
            unusable(
                "the URL of the Redis server is not one: write `redis://user:password@host:port/database`, \
                 `rediss://…` for TLS (feature `redis-tls`) or `unix:///path`",
            )
        })?;
        if self.prefix.is_empty() {
            return Err(unusable(
                "the prefix of the Redis store is empty: give its keys a beginning of their own",
            ));
        }
        let place = place(&info);
        let link =
            Link::new(info, self.patience).map_err(|failure| failure.into_error("open", &place))?;
        let nature = nature::ask(&link)
            .await
            .map_err(|failure| failure.into_error("open", &place))?;
        let refusal = if nature.is_replica {
            Some("is a read-only replica: connect to the primary, or through Sentinel")
        } else if nature.is_cluster {
            Some(
                "belongs to a cluster, which this store does not span: use a single server, or Sentinel",
            )
        } else if self.refuses_eviction && nature.evicts {
            Some(
                "may drop living sessions to make room, or does not tell: set `maxmemory-policy noeviction`",
            )
        } else {
            None
        };
        if let Some(what) = refusal {
            let context = format!("the Redis server at {place} {what}");
            return Err(Error::new(ErrorKind::Unavailable, "open", context));
        }
        if nature.evicts {
            tracing::warn!(%place, "the Redis server may drop living sessions to make room, or does not tell whether it does");
        }
        Ok(RedisStore::new(
            place,
            link,
            &self.prefix,
            self.patience,
            nature,
        ))
    }
}

/// Without the URL, which may hold a password.
impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("prefix", &self.prefix)
            .field("patience", &self.patience)
            .field("refuses_eviction", &self.refuses_eviction)
            .finish_non_exhaustive()
    }
}

/// What to call the server in messages: its address and database.
fn place(info: &ConnectionInfo) -> String {
    let database = info.redis_settings().db();
    match info.addr() {
        ConnectionAddr::Tcp(host, port) => format!("redis://{host}:{port}/{database}"),
        ConnectionAddr::TcpTls { host, port, .. } => format!("rediss://{host}:{port}/{database}"),
        ConnectionAddr::Unix(path) => format!("unix://{}?db={database}", path.display()),
        // The driver may learn of more ways to a server.
        _ => "an address of another kind".into(),
    }
}
