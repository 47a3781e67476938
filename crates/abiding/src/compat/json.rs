//! JSON as Flask-Session 0.7 and later writes it on request: msgspec's choices, byte for byte.
//!
//! Called by `payload`. The text itself is `json_text`; here is what each Python type becomes.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Dict, MAX_DEPTH, Value,
    json_text::{Dialect, read_json, write_float, write_msgspec_text},
    path::Path,
    value::uuid_text,
};
use crate::error::{Error, Result};

/// Reads one JSON text, strictly.
pub fn read(bytes: &[u8]) -> Result<Value> {
    read_json(bytes, Dialect::Msgspec)
}

/// Writes a session. An error names the key and the type that msgspec cannot write either.
pub fn write(session: &Dict) -> Result<Vec<u8>> {
    let mut writer = Writer::default();
    writer.dict(session, 0)?;
    Ok(writer.out.into_bytes())
}

#[derive(Default)]
struct Writer<'a> {
    out: String,
    path: Path<'a>,
}

impl<'a> Writer<'a> {
    fn value(&mut self, value: &'a Value, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(self.refuse("the value is nested too deeply"));
        }
        match value {
            Value::None => self.out.push_str("null"),
            Value::Bool(flag) => self.out.push_str(if *flag { "true" } else { "false" }),
            Value::Int(int) => self.out.push_str(&int.to_string()),
            Value::Float(float) => write_float(&mut self.out, *float, Dialect::Msgspec),
            Value::List(items)
            | Value::Tuple(items)
            | Value::Set(items)
            | Value::FrozenSet(items) => {
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.out.push(',');
                    }
                    self.value(item, depth + 1)?;
                }
                self.out.push(']');
            }
            Value::Dict(dict) | Value::Mapping(_, dict) => self.dict(dict, depth)?,
            textual => {
                let text = self.spelt(textual)?;
                write_msgspec_text(&mut self.out, &text);
            }
        }
        Ok(())
    }

    fn dict(&mut self, dict: &'a Dict, depth: usize) -> Result<()> {
        self.out.push('{');
        for (index, (key, value)) in dict.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.path.enter(key);
            let text = self.key(key)?;
            write_msgspec_text(&mut self.out, &text);
            self.out.push(':');
            self.value(value, depth + 1)?;
            self.path.leave();
        }
        self.out.push('}');
        Ok(())
    }

    fn key(&self, key: &'a Value) -> Result<String> {
        Ok(match key {
            Value::Int(int) => int.to_string(),
            Value::Float(float) if float.get().is_nan() => "nan".to_owned(),
            Value::Float(float) if float.get().is_infinite() => {
                let sign = if float.get() < 0.0 { "-" } else { "" };
                format!("{sign}inf")
            }
            Value::Float(float) => {
                let mut text = String::new();
                write_float(&mut text, *float, Dialect::Msgspec);
                text
            }
            Value::None | Value::Bool(_) | Value::Tuple(_) | Value::FrozenSet(_) => {
                return Err(
                    self.refuse("only dicts with str-like or number-like keys are supported")
                );
            }
            textual => self.spelt(textual)?,
        })
    }

    /// The text that a value becomes.
    fn spelt(&self, value: &Value) -> Result<String> {
        Ok(match value {
            Value::Str(text) => match text.as_str() {
                Some(plain) => plain.to_owned(),
                None => return Err(self.refuse("a text with lone surrogates is not UTF-8")),
            },
            Value::Bytes(bytes) | Value::ByteArray(bytes) => STANDARD.encode(bytes),
            Value::Datetime(moment) => moment.to_string(),
            Value::Date(date) => date.to_string(),
            Value::Time(time) => time.to_string(),
            Value::Timedelta(length) => length.to_string(),
            Value::Decimal(text) => text.clone(),
            Value::Uuid(uuid) => uuid_text(*uuid),
            other => {
                let name = other.type_name();
                return Err(self.refuse(format!("encoding objects of type {name} is unsupported")));
            }
        })
    }

    fn refuse(&self, reason: impl Into<std::borrow::Cow<'a, str>>) -> Error {
        self.path.refuse("write JSON", reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compat::Datetime;

    /// Checked against msgspec 0.22.
    #[test]
    fn keys_become_text_as_msgspec_makes_them() {
        for (key, expected) in [
            (Value::from(1.5), Some("{\"1.5\":1}")),
            (Value::from(f64::NAN), Some("{\"nan\":1}")),
            (Value::Bytes(b"a".to_vec()), Some("{\"YQ==\":1}")),
            (
                Value::Datetime(Datetime::from_unix_micros(0).unwrap()),
                Some("{\"1970-01-01T00:00:00Z\":1}"),
            ),
            (Value::Bool(true), None),
            (Value::None, None),
            (Value::Tuple(vec![]), None),
        ] {
            let session = Dict::from_pairs(vec![(key, 1_i64.into())]).unwrap();
            let written = write(&session).ok();
            assert_eq!(written.as_deref(), expected.map(str::as_bytes));
        }
    }
}
