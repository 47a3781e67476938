//! Python values and what a session keeps them as.
//!
//! Every type of the standard library that sessions hold keeps itself: what JSON lacks is tagged. Subclasses
//! become what they are a subclass of, dataclasses dicts; everything else is refused with the way to it and
//! its type.

mod from_json;
mod from_python;
mod shade;
mod to_json;
mod to_python;

pub(crate) use shade::Shade;

use abiding::compat::{Dict, Value};
use pyo3::{
    prelude::*,
    types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyString},
};

/// The value at one key of a session.
pub(crate) fn from(key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    from_python::value(value).map_err(|refused| refused.at(key))
}

/// The key of a session.
pub(crate) fn key_from(key: &Bound<'_, PyAny>) -> PyResult<Value> {
    from_python::value(key).map_err(|refused| refused.at(key))
}

/// The Python object that has this value.
pub(crate) fn to<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    to_python::value(py, value)
}

/// The object that this JSON says; nothing where the core has to read it.
pub(crate) fn of_json<'py>(py: Python<'py>, json: &str) -> Option<Bound<'py, PyAny>> {
    from_json::value(py, json)
}

/// Puts the pairs of a session in JSON into an empty dict; nothing, and it stays empty, where the core has to read it.
pub(crate) fn pairs_of_json(json: &[u8], into: &Bound<'_, PyDict>) -> Option<()> {
    from_json::pairs(std::str::from_utf8(json).ok()?, into)
}

/// The JSON that Flask's cookie has of a session; nothing where the core has to write it.
pub(crate) fn json_of(session: &Bound<'_, PyDict>, sort_keys: bool) -> Option<String> {
    to_json::session(session, sort_keys)
}

/// A whole session, as Flask's cookie holds it.
pub(crate) fn dict_from(dict: &Bound<'_, PyDict>) -> PyResult<Dict> {
    let value = from_python::value(dict.as_any());
    match value.map_err(|refused| refused.anywhere(dict.py()))? {
        Value::Dict(dict) => Ok(dict),
        _ => Ok(Dict::new()),
    }
}

/// Whether the very same object must still have the same value.
pub(crate) fn is_immutable(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyBytes>()
}
