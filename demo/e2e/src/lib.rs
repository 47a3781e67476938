//! The stage for browser tests: the real demo on a free port, a real Chromium, and the means to hurt them.
//!
//! The tests in `tests` call it, those of the examples in Flask too; it calls the demo's debug binary and Debian's `chromedriver`, and speaks WebDriver
//! itself, because the dozen commands needed here are less than the smallest client library.
//! Whatever it starts ends with the test process, however that ends. It panics where a test could not go on anyway.

mod axe;
mod browser;
mod demo;
mod driver;
mod element;
mod example;
mod http;
mod leash;
mod proxy;
mod required;
mod scratch;
mod screenshot;

pub use browser::{Browser, Cookie, Tab};
pub use demo::Demo;
pub use driver::available;
pub use element::{Element, Key};
pub use example::Example;
pub use proxy::Proxy;
