//! Flask's own session cookie: the whole session in it, signed, readable by the visitor.

use std::{fmt, time::Duration};

use abiding::{
    Clock, SystemClock, Timestamp,
    compat::{
        Dict,
        cookie::CookieCodec,
        signer::{Derivation, Digest, Secrets},
    },
};
use pyo3::{prelude::*, types::PyDict};

use crate::{
    errors::{misconfigured, raised, wrong_setting},
    values::{self, Shade},
};

/// Reads and writes the values of Flask's session cookies.
#[pyclass(frozen, module = "abiding._native")]
pub(crate) struct SignedCookies {
    codec: CookieCodec,
    max_age: Duration,
    sort_keys: bool,
}

impl fmt::Debug for SignedCookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.codec.fmt(f)
    }
}

#[pymethods]
impl SignedCookies {
    /// `secrets`: the signing one, then those that verify too, in the order in which they are tried.
    #[new]
    #[pyo3(signature = (secrets, *, max_age, salt="cookie-session", derivation="hmac", digest="sha1", sort_keys=true))]
    fn new(
        py: Python<'_>,
        secrets: Vec<Vec<u8>>,
        max_age: f64,
        salt: &str,
        derivation: &str,
        digest: &str,
        sort_keys: bool,
    ) -> PyResult<Self> {
        let mut secrets = secrets.iter();
        let first = secrets.next().ok_or_else(|| {
            wrong_setting(
                py,
                "there is no secret: set SECRET_KEY to something unique and secret",
            )
        })?;
        let ring = secrets.fold(Secrets::new(first), |ring, secret| {
            ring?.with_fallback(secret)
        });
        let ring = ring.map_err(|error| misconfigured(py, &error))?;
        let derivation = match derivation {
            "concat" => Derivation::Concat,
            "django-concat" => Derivation::DjangoConcat,
            "hmac" => Derivation::Hmac,
            "none" => Derivation::None,
            other => {
                return Err(wrong_setting(
                    py,
                    format!("no key derivation is called {other:?}"),
                ));
            }
        };
        let digest = match digest {
            "sha1" => Digest::Sha1,
            "sha256" => Digest::Sha256,
            "sha512" => Digest::Sha512,
            other => {
                return Err(wrong_setting(
                    py,
                    format!("cookies cannot be signed with {other:?}: use sha1, sha256 or sha512"),
                ));
            }
        };
        let codec = CookieCodec::new(ring)
            .with_salt(salt)
            .with_derivation(derivation)
            .with_digest(digest)
            .with_sorted_keys(sort_keys);
        Ok(Self {
            codec,
            // A negative lifetime accepts nothing in Flask either, but for what is impossible.
            max_age: Duration::try_from_secs_f64(max_age).unwrap_or_default(),
            sort_keys,
        })
    }

    /// The session in this cookie; `None` where Flask begins a new one.
    #[pyo3(signature = (cookie, now=None))]
    fn read<'py>(
        &self,
        py: Python<'py>,
        cookie: &str,
        now: Option<i64>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let session = PyDict::new(py);
        Ok(self.fill(cookie, &session, now)?.then_some(session))
    }

    /// The cookie of this session, signed now.
    #[pyo3(signature = (session, now=None))]
    fn write(&self, session: &Bound<'_, PyDict>, now: Option<i64>) -> PyResult<String> {
        let now = instant(now);
        let written = match values::json_of(session, self.sort_keys) {
            Some(json) => self.codec.write_json(&json, now),
            None => self.codec.write(&values::dict_from(session)?, now),
        };
        written.map_err(|error| raised(session.py(), &error))
    }

    /// Puts the session in this cookie into a dict; `None` where Flask begins a new one.
    #[pyo3(signature = (cookie, into, now=None))]
    fn open(
        &self,
        cookie: &str,
        into: &Bound<'_, PyDict>,
        now: Option<i64>,
    ) -> PyResult<Option<CookieValues>> {
        if !self.fill(cookie, into, now)? {
            return Ok(None);
        }
        Ok(Some(CookieValues {
            cookie: cookie.to_owned(),
            shade: Shade::of_pairs(into),
        }))
    }

    /// Whether the session has other values than were in its cookie, nested ones included.
    fn differs(
        &self,
        opened: Option<&CookieValues>,
        session: &Bound<'_, PyDict>,
    ) -> PyResult<bool> {
        if opened.is_some_and(|opened| opened.shade.is_of_pairs(session)) {
            return Ok(false);
        }
        let now = values::dict_from(session)?;
        let before = match opened {
            // It was good when the request began.
            Some(opened) => self
                .codec
                .read(&opened.cookie, instant(None), Duration::MAX),
            None => Ok(None),
        };
        let before = before.map_err(|error| raised(session.py(), &error))?;
        let before = before.unwrap_or_default();
        if before == now {
            return Ok(false);
        }
        // Values that differ may still be spelt alike: what Flask flattens, keys in another order.
        let spell = |dict: &Dict| self.codec.write(dict, Timestamp::from_millis(0));
        match (spell(&before), spell(&now)) {
            (Ok(before), Ok(now)) => Ok(before != now),
            (_, Err(error)) | (Err(error), _) => Err(raised(session.py(), &error)),
        }
    }
}

impl SignedCookies {
    /// Puts the session in this cookie into an empty dict; whether there is one.
    fn fill(&self, cookie: &str, into: &Bound<'_, PyDict>, now: Option<i64>) -> PyResult<bool> {
        let py = into.py();
        let json = self.codec.read_json(cookie, instant(now), self.max_age);
        let Some(json) = json.map_err(|error| raised(py, &error))? else {
            return Ok(false);
        };
        if values::pairs_of_json(&json, into).is_none() {
            let session = self.codec.read(cookie, instant(now), Duration::MAX);
            let session = session.map_err(|error| raised(py, &error))?;
            for (key, value) in &session.unwrap_or_default() {
                into.set_item(values::to(py, key)?, values::to(py, value)?)?;
            }
        }
        Ok(true)
    }
}

/// What was in a session's cookie.
#[pyclass(frozen, module = "abiding._native")]
pub(crate) struct CookieValues {
    cookie: String,
    shade: Shade,
}

/// An instant that was given, in Unix seconds, or the present one.
fn instant(seconds: Option<i64>) -> Timestamp {
    match seconds {
        Some(seconds) => Timestamp::from_millis(seconds.saturating_mul(1_000)),
        None => SystemClock.now(),
    }
}
