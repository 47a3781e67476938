//! Errors as Python raises them: one exception a kind, all of them in `abiding.errors`.

use std::error::Error as _;

use abiding::{ConfigError, Error, ErrorKind};
use pyo3::{prelude::*, sync::PyOnceLock, types::PyType};

/// The exception for what the library could not do.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    let name = match error.kind() {
        ErrorKind::Contended => "ContendedError",
        ErrorKind::Corrupt => "CorruptError",
        ErrorKind::Decode => "DecodeError",
        ErrorKind::Encode => "EncodeError",
        ErrorKind::Gone => "GoneError",
        ErrorKind::Randomness => "RandomnessError",
        ErrorKind::TooLarge => "TooLargeError",
        ErrorKind::Unsupported => "UnsupportedError",
        // Kinds that are yet to come fail closed, as a store that is down does.
        _ => "UnavailableError",
    };
    let message = match error.source() {
        Some(cause) => format!("{error} ({cause})"),
        None => error.to_string(),
    };
    exception(py, name, message)
}

/// The exception for a setting that cannot work.
pub(crate) fn misconfigured(py: Python<'_>, error: &ConfigError) -> PyErr {
    exception(py, "ConfigError", error.to_string())
}

/// The exception for a setting that cannot work, told in one's own words.
pub(crate) fn wrong_setting(py: Python<'_>, message: impl Into<String>) -> PyErr {
    exception(py, "ConfigError", message.into())
}

fn exception(py: Python<'_>, name: &str, message: String) -> PyErr {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = MODULE.get_or_try_init(py, || {
        PyModule::import(py, "abiding.errors").map(Bound::unbind)
    });
    let class =
        module.and_then(|module| Ok(module.bind(py).getattr(name)?.cast_into::<PyType>()?));
    match class {
        Ok(class) => PyErr::from_type(class, message),
        Err(error) => error,
    }
}
