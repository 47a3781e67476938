//! A form that only this application can have shown: axum's extractor, with the form token checked.
//!
//! What is checked, in this order, and what the answer is otherwise ([`FormRefusal`]):
//!
//! | | status |
//! |---|---|
//! | there is a session layer | 500 |
//! | the content type is `application/x-www-form-urlencoded` | 415 |
//! | the body is within axum's limit (2 MB, or `DefaultBodyLimit`) | 413 |
//! | it is UTF-8, percent-encoded bytes included | 400 |
//! | the session can be read | 503, as [`Failure`](crate::Failure) |
//! | the token is one that [`abiding::Session::admits_form_token`] admits | 403 |
//! | the fields make a `T` | 422 |
//!
//! The token is looked for in the header [`FORM_TOKEN_HEADER`], where a script puts it, and otherwise in
//! the field [`FORM_TOKEN`]; never in the address, which ends up in logs. A field that comes twice is no token.

mod fields;
mod refusal;

use std::ops::{Deref, DerefMut};

use axum_core::extract::{FromRequest, Request};
use http::{HeaderMap, HeaderName, header::CONTENT_TYPE};
use serde::de::{DeserializeOwned, IgnoredAny};

pub use refusal::FormRefusal;

use crate::extract::MissingLayer;
use fields::Fields;
use refusal::Reason;

/// The name of the hidden field that holds the token.
pub const FORM_TOKEN: &str = "form_token";

/// The header in which a script sends the token.
pub const FORM_TOKEN_HEADER: HeaderName = HeaderName::from_static("x-form-token");

/// The fields of a form as a `T`, like axum's `Form`, refused unless the form holds a token that was
/// made for this session. Without a `T`, a form that is a button and nothing else.
///
/// Take a `Result<GuardedForm<T>, FormRefusal>` to show the form again with what was typed.
///
/// ```
/// use abiding_tower::{FORM_TOKEN, Failure, FormRefusal, GuardedForm, Session};
/// use axum::response::Html;
///
/// #[derive(Default, serde::Deserialize)]
/// struct Guest { name: String }
///
/// async fn show(session: Session) -> Result<Html<String>, Failure> {
///     let token = session.form_token().await?;
///     Ok(Html(format!(
///         r#"<form method="post"><input type="hidden" name="{FORM_TOKEN}" value="{token}"><input name="name"></form>"#
///     )))
/// }
///
/// async fn invite(GuardedForm(guest): GuardedForm<Guest>) -> String {
///     format!("{} is invited", guest.name)
/// }
///
/// async fn sign_out(session: Session, _: GuardedForm) {
///     session.logout();
/// }
/// # let app: axum::Router = axum::Router::new().route("/", axum::routing::get(show).post(invite));
/// # let _ = app.route("/sign-out", axum::routing::post(sign_out));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GuardedForm<T = IgnoredAny>(pub T);

impl<T> Deref for GuardedForm<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for GuardedForm<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for GuardedForm<T> {
    type Rejection = FormRefusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, FormRefusal> {
        let session = request.extensions().get::<abiding::Session>().cloned();
        let session = session.ok_or(Reason::MissingLayer(MissingLayer::SESSION))?;
        if !is_form(request.headers()) {
            return Err(Reason::WrongType.into());
        }
        let header = request.headers().get(FORM_TOKEN_HEADER).cloned();
        let body = String::from_request(request, state)
            .await
            .map_err(|rejection| Reason::of_body(rejection.status()))?;
        let Fields {
            token,
            rest,
            pairs,
            readable,
        } = Fields::parse(&body);
        let refused = |reason| FormRefusal::new(reason, pairs.clone(), rest.clone());
        if !readable {
            return Err(refused(Reason::Unreadable));
        }
        let token = match &header {
            Some(header) => header.to_str().ok(),
            None => token.as_deref(),
        };
        let admitted = match token {
            Some(token) => session.admits_form_token(token).await,
            None => Ok(false),
        };
        match admitted {
            Ok(true) => {}
            Ok(false) => return Err(refused(Reason::Forged)),
            Err(error) => return Err(refused(Reason::Failed(error.into()))),
        }
        let typed = serde_urlencoded::from_str(&rest);
        typed.map(Self).map_err(|error| refused(error.into()))
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| {
        essence
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}
