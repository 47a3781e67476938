//! The JSON that nearly every session is: no tags, no lone surrogates, numbers that a register holds.
//!
//! [`Cursor`] hands it out piece by piece, so that whoever wants objects of their own, or other text, makes them
//! without a tree of [`Value`](super::Value)s between. Whatever is rarer than that ends the walk: the caller begins anew
//! with the reader that knows everything. So a cursor never says what is wrong, and need not be trusted to.

use std::{borrow::Cow, fmt::Write as _};

use super::{
    MAX_DEPTH,
    json_text::{Dialect, write_ascii_text, write_float, write_msgspec_text},
};

/// Walks over one JSON text.
///
/// ```
/// use abiding::compat::plain::{Cursor, Piece};
///
/// let mut cursor = Cursor::new(r#"{"roles": ["admin"]}"#);
/// assert_eq!(cursor.piece(), Some(Piece::Dict));
/// assert_eq!(cursor.key(true).flatten().as_deref(), Some("roles"));
/// assert_eq!(cursor.piece(), Some(Piece::List));
/// assert_eq!(cursor.item(true), Some(true));
/// assert_eq!(cursor.piece(), Some(Piece::Text("admin".into())));
/// assert_eq!(cursor.item(false), Some(false));
/// assert_eq!(cursor.key(false), Some(None));
/// assert!(cursor.is_over());
/// ```
#[derive(Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// A value, or the beginning of one that holds others.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Piece<'a> {
    /// `true` or `false`
    Bool(bool),
    /// An object: [`Cursor::key`] leads on
    Dict,
    /// A finite number with a fraction or an exponent
    Float(f64),
    /// A whole number
    Int(i64),
    /// An array: [`Cursor::item`] leads on
    List,
    /// `null`
    None,
    /// Text
    Text(Cow<'a, str>),
}

impl Piece<'_> {
    /// Writes it as Flask does, in ASCII; of what holds others, the beginning.
    pub fn print(&self, out: &mut String) {
        match self {
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Dict => out.push('{'),
            Self::Float(float) => write_float(out, (*float).into(), Dialect::Python),
            Self::Int(int) => write_int(out, *int),
            Self::List => out.push('['),
            Self::None => out.push_str("null"),
            Self::Text(text) => write_ascii_text(out, text),
        }
    }
}

fn write_int(out: &mut String, int: i64) {
    // Writing to a text does not fail.
    let _ = write!(out, "{int}");
}

impl<'a> Cursor<'a> {
    /// At the beginning of the text.
    pub fn new(text: &'a str) -> Self {
        let (at, depth) = (0, 0);
        Self { text, at, depth }
    }

    /// The value that stands here.
    pub fn piece(&mut self) -> Option<Piece<'a>> {
        match self.after_space()? {
            b'"' => self.string().map(Piece::Text),
            b'{' => self.enter(Piece::Dict),
            b'[' => self.enter(Piece::List),
            b'-' | b'0'..=b'9' => self.number(),
            b'n' => self.word("null", Piece::None),
            b't' => self.word("true", Piece::Bool(true)),
            b'f' => self.word("false", Piece::Bool(false)),
            _ => None,
        }
    }

    /// The next key of the object, or the inner `None` at its end. Keys that may be a tag end the walk.
    pub fn key(&mut self, is_first: bool) -> Option<Option<Cow<'a, str>>> {
        if !self.goes_on(b'}', is_first)? {
            return Some(None);
        }
        if self.after_space()? != b'"' {
            return None;
        }
        let key = self.string()?;
        let is_tag = key.starts_with(' ');
        (!is_tag && self.after_space()? == b':').then(|| {
            self.at += 1;
            Some(key)
        })
    }

    /// Whether another item of the array follows.
    pub fn item(&mut self, is_first: bool) -> Option<bool> {
        self.goes_on(b']', is_first)
    }

    /// Whether nothing but space follows.
    pub fn is_over(&mut self) -> bool {
        self.after_space().is_none()
    }

    fn after_space(&mut self) -> Option<u8> {
        loop {
            match *self.text.as_bytes().get(self.at)? {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    fn enter(&mut self, piece: Piece<'a>) -> Option<Piece<'a>> {
        self.at += 1;
        self.depth += 1;
        (self.depth < MAX_DEPTH).then_some(piece)
    }

    fn goes_on(&mut self, end: u8, is_first: bool) -> Option<bool> {
        let next = self.after_space()?;
        if next == end {
            self.at += 1;
            self.depth = self.depth.checked_sub(1)?;
            return Some(false);
        }
        if !is_first {
            self.at += 1;
        }
        (is_first || next == b',').then_some(true)
    }

    fn word(&mut self, word: &str, piece: Piece<'a>) -> Option<Piece<'a>> {
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        found.then_some(piece)
    }

    fn number(&mut self) -> Option<Piece<'a>> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let is_negative = bytes[start] == b'-';
        self.at += usize::from(is_negative);
        let digits = self.at;
        let mut sum = 0_i64;
        while let Some(digit @ b'0'..=b'9') = bytes.get(self.at) {
            sum = sum.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            self.at += 1;
        }
        let count = self.at - digits;
        if count == 0 || (count > 1 && bytes[digits] == b'0') {
            return None;
        }
        if !matches!(bytes.get(self.at), Some(b'.' | b'e' | b'E')) {
            // 18 digits fit whatever they are. A zero below zero is none among whole numbers.
            return (count <= 18).then_some(Piece::Int(if is_negative { -sum } else { sum }));
        }
        let some_digits = |cursor: &mut Self| {
            let from = cursor.at;
            while let Some(b'0'..=b'9') = bytes.get(cursor.at) {
                cursor.at += 1;
            }
            (cursor.at > from).then_some(())
        };
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            some_digits(self)?;
        }
        if let Some(b'e' | b'E') = bytes.get(self.at) {
            self.at += 1;
            self.at += usize::from(matches!(bytes.get(self.at), Some(b'+' | b'-')));
            some_digits(self)?;
        }
        let float: f64 = self.text[start..self.at].parse().ok()?;
        float.is_finite().then_some(Piece::Float(float))
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.at += 1;
        let start = self.at;
        if self.run()? == b'"' {
            let text = &self.text[start..self.at];
            self.at += 1;
            return Some(Cow::Borrowed(text));
        }
        let mut text = String::from(&self.text[start..self.at]);
        loop {
            match self.text.as_bytes()[self.at] {
                b'"' => {
                    self.at += 1;
                    return Some(Cow::Owned(text));
                }
                b'\\' => text.push(self.escaped()?),
                _ => return None,
            }
            let from = self.at;
            self.run()?;
            text.push_str(&self.text[from..self.at]);
        }
    }

    /// Goes to the next byte that is not text like the one before it, which is ASCII.
    fn run(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let mut words = rest.chunks_exact(8);
        let mut plain = 0;
        for word in words.by_ref() {
            let word = u64::from_le_bytes(word.try_into().ok()?);
            if special(word) != 0 {
                break;
            }
            plain += 8;
        }
        let ends = |&byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        plain += rest[plain..].iter().position(ends)?;
        self.at += plain;
        Some(rest[plain])
    }

    fn escaped(&mut self) -> Option<char> {
        let escaped = *self.text.as_bytes().get(self.at + 1)?;
        self.at += 2;
        Some(match escaped {
            b'"' | b'\\' | b'/' => char::from(escaped),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                if !(0xd800..0xdc00).contains(&unit) {
                    // Half of a pair by itself is no character.
                    return char::from_u32(unit);
                }
                if !self.text.as_bytes()[self.at..].starts_with(b"\\u") {
                    return None;
                }
                self.at += 2;
                let low = self.unit()?.checked_sub(0xdc00)?;
                char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + low).filter(|_| low < 0x400)?
            }
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |sum, &digit| {
            Some(sum << 4 | char::from(digit).to_digit(16)?)
        })
    }
}

/// Marks the bytes of a word that are `"`, `\` or below a blank; those above the lowest mark mean nothing.
fn special(word: u64) -> u64 {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    let zero = |word: u64| word.wrapping_sub(EACH) & !word;
    let (quote, slash) = (
        zero(word ^ (EACH * u64::from(b'"'))),
        zero(word ^ (EACH * u64::from(b'\\'))),
    );
    let control = word.wrapping_sub(EACH * 0x20) & !word;
    (quote | slash | control) & (EACH << 7)
}

/// The same JSON as [`Dict::to_json`](super::Dict::to_json) writes the session that is read from it.
pub(super) fn retell(json: &str) -> Option<String> {
    let mut teller = Teller {
        cursor: Cursor::new(json),
        out: String::with_capacity(json.len()),
        keys: Vec::new(),
    };
    match teller.cursor.piece()? {
        Piece::Dict => teller.dict()?,
        _ => return None,
    }
    teller.cursor.is_over().then_some(teller.out)
}

struct Teller<'a> {
    cursor: Cursor<'a>,
    out: String,
    /// Of the objects that have begun, so that none is there twice.
    keys: Vec<Cow<'a, str>>,
}

impl Teller<'_> {
    fn value(&mut self) -> Option<()> {
        match self.cursor.piece()? {
            Piece::Bool(flag) => self.out.push_str(if flag { "true" } else { "false" }),
            Piece::Dict => self.dict()?,
            Piece::Float(float) => write_float(&mut self.out, float.into(), Dialect::Msgspec),
            Piece::Int(int) => write_int(&mut self.out, int),
            Piece::List => {
                self.out.push('[');
                let mut is_first = true;
                while self.cursor.item(is_first)? {
                    self.comma(is_first);
                    self.value()?;
                    is_first = false;
                }
                self.out.push(']');
            }
            Piece::None => self.out.push_str("null"),
            Piece::Text(text) => self.text(&text, matches!(text, Cow::Borrowed(_))),
        }
        Some(())
    }

    fn dict(&mut self) -> Option<()> {
        let outer = self.keys.len();
        self.out.push('{');
        while let Some(key) = self.cursor.key(self.keys.len() == outer)? {
            let others = &self.keys[outer..];
            // Later values of a key take the place of earlier ones, and many keys are slow to compare.
            if others.len() > 32 || others.contains(&key) {
                return None;
            }
            self.comma(others.is_empty());
            self.text(&key, matches!(key, Cow::Borrowed(_)));
            self.out.push(':');
            self.keys.push(key);
            self.value()?;
        }
        self.keys.truncate(outer);
        self.out.push('}');
        Some(())
    }

    fn comma(&mut self, is_first: bool) {
        if !is_first {
            self.out.push(',');
        }
    }

    /// Text that stood there without an escape needs none.
    fn text(&mut self, text: &str, is_plain: bool) {
        if !is_plain {
            return write_msgspec_text(&mut self.out, text);
        }
        self.out.push('"');
        self.out.push_str(text);
        self.out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compat::{Value, tagged};

    #[test]
    fn what_is_retold_is_what_would_have_been_read_and_written() {
        for (json, plain) in [
            (r#"{}"#, true),
            (
                r#" { "a" : [ 1 , -2.50 , null , true , false , { } , [ ] ] } "#,
                true,
            ),
            (
                r#"{"a":"b","c":{"a":"é\u00e9\n\"\\\/\u0001\u007f 😀\ud83d\ude00"}}"#,
                true,
            ),
            (
                r#"{"quo\"te":"eight 8 \" in the middle of a word, and a tail"}"#,
                true,
            ),
            (
                r#"{"a":-0,"b":0,"c":999999999999999999,"d":1e300,"e":1.5E-7,"f":-0.0}"#,
                true,
            ),
            (r#"{"a":{"b":{"b":1}},"b":[{"b":1},{"b":2}]}"#, true),
            (r#"{"a":1,"a":2}"#, false),
            (r#"{"a":1,"\u0061":2}"#, false),
            (r#"{"v":{" t":[1]}}"#, false),
            (r#"{"v":{" di":{" t__":1}}}"#, false),
            (r#"{"v":{"\u0020t":[1]}}"#, false),
            (r#"{"v":"\ud800"}"#, false),
            (r#"{"v":"\ud800\u0041"}"#, false),
            (r#"{"v":"\udc00"}"#, false),
            (r#"{"v":1234567890123456789}"#, false),
            (r#"{"v":NaN}"#, false),
            (r#"{"v":1e400}"#, false),
            ("null", false),
        ] {
            let Value::Dict(dict) =
                tagged::read(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"))
            else {
                assert!(!plain && retell(json).is_none(), "{json}");
                continue;
            };
            let expected = plain.then(|| dict.to_json().unwrap());
            assert_eq!(retell(json), expected, "{json}");
        }
    }

    #[test]
    fn what_is_no_json_is_not_retold() {
        for json in [
            "",
            " ",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\":1,,\"b\":1}",
            "{,\"a\":1}",
            "{a:1}",
            "{\"a\" 1}",
            "{\"a\":1}x",
            "{\"a\":[1,]}",
            "{\"a\":[1 2]}",
            "{\"a\":[,1]}",
            "{\"a\":01}",
            "{\"a\":-}",
            "{\"a\":1.}",
            "{\"a\":1e}",
            "{\"a\":.5}",
            "{\"a\":nul}",
            "{\"a\":\"x}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u00g0\"}",
            "{\"a\":\"\\ud83d\\u00\"}",
            "{\"a\":\"\x01\"}",
            "{\"a\":\"12345678\x1f\"}",
            "{\"a\":\"\\",
            "{\"a\":]",
            "{1:2}",
            "\u{feff}{}",
        ] {
            assert_eq!(retell(json), None, "{json}");
            assert!(tagged::read(json.as_bytes()).is_err(), "{json}");
        }
        let deep = |levels: usize| format!("{}{}", "{\"a\":".repeat(levels), "[".repeat(levels));
        assert_eq!(retell(&deep(100_000)), None);
    }

    #[test]
    fn every_byte_of_a_word_is_looked_at() {
        for byte in 0..=255_u8 {
            for place in 0..8 {
                let mut word = [b'a'; 8];
                word[place] = byte;
                let is_special = special(u64::from_le_bytes(word)) != 0;
                assert_eq!(is_special, matches!(byte, b'"' | b'\\' | 0..0x20), "{byte}");
            }
        }
    }
}
