//! Where sessions are kept, and where their keys come from.
//!
//! One module and one feature for each store; every one of them passes the conformance suite of
//! `abiding-testkit`. [`keys`] is always there: an application needs its keys wherever the sessions
//! lie.
//!
//! | feature | store | processes | survives |
//! |---|---|---|---|
//! | `postgres` | `postgres::PostgresStore` | all on any number of machines | a crash of the server, and power loss unless told otherwise |
//! | `redis` | `redis::RedisStore`, on Redis or Valkey | all on any number of machines | what the server survives, and a failover where replicas are waited for |
//! | `sqlite` (default) | `sqlite::SqliteStore` | all on one machine | `kill -9`, and power loss unless told otherwise |

pub mod keys;
#[cfg(feature = "postgres")]
pub mod postgres;
mod private_file;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(test)]
mod scratch;
