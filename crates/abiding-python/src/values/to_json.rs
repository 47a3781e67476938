//! From Python's objects to the JSON that Flask makes of them, with nothing between.
//!
//! For exact types alone, which is what sessions are filled with; the rest goes through the core's values, which know
//! what Flask makes of it, and which errors it makes.

use abiding::compat::plain::Piece;
use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple},
};

/// The JSON of a session; nothing where there is more in it than this knows.
pub(super) fn session(session: &Bound<'_, PyDict>, sort_keys: bool) -> Option<String> {
    let mut writer = Writer {
        out: String::with_capacity(1024),
        names: Vec::new(),
        pairs: Vec::new(),
        sort_keys,
    };
    writer.dict(session, 0)?;
    Some(writer.out)
}

struct Writer<'py> {
    out: String,
    /// The keys that were seen, as text and as JSON.
    names: Vec<(Bound<'py, PyAny>, String, String)>,
    /// Of the dicts that have begun: the place of the key in `names`, and the value.
    pairs: Vec<(usize, Bound<'py, PyAny>)>,
    sort_keys: bool,
}

impl<'py> Writer<'py> {
    fn value(&mut self, object: &Bound<'py, PyAny>, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        if let Ok(text) = object.cast_exact::<PyString>() {
            Piece::Text(text.to_cow().ok()?).print(&mut self.out);
        } else if let Ok(int) = object.cast_exact::<PyInt>() {
            Piece::Int(int.extract().ok()?).print(&mut self.out);
        } else if let Ok(dict) = object.cast_exact::<PyDict>() {
            self.dict(dict, depth)?;
        } else if object.is_none() {
            Piece::None.print(&mut self.out);
        } else if let Ok(flag) = object.cast_exact::<PyBool>() {
            Piece::Bool(flag.is_true()).print(&mut self.out);
        } else if let Ok(list) = object.cast_exact::<PyList>() {
            self.items(list.iter(), depth)?;
        } else if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            self.out.push_str("{\" t\":");
            self.items(tuple.iter(), depth + 1)?;
            self.out.push('}');
        } else {
            let float = object.cast_exact::<PyFloat>().ok()?.value();
            Piece::Float(float).print(&mut self.out);
        }
        Some(())
    }

    fn items(
        &mut self,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: usize,
    ) -> Option<()> {
        Piece::List.print(&mut self.out);
        for (number, item) in items.enumerate() {
            if number > 0 {
                self.out.push(',');
            }
            self.value(&item, depth + 1)?;
        }
        self.out.push(']');
        Some(())
    }

    fn dict(&mut self, dict: &Bound<'py, PyDict>, depth: usize) -> Option<()> {
        let first = self.pairs.len();
        for (key, value) in dict.iter() {
            let name = self.name(key)?;
            self.pairs.push((name, value));
        }
        if let [(only, _)] = self.pairs[first..]
            && self.names[only].1.starts_with(' ')
        {
            // It looks tagged, and has to be escaped.
            return None;
        }
        if self.sort_keys {
            let names = &self.names;
            self.pairs[first..]
                .sort_by(|(left, _), (right, _)| names[*left].1.cmp(&names[*right].1));
        }
        Piece::Dict.print(&mut self.out);
        for place in first..self.pairs.len() {
            if place > first {
                self.out.push(',');
            }
            let (name, value) = &self.pairs[place];
            let value = value.clone();
            self.out.push_str(&self.names[*name].2);
            self.out.push(':');
            self.value(&value, depth + 1)?;
        }
        self.pairs.truncate(first);
        self.out.push('}');
        Some(())
    }

    /// Where in `names` a key is: dicts of one list have the very same ones.
    fn name(&mut self, key: Bound<'py, PyAny>) -> Option<usize> {
        let mut known = self.names.iter().take(FEW);
        if let Some(place) = known.position(|(known, ..)| known.is(&key)) {
            return Some(place);
        }
        let text = key
            .cast_exact::<PyString>()
            .ok()?
            .to_cow()
            .ok()?
            .into_owned();
        let mut json = String::with_capacity(text.len() + 2);
        Piece::Text(text.as_str().into()).print(&mut json);
        self.names.push((key, text, json));
        Some(self.names.len() - 1)
    }
}

/// The core refuses what is deeper by some, and says so.
const DEEPEST: usize = 200;
/// More are not looked through.
const FEW: usize = 32;
