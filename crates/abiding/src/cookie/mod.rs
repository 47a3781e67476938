//! Cookies: finding the session's one in a request, and spelling it for a response.
//! Knows neither keys nor sessions; the value is opaque here.

#[cfg(feature = "flask")]
mod flask;
mod read;
mod write;

pub(crate) use read::{Presented, find};
pub(crate) use write::MAX_COOKIE;
pub use write::{CookieSpec, SameSite};
