//! The operations of the contract, each as the questions that it asks.
//!
//! A change is made in this process, of the record as it was read, and written on the condition that
//! the record still is so. Where that fails somebody else was quicker: it is read and made anew.

use abiding::{
    Error, ErrorKind, Found, Record, StoreKey, Timestamp,
    store::{Change, Committed, Created, Deleted, Expect, Farewell, Leave, Touched},
};

use super::{Arrived, Questions, Reached, Row, Stored, Way};

/// Follows `key` to what is not over; never to an alias. Two questions at most, however long the way is.
async fn follow<Q: Questions>(
    errand: &Q,
    key: &StoreKey,
    now: Timestamp,
) -> Result<Way, Q::Failure> {
    let mut way = Way::default();
    if !way.goes_on_to(errand.find(key).await?, now) {
        return Ok(way);
    }
    way = Way::default();
    for row in errand.follow(key, now).await? {
        if !way.goes_on_to(Some(row), now) {
            break;
        }
    }
    Ok(way)
}

pub(crate) async fn create<Q: Questions>(
    errand: &Q,
    key: &StoreKey,
    record: &Record,
) -> Result<Created, Q::Failure> {
    if !errand.add(key, record).await? {
        return Ok(Created::KeyTaken);
    }
    let found = Found::new(*key, record.clone());
    errand.lanes().of(key).keep(key, &found);
    Ok(Created::Yes)
}

pub(crate) async fn load<Q: Questions>(
    errand: &Q,
    key: &StoreKey,
    now: Timestamp,
) -> Result<Option<Found>, Q::Failure> {
    let found = follow(errand, key, now).await?.end.and_then(Stored::found);
    if let Some(found) = &found {
        errand.lanes().of(key).keep(key, found);
    }
    Ok(found)
}

/// A record to be changed: seen some time ago, or read just now.
struct Seen {
    found: Found,
    is_fresh: bool,
}

/// What `key` leads to: as it was seen last where that will do, or as it is.
async fn see<Q: Questions>(
    errand: &Q,
    key: &StoreKey,
    seen: Option<Found>,
    now: Timestamp,
) -> Result<Option<Seen>, Q::Failure> {
    if let Some(found) = seen {
        return Ok(Some(Seen {
            found,
            is_fresh: false,
        }));
    }
    let found = follow(errand, key, now).await?.session();
    Ok(found.map(|found| Seen {
        found,
        is_fresh: true,
    }))
}

pub(crate) async fn commit<Q: Questions>(
    errand: &Q,
    key: &StoreKey,
    change: &Change,
    expect: Expect,
    now: Timestamp,
) -> Result<Committed, Q::Failure> {
    let lane = errand.lanes().of(key);
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
        if errand.replace(&found, &new).await? {
            let version = new.version;
            lane.keep(key, &Found::new(found.key, new));
            return Ok(Committed::Yes(version));
        }
    }
    Err(contended("commit").into())
}

pub(crate) async fn touch<Q: Questions>(
    errand: &Q,
    key: &StoreKey,
    idle_deadline: Timestamp,
    now: Timestamp,
) -> Result<Touched, Q::Failure> {
    let mut key = *key;
    for _ in 0..TRIES {
        match errand.touch(&key, idle_deadline, now).await? {
            Reached::Yes => return Ok(Touched::Yes),
            Reached::Gone => return Ok(Touched::Gone),
            Reached::Elsewhere => match follow(errand, &key, now).await?.session() {
                Some(found) => key = found.key,
                None => return Ok(Touched::Gone),
            },
        }
    }
    Err(contended("touch").into())
}

pub(crate) async fn rotate<Q: Questions>(
    errand: &Q,
    from: &StoreKey,
    to: &StoreKey,
    change: &Change,
    expect: Expect,
    leave: Leave,
    now: Timestamp,
) -> Result<Committed, Q::Failure> {
    let lane = errand.lanes().of(from);
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
        match errand.move_to(&found, to, &moved, leave).await? {
            Arrived::Yes => {
                let version = moved.version;
                errand.lanes().of(to).keep(to, &Found::new(*to, moved));
                return Ok(Committed::Yes(version));
            }
            Arrived::Overtaken => {}
            Arrived::KeyTaken => return Ok(Committed::KeyTaken),
        }
    }
    Err(contended("rotate").into())
}

pub(crate) async fn delete<Q: Questions>(
    errand: &Q,
    key: &StoreKey,
    farewell: Option<&Farewell>,
    now: Timestamp,
) -> Result<Deleted, Q::Failure> {
    let mut seen = errand.lanes().of(key).take(key, now);
    if farewell.is_none() {
        // It does not matter what the record was, so the first try is blind.
        seen = None;
        if let Some(deleted) = errand.remove(key, &Way::default(), now).await? {
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
            Some((found, reason)) => {
                let is_left = errand.leave_farewell(&found, &reason, &way).await?;
                is_left.then_some(Deleted::Yes)
            }
            None => errand.remove(key, &way, now).await?,
        };
        if let Some(deleted) = deleted {
            return Ok(deleted);
        }
    }
    Err(contended("delete").into())
}

fn contended(operation: &'static str) -> Error {
    let what = "the session was changed by others each time, before this change was in";
    Error::new(ErrorKind::Contended, operation, what)
}

/// How often a change is made anew. Of those who come at once one goes in each time, and each process
/// sends one at a time.
const TRIES: usize = 64;
