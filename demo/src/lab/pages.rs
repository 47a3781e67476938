//! What the race lab looks like.

use maud::{Markup, html};

use crate::{
    forms::hidden,
    layout::{Page, Section, page},
    places::Place,
};

use super::{
    race::{Outcome, ROUNDS, SLOW_WRITERS, WRITERS},
    simulated,
};

/// The explanation, the button and, after a run, what came out.
pub(super) fn lab(last: Option<Outcome>, place: &Place, token: &str) -> Page {
    let title = "Race lab";
    page(
        title,
        Some(Section::Lab),
        html! {
            h1 data-testid="page-title" { (title) }
            p.lead { "Three races on one session, over real HTTP, each in its worst order: everybody reads before anybody writes." }
            @if let Some(outcome) = last { (results(outcome, place)) }
            section.card {
                ol.races {
                    li { strong { (WRITERS) " requests set a key of their own." } " Every key should be there afterwards." }
                    li { strong { (WRITERS) " requests add one to a counter." } " It should stand at " (WRITERS) "." }
                    li {
                        strong { (ROUNDS) " sessions are signed out" } " while " (SLOW_WRITERS)
                        " slow requests are under way in each. None may come back."
                    }
                }
                form method="post" action="/lab/run" data-busy="Running the races…" {
                    (hidden(token))
                    div.actions {
                        button.primary type="submit" data-testid="lab-run" {
                            @if last.is_some() { "Run the races again" } @else { "Run the races" }
                        }
                    }
                    p.hint role="status" {
                        "Takes about a second. The races use sessions of their own; yours is not touched."
                    }
                }
            }
        },
    )
}

fn results(outcome: Outcome, place: &Place) -> Markup {
    let (writers, slow) = (WRITERS as usize, SLOW_WRITERS as usize);
    let kept = outcome.keys == writers
        && outcome.counter == u64::from(WRITERS)
        && outcome.resurrected == 0;
    let (good, verdict) = match place.is_cookie() {
        _ if kept => (true, "Nothing was lost and nothing came back."),
        true if outcome.resurrected == 0 => (true, WITHOUT_A_STORE),
        _ => (false, "Something was lost: this is a bug."),
    };
    let rows = [
        Row {
            question: "Keys kept",
            name: "keys",
            abiding: format!("{}/{writers}", outcome.keys),
            good: outcome.keys == writers,
            simulated: format!("{}/{writers}", simulated::keys_kept(writers)),
        },
        Row {
            question: "Counter",
            name: "counter",
            abiding: outcome.counter.to_string(),
            good: outcome.counter == u64::from(WRITERS),
            simulated: simulated::counted(writers).to_string(),
        },
        Row {
            question: "Sessions that came back",
            name: "resurrected",
            abiding: format!("{}/{ROUNDS}", outcome.resurrected),
            good: outcome.resurrected == 0,
            simulated: format!("{}/{ROUNDS}", simulated::resurrected(ROUNDS, slow)),
        },
    ];
    html! {
        section.card #results aria-labelledby="results-title" {
            h2 #results-title { "The last run" }
            p.verdict data-good=(good) data-testid="lab-verdict" { (verdict) }
            div.wide {
                table data-testid="lab-results" {
                    thead {
                        tr {
                            th scope="col" { "Race" }
                            th scope="col" { "abiding on " (place.name()) }
                            th scope="col" { "Whole-record saves " small { "(simulated)" } }
                        }
                    }
                    tbody {
                        @for row in rows {
                            tr {
                                th scope="row" { (row.question) }
                                td.figure data-good=(row.good) data-testid={ "lab-" (row.name) "-abiding" } { (row.abiding) }
                                td.figure data-good="false" data-testid={ "lab-" (row.name) "-simulated" } { (row.simulated) }
                            }
                        }
                    }
                }
            }
            p.hint {
                "Took " (outcome.took.as_millis()) " ms. " (outcome.told) " of " (ROUNDS * slow)
                " slow requests were told that their session had ended. The right-hand column is a model in this \
                 process, under the same order of events: load the record, change it, put all of it back."
            }
        }
    }
}

struct Row {
    question: &'static str,
    name: &'static str,
    abiding: String,
    good: bool,
    simulated: String,
}

/// What a sealed cookie cannot do, and what it can.
const WITHOUT_A_STORE: &str = "Nothing came back. Without a store, the last of two answers at once is the \
    session: what must not be lost belongs in a database, or in a ledger.";
