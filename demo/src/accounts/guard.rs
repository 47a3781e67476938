//! The guard of pages that need a user: an extractor, or a way to the sign-in page and back.

use abiding::Session;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use serde::Serialize;

use super::{Reason, users::UserId};
use crate::{app::App, errors::Problem};

/// Who is signed in. A handler with this argument runs for nobody else.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) id: UserId,
    pub(crate) name: String,
}

/// What answers those who are not.
#[derive(Debug)]
pub(crate) enum Refused {
    Problem(Problem),
    /// To the sign-in page, for this reason, and from there to this page.
    SignIn(Reason, String),
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let session = abiding_tower::Session::from_request_parts(parts, app).await;
        let session = session.map_err(|_| Problem::internal())?;
        match Self::of(&session).await? {
            Some(user) => Ok(user),
            None => {
                let reason = Reason::of(session.standing().await?);
                tracing::info!(
                    reason = reason.word(),
                    path = parts.uri.path(),
                    "asked to sign in"
                );
                Err(Refused::SignIn(reason, way_back(parts)))
            }
        }
    }
}

impl SignedIn {
    /// Who is signed in, if anybody.
    pub(crate) async fn of(session: &Session) -> abiding::Result<Option<Self>> {
        let subject = session.subject().await?;
        let Some(id) = subject.as_deref().and_then(UserId::of_subject) else {
            return Ok(None);
        };
        let name = session.get(NAME).await?.unwrap_or_default();
        Ok(Some(Self { id, name }))
    }
}

impl Refused {
    /// Back to `page` afterwards, where the form is filled in as it was, unless that is far too long.
    pub(crate) fn with_typed(self, page: &str, form: &impl Serialize) -> Self {
        match (self, serde_urlencoded::to_string(form)) {
            (Self::SignIn(reason, _), Ok(typed)) if typed.len() <= LONGEST => {
                Self::SignIn(reason, format!("{page}?{typed}"))
            }
            (refused, _) => refused,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::SignIn(reason, next) => {
                let (reason, next) = (reason.word(), encoded(&next));
                Redirect::to(&format!("/sign-in?reason={reason}&next={next}")).into_response()
            }
        }
    }
}

impl<E: Into<Problem>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

/// The page to come back to: this one, or for a form the page that it was on.
fn way_back(parts: &Parts) -> String {
    if parts.method == Method::GET {
        return parts.uri.to_string();
    }
    referring_page(&parts.headers).unwrap_or_else(|| String::from(HOME))
}

fn referring_page(headers: &HeaderMap) -> Option<String> {
    let referer = headers.get(header::REFERER)?.to_str().ok()?;
    let (host, path) = referer.split_once("://")?.1.split_once('/')?;
    (headers.get(header::HOST)? == host).then(|| format!("/{path}"))
}

/// A place on this site, or home. Browsers take `//host` and `/\host` for other sites.
pub(crate) fn local(next: &str) -> &str {
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && next
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_local { next } else { HOME }
}

/// A path as the value of a query.
pub(super) fn encoded(path: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(byte);
    path.bytes()
        .map(|byte| match Some(byte).filter(is_plain) {
            Some(plain) => char::from(plain).to_string(),
            None => format!("%{byte:02X}"),
        })
        .collect()
}

/// In bytes: what is typed into one line, and an address that every server takes.
const LONGEST: usize = 2000;
/// Where those go who came from nowhere.
pub(crate) const HOME: &str = "/organizer";
/// The session key of the name of who is signed in.
pub(crate) const NAME: &str = "account.name";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_on_this_site_are_gone_to() {
        for (next, expected) in [
            ("/organizer/1?x=y#z", "/organizer/1?x=y#z"),
            ("/", "/"),
            ("", HOME),
            ("organizer", HOME),
            ("//evil.example", HOME),
            ("/\\evil.example", HOME),
            ("/x\\y", HOME),
            ("https://evil.example", HOME),
            ("javascript:alert(1)", HOME),
            ("/\r\nset-cookie: a=b", HOME),
            ("/\t/evil.example", HOME),
            ("/é", HOME),
        ] {
            assert_eq!(local(next), expected, "{next:?}");
        }
    }

    #[test]
    fn a_form_leads_back_to_its_page_on_this_site() {
        for (referer, expected) in [
            (
                "http://127.0.0.1:3000/organizer/1?a=b",
                Some("/organizer/1?a=b"),
            ),
            ("http://evil.example/organizer/1", None),
            ("http://127.0.0.1:3000", None),
            ("nonsense", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "127.0.0.1:3000".parse().unwrap());
            headers.insert(header::REFERER, referer.parse().unwrap());
            assert_eq!(referring_page(&headers).as_deref(), expected, "{referer}");
        }
    }
}
