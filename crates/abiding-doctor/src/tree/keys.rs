//! Key files of abiding: a key a line, the newest first, with the instant from which it signs.

use crate::{
    facts::{Facts, Layer, Origin, Setting, Sight, What},
    tree::Named,
    value::Value,
};

pub(super) fn read(facts: &mut Facts, named: Named<'_>, text: &str) {
    let mut newest = None;
    for (at, line) in text.lines().enumerate() {
        let Some(key) = line.split_whitespace().next().filter(|key| is_key(key)) else {
            continue;
        };
        facts.settings.push(Setting {
            name: "ABIDING_KEY".to_owned(),
            value: Value::text(key),
            origin: Origin::line(named.place, at + 1),
            layer: Layer::Environment { ignored: false },
            scope: named.scope,
        });
        let from = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("from="));
        if let Some(from) = from.and_then(seconds) {
            newest = newest.max(Some((from, at + 1)));
        }
    }
    if let Some((from, line)) = newest {
        facts.sights.push(Sight {
            what: What::KeySigns(from),
            origin: Origin::line(named.place, line),
        });
    }
}

/// 32 bytes in base64.
fn is_key(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    digits.len() == 43
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte))
}

/// `2026-11-21T12:00:00Z` as Unix seconds.
fn seconds(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    // Days of the civil calendar, counted from March (Hinnant).
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_as_unix_seconds() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2026-02-02T03:04:05Z"), Some(1_770_001_445));
        assert_eq!(seconds("2026-02"), None);
    }
}
