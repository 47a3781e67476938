//! What the forms of every story share: complaints, their summary, and the questions.
//!
//! Assistive technology finds hint and complaint by `aria-describedby`, and that there is a complaint
//! by `aria-invalid`. The membership form has kinds of questions of its own: see its `questions`.

use abiding_tower::{FORM_TOKEN, FormRefusal, GuardedForm};
use maud::{Markup, html};
use serde::de::DeserializeOwned;

use crate::errors::Problem;

/// A form as it arrives: with a token that this session was given, or refused with what was typed.
pub(crate) type Sent<T> = Result<GuardedForm<T>, FormRefusal>;

/// What is wrong with the answer to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) field: &'static str,
    pub(crate) message: String,
}

/// A question that one line answers, or several, or a choice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) hint: &'static str,
    /// The type of the input: `text`, `email`, `password` and the like.
    pub(crate) kind: &'static str,
    pub(crate) autocomplete: &'static str,
}

impl Complaint {
    /// About the question of that name.
    pub(crate) fn new(field: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { field, message }
    }

    /// About the whole form: it has no token that this session was given.
    pub(crate) fn stale() -> Self {
        Self::new("main", STALE)
    }
}

impl Question {
    /// The question with what was typed and what is wrong about it. What is typed into a `password`
    /// never goes back.
    pub(crate) fn ask(&self, typed: &str, complaints: &[Complaint]) -> Markup {
        let name = self.name;
        let typed = (self.kind != "password").then_some(typed);
        self.framed(complaints, true, |described, invalid| {
            html! {
                input id=(name) name=(name) type=(self.kind) value=[typed]
                    // A pad of digits, on phones.
                    inputmode=[(self.autocomplete == "one-time-code").then_some("numeric")]
                    autocomplete=(self.autocomplete) required
                    aria-describedby=[described] aria-invalid=[invalid] data-testid={ "field-" (name) };
            }
        })
    }

    /// The same with room for several lines.
    pub(crate) fn ask_lines(
        &self,
        typed: &str,
        complaints: &[Complaint],
        required: bool,
    ) -> Markup {
        let name = self.name;
        self.framed(complaints, required, |described, invalid| {
            html! {
                textarea id=(name) name=(name) rows="4" autocomplete=(self.autocomplete)
                    required[required] aria-describedby=[described] aria-invalid=[invalid]
                    // A browser drops the first line break of a text area; this one is ours.
                    data-testid={ "field-" (name) } { "\n" (typed) }
            }
        })
    }

    /// The same with a list to choose from: values, and what people read.
    pub(crate) fn ask_choice(
        &self,
        options: &[(&str, &str)],
        chosen: &str,
        complaints: &[Complaint],
    ) -> Markup {
        let name = self.name;
        self.framed(complaints, true, |described, invalid| {
            html! {
                select id=(name) name=(name) autocomplete=(self.autocomplete) required
                    aria-describedby=[described] aria-invalid=[invalid] data-testid={ "field-" (name) } {
                    option value="" { "Please choose" }
                    @for (value, text) in options {
                        option value=(value) selected[*value == chosen] { (text) }
                    }
                }
            }
        })
    }

    /// Label, hint and complaint around a control, which is told what describes it and whether
    /// something is wrong.
    fn framed(
        &self,
        complaints: &[Complaint],
        required: bool,
        control: impl FnOnce(Option<String>, Option<&'static str>) -> Markup,
    ) -> Markup {
        let Self { name, label, .. } = *self;
        let complaint = complaints.iter().find(|complaint| complaint.field == name);
        let told = [
            complaint.map(|_| format!("{name}-error")),
            (!self.hint.is_empty()).then(|| format!("{name}-hint")),
        ];
        let described = told.into_iter().flatten().collect::<Vec<_>>().join(" ");
        html! {
            div.question {
                label for=(name) {
                    (label) @if !required { span.optional { " (optional)" } }
                }
                @if !self.hint.is_empty() { p.hint id={ (name) "-hint" } { (self.hint) } }
                @if let Some(complaint) = complaint {
                    p.error id={ (name) "-error" } data-testid={ "error-" (name) } {
                        span.visually-hidden { "Error: " } (complaint.message)
                    }
                }
                (control((!described.is_empty()).then_some(described), complaint.map(|_| "true")))
            }
        }
    }
}

/// The hidden field that every form begins with.
pub(crate) fn hidden(token: &str) -> Markup {
    html! { input type="hidden" name=(FORM_TOKEN) value=(token); }
}

/// What was typed, and whether the page it was typed into is as old as the session: if not, the person
/// is to look it over and to send it again.
pub(crate) fn opened<T: DeserializeOwned>(
    sent: Sent<T>,
) -> Result<(T, Result<(), Vec<Complaint>>), Problem> {
    match sent {
        Ok(GuardedForm(typed)) => Ok((typed, Ok(()))),
        Err(refusal) => match refusal.typed().filter(|_| refusal.forged()) {
            Some(typed) => Ok((typed, Err(vec![Complaint::stale()]))),
            None => Err(refusal.into()),
        },
    }
}

/// Nothing is wrong, or all of this is.
pub(crate) fn judged<const N: usize>(
    complaints: [(&'static str, Option<&'static str>); N],
) -> Result<(), Vec<Complaint>> {
    let complaint = |(field, message): (_, Option<_>)| Some(Complaint::new(field, message?));
    let complaints: Vec<_> = complaints.into_iter().filter_map(complaint).collect();
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(complaints)
    }
}

/// What is wrong, on top of a page: each complaint leads to the element that `target` names.
pub(crate) fn summary(
    complaints: &[Complaint],
    target: impl Fn(&'static str) -> String,
    hint: &str,
) -> Markup {
    let count = complaints.len();
    html! {
        @if count > 0 {
            section.summary role="alert" tabindex="-1" aria-labelledby="summary-title" data-testid="error-summary" {
                h2 #summary-title {
                    @if count == 1 { "One answer needs another look" } @else { (count) " answers need another look" }
                }
                ul {
                    @for Complaint { field, message } in complaints {
                        li { a href={ "#" (target(field)) } data-testid={ "error-link-" (field) } { (message) } }
                    }
                }
                p.hint { (hint) }
            }
        }
    }
}

/// One `@` between two words and a dot in the second: the mail server knows the rest.
pub(crate) fn is_email(answer: &str) -> bool {
    let Some((name, host)) = answer.split_once('@') else {
        return false;
    };
    let blank = |c: char| c.is_whitespace() || c == '@';
    !name.is_empty()
        && !answer.contains(char::is_whitespace)
        && !host.contains(blank)
        && host.contains('.')
        && host.split('.').all(|label| !label.is_empty())
}

const STALE: &str = "This page was older than your session: look it over and send it again";
