//! The service that answers 403 in place of the one inside, and its future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CACHE_CONTROL, ORIGIN},
};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{CrossSite, SameOrigin, one};
use crate::client::Client;

/// A service that no other site's page reaches with an unsafe request.
#[derive(Clone, Debug)]
pub struct SameOriginService<S> {
    guard: SameOrigin,
    inner: S,
}

impl<S> SameOriginService<S> {
    pub(super) fn new(guard: SameOrigin, inner: S) -> Self {
        Self { guard, inner }
    }
}

impl<S, B, R> Service<Request<B>> for SameOriginService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = SameOriginFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let verdict = match self.guard.judge(&request) {
            Ok(()) => Verdict::Passed {
                inner: self.inner.call(request),
            },
            Err(cross_site) => {
                let origin = one(request.headers(), &ORIGIN).unwrap_or("none");
                let asked = Client::of(&request).host.unwrap_or_default();
                tracing::warn!(origin, asked, "refused: {cross_site}");
                Verdict::Refused { cross_site }
            }
        };
        SameOriginFuture { verdict }
    }
}

pin_project! {
    /// The answer of the service inside, or 403.
    pub struct SameOriginFuture<F> {
        #[pin]
        verdict: Verdict<F>,
    }
}

pin_project! {
    #[project = Answer]
    enum Verdict<F> {
        Passed { #[pin] inner: F },
        Refused { cross_site: CrossSite },
    }
}

impl<F, R, E> Future for SameOriginFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().verdict.project() {
            Answer::Passed { inner } => inner.poll(context),
            Answer::Refused { cross_site } => Poll::Ready(Ok(refusal(*cross_site))),
        }
    }
}

fn refusal<R: Default>(cross_site: CrossSite) -> Response<R> {
    let mut response = Response::new(R::default());
    *response.status_mut() = StatusCode::FORBIDDEN;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(cross_site);
    response
}

impl<F> fmt::Debug for SameOriginFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SameOriginFuture")
            .field("refused", &matches!(self.verdict, Verdict::Refused { .. }))
            .finish_non_exhaustive()
    }
}
