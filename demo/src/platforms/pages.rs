//! What platforms look like.

use maud::{Markup, html};

use super::{
    announcement::Announcement,
    choice::Active,
    platform::{Edition, Platform},
    sent::{Change, Details, Draft, KINDS, spelled},
};
use crate::{
    calendar,
    forms::{Complaint, Question, hidden, summary},
    layout::{Page, Section, notice, page},
};

/// All platforms, and the one that is active.
pub(super) fn index(platforms: &[Platform], active: Option<&Active>, token: &str) -> Page {
    let title = "Your platforms";
    let is_active =
        |platform: &Platform| active.is_some_and(|active| active.edition == platform.edition);
    page(
        title,
        Some(Section::Platforms),
        html! {
            h1 data-testid="page-title" { (title) }
            p.lead { "Several places to publish, one desk. What you work on in this browser is your choice here; \
                      another browser has its own." }
            (chosen(active, token))
            @if !platforms.is_empty() {
                ul.list data-testid="platforms" {
                    @for platform in platforms { (entry(platform, is_active(platform), token)) }
                }
            }
            p { a.button href="/platforms/new" data-testid="to-connect" { "Connect a platform" } }
        },
    )
}

fn chosen(active: Option<&Active>, token: &str) -> Markup {
    html! {
        section.card aria-labelledby="active-title" data-testid="active" {
            @if let Some(active) = active {
                h2 #active-title {
                    "You work on " span data-testid="active-name" { (active.name) }
                }
                p { (spelled(&active.kind)) ", " span data-testid="active-account" { (active.account) } }
                div.actions {
                    a.button.primary href="/platforms/desk" data-testid="to-desk" { "Go to the desk" }
                    form method="post" action="/platforms/clear" {
                        (hidden(token))
                        button type="submit" data-testid="clear" { "Work on none" }
                    }
                }
            } @else {
                h2 #active-title { "You work on none of them" }
                p data-testid="none-active" { "Choose one before you publish anything." }
            }
        }
    }
}

fn entry(platform: &Platform, is_active: bool, token: &str) -> Markup {
    let (id, details) = (platform.edition.id, &platform.details);
    html! {
        li.card data-testid={ "platform-" (id) } {
            div.heading {
                h2 data-testid={ "platform-" (id) "-name" } { (details.name) }
                @if is_active { p.state { "active" } }
            }
            p { (spelled(&details.kind)) ", " (details.account) }
            @if !details.note.is_empty() { p.hint.lines { (details.note) } }
            div.actions {
                @if !is_active {
                    form method="post" action={ "/platforms/" (id) "/switch" } {
                        (hidden(token))
                        button type="submit" data-testid={ "switch-" (id) } {
                            "Work on this one" span.visually-hidden { ": " (details.name) }
                        }
                    }
                }
                a href={ "/platforms/" (id) } data-testid={ "edit-" (id) } {
                    "Change or remove" span.visually-hidden { ": " (details.name) }
                }
            }
        }
    }
}

/// Where one works on the active platform.
pub(super) fn desk(
    active: &Active,
    latest: &[Announcement],
    text: &str,
    complaints: &[Complaint],
    token: &str,
) -> Page {
    page(
        &titled(&active.name, complaints),
        Some(Section::Platforms),
        html! {
            p { a href="/platforms" data-testid="to-platforms" { "All platforms" } }
            h1 data-testid="page-title" { (active.name) }
            p.lead { (spelled(&active.kind)) ", " span data-testid="desk-account" { (active.account) } }
            (summary(complaints, str::to_owned, KEPT))
            form.card method="post" action="/platforms/desk" novalidate data-testid="desk-form" {
                (hidden(token))
                (made_for(active.edition))
                (TEXT.ask_lines(text, complaints, true))
                div.actions {
                    button.primary type="submit" data-testid="publish" { "Publish on " (active.name) }
                }
            }
            section aria-labelledby="latest-title" {
                h2 #latest-title { "Published here" }
                @if latest.is_empty() {
                    p.none data-testid="no-announcements" { "Nothing yet." }
                } @else {
                    ul.list data-testid="announcements" {
                        @for announcement in latest {
                            li.card data-testid="announcement" {
                                p.lines data-testid="announcement-text" { (announcement.text) }
                                p.hint { (calendar::spelled(announcement.published_at)) }
                            }
                        }
                    }
                }
            }
        },
    )
}

/// What was typed for a platform that is not active any more, and where it might go.
pub(super) fn elsewhere(
    platforms: &[Platform],
    draft: &Draft,
    complaints: &[Complaint],
    token: &str,
) -> Page {
    let title = "Nothing was published";
    let written_for = platforms
        .iter()
        .find(|platform| platform.edition.id == draft.platform.id);
    page(
        &titled(title, complaints),
        Some(Section::Platforms),
        html! {
            h1 data-testid="page-title" { (title) }
            p.lead data-testid="refused" {
                @match written_for {
                    None => "The platform that this was written for was removed. ",
                    Some(platform) if platform.edition == draft.platform => {
                        "This was written for “" (platform.details.name) "”, and that is not what you work on any more. "
                    }
                    Some(platform) => {
                        "The platform that this was written for was changed: it is “" (platform.details.name)
                        "” with the account “" (platform.details.account) "” now. "
                    }
                }
                "What you typed is kept."
            }
            (summary(complaints, str::to_owned, KEPT))
            form.card method="post" action="/platforms/elsewhere" novalidate data-testid="elsewhere-form" {
                (hidden(token))
                (TEXT.ask_lines(&draft.text, complaints, true))
                @if platforms.is_empty() {
                    p data-testid="nowhere" { "There is no platform that it could go to. Copy it before you leave this page." }
                }
                div.actions {
                    @for platform in platforms {
                        button type="submit" name="platform" value=(platform.edition)
                            data-testid={ "publish-on-" (platform.edition.id) } {
                            "Switch to “" (platform.details.name) "” (" (platform.details.account) ") and publish"
                        }
                    }
                    a href="/platforms" data-testid="to-platforms" { "Publish nothing" }
                }
            }
        },
    )
}

/// The form that connects a platform, perhaps after a word about why it is shown.
pub(super) fn connect(
    typed: &Details,
    told: Option<&str>,
    complaints: &[Complaint],
    token: &str,
) -> Page {
    let title = "Connect a platform";
    page(
        &titled(title, complaints),
        Some(Section::Platforms),
        html! {
            p { a href="/platforms" data-testid="to-platforms" { "All platforms" } }
            h1 data-testid="page-title" { (title) }
            @if let Some(told) = told { (notice(told)) }
            (summary(complaints, str::to_owned, KEPT))
            form.card method="post" action="/platforms/new" novalidate data-testid="connect-form" {
                (hidden(token))
                (questions(typed, complaints))
                div.actions { button.primary type="submit" data-testid="connect" { "Connect it" } }
            }
        },
    )
}

/// The form that changes a platform, and the button that removes it.
pub(super) fn edit(
    platform: &Platform,
    form: &Change,
    told: Option<&str>,
    complaints: &[Complaint],
    token: &str,
) -> Page {
    let (id, now) = (platform.edition.id, &platform.details);
    let title = format!("Change “{}”", now.name);
    page(
        &titled(&title, complaints),
        Some(Section::Platforms),
        html! {
            p { a href="/platforms" data-testid="to-platforms" { "All platforms" } }
            h1 data-testid="page-title" { (title) }
            @if let Some(told) = told {
                (notice(told))
                dl.facts data-testid="now" {
                    @for (question, value) in [
                        (NAME, now.name.as_str()),
                        (KIND, spelled(&now.kind)),
                        (ACCOUNT, &now.account),
                        (NOTE, &now.note),
                    ] {
                        dt { (question.label) " now" }
                        dd data-testid={ "now-" (question.name) } { (value) }
                    }
                }
            }
            (summary(complaints, str::to_owned, KEPT))
            form.card method="post" action={ "/platforms/" (id) } novalidate data-testid="change-form" {
                (hidden(token))
                (made_for(form.platform))
                (questions(&form.details, complaints))
                div.actions { button.primary type="submit" data-testid="change" { "Save" } }
            }
            section.card.plain aria-labelledby="remove-title" {
                h2 #remove-title { "Remove it" }
                p { "What was published there goes as well, in every browser." }
                form method="post" action={ "/platforms/" (id) "/remove" } {
                    (hidden(token))
                    button.danger type="submit" data-testid="remove" { "Remove “" (now.name) "”" }
                }
            }
        },
    )
}

fn questions(typed: &Details, complaints: &[Complaint]) -> Markup {
    html! {
        (NAME.ask(&typed.name, complaints))
        (KIND.ask_choice(KINDS, &typed.kind, complaints))
        (ACCOUNT.ask(&typed.account, complaints))
        (NOTE.ask_lines(&typed.note, complaints, false))
    }
}

/// What every form says: which platform its page showed, and in which state.
fn made_for(platform: Edition) -> Markup {
    html! { input type="hidden" name="platform" value=(platform); }
}

fn titled(title: &str, complaints: &[Complaint]) -> String {
    let error = if complaints.is_empty() { "" } else { "Error: " };
    format!("{error}{title}")
}

const NAME: Question = Question {
    name: "name",
    label: "Name",
    hint: "What you call it",
    kind: "text",
    autocomplete: "off",
};
const KIND: Question = Question {
    name: "kind",
    label: "Kind",
    hint: "",
    kind: "text",
    autocomplete: "off",
};
const ACCOUNT: Question = Question {
    name: "account",
    label: "Account",
    hint: "Under which name you are known there, for example @party-shop",
    kind: "text",
    autocomplete: "off",
};
const NOTE: Question = Question {
    name: "note",
    label: "Note",
    hint: "For yourself; published nowhere",
    kind: "text",
    autocomplete: "off",
};
const TEXT: Question = Question {
    name: "text",
    label: "Announcement",
    hint: "",
    kind: "text",
    autocomplete: "off",
};
const KEPT: &str = "What you typed is still there.";
