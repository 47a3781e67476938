//! Reads and writes pickles of plain data. Reading runs nothing: names come from a list.
//!
//! A pickle is a program for Python's unpickler. This is another machine for the same program: it
//! builds data and knows the constructors of about twenty types (`names.rs`); whatever else a pickle
//! asks for is refused by name, as are persistent ids, extensions, buffers and classes of an
//! application.
//!
//! Bounds: the input has at most [`MAX_INPUT`] bytes, the machine makes at most [`MAX_NODES`] objects,
//! and what comes out, shared parts counted each time, weighs at most [`MAX_WEIGHT`]. Nesting follows
//! [`MAX_DEPTH`], and a value that contains itself is refused.

mod machine;
mod names;
mod unfold;
mod write;

use std::{borrow::Cow, collections::HashMap};

use names::Name;
pub use write::write;

#[cfg(doc)]
use super::MAX_DEPTH;
use super::{Dict, MappingKind, Value};
use crate::error::{Error, ErrorKind, Result};

/// The longest pickle that is looked at.
pub const MAX_INPUT: usize = 16 << 20;
/// The most objects that a pickle may make.
pub const MAX_NODES: usize = 1_000_000;
/// The most bytes that the values of a pickle may take.
pub const MAX_WEIGHT: u64 = 64 << 20;

/// Reads a pickled session; what follows its end is ignored, as Python ignores it.
pub fn read(bytes: &[u8]) -> Result<Dict> {
    match read_first(bytes)?.0 {
        Value::Dict(session) | Value::Mapping(_, session) => Ok(session),
        other => Err(error(
            format!("a {} is no session", other.type_name()).into(),
        )),
    }
}

/// Reads the first pickle of several; also tells where it ends.
pub(super) fn read_first(bytes: &[u8]) -> Result<(Value, usize)> {
    if bytes.len() > MAX_INPUT {
        return Err(error("the input is too long".into()));
    }
    let mut machine = Machine {
        bytes,
        at: 0,
        nodes: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    let read = machine.run().and_then(|top| unfold::unfold(&machine, top));
    let value = read.map_err(|Failed(context)| error(context))?;
    Ok((value, machine.at))
}

/// Why the machine stopped.
struct Failed(Cow<'static, str>);

fn fail(context: impl Into<Cow<'static, str>>) -> Failed {
    Failed(context.into())
}

fn error(context: Cow<'static, str>) -> Error {
    Error::new(ErrorKind::Corrupt, "read a pickle", context)
}

/// The number of an object.
type Id = usize;

/// An object while it is built; parts are shared by number, as the pickle shares them.
enum Node {
    Atom(Value),
    Deque(Vec<Id>, Option<u64>),
    /// A `dict`, or a kind of it
    Dict(Option<MappingKind>, Vec<(Id, Id)>),
    FrozenSet(Vec<Id>),
    List(Vec<Id>),
    /// A name from the list, not a value
    Name(Name),
    Set(Vec<Id>),
    Tuple(Vec<Id>),
    /// A UUID, whose number comes after it
    Uuid(Option<u128>),
    /// A time zone: microseconds ahead of UTC
    Zone(i64),
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    /// How high the stack was at each open mark.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl Machine<'_> {
    fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> String {
        read(bytes).unwrap_err().to_string()
    }

    #[test]
    fn an_unlisted_name_is_refused_by_name() {
        assert!(refused(b"cos\nsystem\n(S'true'\ntR.").contains("os.system"));
        assert!(refused(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.").contains("builtins.eval"));
        assert!(
            refused(b"\x80\x04\x8c\x08datetime\x8c\x0cdatetime.now\x93.").contains("datetime.now")
        );
    }

    #[test]
    fn a_hundred_thousand_nested_lists_are_refused_and_dropped() {
        let mut bytes = b"\x80\x04}\x8c\x01a".to_vec();
        bytes.extend(vec![b']'; 100_001]);
        bytes.extend(vec![b'a'; 100_000]);
        bytes.extend(b"s.");
        assert!(refused(&bytes).contains("deep"));
    }

    #[test]
    fn shared_parts_are_weighed_each_time() {
        let mut bytes = b"\x80\x02}X\x01\0\0\0a]q\x000".to_vec();
        for level in 0..8_u8 {
            bytes.push(b'(');
            for _ in 0..10 {
                bytes.extend([b'h', level]);
            }
            bytes.extend([b'l', b'q', level + 1, b'0']);
        }
        bytes.extend(b"h\x08s.");
        assert!(refused(&bytes).contains("weigh"));
    }

    #[test]
    fn the_machine_stops_at_its_bounds() {
        assert!(refused(&vec![b'N'; MAX_NODES + 1]).contains("objects"));
        assert!(refused(&vec![b'N'; MAX_INPUT + 1]).contains("long"));
    }
}
