//! MessagePack as Flask-Session 0.7 and later writes it: msgspec's choices, byte for byte.
//!
//! Called by `payload`. Types that MessagePack lacks become text or arrays, as msgspec makes them;
//! an aware moment is the timestamp extension and comes back in UTC.

use super::{
    Datetime, Dict, Int, MAX_DEPTH, Text, Value,
    path::Path,
    value::{is_hashable, uuid_text},
};
use crate::error::{Error, ErrorKind, Result};

/// Reads one value and nothing after it.
pub fn read(bytes: &[u8]) -> Result<Value> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(0, false)?;
    match reader.rest {
        [] => Ok(value),
        _ => Err(corrupt("something follows the value")),
    }
}

/// Writes a session. An error names the key and the type that msgspec cannot write either.
pub fn write(session: &Dict) -> Result<Vec<u8>> {
    let mut writer = Writer::default();
    writer.dict(session, 0)?;
    Ok(writer.out)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let split = self.rest.split_at_checked(length);
        let (taken, rest) = split.ok_or_else(|| corrupt("the input ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn length(&mut self, width: usize) -> Result<usize> {
        let bytes = self.take(width)?;
        Ok(bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    }

    /// Arrays in a key are tuples, because lists are not hashable.
    fn value(&mut self, depth: usize, in_key: bool) -> Result<Value> {
        if depth > MAX_DEPTH {
            return Err(corrupt("the value is nested too deeply"));
        }
        let [first] = self.bytes()?;
        let low = usize::from(first);
        match first {
            0x00..=0x7f => Ok(i64::from(first).into()),
            0x80..=0x8f => self.map(low & 0x0f, depth),
            0x90..=0x9f => self.array(low & 0x0f, depth, in_key),
            0xa0..=0xbf => self.text(low & 0x1f),
            0xc0 => Ok(Value::None),
            0xc2 => Ok(Value::Bool(false)),
            0xc3 => Ok(Value::Bool(true)),
            0xc4..=0xc6 => {
                let length = self.length(1 << (low - 0xc4))?;
                Ok(Value::Bytes(self.take(length)?.to_vec()))
            }
            0xc7..=0xc9 => {
                let length = self.length(1 << (low - 0xc7))?;
                self.extension(length)
            }
            0xca => Ok(f64::from(f32::from_be_bytes(self.bytes()?)).into()),
            0xcb => Ok(f64::from_be_bytes(self.bytes()?).into()),
            0xcc => Ok(i64::from(u8::from_be_bytes(self.bytes()?)).into()),
            0xcd => Ok(i64::from(u16::from_be_bytes(self.bytes()?)).into()),
            0xce => Ok(i64::from(u32::from_be_bytes(self.bytes()?)).into()),
            0xcf => Ok(Value::Int(u64::from_be_bytes(self.bytes()?).into())),
            0xd0 => Ok(i64::from(i8::from_be_bytes(self.bytes()?)).into()),
            0xd1 => Ok(i64::from(i16::from_be_bytes(self.bytes()?)).into()),
            0xd2 => Ok(i64::from(i32::from_be_bytes(self.bytes()?)).into()),
            0xd3 => Ok(i64::from_be_bytes(self.bytes()?).into()),
            0xd4..=0xd8 => self.extension(1 << (low - 0xd4)),
            0xd9..=0xdb => {
                let length = self.length(1 << (low - 0xd9))?;
                self.text(length)
            }
            0xdc | 0xdd => {
                let length = self.length(2 << (low - 0xdc))?;
                self.array(length, depth, in_key)
            }
            0xde | 0xdf => {
                let length = self.length(2 << (low - 0xde))?;
                self.map(length, depth)
            }
            0xe0..=0xff => Ok(i64::from(first as i8).into()),
            0xc1 => Err(corrupt("a byte that no format has")),
        }
    }

    fn text(&mut self, length: usize) -> Result<Value> {
        let text = std::str::from_utf8(self.take(length)?);
        let text = text.map_err(|error| corrupt("a text is not UTF-8").with_source(error))?;
        Ok(text.into())
    }

    fn array(&mut self, length: usize, depth: usize, in_key: bool) -> Result<Value> {
        // Each element takes a byte at least, so a declared length cannot reserve more than is there.
        let mut items = Vec::with_capacity(length.min(self.rest.len()));
        for _ in 0..length {
            items.push(self.value(depth + 1, in_key)?);
        }
        Ok(if in_key {
            Value::Tuple(items)
        } else {
            Value::List(items)
        })
    }

    fn map(&mut self, length: usize, depth: usize) -> Result<Value> {
        let mut pairs = Vec::with_capacity(length.min(self.rest.len() / 2));
        for _ in 0..length {
            let key = self.value(depth + 1, true)?;
            if !is_hashable(&key) {
                return Err(corrupt("a key is not hashable"));
            }
            pairs.push((key, self.value(depth + 1, false)?));
        }
        let dict = Dict::from_pairs(pairs).ok_or_else(|| corrupt("a key is not hashable"))?;
        Ok(Value::Dict(dict))
    }

    fn extension(&mut self, length: usize) -> Result<Value> {
        let code = i8::from_be_bytes(self.bytes()?);
        let data = self.take(length)?;
        match code {
            TIMESTAMP => timestamp(data).map(Value::Datetime),
            _ => Ok(Value::Ext(code, data.to_vec())),
        }
    }
}

/// The three lengths of the timestamp extension.
fn timestamp(data: &[u8]) -> Result<Datetime> {
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let (nanos, seconds) = match data.len() {
        4 => (0, number(data).cast_signed()),
        8 => (
            number(data) >> 34,
            (number(data) & 0x3_ffff_ffff).cast_signed(),
        ),
        12 => (number(&data[..4]), number(&data[4..]).cast_signed()),
        _ => return Err(corrupt("a timestamp has a length that no timestamp has")),
    };
    if nanos > 999_999_999 {
        return Err(corrupt("a timestamp has too many nanoseconds"));
    }
    let micros = seconds.checked_mul(1_000_000);
    let micros = micros.and_then(|micros| micros.checked_add((nanos as i64 + 500) / 1_000));
    let moment = micros.and_then(Datetime::from_unix_micros);
    moment.ok_or_else(|| corrupt("a timestamp is out of range"))
}

#[derive(Default)]
struct Writer<'a> {
    out: Vec<u8>,
    path: Path<'a>,
}

impl<'a> Writer<'a> {
    fn value(&mut self, value: &'a Value, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(self.refuse("the value is nested too deeply"));
        }
        match value {
            Value::None => self.out.push(0xc0),
            Value::Bool(flag) => self.out.push(0xc2 + u8::from(*flag)),
            Value::Int(int) => self.int(int)?,
            Value::Float(float) => {
                self.out.push(0xcb);
                self.out.extend_from_slice(&float.get().to_be_bytes());
            }
            Value::Str(text) => self.str(text)?,
            Value::Bytes(bytes) | Value::ByteArray(bytes) => {
                self.head([0, 0xc4, 0xc5, 0xc6], 0, bytes.len())?;
                self.out.extend_from_slice(bytes);
            }
            Value::List(items)
            | Value::Tuple(items)
            | Value::Set(items)
            | Value::FrozenSet(items) => {
                self.head([0x90, 0, 0xdc, 0xdd], 16, items.len())?;
                for item in items {
                    self.value(item, depth + 1)?;
                }
            }
            Value::Dict(dict) | Value::Mapping(_, dict) => self.dict(dict, depth)?,
            Value::Datetime(moment) => self.moment(*moment)?,
            Value::Date(date) => self.text(&date.to_string())?,
            Value::Time(time) => self.text(&time.to_string())?,
            Value::Timedelta(length) => self.text(&length.to_string())?,
            Value::Decimal(text) => self.text(text)?,
            Value::Uuid(uuid) => self.text(&uuid_text(*uuid))?,
            Value::Ext(code, data) => self.extension(*code, data)?,
            Value::Complex(..) | Value::Deque(..) | Value::Markup(_) | Value::Range(..) => {
                let name = value.type_name();
                return Err(self.refuse(format!("encoding objects of type {name} is unsupported")));
            }
        }
        Ok(())
    }

    fn dict(&mut self, dict: &'a Dict, depth: usize) -> Result<()> {
        self.head([0x80, 0, 0xde, 0xdf], 16, dict.len())?;
        for (key, value) in dict {
            self.path.enter(key);
            self.value(key, depth + 1)?;
            self.value(value, depth + 1)?;
            self.path.leave();
        }
        Ok(())
    }

    /// The first byte and the length: within the byte below `fits`, else in one, two or four bytes.
    fn head(&mut self, bytes: [u8; 4], fits: usize, length: usize) -> Result<()> {
        let [within, one, two, four] = bytes;
        if length < fits {
            self.out.push(within | length as u8);
        } else if let (Ok(short), true) = (u8::try_from(length), one != 0) {
            self.out.extend_from_slice(&[one, short]);
        } else if let Ok(short) = u16::try_from(length) {
            self.out.push(two);
            self.out.extend_from_slice(&short.to_be_bytes());
        } else if let Ok(long) = u32::try_from(length) {
            self.out.push(four);
            self.out.extend_from_slice(&long.to_be_bytes());
        } else {
            return Err(self.refuse("the value is longer than MessagePack allows"));
        }
        Ok(())
    }

    fn int(&mut self, int: &Int) -> Result<()> {
        if let Some(unsigned) = int.as_u64() {
            let bytes = unsigned.to_be_bytes();
            let (code, width) = match unsigned {
                0..0x80 => (None, 1),
                0x80..0x100 => (Some(0xcc), 1),
                0x100..0x1_0000 => (Some(0xcd), 2),
                0x1_0000..0x1_0000_0000 => (Some(0xce), 4),
                _ => (Some(0xcf), 8),
            };
            self.out.extend(code);
            self.out.extend_from_slice(&bytes[8 - width..]);
        } else if let Some(negative) = int.as_i64() {
            let bytes = negative.to_be_bytes();
            let (code, width) = match negative {
                -0x20.. => (None, 1),
                -0x80.. => (Some(0xd0), 1),
                -0x8000.. => (Some(0xd1), 2),
                -0x8000_0000.. => (Some(0xd2), 4),
                _ => (Some(0xd3), 8),
            };
            self.out.extend(code);
            self.out.extend_from_slice(&bytes[8 - width..]);
        } else {
            return Err(self.refuse("integers below -2**63 or above 2**64 - 1 have no form"));
        }
        Ok(())
    }

    fn str(&mut self, text: &Text) -> Result<()> {
        match text.as_str() {
            Some(plain) => self.text(plain),
            None => Err(self.refuse("a text with lone surrogates is not UTF-8")),
        }
    }

    fn text(&mut self, text: &str) -> Result<()> {
        self.head([0xa0, 0xd9, 0xda, 0xdb], 32, text.len())?;
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn moment(&mut self, moment: Datetime) -> Result<()> {
        if moment.time.offset().is_none() {
            return self.text(&moment.to_string());
        }
        if moment.to_utc().is_none() {
            return Err(self.refuse("the date is out of range in UTC"));
        }
        let micros = moment.unix_micros();
        let seconds = micros.div_euclid(1_000_000);
        let nanos = micros.rem_euclid(1_000_000) as u64 * 1_000;
        match u64::try_from(seconds) {
            Ok(seconds) if nanos == 0 && seconds >> 32 == 0 => {
                self.extension(TIMESTAMP, &seconds.to_be_bytes()[4..])
            }
            Ok(seconds) if seconds >> 34 == 0 => {
                self.extension(TIMESTAMP, &(nanos << 34 | seconds).to_be_bytes())
            }
            _ => {
                let mut data = [0; 12];
                data[..4].copy_from_slice(&nanos.to_be_bytes()[4..]);
                data[4..].copy_from_slice(&seconds.to_be_bytes());
                self.extension(TIMESTAMP, &data)
            }
        }
    }

    fn extension(&mut self, code: i8, data: &[u8]) -> Result<()> {
        match data.len() {
            length @ (1 | 2 | 4 | 8 | 16) => self.out.push(0xd4 + length.trailing_zeros() as u8),
            length => self.head([0, 0xc7, 0xc8, 0xc9], 0, length)?,
        }
        self.out.push(code.cast_unsigned());
        self.out.extend_from_slice(data);
        Ok(())
    }

    fn refuse(&self, reason: impl Into<std::borrow::Cow<'a, str>>) -> Error {
        self.path.refuse("write MessagePack", reason)
    }
}

/// The extension type of moments.
const TIMESTAMP: i8 = -1;

fn corrupt(context: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, "read MessagePack", context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_length_reserves_no_more_than_is_there() {
        for bytes in [
            &b"\xdd\xff\xff\xff\xff"[..],
            b"\xdf\xff\xff\xff\xff",
            b"\xdb\xff\xff\xff\xff",
            b"\xc9\xff\xff\xff\xff\x05",
        ] {
            assert_eq!(read(bytes).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    /// Checked against msgspec 0.22.
    #[test]
    fn timestamps_are_rounded_and_bounded_as_msgspec_does() {
        let ts96 = |nanos: u32, seconds: i64| {
            [
                &b"\xc7\x0c\xff"[..],
                &nanos.to_be_bytes(),
                &seconds.to_be_bytes(),
            ]
            .concat()
        };
        for (bytes, expected) in [
            (ts96(1_999, -5), Some("1969-12-31T23:59:55.000002Z")),
            (ts96(999_999_999, -5), Some("1969-12-31T23:59:56Z")),
            (ts96(1_000_000_000, -5), None),
            (ts96(0, 253_402_300_799), Some("9999-12-31T23:59:59Z")),
            (ts96(0, 253_402_300_800), None),
            (ts96(0, i64::MAX), None),
            (b"\xd4\xff\x00".to_vec(), None),
            (
                b"\xc7\x04\xff\x00\x00\x00\x01".to_vec(),
                Some("1970-01-01T00:00:01Z"),
            ),
        ] {
            let read = read(&bytes).ok().map(|value| match value {
                Value::Datetime(moment) => moment.to_string(),
                other => panic!("{other:?}"),
            });
            assert_eq!(read.as_deref(), expected);
        }
    }

    #[test]
    fn keys_are_hashable() {
        for (bytes, accepted) in [
            (&b"\x81\x91\x01\x02"[..], true),
            (b"\x81\xc4\x01a\x01", true),
            (b"\x81\x80\x01", false),
            (b"\x81\x91\x80\x01", false),
            (b"\x81\xd4\x05\x01\x01", false),
            (b"\xc1", false),
            (b"\xc0\xc0", false),
        ] {
            assert_eq!(read(bytes).is_ok(), accepted, "{bytes:x?}");
        }
    }

    #[test]
    fn a_value_without_a_form_is_refused_with_its_key_and_type() {
        let mut inner = Dict::new();
        inner.insert("note", Value::Markup("<b>".into()));
        let mut session = Dict::new();
        session.insert("page", Value::Dict(inner));
        let error = write(&session).unwrap_err().to_string();
        assert!(
            error.contains("session[\"page\"][\"note\"]") && error.contains("Markup"),
            "{error}"
        );
    }
}
