//! Web sessions that stay.
#![allow(dead_code)]

mod clock;
mod codec;
mod delta;
mod error;
mod id;
pub mod keyring;
mod record;
pub mod store;

pub use clock::{Clock, SystemClock, Timestamp};
pub use codec::MAX_KEY_LEN;
pub use error::{ConfigError, Error, ErrorKind, Result};
pub use id::{SessionId, StoreKey};
pub use keyring::{Key, KeyId, KeyRing};
pub use record::{Found, Record, SubjectKey, Version};
pub use store::{MemoryStore, Store};
