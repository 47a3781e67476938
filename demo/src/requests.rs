//! What each request did: one line in the log, and the last few for the inspector.
//!
//! A middleware around the session layer. It never sees an id: a visitor's last requests are found by
//! a hash of the session cookie, keyed anew at every start and never written down.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use abiding::Summary;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use tokio::time::Instant;

use crate::app::App;

/// One request as the inspector shows it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) request: String,
    pub(crate) status: u16,
    /// What was done to the session, in the words of the library.
    pub(crate) session: String,
}

/// The last requests of each visitor.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    visitors: Mutex<HashMap<u64, VecDeque<Line>>>,
    hasher: RandomState,
}

/// The middleware.
pub(crate) async fn note(State(app): State<App>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let before = app.trail.visitor(request.headers(), header::COOKIE);
    let response = next.run(request).await;
    let summary = response
        .extensions()
        .get::<Summary>()
        .map(ToString::to_string);
    let (status, micros) = (response.status().as_u16(), begun.elapsed().as_micros());
    let session = summary.unwrap_or_else(|| String::from("untouched"));
    tracing::info!(%method, path, status, micros, session, "request");
    let after = app.trail.visitor(response.headers(), header::SET_COOKIE);
    if let (Some(visitor), false) = (after.or(before), path.starts_with("/assets/")) {
        let shown: String = path.chars().take(LONGEST_PATH).collect();
        let line = Line {
            request: format!("{method} {shown}"),
            status,
            session,
        };
        app.trail.add(before, visitor, line);
    }
    response
}

impl Trail {
    /// The last requests of whoever sends these headers, the latest first.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Vec<Line> {
        let lines = self.visitor(headers, header::COOKIE);
        let lines = lines.and_then(|visitor| self.lock().get(&visitor).cloned());
        lines.unwrap_or_default().into()
    }

    fn add(&self, before: Option<u64>, visitor: u64, line: Line) {
        let mut visitors = self.lock();
        if visitors.len() >= MOST_VISITORS {
            // A demo on one machine: whoever opened so many sessions can do without the trail.
            visitors.clear();
        }
        let earlier = before
            .and_then(|before| visitors.remove(&before))
            .unwrap_or_default();
        let lines = visitors.entry(visitor).or_insert(earlier);
        lines.push_front(line);
        lines.truncate(MOST_LINES);
    }

    /// A name for the session cookie in these headers; nobody can get back from it to the cookie.
    fn visitor(&self, headers: &HeaderMap, name: header::HeaderName) -> Option<u64> {
        let pair = |header: &axum::http::HeaderValue| {
            let text = header.to_str().ok()?;
            let pair = text
                .split(';')
                .map(str::trim)
                .find(|pair| is_session(pair))?;
            Some(self.hasher.hash_one(pair))
        };
        headers.get_all(name).iter().find_map(pair)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, VecDeque<Line>>> {
        self.visitors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_session(pair: &str) -> bool {
    pair.split_once('=')
        .is_some_and(|(name, value)| !value.is_empty() && name.rsplit('-').next() == Some("sid"))
}

/// A forged cookie with a long path must not fill the memory.
const LONGEST_PATH: usize = 60;
const MOST_LINES: usize = 5;
const MOST_VISITORS: usize = 1000;
