//! Python's `date`, `time`, `datetime` and `timedelta`, to the microsecond.
//!
//! No clock and no time zone database: an aware moment carries its offset, as the formats do.

use std::{fmt, str::FromStr};

/// A day of the Gregorian calendar, year 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// A time of day, naive or with an offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Time {
    hour: u8,
    minute: u8,
    second: u8,
    micros: u32,
    offset: Option<i64>,
    fold: bool,
}

/// A day and a time, naive or aware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Datetime {
    /// The day.
    pub date: Date,
    /// The time of that day.
    pub time: Time,
}

/// A length of time as Python keeps it: any days, then seconds and microseconds that are not negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timedelta {
    days: i32,
    seconds: u32,
    micros: u32,
}

impl Date {
    /// The day, or `None` if the calendar has none.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let valid = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day);
        valid.then_some(Self { year, month, day })
    }

    /// Year, month and day, from 1.
    pub fn parts(self) -> (u16, u8, u8) {
        (self.year, self.month, self.day)
    }

    /// Days since 1970-01-01.
    fn since_epoch(self) -> i64 {
        let before: i64 = (1..self.month)
            .map(|month| i64::from(days_in(self.year, month)))
            .sum();
        days_before(self.year.into()) + before + i64::from(self.day) - 1
    }

    fn from_days(days: i64) -> Option<Self> {
        if !(days_before(1)..days_before(10_000)).contains(&days) {
            return None;
        }
        // A guess that is never too early, then the exact year.
        let mut year = 1970 + days / if days < 0 { 366 } else { 365 };
        while year > 9999 || days_before(year) > days {
            year -= 1;
        }
        let mut day = days - days_before(year);
        let year = u16::try_from(year).ok()?;
        let mut month = 1;
        while day >= i64::from(days_in(year, month)) {
            day -= i64::from(days_in(year, month));
            month += 1;
        }
        Self::new(year, month, u8::try_from(day + 1).ok()?)
    }
}

impl Time {
    /// The naive time, or `None` if no clock shows it.
    pub fn new(hour: u8, minute: u8, second: u8, micros: u32) -> Option<Self> {
        let valid = hour < 24 && minute < 60 && second < 60 && micros < 1_000_000;
        valid.then_some(Self {
            hour,
            minute,
            second,
            micros,
            offset: None,
            fold: false,
        })
    }

    /// The same time, `offset` microseconds ahead of UTC. `None` for a day or more.
    pub fn with_offset(mut self, offset: i64) -> Option<Self> {
        self.offset = Some(offset);
        (offset.unsigned_abs() < DAY.unsigned_abs() * 1_000_000).then_some(self)
    }

    /// The same time, marked as the second of two alike when clocks are put back.
    #[must_use]
    pub fn with_fold(mut self, fold: bool) -> Self {
        self.fold = fold;
        self
    }

    /// Hour, minute, second and microsecond.
    pub fn parts(self) -> (u8, u8, u8, u32) {
        (self.hour, self.minute, self.second, self.micros)
    }

    /// Microseconds ahead of UTC; `None` for a naive time.
    pub fn offset(self) -> Option<i64> {
        self.offset
    }

    /// Whether this is the second of two alike.
    pub fn fold(self) -> bool {
        self.fold
    }
}

impl Datetime {
    /// The instant that many microseconds after the Unix epoch, in UTC; `None` outside years 1 to 9999.
    pub fn from_unix_micros(micros: i64) -> Option<Self> {
        let seconds = micros.div_euclid(1_000_000);
        let within = u32::try_from(seconds.rem_euclid(DAY)).ok()?;
        Some(Self {
            date: Date::from_days(seconds.div_euclid(DAY))?,
            time: Time::new(
                u8::try_from(within / 3_600).ok()?,
                u8::try_from(within / 60 % 60).ok()?,
                u8::try_from(within % 60).ok()?,
                u32::try_from(micros.rem_euclid(1_000_000)).ok()?,
            )?
            .with_offset(0)?,
        })
    }

    /// Microseconds since the Unix epoch; a naive moment is taken as UTC, as Flask takes it.
    pub fn unix_micros(self) -> i64 {
        let (hour, minute, second, micros) = self.time.parts();
        let within = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
        let seconds = self.date.since_epoch() * DAY + within;
        seconds * 1_000_000 + i64::from(micros) - self.time.offset.unwrap_or(0)
    }

    /// The same instant in UTC; `None` if that is outside years 1 to 9999.
    pub fn to_utc(self) -> Option<Self> {
        Self::from_unix_micros(self.unix_micros())
    }

    /// Monday is 0.
    pub(in crate::compat) fn weekday(self) -> usize {
        // 1970-01-01 was a Thursday.
        (self.date.since_epoch() + 3).rem_euclid(7) as usize
    }
}

impl Timedelta {
    /// The sum of the parts, carried as Python carries them; `None` beyond 999,999,999 days.
    pub fn new(days: i64, seconds: i64, micros: i64) -> Option<Self> {
        let seconds = seconds.checked_add(micros.div_euclid(1_000_000))?;
        let days = days.checked_add(seconds.div_euclid(DAY))?;
        let days = i32::try_from(days).ok()?;
        (days.unsigned_abs() <= 999_999_999).then_some(Self {
            days,
            seconds: seconds.rem_euclid(DAY) as u32,
            micros: micros.rem_euclid(1_000_000) as u32,
        })
    }

    /// Days, seconds of the day, microseconds of the second.
    pub fn parts(self) -> (i32, u32, u32) {
        (self.days, self.seconds, self.micros)
    }

    pub(in crate::compat) fn as_micros(self) -> Option<i64> {
        (i64::from(self.days) * DAY + i64::from(self.seconds))
            .checked_mul(1_000_000)?
            .checked_add(self.micros.into())
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `{:02}` would be most of what it costs to print a date, and tools print one for every line.
        let ([a, b], [c, d]) = (pair((self.year / 100) as u8), pair((self.year % 100) as u8));
        let ([e, g], [h, i]) = (pair(self.month), pair(self.day));
        f.write_str(ascii(&[a, b, c, d, b'-', e, g, b'-', h, i]))
    }
}

impl fmt::Display for Time {
    /// As msgspec and RFC 3339 spell it: `Z` for UTC, the offset to the minute.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [[a, b], [c, d], [e, g]] = [self.hour, self.minute, self.second].map(pair);
        f.write_str(ascii(&[a, b, b':', c, d, b':', e, g]))?;
        if self.micros > 0 {
            write!(f, ".{:06}", self.micros)?;
        }
        let Some(offset) = self.offset else {
            return Ok(());
        };
        // To the nearest minute, half of one towards UTC.
        let seconds = offset.div_euclid(1_000_000);
        let minutes = (seconds.abs() + 29) / 60;
        let sign = if seconds < 0 { '-' } else { '+' };
        match minutes {
            0 => f.write_str("Z"),
            _ => write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60),
        }
    }
}

impl fmt::Display for Datetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date.fmt(f)?;
        f.write_str("T")?;
        self.time.fmt(f)
    }
}

/// Two digits of a number below 100.
fn pair(number: u8) -> [u8; 2] {
    [b'0' + number / 10, b'0' + number % 10]
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

impl fmt::Display for Timedelta {
    /// As msgspec spells it: ISO 8601 in days and seconds, the sign in front.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = (i128::from(self.days) * i128::from(DAY) + i128::from(self.seconds))
            * 1_000_000
            + i128::from(self.micros);
        let (seconds, micros) = (total.abs() / 1_000_000, total.abs() % 1_000_000);
        let (days, seconds) = (seconds / i128::from(DAY), seconds % i128::from(DAY));
        f.write_str(if total < 0 { "-P" } else { "P" })?;
        if days > 0 || total == 0 {
            write!(f, "{days}D")?;
        }
        match (seconds, micros) {
            (0, 0) => Ok(()),
            (_, 0) => write!(f, "T{seconds}S"),
            _ => {
                let fraction = format!("{micros:06}");
                write!(f, "T{seconds}.{}S", fraction.trim_end_matches('0'))
            }
        }
    }
}

/// Text that is not a date or a time as Python's `isoformat` writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAMoment;

impl fmt::Display for NotAMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a date or time in ISO 8601")
    }
}

impl std::error::Error for NotAMoment {}

impl FromStr for Date {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next(), parts.next(), parts.next());
        let date = (|| {
            let (year, month, day) = (digits(year?, 4)?, digits(month?, 2)?, digits(day?, 2)?);
            Self::new(year as u16, month as u8, day as u8)
        })();
        date.filter(|_| parts.next().is_none()).ok_or(NotAMoment)
    }
}

impl FromStr for Time {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        parse_time(text).ok_or(NotAMoment)
    }
}

impl FromStr for Datetime {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let (date, time) = text.split_once('T').ok_or(NotAMoment)?;
        Ok(Self {
            date: date.parse()?,
            time: time.parse()?,
        })
    }
}

fn parse_time(text: &str) -> Option<Time> {
    let zone = text.find(['+', '-', 'Z']).unwrap_or(text.len());
    let (clock, zone) = text.split_at(zone);
    let micros = parse_clock(clock)?;
    let time = Time::new(
        u8::try_from(micros / 3_600_000_000).ok()?,
        (micros / 60_000_000 % 60) as u8,
        (micros / 1_000_000 % 60) as u8,
        (micros % 1_000_000) as u32,
    )?;
    match zone.as_bytes().first() {
        None => Some(time),
        Some(b'Z') => time.with_offset(0).filter(|_| zone.len() == 1),
        Some(b'-') => time.with_offset(-parse_clock(&zone[1..])?),
        Some(_) => time.with_offset(parse_clock(&zone[1..])?),
    }
}

/// The microseconds in `HH:MM`, `HH:MM:SS` or `HH:MM:SS.ffffff`.
fn parse_clock(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let (second, micros) = match parts.next() {
        None => (0, 0),
        Some(text) => match text.split_once('.') {
            None => (digits(text, 2)?, 0),
            Some((second, fraction)) => (digits(second, 2)?, digits(fraction, 6)?),
        },
    };
    let valid = parts.next().is_none() && minute < 60 && second < 60;
    let seconds = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    valid.then_some(seconds * 1_000_000 + i64::from(micros))
}

fn digits(text: &str, length: usize) -> Option<u32> {
    let valid = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| valid)
}

fn days_in(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of January of `year`.
fn days_before(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past / 4 - past / 100 + past / 400 - 719_162
}

/// Seconds.
const DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_go_to_the_calendar_and_back() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_770_000_000_000_000, "2026-02-02T02:40:00Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00Z"),
            (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        ] {
            let moment = Datetime::from_unix_micros(micros).unwrap();
            assert_eq!(moment.to_string(), text);
            assert_eq!(moment.unix_micros(), micros);
            assert_eq!(text.parse(), Ok(moment));
        }
        for outside in [
            -62_135_596_800_000_001,
            253_402_300_800_000_000,
            i64::MIN,
            i64::MAX,
        ] {
            assert_eq!(Datetime::from_unix_micros(outside), None);
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_its_own() {
        let first = Date::new(1900, 1, 1).unwrap().since_epoch();
        for days in first..first + 146_097 {
            assert_eq!(Date::from_days(days).unwrap().since_epoch(), days);
        }
    }

    #[test]
    fn lengths_are_carried_as_python_carries_them() {
        for (given, parts, text) in [
            ((0, 0, 0), (0, 0, 0), "P0D"),
            ((0, 0, 100_000), (0, 0, 100_000), "PT0.1S"),
            ((0, -1, 0), (-1, 86_399, 0), "-PT1S"),
            ((-1, 0, 5), (-1, 0, 5), "-PT86399.999995S"),
            ((7, 5, 7), (7, 5, 7), "P7DT5.000007S"),
        ] {
            let length = Timedelta::new(given.0, given.1, given.2).unwrap();
            assert_eq!(length.parts(), parts);
            assert_eq!(length.to_string(), text);
        }
        assert_eq!(Timedelta::new(1_000_000_000, 0, 0), None);
        assert_eq!(Timedelta::new(i64::MAX, i64::MAX, i64::MAX), None);
    }

    #[test]
    fn offsets_are_told_to_the_minute() {
        for (seconds, text) in [
            (0, "Z"),
            (19_800, "+05:30"),
            (19_820, "+05:30"),
            (-18_045, "-05:01"),
            (50_430, "+14:00"),
            (-90, "-00:01"),
        ] {
            let time = Time::new(1, 2, 3, 0)
                .unwrap()
                .with_offset(seconds * 1_000_000)
                .unwrap();
            assert_eq!(time.to_string(), format!("01:02:03{text}"));
        }
        assert_eq!(
            Time::new(0, 0, 0, 0).unwrap().with_offset(DAY * 1_000_000),
            None
        );
    }

    #[test]
    fn what_no_calendar_has_is_refused() {
        assert_eq!(Date::new(2025, 2, 29), None);
        assert_eq!(Date::new(0, 1, 1), None);
        assert_eq!(Time::new(24, 0, 0, 0), None);
        for text in [
            "",
            "2026-02-02",
            "2026-02-02T",
            "2026-02-02T1:02",
            "2026-2-02T01:02:03",
            "2026-02-02T01:02:03é",
        ] {
            assert_eq!(text.parse::<Datetime>(), Err(NotAMoment), "{text}");
        }
    }
}
