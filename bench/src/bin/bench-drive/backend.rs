//! The server that a pair keeps its sessions on: started for it, on this machine, and gone with it.

use std::io;

use abiding_testkit::servers::{postgres::PostgresServer, redis::RedisServer};

use crate::plan::{Pair, Side};

/// What both sides of a pair talk to, each in a place of its own.
pub(crate) enum Backend {
    /// They need no server.
    Nothing,
    Postgres(Box<PostgresServer>),
    /// Ours, theirs.
    Redis(Box<[RedisServer; 2]>),
}

impl Backend {
    pub(crate) fn start(pair: &Pair) -> io::Result<Self> {
        let missing = || {
            let message = format!("{} is not installed", pair.store);
            io::Error::new(io::ErrorKind::NotFound, message)
        };
        Ok(match pair.store {
            "postgres" => Self::Postgres(Box::new(PostgresServer::new().ok_or_else(missing)?)),
            "redis" => {
                let server = || RedisServer::new().ok_or_else(missing);
                Self::Redis(Box::new([server()?, server()?]))
            }
            _ => Self::Nothing,
        })
    }

    /// How a side is told of its place: both by TCP.
    pub(crate) fn variable(&self, side: Side) -> Option<(&'static str, String)> {
        match self {
            Self::Nothing => None,
            Self::Postgres(server) => {
                let url = server.url(&server.database());
                let owner = url.split('@').next().unwrap_or_default();
                let database = url.rsplit('/').next().unwrap_or_default();
                let url = format!("{owner}@{}/{database}", server.address());
                Some(("PG_URL", url))
            }
            Self::Redis(servers) => {
                let server = &servers[usize::from(side == Side::Theirs)];
                Some(("REDIS_URL", server.url()))
            }
        }
    }
}
