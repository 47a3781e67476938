//! The development mailbox: where mail goes as long as no server is named, and a page that shows it.

use abiding::Timestamp;
use axum::{Router, extract::State, routing::get};
use maud::html;

use crate::{
    app::App,
    calendar::spelled,
    database::{Database, DatabaseError},
    errors::Problem,
    layout::{Page, Section, page},
};

use super::Letter;

/// Mounted in the development profile only: these letters are other people's.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/mailbox", get(show))
}

async fn show(State(app): State<App>) -> Result<Page, Problem> {
    let letters = latest(&app.database).await?;
    let title = "Development mailbox";
    Ok(page(
        title,
        Some(Section::Code),
        html! {
            h1 data-testid="page-title" { (title) }
            p.lead {
                "No mail server is named, so this is where mail goes. It leaves this machine as soon as "
                code { "ABIDING_SMTP" } " names one."
            }
            @if letters.is_empty() { p data-testid="mailbox-empty" { "Nothing has been sent yet." } }
            @for letter in &letters {
                article.card data-testid="letter" {
                    h2 { (letter.subject) }
                    p.hint { "To " (letter.to) " · " (spelled(letter.sent_at)) }
                    pre data-testid="letter-text" { (letter.text) }
                }
            }
            p { a.button href="/code/verify" data-testid="to-verify" { "Enter a code" } }
        },
    ))
}

/// A letter in the mailbox.
struct Delivered {
    to: String,
    subject: String,
    text: String,
    sent_at: Timestamp,
}

/// Puts a letter into the mailbox, where the oldest make room.
pub(super) async fn deliver(
    database: &Database,
    letter: &Letter,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let Letter { to, subject, text } = letter.clone();
    let deliver = move |connection: &mut rusqlite::Connection| {
        let insert = "INSERT INTO mail (sent_at, recipient, subject, text) VALUES (?, ?, ?, ?)";
        connection.execute(insert, (now.as_millis(), to.as_str(), subject, text))?;
        let trim = "DELETE FROM mail WHERE id <= (SELECT max(id) FROM mail) - ?";
        connection.execute(trim, [MOST]).map(drop)
    };
    database.run(deliver).await
}

/// The letters, the latest first.
async fn latest(database: &Database) -> Result<Vec<Delivered>, DatabaseError> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Delivered {
            to: row.get(0)?,
            subject: row.get(1)?,
            text: row.get(2)?,
            sent_at: Timestamp::from_millis(row.get(3)?),
        })
    };
    database
        .run(move |connection| {
            let select = "SELECT recipient, subject, text, sent_at FROM mail ORDER BY id DESC";
            connection.prepare(select)?.query_map([], read)?.collect()
        })
        .await
}

/// Enough to find one's own, and nothing that grows.
const MOST: u32 = 50;
