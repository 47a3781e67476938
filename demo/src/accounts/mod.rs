//! Accounts.

mod agent;
mod backoff;
mod passwords;
mod users;
