//! Refuses requests that another site made a browser send.
//!
//! Called by the router before every handler. In order:
//!
//! 1. Methods that change nothing pass.
//! 2. `Sec-Fetch-Site`, which no page can forge, decides where it is sent: the same origin and the
//!    person's own hand pass, everything else is refused.
//! 3. Older browsers send `Origin` with a POST: its host must be the one that was asked.
//! 4. Neither header: no browser, so nobody was tricked.

use axum::{
    extract::Request,
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use crate::errors::Problem;

/// The middleware.
pub(crate) async fn same_origin_only(request: Request, next: Next) -> Response {
    if is_welcome(request.method(), request.headers()) {
        next.run(request).await
    } else {
        Problem::cross_site().into_response()
    }
}

fn is_welcome(method: &Method, headers: &HeaderMap) -> bool {
    if method.is_safe() {
        return true;
    }
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let text = |value: Option<&axum::http::HeaderValue>| {
        value
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let asked = text(headers.get(header::HOST));
    let from = text(Some(origin)).and_then(|origin| Some(origin.split_once("://")?.1.to_owned()));
    from.is_some() && from == asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_of_our_own_pages_change_anything() {
        let ours = ("origin", "http://127.0.0.1:3000");
        let theirs = ("origin", "https://evil.example");
        for (method, headers, welcome) in [
            (
                Method::GET,
                vec![("sec-fetch-site", "cross-site"), theirs],
                true,
            ),
            (Method::POST, vec![], true),
            (Method::POST, vec![("sec-fetch-site", "same-origin")], true),
            (Method::POST, vec![("sec-fetch-site", "none")], true),
            (
                Method::POST,
                vec![("sec-fetch-site", "same-site"), ours],
                false,
            ),
            (
                Method::POST,
                vec![("sec-fetch-site", "cross-site"), ours],
                false,
            ),
            (Method::POST, vec![("sec-fetch-site", "Same-Origin")], false),
            (Method::POST, vec![ours], true),
            (Method::POST, vec![theirs], false),
            (Method::POST, vec![("origin", "null")], false),
            (
                Method::POST,
                vec![("origin", "http://127.0.0.1:3000.evil.example")],
                false,
            ),
            (Method::DELETE, vec![theirs], false),
        ] {
            let mut map = HeaderMap::new();
            map.insert("host", "127.0.0.1:3000".parse().unwrap());
            for (name, value) in &headers {
                map.insert(*name, value.parse().unwrap());
            }
            assert_eq!(is_welcome(&method, &map), welcome, "{method} {headers:?}");
        }
    }
}
