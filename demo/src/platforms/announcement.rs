//! Announcements: what was published on a platform.

use abiding::Timestamp;

use super::platform::{Edition, PlatformId};
use crate::{
    accounts::users::UserId,
    database::{Database, DatabaseError},
};

/// Something that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announcement {
    pub(super) text: String,
    pub(super) published_at: Timestamp,
}

/// Publishes on a platform, as long as it is as it was `then`; answers whether it was. The same text
/// twice is one announcement.
pub(super) async fn publish(
    database: &Database,
    owner: UserId,
    then: Edition,
    text: String,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let insert = "INSERT INTO announcement (platform, published_at, text) VALUES (?, ?, ?)
        ON CONFLICT DO NOTHING";
    let exists =
        "SELECT EXISTS (SELECT 1 FROM platform WHERE owner = ? AND id = ? AND version = ?)";
    database
        .run(move |connection| {
            // Nobody removes or changes the platform between the look and the write.
            let step =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let row = (owner.row(), then.id.0, then.version);
            if !step.query_row(exists, row, |row| row.get(0))? {
                return Ok(false);
            }
            step.execute(insert, (then.id.0, now.as_millis(), text))?;
            step.commit()?;
            Ok(true)
        })
        .await
}

/// The latest on a platform, the newest first.
pub(super) async fn latest(
    database: &Database,
    owner: UserId,
    id: PlatformId,
) -> Result<Vec<Announcement>, DatabaseError> {
    let select = "SELECT text, published_at FROM announcement
        JOIN platform ON platform.id = announcement.platform
        WHERE owner = ? AND platform = ? ORDER BY announcement.id DESC LIMIT 20";
    database
        .run(move |connection| {
            let mut select = connection.prepare(select)?;
            let rows = select.query_map((owner.row(), id.0), |row| {
                Ok(Announcement {
                    text: row.get(0)?,
                    published_at: Timestamp::from_millis(row.get(1)?),
                })
            });
            rows?.collect()
        })
        .await
}
