//! Python values and what a session keeps them as.
//!
//! Every type of the standard library that sessions hold keeps itself: what JSON lacks is tagged. Subclasses
//! become what they are a subclass of, dataclasses dicts; everything else is refused with the way to it and
//! its type.

mod from_python;
mod shade;
mod to_python;

pub(crate) use shade::Shade;

use abiding::compat::{Dict, Value};
use pyo3::{
    prelude::*,
    sync::PyOnceLock,
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

/// The object that this JSON says, as Python's own reader reads it; nothing if that refuses it.
pub(crate) fn of_json<'py>(py: Python<'py>, json: &str) -> Option<Bound<'py, PyAny>> {
    static SCAN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let scan = SCAN.get_or_try_init(py, || -> PyResult<_> {
        let decoder = py.import("json")?.getattr("JSONDecoder")?.call0()?;
        Ok(decoder.getattr("scan_once")?.unbind())
    });
    let read = scan.ok()?.bind(py).call1((json, 0)).ok()?;
    let (object, end): (Bound<'py, PyAny>, usize) = read.extract().ok()?;
    // It counts characters, and stops where something else follows.
    let is_whole = end == json.len() || end == json.chars().count();
    is_whole.then_some(object)
}

/// The text, if there is none of Flask's tags in it: all of them are keys that begin with a blank.
pub(crate) fn untagged(json: &[u8]) -> Option<&str> {
    let json = std::str::from_utf8(json).ok()?;
    (!json.contains("\" ") && !json.contains("\\u0020")).then_some(json)
}

/// A whole session, as Flask's cookie holds it.
pub(crate) fn dict_from(dict: &Bound<'_, PyDict>) -> PyResult<Dict> {
    let value = from_python::value(dict.as_any());
    match value.map_err(|refused| refused.anywhere(dict.py()))? {
        Value::Dict(dict) => Ok(dict),
        _ => Ok(Dict::new()),
    }
}

/// A whole session as a Python dict.
pub(crate) fn dict_to<'py>(py: Python<'py>, dict: &Dict) -> PyResult<Bound<'py, PyDict>> {
    to_python::dict(py, dict)
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
