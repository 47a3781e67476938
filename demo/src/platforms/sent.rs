//! What the forms send, and what is wrong about it.

use serde::{Deserialize, Serialize};

use super::platform::{Edition, Platform, PlatformId};
use crate::forms::Complaint;

/// What a platform is connected with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Details {
    pub(super) name: String,
    /// One of [`KINDS`].
    pub(super) kind: String,
    /// Whose account it is over there.
    pub(super) account: String,
    pub(super) note: String,
}

/// The form that changes a platform: the details, and what they are to replace.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Change {
    pub(super) platform: Edition,
    #[serde(flatten)]
    pub(super) details: Details,
}

/// The form that publishes: the text, and the platform that the page showed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Draft {
    pub(super) platform: Edition,
    #[serde(default)]
    pub(super) text: String,
}

impl Details {
    /// The same without the blanks around each answer, or what is wrong.
    pub(super) fn check(&self) -> Result<Self, Vec<Complaint>> {
        let details = Self {
            name: self.name.trim().to_owned(),
            kind: self.kind.trim().to_owned(),
            account: self.account.trim().to_owned(),
            note: self.note.trim().to_owned(),
        };
        let unknown = KINDS.iter().all(|(kind, _)| *kind != details.kind);
        all_do([
            ("name", line(&details.name, "The name", 60)),
            (
                "kind",
                unknown.then(|| String::from("Choose what kind of platform it is")),
            ),
            ("account", line(&details.account, "The account", 100)),
            ("note", lines(&details.note, "The note", 500)),
        ])?;
        Ok(details)
    }
}

impl Change {
    /// The details of the platform of this number, or what is wrong.
    pub(super) fn check(&self, id: PlatformId) -> Result<Details, Vec<Complaint>> {
        all_do([(
            "main",
            (self.platform.id != id).then(|| String::from(MIXED_UP)),
        )])?;
        self.details.check()
    }
}

impl Draft {
    /// The text, or what is wrong.
    pub(super) fn check(&self) -> Result<String, Vec<Complaint>> {
        let text = self.text.trim();
        let missing = text
            .is_empty()
            .then(|| String::from("Write what is to be published"));
        all_do([(
            "text",
            missing.or_else(|| lines(text, "The announcement", 1000)),
        )])?;
        Ok(text.to_owned())
    }
}

impl From<&Platform> for Change {
    fn from(platform: &Platform) -> Self {
        Self {
            platform: platform.edition,
            details: platform.details.clone(),
        }
    }
}

/// What people read in place of a kind.
pub(super) fn spelled(kind: &str) -> &str {
    let known = KINDS.iter().find(|(known, _)| *known == kind);
    known.map_or(kind, |(_, text)| text)
}

fn line(text: &str, what: &str, most: usize) -> Option<String> {
    if text.is_empty() {
        return Some(format!("{what} is missing"));
    }
    let broken = text.contains(['\r', '\n', '\t']).then(|| unprintable(what));
    broken.or_else(|| lines(text, what, most))
}

fn lines(text: &str, what: &str, most: usize) -> Option<String> {
    let is_odd = |c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t');
    // A line break counts once, though browsers send two characters for it.
    if text.chars().filter(|c| *c != '\r').count() > most {
        return Some(format!("{what} can have at most {most} characters"));
    }
    text.contains(is_odd).then(|| unprintable(what))
}

fn unprintable(what: &str) -> String {
    format!("{what} holds characters that cannot be printed")
}

fn all_do<const N: usize>(
    complaints: [(&'static str, Option<String>); N],
) -> Result<(), Vec<Complaint>> {
    let complaint = |(field, message): (_, Option<_>)| Some(Complaint::new(field, message?));
    let complaints: Vec<_> = complaints.into_iter().filter_map(complaint).collect();
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(complaints)
    }
}

const MIXED_UP: &str = "This page was made for another platform: look it over and send it again";

/// The kinds of platforms, and what people read for them.
pub(super) const KINDS: &[(&str, &str)] = &[
    ("shop", "Online shop"),
    ("newsletter", "Newsletter"),
    ("social", "Social network"),
    ("website", "Website"),
    ("other", "Something else"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_that_do_not_do_are_told() {
        let long = "é".repeat(101);
        for (name, kind, account, note, fields) in [
            ("Shop", "shop", "@zola", "", &[][..]),
            (" Shop ", " shop ", "@zola", "one\r\ntwo", &[]),
            (" ", "", "", "", &["name", "kind", "account"]),
            ("Shop", "ship", "@zola", "", &["kind"]),
            (
                &long,
                "shop",
                &long,
                &long.repeat(5),
                &["name", "account", "note"],
            ),
            (
                "Sh\0op",
                "shop",
                "@zo\nla",
                "\u{7}",
                &["name", "account", "note"],
            ),
        ] {
            let details = Details {
                name: name.to_owned(),
                kind: kind.to_owned(),
                account: account.to_owned(),
                note: note.to_owned(),
            };
            let complaints = details.check().err().unwrap_or_default();
            let found: Vec<_> = complaints.iter().map(|complaint| complaint.field).collect();
            assert_eq!(found, fields, "{details:?}");
        }
    }
}
