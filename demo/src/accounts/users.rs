//! The users: who they are, and the hash that their password is checked against.

use std::fmt;

use abiding::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, named_params};

use crate::database::{Database, DatabaseError};

/// The number of a user; as text it is the subject of the user's sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserId(i64);

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) name: String,
}

impl UserId {
    /// The user that a session is of.
    pub(crate) fn of_subject(subject: &str) -> Option<Self> {
        subject.parse().ok().map(Self)
    }

    /// The row it names.
    pub(crate) fn row(self) -> i64 {
        self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Adds a user; none if there is one with this address, in whatever case it is written.
pub(crate) async fn add(
    database: &Database,
    email: &str,
    name: &str,
    password: Option<String>,
    now: Timestamp,
) -> Result<Option<User>, DatabaseError> {
    let (email, name) = (email.to_owned(), name.to_owned());
    let insert = "INSERT INTO user (email, name, password, created_at)
        VALUES (:email, :name, :password, :now) ON CONFLICT DO NOTHING RETURNING id, email, name";
    database
        .run(move |connection| {
            let values = named_params! {
                ":email": email, ":name": name, ":password": password, ":now": now.as_millis(),
            };
            connection.query_row(insert, values, user).optional()
        })
        .await
}

/// The user with this address.
pub(crate) async fn find(database: &Database, email: &str) -> Result<Option<User>, DatabaseError> {
    let email = email.to_owned();
    let select = "SELECT id, email, name FROM user WHERE email = ?";
    database
        .run(move |connection| connection.query_row(select, [email], user).optional())
        .await
}

/// The same, with the hash of the password.
pub(super) async fn find_with_hash(
    database: &Database,
    email: &str,
) -> Result<Option<(User, Option<String>)>, DatabaseError> {
    let email = email.to_owned();
    let select = "SELECT id, email, name, password FROM user WHERE email = ?";
    database
        .run(move |connection| {
            let found = connection.query_row(select, [email], |row| Ok((user(row)?, row.get(3)?)));
            found.optional()
        })
        .await
}

/// The user of this number.
pub(crate) async fn get(database: &Database, id: UserId) -> Result<Option<User>, DatabaseError> {
    let select = "SELECT id, email, name FROM user WHERE id = ?";
    database
        .run(move |connection| connection.query_row(select, [id.0], user).optional())
        .await
}

/// Keeps the hash of a new password.
pub(super) async fn set_password(
    database: &Database,
    id: UserId,
    hash: String,
) -> Result<(), DatabaseError> {
    let update = "UPDATE user SET password = ? WHERE id = ?";
    database
        .run(move |connection| connection.execute(update, (hash, id.0)).map(drop))
        .await
}

/// Notes that the user has shown to own their address. Whoever chose a password before that had not:
/// it goes, the first time. Answers whether one did.
pub(crate) async fn prove(
    database: &Database,
    id: UserId,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let prove = move |connection: &mut Connection| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let drop_password = "UPDATE user SET password = NULL
            WHERE id = ? AND proven_at IS NULL AND password IS NOT NULL";
        let dropped = transaction.execute(drop_password, [id.0])?;
        let note = "UPDATE user SET proven_at = ? WHERE id = ? AND proven_at IS NULL";
        transaction.execute(note, (now.as_millis(), id.0))?;
        transaction.commit()?;
        Ok(dropped > 0)
    };
    database.run(prove).await
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: UserId(row.get(0)?),
        email: row.get(1)?,
        name: row.get(2)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_from_before_the_address_was_proven_goes_once() {
        let database = Database::in_memory();
        let now = Timestamp::from_millis(1);
        let hash = || Some(String::from("a hash"));
        let kept = async || {
            let found = find_with_hash(&database, "zola@example.org").await;
            found.unwrap().unwrap().1
        };
        let zola = add(&database, "zola@example.org", "Zola", hash(), now);
        let zola = zola.await.unwrap().unwrap().id;
        assert!(prove(&database, zola, now).await.unwrap());
        assert_eq!(kept().await, None);
        set_password(&database, zola, String::from("another"))
            .await
            .unwrap();
        assert!(!prove(&database, zola, now).await.unwrap());
        assert_eq!(kept().await.as_deref(), Some("another"));
    }

    #[tokio::test]
    async fn an_address_has_one_account_however_it_is_written() {
        let database = Database::in_memory();
        let now = Timestamp::from_millis(1);
        let add = |email: &'static str| add(&database, email, "Zola", None, now);
        let zola = add("zola@example.org").await.unwrap().unwrap();
        assert_eq!(add("Zola@Example.org").await.unwrap(), None);
        assert_ne!(add("other@example.org").await.unwrap().unwrap().id, zola.id);
        assert_eq!(
            find(&database, "ZOLA@example.org").await.unwrap(),
            Some(zola.clone())
        );
        assert_eq!(get(&database, zola.id).await.unwrap(), Some(zola));
        assert_eq!(find(&database, "nobody@example.org").await.unwrap(), None);
    }
}
