//! Sessions as rows of a table on a server: whatever server it is.
//!
//! A store brings the questions, in the words of its server, as an implementation of [`Questions`]; which
//! of them an operation asks, and what it makes of the answers, is in [`changes`].

pub(crate) mod changes;
mod lanes;
mod name;
mod outage;
mod questions;
mod rows;
mod survey;

pub(crate) use lanes::{Lane, Lanes};
pub(crate) use name::TableName;
pub(crate) use outage::Outages;
pub(crate) use questions::{Again, Arrived, Questions, Reached, Tries};
pub(crate) use rows::{ALIAS, COLUMNS, HOPS, RECORD, Row, SNAPSHOT, Stored, Way};
pub(crate) use survey::{census, question};
