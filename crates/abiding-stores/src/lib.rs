//! Where sessions are kept, and where their keys come from.
//!
//! One module and one feature for each store; every one of them passes the conformance suite of
//! `abiding-testkit`. [`keys`] is always there: an application needs its keys wherever the sessions
//! lie. [`open`] opens any of them by its URL, and [`catalogue`] says which there are.
//!
//! <!-- table: features (cargo xtask tables) -->
//! | feature | store | processes | survives |
//! |---|---|---|---|
//! | `file` | Files in a folder | all on one machine | power loss; `kill -9` alone with `durability=process` |
//! | `memcached` | memcached | all, on any number of machines | the end of the processes that use it; nothing survives the end of the server, which may also drop living sessions to make room |
//! | `mysql` | MariaDB, MySQL | all, on any number of machines | a crash of the server and power loss, unless its `innodb_flush_log_at_trx_commit` says less |
//! | `postgres` | PostgreSQL | all, on any number of machines | a crash of the server and power loss; less with `durability=lazy` or `unlogged` |
//! | `redis` | Redis, by itself, behind Sentinels or as a Cluster | all, on any number of machines | what the server's does: all with `appendfsync always`, a failover with `replicas=1`, else a crash loses seconds |
//! | `sqlite` | SQLite | all on one machine | power loss; `kill -9` alone with `durability=process` |
//! <!-- end of table -->

pub mod catalogue;
mod checkup;
#[cfg(feature = "file")]
pub mod file;
#[cfg(feature = "flask")]
pub mod flask_session;
pub mod keys;
#[cfg(feature = "memcached")]
pub mod memcached;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "redis"))]
mod parts;
#[cfg(any(feature = "file", feature = "sqlite"))]
mod patience;
#[cfg(feature = "postgres")]
pub mod postgres;
mod private_file;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "file", feature = "sqlite"))]
mod reply;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod table;
mod url;

pub use checkup::Checkup;
#[cfg(all(
    feature = "flask",
    any(
        feature = "file",
        feature = "memcached",
        feature = "mysql",
        feature = "postgres",
        feature = "redis",
        feature = "sqlite"
    )
))]
pub use url::FlaskPlace;
pub use url::{Aside, StoreUrl, StoreUrlError, open};

#[cfg(test)]
mod scratch;
