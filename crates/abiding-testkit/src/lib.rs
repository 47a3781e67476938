//! Proves that a session store keeps the promises of `abiding`.
//!
//! For whoever writes a store, inside the project or outside it: everything here goes by the public
//! interface of the core. For whoever tests an application: [`ManualClock`] moves time, [`Faulty`] makes
//! a store fail, [`cancel_at_every_await`] cuts a request off.
//!
//! # A store of your own
//! Implement [`abiding::Store`], and [`Sweep`](abiding::store::Sweep), [`Scan`](abiding::store::Scan)
//! and [`Subjects`](abiding::store::Subjects) as far as your database allows. Add this crate to the
//! `dev-dependencies`, and write one file `tests/conformance.rs`:
//!
//! ```
//! # use abiding::MemoryStore as MyStore;
//! # mod conformance_rs { use super::*;
//! abiding_testkit::conformance! {
//!     store: MyStore::new(),
//!     powers: [scan, subjects, sweep, watch],
//! }
//! # }
//! ```
//!
//! That is a test for each promise, named as the sentence it proves, such as
//! `commit::commit_to_a_record_that_is_gone_creates_nothing`; those in which many come at once are run
//! in one task and on threads. What to do with a runtime, a connection that must be awaited, or a
//! server that is not there, [`conformance!`] says. Keys are fresh and random and no test empties
//! the store, so they may share one server with each other and with anything but a live application:
//! what it keeps has ended by the clock of the tests, which begins at [`ManualClock::START`].
//!
//! A single promise is an ordinary function:
//!
//! ```
//! use abiding_testkit::{Crowd, block_on, conformance};
//!
//! let store = abiding::MemoryStore::new();
//! block_on(conformance::create::create_refuses_an_existing_key(&store));
//! block_on(conformance::race::fifty_concurrent_commits_keep_fifty_keys(&store, Crowd::in_one_task()));
//! ```
//!
//! # Everything at once
//! Promises that hold one by one may still fail together. [`walk::run`] sends thousands of random
//! requests through a manager to the store, with faults, and holds what comes back against a model:
//!
//! ```
//! # use abiding::MemoryStore as MyStore;
//! use abiding_testkit::walk;
//!
//! walk::run(20, 1, MyStore::new).unwrap_or_else(|failure| panic!("{failure}"));
//! ```
//!
//! # What a thief finds
//! [`Canary`] knows what must not stand in a dump of a store: no value, no name, and no way into a session.
//!
//! # A server to test against
//! `servers` (on Unix) starts real ones, each in a folder of its own, and ends them with the test.
//!
//! # Several processes
//! `torture` (on Unix) sends visitors from several processes to one store, kills what keeps it or who uses
//! it, and counts what was lost, came back or got mixed up: one row of a table, for any store.
//!
//! `rolling` (on Unix) has visitors with cookie jars go on over HTTP while two server processes are deployed anew,
//! one after the other, through all phases of a move, and killed meanwhile.
//!
//! # What it does not look at
//! The length of a sweep is a promise of a store's own documentation, to be tested beside it.

mod canary;
mod cancel;
mod clock;
pub mod conformance;
pub mod crossing;
mod faults;
mod jar;
#[cfg(unix)]
mod process;
mod random;
#[cfg(unix)]
pub mod rolling;
mod run;
#[cfg(unix)]
pub mod servers;
#[cfg(unix)]
pub mod torture;
pub mod walk;

pub use canary::Canary;
pub use cancel::cancel_at_every_await;
pub use clock::ManualClock;
pub use faults::{Fault, Faulty, Gate, Operation, Plan};
pub use run::{Crowd, block_on};
