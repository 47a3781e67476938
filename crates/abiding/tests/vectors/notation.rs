//! The `$` notation, in which the vectors write Python values.

use abiding::compat::{Date, Datetime, Dict, Float, MappingKind, Text, Time, Timedelta, Value};
use serde_json::Value as Json;

use crate::folder::{text, unhex};

/// The value; `None` if it holds an object for which the formats have no value.
pub(crate) fn value(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => Value::None,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(int) => int.into(),
            None => panic!("a number that the notation does not write: {number}"),
        },
        Json::String(plain) => plain.as_str().into(),
        Json::Array(items) => Value::List(all(items)?),
        Json::Object(_) => return object(json),
    })
}

/// The dict, for a case whose value is a session.
pub(crate) fn dict(json: &Json) -> Option<Dict> {
    match value(json)? {
        Value::Dict(dict) => Some(dict),
        other => panic!("not a session: {other:?}"),
    }
}

fn object(json: &Json) -> Option<Value> {
    let v = &json["v"];
    let plain = || v.as_str().unwrap();
    let items = || all(v.as_array().unwrap());
    Some(match text(json, "$") {
        "dict" => Value::Dict(pairs(v)?),
        "mapping" => {
            let kind = match text(json, "class") {
                "Counter" => MappingKind::Counter,
                "defaultdict" => MappingKind::DefaultDict(None),
                "OrderedDict" => MappingKind::OrderedDict,
                other => panic!("mapping {other}"),
            };
            Value::Mapping(kind, pairs(v)?)
        }
        "int" => Value::Int(plain().parse().unwrap()),
        "float" => {
            let bits = u64::from_str_radix(text(json, "bits"), 16).unwrap();
            f64::from_bits(bits).into()
        }
        "complex" => {
            let part = |name| Float::from(text(json, name).parse::<f64>().unwrap());
            Value::Complex(part("re"), part("im"))
        }
        "str" => {
            let points = json["code_points"].as_array().unwrap().iter();
            let points = points.map(|point| point.as_u64().unwrap() as u32);
            Value::Str(Text::from_code_points(points).unwrap())
        }
        "bytes" => Value::Bytes(unhex(text(json, "hex"))),
        "bytearray" => Value::ByteArray(unhex(text(json, "hex"))),
        "tuple" => Value::Tuple(items()?),
        "set" => Value::Set(items()?),
        "frozenset" => Value::FrozenSet(items()?),
        "deque" => Value::Deque(items()?, json["maxlen"].as_u64()),
        "datetime" => {
            let moment: Datetime = plain().parse().unwrap();
            let offset = json["offset_s"]
                .as_f64()
                .map(|seconds| (seconds * 1e6) as i64);
            assert_eq!(moment.time.offset(), offset);
            let time = moment.time.with_fold(json["fold"] == 1);
            Value::Datetime(Datetime { time, ..moment })
        }
        "date" => Value::Date(plain().parse::<Date>().unwrap()),
        "time" => Value::Time(plain().parse::<Time>().unwrap()),
        "timedelta" => {
            let part = |name: &str| json[name].as_i64().unwrap();
            let (days, seconds) = (part("days"), part("seconds"));
            Value::Timedelta(Timedelta::new(days, seconds, part("microseconds")).unwrap())
        }
        "decimal" => Value::Decimal(plain().to_owned()),
        "uuid" => Value::Uuid(u128::from_str_radix(&plain().replace('-', ""), 16).unwrap()),
        "markup" => Value::Markup(plain().into()),
        "ext" => {
            let code = json["code"].as_i64().unwrap().try_into().unwrap();
            Value::Ext(code, unhex(text(json, "hex")))
        }
        // What the Python side of the bridge makes of an application's own types before the formats
        // see them.
        "namedtuple" => Value::Tuple(items()?),
        "dataclass" => Value::Dict(pairs(v)?),
        "enum" if !v.is_string() => value(v)?,
        "enum" | "object" | "str_subclass" | "cycle" => return None,
        other => panic!("an unknown notation: {other}"),
    })
}

fn all(items: &[Json]) -> Option<Vec<Value>> {
    items.iter().map(value).collect()
}

fn pairs(json: &Json) -> Option<Dict> {
    let pairs = json.as_array().unwrap().iter();
    let pairs = pairs.map(|pair| Some((value(&pair[0])?, value(&pair[1])?)));
    Some(Dict::from_pairs(pairs.collect::<Option<_>>()?).unwrap())
}
