//! What the operator reads while sessions move: a bar for each place, and four numbers.
//!
//! The script keeps it up to date; without one, the page is looked at again.

use maud::{Markup, html};

use crate::{
    forms::hidden,
    layout::{Page, Section, page},
    places::{Bar, Picture},
};

/// The picture, and the forms that move.
pub(super) fn overview(picture: &Picture, is_fixed: bool, token: &str) -> Page {
    let title = "Where sessions live";
    page(
        title,
        Some(Section::Operator),
        html! {
            h1 data-testid="page-title" { (title) }
            p.lead {
                "Move them while people fill in the form. Nobody is signed out, nothing is lost, and every move \
                 can be taken back the same way."
            }
            (watched(picture))
            @if is_fixed {
                section.card {
                    p data-testid="places-fixed" {
                        "They stay where " code { "ABIDING_STORE" } " says: other processes may serve from the same \
                         URL, and they are moved by deploys, as docs/migration.md tells. Start the demo without it \
                         to move them here."
                    }
                }
            } @else {
                (forms(picture, token))
            }
            p { a href="/operator" data-testid="to-keys" { "Keys and refusals" } }
        },
    )
}

fn watched(picture: &Picture) -> Markup {
    html! {
        section.card aria-labelledby="picture-title" data-picture="/operator/places/picture.json" {
            div.heading {
                h2 #picture-title { "At this moment" }
                p.state role="status" data-testid="move-state" { (state(picture)) }
            }
            dl.numbers {
                (number("Sessions", "sessions", picture.sessions as u64, None))
                (number("Moved", "moved", picture.moved, None))
                (number("A second", "per_second", picture.per_second, None))
                (number("Lost", "lost", picture.lost as u64, Some(picture.lost == 0)))
            }
            ul.bars {
                @for place in &picture.bars { (bar(place)) }
            }
            p.hint {
                "Stores are walked over and counted. Cookies cannot be listed: of those, this process counts the ones \
                 that it was shown since it began, until they run out. A session is lost if it was somewhere, \
                 nobody ended it, and it is found nowhere; each that is missing is looked for."
            }
            p.hint data-testid="stayed" hidden[picture.stayed == 0] {
                span data-number="stayed" { (picture.stayed) }
                " times a session did not fit into the new place: it stays where it is, and goes on."
            }
            p.hint hidden[picture.is_listed] { "This store lists no sessions, so they are not counted." }
            p.hint hidden[!picture.is_capped] { "There are more sessions than are counted here." }
            p data-without-script { a.button href="/operator/places" data-testid="look-again" { "Look again" } }
        }
    }
}

fn number(name: &str, key: &str, value: u64, good: Option<bool>) -> Markup {
    html! {
        div {
            dt { (name) }
            dd.figure data-number=(key) data-testid={ "number-" (key) } data-good=[good] { (value) }
        }
    }
}

/// Widths are attributes: the policy of the page allows no styles of its own.
fn bar(place: &Bar) -> Markup {
    let percent = format!("{}%", place.percent);
    html! {
        li data-place=(place.name) data-primary=(place.is_primary) data-testid={ "place-" (place.name) } {
            p.place {
                strong { (place.title) }
                span.begin data-begin hidden[!place.is_primary] { "new sessions begin here" }
                span.figure data-count data-testid={ "count-" (place.name) } { (place.sessions) }
            }
            svg.bar aria-hidden="true" {
                rect.ground width="100%" height="100%" rx="5" {}
                rect.fill width=(percent) height="100%" rx="5" {}
            }
            p.hint { (place.whereabouts) }
        }
    }
}

fn forms(picture: &Picture, token: &str) -> Markup {
    html! {
        section.card aria-labelledby="move-title" {
            form method="post" action="/operator/places/move" {
                (hidden(token))
                fieldset {
                    legend #move-title { "Move all sessions" }
                    @for place in &picture.bars { (choice(place)) }
                }
                div.actions {
                    button.primary type="submit" data-testid="move" { "Move" }
                }
                p.hint {
                    "Each moves when its visitor comes. Requests that are under way finish where they began, and "
                    code { "kill -9" } " in the middle changes nothing: the next start goes on."
                }
            }
        }
        section.card #rest aria-labelledby="rest-title" hidden[picture.to_bring == 0] {
            h2 #rest-title { "Those whose visitors are away" }
            form method="post" action="/operator/places/bring" {
                (hidden(token))
                p {
                    span data-number="to_bring" data-testid="to-bring" { (picture.to_bring) }
                    " still lie in stores where they were. They can be moved without being used."
                }
                div.actions { button type="submit" data-testid="bring" { "Bring the rest" } }
            }
        }
    }
}

fn choice(place: &Bar) -> Markup {
    let id = format!("to-{}", place.name);
    html! {
        div.option {
            input type="radio" name="to" id=(id) value=(place.name) required disabled[place.is_primary]
                data-testid=(id);
            label for=(id) { (place.title) @if place.is_cookie { ", after a word of warning" } }
        }
    }
}

/// What sessions in cookies cannot do, and the button.
pub(super) fn confirmation(name: &str, token: &str) -> Page {
    let title = "Move all sessions into their cookies?";
    page(
        title,
        Some(Section::Operator),
        html! {
            section.card {
                h1 data-testid="page-title" { (title) }
                p { "Everybody stays signed in, and there is a way back. While sessions are there:" }
                ul {
                    li { "Of two changes at the same moment, the last one counts." }
                    li {
                        "Whoever has kept a copy of a cookie can show it again until it runs out. Sign-ins are the \
                         exception: they are kept in a list, and end when they are ended."
                    }
                    li { "One that is too large for a cookie stays in its store." }
                    li {
                        "They cannot be listed or brought back by a button: each comes back when its visitor does."
                    }
                }
                form method="post" action="/operator/places/move" {
                    (hidden(token))
                    input type="hidden" name="to" value=(name);
                    input type="hidden" name="sure" value="true";
                    div.actions {
                        button.primary type="submit" data-testid="confirm-move" { "Move them into cookies" }
                        a.button href="/operator/places" data-testid="keep-place" { "Leave them where they are" }
                    }
                }
            }
        },
    )
}

fn state(picture: &Picture) -> &'static str {
    match (picture.is_moving, picture.is_bringing) {
        (true, _) => "changing places",
        (false, true) => "bringing the rest",
        (false, false) => "at rest",
    }
}
