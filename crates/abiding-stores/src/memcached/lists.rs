//! Which sessions are a subject's: one item for each subject, changed by comparing.
//!
//! A row that belongs to a subject counts only while the subject's list names it. So whoever ends the
//! sessions of a subject writes one item, and all of them are over at that moment; and a server that drops the list to make
//! room ends the sessions on it, rather than leave some that nobody can find and end.

use abiding::{Error, ErrorKind, Result, StoreKey, SubjectKey, Timestamp};

use super::{
    Cost, Desk, ROUNDS,
    link::Effect,
    rows::{stamp, take},
    wire::{Batch, Cas, Reply},
};

/// A list as it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    entries: Vec<Entry>,
    /// Where it was; nothing if there is none.
    at: Option<(Cas, u64)>,
}

/// A row, and until when it may be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    key: StoreKey,
    until: Timestamp,
}

impl List {
    /// What a reply says.
    pub(super) fn read(reply: Reply, on: u64) -> Result<Self> {
        let Reply::Value(bytes, cas, _) = reply else {
            return Ok(Self::default());
        };
        let entries = parse(&bytes).ok_or_else(|| {
            let what =
                "the list of a subject was not written by this library, or by a newer release";
            Error::new(ErrorKind::Corrupt, "read an item", what)
        })?;
        Ok(Self {
            entries,
            at: Some((cas, on)),
        })
    }

    pub(super) fn names(&self, key: &StoreKey) -> bool {
        self.entries.iter().any(|entry| entry.key == *key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = StoreKey> {
        self.entries.iter().map(|entry| entry.key)
    }

    /// Names a row; of two times the later one counts.
    pub(super) fn add(&mut self, key: &StoreKey, until: Timestamp) -> bool {
        match self.entries.iter_mut().find(|entry| entry.key == *key) {
            Some(entry) if entry.until >= until => return false,
            Some(entry) => entry.until = until,
            None => self.entries.push(Entry { key: *key, until }),
        }
        true
    }

    /// Keeps the rows that `keeps` says. Answers whether that is a change.
    pub(super) fn retain(&mut self, keeps: impl Fn(&StoreKey) -> bool) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| keeps(&entry.key));
        self.entries.len() != before
    }
}

fn parse(bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut rest = bytes;
    let [FORMAT] = take(&mut rest)? else {
        return None;
    };
    let mut entries = Vec::with_capacity(rest.len() / ENTRY);
    while !rest.is_empty() {
        entries.push(Entry {
            key: StoreKey::from_bytes(take(&mut rest)?),
            until: stamp(&mut rest)?,
        });
    }
    Some(entries)
}

impl Desk {
    /// The list of a subject.
    pub(super) async fn list(&self, operation: &'static str, subject: &SubjectKey) -> Result<List> {
        let get = Batch::new().get(&self.names.list(subject));
        let (replies, on) = self.send(operation, &get, Effect::None).await?;
        let [reply] = self.expect(operation, replies)?;
        List::read(reply, on)
    }

    /// Changes the list of a subject, which is `known` if it was read before; `edit` answers whether there is
    /// anything to write, and is asked again if somebody else was first. Answers the list as it is then.
    pub(super) async fn edit_list(
        &self,
        operation: &'static str,
        subject: &SubjectKey,
        mut known: Option<List>,
        now: Timestamp,
        mut edit: impl FnMut(&mut List) -> Edit,
    ) -> Result<Option<List>> {
        for _ in 0..ROUNDS {
            let mut list = match known.take() {
                Some(list) => list,
                None => self.list(operation, subject).await?,
            };
            match edit(&mut list) {
                Edit::Refused => return Ok(None),
                Edit::Nothing => return Ok(Some(list)),
                Edit::Write => {}
            }
            if self.write_list(operation, subject, &mut list, now).await? {
                return Ok(Some(list));
            }
        }
        Err(self.contended(operation))
    }

    /// Writes a list, unless somebody else was first.
    pub(super) async fn write_list(
        &self,
        operation: &'static str,
        subject: &SubjectKey,
        list: &mut List,
        now: Timestamp,
    ) -> Result<bool> {
        list.entries.retain(|entry| entry.until > now);
        let name = self.names.list(subject);
        let mut bytes = vec![FORMAT];
        for entry in &list.entries {
            bytes.extend(entry.key.as_bytes());
            bytes.extend(entry.until.as_millis().to_le_bytes());
        }
        let until = list.entries.iter().map(|entry| entry.until).max();
        let batch = Batch::new();
        let (batch, effect) = match (list.at, until) {
            (Some((cas, on)), Some(until)) => {
                let batch = batch.replace(&name, &bytes, self.expiry(until, now), cas);
                (batch, Effect::OnceOn(on))
            }
            (Some((cas, on)), None) => (batch.remove(&name, cas), Effect::OnceOn(on)),
            (None, Some(until)) => (
                batch.add(&name, &bytes, self.expiry(until, now)),
                Effect::Once,
            ),
            (None, None) => return Ok(true),
        };
        let Some((replies, _)) = self.try_send(operation, &batch, effect).await? else {
            return Ok(false);
        };
        // Which number it has now, a classic command does not tell.
        list.at = None;
        let [reply] = self.expect(operation, replies)?;
        self.outcome(operation, reply, Cost::Small)
    }

    /// Takes a row off the list of a subject. Nothing depends on it: a name too many is passed over.
    pub(super) async fn unlist(
        &self,
        operation: &'static str,
        subject: &SubjectKey,
        key: &StoreKey,
        known: Option<List>,
        now: Timestamp,
    ) {
        let edit = |list: &mut List| {
            if list.retain(|other| other != key) {
                Edit::Write
            } else {
                Edit::Nothing
            }
        };
        if let Err(error) = self.edit_list(operation, subject, known, now, edit).await {
            tracing::debug!(%error, "a session that is over stays on the list of its subject");
        }
    }
}

/// What is to become of a list.
pub(super) enum Edit {
    /// It stays as it is, and that is right.
    Nothing,
    /// It stays as it is, since what was to be done cannot be.
    Refused,
    Write,
}

const FORMAT: u8 = 0x01;
const ENTRY: usize = StoreKey::LEN + size_of::<i64>();

#[cfg(test)]
mod tests {
    use abiding::store::sample;

    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written_and_never_in_part() {
        let (one, other) = (sample::key(), sample::key());
        let mut bytes = vec![FORMAT];
        for key in [one, other] {
            bytes.extend(key.as_bytes());
            bytes.extend(7_i64.to_le_bytes());
        }
        let list = List::read(Reply::Value(bytes.clone(), Cas(1), None), 1).unwrap();
        assert_eq!(list.keys().collect::<Vec<_>>(), [one, other]);
        for length in (0..bytes.len()).filter(|length| length % ENTRY != 1) {
            let half = Reply::Value(bytes[..length].to_vec(), Cas(1), None);
            assert!(List::read(half, 1).is_err(), "{length} bytes");
        }
        assert!(
            List::read(Reply::Missing, 1)
                .unwrap()
                .keys()
                .next()
                .is_none()
        );
    }
}
