//! Five applications whose visitors lost their sessions, as they were and repaired. Secrets are made up.
//!
//! Each lies in a folder of `stories`, its stages one after the other and what it should be like in `repaired`.
#![cfg(feature = "tree")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use abiding_doctor::{Facts, Report, Silences, examine};

/// What each is known to have wrong.
const STORIES: &[(&str, &[&str])] = &[
    (
        "0-membership",
        &[
            "D09", "D13", "D17", "D18", "D19", "D20", "D32", "D33", "D39",
        ],
    ),
    (
        "1-organizer",
        &[
            "D01", "D02", "D13", "D14", "D15", "D16", "D26", "D29", "D30", "D39", "D40", "D42",
        ],
    ),
    ("2-platforms", &["D11", "D21", "D22", "D26", "D41"]),
    (
        "3-organizer-on-cookies",
        &["D02", "D03", "D09", "D21", "D22", "D26", "D27", "D28"],
    ),
    (
        "4-one-time-code",
        &[
            "D04", "D05", "D06", "D08", "D10", "D12", "D13", "D21", "D22", "D23", "D24", "D25",
            "D31",
        ],
    ),
];

fn folder(story: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/stories")
        .join(story)
}

fn report_on(path: &Path) -> Report {
    let facts = Facts::of_tree(path).expect("the story is there");
    let facts = facts.at(1_795_219_200);
    examine(&facts, &Silences::default())
}

#[test]
fn every_story_is_told_at_least_what_is_wrong_in_it() {
    for (story, wrong) in STORIES {
        let stages = fs::read_dir(folder(story))
            .unwrap()
            .map(|stage| stage.unwrap().path());
        let stages = stages.filter(|stage| !stage.ends_with("repaired"));
        let found: BTreeSet<_> = stages
            .flat_map(|stage| {
                report_on(&stage)
                    .findings()
                    .iter()
                    .map(|finding| finding.rule.id)
                    .collect::<Vec<_>>()
            })
            .collect();
        let missed: Vec<_> = wrong.iter().filter(|id| !found.contains(**id)).collect();
        assert!(
            missed.is_empty(),
            "{story}: {missed:?} not found among {found:?}"
        );
    }
}

#[test]
fn nothing_is_found_where_a_story_was_repaired() {
    for (story, _) in STORIES {
        let report = report_on(&folder(story).join("repaired"));
        assert!(report.findings().is_empty(), "{story}: {report}");
        assert_eq!(report.exit_code(), 0);
    }
}
