//! The memory store keeps the promises, and stores with a known flaw are found out.

mod any;
mod caught;
mod circles;
mod crossing;
mod flawed;
mod ledger;
mod meeting;
mod memory;
mod moving;
mod privileges;
mod returning;
mod walk;
