//! Writes pickles in protocol 4, which every supported Python reads.
//!
//! Without memo and frames: legal, and simpler than what CPython writes.

use super::Name;
use crate::{
    compat::{Date, Dict, MAX_DEPTH, MappingKind, Time, Value, path::Path},
    error::{Error, Result},
};

/// Pickles a session. An error names the key and the type that a pickle of ours cannot hold.
pub fn write(session: &Dict) -> Result<Vec<u8>> {
    let mut writer = Writer {
        out: vec![0x80, 4],
        path: Path::default(),
    };
    writer.dict(session, 0)?;
    writer.out.push(b'.');
    Ok(writer.out)
}

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
            Value::None => self.out.push(b'N'),
            Value::Bool(flag) => self.out.push(if *flag { 0x88 } else { 0x89 }),
            Value::Int(int) => self.long(&int.to_le_bytes()),
            Value::Float(float) => self.float(float.get()),
            Value::Complex(re, im) => {
                self.name("builtins", "complex");
                self.float(re.get());
                self.float(im.get());
                self.out.extend([0x86, b'R']);
            }
            Value::Str(text) => self.text(text.as_bytes()),
            Value::Markup(text) => {
                self.name("markupsafe", "Markup");
                self.text(text.as_bytes());
                self.out.extend([0x85, 0x81]);
            }
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::ByteArray(bytes) => {
                self.name("builtins", "bytearray");
                self.bytes(bytes);
                self.out.extend([0x85, b'R']);
            }
            Value::List(items) => {
                self.out.push(b']');
                self.items(items, b'e', depth)?;
            }
            Value::Set(items) => {
                self.out.push(0x8f);
                self.items(items, 0x90, depth)?;
            }
            Value::Tuple(items) => self.items(items, b't', depth)?,
            Value::FrozenSet(items) => self.items(items, 0x91, depth)?,
            Value::Deque(items, length) => {
                self.name("collections", "deque");
                self.out.push(b')');
                match length {
                    Some(length) => {
                        self.long(&crate::compat::Int::from(*length).to_le_bytes());
                        self.out.push(0x86);
                    }
                    None => self.out.push(0x85),
                }
                self.out.push(b'R');
                self.items(items, b'e', depth)?;
            }
            Value::Dict(dict) => self.dict(dict, depth)?,
            Value::Mapping(kind, dict) => self.mapping(*kind, dict, depth)?,
            Value::Range(start, stop, step) => {
                self.name("builtins", "range");
                for int in [start, stop, step] {
                    self.long(&int.to_le_bytes());
                }
                self.out.extend([0x87, b'R']);
            }
            Value::Date(date) => {
                self.name("datetime", "date");
                self.bytes(&date_bytes(*date));
                self.out.extend([0x85, b'R']);
            }
            Value::Time(time) => {
                let mut bytes = time_bytes(*time);
                bytes[0] |= u8::from(time.fold()) << 7;
                self.name("datetime", "time");
                self.bytes(&bytes);
                self.zone(*time);
            }
            Value::Datetime(moment) => {
                let mut bytes = [&date_bytes(moment.date)[..], &time_bytes(moment.time)].concat();
                bytes[2] |= u8::from(moment.time.fold()) << 7;
                self.name("datetime", "datetime");
                self.bytes(&bytes);
                self.zone(moment.time);
            }
            Value::Timedelta(length) => {
                let (days, seconds, micros) = length.parts();
                self.timedelta(days.into(), seconds.into(), micros.into());
            }
            Value::Decimal(text) => {
                self.name("decimal", "Decimal");
                self.text(text.as_bytes());
                self.out.extend([0x85, b'R']);
            }
            Value::Uuid(number) => {
                self.name("uuid", "UUID");
                self.out.extend([b')', 0x81, b'}']);
                self.text(b"int");
                let mut bytes = number.to_le_bytes().to_vec();
                bytes.push(0);
                self.long(&bytes);
                self.out.extend([b's', b'b']);
            }
            Value::Ext(..) => return Err(self.refuse("an Ext has no form in a pickle")),
        }
        Ok(())
    }

    fn dict(&mut self, dict: &'a Dict, depth: usize) -> Result<()> {
        self.out.push(b'}');
        self.pairs(dict, depth)
    }

    fn mapping(&mut self, kind: MappingKind, dict: &'a Dict, depth: usize) -> Result<()> {
        match kind {
            MappingKind::Counter => {
                self.name("collections", "Counter");
                self.dict(dict, depth)?;
                self.out.extend([0x85, b'R']);
                return Ok(());
            }
            MappingKind::DefaultDict(factory) => {
                self.name("collections", "defaultdict");
                match factory {
                    Some(factory) if Name::find("builtins", factory).is_ok() => {
                        self.name("builtins", factory);
                    }
                    _ => self.out.push(b'N'),
                }
                self.out.extend([0x85, b'R']);
            }
            MappingKind::OrderedDict => {
                self.name("collections", "OrderedDict");
                self.out.extend([b')', b'R']);
            }
        }
        self.pairs(dict, depth)
    }

    fn pairs(&mut self, dict: &'a Dict, depth: usize) -> Result<()> {
        self.out.push(b'(');
        for (key, value) in dict {
            self.path.enter(key);
            self.value(key, depth + 1)?;
            self.value(value, depth + 1)?;
            self.path.leave();
        }
        self.out.push(b'u');
        Ok(())
    }

    fn items(&mut self, items: &'a [Value], opcode: u8, depth: usize) -> Result<()> {
        self.out.push(b'(');
        for item in items {
            self.value(item, depth + 1)?;
        }
        self.out.push(opcode);
        Ok(())
    }

    fn name(&mut self, module: &str, name: &str) {
        self.text(module.as_bytes());
        self.text(name.as_bytes());
        self.out.push(0x93);
    }

    fn text(&mut self, text: &[u8]) {
        self.sized(0x8c, 0x8d, text);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.sized(b'C', 0x8e, bytes);
    }

    fn sized(&mut self, short: u8, long: u8, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(length) => self.out.extend([short, length]),
            Err(_) => {
                self.out.push(long);
                self.out.extend((bytes.len() as u64).to_le_bytes());
            }
        }
        self.out.extend_from_slice(bytes);
    }

    /// Two's complement, least significant byte first.
    fn long(&mut self, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(length) => self.out.extend([0x8a, length]),
            Err(_) => {
                // `Int::MAX_DIGITS` bounds the length.
                self.out.push(0x8b);
                self.out.extend((bytes.len() as u32).to_le_bytes());
            }
        }
        self.out.extend_from_slice(bytes);
    }

    fn float(&mut self, float: f64) {
        self.out.push(b'G');
        self.out.extend(float.to_be_bytes());
    }

    fn timedelta(&mut self, days: i64, seconds: i64, micros: i64) {
        self.name("datetime", "timedelta");
        for part in [days, seconds, micros] {
            self.long(&crate::compat::Int::from(part).to_le_bytes());
        }
        self.out.extend([0x87, b'R']);
    }

    /// The end of a moment's arguments, and the call.
    fn zone(&mut self, time: Time) {
        match time.offset() {
            None => self.out.push(0x85),
            Some(offset) => {
                self.name("datetime", "timezone");
                self.timedelta(0, 0, offset);
                self.out.extend([0x85, b'R', 0x86]);
            }
        }
        self.out.push(b'R');
    }

    fn refuse(&self, reason: &'static str) -> Error {
        self.path.refuse("write a pickle", reason)
    }
}

fn date_bytes(date: Date) -> [u8; 4] {
    let (year, month, day) = date.parts();
    let [high, low] = year.to_be_bytes();
    [high, low, month, day]
}

fn time_bytes(time: Time) -> [u8; 6] {
    let (hour, minute, second, micros) = time.parts();
    let [_, high, middle, low] = micros.to_be_bytes();
    [hour, minute, second, high, middle, low]
}
