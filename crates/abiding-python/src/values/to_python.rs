//! To Python: every type that a session's formats hold, as itself.

use abiding::compat::{Date, Datetime, Dict, Int, MappingKind, Text, Time, Value};
use pyo3::{
    IntoPyObject, intern,
    prelude::*,
    types::{
        PyBool, PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyList,
        PySet, PyString, PyTuple,
    },
};

/// The Python object that has this value.
pub(crate) fn value<'py>(py: Python<'py>, from: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match from {
        Value::None => py.None().into_bound(py),
        Value::Bool(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::Int(int) => integer(py, int)?,
        Value::Float(float) => PyFloat::new(py, float.get()).into_any(),
        Value::Complex(re, im) => PyComplex::from_doubles(py, re.get(), im.get()).into_any(),
        Value::Str(from) => text(py, from)?,
        Value::Markup(from) => class(py, "markupsafe", "Markup")?.call1((text(py, from)?,))?,
        Value::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        Value::ByteArray(bytes) => PyByteArray::new(py, bytes).into_any(),
        Value::List(from) => PyList::new(py, items(py, from)?)?.into_any(),
        Value::Tuple(from) => PyTuple::new(py, items(py, from)?)?.into_any(),
        Value::Set(from) => PySet::new(py, items(py, from)?)?.into_any(),
        Value::FrozenSet(from) => PyFrozenSet::new(py, items(py, from)?)?.into_any(),
        Value::Deque(from, length) => {
            class(py, "collections", "deque")?.call1((items(py, from)?, *length))?
        }
        Value::Dict(from) => dict(py, from)?.into_any(),
        Value::Mapping(kind, from) => mapping(py, *kind, dict(py, from)?)?,
        Value::Range(start, stop, step) => {
            let bounds = (integer(py, start)?, integer(py, stop)?, integer(py, step)?);
            class(py, "builtins", "range")?.call1(bounds)?
        }
        Value::Datetime(from) => datetime(py, *from)?,
        Value::Date(from) => class(py, "datetime", "date")?.call1(from.parts())?,
        Value::Time(from) => {
            let (hour, minute, second, micros) = from.parts();
            let zone = zone(py, *from)?;
            class(py, "datetime", "time")?.call(
                (hour, minute, second, micros, zone),
                fold(py, *from)?.as_ref(),
            )?
        }
        Value::Timedelta(from) => class(py, "datetime", "timedelta")?.call1(from.parts())?,
        Value::Decimal(from) => class(py, "decimal", "Decimal")?.call1((from,))?,
        Value::Uuid(from) => {
            let number = (*from).into_pyobject(py)?;
            let bytes = number.call_method1(intern!(py, "to_bytes"), (16, "big"))?;
            class(py, "uuid", "UUID")?.call1((py.None(), bytes))?
        }
        // What is yet to come, and MessagePack's extensions, which nobody here can read: their bytes.
        Value::Ext(_, bytes) => PyBytes::new(py, bytes).into_any(),
        other => other.type_name().into_pyobject(py)?.into_any(),
    })
}

/// The dict that has these pairs.
fn dict<'py>(py: Python<'py>, from: &Dict) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (key, item) in from {
        dict.set_item(value(py, key)?, value(py, item)?)?;
    }
    Ok(dict)
}

fn items<'py>(py: Python<'py>, from: &[Value]) -> PyResult<Vec<Bound<'py, PyAny>>> {
    from.iter().map(|item| value(py, item)).collect()
}

fn text<'py>(py: Python<'py>, from: &Text) -> PyResult<Bound<'py, PyAny>> {
    match from.as_str() {
        Some(plain) => Ok(PyString::new(py, plain).into_any()),
        None => PyBytes::new(py, from.as_bytes())
            .call_method1(intern!(py, "decode"), ("utf-8", "surrogatepass")),
    }
}

fn integer<'py>(py: Python<'py>, from: &Int) -> PyResult<Bound<'py, PyAny>> {
    if let Some(small) = from.as_i64() {
        return Ok(small.into_pyobject(py)?.into_any());
    }
    let keywords = PyDict::new(py);
    keywords.set_item("signed", true)?;
    let bytes = PyBytes::new(py, &from.to_le_bytes());
    let int = py.get_type::<PyInt>();
    int.call_method(
        intern!(py, "from_bytes"),
        (bytes, "little"),
        Some(&keywords),
    )
}

fn mapping<'py>(
    py: Python<'py>,
    kind: MappingKind,
    dict: Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    match kind {
        MappingKind::Counter => class(py, "collections", "Counter")?.call1((dict,)),
        MappingKind::OrderedDict => class(py, "collections", "OrderedDict")?.call1((dict,)),
        MappingKind::DefaultDict(maker) => {
            let maker = maker.map(|name| class(py, "builtins", name)).transpose()?;
            class(py, "collections", "defaultdict")?.call1((maker, dict))
        }
        _ => Ok(dict.into_any()),
    }
}

fn datetime<'py>(py: Python<'py>, from: Datetime) -> PyResult<Bound<'py, PyAny>> {
    let (year, month, day) = Date::parts(from.date);
    let (hour, minute, second, micros) = from.time.parts();
    let zone = zone(py, from.time)?;
    let parts = (year, month, day, hour, minute, second, micros, zone);
    class(py, "datetime", "datetime")?.call(parts, fold(py, from.time)?.as_ref())
}

fn fold<'py>(py: Python<'py>, time: Time) -> PyResult<Option<Bound<'py, PyDict>>> {
    if !time.fold() {
        return Ok(None);
    }
    let keywords = PyDict::new(py);
    keywords.set_item("fold", 1)?;
    Ok(Some(keywords))
}

fn zone<'py>(py: Python<'py>, time: Time) -> PyResult<Bound<'py, PyAny>> {
    let timezone = class(py, "datetime", "timezone")?;
    match time.offset() {
        None => Ok(py.None().into_bound(py)),
        Some(0) => timezone.getattr(intern!(py, "utc")),
        Some(micros) => {
            let offset = class(py, "datetime", "timedelta")?.call1((0, 0, micros))?;
            timezone.call1((offset,))
        }
    }
}

fn class<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import(module)?.getattr(name)
}
