//! Submitted applications, and the one way to submit: at most once a form.

use std::fmt;

use abiding::Timestamp;
use rusqlite::{
    Connection, OptionalExtension as _, TransactionBehavior, params_from_iter, types::Value,
};

use crate::database::{Database, DatabaseError};

use super::{answers::Answers, fields::all_fields, identity::Identity};

/// The number a person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ApplicationNumber(i64);

/// What is known of an application once it was submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) number: ApplicationNumber,
    pub(crate) submitted_at: Timestamp,
}

/// Writes the application, or finds the one that the same `submission` wrote before.
pub(crate) async fn submit(
    database: &Database,
    submission: &str,
    answers: &Answers,
    identity: &Identity,
    now: Timestamp,
) -> Result<Receipt, DatabaseError> {
    let names: Vec<_> = all_fields().map(|field| field.name).collect();
    let mut values = vec![
        Value::from(submission.to_owned()),
        Value::from(now.as_millis()),
        Value::from(identity.birth_date.to_string()),
        Value::from(identity.gender.to_string()),
        Value::from(identity.citizenship.to_string()),
    ];
    values.extend(
        names
            .iter()
            .map(|name| Value::from(answers.trimmed(name).to_owned())),
    );
    // The names are those of the table of questions, never something that was typed.
    let insert = format!(
        "INSERT INTO membership_application
             (submission, submitted_at, birth_date, gender, citizenship, {})
         VALUES (?{})",
        names.join(", "),
        ", ?".repeat(values.len() - 1),
    );
    let submission = submission.to_owned();
    let submit_once = move |connection: &mut Connection| {
        // Looking before inserting keeps the numbers without gaps; the transaction writes from its
        // first moment, so nobody comes in between, and the UNIQUE column is the second guard.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let select = "SELECT id, submitted_at FROM membership_application WHERE submission = ?";
        let find = || {
            transaction
                .query_row(select, [&submission], receipt)
                .optional()
        };
        if let Some(earlier) = find()? {
            return Ok(earlier);
        }
        transaction.execute(&insert, params_from_iter(values))?;
        let receipt = find()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        transaction.commit()?;
        Ok(receipt)
    };
    database.run(submit_once).await
}

/// The application of that number.
pub(crate) async fn find(
    database: &Database,
    number: ApplicationNumber,
) -> Result<Option<Receipt>, DatabaseError> {
    let select = "SELECT id, submitted_at FROM membership_application WHERE id = ?";
    database
        .run(move |connection| connection.query_row(select, [number.0], receipt).optional())
        .await
}

fn receipt(row: &rusqlite::Row<'_>) -> rusqlite::Result<Receipt> {
    Ok(Receipt {
        number: ApplicationNumber(row.get(0)?),
        submitted_at: Timestamp::from_millis(row.get(1)?),
    })
}

impl ApplicationNumber {
    /// As the session keeps it.
    pub(crate) fn of_row(row: i64) -> Self {
        Self(row)
    }

    /// The row it names.
    pub(crate) fn row(self) -> i64 {
        self.0
    }
}

impl fmt::Display for ApplicationNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ABD-{:06}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Date;

    #[tokio::test]
    async fn one_submission_makes_one_application_however_often_it_arrives() {
        let database = Database::in_memory();
        let (first, again) = (
            submit_as(&database, "a", 1).await,
            submit_as(&database, "a", 2).await,
        );
        assert_eq!(first, again);
        let other = submit_as(&database, "b", 3).await;
        assert_ne!(other.number, first.number);
        assert_eq!(find(&database, other.number).await.unwrap(), Some(other));
        assert_eq!(other.number.to_string(), "ABD-000002");
    }

    #[tokio::test]
    async fn every_answer_is_kept_as_it_was_typed() {
        let database = Database::in_memory();
        submit_as(&database, "a", 1).await;
        let select = "SELECT first_names, reason, birth_date, gender FROM membership_application";
        let kept = database.run(|connection| {
            connection.query_row(select, [], |row| {
                <[String; 4]>::try_from(
                    (0..4)
                        .map(|column| row.get(column))
                        .collect::<rusqlite::Result<Vec<_>>>()?,
                )
                .map_err(|_| rusqlite::Error::InvalidQuery)
            })
        });
        let hostile = "'); DROP TABLE membership_application; --";
        assert_eq!(
            kept.await.unwrap(),
            ["Nomvula", hostile, "1 January 1980", "Male"]
        );
    }

    async fn submit_as(database: &Database, submission: &str, millis: i64) -> Receipt {
        let answers = Answers::from([
            ("first_names", " Nomvula "),
            ("reason", "'); DROP TABLE membership_application; --"),
        ]);
        let today = Date::new(2026, 11, 21).unwrap();
        let identity = Identity::parse("8001015009087", today).unwrap();
        let now = Timestamp::from_millis(millis);
        submit(database, submission, &answers, &identity, now)
            .await
            .unwrap()
    }
}
