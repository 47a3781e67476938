//! Web sessions that stay: nothing written is lost, nothing ended returns, operations log nobody out.
//!
//! This is the core: the engine, the key ring, the store contract and the memory store, without a
//! runtime, a driver or I/O. Applications meet it through an adapter (`abiding-tower` for axum and
//! tower) and a store (`abiding-stores`).
//!
//! An adapter calls [`Manager::open`] when a request begins, hands the [`Session`] to the handler, and
//! calls [`Manager::close`] when the head of the response is ready:
//!
//! ```
//! use abiding::{KeyRing, Manager, MemoryStore};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let manager = Manager::builder(MemoryStore::new()).keys(KeyRing::generate()?).build()?;
//!
//! let session = manager.open([]);
//! session.insert("step", &1)?;
//! let closing = manager.close(&session, false).await?;
//!
//! let cookie = closing.set_cookie.unwrap();
//! let pair = cookie.split(';').next().unwrap();
//! let session = manager.open([pair.as_bytes()]);
//! assert_eq!(session.get::<u32>("step").await?, Some(1));
//! # Ok(()) }
//! # let mut future = std::pin::pin!(example());
//! # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! # assert!(matches!(future.as_mut().poll(&mut context), std::task::Poll::Ready(Ok(()))));
//! ```
//!
//! The words: a **session** is what a handler holds, a **record** what a store keeps; an **id** is the
//! visitor's secret, a **store key** its name in a store, a **handle** its name for people; a *timeout*
//! or *lifetime* is a duration, a *deadline* an instant.

mod base64url;
mod clock;
mod codec;
#[cfg(feature = "flask")]
pub mod compat;
mod cookie;
mod delta;
mod ending;
mod engine;
mod error;
mod expiry;
mod id;
pub mod inspect;
mod keyring;
mod ledger;
mod manager;
mod notes;
mod record;
mod rejection;
mod session;
pub mod store;

pub use clock::{Clock, SystemClock, Timestamp};
pub use cookie::{CookieSpec, SameSite};
pub use delta::MAX_KEY_LEN;
pub use ending::Ending;
pub use error::{ConfigError, Error, ErrorKind, Result};
pub use expiry::Expiry;
pub use id::{SessionId, StoreKey};
pub use keyring::{Key, KeyId, KeyList, KeyRing, KeyStanding, KeyUsage};
pub use ledger::Ledger;
pub use manager::{
    Brought, ClientSideBuilder, Closing, Crossings, LeftBehind, Manager, ManagerBuilder, Phase,
    Profile, Summary,
};
pub use record::{Found, Record, SubjectKey, Version};
pub use rejection::Rejection;
#[cfg(feature = "flask")]
pub use session::Spelled;
pub use session::{Flash, Info, Session, Standing, Typed};
#[cfg(feature = "flask")]
pub use store::flask_session::FlaskSession;
pub use store::{MemoryStore, Store};
