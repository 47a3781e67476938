//! The sensible Rust reading of a Python value, through serde.
//!
//! Numbers, text, bytes, sequences and maps are what they are; the rest is read as the text that
//! JSON would carry for it (an ISO 8601 moment, a UUID with dashes, a decimal's digits). Numbers
//! beyond 128 bits are read as text too, rather than rounded.

use std::fmt;

use serde::{
    Serialize, Serializer,
    de::{self, DeserializeOwned, IntoDeserializer, Visitor},
    ser::{SerializeMap, SerializeSeq},
};

use super::{Dict, Int, Text, Value, uuid_text};
use crate::error::{Error, ErrorKind, Result};

impl Value {
    /// Reads the value as a Rust type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(Reading(self)).map_err(|error| {
            let context = format!("the {} is not of this type", self.type_name());
            Error::new(ErrorKind::Decode, "read a Python value", context).with_source(error)
        })
    }

    /// The text that stands for a value which is neither number, text, bytes, sequence nor map.
    fn spelt(&self) -> Option<String> {
        Some(match self {
            Self::Datetime(moment) => moment.to_string(),
            Self::Date(date) => date.to_string(),
            Self::Time(time) => time.to_string(),
            Self::Timedelta(length) => length.to_string(),
            Self::Decimal(text) => text.clone(),
            Self::Uuid(uuid) => uuid_text(*uuid),
            _ => return None,
        })
    }
}

/// Why a value could not be read.
#[derive(Debug)]
struct Misread(String);

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misread {}

impl de::Error for Misread {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// A value, seen as data that describes itself.
struct Reading<'de>(&'de Value);

impl<'de> de::Deserializer<'de> for Reading<'de> {
    type Error = Misread;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Value::None => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Int(int) => match (int.as_i64(), int.as_u64(), int.as_i128()) {
                (Some(small), ..) => visitor.visit_i64(small),
                (_, Some(small), _) => visitor.visit_u64(small),
                (_, _, Some(wide)) => visitor.visit_i128(wide),
                _ => match int.as_u128() {
                    Some(wide) => visitor.visit_u128(wide),
                    None => visitor.visit_string(int.to_string()),
                },
            },
            Value::Float(float) => visitor.visit_f64(float.get()),
            Value::Complex(re, im) => pair(*re, *im).deserialize_any(visitor),
            Value::Str(text) | Value::Markup(text) => visit_text(text, visitor),
            Value::Bytes(bytes) | Value::ByteArray(bytes) | Value::Ext(_, bytes) => {
                visitor.visit_borrowed_bytes(bytes)
            }
            Value::List(items)
            | Value::Tuple(items)
            | Value::Set(items)
            | Value::FrozenSet(items)
            | Value::Deque(items, _) => {
                visitor.visit_seq(de::value::SeqDeserializer::new(items.iter().map(Reading)))
            }
            Value::Dict(dict) | Value::Mapping(_, dict) => visitor.visit_map(entries(dict)),
            Value::Range(start, stop, step) => {
                let ints = [start, stop, step].map(|int| int.as_i64());
                let ints = ints.into_iter().collect::<Option<Vec<i64>>>();
                let ints = ints.ok_or_else(|| Misread("the range is too wide".to_owned()))?;
                visitor.visit_seq(de::value::SeqDeserializer::new(ints.into_iter()))
            }
            other => visitor.visit_string(other.spelt().unwrap_or_default()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Value::None => visitor.visit_none(),
            some => visitor.visit_some(Reading(some)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misread> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.deserialize_any(visitor)
    }

    /// A plain text names a variant, a dict of one pair carries one.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        match self.0 {
            Value::Dict(dict) => {
                visitor.visit_enum(de::value::MapAccessDeserializer::new(entries(dict)))
            }
            other => match other.as_str() {
                Some(name) => visitor.visit_enum(name.into_deserializer()),
                None => Err(Misread(format!("a {} names no variant", other.type_name()))),
            },
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Misread> for Reading<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

fn entries<'de>(
    dict: &'de Dict,
) -> de::value::MapDeserializer<'de, impl Iterator<Item = (Reading<'de>, Reading<'de>)>, Misread> {
    let pairs = dict.iter();
    de::value::MapDeserializer::new(pairs.map(|(key, value)| (Reading(key), Reading(value))))
}

fn visit_text<'de, V: Visitor<'de>>(text: &'de Text, visitor: V) -> Result<V::Value, Misread> {
    match text.as_str() {
        Some(plain) => visitor.visit_borrowed_str(plain),
        None => visitor.visit_string(text.to_string_lossy()),
    }
}

fn pair(
    re: super::Float,
    im: super::Float,
) -> de::value::SeqDeserializer<std::array::IntoIter<f64, 2>, Misread> {
    de::value::SeqDeserializer::new([re.get(), im.get()].into_iter())
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Int(int) => serialize_int(int, serializer),
            Self::Float(float) => serializer.serialize_f64(float.get()),
            Self::Complex(re, im) => (re.get(), im.get()).serialize(serializer),
            Self::Str(text) | Self::Markup(text) => match text.as_str() {
                Some(plain) => serializer.serialize_str(plain),
                None => serializer.serialize_str(&text.to_string_lossy()),
            },
            Self::Bytes(bytes) | Self::ByteArray(bytes) | Self::Ext(_, bytes) => {
                serializer.serialize_bytes(bytes)
            }
            Self::List(items)
            | Self::Tuple(items)
            | Self::Set(items)
            | Self::FrozenSet(items)
            | Self::Deque(items, _) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                items
                    .iter()
                    .try_for_each(|item| sequence.serialize_element(item))?;
                sequence.end()
            }
            Self::Dict(dict) | Self::Mapping(_, dict) => dict.serialize(serializer),
            Self::Range(start, stop, step) => {
                let ints = [start, stop, step].map(|int| Self::Int(int.clone()));
                ints.serialize(serializer)
            }
            other => serializer.serialize_str(&other.spelt().unwrap_or_default()),
        }
    }
}

impl Serialize for Dict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

fn serialize_int<S: Serializer>(int: &Int, serializer: S) -> Result<S::Ok, S::Error> {
    match (int.as_i64(), int.as_u64(), int.as_i128()) {
        (Some(small), ..) => serializer.serialize_i64(small),
        (_, Some(small), _) => serializer.serialize_u64(small),
        (_, _, Some(wide)) => serializer.serialize_i128(wide),
        _ => serializer.serialize_str(&int.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::compat::{Datetime, MappingKind};

    #[derive(Debug, PartialEq, Deserialize)]
    struct Visitor {
        user_id: u64,
        email: Option<String>,
        roles: Vec<String>,
        seen: String,
        level: Level,
        #[serde(default)]
        big: u128,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        High,
    }

    #[test]
    fn a_session_is_read_as_a_rust_type() {
        let mut dict = Dict::new();
        dict.insert("user_id", 42_i64);
        dict.insert("email", Value::None);
        dict.insert("roles", Value::Tuple(vec!["admin".into(), "editor".into()]));
        dict.insert(
            "seen",
            Value::Datetime(Datetime::from_unix_micros(0).unwrap()),
        );
        dict.insert("level", "high");
        dict.insert("big", Value::Int(u128::MAX.to_string().parse().unwrap()));
        let visitor: Visitor = Value::from(dict).read().unwrap();
        let expected = Visitor {
            user_id: 42,
            email: None,
            roles: vec!["admin".to_owned(), "editor".to_owned()],
            seen: "1970-01-01T00:00:00Z".to_owned(),
            level: Level::High,
            big: u128::MAX,
        };
        assert_eq!(visitor, expected);
    }

    #[test]
    fn a_value_of_another_type_is_an_error_that_names_it() {
        let error = Value::from("x").read::<u64>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().contains("str"), "{error}");
    }

    #[test]
    fn every_kind_of_value_is_written_as_json() {
        let counter = Dict::from_pairs(vec![(1_i64.into(), 2_i64.into())]).unwrap();
        for (value, json) in [
            (Value::None, "null"),
            (Value::from(true), "true"),
            (Value::from(1.5), "1.5"),
            (Value::Set(vec![1_i64.into()]), "[1]"),
            (Value::Uuid(1), "\"00000000-0000-0000-0000-000000000001\""),
            (Value::Decimal("1.10".to_owned()), "\"1.10\""),
            (Value::Mapping(MappingKind::Counter, counter), "{\"1\":2}"),
            (
                Value::Int("9".repeat(50).parse().unwrap()),
                "\"99999999999999999999999999999999999999999999999999\"",
            ),
        ] {
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
        }
        let map: BTreeMap<String, i64> = Value::from(Dict::new()).read().unwrap();
        assert!(map.is_empty());
    }
}
