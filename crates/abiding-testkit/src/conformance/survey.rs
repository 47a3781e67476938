//! What [`Survey`] promises. Other records may lie in the same store: one's own began at an instant of their own.

use std::time::Duration;

use abiding::{
    Record, Timestamp,
    store::{Census, Leave, Question, Survey, sample},
};

use super::probe::{Probe, at, idling, no_error, record, record_until};

/// The conditions of a question hold together, each at its very instant.
pub async fn survey_counts_the_living_records_that_are_meant<S: Survey>(store: &S) {
    let (probe, began) = (Probe(store), an_instant());
    for _ in 0..30 {
        probe.put(&begun(began, record(&[]))).await;
    }
    let mut other = begun(began.after(MILLISECOND), record_until(50));
    other.seen = at(-7);
    probe.put(&other).await;
    let all = own(began);
    assert_eq!(count(store, &all, 0).await, 30);
    let mut both = all.clone();
    both.created_by = began.after(MILLISECOND);
    assert_eq!(count(store, &both, 0).await, 31);
    let mut unused = both.clone();
    unused.seen_by = at(-7);
    assert_eq!(count(store, &unused, 0).await, 1);
    unused.seen_by = at(-8);
    assert_eq!(count(store, &unused, 0).await, 0);
    let mut ending = both.clone();
    ending.ends_by = at(50);
    assert_eq!(count(store, &ending, 0).await, 1);
    ending.ends_by = at(49);
    assert_eq!(count(store, &ending, 0).await, 0);
}

/// Ended records, aliases and snapshots are no sessions.
pub async fn survey_counts_no_ended_records_aliases_and_snapshots<S: Survey>(store: &S) {
    let (probe, began) = (Probe(store), an_instant());
    let until = async |deadline| probe.put(&sample::record(began, at(deadline), &[])).await;
    until(10).await;
    until(11).await;
    probe.put(&begun(began, idling(10))).await;
    let deleted = until(100).await;
    probe.delete(&deleted, 0).await;
    let (alias, snapshot) = (until(100).await, until(100).await);
    probe.moved(&alias, Leave::Alias(at(100)), 0).await;
    probe.moved(&snapshot, Leave::Snapshot(at(100)), 0).await;
    assert_eq!(count(store, &own(began), 10).await, 3);
    assert_eq!(count(store, &own(began), 11).await, 2);
}

/// Each class begins at its step: what was not used for just that long, or has just that many bytes, is in it.
pub async fn survey_sorts_by_idle_time_and_size<S: Survey>(store: &S) {
    let (probe, began) = (Probe(store), an_instant());
    let mut bytes = 0;
    for (seen, size) in [(0, 10), (-999, 20), (-1_000, 30), (-5_000, 31)] {
        let mut record = begun(began, Record::new(vec![0; size], at(0), at(60_000)));
        record.seen = at(seen);
        record.subject = (size > 20).then(|| sample::subject("somebody who is counted"));
        bytes += size as u64;
        probe.put(&record).await;
    }
    let question = own(began).sorted(
        vec![Duration::from_secs(1), Duration::from_secs(5)],
        vec![20, 30],
    );
    let census = survey(store, &question, 0).await;
    assert_eq!(census.sessions, 4);
    assert_eq!(census.idle, [2, 1, 1]);
    assert_eq!(census.size, [1, 1, 2]);
    assert_eq!((census.bytes, census.largest), (bytes, 31));
    assert_eq!(census.with_subject, 2);
    assert_eq!(census.oldest, Some(began));
    let none = survey(store, &question, 60_000).await;
    assert_eq!((none.sessions, none.oldest), (0, None));
    assert_eq!(none.idle, [0, 0, 0]);
}

/// A touch counts at once.
pub async fn survey_counts_as_a_record_is_now<S: Survey>(store: &S) {
    let (probe, began) = (Probe(store), an_instant());
    let key = probe.put(&begun(began, idling(100))).await;
    let question = own(began).sorted(vec![Duration::from_millis(50)], vec![]);
    assert_eq!(survey(store, &question, 50).await.idle, [0, 1]);
    store
        .touch(&key, at(150), at(50))
        .await
        .expect("a touch succeeds");
    assert_eq!(survey(store, &question, 50).await.idle, [1, 0]);
    assert_eq!(survey(store, &question, 149).await.sessions, 1);
    assert_eq!(survey(store, &question, 150).await.sessions, 0);
}

async fn survey<S: Survey>(store: &S, question: &Question, now: i64) -> Census {
    let census = no_error("survey", store.survey(question, at(now)).await);
    assert_eq!(census.unreadable, 0, "something cannot be read");
    census
}

async fn count<S: Survey>(store: &S, question: &Question, now: i64) -> u64 {
    survey(store, question, now).await.sessions
}

/// An instant long ago at which no session of another test began.
fn an_instant() -> Timestamp {
    let [a, b, c, d, e, ..] = *sample::key().as_bytes();
    Timestamp::from_millis(-i64::from_be_bytes([0, 0, 0, a, b, c, d, e]) - 1)
}

fn begun(at: Timestamp, mut record: Record) -> Record {
    record.created = at;
    record
}

/// Those that began then.
fn own(began: Timestamp) -> Question {
    let mut question = Question::all();
    question.created_from = began;
    question.created_by = began;
    question
}

const MILLISECOND: Duration = Duration::from_millis(1);
