//! The manager as Python holds it: made of settings, opened in each process when first needed.

use std::{
    iter,
    sync::{Arc, Mutex},
    time::Duration,
};

use abiding::{Expiry, FlaskSession, Phase};
use abiding_stores::{StoreUrl, StoreUrlError};
use pyo3::{prelude::*, sync::MutexExt, types::PyDict};

use crate::{
    cookie::Cookie,
    errors::{misconfigured, raised, wrong_setting},
    flask_session::{self, Settings},
    house::House,
    keys,
    place::{self, Kind, Place},
    session::Session,
};

/// Opens sessions in one store. Safe to share among threads; after a fork, `forget` it in the child and
/// make another one.
#[pyclass(frozen, module = "abiding._native")]
pub(crate) struct Sessions {
    place: Place,
    house: Mutex<Option<Arc<House>>>,
}

#[pymethods]
impl Sessions {
    #[new]
    #[pyo3(signature = (url, *, cookie, secrets=Vec::new(), keys=None, trust_any_secret=false, realm="default",
        idle_seconds=None, absolute_seconds=None, slide=true, size_limit=65_536, discard_on_server_error=false))]
    #[expect(
        clippy::too_many_arguments,
        reason = "keyword arguments, on the other side"
    )]
    fn new(
        py: Python<'_>,
        url: &str,
        cookie: Cookie,
        secrets: Vec<Vec<u8>>,
        keys: Option<&str>,
        trust_any_secret: bool,
        realm: &str,
        idle_seconds: Option<f64>,
        absolute_seconds: Option<f64>,
        slide: bool,
        size_limit: usize,
        discard_on_server_error: bool,
    ) -> PyResult<Self> {
        // The interpreter is detached while a thread of it waits.
        let store = url
            .parse()
            .map(StoreUrl::inline)
            .map_err(|error: StoreUrlError| wrong_setting(py, error.to_string()))?;
        let keys = match keys {
            Some(source) => keys::of_source(py, source)?,
            None => keys::of_secrets(py, &secrets, trust_any_secret)?,
        };
        let duration = |seconds: f64| {
            Duration::try_from_secs_f64(seconds)
                .map_err(|_| wrong_setting(py, format!("{seconds} seconds is no lifetime")))
        };
        let mut expiry = Expiry::new();
        if let Some(seconds) = idle_seconds {
            let idle = duration(seconds)?;
            expiry = expiry.idle(idle);
            if !slide {
                // The longest threshold there can be: no use is written down, only what is written anyway.
                expiry = expiry.touch_after(idle.saturating_sub(Duration::from_millis(1)));
            }
        }
        if let Some(seconds) = absolute_seconds {
            expiry = expiry.absolute(duration(seconds)?);
        }
        let kind = Kind::Native {
            store,
            keys,
            expiry,
            realm: realm.to_owned(),
        };
        Self::at(py, kind, &cookie, size_limit, discard_on_server_error)
    }

    /// Sessions where Flask-Session keeps them, as it keeps them.
    #[staticmethod]
    #[pyo3(signature = (settings, *, cookie, size_limit=1_048_576, discard_on_server_error=false))]
    fn flask_session(
        py: Python<'_>,
        settings: Settings,
        cookie: Cookie,
        size_limit: usize,
        discard_on_server_error: bool,
    ) -> PyResult<Self> {
        let kind = Kind::Shared(settings.shared(py)?);
        Self::at(py, kind, &cookie, size_limit, discard_on_server_error)
    }

    /// Flask's own signed cookie, for whoever moves from there or to there.
    #[staticmethod]
    #[pyo3(signature = (secrets, *, lifetime_seconds, cookie))]
    fn flask_cookie(
        py: Python<'_>,
        secrets: Vec<Vec<u8>>,
        lifetime_seconds: f64,
        cookie: Cookie,
    ) -> PyResult<Self> {
        let lifetime = Duration::try_from_secs_f64(lifetime_seconds)
            .map_err(|_| wrong_setting(py, "the lifetime is negative"))?;
        let ring = flask_session::ring(&secrets).map_err(|error| misconfigured(py, &error))?;
        let secrets = ring.ok_or_else(|| wrong_setting(py, "there is no secret for the cookie"))?;
        // As Flask has it, unless a session says otherwise.
        let sessions = FlaskSession::new().lifetime(lifetime).permanent(false);
        Self::at(py, Kind::Cookie { secrets, sessions }, &cookie, 0, false)
    }

    /// The same sessions, which may also live in other places: each with what becomes of those that do.
    fn elsewhere(&self, py: Python<'_>, others: Vec<(PyRef<'_, Self>, String)>) -> PyResult<Self> {
        let mut place = self.place.clone();
        for (other, phase) in others {
            let phase = match phase.as_str() {
                "mirror" => Phase::Mirror,
                "move" => Phase::Move,
                "probe" => Phase::Probe,
                other => {
                    let message = format!("{other:?} is no phase: use probe, move or mirror");
                    return Err(wrong_setting(py, message));
                }
            };
            place.others.push((other.place.clone(), phase));
        }
        Ok(Self {
            place,
            house: Mutex::new(None),
        })
    }

    /// Opens the store now, rather than at the first request.
    fn connect(&self, py: Python<'_>) -> PyResult<()> {
        self.house(py).map(drop)
    }

    /// The session of a request with this `Cookie` header. Looks at nothing yet.
    #[pyo3(signature = (cookie_header))]
    fn open(&self, py: Python<'_>, cookie_header: Option<&[u8]>) -> PyResult<Session> {
        let house = self.house(py)?;
        let session = house.manager.open(cookie_header);
        Ok(Session::new(house, session))
    }

    /// Removes up to `limit` sessions that ended by themselves: how many, and whether there are more.
    fn sweep(&self, py: Python<'_>, limit: usize) -> PyResult<(usize, bool)> {
        let house = self.house(py)?;
        let others = house.manager.places().into_iter().map(|(other, _)| other);
        let (mut removed, mut more) = (0, false);
        for place in iter::once(house.manager.clone()).chain(others) {
            // Cookies end by themselves.
            if place.store().is_some() {
                let swept = house.wait(py, place.sweep(limit))?;
                removed += swept.removed;
                more |= swept.more;
            }
        }
        Ok((removed, more))
    }

    /// How many sessions live.
    fn count(&self, py: Python<'_>) -> PyResult<usize> {
        let house = self.house(py)?;
        match &house.store {
            Some(store) => house.wait(py, place::count(store)),
            None => Err(wrong_setting(
                py,
                "cookies are kept by visitors: nobody can count them",
            )),
        }
    }

    /// Ends every session of a subject: how many there were.
    fn end_subject(&self, py: Python<'_>, subject: &str) -> PyResult<usize> {
        let house = self.house(py)?;
        house.wait(py, house.manager.end_subject(subject))
    }

    /// Ends one session of a subject, by its handle; `False` if there is none.
    fn revoke(&self, py: Python<'_>, subject: &str, handle: &str) -> PyResult<bool> {
        let house = self.house(py)?;
        house.wait(py, house.manager.revoke(subject, handle))
    }

    /// The living sessions of a subject, the most recently seen first.
    fn sessions_of<'py>(
        &self,
        py: Python<'py>,
        subject: &str,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let house = self.house(py)?;
        let infos = house.wait(py, house.manager.sessions_of(subject))?;
        infos
            .iter()
            .map(|info| crate::session::info_dict(py, info))
            .collect()
    }

    /// Leaves the parent's store alone in a forked child: nothing of it is closed or spoken to.
    #[expect(
        clippy::mem_forget,
        reason = "leaks some memory of a child, and never touches the parent's connections"
    )]
    fn forget(&self) {
        if let Ok(house) = self.house.try_lock() {
            std::mem::forget(house.clone());
        }
    }

    /// The store and the cookie, and no secret.
    fn __repr__(&self) -> String {
        format!(
            "Sessions({}, cookie {})",
            self.place.name(),
            self.place.cookie.name()
        )
    }
}

impl Sessions {
    fn at(
        py: Python<'_>,
        kind: Kind,
        cookie: &Cookie,
        size_limit: usize,
        discards_on_server_error: bool,
    ) -> PyResult<Self> {
        let cookie = cookie.spec().map_err(|error| misconfigured(py, &error))?;
        let place = Place {
            kind,
            cookie,
            size_limit,
            discards_on_server_error,
            others: Vec::new(),
        };
        place.check().map_err(|error| misconfigured(py, &error))?;
        Ok(Self {
            place,
            house: Mutex::new(None),
        })
    }

    fn house(&self, py: Python<'_>) -> PyResult<Arc<House>> {
        let mut slot = match self.house.lock_py_attached(py) {
            Ok(slot) => slot,
            // A panic while the store was opened left nothing behind.
            Err(poisoned) => poisoned.into_inner(),
        };
        match &*slot {
            Some(house) if house.is_own() => return Ok(Arc::clone(house)),
            _ => {}
        }
        // Held while the store is opened: one connects, and the others of this process wait for it.
        let house = py
            .detach(|| House::open(&self.place))
            .map_err(|error| raised(py, &error))?;
        let house = Arc::new(house);
        if let Some(parent) = slot.replace(Arc::clone(&house)) {
            forget(parent);
        }
        Ok(house)
    }
}

#[expect(
    clippy::mem_forget,
    reason = "leaks some memory of a child, and never touches the parent's connections"
)]
fn forget(parent: Arc<House>) {
    std::mem::forget(parent);
}
