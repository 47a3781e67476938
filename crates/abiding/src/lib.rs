//! Web sessions that stay.

mod clock;
mod codec;
mod cookie;
mod delta;
mod engine;
mod error;
mod expiry;
mod id;
mod keyring;
mod manager;
mod record;
mod session;
pub mod store;

pub use clock::{Clock, SystemClock, Timestamp};
pub use codec::MAX_KEY_LEN;
pub use cookie::{CookieSpec, SameSite};
pub use error::{ConfigError, Error, ErrorKind, Result};
pub use expiry::Expiry;
pub use id::{SessionId, StoreKey};
pub use keyring::{Key, KeyId, KeyRing};
pub use manager::{ClientSideBuilder, Closing, Manager, ManagerBuilder, Profile, Rejection, Summary};
pub use record::{Found, Record, SubjectKey, Version};
pub use session::{Flash, Info, Session, Standing, Typed};
pub use store::{MemoryStore, Store};
