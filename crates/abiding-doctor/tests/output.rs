//! What a report looks like: for people, as JSON, as SARIF. The golden files are written anew with `ABIDING_WRITE_GOLDEN=1`.
#![cfg(feature = "tree")]

use std::{env, fs, path::Path};

use abiding_doctor::{Facts, Report, Silences, examine};
use serde_json::Value;

const SILENCES: &str = r#"
[[silence]]
rule = "D39"
reason = "nobody signs out of it"

[[silence]]
rule = "D13"
path = "somewhere/else.py"
reason = "kept for the test"
"#;

/// Tests run in the folder of their crate, so paths are the same on each machine.
fn report() -> Report {
    let facts = Facts::of_tree(Path::new("tests/stories/1-organizer/original"));
    let facts = facts.expect("the story is there");
    examine(
        &facts.at(1_795_219_200),
        &Silences::parse(SILENCES).expect("they are sound"),
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test program reads its own environment"
)]
fn check(name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let path = folder.join(name);
    if env::var_os("ABIDING_WRITE_GOLDEN").is_some() {
        fs::write(&path, text).expect("the folder is there");
    }
    assert_eq!(
        text,
        fs::read_to_string(&path).expect("the file is there"),
        "{name}"
    );
}

#[test]
fn people_read_what_why_and_the_remedy() {
    check("report.txt", &report().to_string());
}

#[test]
fn json_has_what_people_read() {
    let json = report().to_json();
    assert_eq!(json.lines().count(), 1);
    let json: Value = serde_json::from_str(&json).unwrap();
    check("report.json", &format!("{json:#}\n"));
    assert_eq!(
        json["findings"].as_array().unwrap().len(),
        report().findings().len()
    );
    assert_eq!(json["timeouts"]["idle_seconds"], 604_800.0);
    assert_eq!(json["silenced"][0]["reason"], "nobody signs out of it");
}

#[test]
fn the_exit_code_is_that_of_the_worst_finding() {
    assert_eq!(report().exit_code(), 7);
    let warned = Facts::of_application(
        r#"{"interface": "flask_session.X", "settings": {"SESSION_COOKIE_SECURE": true, "SESSION_COOKIE_SAMESITE": "Lax", "PERMANENT_SESSION_LIFETIME": 60}}"#,
    );
    let warned = examine(&warned.unwrap(), &Silences::default());
    assert_eq!(warned.exit_code(), 1, "{warned}");
    let nothing = examine(&Facts::default(), &Silences::default());
    assert_eq!((nothing.exit_code(), nothing.worst()), (0, None));
}

/// What SARIF 2.1.0 requires of a log: sections 3.13, 3.14, 3.19, 3.27, 3.29, 3.35, 3.49 of the standard.
#[test]
fn a_sarif_log_has_what_the_standard_requires() {
    let sarif = report().to_sarif();
    let log: Value = serde_json::from_str(&sarif).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().contains("sarif-2.1.0"));
    let [run] = &log["runs"].as_array().unwrap()[..] else {
        panic!("one run");
    };
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "abiding doctor");
    let rules = driver["rules"].as_array().unwrap();
    let levels = ["none", "note", "warning", "error"];
    for rule in rules {
        assert!(rule["id"].is_string());
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(!rule[text]["text"].as_str().unwrap().is_empty());
        }
        assert!(levels.contains(&rule["defaultConfiguration"]["level"].as_str().unwrap()));
    }
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), report().findings().len() + 1);
    let mut suppressed = 0;
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(levels.contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(!uri.starts_with('/') && !uri.contains(['\\', ' ']), "{uri}");
        assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
        if let Some(suppressions) = result.get("suppressions") {
            assert_eq!(suppressions[0]["kind"], "external");
            suppressed += 1;
        }
    }
    assert_eq!(suppressed, 1);
}
