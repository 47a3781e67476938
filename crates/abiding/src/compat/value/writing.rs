//! Building a Python value from Rust data, through serde.
//!
//! What Rust cannot say is never invented: sequences become lists, structs and maps dicts, `None`
//! and `()` Python's `None`, variants their name or a dict of one pair.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, SeqAccess, Visitor},
};

use super::{Dict, Value};
use crate::error::{Error, ErrorKind, Result};

impl Value {
    /// The Python value that says the same as this Rust value.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let json = serde_json::to_vec(value);
        json.and_then(|json| serde_json::from_slice(&json))
            .map_err(|error| {
                let context = "the value has no counterpart in Python";
                Error::new(ErrorKind::Encode, "build a Python value", context).with_source(error)
            })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Natural)
    }
}

/// Takes every kind of data that describes itself.
struct Natural;

impl<'de> Visitor<'de> for Natural {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that Python can hold")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::None)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, int: i64) -> Result<Value, E> {
        Ok(Value::Int(int.into()))
    }

    fn visit_u64<E>(self, int: u64) -> Result<Value, E> {
        Ok(Value::Int(int.into()))
    }

    fn visit_i128<E>(self, int: i128) -> Result<Value, E> {
        Ok(Value::Int(int.into()))
    }

    fn visit_f64<E>(self, float: f64) -> Result<Value, E> {
        Ok(Value::Float(float.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Str(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Str(text.into()))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            pairs.push(entry);
        }
        let dict = Dict::from_pairs(pairs);
        dict.map(Value::Dict)
            .ok_or_else(|| serde::de::Error::custom("a key is not hashable in Python"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn rust_data_becomes_what_a_python_reader_expects() {
        let data = BTreeMap::from([("roles", vec!["admin"]), ("none", vec![])]);
        let value = Value::of(&data).unwrap();
        let dict = value.as_dict().unwrap();
        assert_eq!(dict.get("roles"), Some(&Value::List(vec!["admin".into()])));
        assert_eq!(
            value.read::<BTreeMap<String, Vec<String>>>().unwrap().len(),
            2
        );
        assert_eq!(Value::of(&(1, "a", None::<u8>, 2.5)).unwrap(), {
            Value::List(vec![1_i64.into(), "a".into(), Value::None, 2.5.into()])
        });
    }
}
