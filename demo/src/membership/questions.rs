//! What one question looks like: label, hint, complaint, and the control that takes the answer.
//!
//! Assistive technology finds hint and complaint by `aria-describedby`, and that there is a complaint
//! by `aria-invalid`. Answers are shown as they were typed, whatever they are.

use maud::{Markup, html};

use crate::forms::Complaint;

use super::{
    answers::Answers,
    fields::{Control, Field, Options, TICKED},
};

/// The question with its label, what was answered, and what is wrong about it.
pub(super) fn question(field: &Field, answers: &Answers, complaints: &[Complaint]) -> Markup {
    let complaint = complaints
        .iter()
        .find(|complaint| complaint.field == field.name);
    let (error_id, hint_id) = (
        format!("{}-error", field.name),
        format!("{}-hint", field.name),
    );
    let described = match (complaint, field.hint) {
        (None, "") => None,
        (None, _) => Some(hint_id.clone()),
        (Some(_), "") => Some(error_id.clone()),
        (Some(_), _) => Some(format!("{error_id} {hint_id}")),
    };
    let invalid = complaint.map(|_| "true");
    let told = html! {
        @if !field.hint.is_empty() { p.hint id=(hint_id) { (field.hint) } }
        @if let Some(complaint) = complaint {
            p.error id=(error_id) data-testid={ "error-" (field.name) } {
                span.visually-hidden { "Error: " } (complaint.message)
            }
        }
    };
    let this = Asked {
        field,
        value: answers.get(field.name),
        described,
        invalid,
    };
    html! {
        @match field.control {
            Control::Choice(options) => fieldset.question role="radiogroup" aria-describedby=[&this.described] aria-invalid=[invalid]
                aria-required=[field.missing.map(|_| "true")] {
                legend { (field.label) (optional(field)) }
                (told)
                @for (value, text) in options { (this.radio(value, text)) }
            },
            Control::Tick => div.question.tickable { (this.tick()) (told) },
            Control::Strokes => div.question.strokes hidden {
                p.label id={ (field.name) "-label" } { (field.label) }
                (told)
                (this.canvas())
            },
            _ => div.question {
                label for=(field.name) { (field.label) (optional(field)) }
                (told)
                (this.input())
            }
        }
    }
}

fn optional(field: &Field) -> Markup {
    // The signature is optional only in the sense that drawing replaces it.
    let optional = field.missing.is_none() && field.name != "signature_typed";
    html! { @if optional { span.optional { " (optional)" } } }
}

/// A question together with its answer.
struct Asked<'a> {
    field: &'a Field,
    value: &'a str,
    described: Option<String>,
    invalid: Option<&'static str>,
}

impl Asked<'_> {
    fn input(&self) -> Markup {
        let name = self.field.name;
        match self.field.control {
            Control::Lines => html! {
                textarea id=(name) name=(name) rows="4" autocomplete=(self.field.autocomplete)
                    aria-describedby=[&self.described] aria-invalid=[self.invalid]
                    required[self.field.missing.is_some()]
                    // A browser drops the first line break of a text area; this one is ours.
                    data-testid={ "field-" (name) } { "\n" (self.value) }
            },
            Control::Select(options) => self.select(options),
            control => {
                let (kind, mode) = match control {
                    Control::Email => ("email", Some("email")),
                    Control::Number => ("text", Some("numeric")),
                    Control::Phone => ("tel", Some("tel")),
                    _ => ("text", None),
                };
                html! {
                    input id=(name) name=(name) type=(kind) inputmode=[mode] value=(self.value)
                        autocomplete=(self.field.autocomplete) aria-describedby=[&self.described]
                        aria-invalid=[self.invalid] required[self.field.missing.is_some()]
                        data-testid={ "field-" (name) };
                }
            }
        }
    }

    fn select(&self, options: Options) -> Markup {
        let name = self.field.name;
        let known = self.value.is_empty() || options.iter().any(|(value, _)| *value == self.value);
        html! {
            select id=(name) name=(name) autocomplete=(self.field.autocomplete)
                aria-describedby=[&self.described] aria-invalid=[self.invalid] data-testid={ "field-" (name) } {
                option value="" { "Please choose" }
                @for (value, text) in options {
                    option value=(value) selected[*value == self.value] { (text) }
                }
                // What is no option was sent by hand; it is kept like everything else.
                @if !known { option value=(self.value) selected { (self.value) } }
            }
        }
    }

    fn radio(&self, value: &str, text: &str) -> Markup {
        let name = self.field.name;
        html! {
            div.option {
                input id={ (name) "-" (value) } name=(name) type="radio" value=(value)
                    checked[value == self.value] data-testid={ "field-" (name) "-" (value) };
                label for={ (name) "-" (value) } { (text) }
            }
        }
    }

    fn tick(&self) -> Markup {
        let name = self.field.name;
        html! {
            div.option {
                input id=(name) name=(name) type="checkbox" value=(TICKED) checked[self.value == TICKED]
                    aria-describedby=[&self.described] aria-invalid=[self.invalid]
                    required[self.field.missing.is_some()] data-testid={ "field-" (name) };
                label for=(name) { (self.field.label) }
            }
        }
    }

    /// Hidden until the script shows it: without one there is nothing to draw with.
    fn canvas(&self) -> Markup {
        let name = self.field.name;
        html! {
            input type="hidden" name=(name) value=(self.value) data-testid={ "field-" (name) };
            canvas id=(name) width="600" height="180" tabindex="-1" role="img"
                aria-labelledby={ (name) "-label" } data-testid="signature-canvas" {}
            button type="button" data-testid="signature-clear" { "Clear the drawing" }
        }
    }
}
