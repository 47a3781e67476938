//! Instants as a list of keys spells them: `2026-11-21T12:00:00Z` (RFC 3339, UTC, whole seconds).

use crate::clock::Timestamp;

/// Spells an instant of the years 0 to 9999, rounded up to a whole second; `None` for any other.
pub(super) fn spelled(instant: Timestamp) -> Option<String> {
    let seconds = instant.as_millis().checked_add(999)?.div_euclid(1000);
    let (days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    (0..=9999)
        .contains(&year)
        .then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// Reads what [`spelled`] writes, and nothing else.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let days = days(number(0..4)?, number(5..7)?, number(8..10)?)?;
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let seconds = days * DAY + hour * 3600 + minute * 60 + second;
    let instant = Timestamp::from_millis(seconds * 1000);
    // What is out of range or spelled otherwise does not come back as it was.
    (spelled(instant)? == text).then_some(instant)
}

/// Days since 1 January 1970 of a date in the Gregorian calendar. Counted in years that begin in
/// March, where the odd day of a leap year comes last.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let (year, month) = (year - i64::from(month < 3), (month + 9) % 12);
    let of_years = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    (1..=31)
        .contains(&day)
        .then_some(of_years + (month * 153 + 2) / 5 + day - 1 - MARCH_0_TO_1970)
}

/// The date of a day that many days after 1 January 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + MARCH_0_TO_1970;
    let (cycle, day) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
    let year = (day - day / 1460 + day / 36_524 - day / (CYCLE - 1)) / 365;
    let day = day - (year * 365 + year / 4 - year / 100);
    let month = (day * 5 + 2) / 153;
    let date = day - (month * 153 + 2) / 5 + 1;
    let (year, month) = (cycle * 400 + year, (month + 2) % 12 + 1);
    (year + i64::from(month < 3), month, date)
}

const DAY: i64 = 86_400;
/// Days in 400 years.
const CYCLE: i64 = 146_097;
/// From 1 March of the year 0 to 1 January 1970.
const MARCH_0_TO_1970: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_spelled_as_people_write_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_795_262_400, "2026-11-21T12:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            let instant = Timestamp::from_millis(seconds * 1000);
            assert_eq!(spelled(instant).as_deref(), Some(text));
            assert_eq!(parse(text), Some(instant), "{text}");
        }
    }

    #[test]
    fn every_day_of_eight_centuries_comes_back() {
        for day in -146_097..146_097 {
            let instant = Timestamp::from_millis(day * DAY * 1000);
            let text = spelled(instant).unwrap();
            assert_eq!(parse(&text), Some(instant), "{text}");
        }
    }

    #[test]
    fn a_fraction_is_rounded_up_so_that_no_key_signs_early() {
        let text = spelled(Timestamp::from_millis(1)).unwrap();
        assert_eq!(text, "1970-01-01T00:00:01Z");
    }

    #[test]
    fn what_is_no_such_instant_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-21",
            "2026-11-21T12:00:00",
            "2026-11-21 12:00:00Z",
            "2026-11-21T12:00:00+02:00",
            "2026-11-21T12:00:00.5Z",
            "2026-02-30T12:00:00Z",
            "2026-13-01T12:00:00Z",
            "2026-11-00T12:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T12:60:00Z",
            "+026-11-21T12:00:00Z",
            "2026-11-21T12:00:0\u{e9}Z",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(spelled(Timestamp::MAX), None);
    }
}
