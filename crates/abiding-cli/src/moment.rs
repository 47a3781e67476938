//! Instants and lengths of time as people write and read them.

use std::{fmt::Write as _, time::Duration};

use abiding::{
    Clock, SystemClock, Timestamp,
    compat::{Date, Datetime, Time},
};

/// The clock of a command: the system's, or one that stands still.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Now {
    /// Act as if it were this instant: `2026-11-21T12:00:00Z`, or seconds since 1970
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant, help_heading = "Clock")]
    now: Option<Timestamp>,
}

impl Now {
    pub(crate) fn instant(self) -> Timestamp {
        self.now.unwrap_or_else(|| SystemClock.now())
    }
}

impl Clock for Now {
    fn now(&self) -> Timestamp {
        self.instant()
    }
}

/// An instant in UTC, to the second; `never` for the end of time.
pub(crate) fn spelled(instant: Timestamp) -> String {
    let micros = instant.as_millis().div_euclid(1_000).checked_mul(1_000_000);
    let Some(moment) = micros.and_then(Datetime::from_unix_micros) else {
        return "never".to_owned();
    };
    let mut text = String::with_capacity("2026-11-21T12:00:00Z".len());
    // Writing to a text does not fail.
    let _ = write!(text, "{moment}");
    text
}

/// How long before or after now that is: `3 days ago`, `in 25 min`.
pub(crate) fn distance(instant: Timestamp, now: Timestamp) -> String {
    match instant {
        Timestamp::MAX => "never".to_owned(),
        _ if instant > now => format!("in {}", length(instant.since(now))),
        _ => format!("{} ago", length(now.since(instant))),
    }
}

/// A length of time in its largest unit that leaves two digits or more to the eye: `90 s`, `25 min`, `36 h`, `3 days`.
pub(crate) fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `90s`, `30m`, `2h`, `7d`, or several of them: `1h30m`.
pub(crate) fn parse_length(text: &str) -> Result<Duration, String> {
    let wrong = || "write it as `90s`, `30m`, `2h` or `7d`".to_owned();
    let (mut total, mut digits) = (0_u64, String::new());
    for letter in text.chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        let unit = match letter {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        digits.clear();
        total = number
            .checked_mul(unit)
            .and_then(|seconds| total.checked_add(seconds))
            .ok_or_else(wrong)?;
    }
    if !digits.is_empty() || text.is_empty() {
        return Err(wrong());
    }
    Ok(Duration::from_secs(total))
}

/// `2026-11-21T12:00:00Z`, with an offset instead of the `Z`, or seconds since 1970.
pub(crate) fn parse_instant(text: &str) -> Result<Timestamp, String> {
    let read = match text.parse::<i64>() {
        Ok(seconds) => seconds.checked_mul(1_000),
        Err(_) => moment(text).map(|moment| moment.unix_micros().div_euclid(1_000)),
    };
    read.map(Timestamp::from_millis)
        .ok_or_else(|| "write it as `2026-11-21T12:00:00Z`, or as seconds since 1970".to_owned())
}

fn moment(text: &str) -> Option<Datetime> {
    let (date, time) = text.split_once(['T', ' '])?;
    let mut parts = date.splitn(3, '-');
    let mut part = || parts.next()?.parse::<u16>().ok();
    let (year, month, day) = (part()?, part()?, part()?);
    let date = Date::new(year, month.try_into().ok()?, day.try_into().ok()?)?;
    let zone = time.find(['Z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone);
    let offset = match zone.split_at(1) {
        ("Z", "") => 0,
        (sign, zone) => {
            let (hours, minutes) = zone.split_once(':')?;
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            minutes * if sign == "-" { -60_000_000 } else { 60_000_000 }
        }
    };
    let mut parts = clock.splitn(3, ':').map(|part| part.parse::<u8>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let time = Time::new(hour, minute, second, 0)?.with_offset(offset)?;
    Some(Datetime { date, time })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_as_it_is_spelled() {
        let now = Timestamp::from_millis(1_795_262_400_000);
        assert_eq!(spelled(now), "2026-11-21T12:00:00Z");
        for text in [
            "2026-11-21T12:00:00Z",
            "2026-11-21 13:00:00+01:00",
            "2026-11-21T06:30:00-05:30",
            "1795262400",
        ] {
            assert_eq!(parse_instant(text), Ok(now), "{text}");
        }
        for wrong in [
            "",
            "today",
            "2026-11-21",
            "2026-11-21T12:00",
            "2026-13-01T00:00:00Z",
        ] {
            assert!(parse_instant(wrong).is_err(), "{wrong}");
        }
        assert_eq!(spelled(Timestamp::MAX), "never");
    }

    #[test]
    fn a_length_is_read_in_its_units_and_told_in_one() {
        for (text, seconds, told) in [
            ("90s", 90, "90 s"),
            ("30m", 1_800, "30 min"),
            ("1h30m", 5_400, "90 min"),
            ("36h", 129_600, "36 h"),
            ("7d", 604_800, "7 days"),
        ] {
            assert_eq!(
                parse_length(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
            assert_eq!(length(Duration::from_secs(seconds)), told);
        }
        for wrong in [
            "",
            "90",
            "h",
            "1w",
            "-1h",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert!(parse_length(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_distance_says_which_way() {
        let now = Timestamp::from_millis(1_000_000_000);
        assert_eq!(
            distance(now.before(Duration::from_secs(180)), now),
            "3 min ago"
        );
        assert_eq!(
            distance(now.after(Duration::from_secs(180)), now),
            "in 3 min"
        );
        assert_eq!(distance(Timestamp::MAX, now), "never");
    }
}
