//! Random values and random bytes, through the real Flask and Flask-Session and through ours: the same answer.
//!
//! A short run with every test; the long one is `ABIDING_FUZZ=100000 cargo test -p abiding-stores --features flask --test
//! flask fuzz` after `cargo xtask flask`. A difference prints the case. What is known to differ is in
//! `docs/flask-formats.md`, and counted here as *stricter*.

use std::time::Duration;

use abiding::{
    Clock, SystemClock, Timestamp,
    compat::{
        Date, Datetime, Dict, Float, Text, Time, Timedelta, Value, cookie::CookieCodec, json,
        msgpack, pickle, signer::Secrets,
    },
};

use crate::{
    folder::unhex,
    python::{Python, Version},
    random::Random,
};

const DAY: Duration = Duration::from_secs(86_400);
const BATCH: u64 = 200;

#[expect(clippy::disallowed_methods, reason = "the one setting of this test")]
fn cases() -> u64 {
    let set = std::env::var("ABIDING_FUZZ").ok();
    set.and_then(|cases| cases.parse().ok()).unwrap_or(6_000)
}

#[test]
fn random_cases_have_the_answers_of_the_originals() {
    let Some(mut python) = Python::start(Version::V080, "fuzz.py", "") else {
        return;
    };
    let mut random = Random::new(cases());
    let mut house = House {
        codec: CookieCodec::new(Secrets::new("fuzz").unwrap()),
        now: SystemClock.now(),
        tally: Tally::default(),
    };
    let mut differences = Vec::new();
    let mut done = 0;
    while done < cases() {
        let batch: Vec<Case> = (0..BATCH).map(|_| house.case(&mut random)).collect();
        let asked: Vec<String> = batch.iter().map(|case| case.asked.clone()).collect();
        let told = python.ask(&asked.join(";"));
        for (case, told) in batch.iter().zip(told.trim().split(';')) {
            let (verdict, rest) = told.split_once(' ').unwrap();
            let theirs = (verdict != "no").then_some((verdict, rest));
            if let Err(difference) = house.compare(case, theirs) {
                differences.push(format!(
                    "{difference}\n  asked {}\n  told {told}",
                    case.asked
                ));
            }
        }
        done += BATCH;
    }
    println!("{done} cases: {:?}", house.tally);
    assert!(house.tally.written > done / 10 && house.tally.read > done / 20);
    let few = &differences[..differences.len().min(12)];
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        few.join("\n")
    );
}

#[derive(Debug, Default)]
struct Tally {
    written: u64,
    read: u64,
    refused: u64,
    stricter: u64,
}

struct House {
    codec: CookieCodec,
    now: Timestamp,
    tally: Tally,
}

struct Case {
    asked: String,
    ours: Ours,
}

enum Ours {
    Written(Option<Vec<u8>>),
    /// What a cookie says, since its bytes depend on the time and on zlib.
    Signed(Option<Dict>),
    Read(Option<Value>, &'static str),
}

impl House {
    fn case(&self, random: &mut Random) -> Case {
        let format = ["msgpack", "json", "cookie"][random.below(3) as usize];
        let dict = random.dict(0);
        if random.below(2) == 0 {
            let pickled = hex(&pickle::write(&dict).unwrap());
            let ours = match format {
                "msgpack" => Ours::Written(msgpack::write(&dict).ok()),
                "json" => Ours::Written(json::write(&dict).ok()),
                _ => Ours::Signed(
                    self.codec
                        .write(&dict, self.now)
                        .ok()
                        .and_then(|cookie| self.codec.read(&cookie, self.now, DAY).ok()?),
                ),
            };
            let asked = format!("write {format} {pickled}");
            return Case { asked, ours };
        }
        let bytes = match format {
            "msgpack" => msgpack::write(&dict).unwrap_or_default(),
            _ => json::write(&dict).unwrap_or_else(|_| random.text().into()),
        };
        let bytes = random.broken(bytes);
        let (bytes, ours) = match format {
            "msgpack" => (bytes.clone(), msgpack::read(&bytes).ok()),
            "json" => (bytes.clone(), json::read(&bytes).ok()),
            _ => {
                let payload = base64url(&bytes);
                let cookie = self.codec.signer().sign_at(&payload, self.now);
                let read = self.codec.read(&cookie, self.now, DAY).ok().flatten();
                (cookie.into_bytes(), read.map(Value::Dict))
            }
        };
        // A line is made of words.
        let asked = format!("read {format} 00{}", hex(&bytes));
        Case {
            asked,
            ours: Ours::Read(ours, format),
        }
    }

    fn compare(&mut self, case: &Case, theirs: Option<(&str, &str)>) -> Result<(), String> {
        match (&case.ours, theirs) {
            (Ours::Written(None) | Ours::Signed(None) | Ours::Read(None, _), None) => {
                self.tally.refused += 1;
            }
            (Ours::Written(Some(ours)), Some((_, theirs))) if *ours == unhex(theirs) => {
                self.tally.written += 1;
            }
            (Ours::Signed(Some(ours)), Some((_, theirs))) => {
                let cookie = String::from_utf8(unhex(theirs)).unwrap();
                let read = self.codec.read(&cookie, self.now.after(DAY / 2), DAY);
                if read.ok().flatten().as_ref() != Some(ours) {
                    return Err(format!("their cookie says something else than {ours:?}"));
                }
                self.tally.written += 1;
            }
            (Ours::Read(Some(_), _), Some(("ext", _))) => self.tally.read += 1,
            (Ours::Read(Some(ours), _), Some((_, theirs))) => {
                let theirs = pickle::read(&unhex(theirs)).map_err(|error| error.to_string())?;
                if theirs.get("") != Some(ours) {
                    return Err(format!("read {ours:?}, they {theirs:?}"));
                }
                self.tally.read += 1;
            }
            // Stricter than the original on purpose: see the page.
            (Ours::Read(None, "cookie"), Some((_, theirs))) if !is_session(theirs) => {
                self.tally.stricter += 1;
            }
            (Ours::Written(ours), _) => {
                return Err(format!("wrote {:?}", ours.as_deref().map(hex)));
            }
            (Ours::Signed(ours), _) => return Err(format!("signed {ours:?}")),
            (Ours::Read(ours, format), _) => return Err(format!("read {format} as {ours:?}")),
        }
        Ok(())
    }
}

/// Whether what Flask's serializer read is what a session can be: a dict. The interface makes an error of the rest.
fn is_session(theirs: &str) -> bool {
    let read = pickle::read(&unhex(theirs));
    read.is_ok_and(|read| matches!(read.get(""), Some(Value::Dict(_) | Value::None)))
}

impl Random {
    pub(crate) fn dict(&mut self, depth: u32) -> Dict {
        let mut pairs = Vec::new();
        for _ in 0..self.below(5) {
            let key = match self.below(120) {
                0 => self.integer(),
                1 => [" t", " b", " m", " u", " d", " di", " p"][self.below(7) as usize].into(),
                2 => Value::Float((self.below(9) as f64).into()),
                3 => Value::Bool(true),
                4 => Value::None,
                _ => self.text().as_str().into(),
            };
            let value = self.anything(depth + 1);
            pairs.push((key, value));
        }
        Dict::from_pairs(pairs).unwrap()
    }

    fn anything(&mut self, depth: u32) -> Value {
        let kinds = if depth > 4 { 12 } else { 26 };
        let items = |random: &mut Self| {
            let count = random.below(4);
            (0..count)
                .map(|_| random.anything(depth + 1))
                .collect::<Vec<_>>()
        };
        match self.below(kinds) {
            0 => Value::None,
            1 => Value::Bool(self.below(2) == 1),
            2 | 3 => self.integer(),
            4 | 5 => self.float(),
            6..=9 => self.text().as_str().into(),
            10 => Value::Bytes(self.text().into_bytes()),
            11 => self.moment(),
            12..=15 => Value::List(items(self)),
            16..=18 => Value::Dict(self.dict(depth)),
            19 => Value::Tuple(items(self)),
            20 => Value::Markup(self.text().as_str().into()),
            21 => Value::Uuid(u128::from(self.next()) << 64 | u128::from(self.next())),
            22 => Value::Decimal(format!("{}.{}", self.below(1 << 40), self.below(999))),
            23 => Value::Date(Date::new(1 + self.below(9_998) as u16, 2, 28).unwrap()),
            24 if self.below(9) == 0 => match self.below(6) {
                0 => Value::Set(vec![self.integer()]),
                1 => Value::FrozenSet(vec![self.text().as_str().into()]),
                2 => Value::ByteArray(self.text().into_bytes()),
                3 => Value::Deque(items(self), None),
                4 => Value::Complex(1.5.into(), 2.0.into()),
                _ => Value::Timedelta(Timedelta::new(self.below(99) as i64, 5, 7).unwrap()),
            },
            _ => {
                Value::Str(Text::from_code_points([0xd800 + self.below(0x800) as u32, 65]).unwrap())
            }
        }
    }

    fn integer(&mut self) -> Value {
        let bits = self.below(64);
        let small = (self.next() >> (63 - bits)) as i64;
        match self.below(8) {
            0 => format!("{}{}", self.next(), self.next())
                .parse()
                .map(Value::Int)
                .unwrap(),
            1 => Value::Int(u64::MAX.into()),
            2 => i64::MIN.into(),
            3 => (-small).into(),
            _ => small.into(),
        }
    }

    fn float(&mut self) -> Value {
        let special = [
            0.0,
            -0.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            5e-324,
            f64::MAX,
            1e16,
            1e-5,
            123_456_789_012_345_680.0,
        ];
        let float: f64 = match self.below(3) {
            0 => special[self.below(special.len() as u64) as usize],
            1 => f64::from_bits(self.next()),
            _ => self.below(1 << 30) as f64 / 1_000.0,
        };
        // Which NaN it is, Python itself does not keep.
        Value::Float(Float::from(if float.is_nan() { f64::NAN } else { float }))
    }

    fn moment(&mut self) -> Value {
        let micros = self.below(250_000_000_000_000_000) as i64 - 60_000_000_000_000_000;
        let utc = Datetime::from_unix_micros(micros).unwrap();
        let (hour, minute, second, micros) = utc.time.parts();
        let naive = Time::new(hour, minute, second, micros).unwrap();
        let offset = (self.below(48) as i64 - 24) * 1_800_000_000;
        let time = match self.below(3) {
            0 => utc.time,
            1 => naive,
            _ => naive.with_offset(offset).unwrap(),
        };
        Value::Datetime(Datetime { time, ..utc })
    }

    fn text(&mut self) -> String {
        let count = self.below(12);
        let letter = |random: &mut Self| match random.below(10) {
            0 => char::from(random.below(32) as u8),
            1 => ['"', '\\', '/', '<', '\u{7f}', ' '][random.below(6) as usize],
            2 => char::from_u32(0x80 + random.below(0xd000) as u32).unwrap_or('x'),
            3 => char::from_u32(0x1_0000 + random.below(0x8_0000) as u32).unwrap_or('x'),
            _ => char::from(b'a' + random.below(26) as u8),
        };
        (0..count).map(|_| letter(self)).collect()
    }

    /// The bytes, cut, changed or added to.
    fn broken(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..self.below(4) {
            let at = self.below(bytes.len() as u64 + 1) as usize;
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.next() as u8),
                2 => bytes.insert(at, b"{}[]\",:0-\\ utn"[self.below(14) as usize]),
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = self.next() as u8;
                    }
                }
            }
        }
        bytes
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for letter in 0..=chunk.len() {
            text.push(char::from(
                ALPHABET[(bits >> (18 - 6 * letter) & 63) as usize],
            ));
        }
    }
    text
}
