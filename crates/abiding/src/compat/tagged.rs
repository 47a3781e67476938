//! Flask's tagged JSON: the types that JSON lacks, each as an object of one key that names it.
//!
//! Called by the cookie after its signature held. Text comes from `json_text`, in the ASCII that
//! Python's `json.dumps` writes.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Date, Datetime, Dict, MAX_DEPTH, Text, Time, Value,
    json_text::{Dialect, read_json, write_float, write_python_text},
    path::Path,
    signer::decode_python_base64,
    value::uuid_text,
};
use crate::error::{Error, ErrorKind, Result};

/// The keys that mark an object of one pair as a value of another type.
const TAGS: [&str; 6] = [" di", " t", " b", " m", " u", " d"];

/// Reads tagged JSON. Everything that Python's `loads` refuses is refused.
pub(super) fn read(json: &[u8]) -> Result<Value> {
    untag(read_json(json, Dialect::Python)?, &Known::default())
}

/// The tags of a reader: Flask's, and those that somebody adds to them.
#[derive(Default)]
pub(super) struct Known {
    pub(super) more: &'static [&'static str],
    /// What a value under one of those is.
    pub(super) revive: Option<fn(&'static str, Value) -> Result<Value>>,
}

impl Known {
    pub(super) fn tag(&self, key: &str) -> Option<&'static str> {
        let mut tags = TAGS.iter().chain(self.more);
        tags.find(|tag| **tag == key).copied()
    }
}

/// Writes tagged JSON; with `sort_keys` each object's keys in order, as Flask does within a request.
pub(super) fn write(dict: &Dict, sort_keys: bool) -> Result<String> {
    let mut writer = Writer {
        out: String::new(),
        path: Path::default(),
        sort_keys,
    };
    writer.dict(dict, 0)?;
    Ok(writer.out)
}

/// Makes of tagged values what they stand for.
pub(super) fn untag(value: Value, known: &Known) -> Result<Value> {
    match value {
        Value::Dict(dict) => {
            let mut pairs = dict.into_pairs();
            for (_, value) in &mut pairs {
                let inner = std::mem::replace(value, Value::None);
                *value = untag(inner, known)?;
            }
            if pairs.len() == 1
                && let Some(tag) = pairs[0].0.as_str().and_then(|key| known.tag(key))
                && let Some((_, value)) = pairs.pop()
            {
                return match known.revive {
                    Some(revive) if known.more.contains(&tag) => revive(tag, value),
                    _ => revive(tag, value),
                };
            }
            dict_of(pairs)
        }
        Value::List(items) => Ok(Value::List(
            items
                .into_iter()
                .map(|item| untag(item, known))
                .collect::<Result<_>>()?,
        )),
        plain => Ok(plain),
    }
}

fn revive(tag: &'static str, value: Value) -> Result<Value> {
    let text = match &value {
        Value::Str(text) | Value::Markup(text) => Some(text),
        _ => None,
    };
    let revived = match (tag, text) {
        (" di", _) => return unescape(value),
        (" t", Some(text)) => Some(characters(text)),
        (" t", None) => tuple(value),
        (" b", Some(text)) => text
            .as_str()
            .filter(|text| text.is_ascii())
            .and_then(|text| decode_python_base64(text.as_bytes()))
            .map(Value::Bytes),
        (" m", Some(text)) => Some(Value::Markup(text.clone())),
        (" u", Some(text)) => text.as_str().and_then(parse_uuid).map(Value::Uuid),
        (" d", Some(text)) => Some(
            text.as_str()
                .and_then(parse_http_date)
                .map_or(Value::None, Value::Datetime),
        ),
        (" d", None) if value == Value::None => Some(Value::None),
        _ => None,
    };
    revived.ok_or_else(|| corrupt(format!("the tag {tag:?} carries a wrong value")))
}

/// Takes the escape off a dict that only looks tagged.
fn unescape(value: Value) -> Result<Value> {
    let Value::Dict(dict) = value else {
        return Err(corrupt("the tag \" di\" carries a wrong value"));
    };
    let first = dict.into_pairs().into_iter().next();
    let Some((Value::Str(key), value)) = first else {
        return Err(corrupt("the tag \" di\" carries a wrong value"));
    };
    let points: Vec<u32> = key.code_points().collect();
    let shorter = points[..points.len().saturating_sub(2)].iter().copied();
    let key = Text::from_code_points(shorter).map_or(Value::None, Value::Str);
    dict_of(vec![(key, value)])
}

fn dict_of(pairs: Vec<(Value, Value)>) -> Result<Value> {
    let dict = Dict::from_pairs(pairs).ok_or_else(|| corrupt("a key is not hashable"))?;
    Ok(Value::Dict(dict))
}

/// `tuple(value)` of what JSON can hold, tagged values included.
fn tuple(value: Value) -> Option<Value> {
    Some(Value::Tuple(match value {
        Value::List(items) | Value::Tuple(items) => items,
        Value::Dict(dict) => dict.into_pairs().into_iter().map(|(key, _)| key).collect(),
        Value::Bytes(bytes) => bytes
            .into_iter()
            .map(|byte| i64::from(byte).into())
            .collect(),
        _ => return None,
    }))
}

/// `tuple(text)`: its characters.
fn characters(text: &Text) -> Value {
    let each = text
        .code_points()
        .filter_map(|point| Text::from_code_points([point]));
    Value::Tuple(each.map(Value::Str).collect())
}

/// A UUID's 32 digits, with the decorations that Python's constructor takes off.
pub(super) fn parse_uuid(text: &str) -> Option<u128> {
    let bare = text.replace("urn:", "").replace("uuid:", "");
    let bare = bare.trim_matches(['{', '}']).replace('-', "");
    let valid = bare.len() == 32 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(&bare, 16).ok().filter(|_| valid)
}

/// `Mon, 02 Feb 2026 03:04:05 GMT`, the one form that is ever written; UTC.
fn parse_http_date(text: &str) -> Option<Datetime> {
    let text = text.strip_suffix(" GMT")?;
    let (_, text) = text.split_once(", ")?;
    let mut parts = text.split(' ');
    let (day, month, year, clock) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let date = Date::new(
        century(year.parse().ok()?),
        u8::try_from(month).ok()?,
        day.parse().ok()?,
    )?;
    let time: Time = clock.parse().ok()?;
    (parts.next().is_none() && time.offset().is_none()).then_some(Datetime {
        date,
        time: time.with_offset(0)?,
    })
}

/// Python's reader takes a year below 100 for one of 1969 to 2068, four digits or not.
fn century(year: u16) -> u16 {
    match year {
        0..69 => year + 2000,
        69..100 => year + 1900,
        _ => year,
    }
}

pub(crate) fn http_date(moment: Datetime) -> Option<String> {
    let utc = moment.to_utc()?;
    let ((year, month, day), (hour, minute, second, _)) = (utc.date.parts(), utc.time.parts());
    let (weekday, month) = (WEEKDAYS[utc.weekday()], MONTHS[usize::from(month) - 1]);
    Some(format!(
        "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT"
    ))
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

struct Writer<'a> {
    out: String,
    path: Path<'a>,
    sort_keys: bool,
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
            Value::Float(float) => write_float(&mut self.out, *float, Dialect::Python),
            Value::Str(text) => write_python_text(&mut self.out, text),
            Value::Dict(dict) | Value::Mapping(_, dict) => return self.dict(dict, depth),
            Value::List(items) => return self.list(items, depth),
            Value::Tuple(items) => {
                self.out.push_str("{\" t\":");
                self.list(items, depth + 1)?;
                self.out.push('}');
            }
            Value::Bytes(bytes) => self.tag(" b", &STANDARD.encode(bytes).into()),
            Value::Markup(text) => self.tag(" m", text),
            Value::Uuid(uuid) => self.tag(" u", &uuid_text(*uuid).replace('-', "").into()),
            Value::Datetime(moment) => self.tag(" d", &self.date(*moment)?),
            // These two are not tagged: Flask's JSON provider turns them into plain text.
            Value::Date(date) => {
                let midnight = Time::new(0, 0, 0, 0).map(|time| Datetime { date: *date, time });
                let text = midnight.map(|midnight| self.date(midnight)).transpose()?;
                let text = text.unwrap_or_else(|| "".into());
                write_python_text(&mut self.out, &text);
            }
            Value::Decimal(text) => write_python_text(&mut self.out, &text.as_str().into()),
            other => {
                let name = other.type_name();
                return Err(
                    self.refuse(format!("an object of type {name} is not JSON serializable"))
                );
            }
        }
        Ok(())
    }

    fn date(&self, moment: Datetime) -> Result<Text> {
        let text = http_date(moment);
        let text = text.ok_or_else(|| self.refuse("the date is out of range in UTC"))?;
        Ok(text.into())
    }

    fn refuse(&self, reason: impl Into<Cow<'a, str>>) -> Error {
        self.path.refuse("write tagged JSON", reason)
    }

    fn tag(&mut self, tag: &str, text: &Text) {
        self.out.push_str("{\"");
        self.out.push_str(tag);
        self.out.push_str("\":");
        write_python_text(&mut self.out, text);
        self.out.push('}');
    }

    fn list(&mut self, items: &'a [Value], depth: usize) -> Result<()> {
        self.out.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.value(item, depth + 1)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn dict(&mut self, dict: &'a Dict, depth: usize) -> Result<()> {
        let mut pairs: Vec<&'a (Value, Value)> = dict.iter().collect();
        if let [(key, value)] = pairs.as_slice()
            && let Some(tag) = key.as_str().and_then(|key| Known::default().tag(key))
        {
            self.out.push_str("{\" di\":{\"");
            self.out.push_str(tag);
            self.out.push_str("__\":");
            self.value(value, depth + 2)?;
            self.out.push_str("}}");
            return Ok(());
        }
        if self.sort_keys && !sort(&mut pairs) {
            return Err(self.refuse("keys of different types cannot be sorted"));
        }
        self.out.push('{');
        for (index, (key, value)) in pairs.into_iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.path.enter(key);
            self.key(key)?;
            self.out.push(':');
            self.value(value, depth + 1)?;
            self.path.leave();
        }
        self.out.push('}');
        Ok(())
    }

    fn key(&mut self, key: &'a Value) -> Result<()> {
        match key {
            Value::Str(text) | Value::Markup(text) => write_python_text(&mut self.out, text),
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                self.out.push('"');
                self.value(key, 0)?;
                self.out.push('"');
            }
            other => {
                let name = other.type_name();
                let context = format!("keys must be str, int, float, bool or None, not {name}");
                return Err(self.refuse(context));
            }
        }
        Ok(())
    }
}

/// Sorts as Python sorts the keys before it writes them: all text, or all numbers; else not at all.
fn sort(pairs: &mut [&(Value, Value)]) -> bool {
    let number = |key: &Value| match key {
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        Value::Int(int) => int.to_string().parse().ok(),
        Value::Float(float) => Some(float.get()),
        _ => None,
    };
    let text = |key: &Value| matches!(key, Value::Str(_) | Value::Markup(_));
    if pairs.len() < 2 {
        return true;
    }
    if pairs.iter().all(|(key, _)| text(key)) {
        pairs.sort_by(|(left, _), (right, _)| text_of(left).cmp(&text_of(right)));
    } else if pairs.iter().all(|(key, _)| matches!(key, Value::Int(_))) {
        pairs.sort_by(|(left, _), (right, _)| match (left, right) {
            (Value::Int(left), Value::Int(right)) => left.cmp(right),
            _ => std::cmp::Ordering::Equal,
        });
    } else if pairs.iter().all(|(key, _)| number(key).is_some()) {
        pairs.sort_by(|(left, _), (right, _)| {
            let (left, right) = (number(left), number(right));
            left.partial_cmp(&right)
                .unwrap_or(std::cmp::Ordering::Equal)
        });
    } else {
        return false;
    }
    true
}

fn text_of(key: &Value) -> Option<&Text> {
    match key {
        Value::Str(text) | Value::Markup(text) => Some(text),
        _ => None,
    }
}

pub(super) fn corrupt(context: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Corrupt, "read tagged JSON", context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compat::Float;

    fn check(value: Value, json: &str) {
        let mut dict = Dict::new();
        dict.insert("v", value);
        let written = write(&dict, true).unwrap();
        assert_eq!(written, format!("{{\"v\":{json}}}"));
        assert_eq!(read(written.as_bytes()).unwrap(), Value::Dict(dict));
    }

    #[test]
    fn every_tagged_type_survives() {
        check(
            Value::Tuple(vec![Value::Tuple(vec![])]),
            r#"{" t":[{" t":[]}]}"#,
        );
        check(Value::Bytes(b"\xfb\xff".to_vec()), r#"{" b":"+/8="}"#);
        check(Value::Markup("<b>".into()), r#"{" m":"<b>"}"#);
        check(
            Value::Uuid(10),
            r#"{" u":"0000000000000000000000000000000a"}"#,
        );
        let moment = Datetime::from_unix_micros(0).unwrap();
        check(
            Value::Datetime(moment),
            r#"{" d":"Thu, 01 Jan 1970 00:00:00 GMT"}"#,
        );
        check(Value::Float(Float::from(f64::NAN)), "NaN");
    }

    #[test]
    fn a_dict_that_looks_tagged_is_escaped() {
        for tag in TAGS {
            let dict = Dict::from_pairs(vec![(tag.into(), "x".into())]).unwrap();
            check(
                Value::Dict(dict),
                &format!(r#"{{" di":{{"{tag}__":"x"}}}}"#),
            );
        }
    }

    #[test]
    fn a_tag_with_a_wrong_value_is_corrupt() {
        for json in [
            r#"{" u":"zz"}"#,
            r#"{" u":5}"#,
            r#"{" b":"YWJ"}"#,
            r#"{" b":"é"}"#,
            r#"{" t":5}"#,
            r#"{" m":5}"#,
            r#"{" d":5}"#,
            r#"{" di":5}"#,
            r#"{" di":{}}"#,
            r#"{" di":[]}"#,
        ] {
            assert_eq!(
                read(json.as_bytes()).unwrap_err().kind(),
                ErrorKind::Corrupt,
                "{json}"
            );
        }
        assert_eq!(read(br#"{" d":"yesterday"}"#).unwrap(), Value::None);
    }

    #[test]
    fn a_value_that_json_lacks_is_refused_with_its_key_and_type() {
        let mut dict = Dict::new();
        dict.insert("cart", Value::List(vec![Value::Set(vec![])]));
        let error = write(&dict, true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert!(
            error.to_string().contains("cart") && error.to_string().contains("set"),
            "{error}"
        );
    }
}
