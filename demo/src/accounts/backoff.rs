//! Back-off: whoever guesses waits longer and longer, by account and by where the guesses come from.
//!
//! 1. An attempt is counted before its password is looked at, so that a hundred at once are a hundred.
//! 2. A right password clears the count of its account, and takes back its own attempt from the count
//!    of the address: a guesser with one account of their own gains nothing for others.
//! 3. An account that does not exist is counted like one that does.
//! 4. Refused attempts are not counted: nobody is shut out for longer than the last delay.

use std::{net::IpAddr, time::Duration};

use abiding::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior};

use crate::database::{Database, DatabaseError};

/// An attempt that may be made.
#[derive(Debug)]
pub(crate) struct Attempt {
    account: String,
    address: String,
}

/// Counts an attempt at `account` from `address`; or tells until when there may be none. Clients whose
/// address is not known count as one.
pub(crate) async fn begin(
    database: &Database,
    account: &str,
    address: Option<IpAddr>,
    now: Timestamp,
) -> Result<Result<Attempt, Timestamp>, DatabaseError> {
    let attempt = Attempt {
        account: format!("account {}", account.to_lowercase()),
        address: format!(
            "address {}",
            address.map_or_else(|| String::from("unknown"), network)
        ),
    };
    database
        .run(move |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            forget_old(&transaction, now)?;
            let parties = [(&attempt.account, ACCOUNT), (&attempt.address, ADDRESS)];
            for (name, _) in parties {
                if let Some(until) = closed_until(&transaction, name, now)? {
                    return Ok(Err(until));
                }
            }
            for (name, free) in parties {
                count(&transaction, name, free, now)?;
            }
            transaction.commit()?;
            Ok(Ok(attempt))
        })
        .await
}

/// The password was right.
pub(crate) async fn succeed(database: &Database, attempt: Attempt) -> Result<(), DatabaseError> {
    database
        .run(move |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM failure WHERE name = ?", [attempt.account])?;
            let take_back =
                "UPDATE failure SET count = max(count - 1, 0), closed_until = 0 WHERE name = ?";
            transaction.execute(take_back, [attempt.address])?;
            transaction.commit()
        })
        .await
}

fn forget_old(transaction: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let long_ago = now.as_millis().saturating_sub(MEMORY_MS);
    let delete = "DELETE FROM failure WHERE last_at < ?";
    transaction.execute(delete, [long_ago]).map(drop)
}

fn closed_until(
    transaction: &Transaction<'_>,
    name: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<Timestamp>> {
    let select = "SELECT closed_until FROM failure WHERE name = ? AND closed_until > ?";
    let until = transaction.query_row(select, (name, now.as_millis()), |row| row.get(0));
    Ok(until.optional()?.map(Timestamp::from_millis))
}

fn count(
    transaction: &Transaction<'_>,
    name: &str,
    free: u32,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let upsert = "INSERT INTO failure VALUES (?1, 1, ?2, 0)
        ON CONFLICT (name) DO UPDATE SET count = count + 1, last_at = ?2 RETURNING count";
    let count: u32 = transaction.query_row(upsert, (name, now.as_millis()), |row| row.get(0))?;
    let until = now.after(delay(count, free));
    let close = "UPDATE failure SET closed_until = ? WHERE name = ?";
    transaction
        .execute(close, (until.as_millis(), name))
        .map(drop)
}

/// How long nobody may try after so many attempts, of which the first few cost nothing.
fn delay(count: u32, free: u32) -> Duration {
    match count.checked_sub(free) {
        None => Duration::ZERO,
        Some(beyond) => (FIRST_DELAY * 2_u32.saturating_pow(beyond.min(16))).min(LAST_DELAY),
    }
}

/// An IPv6 subscriber has 2^64 addresses, so the first half of one is what is counted.
fn network(address: IpAddr) -> String {
    let network = match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
        address @ IpAddr::V4(_) => address,
    };
    network.to_string()
}

/// The attempt at an account after which there is a delay.
const ACCOUNT: u32 = 5;
/// The same for an address, which a family or an office may share.
const ADDRESS: u32 = 20;
const FIRST_DELAY: Duration = Duration::from_secs(15);
/// 96 attempts a day: NIST SP 800-63B-4, 3.2.2, wants at most 100 in a row.
const LAST_DELAY: Duration = Duration::from_secs(15 * 60);
/// A day after the last attempt all is forgotten.
const MEMORY_MS: i64 = 24 * 60 * 60 * 1000;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    const THERE: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));

    /// Seconds to wait, for an attempt made at second `at`.
    async fn wait(
        database: &Database,
        account: &str,
        address: Option<IpAddr>,
        at: i64,
    ) -> Option<u64> {
        let now = Timestamp::from_millis(at * 1000);
        let attempt = begin(database, account, address, now).await.unwrap();
        attempt.err().map(|until| until.since(now).as_secs())
    }

    #[test]
    fn delays_double_up_to_a_quarter_of_an_hour() {
        let delays = [4, 5, 6, 7, 10, 11, 12, 1000].map(|count| delay(count, 5).as_secs());
        assert_eq!(delays, [0, 15, 30, 60, 480, 900, 900, 900]);
    }

    #[tokio::test]
    async fn the_sixth_attempt_waits_and_so_does_one_from_elsewhere() {
        let database = Database::in_memory();
        for _ in 0..5 {
            assert_eq!(wait(&database, "zola@example.org", HERE, 0).await, None);
        }
        assert_eq!(wait(&database, "Zola@example.org", HERE, 0).await, Some(15));
        assert_eq!(
            wait(&database, "zola@example.org", THERE, 5).await,
            Some(10)
        );
        assert_eq!(wait(&database, "other@example.org", HERE, 5).await, None);
        assert_eq!(wait(&database, "zola@example.org", HERE, 15).await, None);
        assert_eq!(
            wait(&database, "zola@example.org", HERE, 16).await,
            Some(29)
        );
        let a_day_later = 24 * 60 * 60 + 17;
        for _ in 0..5 {
            assert_eq!(
                wait(&database, "zola@example.org", HERE, a_day_later).await,
                None
            );
        }
    }

    #[tokio::test]
    async fn an_address_that_tries_many_accounts_waits_as_well() {
        let database = Database::in_memory();
        for guess in 0..20 {
            let account = format!("{guess}@example.org");
            assert_eq!(wait(&database, &account, HERE, 0).await, None);
        }
        assert_eq!(wait(&database, "zola@example.org", HERE, 0).await, Some(15));
        assert_eq!(wait(&database, "zola@example.org", THERE, 0).await, None);
    }

    #[tokio::test]
    async fn a_right_password_clears_its_account_and_not_the_guesses_at_others() {
        let database = Database::in_memory();
        let now = Timestamp::from_millis(0);
        for guess in 0..19 {
            let account = format!("{guess}@example.org");
            assert_eq!(wait(&database, &account, HERE, 0).await, None);
        }
        for _ in 0..10 {
            let attempt = begin(&database, "own@example.org", HERE, now)
                .await
                .unwrap();
            succeed(&database, attempt.unwrap()).await.unwrap();
        }
        assert_eq!(wait(&database, "20@example.org", HERE, 0).await, None);
        assert_eq!(wait(&database, "21@example.org", HERE, 0).await, Some(15));
    }

    #[test]
    fn a_subscriber_is_one_address() {
        let parse = |text: &str| text.parse::<IpAddr>().unwrap();
        for (one, other, same) in [
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            assert_eq!(
                network(parse(one)) == network(parse(other)),
                same,
                "{one}, {other}"
            );
        }
    }
}
