//! From JSON to Python's objects, with nothing between them.
//!
//! Python's own reader makes a call through the interpreter and looks each key up in a dict of its own; here a key is
//! the very object that it was the last time, so that nothing is made of it, and its hash is known.

use std::sync::Mutex;

use abiding::compat::plain::{Cursor, Piece};
use pyo3::{
    IntoPyObject,
    prelude::*,
    types::{PyBool, PyDict, PyFloat, PyList, PyString},
};

/// The object that this JSON says; nothing where there is more in it than [`Cursor`] knows.
pub(super) fn value<'py>(py: Python<'py>, json: &str) -> Option<Bound<'py, PyAny>> {
    let mut reader = Reader::new(py, json);
    let value = reader.value()?;
    reader.cursor.is_over().then_some(value)
}

/// Puts the pairs of this JSON into a dict, of whatever class. Nothing is in it where the answer is nothing.
pub(super) fn pairs(json: &str, into: &Bound<'_, PyDict>) -> Option<()> {
    let mut reader = Reader::new(into.py(), json);
    let Piece::Dict = reader.cursor.piece()? else {
        return None;
    };
    let read = reader.pairs(into);
    let read = read.filter(|()| reader.cursor.is_over());
    if read.is_none() {
        into.clear();
    }
    read
}

struct Reader<'a, 'py> {
    py: Python<'py>,
    cursor: Cursor<'a>,
    names: Names,
}

impl<'a, 'py> Reader<'a, 'py> {
    fn new(py: Python<'py>, json: &'a str) -> Self {
        let (cursor, names) = (Cursor::new(json), Names::take());
        Self { py, cursor, names }
    }

    fn value(&mut self) -> Option<Bound<'py, PyAny>> {
        let py = self.py;
        Some(match self.cursor.piece()? {
            Piece::Bool(flag) => PyBool::new(py, flag).to_owned().into_any(),
            Piece::Dict => {
                let dict = PyDict::new(py);
                self.pairs(&dict)?;
                dict.into_any()
            }
            Piece::Float(float) => PyFloat::new(py, float).into_any(),
            Piece::Int(int) => int.into_pyobject(py).ok()?.into_any(),
            Piece::List => {
                let mut items = Vec::new();
                while self.cursor.item(items.is_empty())? {
                    items.push(self.value()?);
                }
                PyList::new(py, items).ok()?.into_any()
            }
            Piece::None => py.None().into_bound(py),
            Piece::Text(text) => PyString::new(py, &text).into_any(),
            _ => return None,
        })
    }

    fn pairs(&mut self, into: &Bound<'py, PyDict>) -> Option<()> {
        let mut is_first = true;
        while let Some(key) = self.cursor.key(is_first)? {
            let name = self.names.name(self.py, &key);
            let value = self.value()?;
            into.set_item(name, value).ok()?;
            is_first = false;
        }
        Some(())
    }
}

impl Drop for Reader<'_, '_> {
    fn drop(&mut self) {
        std::mem::take(&mut self.names).put_back();
    }
}

/// Keys of sessions and the objects they are: as many as there is room for, the newer in the place of the older.
#[derive(Default)]
struct Names(Vec<Option<(Box<str>, Py<PyString>)>>);

/// Lent to one reader at a time; another that reads meanwhile begins with none.
static NAMES: Mutex<Names> = Mutex::new(Names(Vec::new()));

impl Names {
    fn take() -> Self {
        NAMES
            .try_lock()
            .map(|mut names| std::mem::take(&mut *names))
            .unwrap_or_default()
    }

    fn put_back(self) {
        if let Ok(mut names) = NAMES.try_lock()
            && names.0.is_empty()
        {
            *names = self;
        }
    }

    fn name<'py>(&mut self, py: Python<'py>, key: &str) -> Bound<'py, PyString> {
        if key.len() > LONGEST {
            return PyString::new(py, key);
        }
        if self.0.is_empty() {
            self.0.resize_with(PLACES, || None);
        }
        let place = &mut self.0[place(key)];
        match place {
            Some((known, name)) if **known == *key => name.bind(py).clone(),
            _ => {
                let name = PyString::intern(py, key);
                *place = Some((key.into(), name.clone().unbind()));
                name
            }
        }
    }
}

/// FNV-1a, which is enough for keys that the application chose.
fn place(key: &str) -> usize {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    (hash >> 32) as usize % PLACES
}

const LONGEST: usize = 64;
const PLACES: usize = 256;
