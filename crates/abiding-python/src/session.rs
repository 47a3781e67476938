//! One request's session as Python holds it: values out, values in, and what to tell the browser.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use abiding::{Info, Summary, compat::Value};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyDict, PyList},
};

use crate::{
    errors::raised,
    house::House,
    known::{Changes, Known},
    values,
};

/// A visitor's session during one request.
#[pyclass(frozen, module = "abiding._native")]
pub(crate) struct Session {
    house: Arc<House>,
    session: abiding::Session,
    known: Mutex<Known>,
    /// What was known of it when it was fetched.
    info: Mutex<Option<Info>>,
}

/// What to add to the response.
#[pyclass(frozen, module = "abiding._native")]
pub(crate) struct Closing {
    /// The value of the one `Set-Cookie` header, if there is to be one.
    #[pyo3(get)]
    set_cookie: Option<String>,
    /// Whether the response depends on the session.
    #[pyo3(get)]
    accessed: bool,
    /// `None` for one that nobody looked at.
    summary: Option<Summary>,
}

#[pymethods]
impl Closing {
    /// What was done, in words.
    #[getter]
    fn summary(&self) -> String {
        match &self.summary {
            Some(summary) => summary.to_string(),
            None => "untouched".to_owned(),
        }
    }
}

impl Session {
    pub(crate) fn new(house: Arc<House>, session: abiding::Session) -> Self {
        Self {
            house,
            session,
            known: Mutex::default(),
            info: Mutex::default(),
        }
    }

    /// Never held while Python runs.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fetched(&self) -> MutexGuard<'_, Option<Info>> {
        self.info.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Session {
    /// Fetches the session into a dict: whether there is one, and whether its cookie outlives the browser.
    fn load(&self, py: Python<'_>, into: &Bound<'_, PyDict>) -> PyResult<(bool, bool)> {
        let session = &self.session;
        let read = async { Ok((session.info().await?, session.spelled().await?)) };
        let (info, pairs) = self.house.wait(py, read)?;
        let known = Known::fetched(pairs, into)?;
        *self.known() = known;
        let persistent = info.as_ref().is_some_and(|info| info.persistent);
        let mut fetched = self.fetched();
        *fetched = info;
        Ok((fetched.is_some(), persistent))
    }

    /// What was known of the session when it was fetched; `None` if there was none.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let info = self.fetched().clone();
        info.map(|info| info_dict(py, &info)).transpose()
    }

    /// Takes over what became of the values that were fetched. Values that are equal are no change, and the one
    /// at `beside` is none of them.
    fn put(
        &self,
        py: Python<'_>,
        now: &Bound<'_, PyDict>,
        beside: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        // Taken away meanwhile: Python may run.
        let mut known = mem::take(&mut *self.known());
        let changes = known.changes(now, beside);
        *self.known() = known;
        let Changes { set, removed } = changes?;
        for (key, value) in &set {
            let inserted = self.session.insert_value(key, value);
            inserted.map_err(|error| raised(py, &error))?;
        }
        for key in &removed {
            let removed = self.session.remove_value(key);
            removed.map_err(|error| raised(py, &error))?;
        }
        Ok(())
    }

    /// `put`, and then `close`.
    fn settle(
        &self,
        py: Python<'_>,
        now: &Bound<'_, PyDict>,
        beside: &Bound<'_, PyAny>,
        failed: bool,
    ) -> PyResult<Closing> {
        self.put(py, now, beside)?;
        self.close(py, failed)
    }

    /// Stores at once what was done to the list at `key`: others may add to it and take from it at the same time. `before`
    /// is the list as it was fetched; `now` begins with it, or has nothing of it any more.
    fn merge(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        before: &Bound<'_, PyList>,
        now: Option<&Bound<'_, PyList>>,
    ) -> PyResult<()> {
        let list = |list: &Bound<'_, PyList>| -> PyResult<Vec<Value>> {
            match values::from(key, list.as_any())? {
                Value::List(items) => Ok(items),
                _ => Ok(Vec::new()),
            }
        };
        let name = values::key_from(key)?;
        let (before, new) = (
            list(before)?,
            now.map(list).transpose()?.unwrap_or_default(),
        );
        let (taken, added) = match new.strip_prefix(&*before) {
            Some(added) => (&[][..], added),
            None => (&*before, &*new),
        };
        let merge = self.session.update_value(&name, |current| {
            let mut merged = match current {
                Some(Value::List(items)) => items,
                _ => Vec::new(),
            };
            match merged.strip_prefix(taken) {
                Some(others) => merged = others.to_vec(),
                None => merged.retain(|item| !taken.contains(item)),
            }
            merged.extend_from_slice(added);
            Ok((!merged.is_empty()).then_some(Value::List(merged)))
        });
        self.house.wait(py, merge)?;
        // As it is in the dict: what others did is theirs.
        match now {
            Some(now) => self.known().note(name, Value::List(new), key, now.as_any()),
            None => self.known().forget(&name),
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
                    self.known().note(name, value, key, &new);
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
                summary: None,
            });
        }
        let closing = match manager.close_at_once(&self.session) {
            Some(closing) => closing,
            None => self.house.wait(py, manager.close(&self.session, failed))?,
        };
        Ok(Closing {
            set_cookie: closing.set_cookie.as_deref().cloned(),
            accessed: closing.accessed,
            summary: Some(closing.summary),
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
