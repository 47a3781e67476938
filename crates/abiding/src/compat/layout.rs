//! Where Flask-Session puts a payload: the store key, the time to live, the row's expiry.
//!
//! The same in all versions for Redis, memcached and SQL, but for what the functions say.

use std::time::Duration;

use super::Datetime;
use crate::clock::Timestamp;

/// `SESSION_KEY_PREFIX`, unless the application sets another.
pub const DEFAULT_PREFIX: &str = "session:";

/// The table of the SQL back end, unless the application sets another.
pub const DEFAULT_TABLE: &str = "sessions";

/// The key of a session in any store: the prefix and the session id.
pub fn store_key(prefix: &str, sid: &str) -> String {
    format!("{prefix}{sid}")
}

/// Redis: the lifetime in whole seconds (`SETEX` before 0.6, `SET … EX` from then on).
pub fn redis_seconds(lifetime: Duration) -> u64 {
    lifetime.as_secs()
}

/// memcached: seconds from now up to thirty days, a Unix time beyond. Flask's default of 31 days is
/// beyond.
pub fn memcached_expiry(lifetime: Duration, now: Timestamp) -> u64 {
    let seconds = lifetime.as_secs();
    if seconds <= 30 * 86_400 {
        return seconds;
    }
    let now = u64::try_from(now.as_millis().div_euclid(1_000)).unwrap_or(0);
    now.saturating_add(seconds)
}

/// Whether memcached takes this key: at most 250 bytes, no spaces and no control characters.
pub fn is_memcached_key(key: &str) -> bool {
    let printable = key.bytes().all(|byte| byte > b' ' && byte != 0x7f);
    !key.is_empty() && key.len() <= 250 && printable
}

/// SQL: the text of a row's `expiry`, UTC without a zone, as SQLite keeps it.
pub fn sql_expiry(expires: Datetime) -> Option<String> {
    let utc = expires.to_utc()?;
    let (hour, minute, second, micros) = utc.time.parts();
    let date = utc.date;
    Some(format!(
        "{date} {hour:02}:{minute:02}:{second:02}.{micros:06}"
    ))
}

/// SQL: a row's `expiry` as any of the servers prints it, taken as UTC. `None` for what is no moment.
///
/// Flask-Session before 0.7 let PostgreSQL shift it to the server's zone; that cannot be seen here.
pub fn read_sql_expiry(text: &str) -> Option<Datetime> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if seconds.len() != 19 || fraction.len() > 6 {
        return None;
    }
    let (date, clock) = seconds.split_once(' ')?;
    format!("{date}T{clock}.{fraction:0<6}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memcached_takes_thirty_days_as_a_length_and_more_as_an_instant() {
        let now = Timestamp::from_millis(1_770_000_000_999);
        for (seconds, expected) in [(0, 0), (2_592_000, 2_592_000), (2_592_001, 1_772_592_001)] {
            assert_eq!(
                memcached_expiry(Duration::from_secs(seconds), now),
                expected
            );
        }
        assert!(is_memcached_key("session:abc") && !is_memcached_key("my session:abc"));
        assert!(!is_memcached_key(&"x".repeat(251)));
    }

    #[test]
    fn an_expiry_is_read_as_every_server_prints_it() {
        for (text, written) in [
            (
                "2026-02-02 04:40:00.654320",
                Some("2026-02-02 04:40:00.654320"),
            ),
            (
                "2026-02-02 04:40:00.65432",
                Some("2026-02-02 04:40:00.654320"),
            ),
            ("2026-02-02 04:40:00", Some("2026-02-02 04:40:00.000000")),
            ("2026-02-02", None),
            ("2026-02-02 04:40:00.1234567", None),
            ("2026-02-02 04:40:0é", None),
            ("", None),
        ] {
            let read = read_sql_expiry(text).and_then(sql_expiry);
            assert_eq!(read.as_deref(), written, "{text}");
        }
    }
}
