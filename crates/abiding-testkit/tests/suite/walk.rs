//! Random walks over the memory store, and over stores whose flaw a walk must find.

use abiding::MemoryStore;
use abiding_testkit::walk;

use crate::flawed::{Flaw, Flawed};

#[test]
fn ten_thousand_histories_in_memory_break_no_promise() {
    let tally =
        walk::run(10_000, 1, MemoryStore::new).unwrap_or_else(|failure| panic!("{failure}"));
    for (seldom, what) in [
        (tally.acknowledged, "acknowledged"),
        (tally.cookies, "cookies"),
        (tally.cut_off, "cut off"),
        (tally.failed, "failed"),
        (tally.gone, "gone"),
        (tally.sign_ins, "sign-ins"),
        (tally.sign_outs, "sign-outs"),
        (tally.subjects_ended, "subjects ended"),
    ] {
        assert!(seldom > 1_000, "{what} was hardly tried: {tally:?}");
    }
}

#[test]
fn a_store_without_a_flaw_passes() {
    walk::run(1_000, 1, || Flawed::with(Flaw::None)).unwrap_or_else(|failure| panic!("{failure}"));
}

/// A walk that cannot fail proves nothing.
#[test]
fn a_walk_finds_the_flaws_that_requests_can_meet() {
    for (flaw, broken) in [
        (
            Flaw::AliasesForever,
            "answers after the grace of its rotation",
        ),
        (Flaw::CommitsInTwoSteps, "was acknowledged and is lost"),
        (Flaw::DeletesTheAliasOnly, "answers that was ended"),
        (Flaw::IgnoresVersions, "the counter is"),
        (
            Flaw::LivesOneMillisecondTooLong,
            "answers after the grace of its rotation",
        ),
        (Flaw::Resurrects, "answers that was ended"),
        (Flaw::RotationsCopy, "the counter is"),
        (
            Flaw::SweepsByTheFirstDeadline,
            "although nobody ended or moved its session",
        ),
        (
            Flaw::ThawsSnapshots,
            "from before the sign-in reaches the session",
        ),
        (Flaw::TouchesRevive, "token"),
        (Flaw::UpsertsTheWhole, "was acknowledged and is lost"),
    ] {
        let failure =
            walk::run(2_000, 1, || Flawed::with(flaw)).expect_err("the flaw was not found");
        assert!(
            failure.broken.contains(broken),
            "{flaw:?} shows as: {failure}"
        );
        let again =
            walk::run(1, failure.seed, || Flawed::with(flaw)).expect_err("a replay differs");
        assert_eq!(again.transcript.len(), failure.transcript.len(), "{flaw:?}");
    }
}
