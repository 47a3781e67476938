//! A Python `str`, which unlike Rust's may hold lone surrogates.
//!
//! Nearly all text is plain and read as `&str`. The rest is kept in generalised UTF-8, the spelling
//! that CPython's `surrogatepass` uses, so that a browser's broken paste survives a round trip.

use std::{cmp::Ordering, fmt};

/// Text as Python has it: a sequence of code points, surrogates included.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text(Repr);

/// `Wide` only holds what `Plain` cannot, so that equal texts are equal values.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Plain(String),
    Wide(Vec<u8>),
}

impl Text {
    /// The text in generalised UTF-8, or `None` if the bytes are not that.
    pub fn from_generalised_utf8(bytes: Vec<u8>) -> Option<Self> {
        match String::from_utf8(bytes) {
            Ok(plain) => Some(Self(Repr::Plain(plain))),
            Err(error) => {
                let bytes = error.into_bytes();
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    let valid = match std::str::from_utf8(rest) {
                        Ok(_) => rest.len(),
                        Err(error) => error.valid_up_to(),
                    };
                    rest = &rest[valid..];
                    // A surrogate is spelt ED, A0..BF, 80..BF.
                    match rest {
                        [] => {}
                        [0xed, 0xa0..=0xbf, 0x80..=0xbf, after @ ..] => rest = after,
                        _ => return None,
                    }
                }
                Some(Self(Repr::Wide(bytes)))
            }
        }
    }

    /// The text of these code points, or `None` if one is beyond U+10FFFF.
    pub fn from_code_points(points: impl IntoIterator<Item = u32>) -> Option<Self> {
        let mut bytes = Vec::new();
        for point in points {
            match char::from_u32(point) {
                Some(char) => bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
                None if (0xd800..=0xdfff).contains(&point) => bytes.extend_from_slice(&[
                    0xed,
                    0x80 | (point >> 6 & 0x3f) as u8,
                    0x80 | (point & 0x3f) as u8,
                ]),
                None => return None,
            }
        }
        Self::from_generalised_utf8(bytes)
    }

    /// The text, unless it holds a lone surrogate.
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Repr::Plain(plain) => Some(plain),
            Repr::Wide(_) => None,
        }
    }

    /// The text with each lone surrogate replaced by U+FFFD.
    pub fn to_string_lossy(&self) -> String {
        self.code_points()
            .map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    }

    /// The bytes in generalised UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Plain(plain) => plain.as_bytes(),
            Repr::Wide(bytes) => bytes,
        }
    }

    /// The code points, one by one.
    pub fn code_points(&self) -> impl Iterator<Item = u32> + '_ {
        let mut rest = self.as_bytes();
        std::iter::from_fn(move || {
            let &first = rest.first()?;
            let (length, head) = match first {
                0..0x80 => (1, first),
                0x80..0xe0 => (2, first & 0x1f),
                0xe0..0xf0 => (3, first & 0x0f),
                0xf0.. => (4, first & 0x07),
            };
            let (point, after) = rest.split_at_checked(length)?;
            rest = after;
            Some(point[1..].iter().fold(u32::from(head), |sum, byte| {
                sum << 6 | u32::from(byte & 0x3f)
            }))
        })
    }
}

impl From<String> for Text {
    fn from(plain: String) -> Self {
        Self(Repr::Plain(plain))
    }
}

impl From<&str> for Text {
    fn from(plain: &str) -> Self {
        Self(Repr::Plain(plain.to_owned()))
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    /// By code point, as Python sorts: the order of the bytes in UTF-8 is the same.
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Plain(plain) => fmt::Debug::fmt(plain, f),
            Repr::Wide(_) => write!(f, "{:?} (surrogates)", self.to_string_lossy()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_survive_and_plain_text_stays_plain() {
        for points in [
            vec![],
            vec![0x61, 0xe9, 0x4e2d, 0x1f600],
            vec![0x61, 0xd800, 0x62, 0xdfff],
            vec![0xd83d, 0xde00],
        ] {
            let text = Text::from_code_points(points.iter().copied()).unwrap();
            assert_eq!(text.code_points().collect::<Vec<_>>(), points);
            let plain = points.iter().all(|point| char::from_u32(*point).is_some());
            assert_eq!(text.as_str().is_some(), plain);
            assert_eq!(
                Text::from_generalised_utf8(text.as_bytes().to_vec()),
                Some(text)
            );
        }
    }

    #[test]
    fn what_no_python_text_can_be_is_refused() {
        assert_eq!(Text::from_code_points([0x11_0000]), None);
        for bytes in [
            &b"\xff"[..],
            b"a\xc3",
            b"\xed\xa0",
            b"\xed\xa0\x80\xff",
            b"\xc0\x80",
        ] {
            assert_eq!(
                Text::from_generalised_utf8(bytes.to_vec()),
                None,
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn order_is_that_of_code_points() {
        let of = |point| Text::from_code_points([point]).unwrap();
        assert!(of(0xd800) < of(0xffee) && of(0xffee) < of(0x1f600));
    }
}
