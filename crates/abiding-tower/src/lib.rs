//! abiding for tower and axum: a layer that opens and settles sessions, and extractors that hand them out.
//!
//! ```
//! use abiding::{KeyRing, Manager, MemoryStore};
//! use abiding_tower::{Failure, Session, SessionLayer};
//! use axum::{Router, routing::get};
//!
//! async fn count(session: Session) -> Result<String, Failure> {
//!     let visits = session.update("visits", |visits: Option<u32>| visits.unwrap_or(0) + 1).await?;
//!     Ok(format!("visit {visits}"))
//! }
//!
//! let manager = Manager::builder(MemoryStore::new()).keys(KeyRing::generate()?).build()?;
//! let app: Router = Router::new().route("/", get(count)).layer(SessionLayer::new(manager));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Headers in, headers out: what is decided about a session is decided in the engine.

mod address_error;
mod client;
#[cfg(feature = "tokio")]
mod deadline;
#[cfg(feature = "axum")]
mod extract;
mod failure;
#[cfg(feature = "axum")]
mod form;
mod future;
mod headers;
#[cfg(feature = "tokio")]
mod keys;
mod layer;
mod same_origin;
mod service;
#[cfg(feature = "tokio")]
mod sweeper;

pub use address_error::AddressError;
pub use client::{Client, ClientLayer, ClientService, Network, Proxies};
#[cfg(feature = "tokio")]
pub use deadline::Deadline;
#[cfg(feature = "axum")]
pub use extract::{MissingLayer, Session, Typed, TypedRejection};
pub use failure::Failure;
#[cfg(feature = "axum")]
pub use form::{FORM_TOKEN, FORM_TOKEN_HEADER, FormRefusal, GuardedForm};
pub use future::ResponseFuture;
#[cfg(feature = "tokio")]
pub use keys::spawn_key_follower;
pub use layer::SessionLayer;
pub use same_origin::{CrossSite, SameOrigin, SameOriginFuture, SameOriginService};
pub use service::SessionService;
#[cfg(feature = "tokio")]
pub use sweeper::{SweepPace, spawn_sweeper};

/// The README's program compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
