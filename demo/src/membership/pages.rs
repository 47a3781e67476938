//! What the membership form looks like: pages from the table of steps.
//!
//! Complaints are told in a summary that takes the reader to the question, and again beside it: see
//! `questions`.

use maud::{Markup, html};

use crate::{
    calendar::{Date, spelled},
    forms::{Complaint, hidden, summary},
    layout::{Page, Section, notice, page},
};

use super::{
    answers::Answers,
    application::Receipt,
    checks::{first_incomplete, is_drawing},
    fields::{Control, Field, REVIEW, STEPS, Step},
    identity::Identity,
    questions::question,
};

/// Why a person reads this step now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// They came to it.
    Asked,
    /// Their session ended before the step was saved: what they typed is in the form, nowhere else.
    EndedBeforeSaving,
    /// Their session ended since they were here.
    EndedMeanwhile,
    /// They wanted to go to that step, which needs this one.
    NeededFor(&'static str),
    /// The form had no token of their session: what they typed is in it, and was not saved.
    NotAccepted,
}

/// A step with what was typed and what is wrong about it.
pub(crate) fn step(
    step: &Step,
    answers: &Answers,
    complaints: &[Complaint],
    reason: Reason,
    today: Date,
    token: &str,
) -> Page {
    let error = if complaints.is_empty() { "" } else { "Error: " };
    let kept = match reason {
        Reason::NotAccepted => "What you typed was not saved yet.",
        _ => "What you typed was saved as it is.",
    };
    page(
        &format!("{error}{}", step.title),
        Some(Section::Membership),
        html! {
            (progress(step.slug))
            h1 data-testid="page-title" { (step.title) }
            p.lead { (step.lead) }
            @match reason {
                Reason::Asked | Reason::NotAccepted => {}
                Reason::EndedBeforeSaving => (notice(
                    "Your session has ended, so this was not saved yet. What you typed is still below: \
                     continue to begin a new session with it."
                )),
                Reason::EndedMeanwhile => (notice("Your session has ended. The form begins anew.")),
                Reason::NeededFor(title) => (notice(&format!("“{title}” needs this step first."))),
            }
            (summary(complaints, |name| target(step, name), kept))
            (form(step, answers, complaints, reason, today, token))
        },
    )
}

/// Everything at a glance, and the button that submits.
pub(crate) fn review(
    answers: &Answers,
    identity: &Identity,
    complaints: &[Complaint],
    token: &str,
) -> Page {
    let title = "Review and submit";
    let error = if complaints.is_empty() { "" } else { "Error: " };
    page(
        &format!("{error}{title}"),
        Some(Section::Membership),
        html! {
            (progress(REVIEW))
            h1 data-testid="page-title" { (title) }
            p.lead { "Nothing has been sent yet. Every step can still be changed." }
            (summary(complaints, str::to_owned, "Nothing was submitted."))
            @for step in STEPS {
                section.card aria-labelledby={ "review-" (step.slug) } {
                    div.heading {
                        h2 id={ "review-" (step.slug) } { (step.title) }
                        a href={ "/membership/" (step.slug) } data-testid={ "edit-" (step.slug) } {
                            "Change" span.visually-hidden { " “" (step.title) "”" }
                        }
                    }
                    dl.facts {
                        @for field in step.fields {
                            dt { (field.label) }
                            dd data-testid={ "review-" (field.name) } { (answer(field, answers)) }
                        }
                    }
                    @if step.slug == "personal" { (derived(identity)) }
                }
            }
            form method="post" action="/membership/review" data-testid="step-review" {
                (hidden(token))
                div.actions {
                    button.primary type="submit" data-testid="submit-application" { "Submit the application" }
                }
            }
        },
    )
}

/// The number to keep.
pub(crate) fn done(receipt: &Receipt) -> Page {
    let title = "Your application was submitted";
    page(
        title,
        Some(Section::Membership),
        html! {
            section.card.done {
                p.tick aria-hidden="true" {}
                h1 data-testid="page-title" { (title) }
                p { "Your application number is" }
                p.number data-testid="application-number" { (receipt.number) }
                p.hint {
                    "Submitted on " span data-testid="application-when" { (spelled(receipt.submitted_at)) }
                    ". This page stays for as long as your session lasts; the form has been cleared."
                }
                p { a.button href="/membership/personal" data-testid="start-another" { "Start another application" } }
            }
        },
    )
}

fn progress(present: &str) -> Markup {
    let place = STEPS
        .iter()
        .position(|step| step.slug == present)
        .unwrap_or(STEPS.len());
    let steps = STEPS
        .iter()
        .map(|step| (step.slug, step.title))
        .chain([(REVIEW, "Review and submit")]);
    html! {
        nav aria-label="Steps of the application" {
            p.count { "Step " (place + 1) " of " (STEPS.len() + 1) }
            ol.progress data-testid="progress" {
                @for (at, (slug, title)) in steps.enumerate() {
                    li data-testid={ "progress-" (slug) }
                        data-state=(if at < place { "done" } else if at == place { "current" } else { "open" })
                        aria-current=[(at == place).then_some("step")] {
                        @if at < place {
                            a href={ "/membership/" (slug) } { (title) span.visually-hidden { " (done)" } }
                        } @else {
                            span { (title) }
                        }
                    }
                }
            }
        }
    }
}

/// The element that a link to `name` takes the reader to: of several buttons, the first.
fn target(step: &Step, name: &str) -> String {
    match step
        .fields
        .iter()
        .find(|field| field.name == name)
        .map(|field| field.control)
    {
        Some(Control::Choice([(first, _), ..])) => format!("{name}-{first}"),
        _ => name.to_owned(),
    }
}

fn form(
    step: &Step,
    answers: &Answers,
    complaints: &[Complaint],
    reason: Reason,
    today: Date,
    token: &str,
) -> Markup {
    let told_of_the_end = matches!(reason, Reason::EndedBeforeSaving | Reason::EndedMeanwhile);
    let action = format!("/membership/{}", step.slug);
    // Only what is right so far tells something about the person.
    let identity = Identity::parse(answers.trimmed("id_number"), today).ok();
    let complete = first_incomplete(answers, None, today).is_none();
    html! {
        form.card method="post" action=(action) novalidate data-testid={ "step-" (step.slug) }
            data-draft={ (action) "/draft" } {
            (hidden(token))
            @for part in parts(step) {
                @match part {
                    Part::Group(title, fields) => fieldset {
                        legend { (title) }
                        @for field in fields { (question(field, answers, complaints)) }
                    },
                    Part::One(field) => {
                        (question(field, answers, complaints))
                        @if let ("id_number", Some(identity)) = (field.name, &identity) { (derived(identity)) }
                    }
                }
            }
            @if told_of_the_end { input type="hidden" name="go" value="anew"; }
            div.actions {
                button.primary type="submit" data-testid="continue" { "Save and continue" }
                @if step.previous().is_some() {
                    button type="submit" name="go" value="back" data-testid="back" { "Save and go back" }
                }
                @if complete { a href="/membership/review" data-testid="to-review" { "Go to the review" } }
                p.hint.saved role="status" data-testid="draft-status" {}
            }
        }
    }
}

/// Questions that belong together stand in a fieldset of their own.
enum Part {
    Group(&'static str, &'static [Field]),
    One(&'static Field),
}

fn parts(step: &Step) -> Vec<Part> {
    match step.slug {
        "declaration" => {
            let (signature, rest) = step.fields.split_at(2);
            let (ticks, reason) = rest.split_at(3);
            let groups = [
                Part::Group("Signature", signature),
                Part::Group("Declarations", ticks),
            ];
            groups
                .into_iter()
                .chain(reason.iter().map(Part::One))
                .collect()
        }
        _ => step.fields.iter().map(Part::One).collect(),
    }
}

fn answer(field: &Field, answers: &Answers) -> Markup {
    let value = answers.trimmed(field.name);
    html! {
        @if value.is_empty() {
            span.none { "Not given" }
        } @else if let Control::Strokes = field.control {
            (drawing(value))
        } @else {
            (field.spelled(value))
        }
    }
}

/// The strokes as lines. Only numbers reach the drawing: what is no drawing is not shown.
fn drawing(value: &str) -> Markup {
    let points = |stroke: &str| stroke.replace('_', " ").replace('-', ",");
    html! {
        @if is_drawing(value) {
            svg.signature viewBox="0 0 600 180" role="img" aria-label="Drawn signature" {
                @for stroke in value.split('*') { polyline points=(points(stroke)) {} }
            }
        }
    }
}

fn derived(identity: &Identity) -> Markup {
    html! {
        div.derived {
            p.hint { "What your ID number says" }
            dl.facts {
                dt { "Date of birth" }
                dd data-testid="derived-birth_date" { (identity.birth_date) }
                dt { "Gender" }
                dd data-testid="derived-gender" { (identity.gender) }
                dt { "Citizenship" }
                dd data-testid="derived-citizenship" { (identity.citizenship) }
            }
        }
    }
}
