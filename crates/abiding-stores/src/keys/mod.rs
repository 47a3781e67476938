//! Where an application's keys come from, and the file that is rotated while processes follow it.
//!
//! A program names its keys by a [`KeySource`], in one grammar: a file, a variable, a descriptor, a
//! credential of systemd. Keys that others may read, or that keep no secret, are refused with the
//! remedy and never quietly replaced: fresh keys would log everybody out. No message holds a key.
//!
//! ```
//! use abiding_stores::keys::KeySource;
//! # let directory = std::env::temp_dir().join(format!("abiding-doc-keys-{}", std::process::id()));
//! # std::fs::create_dir_all(&directory)?;
//! # let setting = directory.join("session.key").display().to_string();
//!
//! // From the settings of the program: `/etc/app/session.key`, `env:APP_KEY`, `fd:3`.
//! let source = KeySource::parse(&setting)?;
//! let made = source.load_or_create()?; // development: makes the file if there is none
//! assert_eq!(source.load()?.ids(), made.ids()); // production
//! # std::fs::remove_dir_all(&directory)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A key from elsewhere, a vault for example, is a [`KeyList`](abiding::KeyList) of its text.

mod error;
mod file;
mod source;

pub use error::KeyError;
pub use file::KeyFile;
pub use source::KeySource;
