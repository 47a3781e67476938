//! Platforms: what the database knows of them, told to their owner alone.
//!
//! Every question names the owner, so that a number guessed or remembered from another account finds
//! nothing.

use std::{fmt, str::FromStr};

use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, named_params};
use serde::{Deserialize, Serialize};

use super::sent::Details;
use crate::{
    accounts::users::UserId,
    database::{Database, DatabaseError},
};

/// The number of a platform, which no other one ever gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct PlatformId(pub(super) i64);

/// A platform as it was at one moment: what a form was made for. Written `ID.VERSION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Edition {
    pub(super) id: PlatformId,
    pub(super) version: i64,
}

/// A platform that somebody has connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Platform {
    pub(super) edition: Edition,
    pub(super) details: Details,
}

/// What became of something that was to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// The platform is not as it was when the form was made, or not there.
    Meanwhile,
    NameTaken,
    Yes(Platform),
}

/// All that this user has connected, by name.
pub(super) async fn all(
    database: &Database,
    owner: UserId,
) -> Result<Vec<Platform>, DatabaseError> {
    let select = "SELECT id, version, name, kind, account, note FROM platform
        WHERE owner = ? ORDER BY name";
    database
        .run(move |connection| {
            let mut select = connection.prepare(select)?;
            select.query_map([owner.row()], platform)?.collect()
        })
        .await
}

/// The platform of this number.
pub(super) async fn find(
    database: &Database,
    owner: UserId,
    id: PlatformId,
) -> Result<Option<Platform>, DatabaseError> {
    let select = "SELECT id, version, name, kind, account, note FROM platform
        WHERE owner = ? AND id = ?";
    database
        .run(move |connection| {
            let row = (owner.row(), id.0);
            connection.query_row(select, row, platform).optional()
        })
        .await
}

/// Whether the platform is still as it was then. Cheaper than to find it.
pub(super) async fn is_current(
    database: &Database,
    owner: UserId,
    then: Edition,
) -> Result<bool, DatabaseError> {
    let exists =
        "SELECT EXISTS (SELECT 1 FROM platform WHERE owner = ? AND id = ? AND version = ?)";
    database
        .run(move |connection| {
            let row = (owner.row(), then.id.0, then.version);
            connection.query_row(exists, row, |row| row.get(0))
        })
        .await
}

/// Connects a platform. The same twice, as a double click sends it, is one.
pub(super) async fn add(
    database: &Database,
    owner: UserId,
    details: Details,
) -> Result<Kept, DatabaseError> {
    let insert = "INSERT INTO platform (owner, name, kind, account, note)
        VALUES (:owner, :name, :kind, :account, :note)
        RETURNING id, version, name, kind, account, note";
    database
        .run(move |connection| {
            let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if let Some(other) = named(&step, owner, &details.name)? {
                let is_same = other.details == details;
                return Ok(if is_same {
                    Kept::Yes(other)
                } else {
                    Kept::NameTaken
                });
            }
            let values = named_params! {
                ":owner": owner.row(), ":name": details.name, ":kind": details.kind,
                ":account": details.account, ":note": details.note,
            };
            let added = step.query_row(insert, values, platform)?;
            step.commit()?;
            Ok(Kept::Yes(added))
        })
        .await
}

/// Changes a platform that is still as it was `then`.
pub(super) async fn change(
    database: &Database,
    owner: UserId,
    then: Edition,
    details: Details,
) -> Result<Kept, DatabaseError> {
    let update = "UPDATE platform SET version = version + 1, name = :name, kind = :kind,
            account = :account, note = :note
        WHERE owner = :owner AND id = :id AND version = :version
        RETURNING id, version, name, kind, account, note";
    database
        .run(move |connection| {
            let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let other = named(&step, owner, &details.name)?;
            if other.is_some_and(|other| other.edition.id != then.id) {
                return Ok(Kept::NameTaken);
            }
            let values = named_params! {
                ":owner": owner.row(), ":id": then.id.0, ":version": then.version,
                ":name": details.name, ":kind": details.kind, ":account": details.account,
                ":note": details.note,
            };
            let changed = step.query_row(update, values, platform).optional()?;
            step.commit()?;
            Ok(changed.map_or(Kept::Meanwhile, Kept::Yes))
        })
        .await
}

/// Removes a platform and what was published there; answers what it was.
pub(super) async fn remove(
    database: &Database,
    owner: UserId,
    id: PlatformId,
) -> Result<Option<Platform>, DatabaseError> {
    let delete = "DELETE FROM platform WHERE owner = ? AND id = ?
        RETURNING id, version, name, kind, account, note";
    database
        .run(move |connection| {
            let row = (owner.row(), id.0);
            connection.query_row(delete, row, platform).optional()
        })
        .await
}

fn named(connection: &Connection, owner: UserId, name: &str) -> rusqlite::Result<Option<Platform>> {
    let select = "SELECT id, version, name, kind, account, note FROM platform
        WHERE owner = ? AND name = ?";
    let row = (owner.row(), name);
    connection.query_row(select, row, platform).optional()
}

fn platform(row: &Row<'_>) -> rusqlite::Result<Platform> {
    Ok(Platform {
        edition: Edition {
            id: PlatformId(row.get(0)?),
            version: row.get(1)?,
        },
        details: Details {
            name: row.get(2)?,
            kind: row.get(3)?,
            account: row.get(4)?,
            note: row.get(5)?,
        },
    })
}

impl fmt::Display for PlatformId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.id, self.version)
    }
}

impl FromStr for Edition {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (id, version) = text.split_once('.')?;
            Some(Self {
                id: PlatformId(id.parse().ok()?),
                version: version.parse().ok()?,
            })
        };
        parse().ok_or("an edition is ID.VERSION")
    }
}

impl TryFrom<String> for Edition {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Edition> for String {
    fn from(edition: Edition) -> Self {
        edition.to_string()
    }
}
