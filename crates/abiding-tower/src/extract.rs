//! Extractors for axum: the session, and the session as a struct.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use axum_core::{
    body::Body,
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use serde::{Serialize, de::DeserializeOwned};

use crate::{client::Client, failure::Failure};

/// The session of the request; everything that [`abiding::Session`] can do.
#[derive(Clone, Debug)]
pub struct Session(pub abiding::Session);

impl Deref for Session {
    type Target = abiding::Session;

    fn deref(&self) -> &abiding::Session {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingLayer> {
        parts
            .extensions
            .get()
            .cloned()
            .map(Self)
            .ok_or(MissingLayer::SESSION)
    }
}

/// The session as a `T`: each field is a key, and the fields that the handler changed are stored.
/// See [`abiding::Typed`].
///
/// ```
/// use abiding_tower::Typed;
///
/// #[derive(Default, serde::Deserialize, serde::Serialize)]
/// #[serde(default)]
/// struct Visitor { name: Option<String>, visits: u32 }
///
/// async fn greet(mut visitor: Typed<Visitor>) -> String {
///     visitor.visits += 1;
///     format!("Hello {}", visitor.name.as_deref().unwrap_or("stranger"))
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(greet));
/// ```
#[derive(Debug)]
pub struct Typed<T: Serialize>(pub abiding::Typed<T>);

impl<T: Serialize> Deref for Typed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Serialize> DerefMut for Typed<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<S: Send + Sync, T: Serialize + DeserializeOwned> FromRequestParts<S> for Typed<T> {
    type Rejection = TypedRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, TypedRejection> {
        let session = Session::from_request_parts(parts, state)
            .await
            .map_err(TypedRejection::MissingLayer)?;
        let typed = session
            .typed()
            .await
            .map_err(|error| TypedRejection::Failure(error.into()))?;
        Ok(Self(typed))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingLayer> {
        let client = parts.extensions.get().cloned();
        client.ok_or(MissingLayer::CLIENT)
    }
}

/// A route uses what a layer provides, and that layer is not around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingLayer(&'static str);

impl MissingLayer {
    const CLIENT: Self = Self(
        "this route asks for the client; add `.layer(ClientLayer::new(proxies))` to its router",
    );
    pub(crate) const SESSION: Self =
        Self("this route uses sessions; add `.layer(SessionLayer::new(manager))` to its router");
}

impl fmt::Display for MissingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for MissingLayer {}

impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        tracing::error!("{self}");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

/// Why a [`Typed`] could not be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum TypedRejection {
    /// The session could not be read, or is not of that type.
    Failure(Failure),
    /// There is no layer.
    MissingLayer(MissingLayer),
}

impl IntoResponse for TypedRejection {
    fn into_response(self) -> Response {
        match self {
            Self::Failure(failure) => failure.into_response(),
            Self::MissingLayer(missing) => missing.into_response(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.response(Body::empty())
    }
}
