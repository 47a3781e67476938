//! The values of a session as they were fetched or put last: what is like them is no change, whatever other
//! requests have written since.

use std::collections::HashMap;

use abiding::{Spelled, compat::Value};
use pyo3::{
    prelude::*,
    types::{PyDict, PyString},
};

use crate::{
    errors::raised,
    values::{self, Shade},
};

/// In the order in which they were fetched.
#[derive(Default)]
pub(crate) struct Known(Vec<Pair>);

struct Pair {
    key: Value,
    was: Was,
    /// The objects that were made of them.
    name: Py<PyAny>,
    shade: Shade,
}

/// A value as it was.
enum Was {
    /// Not read yet: most are never asked for.
    Spelled(Spelled),
    Value(Value),
}

/// What became of the values.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) set: Vec<(Value, Value)>,
    pub(crate) removed: Vec<Value>,
}

impl Known {
    /// Puts what was fetched into a dict, which may be of a class that says that it is no dict.
    pub(crate) fn fetched(pairs: Vec<Spelled>, into: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = into.py();
        let mut known = Self(Vec::with_capacity(pairs.len()));
        for pair in pairs {
            if let Some((key, json)) = pair.plain()
                && let Some(object) = values::of_json(py, json)
            {
                let (name, key) = (PyString::new(py, key).into_any(), key.into());
                known.add(key, Was::Spelled(pair), &name, &object, into)?;
                continue;
            }
            for (key, value) in pair.read().map_err(|error| raised(py, &error))? {
                known.fetch(key, value, into)?;
            }
        }
        Ok(known)
    }

    fn fetch(&mut self, key: Value, value: Value, into: &Bound<'_, PyDict>) -> PyResult<()> {
        let py = into.py();
        let (name, object) = (values::to(py, &key)?, values::to(py, &value)?);
        self.add(key, Was::Value(value), &name, &object, into)
    }

    fn add(
        &mut self,
        key: Value,
        was: Was,
        name: &Bound<'_, PyAny>,
        object: &Bound<'_, PyAny>,
        into: &Bound<'_, PyDict>,
    ) -> PyResult<()> {
        into.set_item(name, object)?;
        self.0.push(Pair::new(key, was, name, object));
        Ok(())
    }

    /// What is other in `now` than it was, and is known from here on; nothing is, if a value cannot be kept. The pair
    /// at `beside` does not count.
    pub(crate) fn changes(
        &mut self,
        now: &Bound<'_, PyDict>,
        beside: &Bound<'_, PyAny>,
    ) -> PyResult<Changes> {
        let mut seen = vec![false; self.0.len()];
        // Those that were not found in the order in which they were.
        let mut places: Option<HashMap<&Value, usize>> = None;
        let (mut edits, mut new) = (Vec::new(), Vec::new());
        let mut next = 0;
        for (name, object) in now.iter() {
            let ahead = self.0[next..].iter().position(|pair| name.is(&pair.name));
            let place = match ahead {
                Some(ahead) => {
                    next += ahead + 1;
                    Some(next - 1)
                }
                None if is_beside(&name, beside)? => continue,
                None => {
                    let key = values::key_from(&name)?;
                    let places = places.get_or_insert_with(|| {
                        let places = self.0.iter().enumerate();
                        places.map(|(place, pair)| (&pair.key, place)).collect()
                    });
                    let place = places.get(&key).copied();
                    if place.is_none() {
                        let value = values::from(&name, &object)?;
                        new.push((
                            Pair::new(key.clone(), Was::Value(value.clone()), &name, &object),
                            (key, value),
                        ));
                    }
                    place
                }
            };
            let Some(place) = place else { continue };
            seen[place] = true;
            if !self.0[place].shade.is_of(&object) && !is_beside(&name, beside)? {
                edits.push((place, values::from(&name, &object)?, Shade::of(&object)));
            }
        }
        let py = now.py();
        let mut changes = Changes::default();
        for (place, value, shade) in edits {
            let pair = &mut self.0[place];
            pair.shade = shade;
            if pair.was.value(py)? != value {
                changes.set.push((pair.key.clone(), value.clone()));
            }
            pair.was = Was::Value(value);
        }
        for (pair, seen) in self.0.iter().zip(&seen) {
            if !seen && !is_beside(pair.name.bind(py), beside)? {
                changes.removed.push(pair.key.clone());
            }
        }
        let mut seen = seen.into_iter();
        self.0.retain(|_| seen.next().unwrap_or(true));
        for (pair, set) in new {
            self.0.push(pair);
            changes.set.push(set);
        }
        Ok(changes)
    }

    /// What was stored by other means.
    pub(crate) fn note(
        &mut self,
        key: Value,
        value: Value,
        name: &Bound<'_, PyAny>,
        object: &Bound<'_, PyAny>,
    ) {
        let new = Pair::new(key, Was::Value(value), name, object);
        match self.0.iter_mut().find(|pair| pair.key == new.key) {
            Some(pair) => *pair = new,
            None => self.0.push(new),
        }
    }

    pub(crate) fn forget(&mut self, key: &Value) {
        self.0.retain(|pair| pair.key != *key);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Was {
    fn value(&self, py: Python<'_>) -> PyResult<Value> {
        match self {
            Self::Spelled(spelled) => {
                let pairs = spelled.read().map_err(|error| raised(py, &error))?;
                Ok(pairs
                    .into_iter()
                    .next()
                    .map_or(Value::None, |(_, value)| value))
            }
            Self::Value(value) => Ok(value.clone()),
        }
    }
}

impl Pair {
    fn new(key: Value, was: Was, name: &Bound<'_, PyAny>, object: &Bound<'_, PyAny>) -> Self {
        Self {
            key,
            was,
            name: name.clone().unbind(),
            shade: Shade::of(object),
        }
    }
}

fn is_beside(name: &Bound<'_, PyAny>, beside: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(name.is(beside) || name.eq(beside)?)
}
