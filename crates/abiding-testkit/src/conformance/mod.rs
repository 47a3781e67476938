//! The promises of a session store, one function each, named as the sentence that it proves.
//!
//! They are the sentences in the documentation of [`abiding::Store`] and of the optional powers. Every
//! function takes any store, makes records under fresh random keys, says what time it is, and panics
//! where a promise is broken: it needs no empty store, no clock and no runtime, so many of them may
//! share one server. [`conformance!`](crate::conformance!) makes a test of each.

pub mod bulk;
pub mod cancel;
pub mod commit;
pub mod create;
pub mod delete;
pub mod load;
mod probe;
pub mod race;
pub mod rotate;
pub mod scan;
pub mod subjects;
pub mod survey;
pub mod sweep;
pub mod touch;
pub mod watch;

/// Makes one `#[test]` of every promise, for one store.
///
/// `store` is evaluated for every test, inside an `async` block: it may `.await` a connection, and
/// `return` where there is nothing to test against. `powers` names the optional traits that the store
/// has. `block_on` is what runs a future; a store that belongs to a runtime names a function that
/// blocks on one multi-threaded runtime of the whole test program.
///
/// ```
/// # mod tests {
/// abiding_testkit::conformance! {
///     store: abiding::MemoryStore::new(),
///     powers: [bulk, scan, subjects, survey, sweep, watch],
///     block_on: abiding_testkit::block_on,
/// }
/// # }
/// ```
#[macro_export]
macro_rules! conformance {
    (store: $store:expr $(, powers: [$($power:ident),* $(,)?])? $(,)?) => {
        $crate::conformance! {
            store: $store,
            powers: [$($($power),*)?],
            block_on: $crate::block_on,
        }
    };
    (store: $store:expr, powers: [$($power:ident),* $(,)?], block_on: $run:expr $(,)?) => {
        $crate::promises!(cancel, [$crate::tests], [$store, $run]);
        $crate::promises!(commit, [$crate::tests], [$store, $run]);
        $crate::promises!(create, [$crate::tests], [$store, $run]);
        $crate::promises!(delete, [$crate::tests], [$store, $run]);
        $crate::promises!(load, [$crate::tests], [$store, $run]);
        $crate::promises!(race, [$crate::tests], [$store, $run]);
        $crate::promises!(rotate, [$crate::tests], [$store, $run]);
        $crate::promises!(touch, [$crate::tests], [$store, $run]);
        $($crate::promises!($power, [$crate::tests], [$store, $run]);)*
    };
}

/// Makes the tests of one module of promises.
#[doc(hidden)]
#[macro_export]
macro_rules! tests {
    ($module:ident, [$store:expr, $run:expr], [$($promise:ident)*], [$($race:ident)*]) => {
        mod $module {
            #[allow(unused_imports, reason = "the store may be named by its full path")]
            use super::*;

            $(#[test]
            fn $promise() {
                ($run)(async {
                    let store = $store;
                    $crate::conformance::$module::$promise(&store).await
                })
            })*

            $(mod $race {
                #[allow(unused_imports, reason = "the store may be named by its full path")]
                use super::*;

                #[test]
                fn in_one_task() {
                    ($run)(async {
                        let store = $store;
                        let crowd = $crate::Crowd::in_one_task();
                        $crate::conformance::$module::$race(&store, crowd).await
                    })
                }

                #[test]
                fn on_threads() {
                    ($run)(async {
                        let store = $store;
                        let crowd = $crate::Crowd::on_threads(&|future| ($run)(future));
                        $crate::conformance::$module::$race(&store, crowd).await
                    })
                }
            })*
        }
    };
}

/// Hands the names of one module's promises, those of one and those of a crowd, to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! promises {
    (bulk, [$($with:tt)+], $arguments:tt) => {
        $($with)+! {
            bulk, $arguments,
            [
                create_all_adds_every_record_whose_key_is_free
                replace_all_puts_each_in_the_place_of_what_was_found
                replace_all_leaves_alone_what_is_not_as_it_was_found
                what_takes_more_than_one_message_is_written_as_a_little_is
                what_was_replaced_is_changed_as_any_record
            ],
            []
        }
    };
    (cancel, [$($with:tt)+], $arguments:tt) => {
        $($with)+! {
            cancel, $arguments,
            [
                a_dropped_create_leaves_the_whole_record_or_none
                a_dropped_commit_leaves_the_whole_change_or_none
                a_dropped_touch_moves_the_deadline_or_does_not
                a_dropped_rotation_moves_the_whole_record_or_leaves_it
                a_dropped_delete_ends_the_record_or_leaves_it
            ],
            []
        }
    };
    (commit, [$($with:tt)+], $arguments:tt) => {
        $($with)+! {
            commit, $arguments,
            [
                commit_merges_what_it_sets_and_removes
                commit_with_any_version_keeps_what_others_wrote
                commit_of_a_clear_removes_every_key
                commit_of_the_version_that_was_read_goes_in
                commit_of_another_version_is_stale_and_changes_nothing
                commit_raises_the_version
                commit_to_a_record_that_is_gone_creates_nothing
                commit_to_a_snapshot_is_gone_and_changes_nothing
                commit_moves_the_idle_deadline
                commit_moves_the_absolute_deadline_where_the_change_says
                commit_of_an_erring_change_changes_nothing
                commit_follows_an_alias
            ],
            []
        }
    };
    (create, [$($with:tt)+], $arguments:tt) => {
        $($with)+! {
            create, $arguments,
            [
                create_adds_the_record_with_every_field
                create_refuses_an_existing_key
                create_refuses_the_key_of_an_ended_record
                create_refuses_the_key_of_an_alias_or_snapshot
                create_keeps_any_payload_byte_for_byte
            ],
            []
        }
    };
    (delete, [$($with:tt)+], $arguments:tt) => {
        $($with)+! {
            delete, $arguments,
            [
                delete_ends_the_record
                delete_of_an_absent_or_ended_record_is_absent
                delete_frees_the_key_of_an_ended_record
                delete_through_an_alias_ends_the_record_and_its_aliases
                delete_of_the_record_leaves_its_aliases_without_an_end
                delete_of_a_snapshot_ends_the_snapshot_only
                delete_leaves_a_farewell_where_the_record_was
                delete_leaves_no_farewell_where_there_was_no_record
                nothing_revives_what_left_a_farewell
                nothing_revives_a_deleted_record
            ],
            []
        }
    };
    (load, [$($with:tt)+], $arguments:tt) => {
        $($with)+! {
            load, $arguments,
            [
                loading_an_absent_record_returns_none
                loading_an_ended_record_returns_none
                loading_finds_a_record_that_lives_for_a_year
                loading_changes_nothing
                loading_survives_a_clock_that_jumps_back
                loading_through_an_alias_tells_where_the_record_lies
            ],
            []
        }
    };
    (race, [$($with:tt)+], $arguments:tt) => {
        $($with)+! {
            race, $arguments,
            [],
            [
                fifty_concurrent_commits_keep_fifty_keys
                concurrent_increments_of_the_version_that_was_read_are_exact
                of_concurrent_commits_to_one_version_exactly_one_goes_in
                of_concurrent_creates_exactly_one_wins
                commits_that_race_with_a_delete_revive_nothing
                concurrent_rotations_keep_one_record_with_every_change
                of_concurrent_sign_ins_exactly_one_moves_the_record
                commits_that_race_with_a_rotation_are_kept
                a_delete_that_races_with_a_rotation_ends_the_record
            ]
        }
    };
    (rotate, [$($with:tt)+], $arguments:tt) => {
        $($with)+! {
            rotate, $arguments,
            [
                rotate_moves_the_record_and_commits_the_change
                rotate_leaves_an_alias_until_exactly_its_instant
                an_alias_that_is_over_leads_nowhere
                an_alias_does_not_outlive_the_record
                rotate_leaves_a_frozen_snapshot_until_exactly_its_instant
                a_snapshot_does_not_outlive_the_record_that_it_shows
                an_alias_leads_to_the_snapshot_behind_it
                rotate_refuses_a_taken_key_and_changes_nothing
                rotate_of_another_version_is_stale_and_changes_nothing
                rotate_of_a_record_that_is_gone_creates_nothing
                rotate_with_an_erring_change_changes_nothing
                rotate_through_an_alias_moves_what_the_first_one_moved
                a_chain_of_rotations_within_the_grace_is_followed
            ],
            []
        }
    };
    (scan, [$($with:tt)+], $arguments:tt) => {
        $($with)+! {
            scan, $arguments,
            [
                scan_walks_over_every_living_record_in_the_order_of_the_keys
                scan_skips_ended_records_aliases_and_snapshots
                scan_sees_what_lives_throughout_while_others_come_and_go
            ],
            [
                concurrent_rotations_leave_no_orphan
            ]
        }
    };
    (subjects, [$($with:tt)+], $arguments:tt) => {
        $($with)+! {
            subjects, $arguments,
            [
                sessions_of_a_subject_come_most_recently_seen_first
                ended_sessions_are_not_listed
                a_farewell_belongs_to_no_subject
                a_commit_that_changes_the_subject_moves_the_session_in_the_index
                a_commit_that_says_nothing_of_the_subject_keeps_it
                a_rotated_session_is_listed_once_under_its_new_key
                a_rotation_that_gives_a_subject_lists_the_session
                end_subject_ends_all_but_one
                end_subject_excepts_the_record_that_an_alias_leads_to
                end_subject_excepts_nothing_for_a_key_that_is_not_theirs
                end_subject_counts_the_living_only
                end_subject_ends_snapshots_and_aliases
            ],
            [
                a_rotation_that_races_with_end_subject_saves_nothing
                end_subject_spares_the_excepted_one_while_it_is_rotated
            ]
        }
    };
    (survey, [$($with:tt)+], $arguments:tt) => {
        $($with)+! {
            survey, $arguments,
            [
                survey_counts_the_living_records_that_are_meant
                survey_counts_no_ended_records_aliases_and_snapshots
                survey_sorts_by_idle_time_and_size
                survey_counts_as_a_record_is_now
            ],
            []
        }
    };
    (sweep, [$($with:tt)+], $arguments:tt) => {
        $($with)+! {
            sweep, $arguments,
            [
                sweep_removes_what_ended_in_bounded_calls
                sweep_never_removes_a_living_record
                sweep_goes_by_the_deadline_as_it_was_moved
                sweep_removes_aliases_and_snapshots_that_are_over
                sweep_removes_farewells_that_are_over
            ],
            [
                sweep_works_while_writes_go_on
            ]
        }
    };
    (touch, [$($with:tt)+], $arguments:tt) => {
        $($with)+! {
            touch, $arguments,
            [
                touch_moves_the_idle_deadline_and_keeps_the_rest
                touch_never_moves_a_deadline_back
                touch_never_outlives_the_absolute_deadline
                touch_revives_nothing
                touch_of_a_snapshot_is_gone_and_moves_nothing
                touch_follows_an_alias
            ],
            []
        }
    };
    (watch, [$($with:tt)+], $arguments:tt) => {
        $($with)+! {
            watch, $arguments,
            [
                watching_completes_when_the_record_ends
                watching_completes_when_the_record_moves
                watching_completes_when_the_sessions_of_the_subject_end
                watching_goes_on_while_the_record_is_changed_and_touched
            ],
            []
        }
    };
}

#[cfg(test)]
mod tests {
    /// A promise that nobody lists would be compiled and never tested.
    #[test]
    fn every_promise_is_listed() {
        let listed = include_str!("mod.rs");
        let modules = [
            include_str!("bulk.rs"),
            include_str!("cancel.rs"),
            include_str!("commit.rs"),
            include_str!("create.rs"),
            include_str!("delete.rs"),
            include_str!("load.rs"),
            include_str!("race.rs"),
            include_str!("rotate.rs"),
            include_str!("scan.rs"),
            include_str!("subjects.rs"),
            include_str!("survey.rs"),
            include_str!("sweep.rs"),
            include_str!("touch.rs"),
            include_str!("watch.rs"),
        ];
        for line in modules.iter().flat_map(|module| module.lines()) {
            let Some(rest) = line.strip_prefix("pub async fn ") else {
                continue;
            };
            let (promise, _) = rest
                .split_once('<')
                .expect("a promise is generic over the store");
            let is_listed = |listed: &str| listed.trim() == promise;
            assert!(
                listed.lines().any(is_listed),
                "{promise} is in no list of `promises!`"
            );
        }
    }
}
