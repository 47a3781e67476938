//! What is wrong with a configuration of sessions, why it matters, and what to do.
//!
//! Sources are read into one value, [`Facts`]: the files of a source tree, the configuration of a running
//! Flask application, what a URL answers, what a store says of itself. Rules are a table, [`RULES`], of pure
//! functions over facts. [`examine`] holds them against each other and answers a [`Report`], which prints for
//! people, as JSON and as SARIF. Nothing that is read is executed, and no secret that is found is printed.
//!
//! ```
//! use abiding_doctor::{Facts, Silences, Severity, examine};
//!
//! let facts = Facts::of_application(r#"{"settings": {"SECRET_KEY": "dev"}, "interface": ""}"#)?;
//! let report = examine(&facts, &Silences::default());
//! assert_eq!(report.worst(), Some(Severity::Error));
//! assert!(report.findings().iter().any(|finding| finding.rule.id == "DR-1"));
//! # Ok::<(), abiding_doctor::Error>(())
//! ```

#![cfg_attr(
    not(feature = "full"),
    allow(dead_code, reason = "what a source that is left out would find")
)]

mod application;
mod error;
mod facts;
#[cfg(feature = "live")]
mod live;
mod live_cookie;
mod output;
mod picture;
mod published;
mod report;
mod requirement;
mod rule;
mod rules;
mod secret;
mod silence;
#[cfg(feature = "store")]
mod store;
pub mod tables;
mod timeouts;
#[cfg(feature = "tree")]
mod tree;
mod value;

pub use error::Error;
pub use facts::{Facts, Origin};
pub use report::{Finding, Report, examine};
pub use rule::{Rule, Severity, Source};
pub use rules::RULES;
pub use silence::Silences;
