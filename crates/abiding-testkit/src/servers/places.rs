//! Where sessions may be kept: a place of each kind behind one type, with the URL that opens a store there.
//!
//! One row for each place that tests of all stores go to: [`PLACES`]. What knows no driver opens the URL with
//! `abiding_stores::open`, or hands it to a program.

use std::{fmt, time::Duration};

use super::{
    Folder,
    memcached::MemcachedServer,
    mysql::MysqlServer,
    postgres::PostgresServer,
    redis::{RedisCluster, RedisSentinels, RedisServer},
};

/// Every place. Those of one kind of store stand side by side.
pub static PLACES: &[Place] = &[
    Place {
        name: "file",
        begin: || Some(Box::new(InFolder(Folder::new("file"), "file", "sessions"))),
    },
    Place {
        name: "sqlite",
        begin: || {
            Some(Box::new(InFolder(
                Folder::new("sqlite"),
                "sqlite",
                "sessions.db",
            )))
        },
    },
    Place {
        name: "memcached",
        begin: || Some(Box::new(MemcachedServer::new()?)),
    },
    Place {
        name: "mysql",
        begin: || Some(Box::new(MysqlPlace::new()?)),
    },
    Place {
        name: "postgres",
        begin: || Some(Box::new(PostgresServer::new()?)),
    },
    Place {
        name: "redis, appendfsync always",
        begin: || Some(Box::new(RedisServer::appending("always")?)),
    },
    Place {
        name: "redis, nothing on disk",
        begin: || Some(Box::new(RedisServer::new()?)),
    },
    Place {
        name: "redis, Sentinels, replicas=1",
        begin: || Some(Box::new(Replicated(RedisSentinels::new()?))),
    },
    Place {
        name: "redis, Cluster, replicas=1",
        begin: || {
            let cluster = RedisCluster::with(Duration::from_secs(4))?;
            Some(Box::new(Shared(cluster)))
        },
    },
];

/// A kind of place.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Place {
    /// The name of the store, and behind a comma how the server is set.
    pub name: &'static str,
    begin: fn() -> Option<Box<dyn Standing>>,
}

impl Place {
    /// Makes such a place, empty; `None` where its program is not installed, which was said then.
    pub fn begin(&self) -> Option<Box<dyn Standing>> {
        (self.begin)()
    }

    /// The name of the store.
    pub fn store(&self) -> &'static str {
        self.name.split(',').next().unwrap_or_default()
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A place that was made, and is gone when it is dropped.
pub trait Standing: Send + fmt::Debug {
    /// What opens a store there.
    fn url(&self) -> String;

    /// Whether a server keeps the sessions, which can be killed; otherwise the processes that use it do.
    fn is_served(&self) -> bool {
        true
    }

    /// Ends the server at once, as a power cut would.
    fn kill(&mut self);

    /// Starts it again, over what it had kept.
    fn start(&mut self);
}

/// A server, and a database of it.
#[derive(Debug)]
struct MysqlPlace {
    server: MysqlServer,
    database: String,
}

impl MysqlPlace {
    fn new() -> Option<Self> {
        let server = MysqlServer::new()?;
        let database = server.database();
        Some(Self { server, database })
    }
}

impl Standing for MysqlPlace {
    fn url(&self) -> String {
        self.server.url(&self.database)
    }

    fn kill(&mut self) {
        self.server.kill();
    }

    fn start(&mut self) {
        self.server.start();
    }
}

impl Standing for MemcachedServer {
    fn url(&self) -> String {
        self.url()
    }

    fn kill(&mut self) {
        self.kill();
    }

    fn start(&mut self) {
        self.start();
    }
}

impl Standing for PostgresServer {
    fn url(&self) -> String {
        self.url("postgres")
    }

    fn kill(&mut self) {
        self.kill();
    }

    fn start(&mut self) {
        self.start();
    }
}

impl Standing for RedisServer {
    fn url(&self) -> String {
        self.url()
    }

    fn kill(&mut self) {
        self.kill();
    }

    fn start(&mut self) {
        self.start();
    }
}

/// Sentinels, and a store that waits for a replica.
#[derive(Debug)]
struct Replicated(RedisSentinels);

impl Standing for Replicated {
    fn url(&self) -> String {
        format!("{}?replicas=1&patience=20000", self.0.url())
    }

    fn kill(&mut self) {
        self.0.kill_primary();
    }

    fn start(&mut self) {
        self.0.mend();
    }
}

/// A cluster, and a store that waits for a replica.
#[derive(Debug)]
struct Shared(RedisCluster);

impl Standing for Shared {
    fn url(&self) -> String {
        format!("{}?replicas=1&patience=20000", self.0.url())
    }

    fn kill(&mut self) {
        self.0.kill_owner(0);
    }

    fn start(&mut self) {
        self.0.mend();
    }
}

/// In a folder of its own, by a scheme and a name.
#[derive(Debug)]
struct InFolder(Folder, &'static str, &'static str);

impl Standing for InFolder {
    fn url(&self) -> String {
        let Self(folder, scheme, name) = self;
        format!("{scheme}://{}", folder.file(name).display())
    }

    fn is_served(&self) -> bool {
        false
    }

    fn kill(&mut self) {}

    fn start(&mut self) {}
}
