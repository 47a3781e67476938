//! The start page: what there is to try.

use axum::extract::State;
use maud::{Markup, html};

use crate::{
    app::App,
    layout::{Page, Section, page},
    settings::ProfileKind,
};

pub(crate) async fn show(State(app): State<App>) -> Page {
    let place = app.places.primary();
    page(
        "Sessions that stay",
        Some(Section::Home),
        html! {
            section.hero {
                h1 data-testid="page-title" { "Sessions that stay" }
                p.lead {
                    "Two tabs, a slow network, a restart in the middle of a form: what you typed is still there, \
                     and what you signed out of stays signed out. Try to break it."
                }
            }
            div.cards {
                (card("/membership", "card-membership", "Join in five steps", "Open the membership form",
                    "Fill in a step, kill the server, start it again, and go on. Work in two tabs at once. Click \
                     submit twice. You get one application, with every field."))
                (card("/organizer", "card-organizer", "Plan a party", "Open the organizer",
                    "Sign in, stay for a week or until the browser closes, invite guests. See where you are signed \
                     in, and sign another device out."))
                (card("/platforms", "card-platforms", "Publish in several places", "Open the platforms",
                    "Connect a shop and a newsletter and switch between them in two tabs. Change one in another \
                     browser. Nothing is ever published in the wrong place."))
                (card("/shop", "card-shop", "Sign in with a code", "Open the shop",
                    "Fill a cart, ask for a code by e-mail, and type it in. The two requests may reach two \
                     servers. Put an older cookie back: you get no more guesses."))
                section.card {
                    h2 { "No store at all" }
                    p {
                        "Start with " code { "ABIDING_STORE=cookie" } " and every session lives in its cookie, sealed. \
                         All stories work as before; a sign-in can still be ended from elsewhere."
                    }
                    p.hint data-testid="card-cookie" {
                        @if place.is_cookie() { "That is how this one runs." }
                        @else { "This one keeps sessions in its " (place.name()) " store." }
                    }
                }
            }
            h2.behind { "Behind it" }
            div.cards {
                (card("/session", "card-session", "Look into your session", "Open the inspector",
                    "What is stored about you, where, until when, and what your last request did to the store: \
                     usually nothing at all."))
                (card("/lab", "card-lab", "Race it", "Open the race lab",
                    "Fifty requests change one session at the same moment, and twenty sessions are signed out \
                     under slow requests. Count what is left."))
                @if app.profile == ProfileKind::Development {
                    (card("/operator/places", "card-places", "Move house", "Open the move",
                        "From SQLite to files, sealed cookies or a server of yours, and back, while people fill in \
                         the form. Watch every session arrive, and count the lost."))
                }
            }
            section.card.plain {
                h2 { "This run" }
                dl.facts {
                    dt { "Sessions are kept in" }
                    dd data-testid="run-store" { (place.name()) }
                    dt { "Profile" }
                    dd data-testid="run-profile" { (app.profile) }
                    dt { "Everything lies in" }
                    dd { code data-testid="run-data" { (app.data.display()) } }
                    @if app.profile == ProfileKind::Development {
                        dt { "Keys" }
                        dd { a href="/operator" data-testid="run-keys" { "Rotate them while you are signed in" } }
                    }
                }
            }
        },
    )
}

fn card(target: &str, testid: &str, title: &str, action: &str, text: &str) -> Markup {
    html! {
        section.card {
            h2 { (title) }
            p { (text) }
            p { a.button href=(target) data-testid=(testid) { (action) } }
        }
    }
}
