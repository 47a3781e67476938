//! A Python `int` of any size. Called by every format; knows only digits and bytes.
//!
//! Almost every number fits the fast form; the slow one exists so that none loses a digit. Longer
//! numbers than CPython agrees to print ([`Int::MAX_DIGITS`]) are refused, which bounds the work.

use std::{cmp::Ordering, fmt, str::FromStr};

/// A whole number as Python has it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Int(Repr);

/// `Big` only holds what `Small` cannot, so that equal numbers are equal values.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Small(i128),
    /// Limbs in base 2³², least significant first, the last one not zero.
    Big {
        negative: bool,
        limbs: Vec<u32>,
    },
}

impl Int {
    /// CPython's own limit on turning a number into text and back.
    pub const MAX_DIGITS: usize = 4_300;

    /// The bytes of the longest number: 4,300 digits and a sign.
    const MAX_BYTES: usize = 1_787;

    /// The number in the two's complement bytes, least significant first. `None` if it is too long.
    pub fn from_le_bytes(bytes: &[u8]) -> Option<Self> {
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let fill = if negative { 0xff } else { 0 };
        let redundant = |byte: u8, next: u8| byte == fill && (next & 0x80 != 0) == negative;
        let mut bytes = bytes;
        while let [rest @ .., next, byte] = bytes
            && redundant(*byte, *next)
        {
            bytes = &bytes[..rest.len() + 1];
        }
        if bytes.len() > Self::MAX_BYTES {
            return None;
        }
        if bytes.len() <= 16 {
            let mut wide = [fill; 16];
            wide[..bytes.len()].copy_from_slice(bytes);
            return Some(Self(Repr::Small(i128::from_le_bytes(wide))));
        }
        let mut limbs: Vec<u32> = bytes
            .chunks(4)
            .map(|chunk| {
                let mut limb = [fill; 4];
                limb[..chunk.len()].copy_from_slice(chunk);
                u32::from_le_bytes(limb)
            })
            .collect();
        if negative {
            negate(&mut limbs);
        }
        trim(&mut limbs);
        Some(Self(Repr::Big { negative, limbs }))
    }

    /// The shortest two's complement bytes, least significant first; none at all for zero.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        let (mut bytes, negative) = match &self.0 {
            Repr::Small(0) => return Vec::new(),
            Repr::Small(small) => (small.to_le_bytes().to_vec(), *small < 0),
            Repr::Big { negative, limbs } => {
                let mut limbs = limbs.clone();
                limbs.push(0);
                if *negative {
                    negate(&mut limbs);
                }
                let bytes = limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect();
                (bytes, *negative)
            }
        };
        let fill = if negative { 0xff } else { 0 };
        while let [.., next, byte] = bytes[..]
            && byte == fill
            && (next & 0x80 != 0) == negative
        {
            bytes.pop();
        }
        bytes
    }

    /// The number, if it fits.
    pub fn as_i128(&self) -> Option<i128> {
        match self.0 {
            Repr::Small(small) => Some(small),
            Repr::Big { .. } => None,
        }
    }

    /// The number, if it fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_i128().and_then(|small| small.try_into().ok())
    }

    /// The number, if it fits.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_i128().and_then(|small| small.try_into().ok())
    }

    /// The number, if it fits.
    pub fn as_u128(&self) -> Option<u128> {
        match &self.0 {
            Repr::Small(small) => (*small).try_into().ok(),
            Repr::Big {
                negative: false,
                limbs,
            } if limbs.len() == 4 => Some(
                limbs
                    .iter()
                    .rev()
                    .fold(0, |sum, limb| sum << 32 | u128::from(*limb)),
            ),
            Repr::Big { .. } => None,
        }
    }

    fn is_negative(&self) -> bool {
        match self.0 {
            Repr::Small(small) => small < 0,
            Repr::Big { negative, .. } => negative,
        }
    }
}

impl From<i128> for Int {
    fn from(small: i128) -> Self {
        Self(Repr::Small(small))
    }
}

impl From<i64> for Int {
    fn from(small: i64) -> Self {
        Self(Repr::Small(small.into()))
    }
}

impl From<u64> for Int {
    fn from(small: u64) -> Self {
        Self(Repr::Small(small.into()))
    }
}

/// What was to be a number is none, or has more than [`Int::MAX_DIGITS`] digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnInt;

impl fmt::Display for NotAnInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a whole number of at most 4,300 digits")
    }
}

impl std::error::Error for NotAnInt {}

impl FromStr for Int {
    type Err = NotAnInt;

    /// Reads an optional minus sign and decimal digits, nothing else.
    fn from_str(text: &str) -> Result<Self, NotAnInt> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits || digits.len() > Self::MAX_DIGITS {
            return Err(NotAnInt);
        }
        if let Ok(small) = text.parse() {
            return Ok(Self(Repr::Small(small)));
        }
        let mut limbs = Vec::new();
        for chunk in digits.as_bytes().chunks(9) {
            let scale = 10_u64.pow(chunk.len() as u32);
            let mut carry = chunk
                .iter()
                .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
            for limb in &mut limbs {
                carry += u64::from(*limb) * scale;
                *limb = carry as u32;
                carry >>= 32;
            }
            if carry != 0 {
                limbs.push(carry as u32);
            }
        }
        Ok(Self(Repr::Big {
            negative: text.starts_with('-'),
            limbs,
        }))
    }
}

impl fmt::Display for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (negative, limbs) = match &self.0 {
            Repr::Small(small) => return fmt::Display::fmt(small, f),
            Repr::Big { negative, limbs } => (*negative, limbs),
        };
        let mut rest = limbs.clone();
        let mut groups = Vec::new();
        while !rest.is_empty() {
            let mut group = 0;
            for limb in rest.iter_mut().rev() {
                let wide = group << 32 | u64::from(*limb);
                *limb = (wide / GROUP) as u32;
                group = wide % GROUP;
            }
            groups.push(group);
            trim(&mut rest);
        }
        f.write_str(if negative { "-" } else { "" })?;
        write!(f, "{}", groups.pop().unwrap_or(0))?;
        groups
            .iter()
            .rev()
            .try_for_each(|group| write!(f, "{group:09}"))
    }
}

impl fmt::Debug for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialOrd for Int {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Int {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Some(left), Some(right)) = (self.as_i128(), other.as_i128()) {
            return left.cmp(&right);
        }
        // At least one is big, and a big number is further from zero than any small one.
        let size = |int: &Self| match &int.0 {
            Repr::Small(_) => Vec::new(),
            Repr::Big { limbs, .. } => limbs.iter().rev().copied().collect(),
        };
        let (left, right) = (size(self), size(other));
        match (self.is_negative(), other.is_negative()) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => (left.len(), left).cmp(&(right.len(), right)),
            (true, true) => (right.len(), right).cmp(&(left.len(), left)),
        }
    }
}

/// The nine digits that are printed at a time.
const GROUP: u64 = 1_000_000_000;

fn negate(limbs: &mut [u32]) {
    let mut carry = true;
    for limb in limbs {
        (*limb, carry) = (!*limb).overflowing_add(carry.into());
    }
}

fn trim(limbs: &mut Vec<u32>) {
    while limbs.last() == Some(&0) {
        limbs.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<String> {
        let mut samples: Vec<String> = [0, 1, 9, 10, 127, 128, 255, 256, 32_767, 32_768]
            .iter()
            .map(ToString::to_string)
            .collect();
        for text in [
            i64::MAX.to_string(),
            u64::MAX.to_string(),
            i128::MAX.to_string(),
            "170141183460469231731687303715884105728".to_owned(),
            u128::MAX.to_string(),
            format!("1{}", "0".repeat(60)),
            "9".repeat(Int::MAX_DIGITS),
        ] {
            samples.push(text);
        }
        let negative: Vec<String> = samples[1..].iter().map(|text| format!("-{text}")).collect();
        samples.extend(negative);
        samples
    }

    #[test]
    fn every_number_survives_text_and_bytes() {
        for text in samples() {
            let int: Int = text.parse().unwrap();
            assert_eq!(int.to_string(), text);
            let bytes = int.to_le_bytes();
            assert_eq!(Int::from_le_bytes(&bytes), Some(int.clone()), "{text}");
            let mut padded = bytes.clone();
            padded.resize(bytes.len() + 3, if int.is_negative() { 0xff } else { 0 });
            assert_eq!(Int::from_le_bytes(&padded), Some(int), "{text} padded");
        }
    }

    #[test]
    fn order_is_that_of_the_numbers() {
        let mut ints: Vec<Int> = samples().iter().map(|text| text.parse().unwrap()).collect();
        ints.sort();
        let texts: Vec<String> = ints.iter().map(ToString::to_string).collect();
        let mut expected = samples();
        expected.sort_by_key(|text| {
            let negative = text.starts_with('-');
            let digits = text.trim_start_matches('-').to_owned();
            let length = digits.len() as i64;
            (!negative, if negative { -length } else { length })
        });
        assert_eq!(
            texts.iter().map(String::len).collect::<Vec<_>>(),
            expected.iter().map(String::len).collect::<Vec<_>>()
        );
        assert!(ints.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn what_is_no_number_or_too_long_is_refused() {
        let long = "9".repeat(Int::MAX_DIGITS + 1);
        for text in ["", "-", "+1", "--1", "1.0", "1_000", " 1", "0x10", &long] {
            assert_eq!(text.parse::<Int>(), Err(NotAnInt), "{text}");
        }
        assert_eq!(Int::from_le_bytes(&[1; Int::MAX_BYTES + 1]), None);
        assert_eq!(Int::from_le_bytes(&[]), Some(Int::from(0_i64)));
    }

    #[test]
    fn unsigned_halves_of_128_bits_are_told() {
        let int: Int = u128::MAX.to_string().parse().unwrap();
        assert_eq!(int.as_u128(), Some(u128::MAX));
        assert_eq!(int.as_i128(), None);
        assert_eq!(Int::from(-1_i64).as_u128(), None);
        assert_eq!(Int::from(5_u64).as_i64(), Some(5));
    }
}
