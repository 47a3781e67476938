//! JSON as text, in the two dialects that sessions use: Python's `json` and msgspec.
//!
//! Reads into [`Value`] without losing a digit or a surrogate; writes numbers and text. What a
//! dialect refuses is refused: a cookie that Flask answers with an error is an error here.

use super::{Dict, Float, Int, MAX_DEPTH, Text, Value};
use crate::error::{Error, ErrorKind, Result};

/// Whose JSON it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// msgspec: strict
    Msgspec,
    /// Python's `json`: knows `NaN`, infinities, lone surrogates and numbers too large for a float
    Python,
}

/// Reads one JSON text and nothing after it.
pub(super) fn read_json(bytes: &[u8], dialect: Dialect) -> Result<Value> {
    let text = std::str::from_utf8(bytes).map_err(|_| corrupt("the text is not UTF-8"))?;
    let mut reader = Reader {
        bytes: text.as_bytes(),
        at: 0,
        dialect,
    };
    let value = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(corrupt("something follows the value")),
    }
}

struct Reader<'a> {
    /// Always UTF-8.
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, word: &[u8]) -> bool {
        let found = self.bytes[self.at..].starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn value(&mut self, depth: usize) -> Result<Value> {
        if depth > MAX_DEPTH {
            return Err(corrupt("the value is nested too deeply"));
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.text().map(Value::Str),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Value> {
        let python = self.dialect == Dialect::Python;
        for (word, value) in [
            (&b"null"[..], Value::None),
            (b"true", Value::Bool(true)),
            (b"false", Value::Bool(false)),
        ] {
            if self.take(word) {
                return Ok(value);
            }
        }
        if python && self.take(b"NaN") {
            return Ok(f64::NAN.into());
        }
        if python && self.take(b"Infinity") {
            return Ok(f64::INFINITY.into());
        }
        Err(corrupt("there is no value where one is expected"))
    }

    fn object(&mut self, depth: usize) -> Result<Value> {
        self.at += 1;
        let mut pairs = Vec::new();
        self.space();
        if !self.take(b"}") {
            loop {
                self.space();
                if self.peek() != Some(b'"') {
                    return Err(corrupt("a key is not text"));
                }
                let key = self.text()?;
                self.space();
                if !self.take(b":") {
                    return Err(corrupt("a key has no value"));
                }
                pairs.push((Value::Str(key), self.value(depth + 1)?));
                self.space();
                if self.take(b"}") {
                    break;
                }
                if !self.take(b",") {
                    return Err(corrupt("an object does not end"));
                }
            }
        }
        let dict = Dict::from_pairs(pairs).ok_or_else(|| corrupt("a key is not hashable"))?;
        Ok(Value::Dict(dict))
    }

    fn array(&mut self, depth: usize) -> Result<Value> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if !self.take(b"]") {
            loop {
                items.push(self.value(depth + 1)?);
                self.space();
                if self.take(b"]") {
                    break;
                }
                if !self.take(b",") {
                    return Err(corrupt("an array does not end"));
                }
            }
        }
        Ok(Value::List(items))
    }

    fn number(&mut self) -> Result<Value> {
        let start = self.at;
        let negative = self.take(b"-");
        if negative && self.dialect == Dialect::Python && self.take(b"Infinity") {
            return Ok(f64::NEG_INFINITY.into());
        }
        let whole = self.digits();
        let leading_zero = whole > 1 && self.bytes[self.at - whole] == b'0';
        if whole == 0 || leading_zero {
            return Err(corrupt("a number is malformed"));
        }
        let whole_end = self.at;
        let mut valid = true;
        if self.take(b".") {
            valid &= self.digits() > 0;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            let _ = self.take(b"+") || self.take(b"-");
            valid &= self.digits() > 0;
        }
        let text = std::str::from_utf8(&self.bytes[start..self.at]).unwrap_or_default();
        if !valid {
            return Err(corrupt("a number is malformed"));
        }
        if self.at == whole_end {
            let int: Int = text
                .parse()
                .map_err(|error| corrupt("a number has too many digits").with_source(error))?;
            return Ok(Value::Int(int));
        }
        let float: f64 = text
            .parse()
            .map_err(|error| corrupt("a number is malformed").with_source(error))?;
        if float.is_infinite() && self.dialect == Dialect::Msgspec {
            return Err(corrupt("a number is out of range"));
        }
        Ok(float.into())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn text(&mut self) -> Result<Text> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            let rest = &self.bytes[self.at..];
            let plain = rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            let plain = plain.ok_or_else(|| corrupt("a text does not end"))?;
            text.extend_from_slice(&rest[..plain]);
            self.at += plain + 1;
            match rest[plain] {
                b'"' => break,
                b'\\' => self.escape(&mut text)?,
                _ => return Err(corrupt("a control character is not escaped")),
            }
        }
        Text::from_generalised_utf8(text).ok_or_else(|| corrupt("the text is not UTF-8"))
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<()> {
        let escaped = self.peek();
        self.at += 1;
        text.push(match escaped {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => return self.escaped_point(text),
            _ => return Err(corrupt("an escape is malformed")),
        });
        Ok(())
    }

    fn escaped_point(&mut self, text: &mut Vec<u8>) -> Result<()> {
        let mut point = self.hex()?;
        if (0xd800..0xdc00).contains(&point) {
            let before = self.at;
            match self.take(b"\\u").then(|| self.hex()).transpose()? {
                Some(low @ 0xdc00..=0xdfff) => {
                    point = 0x1_0000 + ((point - 0xd800) << 10) + (low - 0xdc00);
                }
                _ => self.at = before,
            }
        }
        if (0xd800..=0xdfff).contains(&point) && self.dialect == Dialect::Msgspec {
            return Err(corrupt("a surrogate stands alone"));
        }
        let escaped = Text::from_code_points([point]);
        text.extend_from_slice(escaped.as_ref().map_or(&[][..], Text::as_bytes));
        Ok(())
    }

    fn hex(&mut self) -> Result<u32> {
        let digits = self.bytes.get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.ok_or_else(|| corrupt("an escape is malformed"))?;
        self.at += 4;
        Ok(digits.iter().fold(0, |sum, digit| {
            sum << 4 | char::from(*digit).to_digit(16).unwrap_or(0)
        }))
    }
}

/// Writes text as Python's `json.dumps` does: ASCII, the rest escaped.
pub(super) fn write_python_text(out: &mut String, text: &Text) {
    match text.as_str() {
        Some(plain) => write_ascii_text(out, plain),
        None => {
            out.push('"');
            text.code_points().for_each(|point| escape(out, point));
            out.push('"');
        }
    }
}

/// The same for text without lone surrogates.
pub(super) fn write_ascii_text(out: &mut String, text: &str) {
    let is_plain = |&byte: &u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    let mut rest = text;
    out.push('"');
    loop {
        let plain = rest.bytes().take_while(is_plain).count();
        out.push_str(&rest[..plain]);
        let mut after = rest[plain..].chars();
        match after.next() {
            Some(char) => escape(out, char.into()),
            None => break,
        }
        rest = after.as_str();
    }
    out.push('"');
}

/// Writes a code point, escaped unless it is plain ASCII.
fn escape(out: &mut String, point: u32) {
    if short_escape(out, point) {
        return;
    }
    match char::from_u32(point) {
        Some(char @ ' '..='~') => out.push(char),
        Some(char) => char
            .encode_utf16(&mut [0; 2])
            .iter()
            .for_each(|unit| escape_unit(out, (*unit).into())),
        None => escape_unit(out, point),
    }
}

fn escape_unit(out: &mut String, unit: u32) {
    out.push_str("\\u");
    let digits = (0..4).rev().map(|place| unit >> (4 * place) & 0xf);
    out.extend(digits.filter_map(|digit| char::from_digit(digit, 16)));
}

/// Writes text as msgspec does: UTF-8, control characters escaped.
pub(super) fn write_msgspec_text(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        if !short_escape(out, char.into()) {
            match char {
                '\0'..' ' => out.push_str(&format!("\\u{:04x}", u32::from(char))),
                _ => out.push(char),
            }
        }
    }
    out.push('"');
}

fn short_escape(out: &mut String, point: u32) -> bool {
    let escape = match point {
        0x22 => "\\\"",
        0x5c => "\\\\",
        0x08 => "\\b",
        0x0c => "\\f",
        0x0a => "\\n",
        0x0d => "\\r",
        0x09 => "\\t",
        _ => return false,
    };
    out.push_str(escape);
    true
}

/// Writes the shortest digits that read back as the same number, each dialect with its own taste in
/// exponents: Python `1e-05` and `1e+16`, msgspec `0.00001` and `1e16`.
pub(super) fn write_float(out: &mut String, float: Float, dialect: Dialect) {
    let float = float.get();
    if !float.is_finite() {
        out.push_str(match dialect {
            Dialect::Msgspec => "null",
            Dialect::Python if float.is_nan() => "NaN",
            Dialect::Python if float > 0.0 => "Infinity",
            Dialect::Python => "-Infinity",
        });
        return;
    }
    let scientific = format!("{:e}", float.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let plain_from = match dialect {
        Dialect::Msgspec => -5,
        Dialect::Python => -4,
    };
    if float.is_sign_negative() {
        out.push('-');
    }
    if (plain_from..16).contains(&exponent) || float == 0.0 {
        let point = 1 + exponent;
        if point <= 0 {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', point.unsigned_abs() as usize));
            out.push_str(&digits);
        } else if digits.len() <= point as usize {
            out.push_str(&digits);
            out.extend(std::iter::repeat_n('0', point as usize - digits.len()));
            out.push_str(".0");
        } else {
            let (whole, fraction) = digits.split_at(point as usize);
            out.push_str(&format!("{whole}.{fraction}"));
        }
        return;
    }
    out.push_str(mantissa);
    match dialect {
        Dialect::Msgspec => out.push_str(&format!("e{exponent}")),
        Dialect::Python => {
            let sign = if exponent < 0 { '-' } else { '+' };
            out.push_str(&format!("e{sign}{:02}", exponent.abs()));
        }
    }
}

fn corrupt(context: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, "read JSON", context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialects_accept_what_their_libraries_accept() {
        // Text, accepted by Python, accepted by msgspec: checked against the libraries.
        for (text, python, msgspec) in [
            ("1", true, true),
            (" \t\r\n1 ", true, true),
            ("-0", true, true),
            ("1E5", true, true),
            ("1e400", true, false),
            ("NaN", true, false),
            ("-Infinity", true, false),
            ("\"\\ud800\"", true, false),
            ("\"\\ud83d\\ude00\"", true, true),
            ("\"\\/\\u00E9\"", true, true),
            ("\"\x7f\"", true, true),
            ("\"\x01\"", false, false),
            ("{\"a\":1,}", false, false),
            ("[1,]", false, false),
            ("{a:1}", false, false),
            ("01", false, false),
            ("1.", false, false),
            (".5", false, false),
            ("+1", false, false),
            ("\"a", false, false),
            ("\"\\x\"", false, false),
            ("nul", false, false),
            ("\u{feff}1", false, false),
            ("1 1", false, false),
            ("", false, false),
        ] {
            for (dialect, accepted) in [(Dialect::Python, python), (Dialect::Msgspec, msgspec)] {
                let read = read_json(text.as_bytes(), dialect);
                assert_eq!(read.is_ok(), accepted, "{text:?} {dialect:?}");
            }
        }
    }

    #[test]
    fn floats_are_written_to_each_dialects_taste() {
        for (float, python, msgspec) in [
            (0.0, "0.0", "0.0"),
            (-0.0, "-0.0", "-0.0"),
            (1.0, "1.0", "1.0"),
            (100.0, "100.0", "100.0"),
            (123_456_789.125, "123456789.125", "123456789.125"),
            (1e15, "1000000000000000.0", "1000000000000000.0"),
            (1e16, "1e+16", "1e16"),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "1e-05", "0.00001"),
            (1.5e-7, "1.5e-07", "1.5e-7"),
            (5e-324, "5e-324", "5e-324"),
            (
                f64::MAX,
                "1.7976931348623157e+308",
                "1.7976931348623157e308",
            ),
        ] {
            for (dialect, expected) in [(Dialect::Python, python), (Dialect::Msgspec, msgspec)] {
                let mut out = String::new();
                write_float(&mut out, float.into(), dialect);
                assert_eq!(out, expected);
            }
        }
    }

    #[test]
    fn nesting_is_bounded() {
        for (levels, accepted) in [(MAX_DEPTH, true), (MAX_DEPTH + 2, false), (100_000, false)] {
            let text = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
            assert_eq!(
                read_json(text.as_bytes(), Dialect::Python).is_ok(),
                accepted
            );
        }
    }
}
