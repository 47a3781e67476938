//! The operations of the contract, each as the questions that it asks.
//!
//! A change is made in this process, of the record as it was read, and written on the condition that
//! the record still is so. Where that fails somebody else was quicker: it is read and made anew.

use abiding::{
    Error, ErrorKind, Found, Record, StoreKey, SubjectKey, Timestamp,
    store::{Change, Committed, Created, Deleted, Expect, Farewell, Leave, Touched},
};
use tokio_postgres::{Row as Columns, SimpleQueryMessage, error::SqlState, types::ToSql};

use super::{
    errand::{Again, Errand},
    failure::Failure,
    rows::{ALIAS, AsRead, HOPS, RECORD, Row, SNAPSHOT, Stored, Values, column, subject},
};

/// What a key leads to, and the aliases on the way.
#[derive(Default)]
struct Way {
    aliases: Vec<StoreKey>,
    end: Option<Stored>,
}

impl Way {
    fn straight_to(found: Found) -> Self {
        Self {
            aliases: Vec::new(),
            end: Some(Stored::living(found)),
        }
    }

    /// One step: whether `row` is an alias that is not over. Whatever else it is, the way ends there.
    fn goes_on_to(&mut self, row: Option<&Columns>, now: Timestamp) -> Result<bool, Failure> {
        let stored = row.map(Stored::read).transpose()?;
        self.end = stored.filter(|stored| !stored.is_over(now));
        let alias = self.end.take_if(|stored| matches!(stored.row, Row::Alias));
        self.aliases.extend(alias.iter().map(|alias| alias.key));
        Ok(alias.is_some())
    }

    fn living(self) -> Option<Found> {
        let Stored { key, row, .. } = self.end?;
        match row {
            Row::Record(record) => Some(Found::new(key, record)),
            Row::Alias | Row::Snapshot(_) => None,
        }
    }

    fn aliases(&self) -> Vec<&[u8]> {
        self.aliases
            .iter()
            .map(|key| key.as_bytes().as_slice())
            .collect()
    }
}

/// Follows `key` to what is not over; never to an alias. Two questions at most, however long the way is.
async fn follow(errand: &Errand<'_>, key: &StoreKey, now: Timestamp) -> Result<Way, Failure> {
    let mut way = Way::default();
    let key = key.as_bytes().as_slice();
    let rows = errand.rows(Again::Once, |all| &all.find, &[&key]).await?;
    if !way.goes_on_to(rows.first(), now)? {
        return Ok(way);
    }
    let rows = errand
        .rows(
            Again::Once,
            |all| &all.follow,
            &[&key, &now.as_millis(), &HOPS],
        )
        .await?;
    way = Way::default();
    for row in &rows {
        if !way.goes_on_to(Some(row), now)? {
            break;
        }
    }
    Ok(way)
}

pub(super) async fn create(
    errand: &Errand<'_>,
    key: &StoreKey,
    record: &Record,
) -> Result<Created, Failure> {
    let values = Values::new(key, record);
    let added = errand
        .write(Again::Never, |all| &all.create, &values.as_parameters())
        .await?;
    if added == 0 {
        return Ok(Created::KeyTaken);
    }
    let found = Found::new(*key, record.clone());
    errand.lanes.of(key).keep(key, &found);
    Ok(Created::Yes)
}

pub(super) async fn load(
    errand: &Errand<'_>,
    key: &StoreKey,
    now: Timestamp,
) -> Result<Option<Found>, Failure> {
    let found = match follow(errand, key, now).await?.end {
        Some(Stored { key, row, .. }) => match row {
            Row::Alias => None,
            Row::Record(record) => Some(Found::new(key, record)),
            Row::Snapshot(record) => Some(Found::snapshot(key, record)),
        },
        None => None,
    };
    if let Some(found) = &found {
        errand.lanes.of(key).keep(key, found);
    }
    Ok(found)
}

/// A record to be changed: seen some time ago, or read just now.
struct Seen {
    found: Found,
    is_fresh: bool,
}

/// What `key` leads to: as it was seen last where that will do, or as it is.
async fn see(
    errand: &Errand<'_>,
    key: &StoreKey,
    seen: Option<Found>,
    now: Timestamp,
) -> Result<Option<Seen>, Failure> {
    if let Some(found) = seen {
        return Ok(Some(Seen {
            found,
            is_fresh: false,
        }));
    }
    let found = follow(errand, key, now).await?.living();
    Ok(found.map(|found| Seen {
        found,
        is_fresh: true,
    }))
}

pub(super) async fn commit(
    errand: &Errand<'_>,
    key: &StoreKey,
    change: &Change,
    expect: Expect,
    now: Timestamp,
) -> Result<Committed, Failure> {
    let lane = errand.lanes.of(key);
    let _turn = errand.turn(lane).await?;
    let mut seen = lane.take(key, now);
    for _ in 0..TRIES {
        let Some(Seen { found, is_fresh }) = see(errand, key, seen.take(), now).await? else {
            return Ok(Committed::Gone);
        };
        if !expect.admits(found.record.version) {
            if is_fresh {
                lane.keep(key, &found);
                return Ok(Committed::Stale(found));
            }
            continue;
        }
        let new = match change.apply(&found) {
            Ok(new) => new,
            Err(refusal) if is_fresh => return Err(refusal.into()),
            Err(_) => continue,
        };
        if replace(errand, &found, &new).await? {
            let version = new.version;
            lane.keep(key, &Found::new(found.key, new));
            return Ok(Committed::Yes(version));
        }
    }
    Err(contended("commit"))
}

/// Puts `new` in the place of `old`, if that still is as it was read.
async fn replace(errand: &Errand<'_>, old: &Found, new: &Record) -> Result<bool, Failure> {
    let (values, as_read) = (Values::new(&old.key, new), AsRead::new(&old.record));
    let parameters = [&values.as_parameters()[..], &as_read.as_parameters()].concat();
    let written = errand
        .write(Again::Never, |all| &all.replace, &parameters)
        .await?;
    Ok(written == 1)
}

pub(super) async fn touch(
    errand: &Errand<'_>,
    key: &StoreKey,
    idle_deadline: Timestamp,
    now: Timestamp,
) -> Result<Touched, Failure> {
    let mut key = *key;
    for _ in 0..TRIES {
        match touch_here(errand, &key, idle_deadline, now).await? {
            Some(RECORD) => return Ok(Touched::Yes),
            Some(ALIAS) => match follow(errand, &key, now).await?.living() {
                Some(found) => key = found.key,
                None => return Ok(Touched::Gone),
            },
            _ => return Ok(Touched::Gone),
        }
    }
    Err(contended("touch"))
}

/// Touches the session under this very key. Answers what kind of row is there, if it is not over.
async fn touch_here(
    errand: &Errand<'_>,
    key: &StoreKey,
    idle_deadline: Timestamp,
    now: Timestamp,
) -> Result<Option<i16>, Failure> {
    let (key, idle_deadline) = (key.as_bytes().as_slice(), idle_deadline.as_millis());
    let rows = errand
        .rows(
            Again::Once,
            |all| &all.touch,
            &[&key, &idle_deadline, &now.as_millis()],
        )
        .await?;
    rows.first().map(|row| column(row, 0)).transpose()
}

pub(super) async fn rotate(
    errand: &Errand<'_>,
    from: &StoreKey,
    to: &StoreKey,
    change: &Change,
    expect: Expect,
    leave: Leave,
    now: Timestamp,
) -> Result<Committed, Failure> {
    let lane = errand.lanes.of(from);
    let _turn = errand.turn(lane).await?;
    let mut seen = lane.take(from, now);
    for _ in 0..TRIES {
        let Some(Seen { found, is_fresh }) = see(errand, from, seen.take(), now).await? else {
            return Ok(Committed::Gone);
        };
        if !expect.admits(found.record.version) {
            if is_fresh {
                return Ok(Committed::Stale(found));
            }
            continue;
        }
        let moved = match change.apply_moving(&found, to) {
            Ok(moved) => moved,
            Err(refusal) if is_fresh => return Err(refusal.into()),
            Err(_) => continue,
        };
        match move_to(errand, &found, to, &moved, leave).await {
            Ok(true) => {
                let version = moved.version;
                errand.lanes.of(to).keep(to, &Found::new(*to, moved));
                return Ok(Committed::Yes(version));
            }
            Ok(false) => {}
            Err(failure) if failure.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                return Ok(Committed::KeyTaken);
            }
            Err(failure) => return Err(failure),
        }
    }
    Err(contended("rotate"))
}

/// Moves `old`, if it still is as it was read, to the key `to`.
async fn move_to(
    errand: &Errand<'_>,
    old: &Found,
    to: &StoreKey,
    moved: &Record,
    leave: Leave,
) -> Result<bool, Failure> {
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
    let written = errand
        .write(Again::Never, |all| &all.rotate, &parameters)
        .await?;
    Ok(written == 1)
}

pub(super) async fn delete(
    errand: &Errand<'_>,
    key: &StoreKey,
    farewell: Option<&Farewell>,
    now: Timestamp,
) -> Result<Deleted, Failure> {
    let mut seen = errand.lanes.of(key).take(key, now);
    if farewell.is_none() {
        // It does not matter what the record was, so the first try is blind.
        seen = None;
        if let Some(deleted) = remove(errand, key, &Way::default(), now).await? {
            return Ok(deleted);
        }
    }
    for _ in 0..TRIES {
        let way = match seen.take() {
            Some(found) => Way::straight_to(found),
            None => follow(errand, key, now).await?,
        };
        let Some(Stored { key, row, .. }) = &way.end else {
            return Ok(Deleted::Absent);
        };
        let left = match row {
            Row::Record(record) => {
                let found = Found::new(*key, record.clone());
                let reason = farewell.and_then(|farewell| farewell.to(&found));
                reason.map(|reason| (found, reason))
            }
            Row::Alias | Row::Snapshot(_) => None,
        };
        let deleted = match left {
            Some((found, reason)) => leave_farewell(errand, &found, &reason, &way).await?,
            None => remove(errand, key, &way, now).await?,
        };
        if let Some(deleted) = deleted {
            return Ok(deleted);
        }
    }
    Err(contended("delete"))
}

/// Removes what lies under `key` and the aliases on the way; nothing if it leads on, or is not there.
async fn remove(
    errand: &Errand<'_>,
    key: &StoreKey,
    way: &Way,
    now: Timestamp,
) -> Result<Option<Deleted>, Failure> {
    let (key, now, aliases) = (key.as_bytes().as_slice(), now.as_millis(), way.aliases());
    let rows = errand
        .rows(Again::Once, |all| &all.delete, &[&key, &now, &aliases])
        .await?;
    let lived = rows.first().map(|row| column(row, 0)).transpose()?;
    Ok(lived.map(
        |lived: bool| {
            if lived { Deleted::Yes } else { Deleted::Absent }
        },
    ))
}

/// Puts `reason` in the place of `old`, if that still is as it was read, and removes the aliases.
async fn leave_farewell(
    errand: &Errand<'_>,
    old: &Found,
    reason: &Record,
    way: &Way,
) -> Result<Option<Deleted>, Failure> {
    let (values, as_read) = (Values::new(&old.key, reason), AsRead::new(&old.record));
    let aliases = way.aliases();
    let aliases: [&(dyn ToSql + Sync); 1] = [&aliases];
    let parameters = [
        &values.as_parameters()[..],
        &as_read.as_parameters(),
        &aliases,
    ]
    .concat();
    let rows = errand
        .rows(Again::Never, |all| &all.farewell, &parameters)
        .await?;
    Ok((!rows.is_empty()).then_some(Deleted::Yes))
}

pub(super) async fn end_subject(
    errand: &Errand<'_>,
    subject: &SubjectKey,
    except: Option<&StoreKey>,
    now: Timestamp,
) -> Result<usize, Failure> {
    let except = except.map_or_else(|| "NULL".into(), |key| literal(key.as_bytes()));
    // Numbers and digits of our own making: nothing in here came from a visitor.
    let text = errand
        .pool
        .texts
        .end_subject
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

fn contended(operation: &'static str) -> Failure {
    let what = "the session was changed by others each time, before this change was in";
    Failure::Refused(Error::new(ErrorKind::Contended, operation, what))
}

/// How often a change is made anew. Of those who come at once one goes in each time, and each process
/// sends one at a time.
const TRIES: usize = 64;
