//! The frame of a page, as Flask's template has it; the style is Flask's own file.

use abiding_tower::{Failure, Session};
use maud::{DOCTYPE, Markup, html};

/// The key that says who is signed in, in both halves: `SESSION_ABIDING_SUBJECT`.
pub(crate) const USER: &str = "user";

pub(crate) async fn frame(session: &Session, title: &str, main: Markup) -> Result<Markup, Failure> {
    let user: Option<String> = session.get(USER).await?;
    let messages = session.take_flashes().await?;
    Ok(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/static/look.css";
            }
            body {
                header {
                    nav { a href="/" { "Shop" } " " a href="/basket" { "Basket" } " " a href="/account" { "Account" } }
                    @if let Some(user) = user {
                        form method="post" action="/account/sign-out" {
                            span data-testid="user" { (user) }
                            button data-testid="sign-out" { "Sign out" }
                        }
                    }
                }
                main {
                    @for message in messages { p.message role="status" data-testid="message" { (message.message) } }
                    h1 { (title) }
                    (main)
                    p.soft data-testid="made-by" { "This page was made by Rust." }
                }
            }
        }
    })
}
