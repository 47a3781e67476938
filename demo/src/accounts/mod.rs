//! Accounts.

mod agent;
mod passwords;
