//! What a browser does with a session cookie: takes it, sends it, lets it be taken away.

use std::fmt;

use abiding::Summary;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{COOKIE, SET_COOKIE},
};

/// A visitor's browser. A clone is another tab, or a thief with a copy of the cookie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Browser {
    /// `name=value`.
    cookie: Option<String>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A browser that holds this cookie, however it came by it.
    pub(crate) fn holding(cookie: impl Into<String>) -> Self {
        Self {
            cookie: Some(cookie.into()),
        }
    }

    /// The `name=value` that it would send.
    pub(crate) fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// The value alone.
    pub(crate) fn value(&self) -> &str {
        self.cookie()
            .and_then(|cookie| cookie.split_once('='))
            .map_or("", |(_, value)| value)
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        let cookie = self
            .cookie()
            .map(|cookie| (COOKIE, HeaderValue::from_str(cookie).unwrap()));
        cookie.into_iter().collect()
    }

    /// Takes note of the answer's cookie, by the rules of RFC 6265bis, 5.7.
    pub(crate) fn receive(&mut self, answer: &Answer) {
        let Some(set_cookie) = answer.set_cookie() else {
            return;
        };
        let mut parts = set_cookie.split("; ");
        let pair = parts.next().unwrap();
        let attributes: Vec<_> = parts.collect();
        let has = |attribute| attributes.contains(&attribute);
        if pair.starts_with("__Host-") {
            let keeps = has("Secure") && has("Path=/") && !set_cookie.contains("Domain=");
            assert!(keeps, "a browser drops this: {set_cookie}");
        }
        self.cookie = (!has("Max-Age=0")).then(|| pair.to_owned());
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) summary: Option<Summary>,
}

impl Answer {
    /// The one `Set-Cookie`, if there is any. Never two (scar 23).
    pub(crate) fn set_cookie(&self) -> Option<&str> {
        let all: Vec<_> = self.headers.get_all(SET_COOKIE).iter().collect();
        assert!(all.len() < 2, "{all:?}");
        all.first().map(|value| value.to_str().unwrap())
    }

    /// The body of an answer that went well.
    pub(crate) fn text(&self) -> &str {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        &self.body
    }

    /// What was done to the store, in words.
    pub(crate) fn summary(&self) -> String {
        self.summary
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?}", self.status, self.headers, self.body)
    }
}
