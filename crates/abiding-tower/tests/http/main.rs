//! Sessions over HTTP: a real router, a real layer, real cookies, on every store at hand.
//!
//! Each test is a play on a [`stage::Stage`]: browsers visit an application whose handler the test
//! writes on the spot, the clock stands still until it is moved, and the store fails when told to. A
//! *scar* is a class of failures seen in published session libraries; the test guards against it.

#![expect(
    clippy::unwrap_used,
    clippy::unit_arg,
    reason = "tests: what fails is the test, and `Ok(session.renew())` is a handler in a line"
)]

/// Plays each of these on a stage over every store.
macro_rules! on_each_store {
    ($($play:ident),+ $(,)?) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $play() {
                super::$play(crate::stage::Stage::on_memory()).await;
            })+
        }

        mod on_sqlite {
            $(#[tokio::test]
            async fn $play() {
                super::$play(crate::stage::Stage::on_sqlite()).await;
            })+
        }
    };
}

mod browser;
mod stage;

mod crowded;
mod deadline;
mod endings;
mod expiry;
mod forms;
mod guards;
mod identity;
mod keys;
mod layers;
mod lost;
mod one_request;
mod outage;
mod revocable;
mod sealed;
mod secrecy;
mod settling;
mod signing;
mod sockets;
mod typed;
mod watching;
