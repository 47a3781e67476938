//! A Python value as one value of a session: JSON where JSON can say it, tagged where it cannot.
//!
//! The spelling is Flask's tagged JSON, unescaped as `serde_json` writes it, so that a plain value is
//! spelled alike by Rust and by Python. Two tags more than Flask's make it lose nothing: ` p` holds a
//! pickle, which our reader interprets and nothing executes, and ` x` a MessagePack extension. Called
//! by the stores and the cookie that Flask reads too, and by a [`Session`](crate::Session) of theirs.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Datetime, Dict, Int, MAX_DEPTH, Value, http_date,
    json_text::{Dialect, read_json, write_float, write_msgspec_text, write_python_text},
    pickle,
    tagged::{Known, corrupt, untag},
    value::uuid_text,
};
use crate::error::{Error, ErrorKind, Result};

/// What Flask's tags cannot say.
const MORE: Known = Known {
    more: &[" p", " x"],
    revive: Some(revive),
};

/// How a key begins that is not text, or looks as if it were not: the spelled value follows.
const NOT_TEXT: char = '\u{1}';

/// Spells a value.
pub(crate) fn write(value: &Value) -> Result<Vec<u8>> {
    let mut out = String::new();
    spell(&mut out, value, 0)?;
    Ok(out.into_bytes())
}

/// Reads a spelled value.
pub(crate) fn read(frame: &[u8]) -> Result<Value> {
    untag(read_json(frame, Dialect::Python)?, &MORE)
}

impl Dict {
    /// The map as one line of JSON, with Flask's tags where JSON lacks a type, and two more where Flask lacks
    /// it: nothing is lost, and [`from_json`](Self::from_json) reads it back.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] for a value nested too deeply.
    pub fn to_json(&self) -> Result<String> {
        let mut out = String::new();
        if has_text_keys(self) {
            object(&mut out, self, 0)?;
        } else {
            spell(&mut out, &Value::Dict(self.clone()), 0)?;
        }
        Ok(out)
    }

    /// The map in this JSON, in which an object of one pair may be a [tagged](Self::to_json) value.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for what is no JSON, and for what is no object.
    pub fn from_json(text: &str) -> Result<Self> {
        match read(text.as_bytes())? {
            Value::Dict(dict) => Ok(dict),
            other => {
                let context = format!("the text is a {}, not an object", other.type_name());
                Err(Error::new(ErrorKind::Corrupt, "read JSON", context))
            }
        }
    }
}

/// Whether JSON that knows of no tags may hold an object that looks tagged.
pub(crate) fn looks_tagged(json: &[u8]) -> bool {
    json.windows(3).any(|window| window == b"{\" ")
}

/// The name under which a session shows the key of a dict.
pub(crate) fn key(key: &Value) -> Result<String> {
    if let Value::Str(text) = key
        && let Some(plain) = text.as_str()
        && !plain.starts_with(NOT_TEXT)
    {
        return Ok(plain.to_owned());
    }
    let mut name = String::from(NOT_TEXT);
    spell(&mut name, key, 0)?;
    Ok(name)
}

/// The key of a dict that a session shows under this name.
pub(crate) fn read_key(name: &str) -> Result<Value> {
    match name.strip_prefix(NOT_TEXT) {
        Some(spelt) => read(spelt.as_bytes()),
        None => Ok(name.into()),
    }
}

fn spell(out: &mut String, value: &Value, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        let context = "the value is nested too deeply";
        return Err(Error::new(ErrorKind::Encode, "insert", context));
    }
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Int(int) => out.push_str(&int.to_string()),
        Value::Float(float) if float.get().is_finite() => {
            write_float(out, *float, Dialect::Msgspec);
        }
        Value::Str(text) => match text.as_str() {
            Some(plain) => write_msgspec_text(out, plain),
            None => write_python_text(out, text),
        },
        Value::List(items) => list(out, items, depth)?,
        Value::Tuple(items) => {
            out.push_str("{\" t\":");
            list(out, items, depth + 1)?;
            out.push('}');
        }
        Value::Dict(dict) if has_text_keys(dict) => object(out, dict, depth)?,
        Value::Bytes(bytes) => tag(out, " b", &STANDARD.encode(bytes)),
        Value::Uuid(uuid) => tag(out, " u", &uuid_text(*uuid).replace('-', "")),
        Value::Markup(text) if text.as_str().is_some() => {
            tag(out, " m", text.as_str().unwrap_or_default());
        }
        // Flask's own tag, where it says all there is to say.
        Value::Datetime(moment) if is_plain(*moment) => {
            tag(out, " d", &http_date(*moment).unwrap_or_default());
        }
        Value::Ext(code, bytes) => {
            out.push_str(&format!(
                "{{\" x\":[{code},\"{}\"]}}",
                STANDARD.encode(bytes)
            ));
        }
        other => {
            let mut dict = Dict::new();
            dict.insert("", other.clone());
            tag(out, " p", &STANDARD.encode(pickle::write(&dict)?));
        }
    }
    Ok(())
}

/// Whether a moment is of UTC and of a whole second, in a year of four digits.
fn is_plain(moment: Datetime) -> bool {
    let (time, (year, ..)) = (moment.time, moment.date.parts());
    time.offset() == Some(0) && time.parts().3 == 0 && !time.fold() && year >= 1_000
}

fn has_text_keys(dict: &Dict) -> bool {
    dict.iter().all(|(key, _)| matches!(key, Value::Str(_)))
}

fn list(out: &mut String, items: &[Value], depth: usize) -> Result<()> {
    out.push('[');
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        spell(out, item, depth + 1)?;
    }
    out.push(']');
    Ok(())
}

fn object(out: &mut String, dict: &Dict, depth: usize) -> Result<()> {
    let mut pairs = dict.iter();
    if let (Some((key, value)), None) = (pairs.next(), pairs.next())
        && let Some(tag) = key.as_str().and_then(|key| MORE.tag(key))
    {
        out.push_str(&format!("{{\" di\":{{\"{tag}__\":"));
        spell(out, value, depth + 2)?;
        out.push_str("}}");
        return Ok(());
    }
    out.push('{');
    for (number, (key, value)) in dict.iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        spell(out, key, depth)?;
        out.push(':');
        spell(out, value, depth + 1)?;
    }
    out.push('}');
    Ok(())
}

fn tag(out: &mut String, tag: &str, text: &str) {
    out.push_str("{\"");
    out.push_str(tag);
    out.push_str("\":");
    write_msgspec_text(out, text);
    out.push('}');
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "as the tags of Flask are revived"
)]
fn revive(tag: &'static str, value: Value) -> Result<Value> {
    let bytes = |text: Option<&str>| text.and_then(|text| STANDARD.decode(text).ok());
    let revived = match (tag, &value) {
        (" p", text) => bytes(text.as_str())
            .map(|bytes| pickle::read(&bytes))
            .transpose()?
            .and_then(|mut dict| dict.remove("")),
        (_, Value::List(parts)) => match parts.as_slice() {
            [Value::Int(code), text] => extension(code, bytes(text.as_str())),
            _ => None,
        },
        _ => None,
    };
    revived.ok_or_else(|| corrupt(format!("the tag {tag:?} carries a wrong value")))
}

fn extension(code: &Int, bytes: Option<Vec<u8>>) -> Option<Value> {
    let code = i8::try_from(code.as_i64()?).ok()?;
    Some(Value::Ext(code, bytes?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compat::{Datetime, MappingKind, Text};

    fn check(value: &Value, spelt: &str) {
        let written = write(value).unwrap();
        assert_eq!(String::from_utf8_lossy(&written), spelt);
        assert_eq!(read(&written).unwrap(), *value);
    }

    #[test]
    fn plain_values_are_spelled_as_rust_spells_them() {
        let json = r#"{"a":[1,-2.5,"é\n\u0001",null,true],"b":{}}"#;
        check(
            &Value::of(&serde_json::value::RawValue::from_string(json.into()).unwrap()).unwrap(),
            json,
        );
    }

    #[test]
    fn a_map_is_one_line_of_json_and_comes_back_with_its_types() {
        for (pairs, line) in [
            (vec![], "{}"),
            (vec![("a".into(), "x\ny".into())], r#"{"a":"x\ny"}"#),
            (
                vec![("a".into(), Value::Tuple(vec![]))],
                r#"{"a":{" t":[]}}"#,
            ),
            (vec![(" t".into(), 1_i64.into())], r#"{" di":{" t__":1}}"#),
        ] {
            let dict = Dict::from_pairs(pairs).unwrap();
            assert_eq!(dict.to_json().unwrap(), line);
            assert_eq!(Dict::from_json(line).unwrap(), dict);
        }
        let numbered = Dict::from_pairs(vec![(1_i64.into(), Value::None)]).unwrap();
        assert_eq!(
            Dict::from_json(&numbered.to_json().unwrap()).unwrap(),
            numbered
        );
        assert!(Dict::from_json("[]").is_err() && Dict::from_json("{").is_err());
    }

    #[test]
    fn every_type_survives() {
        let dict = |key: Value| Value::Dict(Dict::from_pairs(vec![(key, 1_i64.into())]).unwrap());
        check(&Value::Tuple(vec!["a".into()]), r#"{" t":["a"]}"#);
        check(&Value::Ext(-7, b"x".to_vec()), r#"{" x":[-7,"eA=="]}"#);
        check(&dict(" p".into()), r#"{" di":{" p__":1}}"#);
        check(&dict(" t".into()), r#"{" di":{" t__":1}}"#);
        for value in [
            Value::Set(vec![1_i64.into()]),
            Value::Float(f64::NAN.into()),
            Value::Float((-0.0).into()),
            Value::Decimal("1.10".into()),
            Value::Datetime(Datetime::from_unix_micros(1).unwrap()),
            Value::Mapping(MappingKind::Counter, Dict::new()),
            Value::Str(Text::from_code_points([0xd800]).unwrap()),
            dict(7_i64.into()),
            dict(Value::Tuple(vec![])),
            Value::List(vec![Value::FrozenSet(vec![]), dict(Value::None)]),
        ] {
            let written = write(&value).unwrap();
            assert_eq!(read(&written).unwrap(), value, "{value:?}");
        }
    }

    #[test]
    fn every_key_has_a_name_of_its_own() {
        let keys = [
            Value::from("a"),
            "\u{1}a".into(),
            "".into(),
            1_i64.into(),
            "1".into(),
            Value::Tuple(vec!["a".into()]),
            Value::Str(Text::from_code_points([0xd800]).unwrap()),
        ];
        for value in &keys {
            let name = key(value).unwrap();
            assert_eq!(read_key(&name).unwrap(), *value, "{name:?}");
        }
    }
}
