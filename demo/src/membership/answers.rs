//! What a person typed, and how the session keeps it: one session key a question.
//!
//! Saving a step inserts its keys and reads nothing, so tabs on different steps never meet, and the
//! store is asked once.

use std::collections::BTreeMap;

use abiding_tower::Session;

use super::fields::{Field, Step, all_fields};

/// Answers by the name of the question; no answer is an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers(BTreeMap<&'static str, String>);

impl Answers {
    /// Everything the session holds.
    pub(crate) async fn load(session: &Session) -> abiding::Result<Self> {
        let mut answers = Self::default();
        for field in all_fields() {
            if let Some(value) = session.get::<String>(&key(field)).await? {
                answers.0.insert(field.name, value);
            }
        }
        Ok(answers)
    }

    /// The answers a form sent to the questions of `step`. What else it sent is ignored; of a name
    /// that comes twice, the last counts; a question left out (an unticked box) has no answer.
    pub(crate) fn of_form(step: &Step, form: &[(String, String)]) -> Self {
        let answer = |field: &'static Field| {
            let sent = form.iter().rev().find(|(name, _)| name == field.name);
            (
                field.name,
                sent.map(|(_, value)| value.clone()).unwrap_or_default(),
            )
        };
        Self(step.fields.iter().map(answer).collect())
    }

    /// The answers to those questions of `step` that the form sent, and to no others.
    pub(crate) fn of_partial_form(step: &Step, form: &[(String, String)]) -> Self {
        let mut answers = Self::of_form(step, form);
        answers
            .0
            .retain(|name, _| form.iter().any(|(sent, _)| sent == name));
        answers
    }

    /// Keeps these answers in the session. Blind: needs no load and overwrites no other question.
    pub(crate) fn keep(&self, session: &Session) -> abiding::Result<()> {
        all_fields()
            .filter_map(|field| Some((field, self.0.get(field.name)?)))
            .try_for_each(|(field, value)| session.insert(&key(field), value))
    }

    /// Takes the whole form out of the session.
    pub(crate) fn forget(session: &Session) {
        all_fields().for_each(|field| session.remove(&key(field)));
    }

    /// The answer as it was typed.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The answer without the blanks around it: what is checked and what becomes the application.
    pub(crate) fn trimmed(&self, name: &str) -> &str {
        self.get(name).trim()
    }

    /// Whether nothing at all was answered.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.values().all(String::is_empty)
    }
}

fn key(field: &Field) -> String {
    format!("membership.{}", field.name)
}

#[cfg(test)]
impl<const N: usize> From<[(&'static str, &str); N]> for Answers {
    fn from(answers: [(&'static str, &str); N]) -> Self {
        Self(
            answers
                .into_iter()
                .map(|(name, value)| (name, value.to_owned()))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_answers_only_the_questions_of_its_step() {
        let step = Step::named("payment").unwrap();
        let sent = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let form = [
            sent("method", "cash"),
            sent("method", "eft"),
            sent("email", "stray"),
            sent("x", "y"),
        ];
        assert_eq!(
            Answers::of_form(step, &form),
            Answers::from([("method", "eft"), ("reference", "")])
        );
        assert_eq!(
            Answers::of_partial_form(step, &form),
            Answers::from([("method", "eft")])
        );
    }
}
