//! What the organizer looks like.

use maud::{Markup, html};

use super::{
    parties::{Guest, Party},
    sent::{NewGuest, NewParty},
};
use crate::{
    accounts::SignedIn,
    forms::{Complaint, Question, hidden, summary},
    layout::{Page, Section, page},
};

/// All parties, and the form that plans one.
pub(super) fn index(
    user: &SignedIn,
    parties: &[Party],
    typed: &NewParty,
    complaints: &[Complaint],
    token: &str,
) -> Page {
    page(
        &titled("Your parties", complaints),
        Some(Section::Organizer),
        html! {
            h1 data-testid="page-title" { "Your parties" }
            p.lead { "Signed in as " strong data-testid="organizer-name" { (user.name) } "." }
            (summary(complaints, str::to_owned, KEPT))
            @if parties.is_empty() {
                p data-testid="no-parties" { "Nothing is planned yet." }
            } @else {
                ul.list data-testid="parties" {
                    @for party in parties {
                        li.card data-testid={ "party-" (party.id) } {
                            h2 { a href={ "/organizer/" (party.id) } data-testid="party" { (party.title) } }
                            p { (day(party)) }
                            p.hint data-testid={ "party-" (party.id) "-counts" } { (counts(party)) }
                        }
                    }
                }
            }
            form.card method="post" action="/organizer" novalidate data-testid="plan-form" {
                h2 { "Plan a party" }
                (hidden(token))
                (TITLE.ask(&typed.title, complaints))
                (DAY.ask(&typed.day, complaints))
                div.actions { button.primary type="submit" data-testid="plan" { "Plan the party" } }
            }
            p { a href="/account/devices" data-testid="to-devices" { "Where you are signed in, and your password" } }
        },
    )
}

/// One party with its guests.
pub(super) fn party(
    party: &Party,
    guests: &[Guest],
    typed: &NewGuest,
    complaints: &[Complaint],
    token: &str,
) -> Page {
    page(
        &titled(&party.title, complaints),
        Some(Section::Organizer),
        html! {
            p { a href="/organizer" data-testid="to-parties" { "All parties" } }
            h1 data-testid="page-title" { (party.title) }
            p.lead { (day(party)) ". " span data-testid="counts" { (counts(party)) } }
            (summary(complaints, str::to_owned, KEPT))
            @if guests.is_empty() { p data-testid="no-guests" { "Nobody is invited yet." } } @else {
                ul.list data-testid="guests" {
                    @for guest in guests { (row(party, guest, token)) }
                }
            }
            form.card method="post" action={ "/organizer/" (party.id) "/guests" } novalidate data-testid="invite-form" {
                h2 { "Invite somebody" }
                (hidden(token))
                (NAME.ask(&typed.name, complaints))
                div.actions { button.primary type="submit" data-testid="invite" { "Invite" } }
            }
            form method="post" action={ "/organizer/" (party.id) "/remove" } {
                (hidden(token))
                div.actions { button.danger type="submit" data-testid="call-off" { "Call the party off" } }
            }
        },
    )
}

fn row(party: &Party, guest: &Guest, token: &str) -> Markup {
    let action = format!("/organizer/{}/guests/{}", party.id, guest.id);
    html! {
        li.guest data-testid={ "guest-" (guest.id) } {
            span.who {
                strong data-testid="guest-name" { (guest.name) }
                " " span.state data-testid={ "guest-" (guest.id) "-answer" } { (spelled(&guest.answer)) }
            }
            form.buttons method="post" action=(action) {
                (hidden(token))
                @for (answer, label) in ANSWERS {
                    @if *answer != guest.answer {
                        button type="submit" name="answer" value=(answer)
                            data-testid={ "guest-" (guest.id) "-" (answer) } {
                            (label) span.visually-hidden { ": " (guest.name) }
                        }
                    }
                }
            }
            form.buttons method="post" action={ (action) "/remove" } {
                (hidden(token))
                button.danger type="submit" data-testid={ "guest-" (guest.id) "-remove" } {
                    "Remove" span.visually-hidden { " " (guest.name) }
                }
            }
        }
    }
}

fn spelled(answer: &str) -> &'static str {
    match answer {
        "yes" => "comes",
        "no" => "does not come",
        _ => "no answer yet",
    }
}

fn day(party: &Party) -> Markup {
    html! { @if let Some(day) = party.day { time datetime=(day.iso()) { (day) } } }
}

fn counts(party: &Party) -> String {
    let Party { yes, no, open, .. } = party;
    format!("{yes} coming, {no} not coming, {open} without an answer")
}

fn titled(title: &str, complaints: &[Complaint]) -> String {
    let error = if complaints.is_empty() { "" } else { "Error: " };
    format!("{error}{title}")
}

const ANSWERS: &[(&str, &str)] = &[("yes", "Comes"), ("no", "Does not"), ("open", "Undo")];
const KEPT: &str = "What you typed is still there.";
const TITLE: Question = Question {
    name: "title",
    label: "Title",
    hint: "",
    kind: "text",
    autocomplete: "off",
};
const DAY: Question = Question {
    name: "day",
    label: "Day",
    hint: "",
    kind: "date",
    autocomplete: "off",
};
const NAME: Question = Question {
    name: "name",
    label: "Name of the guest",
    hint: "",
    kind: "text",
    autocomplete: "off",
};
