//! Why a form was refused, with what was typed into it.

use std::{error::Error, fmt, sync::Arc};

use axum_core::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde::de::DeserializeOwned;

use crate::{extract::MissingLayer, failure::Failure};

/// A form that a [`GuardedForm`](super::GuardedForm) did not let through. It keeps what was typed, and
/// never the token.
///
/// As a response it has the [`status`](Self::status) and a line of text that repeats nothing of the form, and
/// carries the `FormRefusal` in its extensions, so that a middleware can show a page instead.
#[derive(Clone)]
pub struct FormRefusal {
    reason: Reason,
    fields: Arc<[(String, String)]>,
    rest: Arc<str>,
}

#[derive(Clone, Debug)]
pub(super) enum Reason {
    Failed(Failure),
    Forged,
    MissingLayer(MissingLayer),
    TooLarge,
    Unfit(Arc<serde_urlencoded::de::Error>),
    Unreadable,
    WrongType,
}

impl Reason {
    /// What it means that the body could not be had.
    pub(super) fn of_body(status: StatusCode) -> Self {
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            _ => Self::Unreadable,
        }
    }
}

impl From<serde_urlencoded::de::Error> for Reason {
    fn from(error: serde_urlencoded::de::Error) -> Self {
        Self::Unfit(Arc::new(error))
    }
}

impl FormRefusal {
    pub(super) fn new(reason: Reason, fields: Vec<(String, String)>, rest: String) -> Self {
        if matches!(reason, Reason::Forged) {
            tracing::warn!("refused: a form without a token of this session");
        }
        Self {
            reason,
            fields: fields.into(),
            rest: rest.into(),
        }
    }

    /// Whether the form token was missing or not made for this session: another site's doing, or that
    /// somebody signed in or out since the page was opened. Show the form again, with a fresh token and
    /// what was typed, and let the person decide.
    pub fn forged(&self) -> bool {
        matches!(self.reason, Reason::Forged)
    }

    /// What was typed, as names and values in the order in which they came, without the token. Empty if
    /// the body could not be read.
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// What was typed as a `T`, if it makes one: to fill in a form that is shown again.
    pub fn typed<T: DeserializeOwned>(&self) -> Option<T> {
        serde_urlencoded::from_str(&self.rest).ok()
    }

    /// The failure, if it is the session that could not be read.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.reason {
            Reason::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// The status that tells the client: 400, 403, 413, 415 or 422, and 5xx if it is not the client's fault.
    pub fn status(&self) -> StatusCode {
        match &self.reason {
            Reason::Failed(failure) => failure.status(),
            Reason::Forged => StatusCode::FORBIDDEN,
            Reason::MissingLayer(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Reason::Unfit(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Reason::Unreadable => StatusCode::BAD_REQUEST,
            Reason::WrongType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }
}

impl From<Reason> for FormRefusal {
    fn from(reason: Reason) -> Self {
        Self::new(reason, Vec::new(), String::new())
    }
}

impl IntoResponse for FormRefusal {
    fn into_response(self) -> Response {
        let mut response = match &self.reason {
            Reason::Failed(failure) => failure.clone().into_response(),
            Reason::MissingLayer(missing) => missing.into_response(),
            _ => {
                let mut response = Response::new(Body::from(self.to_string()));
                *response.status_mut() = self.status();
                let headers = response.headers_mut();
                let text = HeaderValue::from_static("text/plain; charset=utf-8");
                headers.insert(CONTENT_TYPE, text);
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                response
            }
        };
        response.extensions_mut().insert(self);
        response
    }
}

impl fmt::Display for FormRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.reason {
            Reason::Failed(failure) => return failure.fmt(f),
            Reason::Forged => "the form has no token of this session",
            Reason::MissingLayer(missing) => return missing.fmt(f),
            Reason::TooLarge => "the form is larger than what is taken",
            Reason::Unfit(_) => "a field of the form is missing or not what it should be",
            Reason::Unreadable => "the form cannot be read",
            Reason::WrongType => "a form is sent as application/x-www-form-urlencoded",
        })
    }
}

impl Error for FormRefusal {
    /// What is wrong with the fields, in words that may repeat what was typed.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.reason {
            Reason::Failed(failure) => failure.source(),
            Reason::Unfit(error) => Some(&**error),
            _ => None,
        }
    }
}

/// Names alone: among the values may be a password.
impl fmt::Debug for FormRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.fields.iter().map(|(name, _)| name).collect();
        f.debug_struct("FormRefusal")
            .field("status", &self.status())
            .field("fields", &names)
            .finish_non_exhaustive()
    }
}
