//! From Python: by type, in the order in which Flask looks.

use abiding::{
    Error, ErrorKind,
    compat::{Date, Datetime, Dict, Int, MAX_DEPTH, Text, Time, Timedelta, Value},
};
use pyo3::{
    IntoPyObject, intern,
    prelude::*,
    sync::PyOnceLock,
    types::{
        PyBool, PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyList,
        PySet, PyString, PyTuple, PyType,
    },
};

use crate::errors::raised;

/// Why a value has no form, and the way to it, innermost first.
pub(crate) enum Refused {
    Python(PyErr),
    Value { reason: String, way: Vec<String> },
}

impl From<PyErr> for Refused {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl Refused {
    fn new(reason: impl Into<String>) -> Self {
        Self::Value {
            reason: reason.into(),
            way: Vec::new(),
        }
    }

    fn under(mut self, step: impl FnOnce() -> String) -> Self {
        if let Self::Value { way, .. } = &mut self {
            way.push(step());
        }
        self
    }

    /// The exception for the value at this key of a session.
    pub(crate) fn at(self, key: &Bound<'_, PyAny>) -> PyErr {
        self.under(|| step(key)).anywhere(key.py())
    }

    /// The exception, once the way is complete.
    pub(crate) fn anywhere(self, py: Python<'_>) -> PyErr {
        match self {
            Self::Python(error) => error,
            Self::Value { reason, mut way } => {
                way.reverse();
                let context = format!("session{}: {reason}", way.concat());
                raised(py, &Error::new(ErrorKind::Encode, "save", context))
            }
        }
    }
}

/// A key as a step of the way.
fn step(key: &Bound<'_, PyAny>) -> String {
    match key.extract::<String>() {
        Ok(text) => format!("[{text:?}]"),
        Err(_) => key
            .repr()
            .map_or_else(|_| "[?]".to_owned(), |name| format!("[{name}]")),
    }
}

/// The value as the formats know it.
pub(crate) fn value(object: &Bound<'_, PyAny>) -> Result<Value, Refused> {
    at_depth(object, 0)
}

fn at_depth(object: &Bound<'_, PyAny>, depth: usize) -> Result<Value, Refused> {
    if depth > MAX_DEPTH {
        return Err(Refused::new("the value is nested too deeply"));
    }
    if object.is_none() {
        return Ok(Value::None);
    }
    if object.is_exact_instance_of::<PyString>() {
        return text(object).map(Value::Str);
    }
    if let Ok(flag) = object.cast::<PyBool>() {
        return Ok(Value::Bool(flag.is_true()));
    }
    if let Ok(int) = object.cast::<PyInt>() {
        return integer(int).map(Value::Int);
    }
    if let Ok(float) = object.cast::<PyFloat>() {
        return Ok(float.value().into());
    }
    if let Ok(dict) = object.cast::<PyDict>() {
        return mapping(dict, depth).map(Value::Dict);
    }
    if let Ok(tuple) = object.cast::<PyTuple>() {
        return items(tuple.iter(), depth).map(Value::Tuple);
    }
    if let Ok(list) = object.cast::<PyList>() {
        return items(list.iter(), depth).map(Value::List);
    }
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Value::Bytes(bytes.as_bytes().to_vec()));
    }
    of_another_type(object, depth)
}

fn of_another_type(object: &Bound<'_, PyAny>, depth: usize) -> Result<Value, Refused> {
    let py = object.py();
    if let Some(html) = object.getattr_opt(intern!(py, "__html__"))?
        && html.is_callable()
        && !object.is_instance_of::<PyType>()
    {
        return text(&html.call0()?.str()?.into_any()).map(Value::Markup);
    }
    if object.is_instance_of::<PyString>() {
        return text(object).map(Value::Str);
    }
    let types = Types::get(py)?;
    if object.is_instance(types.uuid.bind(py))? {
        let number: u128 = object.getattr(intern!(py, "int"))?.extract()?;
        return Ok(Value::Uuid(number));
    }
    if object.is_instance(types.datetime.bind(py))? {
        return datetime(object).map(Value::Datetime);
    }
    if object.is_instance(types.date.bind(py))? {
        return Ok(Value::Date(date(object)?));
    }
    if object.is_instance(types.decimal.bind(py))? {
        return Ok(Value::Decimal(object.str()?.to_cow()?.into()));
    }
    if object.hasattr(intern!(py, "__dataclass_fields__"))? && !object.is_instance_of::<PyType>() {
        let fields = types.asdict.bind(py).call1((object,))?;
        return at_depth(&fields, depth);
    }
    if let Ok(set) = object.cast::<PySet>() {
        return items(set.iter(), depth).map(Value::Set);
    }
    if let Ok(set) = object.cast::<PyFrozenSet>() {
        return items(set.iter(), depth).map(Value::FrozenSet);
    }
    if let Ok(bytes) = object.cast::<PyByteArray>() {
        return Ok(Value::ByteArray(bytes.to_vec()));
    }
    if let Ok(number) = object.cast::<PyComplex>() {
        return Ok(Value::Complex(number.real().into(), number.imag().into()));
    }
    if object.is_instance(types.timedelta.bind(py))? {
        return timedelta(object).map(Value::Timedelta);
    }
    if object.is_instance(types.time.bind(py))? {
        return time(object).map(Value::Time);
    }
    if object.is_instance(types.deque.bind(py))? {
        let length = object.getattr(intern!(py, "maxlen"))?.extract()?;
        let list = object.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        return Ok(Value::Deque(items(list.into_iter(), depth)?, length));
    }
    if object.is_instance(types.range.bind(py))? {
        let bound =
            |name: &str| integer(object.getattr(name)?.cast::<PyInt>().map_err(PyErr::from)?);
        return Ok(Value::Range(
            bound("start")?,
            bound("stop")?,
            bound("step")?,
        ));
    }
    let name = object.get_type().name()?;
    let reason = format!(
        "an object of type {name} cannot be kept: make it a str, a number, a list, a dict or another type of the standard library"
    );
    Err(Refused::new(reason))
}

fn items<'py>(
    items: impl Iterator<Item = Bound<'py, PyAny>>,
    depth: usize,
) -> Result<Vec<Value>, Refused> {
    items
        .enumerate()
        .map(|(index, item)| {
            at_depth(&item, depth + 1).map_err(|refused| refused.under(|| format!("[{index}]")))
        })
        .collect()
}

fn mapping(dict: &Bound<'_, PyDict>, depth: usize) -> Result<Dict, Refused> {
    let mut pairs = Vec::with_capacity(dict.len());
    for (key, value) in dict.iter() {
        let value = at_depth(&value, depth + 1).map_err(|refused| refused.under(|| step(&key)))?;
        pairs.push((at_depth(&key, depth + 1)?, value));
    }
    Dict::from_pairs(pairs).ok_or_else(|| Refused::new("a key is not hashable"))
}

fn text(object: &Bound<'_, PyAny>) -> Result<Text, Refused> {
    let string = object.cast::<PyString>().map_err(PyErr::from)?;
    if let Ok(plain) = string.to_cow() {
        return Ok(Text::from(plain.into_owned()));
    }
    let py = object.py();
    let encoded = string.call_method1(intern!(py, "encode"), ("utf-8", "surrogatepass"))?;
    let bytes = encoded.cast::<PyBytes>().map_err(PyErr::from)?;
    Text::from_generalised_utf8(bytes.as_bytes().to_vec())
        .ok_or_else(|| Refused::new("the text is no text"))
}

fn integer(int: &Bound<'_, PyInt>) -> Result<Int, Refused> {
    if let Ok(small) = int.extract::<i64>() {
        return Ok(small.into());
    }
    let py = int.py();
    let bits: usize = int.call_method0(intern!(py, "bit_length"))?.extract()?;
    let keywords = PyDict::new(py);
    keywords.set_item(intern!(py, "signed"), true)?;
    let arguments = (bits / 8 + 1, "little").into_pyobject(py)?;
    let bytes = int.call_method(intern!(py, "to_bytes"), arguments, Some(&keywords))?;
    let bytes = bytes.cast::<PyBytes>().map_err(PyErr::from)?;
    Int::from_le_bytes(bytes.as_bytes())
        .ok_or_else(|| Refused::new("the int has more than 4,300 digits"))
}

fn date(object: &Bound<'_, PyAny>) -> Result<Date, Refused> {
    let py = object.py();
    let (year, month, day) = (
        object.getattr(intern!(py, "year"))?.extract()?,
        object.getattr(intern!(py, "month"))?.extract()?,
        object.getattr(intern!(py, "day"))?.extract()?,
    );
    Date::new(year, month, day).ok_or_else(|| Refused::new("the date is no date"))
}

fn datetime(object: &Bound<'_, PyAny>) -> Result<Datetime, Refused> {
    Ok(Datetime {
        date: date(object)?,
        time: time(object)?,
    })
}

/// The time of a `time` or a `datetime`; a zone is kept as its offset.
fn time(object: &Bound<'_, PyAny>) -> Result<Time, Refused> {
    let py = object.py();
    let time = Time::new(
        object.getattr(intern!(py, "hour"))?.extract()?,
        object.getattr(intern!(py, "minute"))?.extract()?,
        object.getattr(intern!(py, "second"))?.extract()?,
        object.getattr(intern!(py, "microsecond"))?.extract()?,
    );
    let fold: u8 = object.getattr(intern!(py, "fold"))?.extract()?;
    let offset = object.call_method0(intern!(py, "utcoffset"))?;
    let time = match offset.is_none() {
        true => time,
        false => {
            let (days, seconds, micros) = timedelta(&offset)?.parts();
            let seconds = i64::from(days) * 86_400 + i64::from(seconds);
            time.and_then(|time| time.with_offset(seconds * 1_000_000 + i64::from(micros)))
        }
    };
    let time = time.ok_or_else(|| Refused::new("the time is no time"))?;
    Ok(time.with_fold(fold != 0))
}

fn timedelta(object: &Bound<'_, PyAny>) -> Result<Timedelta, Refused> {
    let py = object.py();
    let length = Timedelta::new(
        object.getattr(intern!(py, "days"))?.extract()?,
        object.getattr(intern!(py, "seconds"))?.extract()?,
        object.getattr(intern!(py, "microseconds"))?.extract()?,
    );
    length.ok_or_else(|| Refused::new("the timedelta is out of range"))
}

/// The Python types that are not builtin, looked up once.
struct Types {
    asdict: Py<PyAny>,
    date: Py<PyAny>,
    datetime: Py<PyAny>,
    decimal: Py<PyAny>,
    deque: Py<PyAny>,
    range: Py<PyAny>,
    time: Py<PyAny>,
    timedelta: Py<PyAny>,
    uuid: Py<PyAny>,
}

impl Types {
    fn get(py: Python<'_>) -> PyResult<&Self> {
        static TYPES: PyOnceLock<Types> = PyOnceLock::new();
        TYPES.get_or_try_init(py, || {
            let from = |module: &str, name: &str| -> PyResult<Py<PyAny>> {
                Ok(py.import(module)?.getattr(name)?.unbind())
            };
            Ok(Self {
                asdict: from("dataclasses", "asdict")?,
                date: from("datetime", "date")?,
                datetime: from("datetime", "datetime")?,
                decimal: from("decimal", "Decimal")?,
                deque: from("collections", "deque")?,
                range: from("builtins", "range")?,
                time: from("datetime", "time")?,
                timedelta: from("datetime", "timedelta")?,
                uuid: from("uuid", "UUID")?,
            })
        })
    }
}
