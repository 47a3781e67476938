//! How many sessions there are and of what kind, told by the store where they lie.
//!
//! For tools that would otherwise fetch every session to count it. What a session holds plays no part.

use std::{future::Future, time::Duration};

use super::Store;
use crate::{clock::Timestamp, error::Result, record::Record};

/// Counts living records without handing them out.
pub trait Survey: Store {
    /// Counts the living records that `question` means; no aliases and no snapshots. Takes as long as it
    /// takes and holds up nobody; a record that is written or comes and goes meanwhile may count or not.
    fn survey(
        &self,
        question: &Question,
        now: Timestamp,
    ) -> impl Future<Output = Result<Census>> + Send;
}

/// Which records are meant, and whether more is asked than how many there are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// Those that began then or later.
    pub created_from: Timestamp,
    /// Those that began then or before.
    pub created_by: Timestamp,
    /// Those that were used last then or before.
    pub seen_by: Timestamp,
    /// Those that are over then or before, unless they are used.
    pub ends_by: Timestamp,
    /// How they are sorted; without it they are counted only.
    pub steps: Option<Steps>,
}

/// Where the classes of a census begin, each list in rising order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Steps {
    /// By how long a record was not used: a record that was not used for the first of them is in the second class.
    pub idle: Vec<Duration>,
    /// By the length of the payload in bytes.
    pub size: Vec<u64>,
}

/// What came of a survey. All but the first two are told only of a question with [`Steps`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Census {
    /// How many there are.
    pub sessions: u64,
    /// How many more there are that cannot be read.
    pub unreadable: u64,
    /// How many of them have a subject.
    pub with_subject: u64,
    /// The length of all payloads together.
    pub bytes: u64,
    /// The length of the longest payload.
    pub largest: u64,
    /// When the oldest began.
    pub oldest: Option<Timestamp>,
    /// How many were not used for so long, class by class: one more than there are steps.
    pub idle: Vec<u64>,
    /// How many are so large, class by class: one more than there are steps.
    pub size: Vec<u64>,
}

/// What of a record counts.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Outline {
    /// When the session began.
    pub created: Timestamp,
    /// When it was used last.
    pub seen: Timestamp,
    /// When it ends unless it is used.
    pub ends: Timestamp,
    /// Whether it has a subject.
    pub has_subject: bool,
    /// The length of its payload.
    pub size: u64,
}

impl Question {
    /// All of them, counted.
    pub fn all() -> Self {
        Self {
            created_from: Timestamp::from_millis(i64::MIN),
            created_by: Timestamp::MAX,
            seen_by: Timestamp::MAX,
            ends_by: Timestamp::MAX,
            steps: None,
        }
    }

    /// The same, sorted.
    #[must_use = "this answers another question"]
    pub fn sorted(mut self, idle: Vec<Duration>, size: Vec<u64>) -> Self {
        self.steps = Some(Steps { idle, size });
        self
    }

    /// Whether a living record is meant.
    pub fn admits(&self, outline: &Outline) -> bool {
        self.created_from <= outline.created
            && outline.created <= self.created_by
            && outline.seen <= self.seen_by
            && outline.ends <= self.ends_by
    }
}

impl Outline {
    /// Of a record whose instants, subject and length these are.
    pub fn new(
        created: Timestamp,
        seen: Timestamp,
        ends: Timestamp,
        has_subject: bool,
        size: u64,
    ) -> Self {
        Self {
            created,
            seen,
            ends,
            has_subject,
            size,
        }
    }

    /// Of a record that is at hand.
    pub fn of(record: &Record) -> Self {
        let size = record.payload.len() as u64;
        let has_subject = record.subject.is_some();
        Self::new(
            record.created,
            record.seen,
            record.deadline(),
            has_subject,
            size,
        )
    }
}

impl Census {
    /// Of nothing yet.
    pub fn begin(question: &Question) -> Self {
        let classes = |steps: usize| vec![0; steps + 1];
        let steps = question.steps.as_ref();
        Self {
            idle: steps.map_or_else(Vec::new, |steps| classes(steps.idle.len())),
            size: steps.map_or_else(Vec::new, |steps| classes(steps.size.len())),
            ..Self::default()
        }
    }

    /// Counts a living record, if it is meant.
    pub fn meet(&mut self, question: &Question, outline: &Outline, now: Timestamp) {
        if outline.ends <= now || !question.admits(outline) {
            return;
        }
        self.sessions += 1;
        let Some(steps) = &question.steps else {
            return;
        };
        let Outline { created, size, .. } = *outline;
        self.with_subject += u64::from(outline.has_subject);
        self.bytes += size;
        self.largest = self.largest.max(size);
        self.oldest = Some(self.oldest.map_or(created, |oldest| oldest.min(created)));
        let idle = now.since(outline.seen);
        self.idle[steps.idle.partition_point(|step| *step <= idle)] += 1;
        self.size[steps.size.partition_point(|step| *step <= size)] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(10_000);

    fn outline(seen: i64, size: u64) -> Outline {
        let at = Timestamp::from_millis;
        Outline::new(at(1_000), at(seen), at(20_000), size > 10, size)
    }

    #[test]
    fn a_record_is_in_the_class_whose_step_it_has_reached() {
        let question = Question::all().sorted(vec![Duration::from_secs(1)], vec![10, 20]);
        let mut census = Census::begin(&question);
        for (seen, size) in [(9_001, 9), (9_000, 10), (11_000, 20), (0, 21)] {
            census.meet(&question, &outline(seen, size), NOW);
        }
        assert_eq!((census.sessions, census.with_subject), (4, 2));
        assert_eq!(census.idle, [2, 2]);
        assert_eq!(census.size, [1, 1, 2]);
        assert_eq!((census.bytes, census.largest), (60, 21));
        assert_eq!(census.oldest, Some(Timestamp::from_millis(1_000)));
    }

    #[test]
    fn what_is_over_or_not_meant_does_not_count() {
        let at = Timestamp::from_millis;
        let met = |question: &Question, now| {
            let mut census = Census::begin(question);
            census.meet(question, &outline(2_000, 1), now);
            census.sessions
        };
        assert_eq!(met(&Question::all(), NOW), 1);
        assert_eq!(met(&Question::all(), at(20_000)), 0);
        let narrow: [fn(&mut Question, Timestamp); 4] = [
            |question, at| question.created_by = at,
            |question, at| question.seen_by = at,
            |question, at| question.ends_by = at,
            |question, at| {
                question.created_from = Timestamp::from_millis(22_000 - at.as_millis());
            },
        ];
        for (place, (narrow, admitted)) in narrow
            .iter()
            .zip([1_000, 2_000, 20_000, 21_000])
            .enumerate()
        {
            let mut question = Question::all();
            narrow(&mut question, at(admitted));
            assert_eq!(met(&question, NOW), 1, "condition {place}");
            narrow(&mut question, at(admitted - 1));
            assert_eq!(met(&question, NOW), 0, "condition {place}");
        }
    }
}
