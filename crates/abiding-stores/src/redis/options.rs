//! How a server is reached, and everything that can be chosen about it.

use std::{fmt, time::Duration};

use abiding::{Error, ErrorKind, Result};

use super::{RedisStore, nodes::Nodes, route::Target};

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
    replicas: u32,
    sentinel_password: Option<Box<str>>,
    pub(super) roots: Option<Box<[u8]>>,
}

impl RedisOptions {
    /// The defaults, for the server at `url`. User, password, port and database may be left out, and what is
    /// neither letter nor digit in a password is spelled as in `%40`.
    ///
    /// | URL | is |
    /// |---|---|
    /// | `redis://user:password@host:6379/0` | one server |
    /// | `unix:///path/of/socket?db=0&user=…&pass=…` | one server on this machine |
    /// | `rediss://…` | one server, over TLS (feature `redis-tls`) |
    /// | `redis+sentinel://user:password@host:26379,host,host/service/0` | the primary of a service, as Sentinels at these places know it |
    /// | `rediss+sentinel://…` | the same, all of them over TLS |
    /// | `redis+cluster://user:password@host:6379,host,host/` | a Redis Cluster, of which these are some servers |
    /// | `rediss+cluster://…` | the same, all of them over TLS, each under the name by which the others announce it |
    pub fn new(url: impl Into<Box<str>>) -> Self {
        Self {
            url: url.into(),
            prefix: "abiding:".into(),
            patience: Duration::from_secs(5),
            refuses_eviction: false,
            replicas: 0,
            sentinel_password: None,
            roots: None,
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

    /// How many replicas must have a write before it is acknowledged; 0 unless told otherwise.
    ///
    /// Replicas follow a primary at a distance: what it acknowledged a moment before its death is lost with it. With
    /// 1, a failover to the replica that is furthest ahead, as Sentinel chooses it, loses nothing that was
    /// acknowledged. It costs no round trip of this process, and the time that replicas take: writes have a
    /// connection of their own then, on which each waits for the one before. A write that too few confirm within the patience is an error, though it is done.
    ///
    /// It takes one replica more to go on after a failover than to survive it: where the one that there was
    /// has become the primary, nothing is acknowledged until another one follows it.
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// The password for the Sentinels, which have none of the primary's; none unless told otherwise.
    pub fn sentinel_password(mut self, password: impl Into<Box<str>>) -> Self {
        self.sentinel_password = Some(password.into());
        self
    }

    /// The certificates to trust a server by, in PEM, instead of those that the system trusts: for an
    /// authority of one's own.
    #[cfg(feature = "redis-tls")]
    pub fn root_certificates(mut self, pem: impl Into<Box<[u8]>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Connects, and looks what kind of server it is.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the server cannot be reached within the patience, refuses the user or
    /// password, is a read-only replica or is a part of a cluster where the URL says otherwise, or evicts and must not. The message names the server and the
    /// remedy, and never the password.
    pub async fn open(self) -> Result<RedisStore> {
        let unusable = |what: &'static str| Error::new(ErrorKind::Unavailable, "open", what);
        let password = self.sentinel_password.as_deref();
        let (target, place) = Target::parse(&self.url, password, self.roots.as_deref()).map_err(|cause| {
            // The driver's message may hold a part of the URL.
            drop(cause);
            unusable(
                "the URL of the Redis server is not one: write `redis://user:password@host:port/database`, \
                 `redis+sentinel://user:password@host:port,host:port/service/database`, \
                 `redis+cluster://user:password@host:port,host:port/`, or `unix:///path`; `rediss` \
                 instead of `redis` is TLS, and needs the feature `redis-tls`",
            )
        })?;
        if self.prefix.is_empty() {
            return Err(unusable(
                "the prefix of the Redis store is empty: give its keys a beginning of their own",
            ));
        }
        let is_cluster = matches!(target, Target::Cluster(_));
        let nodes = Nodes::new(target, self.patience, self.replicas);
        let nature = nodes
            .nature()
            .await
            .map_err(|failure| failure.into_error("open", &place))?;
        let refusal = if nature.is_replica {
            Some("is a read-only replica: connect to the primary, or through Sentinel")
        } else if nature.is_cluster && !is_cluster {
            Some("belongs to a cluster: write `redis+cluster://` in its URL")
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
            nodes,
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
            .field("replicas", &self.replicas)
            .finish_non_exhaustive()
    }
}
