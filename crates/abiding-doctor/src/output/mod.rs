//! A report as text: for people, as JSON, as SARIF.

mod human;
mod json;
mod sarif;
