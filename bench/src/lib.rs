//! What the benchmark programs share: the host, the contract of the endpoints, and statistics.
//!
//! `bench-server` serves the endpoints on abiding, `compare/` serves them on other libraries, and
//! `bench-drive` measures the two beside each other. The other programs measure without sockets.

pub mod contract;
pub mod endpoints;
pub mod host;
pub mod statistics;
