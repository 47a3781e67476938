//! Secrets that were committed and are gone, in repositories that `git` itself makes.
#![cfg(feature = "tree")]

use std::{fs, path::Path, process::Command};

use abiding_doctor::{Facts, Report, Silences, examine};
use abiding_testkit::servers::{Folder, Need};

const GIT: Need = Need::new("git", &["git"], "git");

const SECRET: &str = "4c1e1b6e0f5c9a37b2d8f2a4a6f7d0935d1c2ce78e9b";

/// A repository in a folder of its own.
struct Repository(Folder);

impl Repository {
    fn new() -> Option<Self> {
        GIT.find()?;
        let repository = Self(Folder::new("history"));
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        Some(repository)
    }

    /// Without the settings of whoever runs the tests.
    fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.path()).args(arguments);
        for (name, value) in [
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "shop"),
            ("GIT_AUTHOR_EMAIL", "shop@example.com"),
            ("GIT_COMMITTER_NAME", "shop"),
            ("GIT_COMMITTER_EMAIL", "shop@example.com"),
        ] {
            command.env(name, value);
        }
        let status = command.status().expect("git starts");
        assert!(status.success(), "{arguments:?}");
    }

    /// Commits all files after having written this one.
    fn commit(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        let folder = path.parent().expect("it lies in the repository");
        fs::create_dir_all(folder).expect("it can be made");
        fs::write(path, text).expect("it can be written");
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "as it was"]);
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn report(&self, below: &str) -> Report {
        let place = self.path().join(below);
        let facts = Facts::of_tree(&place).expect("it is there");
        examine(
            &facts.merge(Facts::of_history(&place)),
            &Silences::default(),
        )
    }
}

fn with(secret: &str) -> String {
    format!("from flask import Flask\nSECRET_KEY = {secret}\n")
}

/// Which rules of secrets in a repository are broken, and where.
fn found(report: &Report) -> Vec<String> {
    let findings = report.findings().iter();
    findings
        .filter(|finding| matches!(finding.rule.id, "D44" | "DR-4"))
        .map(|finding| format!("{} {}", finding.rule.id, finding.origin))
        .collect()
}

#[test]
fn a_secret_that_was_taken_out_later_is_found_in_the_history() {
    let Some(repository) = Repository::new() else {
        return;
    };
    repository.commit("shop/config.py", &with(&format!("'{SECRET}'")));
    repository.commit("shop/config.py", &with("os.environ['SECRET_KEY']"));
    repository.commit(
        "shop/config.py",
        &format!("# moved\n{}", with("os.environ['SECRET_KEY']")),
    );
    for (below, expected) in [
        ("", "D44 shop/config.py:2"),
        ("shop", "D44 config.py:2"),
        ("shop/config.py", "D44 config.py:2"),
    ] {
        let report = repository.report(below);
        assert_eq!(found(&report), [expected], "{below}: {report}");
        let text = report.to_string();
        assert!(text.contains("its history (3 commits)"), "{text}");
        assert!(!text.contains(SECRET) && !report.to_json().contains(SECRET));
    }
    // The same one in a file that is not committed: still the application's.
    fs::write(repository.path().join(".gitignore"), ".env\n").unwrap();
    fs::write(
        repository.path().join(".env"),
        format!("SECRET_KEY={SECRET}\n"),
    )
    .unwrap();
    assert_eq!(found(&repository.report("")), ["DR-4 shop/config.py:2"]);
}

#[test]
fn a_secret_on_a_branch_that_was_merged_without_it_is_found() {
    let Some(repository) = Repository::new() else {
        return;
    };
    repository.commit("app.py", "import flask\n");
    repository.git(&["switch", "--quiet", "--create", "side"]);
    repository.commit(".env", &format!("SECRET_KEY={SECRET}\n"));
    fs::remove_file(repository.path().join(".env")).unwrap();
    repository.commit("app.py", "import flask # side\n");
    repository.git(&["switch", "--quiet", "main"]);
    repository.git(&["merge", "--quiet", "--squash", "side"]);
    repository.git(&["commit", "--quiet", "--message", "side"]);
    assert_eq!(found(&repository.report("")), ["D44 .env:1"]);
    // Nobody has the branch any more, and no other one leads to its commits.
    repository.git(&["branch", "--quiet", "-D", "side"]);
    assert!(found(&repository.report("")).is_empty());
}

#[test]
fn a_history_without_a_secret_breaks_nothing() {
    let Some(repository) = Repository::new() else {
        return;
    };
    assert!(found(&repository.report("")).is_empty(), "no commit yet");
    repository.commit("app.py", &with("'dev'"));
    repository.commit("tests/app.py", &with(&format!("'{SECRET}'")));
    repository.commit("vendor/app.py", &with(&format!("'{SECRET}'")));
    fs::remove_dir_all(repository.path().join("tests")).unwrap();
    fs::remove_dir_all(repository.path().join("vendor")).unwrap();
    repository.commit("app.py", &with("os.environ['SECRET_KEY']"));
    assert!(found(&repository.report("")).is_empty());
}

#[test]
fn a_clone_without_its_older_commits_is_told_so() {
    let Some(repository) = Repository::new() else {
        return;
    };
    repository.commit("app.py", &with(&format!("'{SECRET}'")));
    repository.commit("app.py", &with("os.environ['SECRET_KEY']"));
    let clone = Folder::new("history");
    let (from, to) = (
        format!("file://{}", repository.path().display()),
        clone.path().join("clone").display().to_string(),
    );
    repository.git(&["clone", "--quiet", "--depth=1", &from, &to]);
    let facts = Facts::of_history(Path::new(&to));
    let report = examine(&facts, &Silences::default());
    assert!(found(&report).is_empty());
    assert!(
        report.to_string().contains("the clone is shallow"),
        "{report}"
    );
}
