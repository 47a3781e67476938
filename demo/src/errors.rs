//! What a person reads when a request cannot be answered as asked.
//!
//! Handlers return `Result<_, Problem>`; every failure of a layer below turns into one by `?`. The
//! cause is logged, the page says only what to do next.

use abiding::ErrorKind;
use abiding_tower::{CrossSite, Failure, FormRefusal};
use axum::{
    extract::Request,
    http::{Extensions, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use maud::html;

use crate::{accounts::HashError, database::DatabaseError, layout};

/// A page that says what happened.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    title: &'static str,
    advice: &'static str,
}

impl Problem {
    const fn new(status: StatusCode, title: &'static str, advice: &'static str) -> Self {
        Self {
            status,
            title,
            advice,
        }
    }

    /// There is nothing at this address.
    pub(crate) const fn not_found() -> Self {
        let advice = "The address may be mistyped, or the page is gone. Everything there is can be \
                      reached from the start page.";
        Self::new(StatusCode::NOT_FOUND, "There is no such page", advice)
    }

    /// The address exists, but not for this method.
    pub(crate) const fn wrong_method() -> Self {
        let advice =
            "This address answers another kind of request. Start over from the start page.";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "That cannot be done here",
            advice,
        )
    }

    /// Another site made the browser send this.
    pub(crate) const fn cross_site() -> Self {
        let advice = "This request came from another site, so it was not carried out. If it was you, \
                      open the page here and send it again.";
        Self::new(StatusCode::FORBIDDEN, "Not from here", advice)
    }

    /// The form has no token of this session.
    const fn stale() -> Self {
        let advice = "Somebody signed in or out since the page was opened, or it is not one of ours. \
                      Nothing was changed. Open the page again and send it once more.";
        Self::new(StatusCode::FORBIDDEN, "That page is out of date", advice)
    }

    /// The session ended while the request was on its way.
    pub(crate) const fn session_ended() -> Self {
        let advice = "It was signed out, renewed or timed out while this request was on its way, and \
                      nothing of the request was kept. Go back and send it again to start anew.";
        Self::new(StatusCode::CONFLICT, "Your session has ended", advice)
    }

    /// The session would not fit into its place, which for one without a store is a cookie.
    const fn full() -> Self {
        let advice = "What you sent does not fit into your session, which keeps what it held before. Go \
                      back: what you typed is still there. Shorten it and send it again.";
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "Your session is full",
            advice,
        )
    }

    const fn too_large() -> Self {
        let advice = "More was sent than this page takes, so nothing was changed. Go back: what you \
                      typed is still there. Shorten it and send it again.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "That is too much", advice)
    }

    const fn unavailable() -> Self {
        let advice = "Your session cannot be reached at the moment. It is not lost: go back and send \
                      this again in a minute.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Please try again", advice)
    }

    const fn busy() -> Self {
        let advice =
            "Too many people sign in at this moment. Go back and send this again in a minute.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Please try again", advice)
    }

    fn of_session(error: &abiding::Error) -> Self {
        match error.kind() {
            ErrorKind::Gone => Self::session_ended(),
            ErrorKind::TooLarge => Self::full(),
            ErrorKind::Contended | ErrorKind::Unavailable => Self::unavailable(),
            _ => Self::internal(),
        }
    }

    /// What a response means that has no page: one of the library, or of an extractor that could not
    /// read the address.
    fn of_response(response: &Response) -> Option<Self> {
        let is_text = |kind: &HeaderValue| kind.as_bytes().starts_with(b"text/plain");
        let kind = response.headers().get(header::CONTENT_TYPE);
        let is_bare = response.status() == StatusCode::BAD_REQUEST && kind.is_some_and(is_text);
        let unread = || is_bare.then(Self::unreadable_address);
        Self::of_library(response.extensions()).or_else(unread)
    }

    /// What a layer or an extractor of the library refused.
    fn of_library(extensions: &Extensions) -> Option<Self> {
        if let Some(refusal) = extensions.get::<FormRefusal>() {
            return Some(Self::of_form(refusal));
        }
        if let Some(failure) = extensions.get::<Failure>() {
            return Some(Self::of_session(failure.error()));
        }
        extensions.get::<CrossSite>().map(|_| Self::cross_site())
    }

    fn of_form(refusal: &FormRefusal) -> Self {
        if let Some(failure) = refusal.failure() {
            return Self::of_session(failure.error());
        }
        match refusal.status() {
            StatusCode::FORBIDDEN => Self::stale(),
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            status if status.is_client_error() => Self::unreadable(status),
            _ => Self::internal(),
        }
    }

    const fn unreadable_address() -> Self {
        let advice = "The address holds something that this page cannot read. Everything there is can \
                      be reached from the start page.";
        Self::new(
            StatusCode::BAD_REQUEST,
            "That address cannot be read",
            advice,
        )
    }

    const fn unreadable(status: StatusCode) -> Self {
        let advice = "The form arrived in a shape that cannot be read. Go back and send it again.";
        Self::new(status, "That form cannot be read", advice)
    }

    pub(crate) const fn internal() -> Self {
        let advice = "Something went wrong on our side. What you saved before is still there.";
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "That did not work",
            advice,
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let page = layout::page(
            self.title,
            None,
            html! {
                section.card.problem data-testid="problem" {
                    p.status data-testid="problem-status" { "Error " (self.status.as_u16()) }
                    h1 data-testid="page-title" { (self.title) }
                    p { (self.advice) }
                    p { a.button href="/" data-testid="problem-home" { "Go to the start page" } }
                }
            },
        );
        let mut response = (self.status, page).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// The middleware around layers and extractors, whose own refusals have no page. Their headers stay:
/// one may be a cookie that was earned before the failure, or that takes an ended session away.
pub(crate) async fn explain(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let Some(problem) = Problem::of_response(&response) else {
        return response;
    };
    let mut page = problem.into_response();
    let own = std::mem::replace(page.headers_mut(), response.headers().clone());
    page.headers_mut().extend(own);
    page
}

impl From<abiding::Error> for Problem {
    fn from(error: abiding::Error) -> Self {
        let problem = Self::of_session(&error);
        if problem.status.is_server_error() {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the session failed"
            );
        }
        problem
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::busy(),
            HashError::Failed => {
                tracing::error!("no password could be hashed");
                Self::internal()
            }
        }
    }
}

impl From<abiding::ConfigError> for Problem {
    fn from(error: abiding::ConfigError) -> Self {
        tracing::error!(%error, "a session was given what it cannot have");
        Self::internal()
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the database failed"
        );
        Self::internal()
    }
}

/// The race lab could not reach the server that it is part of.
impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        tracing::error!(%error, "the races were broken off");
        Self::internal()
    }
}

impl From<FormRefusal> for Problem {
    fn from(refusal: FormRefusal) -> Self {
        Self::of_form(&refusal)
    }
}
