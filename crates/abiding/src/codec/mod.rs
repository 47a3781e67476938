//! The payload: what the library knows of a session, then the application's values, each in a frame.
//!
//! Values stay encoded until they are asked for: reading one decodes one, and a change copies the
//! frames that it does not touch. The layout, versioned by its first byte, is in `docs/format.md`:
//!
//! ```text
//! payload = 0x01 meta entry*
//! meta    = created:i64 absolute:i64 idle:u64 handle:12B flags:u8
//!           [authenticated:i64] [elevated_until:i64] [subject_len:u8 subject]
//!           [device_len:u8 device] [ended:u8] [side:u8 twin_len:u8 twin]
//! entry   = key_len:u8 value_len:varint format:u8 key value
//! ```
//!
//! Integers are little-endian, instants in milliseconds; a varint is LEB128 of at most four bytes,
//! in its shortest form. Duplicate keys, lengths past the end and unknown versions are refused.

mod meta;
#[cfg(feature = "flask")]
mod parts;
mod value;

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
};

pub(crate) use meta::{MAX_DEVICE_LEN, MAX_SUBJECT_LEN, Mark, Meta, Passage, Side};
#[cfg(feature = "flask")]
pub(crate) use parts::{payload, read_meta, write_meta};
pub(crate) use value::{decode_value, encode_value, equal_values};

use crate::{
    clock::Timestamp,
    delta::{Delta, Intent},
    error::{Error, ErrorKind, Result},
};

/// The payload version that this release writes.
const VERSION: u8 = 0x01;

/// The only value format so far: JSON (RFC 8259), UTF-8. The byte leaves room for others.
const FORMAT_JSON: u8 = 0x01;

/// Room for a seal's tag, so that sealing does not move the buffer.
const SEAL_ROOM: usize = 16;

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
    let parsed = parse_own(buffer, start)?;
    let bytes = parsed.1.bytes();
    check_frames(Reader { bytes })?;
    Ok(parsed)
}

/// The same for a payload that this process wrote and nobody else had in hand: its frames are as they were made.
pub(crate) fn parse_own(buffer: Arc<[u8]>, start: usize) -> Result<(Meta, Entries)> {
    let mut reader = Reader {
        bytes: buffer.get(start..).unwrap_or_default(),
    };
    match reader.byte()? {
        VERSION => {}
        _ => return Err(corrupt("unknown payload version")),
    }
    let meta = Meta::decode(&mut reader)?;
    let start = buffer.len() - reader.bytes.len();
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

pub(crate) fn write_entry(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
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
    use std::time::Duration;

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
            device: Some("Firefox on Linux".into()),
            ended: None,
            mark: None,
        }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let key = crate::id::StoreKey::from_bytes([7; 32]);
        for twin in [None, Some(key)] {
            let passage = Passage::draw().unwrap();
            let on_the_way = [Side::Copy(passage), Side::Moved(passage)];
            for side in on_the_way.into_iter().chain([Side::Claimed, Side::Settled]) {
                let meta = Meta {
                    mark: Some(Mark::new(side, twin)),
                    ..meta()
                };
                let bytes = encode(&[], &meta, &Entries::default(), &Delta::default());
                assert_eq!(parse(bytes.into(), 0).unwrap().0, meta);
            }
        }
    }

    fn delta(sets: &[(&str, &str)]) -> Delta {
        let mut delta = Delta::default();
        for (key, value) in sets {
            delta.set(key, &encode_value(key, value).unwrap()).unwrap();
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
            (0..keys).for_each(|key| delta.set(&name(key), name(key).as_bytes()).unwrap());
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
}
