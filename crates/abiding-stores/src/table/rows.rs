//! Rows: what lies in the table, and the way from one to the next.

use abiding::{Found, Record, StoreKey, Timestamp};

/// What lies under a key.
#[derive(Clone)]
pub(crate) enum Row {
    /// Another key, which the server follows by itself.
    Alias,
    /// A session.
    Record(Record),
    /// What a session was before a rotation, or why it is over; to be read only.
    Snapshot(Record),
}

/// A row, its key and its end.
pub(crate) struct Stored {
    pub(crate) key: StoreKey,
    pub(crate) row: Row,
    /// When it ends, whatever it is.
    pub(crate) ends: Timestamp,
}

impl Stored {
    /// The row that such a session lies in.
    fn living(found: Found) -> Self {
        Self {
            key: found.key,
            ends: found.record.deadline(),
            row: Row::Record(found.record),
        }
    }

    /// The session in it, or the snapshot of one.
    pub(crate) fn found(self) -> Option<Found> {
        match self.row {
            Row::Alias => None,
            Row::Record(record) => Some(Found::new(self.key, record)),
            Row::Snapshot(record) => Some(Found::snapshot(self.key, record)),
        }
    }

    /// The session in it; no snapshot.
    pub(crate) fn session(self) -> Option<Found> {
        self.found().filter(|found| !found.frozen)
    }
}

/// What a key leads to, and the aliases on the way.
#[derive(Default)]
pub(crate) struct Way {
    pub(crate) aliases: Vec<StoreKey>,
    pub(crate) end: Option<Stored>,
}

impl Way {
    pub(crate) fn straight_to(found: Found) -> Self {
        Self {
            aliases: Vec::new(),
            end: Some(Stored::living(found)),
        }
    }

    /// One step: whether `row` is an alias that is not over. Whatever else it is, the way ends there.
    pub(crate) fn goes_on_to(&mut self, row: Option<Stored>, now: Timestamp) -> bool {
        self.end = row.filter(|stored| stored.ends > now);
        let alias = self.end.take_if(|stored| matches!(stored.row, Row::Alias));
        self.aliases.extend(alias.iter().map(|alias| alias.key));
        alias.is_some()
    }

    /// The session at the end of it.
    pub(crate) fn session(self) -> Option<Found> {
        self.end?.session()
    }
}

/// `kind` of a session.
pub(crate) const RECORD: i16 = 0;
/// `kind` of an alias, whose payload is the key that it leads to.
pub(crate) const ALIAS: i16 = 1;
/// `kind` of a snapshot.
pub(crate) const SNAPSHOT: i16 = 2;

/// The columns of a row, in the order in which both stores read them.
pub(crate) const COLUMNS: [&str; 10] = [
    "key",
    "kind",
    "ends",
    "created",
    "seen",
    "idle_deadline",
    "absolute_deadline",
    "version",
    "subject",
    "payload",
];

/// How many rows a chain of aliases is followed through: each rotation within the grace of the one
/// before adds one, and whoever never hears the answer comes with the first key again.
pub(crate) const HOPS: i32 = 500;
