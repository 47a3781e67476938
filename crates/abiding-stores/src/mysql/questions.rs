//! What MySQL is asked: each question as a statement or several, and what the answer means.

use abiding::{
    Found, Record, StoreKey, SubjectKey, Timestamp,
    store::{Deleted, Leave},
};
use mysql_async::{Conn, Row as Columns, Value};
use tokio::sync::MutexGuard;

use super::{
    errand::{Errand, Job, query},
    failure::Failure,
    rows::{as_read, key, key_value, number, read, stamp, subject, values},
    statements::{Texts, list, script},
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
        let find = self.ask(Again::Once, &self.pool.texts.find, [key_value(key)]);
        find.await?.rows.first().map(read).transpose()
    }

    async fn follow(&self, key: &StoreKey, now: Timestamp) -> Result<Vec<Stored>, Failure> {
        let now = stamp(now);
        let values = [now.clone(), key_value(key), now, Value::Int(HOPS.into())];
        let follow = self.ask(Again::Once, &self.pool.texts.follow, values);
        follow.await?.rows.iter().map(read).collect()
    }

    async fn add(&self, key: &StoreKey, record: &Record) -> Result<bool, Failure> {
        let create = &self.pool.texts.create;
        match self.ask(Again::Never, create, of_new(key, record)).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.is_taken() => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    async fn replace(&self, old: &Found, new: &Record) -> Result<bool, Failure> {
        let replace = &self.pool.texts.replace;
        let answer = self.ask(Again::Never, replace, of_change(old, new)).await?;
        Ok(answer.written_by(0) == 1)
    }

    /// The server counts what it found, whether or not there was anything to write.
    async fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Reached, Failure> {
        let (deadline, now) = (stamp(idle_deadline), stamp(now));
        let values = [now.clone(), deadline.clone(), deadline, key_value(key), now];
        let answer = self
            .ask(Again::Once, &self.pool.texts.touch, values)
            .await?;
        Ok(match answer.written_by(0) {
            0 => Reached::Elsewhere,
            _ => Reached::Yes,
        })
    }

    async fn move_to(
        &self,
        old: &Found,
        to: &StoreKey,
        moved: &Record,
        leave: Leave,
    ) -> Result<Arrived, Failure> {
        let (kind, ends, payload, owner) = match leave {
            Leave::Alias(until) => (ALIAS, until, key_value(to), Value::NULL),
            Leave::Snapshot(until) => {
                let ends = until.min(old.record.deadline());
                (SNAPSHOT, ends, Value::NULL, subject(&old.record))
            }
        };
        let left = [
            Value::Int(kind.into()),
            stamp(ends),
            stamp(ends),
            owner,
            payload,
        ];
        let values = left
            .into_iter()
            .chain(as_read(old))
            .chain(of_new(to, moved));
        let rotate = script(&self.pool.texts.rotate, values);
        match self.script(Again::Never, rotate).await {
            Ok(answer) if answer.written_by(3) == 1 => Ok(Arrived::Yes),
            Ok(_) => Ok(Arrived::Overtaken),
            Err(failure) if failure.is_taken() => Ok(Arrived::KeyTaken),
            Err(failure) => Err(failure),
        }
    }

    async fn remove(
        &self,
        key: &StoreKey,
        way: &Way,
        now: Timestamp,
    ) -> Result<Option<Deleted>, Failure> {
        let both = [key_value(key), stamp(now)];
        let delete = script(
            &self.pool.texts.delete,
            both.clone().into_iter().chain(both),
        );
        let delete = delete.replace("{aliases}", &list(&way.aliases));
        let answer = self.script(Again::Once, delete).await?;
        Ok(match (answer.written_by(1), answer.written_by(3)) {
            (0, 0) => None,
            (0, _) => Some(Deleted::Absent),
            _ => Some(Deleted::Yes),
        })
    }

    async fn leave_farewell(
        &self,
        old: &Found,
        reason: &Record,
        way: &Way,
    ) -> Result<bool, Failure> {
        let (texts, values) = (&self.pool.texts, of_change(old, reason));
        if way.aliases.is_empty() {
            let answer = self.ask(Again::Never, &texts.farewell, values).await?;
            return Ok(answer.written_by(0) == 1);
        }
        let farewell = script(&texts.farewell_and_aliases, values);
        let farewell = farewell.replace("{aliases}", &list(&way.aliases));
        let answer = self.script(Again::Never, farewell).await?;
        Ok(answer.written_by(1) == 1)
    }
}

/// The values of a record in a new row.
pub(super) fn of_new(key: &StoreKey, record: &Record) -> Vec<Value> {
    let mut all = vec![key_value(key)];
    all.extend(values(record));
    all.push(stamp(record.deadline()));
    all
}

/// The values of a record in the place of another one.
pub(super) fn of_change(old: &Found, new: &Record) -> Vec<Value> {
    let mut all = vec![stamp(new.deadline())];
    all.extend(values(new));
    all.extend(as_read(old));
    all
}

pub(super) async fn end_subject(
    errand: &Errand<'_>,
    subject: &SubjectKey,
    except: Option<&StoreKey>,
    now: Timestamp,
) -> Result<usize, Failure> {
    let end = EndSubject {
        texts: errand.pool.texts.clone(),
        subject: *subject,
        except: except.copied(),
        now,
    };
    errand.run(Again::Once, end).await
}

/// Ends the sessions of a subject, in a transaction that holds them all before it removes the first one.
#[derive(Clone)]
struct EndSubject {
    texts: Texts,
    subject: SubjectKey,
    except: Option<StoreKey>,
    now: Timestamp,
}

impl Job for EndSubject {
    type Answer = usize;

    async fn run(self, connection: &mut Conn) -> Result<usize, Failure> {
        let begin = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION";
        query(connection, begin).await?;
        let spared = self.spared(connection).await?;
        let subject = Value::Bytes(self.subject.as_bytes().to_vec());
        let hold = script(&self.texts.hold_subject, [subject]);
        let (mut keys, mut living) = (Vec::new(), 0);
        for row in query(connection, &hold).await?.rows {
            let (key, kind, ends) = held(&row)?;
            if Some(key) != spared {
                keys.push(key);
                let is_living = kind == i64::from(RECORD) && ends > self.now.as_millis();
                living += usize::from(is_living);
            }
        }
        let remove = self.texts.remove_held.replace("{keys}", &list(&keys));
        query(connection, &remove).await?;
        Ok(living)
    }
}

impl EndSubject {
    /// The key of the session that `except` leads to, which is held then.
    async fn spared(&self, connection: &mut Conn) -> Result<Option<StoreKey>, Failure> {
        let mut next = self.except;
        for _ in 0..HOPS {
            let Some(key) = next else { return Ok(None) };
            let hold = script(&self.texts.hold, [key_value(&key)]);
            let Some(row) = query(connection, &hold).await?.rows.into_iter().next() else {
                return Ok(None);
            };
            let stored = read(&row)?;
            if stored.ends <= self.now {
                return Ok(None);
            }
            if number(&row, 1)? != i64::from(ALIAS) {
                return Ok(stored.session().map(|found| found.key));
            }
            next = Some(super::rows::key(&row, 9)?);
        }
        Ok(None)
    }
}

fn held(row: &Columns) -> Result<(StoreKey, i64, i64), Failure> {
    Ok((key(row, 0)?, number(row, 1)?, number(row, 2)?))
}
