//! One request's session as Python holds it: values out, values in, and what to tell the browser.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use abiding::{Info, compat::Value};
use pyo3::{exceptions::PyTypeError, prelude::*, types::PyDict};

use crate::{
    errors::raised,
    house::House,
    values::{self, is_immutable},
};

/// A visitor's session during one request.
#[pyclass(frozen, module = "abiding._native")]
pub(crate) struct Session {
    house: Arc<House>,
    session: abiding::Session,
    /// The values as they were fetched or put last: what is like them is no change, whatever other
    /// requests have written since.
    known: Mutex<HashMap<Value, Value>>,
}

/// What to add to the response.
#[pyclass(frozen, get_all, module = "abiding._native")]
pub(crate) struct Closing {
    /// The value of the one `Set-Cookie` header, if there is to be one.
    set_cookie: Option<String>,
    /// Whether the response depends on the session.
    accessed: bool,
    /// What was done, in words.
    summary: String,
}

impl Session {
    pub(crate) fn new(house: Arc<House>, session: abiding::Session) -> Self {
        Self {
            house,
            session,
            known: Mutex::default(),
        }
    }

    /// Never held while Python runs.
    fn known(&self) -> MutexGuard<'_, HashMap<Value, Value>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Session {
    /// Fetches the session: its values, and what is known of it, or `None` if there is no session.
    fn load<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyDict>, Option<Bound<'py, PyDict>>)> {
        let session = &self.session;
        let read = async { Ok((session.info().await?, session.dict().await?)) };
        let (info, pairs) = self.house.wait(py, read)?;
        let dict = values::dict_to(py, &pairs)?;
        let info = info.as_ref().map(|info| info_dict(py, info)).transpose()?;
        *self.known() = pairs.into_pairs().into_iter().collect();
        Ok((dict, info))
    }

    /// Takes over what became of the values: `before` as they were fetched, `now` as they are. Values
    /// that are equal are no change.
    fn put(
        &self,
        py: Python<'_>,
        before: &Bound<'_, PyDict>,
        now: &Bound<'_, PyDict>,
    ) -> PyResult<()> {
        for (key, value) in now.iter() {
            let known = before.get_item(&key)?;
            if known.is_some_and(|known| known.is(&value) && is_immutable(&value)) {
                continue;
            }
            let value = values::from(&key, &value)?;
            let key = values::key_from(&key)?;
            if self.known().get(&key) == Some(&value) {
                continue;
            }
            let inserted = self.session.insert_value(&key, &value);
            inserted.map_err(|error| raised(py, &error))?;
            self.known().insert(key, value);
        }
        for key in before.keys() {
            if !now.contains(&key)? {
                let key = values::key_from(&key)?;
                let removed = self.session.remove_value(&key);
                removed.map_err(|error| raised(py, &error))?;
                self.known().remove(&key);
            }
        }
        Ok(())
    }

    /// Takes all values away; the session itself goes on.
    fn clear(&self) {
        self.session.clear();
        self.known().clear();
    }

    /// Stores at once, atomically, what `function` makes of the value at `key` (`None` if there is none): it runs
    /// again if another request came first. Answers what is stored.
    fn update<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
        function: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if !function.is_callable() {
            return Err(PyTypeError::new_err("update needs a key and a function"));
        }
        let name = values::key_from(key)?;
        // The function runs between two waits and never inside one: it may use the session itself.
        let mut known = None;
        let looked = self.session.update_value(&name, |current| {
            known.clone_from(&current);
            Ok(current)
        });
        self.house.wait(py, looked)?;
        loop {
            let old = match &known {
                Some(value) => values::to(py, value)?,
                None => py.None().into_bound(py),
            };
            let new = function.call1((old,))?;
            let value = values::from(key, &new)?;
            let mut met = None;
            let swap = self.session.update_value(&name, |current| {
                // What has changed meanwhile is left as it is, and the function asked again.
                met = (current != known).then(|| current.clone());
                Ok(if met.is_some() {
                    current
                } else {
                    Some(value.clone())
                })
            });
            self.house.wait(py, swap)?;
            match met {
                None => {
                    self.known().insert(name, value);
                    return Ok(new);
                }
                Some(current) => known = current,
            }
        }
    }

    /// Takes a new id. What is written from now on is not seen through the old one.
    fn regenerate(&self) {
        self.session.renew_apart();
    }

    /// Signs `subject` in, under a new id.
    fn login(&self, py: Python<'_>, subject: &str) -> PyResult<()> {
        let login = self.session.login(subject);
        login.map_err(|error| raised(py, &error))
    }

    /// Ends the session. What is put afterwards is a session of its own.
    fn logout(&self) {
        self.session.logout();
        self.known().clear();
    }

    /// Whether the cookie outlives the browser.
    fn set_persistent(&self, persistent: bool) {
        self.session.set_persistent(persistent);
    }

    /// Stores now what was put so far: before a long stream, say.
    fn save(&self, py: Python<'_>) -> PyResult<()> {
        self.house.wait(py, self.session.save())
    }

    /// Settles the request. `failed` says that the answer has a 5xx status.
    fn close(&self, py: Python<'_>, failed: bool) -> PyResult<Closing> {
        let manager = &self.house.manager;
        if manager.close_untouched(&self.session) {
            return Ok(Closing {
                set_cookie: None,
                accessed: false,
                summary: "untouched".to_owned(),
            });
        }
        let closing = match manager.close_at_once(&self.session) {
            Some(closing) => closing,
            None => self.house.wait(py, manager.close(&self.session, failed))?,
        };
        Ok(Closing {
            set_cookie: closing.set_cookie.as_deref().cloned(),
            accessed: closing.accessed,
            summary: closing.summary.to_string(),
        })
    }

    /// The cookie to send with the answer that says that closing failed.
    fn parting_cookie(&self) -> Option<String> {
        let cookie = self.house.manager.parting_cookie(&self.session);
        cookie.as_deref().cloned()
    }

    fn __repr__(&self) -> &'static str {
        "Session(..)"
    }
}

/// What is known of a session, for pages that show it. Times are Unix seconds.
pub(crate) fn info_dict<'py>(py: Python<'py>, info: &Info) -> PyResult<Bound<'py, PyDict>> {
    let seconds = |instant: abiding::Timestamp| instant.as_millis() as f64 / 1_000.0;
    let dict = PyDict::new(py);
    dict.set_item("handle", &info.handle)?;
    dict.set_item("created", seconds(info.created))?;
    dict.set_item("seen", seconds(info.seen))?;
    let idles = info.idle_deadline != abiding::Timestamp::MAX;
    dict.set_item("idle_deadline", idles.then(|| seconds(info.idle_deadline)))?;
    dict.set_item("absolute_deadline", seconds(info.absolute_deadline))?;
    dict.set_item("subject", info.subject.as_deref())?;
    dict.set_item("device", info.device.as_deref())?;
    dict.set_item("persistent", info.persistent)?;
    Ok(dict)
}
