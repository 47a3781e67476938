//! Dates of the civil calendar, and how instants are shown to people.
//! No clock: `today` is made from a `Timestamp` that the caller was given. Days are those of UTC.

use std::fmt;

use abiding::Timestamp;

/// A day that exists in the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// That day, if there is such a day.
    pub(crate) fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let long = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if is_leap(year) => 29,
            2 => 28,
            _ => return None,
        };
        (1..=long)
            .contains(&day)
            .then_some(Self { year, month, day })
    }

    /// The day that is written `2026-12-24`, if there is such a day.
    pub(crate) fn of_iso(text: &str) -> Option<Self> {
        let parts: Vec<_> = text.split('-').collect();
        let [year, month, day] = parts[..] else {
            return None;
        };
        let digits = |part: &str, count| {
            part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let written = digits(year, 4) && digits(month, 2) && digits(day, 2);
        let date = Self::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?;
        written.then_some(date)
    }

    /// The day as `2026-12-24`.
    pub(crate) fn iso(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// The day on which `instant` falls.
    pub(crate) fn of(instant: Timestamp) -> Self {
        let days = instant.as_millis().div_euclid(MILLIS_A_DAY);
        let mut year = 1970 + days.div_euclid(366);
        // The guess is never late: it counts every year as a leap year.
        while days >= days_before_year(year + 1) {
            year += 1;
        }
        let year_u16 = u16::try_from(year).unwrap_or_default();
        let mut left = days - days_before_year(year);
        for month in 1..=12 {
            let length = (28..=31)
                .rev()
                .find(|day| Self::new(year_u16, month, *day).is_some());
            let length = i64::from(length.unwrap_or(31));
            if left < length {
                let day = u8::try_from(left + 1).unwrap_or(1);
                return Self {
                    year: year_u16,
                    month,
                    day,
                };
            }
            left -= length;
        }
        Self {
            year: year_u16,
            month: 12,
            day: 31,
        }
    }
}

/// As people write it: `1 January 1980`.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let month = MONTHS[usize::from(self.month - 1)];
        write!(f, "{} {month} {}", self.day, self.year)
    }
}

/// An instant as people write it: `1 January 1980, 14:05:09 UTC`.
pub(crate) fn spelled(instant: Timestamp) -> String {
    let seconds = instant.as_millis().rem_euclid(MILLIS_A_DAY) / 1000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!(
        "{}, {hour:02}:{minute:02}:{second:02} UTC",
        Date::of(instant)
    )
}

/// How long it is from `now` until `deadline`: `1 h 59 min`, `59 s`, `over`.
pub(crate) fn remaining(deadline: Timestamp, now: Timestamp) -> String {
    match deadline.since(now).as_secs() {
        0 => String::from("over"),
        seconds @ 1..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds @ 3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        seconds => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days from 1 January 1970 until 1 January of `year`.
fn days_before_year(year: i64) -> i64 {
    let leaps = |year: i64| {
        (year - 1).div_euclid(4) - (year - 1).div_euclid(100) + (year - 1).div_euclid(400)
    };
    (year - 1970) * 365 + leaps(year) - leaps(1970)
}

const MILLIS_A_DAY: i64 = 86_400_000;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_fall_on_the_days_that_calendars_say() {
        for (seconds, expected) in [
            (0, "1 January 1970, 00:00:00 UTC"),
            (-1, "31 December 1969, 23:59:59 UTC"),
            (951_782_400, "29 February 2000, 00:00:00 UTC"),
            (1_709_251_199, "29 February 2024, 23:59:59 UTC"),
            (1_735_689_599, "31 December 2024, 23:59:59 UTC"),
            (1_795_252_845, "21 November 2026, 09:20:45 UTC"),
        ] {
            assert_eq!(spelled(Timestamp::from_millis(seconds * 1000)), expected);
        }
    }

    #[test]
    fn only_days_that_exist_are_dates() {
        for (year, month, day, exists) in [
            (2024, 2, 29, true),
            (2023, 2, 29, false),
            (1900, 2, 29, false),
            (2000, 2, 29, true),
            (2001, 4, 31, false),
            (2001, 13, 1, false),
            (2001, 0, 1, false),
            (2001, 1, 0, false),
        ] {
            assert_eq!(
                Date::new(year, month, day).is_some(),
                exists,
                "{year}-{month}-{day}"
            );
        }
    }

    #[test]
    fn days_are_read_as_browsers_send_them() {
        for (text, expected) in [
            ("2026-12-24", Some("24 December 2026")),
            ("0001-01-01", Some("1 January 1")),
            ("2026-02-29", None),
            ("2026-2-9", None),
            ("+026-02-09", None),
            ("2026-12-24-1", None),
            ("", None),
        ] {
            let day = Date::of_iso(text);
            assert_eq!(
                day.map(|day| day.to_string()).as_deref(),
                expected,
                "{text}"
            );
            assert!(day.is_none_or(|day| day.iso() == text));
        }
    }

    #[test]
    fn what_remains_is_told_in_the_two_largest_units() {
        let now = Timestamp::from_millis(0);
        for (seconds, expected) in [
            (0, "over"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (7199, "1 h 59 min"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(
                remaining(Timestamp::from_millis(seconds * 1000), now),
                expected
            );
        }
    }
}
