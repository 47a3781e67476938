//! What people send to plan a party or to invite somebody, and what is wrong with it.

use serde::{Deserialize, Serialize};

use crate::{calendar::Date, forms::Complaint};

/// A party to be planned.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct NewParty {
    pub(super) title: String,
    pub(super) day: String,
}

/// Somebody to be invited.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct NewGuest {
    pub(super) name: String,
}

/// What a guest has answered.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    No,
    Open,
    Yes,
}

/// The answer to one of the buttons beside a guest.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Answered {
    pub(super) answer: Answer,
}

impl NewParty {
    /// The party as it can be planned; or what is wrong with it.
    pub(super) fn check(&self, today: Date) -> Result<(&str, Date), Vec<Complaint>> {
        let day = Date::of_iso(self.day.trim());
        let late = match day {
            _ if self.day.trim().is_empty() => Some("Choose the day of the party"),
            None => Some("Enter a day that exists, such as 2026-12-24"),
            Some(day) if day < today => Some("That day is over: choose one to come"),
            Some(_) => None,
        };
        let title = line("title", "the title", &self.title, "Give the party a title");
        let complaints = title
            .into_iter()
            .chain(late.map(|late| Complaint::new("day", late)));
        let complaints: Vec<_> = complaints.collect();
        match day {
            Some(day) if complaints.is_empty() => Ok((self.title.trim(), day)),
            _ => Err(complaints),
        }
    }
}

impl NewGuest {
    /// The name as it is put on the list; or what is wrong with it.
    pub(super) fn check(&self) -> Result<&str, Vec<Complaint>> {
        match line(
            "name",
            "the name",
            &self.name,
            "Enter the name of the guest",
        ) {
            Some(complaint) => Err(vec![complaint]),
            None => Ok(self.name.trim()),
        }
    }
}

impl Answer {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Open => "open",
            Self::Yes => "yes",
        }
    }
}

fn line(field: &'static str, what: &str, typed: &str, missing: &'static str) -> Option<Complaint> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Some(Complaint::new(field, missing));
    }
    if typed.chars().count() > LONGEST {
        let message = format!("Shorten {what} to {LONGEST} characters");
        return Some(Complaint::new(field, message));
    }
    let unprintable = typed.chars().any(char::is_control);
    unprintable.then(|| {
        let message = format!("Remove what cannot be printed from {what}");
        Complaint::new(field, message)
    })
}

/// In characters.
const LONGEST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_needs_a_title_and_a_day_to_come() {
        let today = Date::new(2026, 11, 21).unwrap();
        for (title, day, fields) in [
            ("Dinner", "2026-11-21", &[][..]),
            (" Dinner ", " 2027-02-28 ", &[]),
            ("", "", &["title", "day"]),
            ("Dinner", "2026-11-20", &["day"]),
            ("Dinner", "2027-02-29", &["day"]),
            ("Dinner", "tomorrow", &["day"]),
            ("a\0b", "2026-12-24", &["title"]),
            (&"é".repeat(100), "2026-12-24", &[]),
            (&"é".repeat(101), "2026-12-24", &["title"]),
        ] {
            let form = NewParty {
                title: title.to_owned(),
                day: day.to_owned(),
            };
            let complaints = form.check(today).err().unwrap_or_default();
            let found: Vec<_> = complaints.iter().map(|complaint| complaint.field).collect();
            assert_eq!(found, fields, "{title:?} on {day:?}");
        }
    }
}
