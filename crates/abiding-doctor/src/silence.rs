//! Rules that a project has decided to live with, each with its reason: `abiding-doctor.toml`.
//!
//! ```toml
//! [[silence]]
//! rule = "D39"
//! path = "legacy/"
//! reason = "the legacy service is read-only and goes away in March"
//! ```
//! A rule that does not exist, an unknown key, and a silence without a reason are refused: a list that silences
//! something else than its author believes is worse than none.

use serde::Deserialize;

use crate::{error::Error, facts::Origin, rules::RULES};

/// What is not to be reported, and why.
#[derive(Debug, Default)]
pub struct Silences(Vec<Silence>);

#[derive(Clone, Debug)]
pub(crate) struct Silence {
    pub(crate) rule: &'static str,
    path: Option<String>,
    pub(crate) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    silence: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    rule: String,
    path: Option<String>,
    #[serde(default)]
    reason: String,
}

impl Silences {
    /// What the file is called, in the root of a source tree.
    pub const FILE: &'static str = "abiding-doctor.toml";

    /// Reads the text of such a file.
    ///
    /// # Errors
    /// Text that is not TOML of this form, a rule that does not exist, and a silence without a reason.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let file: File = toml::from_str(text)
            .map_err(|error| Error::new(format!("{}: {}", Self::FILE, error.message())))?;
        let rows = file.silence.into_iter().map(|row| {
            let known = RULES.iter().find(|rule| rule.id == row.rule);
            let rule = known.ok_or_else(|| {
                Error::new(format!("{}: there is no rule {:?}", Self::FILE, row.rule))
            })?;
            if row.reason.trim().is_empty() {
                return Err(Error::new(format!(
                    "{}: the silence of {} has no reason",
                    Self::FILE,
                    rule.id
                )));
            }
            Ok(Silence {
                rule: rule.id,
                path: row.path,
                reason: row.reason.trim().to_owned(),
            })
        });
        rows.collect::<Result<_, _>>().map(Self)
    }

    /// The place in the list of the silence that covers a finding, and the silence.
    pub(crate) fn of(&self, rule: &str, origin: &Origin) -> Option<(usize, &Silence)> {
        let mut silences = self.0.iter().enumerate();
        silences.find(|(_, silence)| silence.rule == rule && silence.covers(origin))
    }

    pub(crate) fn all(&self) -> &[Silence] {
        &self.0
    }
}

impl Silence {
    /// Whether it is for this place: everywhere, the file, or the folder, which ends with a slash.
    fn covers(&self, origin: &Origin) -> bool {
        self.path.as_deref().is_none_or(|path| {
            let path = path.strip_prefix("./").unwrap_or(path);
            *origin.place == *path || path.ends_with('/') && origin.place.starts_with(path)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_that_cannot_be_followed_is_refused() {
        for (text, words) in [
            ("[[silence]]\nrule = \"D39\"", "no reason"),
            ("[[silence]]\nrule = \"D39\"\nreason = \"  \"", "no reason"),
            (
                "[[silence]]\nrule = \"D99\"\nreason = \"x\"",
                "no rule \"D99\"",
            ),
            (
                "[[silence]]\nrule = \"D39\"\nreason = \"x\"\nfile = \"a\"",
                "unknown field",
            ),
            (
                "[[silences]]\nrule = \"D39\"\nreason = \"x\"",
                "unknown field",
            ),
            ("silence", "abiding-doctor.toml"),
        ] {
            let error = Silences::parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_silence_covers_its_path_and_nothing_beside_it() {
        let silences = "[[silence]]\nrule = \"D39\"\npath = \"legacy/\"\nreason = \"x\"\n[[silence]]\nrule = \"D01\"\nreason = \"y\"";
        let silences = Silences::parse(silences).unwrap();
        for (rule, place, covered) in [
            ("D39", "legacy/app.py", true),
            ("D39", "legacy.py", false),
            ("D39", "app.py", false),
            ("D01", "app.py", true),
            ("D02", "app.py", false),
        ] {
            assert_eq!(
                silences.of(rule, &Origin::place(place)).is_some(),
                covered,
                "{rule} {place}"
            );
        }
    }
}
