//! Sessions that Flask-Session left, read and written where they lie, on real servers.

#![cfg(feature = "flask")]
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the helpers of tests are not seen to be tests"
)]

mod browser;
mod cookies;
mod crossing;
mod engines;
#[path = "../../../abiding/tests/vectors/folder.rs"]
#[expect(dead_code, reason = "the vectors of the core need more of it")]
mod folder;
mod fuzz;
mod interchange;
mod manners;
#[path = "../../../abiding/tests/vectors/notation.rs"]
mod notation;
mod promises;
mod python;
mod random;
#[cfg(any(feature = "file", feature = "sqlite"))]
#[path = "../../src/scratch.rs"]
mod scratch;
mod vectors;
mod walks;

use std::sync::LazyLock;

use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Runs one test where the connections live.
fn run<T>(test: impl Future<Output = T>) -> T {
    RUNTIME.block_on(test)
}
