//! The response: waits for the handler, then for the session to be settled, then adds the headers.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use abiding::{Closing, Manager, Session};
use http::Response;
use pin_project_lite::pin_project;
use zeroize::Zeroizing;

use crate::{failure::Failure, headers};

pin_project! {
    /// The future of a response whose session is settled before its head is sent.
    ///
    /// Dropped before that (the client is gone, or a time-out fired), nothing of the request is kept.
    pub struct ResponseFuture<F: Future> {
        #[pin]
        handler: F,
        open: Option<(Manager, Session)>,
        tells: bool,
        settling: Option<Settling<F::Output>>,
    }
}

/// A handler's answer, and the work that has to be done before it may leave.
struct Settling<O> {
    close: Pin<Box<dyn Future<Output = Closed> + Send>>,
    answer: Option<O>,
}

/// How settling went, and the cookie to be sent if it failed.
type Closed = Result<Closing, (abiding::Error, Option<Zeroizing<String>>)>;

impl<F: Future> ResponseFuture<F> {
    pub(crate) fn new(handler: F, manager: Manager, session: Session, tells: bool) -> Self {
        Self {
            handler,
            open: Some((manager, session)),
            tells,
            settling: None,
        }
    }

    /// A request whose session an outer layer settles.
    pub(crate) fn nested(handler: F) -> Self {
        Self {
            handler,
            open: None,
            tells: false,
            settling: None,
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.settling.is_none() {
            let mut answer = ready!(this.handler.poll(context));
            let Some((manager, session)) = this.open.take() else {
                return Poll::Ready(answer);
            };
            // An error of the service has no response to put a cookie on: as if the handler had not ended.
            let Ok(response) = &mut answer else {
                return Poll::Ready(answer);
            };
            if manager.close_untouched(&session) {
                return Poll::Ready(answer);
            }
            if let Some(closing) = manager.close_at_once(&session) {
                settled(response, closing, *this.tells);
                return Poll::Ready(answer);
            }
            let failed = response.status().is_server_error();
            let close = Box::pin(async move {
                let closed = manager.close(&session, failed).await;
                closed.map_err(|error| (error, manager.parting_cookie(&session)))
            });
            *this.settling = Some(Settling {
                close,
                answer: Some(answer),
            });
        }
        let Some(settling) = this.settling else {
            return Poll::Pending;
        };
        let closed = ready!(settling.close.as_mut().poll(context));
        let Some(Ok(mut response)) = settling.answer.take() else {
            return Poll::Pending;
        };
        match closed {
            Ok(closing) => {
                settled(&mut response, closing, *this.tells);
                Poll::Ready(Ok(response))
            }
            // What the handler says was done was not done: its answer must not leave.
            Err((error, cookie)) => {
                let mut response = Failure::from(error).response(R::default());
                if let Some(cookie) = cookie {
                    headers::set_cookie(response.headers_mut(), &cookie);
                }
                Poll::Ready(Ok(response))
            }
        }
    }
}

fn settled<R>(response: &mut Response<R>, closing: Closing, tells: bool) {
    tracing::debug!(session = %closing.summary, "settled");
    headers::apply(response.headers_mut(), &closing);
    if tells {
        response.extensions_mut().insert(closing.summary);
    }
}

impl<F: Future> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("settling", &self.settling.is_some())
            .finish_non_exhaustive()
    }
}
