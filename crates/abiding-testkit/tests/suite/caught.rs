//! Every flaw breaks a promise, and a store without one breaks none.

use std::panic::{AssertUnwindSafe, catch_unwind};

use abiding_testkit::{Crowd, block_on, conformance};

use crate::flawed::{Flaw, Flawed};

macro_rules! broken {
    ($module:ident, [$flaw:expr], [$($promise:ident)*], [$($race:ident)*]) => {
        [
            $((stringify!($promise), catch_unwind(AssertUnwindSafe(|| {
                block_on(conformance::$module::$promise(&Flawed::with($flaw)))
            }))),)*
            $((stringify!($race), catch_unwind(AssertUnwindSafe(|| {
                block_on(conformance::$module::$race(&Flawed::with($flaw), Crowd::in_one_task()))
            }))),)*
        ]
        .into_iter()
        .filter(|(_, outcome)| outcome.is_err())
        .map(|(promise, _)| promise)
    };
}

/// The promises that a store with this flaw breaks.
fn broken_by(flaw: Flaw) -> Vec<&'static str> {
    let mut promises = vec![];
    promises.extend(abiding_testkit::promises!(cancel, [broken], [flaw]));
    promises.extend(abiding_testkit::promises!(commit, [broken], [flaw]));
    promises.extend(abiding_testkit::promises!(create, [broken], [flaw]));
    promises.extend(abiding_testkit::promises!(delete, [broken], [flaw]));
    promises.extend(abiding_testkit::promises!(load, [broken], [flaw]));
    promises.extend(abiding_testkit::promises!(race, [broken], [flaw]));
    promises.extend(abiding_testkit::promises!(rotate, [broken], [flaw]));
    promises.extend(abiding_testkit::promises!(scan, [broken], [flaw]));
    promises.extend(abiding_testkit::promises!(subjects, [broken], [flaw]));
    promises.extend(abiding_testkit::promises!(sweep, [broken], [flaw]));
    promises.extend(abiding_testkit::promises!(touch, [broken], [flaw]));
    promises.extend(abiding_testkit::promises!(watch, [broken], [flaw]));
    promises
}

#[test]
fn a_store_without_a_flaw_breaks_no_promise() {
    assert_eq!(broken_by(Flaw::None), [""; 0]);
}

#[test]
fn every_flaw_breaks_the_promise_that_forbids_it() {
    for (flaw, promise) in [
        (
            Flaw::AliasesForever,
            "rotate_leaves_an_alias_until_exactly_its_instant",
        ),
        (
            Flaw::ChecksThenCreates,
            "of_concurrent_creates_exactly_one_wins",
        ),
        (
            Flaw::CommitsInTwoSteps,
            "a_dropped_commit_leaves_the_whole_change_or_none",
        ),
        (
            Flaw::DeafToMoves,
            "watching_completes_when_the_record_moves",
        ),
        (
            Flaw::DeletesTheAliasOnly,
            "delete_through_an_alias_ends_the_record_and_its_aliases",
        ),
        (
            Flaw::ErrorsErase,
            "commit_of_an_erring_change_changes_nothing",
        ),
        (Flaw::FarewellsLive, "nothing_revives_what_left_a_farewell"),
        (
            Flaw::IgnoresVersions,
            "concurrent_increments_of_the_version_that_was_read_are_exact",
        ),
        (
            Flaw::LivesOneMillisecondTooLong,
            "loading_an_ended_record_returns_none",
        ),
        (Flaw::RotationsCopy, "concurrent_rotations_leave_no_orphan"),
        (
            Flaw::RoundsToSeconds,
            "loading_an_ended_record_returns_none",
        ),
        (
            Flaw::Resurrects,
            "commits_that_race_with_a_delete_revive_nothing",
        ),
        (
            Flaw::ScansWithoutOrder,
            "scan_walks_over_every_living_record_in_the_order_of_the_keys",
        ),
        (
            Flaw::SubjectsAreSetOnce,
            "a_commit_that_changes_the_subject_moves_the_session_in_the_index",
        ),
        (
            Flaw::SweepsByTheFirstDeadline,
            "sweep_goes_by_the_deadline_as_it_was_moved",
        ),
        (
            Flaw::SweepsOnce,
            "sweep_removes_what_ended_in_bounded_calls",
        ),
        (
            Flaw::TellsOfChanges,
            "watching_goes_on_while_the_record_is_changed_and_touched",
        ),
        (
            Flaw::ThawsSnapshots,
            "commit_to_a_snapshot_is_gone_and_changes_nothing",
        ),
        (Flaw::TouchesBackwards, "touch_never_moves_a_deadline_back"),
        (Flaw::TouchesRevive, "touch_revives_nothing"),
        (
            Flaw::UpsertsTheWhole,
            "fifty_concurrent_commits_keep_fifty_keys",
        ),
    ] {
        let broken = broken_by(flaw);
        assert!(broken.contains(&promise), "{flaw:?} breaks only {broken:?}");
    }
}
