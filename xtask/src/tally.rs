//! The tally of a test run: what every test binary said of itself, summed.
//! Fed with the lines that `cargo test` prints, it prints the one line that `cargo xtask test` ends with.

use std::fmt;

/// Tests passed and tests failed, over all binaries seen so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// The names of the failed tests, as their binaries print them.
    pub(crate) failures: Vec<String>,
}

impl Tally {
    /// Adds the counts of a `test result:` line, notes the name of a failed test, and leaves every other line alone.
    pub(crate) fn read(&mut self, line: &str) {
        let verdict = line.strip_prefix("test ");
        if let Some(name) = verdict.and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.failures.push(name.to_owned());
        }
        let Some(counts) = line.strip_prefix("test result: ") else {
            return;
        };
        self.passed += count(counts, " passed");
        self.failed += count(counts, " failed");
    }

    /// Adds the counts of the line that pytest ends with, notes the name of a failed test, and leaves every
    /// other line alone.
    pub(crate) fn read_pytest(&mut self, line: &str) {
        for verdict in ["FAILED ", "ERROR "] {
            if let Some(name) = line.strip_prefix(verdict) {
                let name = name.split(" - ").next().unwrap_or(name);
                self.failures.push(name.to_owned());
            }
        }
        let Some((counts, seconds)) = line.rsplit_once(" in ") else {
            return;
        };
        if !seconds.starts_with(|first: char| first.is_ascii_digit()) {
            return;
        }
        for part in counts.split(", ") {
            let Some((number, label)) = part.split_once(' ') else {
                continue;
            };
            let number: u64 = number.parse().unwrap_or(0);
            match label {
                "passed" => self.passed += number,
                "failed" | "error" | "errors" => self.failed += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, .. } = self;
        write!(f, "{passed} passed, {failed} failed")
    }
}

/// The number that stands before `label` in `ok. 12 passed; 0 failed; 0 ignored; …`.
fn count(counts: &str, label: &str) -> u64 {
    let number = counts
        .split(';')
        .find_map(|part| part.trim_end().strip_suffix(label))
        .and_then(|before| before.rsplit(' ').next());
    number.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pytest_says_is_summed_as_well() {
        let mut tally = Tally::default();
        for line in [
            "....F..                                   [100%]",
            "FAILED tests/test_session.py::test_a_thing - AssertionError: assert 1 in 2",
            "ERROR tests/test_other.py",
            "it took 3 passed in all",
            "1 failed, 6 passed, 2 skipped, 1 error in 61.20s (0:01:01)",
        ] {
            tally.read_pytest(line);
        }
        assert_eq!((tally.passed, tally.failed), (6, 2));
        let names = ["tests/test_session.py::test_a_thing", "tests/test_other.py"];
        assert_eq!(tally.failures, names);
    }

    #[test]
    fn results_are_summed_over_binaries_and_nothing_else_counts() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test a_test ... ok",
            "test store::keeps ... FAILED",
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s",
            "",
            "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 4 filtered out; finished in 1.5s",
            "said a test: 40 passed; 40 failed",
        ] {
            tally.read(line);
        }
        assert_eq!((tally.passed, tally.failed), (15, 2));
        assert_eq!(tally.failures, ["store::keeps"]);
        assert_eq!(tally.to_string(), "15 passed, 2 failed");
    }
}
