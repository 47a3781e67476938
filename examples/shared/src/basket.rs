//! The basket: what is in it, and putting something in.

use std::collections::BTreeMap;

use abiding_tower::{Failure, Session};
use axum::{Form, response::Redirect};
use maud::{Markup, html};
use serde::Deserialize;

use crate::page::frame;

/// How many of what. In Python a dict of names and numbers, at the same key.
type Basket = BTreeMap<String, u32>;

#[derive(Deserialize)]
pub(crate) struct Item {
    item: String,
}

pub(crate) async fn show(session: Session) -> Result<Markup, Failure> {
    let basket: Basket = session.get("basket").await?.unwrap_or_default();
    let note: String = session.get("note").await?.unwrap_or_default();
    let main = html! {
        ul { @for (item, count) in &basket { li data-testid=(format!("item-{item}")) { (count) " × " (item) } } }
        p { "Your note to us: " span data-testid="note" { (note) } }
        form method="post" {
            label { "What else? " input name="item" required; }
            button data-testid="add" { "Put it in" }
        }
    };
    frame(&session, "Your basket", main).await
}

pub(crate) async fn add(
    session: Session,
    Form(Item { item }): Form<Item>,
) -> Result<Redirect, Failure> {
    // Of fifty requests at once, each counts.
    let count = |basket: Option<Basket>| {
        let mut basket = basket.unwrap_or_default();
        *basket.entry(item.clone()).or_default() += 1;
        basket
    };
    session.update("basket", count).await?;
    session
        .flash("info", &format!("{item} is in your basket"))
        .await?;
    // To the page that Flask makes.
    Ok(Redirect::to("/"))
}
