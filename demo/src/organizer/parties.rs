//! Parties and their guests in the database. Every statement names the owner: what belongs to somebody
//! else is not there.

use rusqlite::{OptionalExtension as _, Row};

use crate::{
    accounts::UserId,
    calendar::Date,
    database::{Database, DatabaseError},
};

/// A party and how many have answered what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) id: i64,
    pub(super) title: String,
    pub(super) day: Option<Date>,
    pub(super) yes: u32,
    pub(super) no: u32,
    pub(super) open: u32,
}

/// Somebody who is invited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guest {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) answer: String,
}

/// The parties of `owner`, the next one first.
pub(super) async fn all(database: &Database, owner: UserId) -> Result<Vec<Party>, DatabaseError> {
    database
        .run(move |connection| {
            let select =
                format!("{PARTY} WHERE owner = ? GROUP BY party.id ORDER BY day, party.id");
            let mut statement = connection.prepare(&select)?;
            statement.query_map([owner.row()], party)?.collect()
        })
        .await
}

/// One of them.
pub(super) async fn find(
    database: &Database,
    owner: UserId,
    id: i64,
) -> Result<Option<Party>, DatabaseError> {
    database
        .run(move |connection| {
            let select = format!("{PARTY} WHERE owner = ? AND party.id = ? GROUP BY party.id");
            let found = connection.query_row(&select, (owner.row(), id), party);
            found.optional()
        })
        .await
}

/// Plans a party and answers its number; the same one again is the same number.
pub(super) async fn add(
    database: &Database,
    owner: UserId,
    title: &str,
    day: Date,
) -> Result<i64, DatabaseError> {
    let values = (owner.row(), title.to_owned(), day.iso());
    // An update that changes nothing lets the row be returned that was there.
    let insert = "INSERT INTO party (owner, title, day) VALUES (?, ?, ?)
        ON CONFLICT DO UPDATE SET title = title RETURNING id";
    database
        .run(move |connection| connection.query_row(insert, values, |row| row.get(0)))
        .await
}

/// Calls a party off; `false` if there is none.
pub(super) async fn remove(
    database: &Database,
    owner: UserId,
    id: i64,
) -> Result<bool, DatabaseError> {
    let delete = "DELETE FROM party WHERE owner = ? AND id = ?";
    change(database, delete, (owner.row(), id)).await
}

/// The guests of a party, in the order in which they were invited.
pub(super) async fn guests(
    database: &Database,
    owner: UserId,
    party: i64,
) -> Result<Vec<Guest>, DatabaseError> {
    let select = "SELECT guest.id, name, answer FROM guest JOIN party ON party.id = guest.party
        WHERE owner = ? AND party = ? ORDER BY guest.id";
    database
        .run(move |connection| {
            let mut statement = connection.prepare(select)?;
            statement.query_map((owner.row(), party), guest)?.collect()
        })
        .await
}

/// Invites somebody; `false` if that name is on the list, or there is no such party.
pub(super) async fn invite(
    database: &Database,
    owner: UserId,
    party: i64,
    name: &str,
) -> Result<bool, DatabaseError> {
    let insert = "INSERT INTO guest (party, name)
        SELECT id, ?3 FROM party WHERE owner = ?1 AND id = ?2 ON CONFLICT DO NOTHING";
    change(database, insert, (owner.row(), party, name.to_owned())).await
}

/// Notes what a guest has answered; `false` if there is no such guest.
pub(super) async fn answer(
    database: &Database,
    owner: UserId,
    guest: i64,
    answer: &'static str,
) -> Result<bool, DatabaseError> {
    let update = "UPDATE guest SET answer = ?3
        WHERE id = ?2 AND party IN (SELECT id FROM party WHERE owner = ?1)";
    change(database, update, (owner.row(), guest, answer)).await
}

/// Takes a guest off the list; `false` if there is none.
pub(super) async fn uninvite(
    database: &Database,
    owner: UserId,
    guest: i64,
) -> Result<bool, DatabaseError> {
    let delete = "DELETE FROM guest
        WHERE id = ?2 AND party IN (SELECT id FROM party WHERE owner = ?1)";
    change(database, delete, (owner.row(), guest)).await
}

async fn change(
    database: &Database,
    statement: &'static str,
    values: impl rusqlite::Params + Send + 'static,
) -> Result<bool, DatabaseError> {
    let changed =
        move |connection: &mut rusqlite::Connection| connection.execute(statement, values);
    Ok(database.run(changed).await? > 0)
}

fn party(row: &Row<'_>) -> rusqlite::Result<Party> {
    Ok(Party {
        id: row.get(0)?,
        title: row.get(1)?,
        day: Date::of_iso(row.get_ref(2)?.as_str()?),
        yes: row.get(3)?,
        no: row.get(4)?,
        open: row.get(5)?,
    })
}

fn guest(row: &Row<'_>) -> rusqlite::Result<Guest> {
    Ok(Guest {
        id: row.get(0)?,
        name: row.get(1)?,
        answer: row.get(2)?,
    })
}

const PARTY: &str = "SELECT party.id, title, day, count(*) FILTER (WHERE answer = 'yes'),
    count(*) FILTER (WHERE answer = 'no'), count(*) FILTER (WHERE answer = 'open')
    FROM party LEFT JOIN guest ON guest.party = party.id";

#[cfg(test)]
mod tests {
    use abiding::Timestamp;

    use super::*;
    use crate::accounts::users;

    async fn two_users(database: &Database) -> (UserId, UserId) {
        let now = Timestamp::from_millis(0);
        let add = |email: &'static str| users::add(database, email, "x", None, now);
        let (one, other) = (add("a@example.org").await, add("b@example.org").await);
        (one.unwrap().unwrap().id, other.unwrap().unwrap().id)
    }

    #[tokio::test]
    async fn what_belongs_to_somebody_else_is_not_there() {
        let database = Database::in_memory();
        let (owner, other) = two_users(&database).await;
        let day = Date::new(2026, 12, 24).unwrap();
        let id = add(&database, owner, "Dinner", day).await.unwrap();
        assert!(invite(&database, owner, id, "Zanele").await.unwrap());
        let guest = guests(&database, owner, id).await.unwrap()[0].id;

        assert_eq!(all(&database, other).await.unwrap(), []);
        assert_eq!(find(&database, other, id).await.unwrap(), None);
        assert_eq!(guests(&database, other, id).await.unwrap(), []);
        assert!(!invite(&database, other, id, "Eve").await.unwrap());
        assert!(!answer(&database, other, guest, "no").await.unwrap());
        assert!(!uninvite(&database, other, guest).await.unwrap());
        assert!(!remove(&database, other, id).await.unwrap());
        assert_eq!(find(&database, owner, id).await.unwrap().unwrap().open, 1);
    }

    #[tokio::test]
    async fn answers_are_counted_and_a_party_takes_its_guests_along() {
        let database = Database::in_memory();
        let (owner, _) = two_users(&database).await;
        let day = Date::new(2026, 12, 24).unwrap();
        let id = add(&database, owner, "Dinner", day).await.unwrap();
        assert_eq!(add(&database, owner, "Dinner", day).await.unwrap(), id);
        for name in ["Zanele", "Sipho", "Lindiwe"] {
            assert!(invite(&database, owner, id, name).await.unwrap());
            assert!(
                !invite(&database, owner, id, name).await.unwrap(),
                "{name} twice"
            );
        }
        let list = guests(&database, owner, id).await.unwrap();
        assert!(answer(&database, owner, list[0].id, "yes").await.unwrap());
        assert!(answer(&database, owner, list[1].id, "no").await.unwrap());
        let party = find(&database, owner, id).await.unwrap().unwrap();
        assert_eq!((party.yes, party.no, party.open), (1, 1, 1));
        assert!(remove(&database, owner, id).await.unwrap());
        assert_eq!(guests(&database, owner, id).await.unwrap(), []);
    }
}
