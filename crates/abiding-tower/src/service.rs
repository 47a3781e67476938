//! The service: opens the session and hands it on in the request's extensions.

use std::task::{Context, Poll};

use abiding::{Manager, Session};
use http::{Request, Response, header::COOKIE};
use tower_service::Service;

use crate::future::ResponseFuture;

/// A service whose requests carry an [`abiding::Session`] in their extensions.
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    manager: Manager,
    tells: bool,
    inner: S,
}

impl<S> SessionService<S> {
    pub(crate) fn new(manager: Manager, tells: bool, inner: S) -> Self {
        Self {
            manager,
            tells,
            inner,
        }
    }
}

impl<S, B, R> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let outer = request
            .extensions()
            .get::<Session>()
            .is_some_and(|session| self.manager.opened(session));
        if outer {
            return ResponseFuture::nested(self.inner.call(request));
        }
        let headers = request.headers().get_all(COOKIE);
        let session = self
            .manager
            .open(headers.iter().map(http::HeaderValue::as_bytes));
        request.extensions_mut().insert(session.clone());
        let answer = self.inner.call(request);
        ResponseFuture::new(answer, self.manager.clone(), session, self.tells)
    }
}
