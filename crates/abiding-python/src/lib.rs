//! The native half of the Python package `abiding`: a manager of sessions, and Flask's signed cookie.
//!
//! Knows no framework. A request's `Cookie` header comes in, a dict of values goes out, and the reverse;
//! everything in between happens here, detached from the interpreter while a store is waited for. The
//! other half, in `python/abiding`, speaks to frameworks.

mod cookie;
mod cookies;
mod doctor;
mod errors;
mod flask_session;
mod house;
mod keys;
mod known;
mod place;
mod session;
mod sessions;
mod values;

use pyo3::prelude::*;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(doctor::examine_application, module)?)?;
    module.add_class::<cookies::CookieValues>()?;
    module.add_class::<cookies::SignedCookies>()?;
    module.add_class::<session::Closing>()?;
    module.add_class::<session::Session>()?;
    module.add_class::<sessions::Sessions>()
}
