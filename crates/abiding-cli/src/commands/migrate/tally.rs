//! What became of the sessions of a migration, counted.

use abiding::Brought;
use serde::{Deserialize, Serialize};

/// What became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Tally {
    /// Looked at; one that a walk met twice counts twice.
    pub(super) seen: u64,
    /// Moved by this migration.
    pub(super) moved: u64,
    /// Moved before: by a visitor's request, or before an interruption.
    pub(super) moved_before: u64,
    /// Over by the time that they were looked at.
    pub(super) ended: u64,
    /// On their way to another id, under which they are looked at again or move when they are next used.
    pub(super) under_way: u64,
    /// Stayed: larger than the new place allows.
    pub(super) too_large: u64,
    /// Stayed: they hold a value that the new place cannot keep.
    pub(super) refused: u64,
    /// Stayed: nobody can read them, neither with these keys.
    pub(super) unreadable: u64,
    /// Had once left the place where these go, and ended where they went: what was left of them is ended. Not seen, since
    /// they are found where these go.
    #[serde(default)]
    pub(super) ended_meanwhile: u64,
    /// The same of a place that holds nothing, and may have been lost: nothing was ended.
    #[serde(default)]
    pub(super) ended_or_lost: u64,
}

impl Tally {
    pub(super) fn count(&mut self, brought: Brought) {
        self.seen += 1;
        let kind = match brought {
            Brought::Moved => &mut self.moved,
            Brought::WasMoved => &mut self.moved_before,
            Brought::Ended => &mut self.ended,
            Brought::TooLarge => &mut self.too_large,
            Brought::Refused => &mut self.refused,
            _ => &mut self.under_way,
        };
        *kind += 1;
    }

    /// Those of another part of the same migration.
    pub(super) fn add(&mut self, other: &Self) {
        let Self {
            seen,
            moved,
            moved_before,
            ended,
            under_way,
            too_large,
            refused,
            unreadable,
            ended_meanwhile,
            ended_or_lost,
        } = other;
        self.seen += seen;
        self.moved += moved;
        self.moved_before += moved_before;
        self.ended += ended;
        self.under_way += under_way;
        self.too_large += too_large;
        self.refused += refused;
        self.unreadable += unreadable;
        self.ended_meanwhile += ended_meanwhile;
        self.ended_or_lost += ended_or_lost;
    }

    pub(super) fn unreadable(&mut self, count: u64) {
        self.seen += count;
        self.unreadable += count;
    }

    /// How many live on in the old place alone.
    pub(super) fn left(&self) -> u64 {
        self.too_large + self.refused + self.unreadable
    }

    /// One row for each kind that there is: how many, and what that is.
    pub(super) fn rows(&self) -> Vec<(u64, &'static str)> {
        let rows = [
            (self.moved, "moved"),
            (self.moved_before, "had moved before"),
            (self.ended, "were over"),
            (
                self.under_way,
                "were on their way to a new id, and move when they are next used",
            ),
            (self.too_large, "are too large for the new place, and stay"),
            (
                self.refused,
                "hold a value that the new place cannot keep, and stay",
            ),
            (
                self.unreadable,
                "cannot be read, with these keys or at all, and stay",
            ),
            (
                self.ended_meanwhile,
                "had gone from the new place before and ended since: what they left there is ended",
            ),
            (
                self.ended_or_lost,
                "had gone from the new place to the old one, which holds nothing: ended, or lost",
            ),
        ];
        rows.into_iter().filter(|(count, _)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_session_that_was_seen_is_in_one_row() {
        let mut tally = Tally::default();
        let all = [
            Brought::Ended,
            Brought::Moved,
            Brought::Refused,
            Brought::TooLarge,
            Brought::Vanished,
            Brought::WasMoved,
        ];
        all.into_iter().for_each(|brought| tally.count(brought));
        tally.unreadable(2);
        let mut twice = tally;
        twice.add(&tally);
        assert_eq!(twice.rows().iter().map(|(count, _)| count).sum::<u64>(), 16);
        assert_eq!(tally.seen, 8);
        assert_eq!(tally.rows().iter().map(|(count, _)| count).sum::<u64>(), 8);
        assert_eq!(tally.left(), 4);
    }
}
