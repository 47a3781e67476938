//! What PostgreSQL is asked: each question as a statement, and what its answer means.

use abiding::{
    Found, Record, StoreKey, SubjectKey, Timestamp,
    store::{Deleted, Leave},
};
use tokio::sync::MutexGuard;
use tokio_postgres::{SimpleQueryMessage, error::SqlState, types::ToSql};

use super::{
    errand::Errand,
    failure::Failure,
    rows::{AsRead, Values, column, read, subject},
};
use crate::table::{
    ALIAS, Again, Arrived, HOPS, Lane, Lanes, Questions, RECORD, Reached, SNAPSHOT, Stored, Way,
};

impl Questions for Errand<'_> {
    type Failure = Failure;

    fn lanes(&self) -> &Lanes {
        self.lanes
    }

    async fn turn<'l>(&self, lane: &'l Lane) -> Result<MutexGuard<'l, ()>, Failure> {
        Errand::turn(self, lane).await
    }

    async fn find(&self, key: &StoreKey) -> Result<Option<Stored>, Failure> {
        let key = key.as_bytes().as_slice();
        let rows = self.rows(Again::Once, |all| &all.find, &[&key]).await?;
        rows.first().map(read).transpose()
    }

    async fn follow(&self, key: &StoreKey, now: Timestamp) -> Result<Vec<Stored>, Failure> {
        let key = key.as_bytes().as_slice();
        let rows = self
            .rows(
                Again::Once,
                |all| &all.follow,
                &[&key, &now.as_millis(), &HOPS],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    async fn add(&self, key: &StoreKey, record: &Record) -> Result<bool, Failure> {
        let values = Values::new(key, record);
        let added = self
            .write(Again::Never, |all| &all.create, &values.as_parameters())
            .await?;
        Ok(added == 1)
    }

    async fn replace(&self, old: &Found, new: &Record) -> Result<bool, Failure> {
        let (values, as_read) = (Values::new(&old.key, new), AsRead::new(&old.record));
        let parameters = [&values.as_parameters()[..], &as_read.as_parameters()].concat();
        let written = self
            .write(Again::Never, |all| &all.replace, &parameters)
            .await?;
        Ok(written == 1)
    }

    async fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Reached, Failure> {
        let (key, idle_deadline) = (key.as_bytes().as_slice(), idle_deadline.as_millis());
        let rows = self
            .rows(
                Again::Once,
                |all| &all.touch,
                &[&key, &idle_deadline, &now.as_millis()],
            )
            .await?;
        let kind = rows.first().map(|row| column(row, 0)).transpose()?;
        Ok(match kind {
            Some(RECORD) => Reached::Yes,
            Some(ALIAS) => Reached::Elsewhere,
            _ => Reached::Gone,
        })
    }

    async fn move_to(
        &self,
        old: &Found,
        to: &StoreKey,
        moved: &Record,
        leave: Leave,
    ) -> Result<Arrived, Failure> {
        let (values, as_read) = (Values::new(to, moved), AsRead::new(&old.record));
        let (kind, ends, payload, owner) = match leave {
            Leave::Alias(until) => (ALIAS, until, Some(to.as_bytes().as_slice()), None),
            Leave::Snapshot(until) => {
                let ends = until.min(old.record.deadline());
                (SNAPSHOT, ends, None, subject(&old.record))
            }
        };
        let ends = ends.as_millis();
        // Who ends the subject's sessions finds this one under one of its keys, and not between them.
        let stays = old
            .record
            .subject
            .filter(|_| old.record.subject == moved.subject);
        let turn = stays.as_ref().map(turn_of);
        let from = old.key.as_bytes().as_slice();
        let left: [&(dyn ToSql + Sync); 6] = [&from, &kind, &ends, &payload, &owner, &turn];
        let parameters = [&values.as_parameters()[..], &as_read.as_parameters(), &left].concat();
        match self
            .write(Again::Never, |all| &all.rotate, &parameters)
            .await
        {
            Ok(1) => Ok(Arrived::Yes),
            Ok(_) => Ok(Arrived::Overtaken),
            Err(failure) if failure.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                Ok(Arrived::KeyTaken)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn remove(
        &self,
        key: &StoreKey,
        way: &Way,
        now: Timestamp,
    ) -> Result<Option<Deleted>, Failure> {
        let (key, now, aliases) = (key.as_bytes().as_slice(), now.as_millis(), aliases(way));
        let rows = self
            .rows(Again::Once, |all| &all.delete, &[&key, &now, &aliases])
            .await?;
        let lived = rows.first().map(|row| column(row, 0)).transpose()?;
        Ok(lived.map(
            |lived: bool| {
                if lived { Deleted::Yes } else { Deleted::Absent }
            },
        ))
    }

    async fn leave_farewell(
        &self,
        old: &Found,
        reason: &Record,
        way: &Way,
    ) -> Result<bool, Failure> {
        let (values, as_read) = (Values::new(&old.key, reason), AsRead::new(&old.record));
        let aliases = aliases(way);
        let aliases: [&(dyn ToSql + Sync); 1] = [&aliases];
        let parameters = [
            &values.as_parameters()[..],
            &as_read.as_parameters(),
            &aliases,
        ]
        .concat();
        let rows = self
            .rows(Again::Never, |all| &all.farewell, &parameters)
            .await?;
        Ok(!rows.is_empty())
    }
}

fn aliases(way: &Way) -> Vec<&[u8]> {
    way.aliases
        .iter()
        .map(|key| key.as_bytes().as_slice())
        .collect()
}

pub(super) async fn end_subject(
    errand: &Errand<'_>,
    subject: &SubjectKey,
    except: Option<&StoreKey>,
    now: Timestamp,
) -> Result<usize, Failure> {
    let except = except.map_or_else(|| "NULL".into(), |key| literal(key.as_bytes()));
    // Numbers and digits of our own making: nothing in here came from a visitor.
    let texts = errand.pool.texts.as_ref();
    let text = texts
        .map_or("", |texts| &texts.end_subject)
        .replace("{turn}", &turn_of(subject).to_string())
        .replace("{except}", &except)
        .replace("{subject}", &literal(subject.as_bytes()))
        .replace("{hops}", &HOPS.to_string())
        .replace("{now}", &format!("({})", now.as_millis()));
    let answers = errand.run(&text).await?;
    let lived = |answer: &&SimpleQueryMessage| matches!(answer, SimpleQueryMessage::Row(row) if row.get(0) == Some("t"));
    Ok(answers.iter().filter(lived).count())
}

/// The number of the lock that rotations of a subject's sessions share, and that ending them all takes.
fn turn_of(subject: &SubjectKey) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *subject.as_bytes();
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Bytes as the server reads them in the text of a statement.
fn literal(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("'\\x{digits}'::bytea")
}
