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
//!
//! Around the sessions stand the guards of a web application, each of use without the others:
//!
//! | | |
//! |---|---|
//! | [`SameOrigin`] | refuses what another site made a browser send |
//! | [`GuardedForm`] | refuses a form that this application did not show to this session, and keeps what was typed |
//! | [`ClientLayer`] | tells who the client is: through [`Proxies`] that are named, and through no others |
//!
//! What a guard refuses leaves a mark in the response's extensions ([`CrossSite`], [`FormRefusal`], [`Failure`]), so
//! that a middleware around it can show a page of the application's own:
//!
//! ```
//! # use abiding::{KeyRing, Manager, MemoryStore};
//! use abiding_tower::{ClientLayer, CrossSite, FormRefusal, GuardedForm, Proxies, SameOrigin, Session, SessionLayer};
//! use axum::{Router, extract::Request, middleware::{Next, from_fn}, response::{IntoResponse, Response}, routing::post};
//!
//! async fn sign_out(session: Session, _: GuardedForm) {
//!     session.logout();
//! }
//!
//! async fn explain(request: Request, next: Next) -> Response {
//!     let response = next.run(request).await;
//!     let marks = response.extensions();
//!     if marks.get::<CrossSite>().is_some() || marks.get::<FormRefusal>().is_some_and(FormRefusal::forged) {
//!         return (response.status(), "Open the page here, and send it again.").into_response();
//!     }
//!     response
//! }
//!
//! # let manager = Manager::builder(MemoryStore::new()).keys(KeyRing::generate()?).build()?;
//! let app: Router = Router::new()
//!     .route("/sign-out", post(sign_out))
//!     .layer(SessionLayer::new(manager))
//!     .layer(SameOrigin::new())
//!     .layer(from_fn(explain))
//!     .layer(ClientLayer::new(Proxies::trusting(["10.0.0.0/8".parse()?])));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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

/// So do the programs of the operators' guide.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/keys.md")]
struct Keys;

/// And that of the guide to a move.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/migration.md")]
struct Migration;
