//! The names that a pickle may ask for, and what each makes of its arguments.
//!
//! Nothing is imported or called: a name is looked up in this list, and the data beside it is decoded
//! as the type's own constructor would. A name that is not here is refused by name.

use super::{Failed, Id, Machine, Node, fail};
use crate::compat::{Date, Datetime, Float, MappingKind, Time, Timedelta, Value};

/// A name on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    ByteArray,
    Bytes,
    Complex,
    Counter,
    Date,
    Datetime,
    Decimal,
    DefaultDict,
    Deque,
    /// `_codecs.encode`: how protocols before 3 write bytes
    Encode,
    FrozenSet,
    Markup,
    /// Only as the base of a reconstruction
    Object,
    OrderedDict,
    Range,
    /// `copyreg._reconstructor`: how protocols before 2 write objects
    Reconstructor,
    Set,
    Time,
    Timedelta,
    Timezone,
    /// A builtin type that makes the values of a `defaultdict`
    Type(&'static str),
    Uuid,
}

impl Name {
    pub(super) fn find(module: &str, name: &str) -> Result<Self, Failed> {
        Ok(match (module, name) {
            ("builtins" | "__builtin__", name) => match name {
                "bool" => Self::Type("bool"),
                "bytearray" => Self::ByteArray,
                "bytes" => Self::Bytes,
                "complex" => Self::Complex,
                "dict" => Self::Type("dict"),
                "float" => Self::Type("float"),
                "frozenset" => Self::FrozenSet,
                "int" | "long" => Self::Type("int"),
                "list" => Self::Type("list"),
                "object" => Self::Object,
                "range" | "xrange" => Self::Range,
                "set" => Self::Set,
                "str" | "unicode" => Self::Type("str"),
                "tuple" => Self::Type("tuple"),
                _ => return Err(unlisted(module, name)),
            },
            ("_codecs", "encode") => Self::Encode,
            ("collections", "Counter") => Self::Counter,
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("collections", "defaultdict") => Self::DefaultDict,
            ("collections", "deque") => Self::Deque,
            ("copyreg" | "copy_reg", "_reconstructor") => Self::Reconstructor,
            ("datetime", "date") => Self::Date,
            ("datetime", "datetime") => Self::Datetime,
            ("datetime", "time") => Self::Time,
            ("datetime", "timedelta") => Self::Timedelta,
            ("datetime", "timezone") => Self::Timezone,
            ("decimal", "Decimal") => Self::Decimal,
            ("markupsafe", "Markup") => Self::Markup,
            ("uuid", "UUID") => Self::Uuid,
            _ => return Err(unlisted(module, name)),
        })
    }
}

fn unlisted(module: &str, name: &str) -> Failed {
    let shown: String = format!("{module}.{name}").chars().take(100).collect();
    fail(format!("{shown:?} is not on the list of names"))
}

/// What a called name returns (`REDUCE`).
pub(super) fn reduce(machine: &Machine<'_>, name: Name, args: &[Id]) -> Result<Node, Failed> {
    let nodes: Vec<&Node> = args.iter().map(|id| machine.node(*id)).collect();
    let made = match (name, nodes.as_slice()) {
        (Name::Bytes, []) => atom(Value::Bytes(Vec::new())),
        (Name::Encode, [Node::Atom(Value::Str(text)), Node::Atom(Value::Str(codec))])
            if codec == "latin1" || codec == "latin-1" =>
        {
            latin1(text).map(Value::Bytes).and_then(atom)
        }
        (Name::ByteArray, []) => atom(Value::ByteArray(Vec::new())),
        (Name::ByteArray, [Node::Atom(Value::Bytes(bytes))]) => {
            atom(Value::ByteArray(bytes.clone()))
        }
        (Name::ByteArray, [Node::Atom(Value::Str(text)), Node::Atom(Value::Str(codec))])
            if codec == "latin1" || codec == "latin-1" =>
        {
            latin1(text).map(Value::ByteArray).and_then(atom)
        }
        (Name::Complex, [Node::Atom(Value::Float(re)), Node::Atom(Value::Float(im))]) => {
            atom(Value::Complex(Float::clone(re), Float::clone(im)))
        }
        (
            Name::Range,
            [
                Node::Atom(Value::Int(start)),
                Node::Atom(Value::Int(stop)),
                Node::Atom(Value::Int(step)),
            ],
        ) => atom(Value::Range(start.clone(), stop.clone(), step.clone())),
        (Name::Set, []) => Some(Node::Set(Vec::new())),
        (Name::Set, [Node::List(items) | Node::Tuple(items)]) => Some(Node::Set(items.clone())),
        (Name::FrozenSet, []) => Some(Node::FrozenSet(Vec::new())),
        (Name::FrozenSet, [Node::List(items) | Node::Tuple(items)]) => {
            Some(Node::FrozenSet(items.clone()))
        }
        (Name::Decimal, [Node::Atom(Value::Str(text))]) => text
            .as_str()
            .filter(|text| is_decimal(text))
            .and_then(|text| atom(Value::Decimal(text.to_owned()))),
        (Name::Date, [Node::Atom(Value::Bytes(bytes))]) => {
            date(bytes).map(Value::Date).and_then(atom)
        }
        (Name::Time, [Node::Atom(Value::Bytes(bytes)), zone @ ..]) => {
            in_zone(time(bytes), zone).map(Value::Time).and_then(atom)
        }
        (Name::Datetime, [Node::Atom(Value::Bytes(bytes)), zone @ ..]) => {
            datetime(bytes, zone).map(Value::Datetime).and_then(atom)
        }
        (
            Name::Timedelta,
            [
                Node::Atom(Value::Int(days)),
                Node::Atom(Value::Int(seconds)),
                Node::Atom(Value::Int(micros)),
            ],
        ) => (|| Timedelta::new(days.as_i64()?, seconds.as_i64()?, micros.as_i64()?))()
            .map(Value::Timedelta)
            .and_then(atom),
        (Name::Timezone, [Node::Atom(Value::Timedelta(offset))])
        | (
            Name::Timezone,
            [
                Node::Atom(Value::Timedelta(offset)),
                Node::Atom(Value::Str(_)),
            ],
        ) => offset.as_micros().map(Node::Zone),
        (Name::OrderedDict, []) => mapping(MappingKind::OrderedDict, Vec::new()),
        (Name::OrderedDict, [Node::List(items)]) => {
            pairs(machine, items).and_then(|pairs| mapping(MappingKind::OrderedDict, pairs))
        }
        (Name::Counter, []) => mapping(MappingKind::Counter, Vec::new()),
        (Name::Counter, [Node::Dict(_, pairs)]) => mapping(MappingKind::Counter, pairs.clone()),
        (Name::DefaultDict, []) | (Name::DefaultDict, [Node::Atom(Value::None)]) => {
            mapping(MappingKind::DefaultDict(None), Vec::new())
        }
        (Name::DefaultDict, [Node::Name(factory)]) => factory_name(*factory)
            .and_then(|name| mapping(MappingKind::DefaultDict(Some(name)), Vec::new())),
        (Name::Deque, []) => Some(Node::Deque(Vec::new(), None)),
        (Name::Deque, [Node::List(items) | Node::Tuple(items)]) => {
            Some(Node::Deque(items.clone(), None))
        }
        (
            Name::Deque,
            [
                Node::List(items) | Node::Tuple(items),
                Node::Atom(Value::Int(length)),
            ],
        ) => length
            .as_u64()
            .map(|length| Node::Deque(items.clone(), Some(length))),
        (Name::Reconstructor, [Node::Name(class), Node::Name(base), state]) => {
            match (class, base, state) {
                (Name::Uuid, Name::Object, Node::Atom(Value::None)) => Some(Node::Uuid(None)),
                (Name::Markup, Name::Type("str"), Node::Atom(Value::Str(text))) => {
                    atom(Value::Markup(text.clone()))
                }
                _ => None,
            }
        }
        _ => None,
    };
    made.ok_or_else(|| {
        fail(format!(
            "{name:?} is called with arguments that it never has"
        ))
    })
}

/// What a class makes of its arguments (`NEWOBJ`).
pub(super) fn construct(machine: &Machine<'_>, class: Name, args: &[Id]) -> Result<Node, Failed> {
    let nodes: Vec<&Node> = args.iter().map(|id| machine.node(*id)).collect();
    match (class, nodes.as_slice()) {
        (Name::Uuid, []) => Ok(Node::Uuid(None)),
        (Name::Markup, [Node::Atom(Value::Str(text))]) => {
            Ok(Node::Atom(Value::Markup(text.clone())))
        }
        _ => Err(fail(format!(
            "{class:?} is made of arguments that it never has"
        ))),
    }
}

fn atom(value: Value) -> Option<Node> {
    Some(Node::Atom(value))
}

fn mapping(kind: MappingKind, pairs: Vec<(Id, Id)>) -> Option<Node> {
    Some(Node::Dict(Some(kind), pairs))
}

fn factory_name(name: Name) -> Option<&'static str> {
    Some(match name {
        Name::Type(name) => name,
        Name::Set => "set",
        Name::FrozenSet => "frozenset",
        Name::Bytes => "bytes",
        Name::ByteArray => "bytearray",
        _ => return None,
    })
}

/// Pairs written as a list of lists or tuples of two.
fn pairs(machine: &Machine<'_>, items: &[Id]) -> Option<Vec<(Id, Id)>> {
    let pair = |id: &Id| match machine.node(*id) {
        Node::List(pair) | Node::Tuple(pair) => match pair.as_slice() {
            [key, value] => Some((*key, *value)),
            _ => None,
        },
        _ => None,
    };
    items.iter().map(pair).collect()
}

fn latin1(text: &crate::compat::Text) -> Option<Vec<u8>> {
    text.code_points()
        .map(|point| u8::try_from(point).ok())
        .collect()
}

fn date(bytes: &[u8]) -> Option<Date> {
    let [high, low, month, day] = *bytes else {
        return None;
    };
    Date::new(u16::from_be_bytes([high, low]), month, day)
}

/// The second of two alike is told by the top bit of the first byte.
fn time(bytes: &[u8]) -> Option<Time> {
    let [hour, minute, second, high, middle, low] = *bytes else {
        return None;
    };
    let micros = u32::from_be_bytes([0, high, middle, low]);
    let time = Time::new(hour & 0x7f, minute, second, micros)?;
    Some(time.with_fold(hour & 0x80 != 0))
}

/// Here the top bit of the month tells it.
fn datetime(bytes: &[u8], zone: &[&Node]) -> Option<Datetime> {
    let [high, low, month, day, ref clock @ ..] = *bytes else {
        return None;
    };
    let plain = time(clock).filter(|time| !time.fold())?;
    Some(Datetime {
        date: date(&[high, low, month & 0x7f, day])?,
        time: in_zone(Some(plain.with_fold(month & 0x80 != 0)), zone)?,
    })
}

fn in_zone(time: Option<Time>, zone: &[&Node]) -> Option<Time> {
    match zone {
        [] => time,
        [Node::Zone(offset)] => time?.with_offset(*offset),
        _ => None,
    }
}

/// What `str(Decimal)` writes: digits with a point and an exponent, an infinity or a NaN.
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let bare = text.strip_prefix('-').unwrap_or(text);
    if let Some(payload) = bare
        .strip_prefix("NaN")
        .or_else(|| bare.strip_prefix("sNaN"))
    {
        return digits(payload);
    }
    let (number, exponent) = bare.split_once('E').unwrap_or((bare, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    bare == "Infinity"
        || (digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()))
            && (!exponent.is_empty() && digits(exponent))
}
