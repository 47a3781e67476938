//! Refuses what another site made a browser send.
//!
//! A request that may change something (`POST`, `PUT`, …) is judged by what browsers say of where it
//! comes from, which no page can forge. In this order:
//!
//! 1. Methods that change nothing pass: `GET`, `HEAD`, `OPTIONS` and `TRACE` (RFC 9110, 9.2.1).
//! 2. An `Origin` on the allow-list passes. It is compared byte by byte.
//! 3. `Sec-Fetch-Site`, where it is sent, decides (W3C, Fetch Metadata): `same-origin` and `none`, the
//!    person's own hand, pass; `same-site`, `cross-site` and whatever else are refused. A sibling
//!    subdomain is another site here: it may be in other hands, and `SameSite` cookies do not tell.
//! 4. `Origin`, where it is sent, has to be what was asked: the same host and port, and the same scheme
//!    where it is known (RFC 6454, 5 and 7.3). `null` is nobody's origin. Browsers before 2023 send this
//!    alone, and every browser does over plain http to another machine.
//! 5. Neither header: no browser since 2020, so nobody was tricked. A program authenticates itself.
//!
//! Headers that come twice or cannot be read are refused. What was asked is the [`Client`] of a
//! [`ClientLayer`](crate::ClientLayer) further out, which knows the proxies; without one, it is the host of the request, and the
//! scheme is not known. A proxy that replaces `Host` and is not trusted makes rule 4 refuse: it has to
//! pass it on with its port (nginx: `$http_host`, not `$host`).
//!
//! The same rules as `CrossOriginProtection` of Go 1.25 (`net/http`) and `csrf` of tower-http 0.7, with three
//! differences: the scheme counts where a proxy tells it; a port that is the scheme's own may be
//! written or not; an allow-list that could never match is refused when it is built, not ignored.
//!
//! What this does not do: it knows nothing of the session, so a page of the same origin that an
//! attacker can write to passes; and `GET` handlers must not change anything. Forms carry a token
//! besides: [`GuardedForm`](crate::GuardedForm).

mod origin;
mod service;

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, Request, header::ORIGIN};
use tower_layer::Layer;

pub use service::{SameOriginFuture, SameOriginService};

use crate::{address_error::AddressError, client::Client};
use origin::Origin;

/// The layer that refuses unsafe requests of other sites, by the numbered rules above: `Sec-Fetch-Site`
/// first, then `Origin`.
///
/// The refusal is 403 with an empty body. It carries a [`CrossSite`] in its extensions, so that a
/// middleware around the layer can show a page instead.
///
/// ```
/// use abiding_tower::SameOrigin;
/// use axum::{Router, routing::post};
///
/// let guard = SameOrigin::new().allowing("https://pay.example")?;
/// let app: Router = Router::new().route("/", post(async || "done")).layer(guard);
/// # Ok::<(), abiding_tower::AddressError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a layer does nothing before it is put around a service"]
pub struct SameOrigin {
    allowed: Arc<[Box<str>]>,
}

impl SameOrigin {
    /// A layer that lets the application's own pages pass, and nobody else's.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the pages of another origin pass as well, whatever they make a browser send.
    ///
    /// # Errors
    /// [`AddressError::Origin`] for what no browser sends: a path, a slash at the end, capitals, `null`.
    pub fn allowing(self, origin: &str) -> Result<Self, AddressError> {
        let added = origin::checked(origin)?;
        let allowed = self.allowed.iter().cloned().chain([added]).collect();
        Ok(Self { allowed })
    }

    fn judge<B>(&self, request: &Request<B>) -> Result<(), CrossSite> {
        let headers = request.headers();
        if request.method().is_safe() {
            return Ok(());
        }
        let (origin, site) = (one(headers, &ORIGIN), one(headers, &SEC_FETCH_SITE));
        if origin.is_some_and(|origin| self.allowed.iter().any(|allowed| **allowed == *origin)) {
            return Ok(());
        }
        match (site, origin) {
            (Some("same-origin" | "none"), _) | (None, None) => Ok(()),
            (Some(_), _) => Err(CrossSite::FetchSite),
            (None, Some(origin)) => {
                let client = Client::of(request);
                let ours = Origin::parse(origin).is_some_and(|origin| origin.was_asked_by(&client));
                if ours { Ok(()) } else { Err(CrossSite::Origin) }
            }
        }
    }
}

impl<S> Layer<S> for SameOrigin {
    type Service = SameOriginService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SameOriginService::new(self.clone(), inner)
    }
}

/// By what a request was known to come from another site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrossSite {
    /// By its `Sec-Fetch-Site`.
    FetchSite,
    /// By its `Origin`, which is not what was asked. A proxy that replaces the host looks the same.
    Origin,
}

impl fmt::Display for CrossSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FetchSite => "the browser says that another site made the request",
            Self::Origin => "the origin of the request is not the host that was asked",
        })
    }
}

/// The value of a header; of one that comes twice or is not ASCII, one that is nobody's.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (value, other) = (values.next()?, values.next());
    let readable = |value: &'a HeaderValue| value.to_str().ok().filter(|_| other.is_none());
    Some(readable(value).unwrap_or("null"))
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[cfg(test)]
mod tests {
    use http::{Method, uri::Scheme};

    use super::*;

    const OURS: (&str, &str) = ("origin", "https://shop.example");
    const THEIRS: (&str, &str) = ("origin", "https://evil.example");
    const PAY: (&str, &str) = ("origin", "https://pay.example");
    const NULL: (&str, &str) = ("origin", "null");

    fn judge(
        method: &Method,
        headers: &[(&'static str, &str)],
        client: Option<Client>,
    ) -> Result<(), CrossSite> {
        let mut request = Request::new(());
        *request.method_mut() = method.clone();
        request
            .headers_mut()
            .insert("host", "shop.example".parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        if let Some(client) = client {
            request.extensions_mut().insert(client);
        }
        let guard = SameOrigin::new().allowing("https://pay.example").unwrap();
        guard.judge(&request)
    }

    fn site(value: &'static str) -> (&'static str, &'static str) {
        ("sec-fetch-site", value)
    }

    /// CK-13: every method, every answer of Fetch Metadata, every kind of origin.
    #[test]
    fn only_requests_of_our_own_pages_change_anything() {
        let (by_site, by_origin) = (Err(CrossSite::FetchSite), Err(CrossSite::Origin));
        for (headers, expected) in [
            (vec![], Ok(())),
            (vec![site("same-origin")], Ok(())),
            (vec![site("none")], Ok(())),
            (vec![site("same-origin"), THEIRS], Ok(())),
            (vec![site("same-site"), OURS], by_site),
            (vec![site("cross-site"), OURS], by_site),
            (vec![site("cross-site")], by_site),
            (vec![site("Same-Origin")], by_site),
            (vec![site("")], by_site),
            (vec![site("same-origin"), site("same-origin")], by_site),
            (vec![site("same-origin\u{e9}")], by_site),
            (vec![site("cross-site"), PAY], Ok(())),
            (vec![PAY], Ok(())),
            (vec![OURS], Ok(())),
            (vec![("origin", "http://shop.example")], Ok(())),
            (vec![THEIRS], by_origin),
            (vec![NULL], by_origin),
            (vec![("origin", "")], by_origin),
            (vec![("origin", "shop.example")], by_origin),
            (
                vec![("origin", "https://shop.example.evil.example")],
                by_origin,
            ),
            (
                vec![("origin", "https://evil.example/shop.example")],
                by_origin,
            ),
            (
                vec![("origin", "https://shop.example@evil.example")],
                by_origin,
            ),
            (vec![("origin", "https://shop.example:8443")], by_origin),
            (vec![("origin", "https://SHOP.example")], by_origin),
            (vec![("origin", "https://pay.example:444")], by_origin),
            (vec![OURS, OURS], by_origin),
            (vec![PAY, THEIRS], by_origin),
        ] {
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let judged = judge(&method, &headers, None);
                assert_eq!(judged, expected, "{method} {headers:?}");
            }
            for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
                assert_eq!(
                    judge(&method, &headers, None),
                    Ok(()),
                    "{method} {headers:?}"
                );
            }
        }
        let unheard_of = Method::from_bytes(b"MERGE").unwrap();
        assert_eq!(judge(&unheard_of, &[THEIRS], None), by_origin);
    }

    #[test]
    fn what_was_asked_is_what_a_trusted_proxy_says() {
        let client = |scheme: Option<Scheme>, host: Option<&str>| Client {
            address: None,
            scheme,
            host: host.map(str::to_owned),
        };
        let (http, https) = (Some(Scheme::HTTP), Some(Scheme::HTTPS));
        for (origin, client, passes) in [
            (
                "https://front.example",
                client(https.clone(), Some("front.example")),
                true,
            ),
            (
                "https://front.example",
                client(https.clone(), Some("front.example:443")),
                true,
            ),
            (
                "http://front.example",
                client(http.clone(), Some("front.example:80")),
                true,
            ),
            (
                "https://front.example:8443",
                client(https.clone(), Some("front.example:8443")),
                true,
            ),
            (
                "https://front.example:8443",
                client(https.clone(), Some("front.example")),
                false,
            ),
            (
                "http://front.example",
                client(https.clone(), Some("front.example")),
                false,
            ),
            (
                "https://front.example",
                client(http, Some("front.example")),
                false,
            ),
            (
                "https://front.example",
                client(https.clone(), Some("front.example:80")),
                false,
            ),
            (
                "https://shop.example",
                client(https, Some("front.example")),
                false,
            ),
            ("https://front.example", client(None, None), false),
        ] {
            let judged = judge(&Method::POST, &[("origin", origin)], Some(client.clone()));
            assert_eq!(judged.is_ok(), passes, "{origin} {client:?}");
        }
    }

    #[test]
    fn an_origin_that_could_never_match_is_refused_when_the_layer_is_built() {
        let error = SameOrigin::new()
            .allowing("https://pay.example/")
            .unwrap_err();
        assert!(error.to_string().contains("no slash at the end"), "{error}");
    }
}
