//! The answer when a session could not be read or settled.

use std::{fmt, sync::Arc};

use abiding::{Error, ErrorKind};
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, RETRY_AFTER, VARY},
};

/// An [`abiding::Error`] on its way to the client: `?` in a handler makes one, and the layer does when a
/// session cannot be settled.
///
/// | kind | status |
/// |---|---|
/// | the session ended while the request ran | 409 Conflict |
/// | too many requests change one value | 503, `Retry-After: 1` |
/// | the store failed | 503, `Retry-After: 1` |
/// | a value cannot be stored or read, or is too large | 500 |
///
/// The body is empty and says nothing of the cause. The response carries the `Failure` in its
/// extensions, so that a middleware around the layer can show a page instead.
#[derive(Clone, Debug)]
pub struct Failure(Arc<Error>);

impl Failure {
    /// What failed.
    pub fn error(&self) -> &Error {
        &self.0
    }

    /// The status that tells the client.
    pub fn status(&self) -> StatusCode {
        match self.0.kind() {
            ErrorKind::Gone => StatusCode::CONFLICT,
            ErrorKind::Decode
            | ErrorKind::Encode
            | ErrorKind::TooLarge
            | ErrorKind::Unsupported => StatusCode::INTERNAL_SERVER_ERROR,
            // The store's faults, and kinds that are yet to come: fail closed, and let the client retry.
            _ => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(crate) fn response<B>(self, body: B) -> Response<B> {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(error = %self.0, cause = ?std::error::Error::source(&*self.0), "session failed");
        }
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
            .headers_mut()
            .insert(VARY, HeaderValue::from_static("Cookie"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)
    }
}
