//! The payload: what the library knows of a session, then the application's values, each in a frame.
//!
//! Values stay encoded until they are asked for: reading one decodes one, and a change copies the
//! frames that it does not touch. The layout, versioned by its first byte, is in `docs/format.md`:
//!
//! ```text
//! payload = 0x01 meta entry*
//! meta    = created:i64 absolute:i64 idle:u64 handle:12B flags:u8
//!           [authenticated:i64] [elevated_until:i64] [subject_len:u8 subject]
//! entry   = key_len:u8 value_len:varint format:u8 key value
//! ```
//!
//! Integers are little-endian, instants in milliseconds; a varint is LEB128 of at most four bytes,
//! in its shortest form. Duplicate keys, lengths past the end and unknown versions are refused.

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::{from_slice, value::RawValue};

use crate::{
    clock::Timestamp,
    delta::{Delta, Intent},
    error::{Error, ErrorKind, Result},
};

/// The payload version that this release writes.
const VERSION: u8 = 0x01;

/// The only value format so far: JSON (RFC 8259), UTF-8. The byte leaves room for others.
const FORMAT_JSON: u8 = 0x01;

/// The longest key of a session, in bytes of UTF-8.
pub const MAX_KEY_LEN: usize = 255;

/// Room for a seal's tag, so that sealing does not move the buffer.
const SEAL_ROOM: usize = 64;

/// The longest subject, in bytes of UTF-8.
pub(crate) const MAX_SUBJECT_LEN: usize = 255;

/// The part of `meta` that is always there: three instants or durations, the handle, the flags.
const FIXED: usize = 3 * 8 + 12 + 1;

const HAS_AUTHENTICATED: u8 = 1;
const HAS_ELEVATED: u8 = 1 << 1;
const HAS_SUBJECT: u8 = 1 << 2;
const PERSISTENT: u8 = 1 << 3;

/// What the library itself knows of a session; authenticated with the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) created: Timestamp,
    pub(crate) absolute_deadline: Timestamp,
    /// How long the session may idle; `None` if idling does not end it.
    pub(crate) idle: Option<Duration>,
    /// Whether the cookie outlives the browser.
    pub(crate) persistent: bool,
    /// Names the session to people; stays the same when the id is renewed.
    pub(crate) handle: [u8; 12],
    pub(crate) subject: Option<Box<str>>,
    pub(crate) authenticated: Option<Timestamp>,
    pub(crate) elevated_until: Option<Timestamp>,
}

impl Meta {
    /// When the session ends unless it is used before.
    pub(crate) fn idle_deadline(&self, now: Timestamp) -> Timestamp {
        self.idle.map_or(Timestamp::MAX, |idle| now.after(idle))
    }

    /// How many bytes [`encode`](Self::encode) writes.
    fn size(&self) -> usize {
        let instants = [self.authenticated, self.elevated_until];
        let subject = self.subject.as_ref().map_or(0, |subject| 1 + subject.len());
        FIXED + instants.iter().flatten().count() * 8 + subject
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut flags = 0;
        flags |= if self.authenticated.is_some() {
            HAS_AUTHENTICATED
        } else {
            0
        };
        flags |= if self.elevated_until.is_some() {
            HAS_ELEVATED
        } else {
            0
        };
        flags |= if self.subject.is_some() {
            HAS_SUBJECT
        } else {
            0
        };
        flags |= if self.persistent { PERSISTENT } else { 0 };
        let idle = self.idle.map_or(0, |idle| {
            u64::try_from(idle.as_millis()).unwrap_or(u64::MAX)
        });
        out.extend_from_slice(&self.created.as_millis().to_le_bytes());
        out.extend_from_slice(&self.absolute_deadline.as_millis().to_le_bytes());
        out.extend_from_slice(&idle.to_le_bytes());
        out.extend_from_slice(&self.handle);
        out.push(flags);
        for instant in [self.authenticated, self.elevated_until]
            .into_iter()
            .flatten()
        {
            out.extend_from_slice(&instant.as_millis().to_le_bytes());
        }
        if let Some(subject) = &self.subject {
            out.push(u8::try_from(subject.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(&subject.as_bytes()[..subject.len().min(MAX_SUBJECT_LEN)]);
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let created = reader.timestamp()?;
        let absolute_deadline = reader.timestamp()?;
        let idle = u64::from_le_bytes(reader.array()?);
        let handle = reader.array()?;
        let flags = reader.byte()?;
        if flags & !(HAS_AUTHENTICATED | HAS_ELEVATED | HAS_SUBJECT | PERSISTENT) != 0 {
            return Err(corrupt("unknown flags"));
        }
        let authenticated = if flags & HAS_AUTHENTICATED != 0 {
            Some(reader.timestamp()?)
        } else {
            None
        };
        let elevated_until = if flags & HAS_ELEVATED != 0 {
            Some(reader.timestamp()?)
        } else {
            None
        };
        let subject = if flags & HAS_SUBJECT != 0 {
            let len = usize::from(reader.byte()?);
            Some(reader.text(len)?.into())
        } else {
            None
        };
        Ok(Self {
            created,
            absolute_deadline,
            idle: (idle != 0).then(|| Duration::from_millis(idle)),
            persistent: flags & PERSISTENT != 0,
            handle,
            subject,
            authenticated,
            elevated_until,
        })
    }
}

/// The values of a session as they were stored: frames in a shared buffer.
#[derive(Clone, Debug)]
pub(crate) struct Entries {
    buffer: Arc<[u8]>,
    start: usize,
    /// Where the frames begin, in the order of their keys; made when one is looked for among many.
    places: OnceLock<Arc<[usize]>>,
}

impl Default for Entries {
    fn default() -> Self {
        Self {
            buffer: Arc::new([]),
            start: 0,
            places: OnceLock::new(),
        }
    }
}

impl Entries {
    /// The encoded value at `key`.
    pub(crate) fn find(&self, key: &str) -> Option<&[u8]> {
        const FEW: usize = 32;
        for (number, frame) in self.frames().enumerate() {
            if number == FEW {
                return self.find_among_many(key.as_bytes());
            }
            if frame.key == key.as_bytes() {
                return Some(frame.value);
            }
        }
        None
    }

    fn find_among_many(&self, key: &[u8]) -> Option<&[u8]> {
        let frame = |place| {
            let bytes = self.bytes().get(place..).unwrap_or_default();
            Reader { bytes }.frame().ok()
        };
        let key_at = |place: &usize| frame(*place).map(|frame| frame.key);
        let places = self.places.get_or_init(|| {
            let mut at = 0;
            let mut places: Vec<_> = self
                .frames()
                .map(|frame| {
                    at += frame.len;
                    at - frame.len
                })
                .collect();
            places.sort_by(|a, b| key_at(a).cmp(&key_at(b)));
            places.into()
        });
        let number = places.binary_search_by(|place| key_at(place).cmp(&Some(key)));
        frame(places[number.ok()?]).map(|frame| frame.value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.frames().map(|frame| Entry {
            // Checked when the payload was parsed.
            key: std::str::from_utf8(frame.key).unwrap_or_default(),
            value: frame.value,
        })
    }

    /// The entries as `delta` leaves them.
    pub(crate) fn merged(&self, delta: &Delta) -> Self {
        let mut out = Vec::with_capacity(self.bytes().len() + delta.size());
        merge(&mut out, self, delta);
        Self {
            buffer: out.into(),
            start: 0,
            places: OnceLock::new(),
        }
    }

    fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        // The frames were checked when the payload was parsed; a reader that errs now has reached the end.
        let mut reader = Reader {
            bytes: self.bytes(),
        };
        std::iter::from_fn(move || {
            if reader.bytes.is_empty() {
                None
            } else {
                reader.frame().ok()
            }
        })
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

/// One value and its key.
pub(crate) struct Entry<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: &'a [u8],
}

/// An entry as it lies in the payload.
struct Frame<'a> {
    key: &'a [u8],
    value: &'a [u8],
    /// How many bytes it takes in all.
    len: usize,
}

/// Reads a payload: checks every frame, decodes no value. `start` is where it begins in `buffer`.
pub(crate) fn parse(buffer: Arc<[u8]>, start: usize) -> Result<(Meta, Entries)> {
    let mut reader = Reader {
        bytes: buffer.get(start..).unwrap_or_default(),
    };
    match reader.byte()? {
        VERSION => {}
        _ => return Err(corrupt("unknown payload version")),
    }
    let meta = Meta::decode(&mut reader)?;
    let start = buffer.len() - reader.bytes.len();
    check_frames(reader)?;
    let places = OnceLock::new();
    Ok((
        meta,
        Entries {
            buffer,
            start,
            places,
        },
    ))
}

fn check_frames(mut reader: Reader<'_>) -> Result<()> {
    const FEW: usize = 16;
    let mut few: [&[u8]; FEW] = [&[]; FEW];
    let mut many = HashSet::new();
    let mut count = 0;
    // A bit for each key so far: most keys are seen to be new without a comparison.
    let mut seen = 0_u64;
    while !reader.bytes.is_empty() {
        let key = reader.frame()?.key;
        if std::str::from_utf8(key).is_err() {
            return Err(corrupt("text that is not UTF-8"));
        }
        let known = if count < FEW {
            let sum = key
                .iter()
                .fold(0_u8, |sum, byte| sum.wrapping_mul(31) ^ byte);
            let bit = 1 << (sum % 64);
            let known = seen & bit != 0 && few[..count].contains(&key);
            seen |= bit;
            few[count] = key;
            known
        } else {
            if count == FEW {
                many.extend(few);
            }
            !many.insert(key)
        };
        if known {
            return Err(corrupt("a key twice"));
        }
        count += 1;
    }
    Ok(())
}

/// Writes a payload: `meta`, then the entries as `delta` leaves them, in the order they came.
pub(crate) fn encode(prefix: &[u8], meta: &Meta, entries: &Entries, delta: &Delta) -> Vec<u8> {
    let room = prefix.len() + 1 + meta.size() + entries.bytes().len() + delta.size();
    let mut out = Vec::with_capacity(room + SEAL_ROOM);
    out.extend_from_slice(prefix);
    out.push(VERSION);
    meta.encode(&mut out);
    merge(&mut out, entries, delta);
    out
}

fn merge(out: &mut Vec<u8>, entries: &Entries, delta: &Delta) {
    let mut placed = vec![false; delta.len()];
    if !delta.clears() {
        let bytes = entries.bytes();
        // Untouched frames lie side by side; up to `copied`, all that is to stay has been written.
        let (mut copied, mut at) = (0, 0);
        for frame in entries.frames() {
            at += frame.len;
            let Some((number, intent)) = delta.find(frame.key) else {
                continue;
            };
            out.extend_from_slice(&bytes[copied..at - frame.len]);
            copied = at;
            placed[number] = true;
            if let Intent::Set(value) = intent {
                write_entry(out, frame.key, value);
            }
        }
        out.extend_from_slice(&bytes[copied..]);
    }
    for ((key, intent), placed) in delta.intents().zip(placed) {
        if let (false, Intent::Set(value)) = (placed, intent) {
            write_entry(out, key.as_bytes(), value);
        }
    }
}

fn write_entry(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    // `Delta::set` refuses keys and values that do not fit these lengths.
    out.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
    let mut len = value.len();
    while len >= 0x80 {
        out.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.push(FORMAT_JSON);
    out.extend_from_slice(key);
    out.extend_from_slice(value);
}

/// Encodes a value as it will lie in its frame.
pub(crate) fn encode_value<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|cause| {
        Error::new(
            ErrorKind::Encode,
            "insert",
            format!("the value at {key:?} cannot be stored; its type must serialize to JSON"),
        )
        .with_source(cause)
    })
}

/// Decodes a value out of its frame.
pub(crate) fn decode_value<T: DeserializeOwned>(key: &str, value: &[u8]) -> Result<T> {
    from_slice(value).map_err(|cause| {
        Error::new(
            ErrorKind::Decode,
            "get",
            format!(
                "the value at {key:?} is not a {}",
                std::any::type_name::<T>()
            ),
        )
        // The cause names types and positions, never the value: serde_json quotes offending strings,
        // so it is reduced to where it stopped.
        .with_source(format!(
            "stopped at column {} ({:?})",
            cause.column(),
            cause.classify()
        ))
    })
}

/// Whether two encoded values are the same value: equal bytes, or equal up to the order of object keys.
/// When in doubt they are not, which costs a write; numbers and strings are compared as they are spelled.
pub(crate) fn equal_values(a: &[u8], b: &[u8]) -> bool {
    equal_to_depth(a, b, 32)
}

fn equal_to_depth(a: &[u8], b: &[u8], depth: u32) -> bool {
    if a == b {
        return true;
    }
    if a.len() != b.len() || depth == 0 {
        return false;
    }
    let equal = |a: &RawValue, b: &RawValue| {
        equal_to_depth(a.get().as_bytes(), b.get().as_bytes(), depth - 1)
    };
    match (a.first(), b.first()) {
        (Some(b'['), Some(b'[')) => match (
            from_slice::<Vec<&RawValue>>(a),
            from_slice::<Vec<&RawValue>>(b),
        ) {
            (Ok(a), Ok(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
            _ => false,
        },
        (Some(b'{'), Some(b'{')) => match (from_slice::<Members<'_>>(a), from_slice(b)) {
            (Ok(Members(a)), Ok(Members(b))) => {
                let same = |(a, b): (&(_, _), &(_, _))| a.0 == b.0 && equal(a.1, b.1);
                a.len() == b.len() && a.iter().zip(&b).all(same)
            }
            _ => false,
        },
        _ => false,
    }
}

/// The members of an object in the order of their keys, those of one key in the order they came.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Gather;

        impl<'de> Visitor<'de> for Gather {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                members.sort_by(|(a, _): &(String, _), (b, _)| a.cmp(b));
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Gather)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(len)
            .ok_or_else(|| corrupt("a length past the end"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    #[inline]
    fn byte(&mut self) -> Result<u8> {
        match self.bytes {
            [byte, rest @ ..] => {
                self.bytes = rest;
                Ok(*byte)
            }
            [] => Err(corrupt("a length past the end")),
        }
    }

    fn timestamp(&mut self) -> Result<Timestamp> {
        self.array()
            .map(|bytes| Timestamp::from_millis(i64::from_le_bytes(bytes)))
    }

    fn text(&mut self, len: usize) -> Result<&'a str> {
        std::str::from_utf8(self.take(len)?).map_err(|_| corrupt("text that is not UTF-8"))
    }

    #[inline]
    fn varint(&mut self) -> Result<usize> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 {
                    Err(corrupt("a length in a longer form"))
                } else {
                    Ok(value)
                };
            }
        }
        Err(corrupt("a length of more than four bytes"))
    }

    #[inline]
    fn frame(&mut self) -> Result<Frame<'a>> {
        let whole = self.bytes.len();
        let key_len = usize::from(self.byte()?);
        let value_len = self.varint()?;
        if self.byte()? != FORMAT_JSON {
            return Err(corrupt("an unknown value format"));
        }
        let key = self.take(key_len)?;
        let value = self.take(value_len)?;
        let len = whole - self.bytes.len();
        Ok(Frame { key, value, len })
    }
}

#[cold]
fn corrupt(what: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, "decode a payload", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> Meta {
        Meta {
            created: Timestamp::from_millis(1_000),
            absolute_deadline: Timestamp::from_millis(43_201_000),
            idle: Some(Duration::from_secs(1_800)),
            persistent: true,
            handle: *b"handle-bytes",
            subject: Some("ada".into()),
            authenticated: Some(Timestamp::from_millis(2_000)),
            elevated_until: None,
        }
    }

    fn delta(sets: &[(&str, &str)]) -> Delta {
        let mut delta = Delta::default();
        for (key, value) in sets {
            delta.set(key, encode_value(key, value).unwrap()).unwrap();
        }
        delta
    }

    fn sample() -> Vec<u8> {
        encode(
            b"",
            &meta(),
            &Entries::default(),
            &delta(&[("a", "1"), ("b", "2")]),
        )
    }

    #[test]
    fn a_payload_comes_back_as_it_was_written() {
        let (read, entries) = parse(sample().into(), 0).unwrap();
        assert_eq!(read, meta());
        assert_eq!(entries.find("a"), Some(&b"\"1\""[..]));
        assert_eq!(
            entries.iter().map(|entry| entry.key).collect::<Vec<_>>(),
            ["a", "b"]
        );
    }

    #[test]
    fn a_value_is_found_among_few_and_among_many() {
        for keys in [1, 31, 32, 33, 500] {
            let name = |key: usize| (key * 7_919 % 1_000).to_string();
            let mut delta = Delta::default();
            (0..keys).for_each(|key| delta.set(&name(key), name(key).into_bytes()).unwrap());
            let payload = encode(b"", &meta(), &Entries::default(), &delta);
            let (_, entries) = parse(payload.into(), 0).unwrap();
            for key in 0..keys {
                assert_eq!(entries.find(&name(key)), Some(name(key).as_bytes()));
            }
            assert_eq!(
                (entries.find(""), entries.find("none"), entries.find("~")),
                (None, None, None)
            );
        }
    }

    #[test]
    fn untouched_frames_are_copied_and_keep_their_order() {
        let (meta, entries) = parse(sample().into(), 0).unwrap();
        let mut change = delta(&[("c", "3"), ("a", "one")]);
        change.remove("b");
        let (_, entries) = parse(encode(b"", &meta, &entries, &change).into(), 0).unwrap();
        let pairs: Vec<_> = entries
            .iter()
            .map(|entry| (entry.key, entry.value))
            .collect();
        assert_eq!(pairs, [("a", &b"\"one\""[..]), ("c", &b"\"3\""[..])]);
    }

    /// RB-1, SR-3: every truncation is refused, and no single changed byte makes the parser panic.
    #[test]
    fn damaged_payloads_are_refused_without_a_panic() {
        let good = sample();
        for len in 0..good.len() {
            let parsed = parse(good[..len].into(), 0);
            let cut_between_frames = parsed
                .as_ref()
                .is_ok_and(|(_, entries)| entries.iter().count() < 2);
            assert!(parsed.is_err() || cut_between_frames, "cut at {len}");
        }
        for position in 0..good.len() {
            for byte in 0..=255 {
                let mut bad = good.clone();
                bad[position] = byte;
                let _ = parse(bad.into(), 0).map(|(_, entries)| entries.iter().count());
            }
        }
    }

    #[test]
    fn a_key_twice_is_refused_among_few_and_among_many() {
        for keys in [2_usize, 40] {
            let mut bytes = encode(b"", &meta(), &Entries::default(), &Delta::default());
            (0..keys).for_each(|key| write_entry(&mut bytes, key.to_string().as_bytes(), b"0"));
            assert!(parse(bytes.clone().into(), 0).is_ok());
            write_entry(&mut bytes, b"1", b"0");
            assert_eq!(
                parse(bytes.into(), 0).unwrap_err().kind(),
                ErrorKind::Corrupt
            );
        }
    }

    #[test]
    fn values_are_equal_whatever_the_order_of_their_keys() {
        assert!(equal_values(br#"{"a":1,"b":[2]}"#, br#"{"b":[2],"a":1}"#));
        assert!(!equal_values(br#"{"a":1,"b":[2]}"#, br#"{"b":[1],"a":2}"#));
        assert!(!equal_values(b"10", b"1"));
        assert!(equal_values(
            br#"[{"a":{"b":1,"c":2}}]"#,
            br#"[{"a":{"c":2,"b":1}}]"#
        ));
    }

    /// Numbers of more digits than a machine's are not rounded before they are compared, a key that is
    /// spelled twice counts twice, and nesting deeper than a stack is no equality.
    #[test]
    fn values_that_only_look_equal_are_not() {
        assert!(!equal_values(
            b"36893488147419103233",
            b"36893488147419103234"
        ));
        assert!(!equal_values(
            b"{\"a\":1.00000000000000001}",
            b"{\"a\":1.00000000000000002}"
        ));
        assert!(!equal_values(br#"{"a":1,"a":2}"#, br#"{"a":3,"a":2}"#));
        let nest = |inner: &str| "[".repeat(100_000) + inner + &"]".repeat(100_000);
        assert!(!equal_values(nest("1").as_bytes(), nest("2").as_bytes()));
    }

    #[test]
    fn a_decode_error_names_the_key_and_not_the_value() {
        let error = decode_value::<u64>("pin", br#""hunter2""#).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(!format!("{error:?}").contains("hunter2"));
        assert!(error.to_string().contains("\"pin\""));
    }
}
