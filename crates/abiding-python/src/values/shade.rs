//! What Python objects were made of, so that one look tells whether they are still the same.
//!
//! Immutable objects are known again by being the very same, containers by what is in them. No value is
//! compared and nothing is converted: whatever is not recognised at once is somebody else's to compare.

use pyo3::{
    prelude::*,
    types::{PyDict, PyList, PyTuple},
};

use super::is_immutable;

/// The shape of an object, and the immutable ones in it.
pub(crate) enum Shade {
    Dict(Vec<(Py<PyAny>, Self)>),
    Leaf(Py<PyAny>),
    List(Vec<Self>),
    /// Never recognised.
    Other,
    Tuple(Vec<Self>),
}

impl Shade {
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> Self {
        if is_immutable(object) {
            return Self::Leaf(object.clone().unbind());
        }
        let each = |item: Bound<'_, PyAny>| Self::of(&item);
        if let Ok(dict) = object.cast_exact::<PyDict>() {
            return Self::of_pairs(dict);
        }
        if let Ok(list) = object.cast_exact::<PyList>() {
            return Self::List(list.iter().map(each).collect());
        }
        match object.cast_exact::<PyTuple>() {
            Ok(tuple) => Self::Tuple(tuple.iter().map(each).collect()),
            Err(_) => Self::Other,
        }
    }

    /// That of a dict, of whatever class.
    pub(crate) fn of_pairs(dict: &Bound<'_, PyDict>) -> Self {
        let pairs = dict.iter();
        let pairs = pairs.map(|(key, value)| (key.unbind(), Self::of(&value)));
        Self::Dict(pairs.collect())
    }

    /// [`is_of`](Self::is_of), whatever the class of the dict.
    pub(crate) fn is_of_pairs(&self, dict: &Bound<'_, PyDict>) -> bool {
        let Self::Dict(pairs) = self else {
            return false;
        };
        let same = |((key, value), (known, shade)): ((Bound<'_, PyAny>, _), &(Py<PyAny>, Self))| {
            key.is(known) && shade.is_of(&value)
        };
        dict.len() == pairs.len() && dict.iter().zip(pairs).all(same)
    }

    /// Whether this object is the one that this was made of, with all that was in it.
    pub(crate) fn is_of(&self, object: &Bound<'_, PyAny>) -> bool {
        match self {
            Self::Dict(_) => object
                .cast_exact::<PyDict>()
                .is_ok_and(|dict| self.is_of_pairs(dict)),
            Self::Leaf(known) => object.is(known),
            Self::List(items) => object.cast_exact::<PyList>().is_ok_and(|list| {
                list.len() == items.len()
                    && list
                        .iter()
                        .zip(items)
                        .all(|(item, shade)| shade.is_of(&item))
            }),
            Self::Other => false,
            Self::Tuple(items) => object.cast_exact::<PyTuple>().is_ok_and(|tuple| {
                tuple.len() == items.len()
                    && tuple
                        .iter()
                        .zip(items)
                        .all(|(item, shade)| shade.is_of(&item))
            }),
        }
    }
}
