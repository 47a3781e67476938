//! A value as Python has it, so that a session keeps its types through every format.
//!
//! Written and read by the formats beside it; knows none of them. Rust code that only wants to look
//! reads it through serde ([`Value::read`]) or builds it the same way ([`Value::of`]).

mod dict;
mod int;
mod moment;
mod reading;
mod text;
mod writing;

use std::fmt;

pub use dict::Dict;
pub(super) use dict::is_hashable;
pub use int::{Int, NotAnInt};
pub use moment::{Date, Datetime, NotAMoment, Time, Timedelta};
pub use text::Text;

/// A Python value of a type that sessions hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Value {
    /// `None`
    None,
    /// `bool`
    Bool(bool),
    /// `int`
    Int(Int),
    /// `float`
    Float(Float),
    /// `complex`: the real and the imaginary part
    Complex(Float, Float),
    /// `str`
    Str(Text),
    /// `markupsafe.Markup`: text that is safe HTML
    Markup(Text),
    /// `bytes`
    Bytes(Vec<u8>),
    /// `bytearray`
    ByteArray(Vec<u8>),
    /// `list`
    List(Vec<Self>),
    /// `tuple`
    Tuple(Vec<Self>),
    /// `set`, in an order that means nothing
    Set(Vec<Self>),
    /// `frozenset`, in an order that means nothing
    FrozenSet(Vec<Self>),
    /// `collections.deque` and its `maxlen`
    Deque(Vec<Self>, Option<u64>),
    /// `dict`
    Dict(Dict),
    /// A kind of `dict` from `collections`
    Mapping(MappingKind, Dict),
    /// `range`: start, stop and step
    Range(Int, Int, Int),
    /// `datetime.datetime`
    Datetime(Datetime),
    /// `datetime.date`
    Date(Date),
    /// `datetime.time`
    Time(Time),
    /// `datetime.timedelta`
    Timedelta(Timedelta),
    /// `decimal.Decimal`, as its text
    Decimal(String),
    /// `uuid.UUID`
    Uuid(u128),
    /// A MessagePack extension of a type that nobody here knows
    Ext(i8, Vec<u8>),
}

/// Which kind of `dict` from `collections`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MappingKind {
    /// `Counter`
    Counter,
    /// `defaultdict` and the builtin type that makes its values
    DefaultDict(Option<&'static str>),
    /// `OrderedDict`
    OrderedDict,
}

/// A Python `float`: the 64 bits, so that every NaN is equal to itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Float(u64);

impl Float {
    /// The number.
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl From<f64> for Float {
    fn from(float: f64) -> Self {
        Self(float.to_bits())
    }
}

impl fmt::Debug for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.get(), f)
    }
}

impl Value {
    /// The Python type, as error messages name it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Complex(..) => "complex",
            Self::Str(_) => "str",
            Self::Markup(_) => "Markup",
            Self::Bytes(_) => "bytes",
            Self::ByteArray(_) => "bytearray",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::FrozenSet(_) => "frozenset",
            Self::Deque(..) => "deque",
            Self::Dict(_) => "dict",
            Self::Mapping(MappingKind::Counter, _) => "Counter",
            Self::Mapping(MappingKind::DefaultDict(_), _) => "defaultdict",
            Self::Mapping(MappingKind::OrderedDict, _) => "OrderedDict",
            Self::Range(..) => "range",
            Self::Datetime(_) => "datetime",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::Timedelta(_) => "timedelta",
            Self::Decimal(_) => "Decimal",
            Self::Uuid(_) => "UUID",
            Self::Ext(..) => "Ext",
        }
    }

    /// The text, if this is text without lone surrogates.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) | Self::Markup(text) => text.as_str(),
            _ => None,
        }
    }

    /// The dict, if this is one.
    pub fn as_dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(dict) | Self::Mapping(_, dict) => Some(dict),
            _ => None,
        }
    }
}

/// A UUID as Python prints it.
pub(super) fn uuid_text(uuid: u128) -> String {
    let hex = format!("{uuid:032x}");
    let groups = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    groups.join("-")
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Int(int.into())
    }
}

impl From<f64> for Value {
    fn from(float: f64) -> Self {
        Self::Float(float.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl From<Dict> for Value {
    fn from(dict: Dict) -> Self {
        Self::Dict(dict)
    }
}

impl From<Vec<Self>> for Value {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}
