//! A small shop: what a visitor puts into the cart stays there through the sign-in.

use std::collections::BTreeMap;

use abiding_tower::{GuardedForm, Session};
use axum::{
    Router,
    response::Redirect,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};

use crate::{accounts::SignedIn, app::App, errors::Problem, layout::Page};

use super::pages;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/shop", get(show))
        .route("/shop/cart", post(change))
}

async fn show(session: Session) -> Result<Page, Problem> {
    let cart: Cart = session.get(CART).await?.unwrap_or_default();
    let visitor = SignedIn::of(&session).await?;
    let token = session.form_token().await?;
    Ok(pages::shop(&cart, visitor.as_ref(), &token))
}

/// Adds an article, or takes one out.
async fn change(
    session: Session,
    GuardedForm(change): GuardedForm<Change>,
) -> Result<Redirect, Problem> {
    let article = Article::named(&change.article).ok_or_else(Problem::not_found)?;
    session
        .update(CART, |cart: Option<Cart>| {
            let mut cart = cart.unwrap_or_default();
            cart.change(article, change.by);
            cart
        })
        .await?;
    Ok(Redirect::to("/shop"))
}

/// What the buttons beside an article send.
#[derive(Debug, Deserialize)]
struct Change {
    article: String,
    by: By,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum By {
    #[serde(rename = "less")]
    Less,
    #[serde(rename = "more")]
    More,
}

/// How many there are of each article.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Cart(BTreeMap<String, u8>);

impl Cart {
    /// What is in it, in the order of the shelf.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&'static Article, u8)> {
        let line = |article: &'static Article| Some((article, *self.0.get(article.slug)?));
        ARTICLES.iter().filter_map(line)
    }

    /// What it costs, in cents.
    pub(super) fn total(&self) -> u32 {
        self.lines()
            .map(|(article, count)| article.cents * u32::from(count))
            .sum()
    }

    fn change(&mut self, article: &Article, by: By) {
        let count = self.0.entry(article.slug.to_owned()).or_default();
        *count = match by {
            By::Less => count.saturating_sub(1),
            By::More => (*count + 1).min(MOST),
        };
        self.0.retain(|_, count| *count > 0);
    }
}

/// Something on the shelf.
#[derive(Debug)]
pub(super) struct Article {
    pub(super) slug: &'static str,
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) cents: u32,
}

impl Article {
    const fn new(slug: &'static str, cents: u32, name: &'static str, text: &'static str) -> Self {
        Self {
            slug,
            name,
            text,
            cents,
        }
    }

    fn named(slug: &str) -> Option<&'static Self> {
        ARTICLES.iter().find(|article| article.slug == slug)
    }
}

/// The shelf.
pub(super) const ARTICLES: &[Article] = &[
    Article::new(
        "tea",
        4850,
        "Rooibos tea",
        "250 g from the Cederberg, loose",
    ),
    Article::new(
        "honey",
        8500,
        "Fynbos honey",
        "500 g, in a jar that can come back",
    ),
    Article::new("rusks", 3990, "Buttermilk rusks", "450 g, for dipping"),
];

const CART: &str = "cart";
/// Of one article.
const MOST: u8 = 99;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cart_counts_and_forgets_what_is_taken_out() {
        let (tea, honey) = (&ARTICLES[0], &ARTICLES[1]);
        let mut cart = Cart::default();
        for (article, by, total) in [
            (tea, By::More, 4850),
            (tea, By::More, 9700),
            (honey, By::More, 18200),
            (tea, By::Less, 13350),
            (tea, By::Less, 8500),
            (tea, By::Less, 8500),
        ] {
            cart.change(article, by);
            assert_eq!(cart.total(), total);
        }
        assert_eq!(cart.0.len(), 1);
        for _ in 0..200 {
            cart.change(tea, By::More);
        }
        assert_eq!(cart.0["tea"], MOST);
    }
}
