//! From the machine's shared objects to a value of its own.
//!
//! First everything is weighed without being built, so that ten references on eight levels cost
//! nothing; then what is light, shallow and free of cycles is built.

use super::{Failed, Id, MAX_WEIGHT, Machine, Node, fail};
use crate::compat::{Dict, MAX_DEPTH, Value};

/// The value of an object and all it refers to.
pub(super) fn unfold(machine: &Machine<'_>, top: Id) -> Result<Value, Failed> {
    weigh(machine, top)?;
    build(machine, top)
}

#[derive(Clone, Copy)]
enum Weight {
    Unknown,
    /// Its parts are being weighed: whoever meets it again is inside it.
    Open,
    Known {
        bytes: u64,
        depth: usize,
    },
}

fn weigh(machine: &Machine<'_>, top: Id) -> Result<(), Failed> {
    let mut weights = vec![Weight::Unknown; machine.nodes.len()];
    // The objects that are open, how many of their parts are done, and what those weigh.
    let mut open = vec![(top, 0, 0_u64, 0)];
    weights[top] = Weight::Open;
    while let Some((id, next, bytes, depth)) = open.last_mut() {
        let Some(part) = part(machine.node(*id), *next) else {
            let bytes = own_weight(machine.node(*id)).saturating_add(*bytes);
            let depth = *depth + 1;
            if bytes > MAX_WEIGHT {
                return Err(fail("its values weigh too much"));
            }
            if depth > MAX_DEPTH {
                return Err(fail("it is nested too deeply"));
            }
            weights[*id] = Weight::Known { bytes, depth };
            open.pop();
            continue;
        };
        match weights[part] {
            Weight::Known {
                bytes: more,
                depth: below,
            } => {
                *next += 1;
                *bytes = bytes.saturating_add(more);
                *depth = below.max(*depth);
            }
            Weight::Open => return Err(fail("a value contains itself")),
            Weight::Unknown => {
                weights[part] = Weight::Open;
                open.push((part, 0, 0, 0));
            }
        }
    }
    Ok(())
}

fn part(node: &Node, index: usize) -> Option<Id> {
    match node {
        Node::Atom(_) | Node::Name(_) | Node::Uuid(_) | Node::Zone(_) => None,
        Node::Deque(items, _)
        | Node::FrozenSet(items)
        | Node::List(items)
        | Node::Set(items)
        | Node::Tuple(items) => items.get(index).copied(),
        Node::Dict(_, pairs) => {
            let (key, value) = pairs.get(index / 2)?;
            Some(if index.is_multiple_of(2) {
                *key
            } else {
                *value
            })
        }
    }
}

fn own_weight(node: &Node) -> u64 {
    let content = match node {
        Node::Atom(Value::Str(text) | Value::Markup(text)) => text.as_bytes().len(),
        Node::Atom(Value::Bytes(bytes) | Value::ByteArray(bytes)) => bytes.len(),
        Node::Atom(Value::Decimal(text)) => text.len(),
        _ => 0,
    };
    (size_of::<Value>() + content) as u64
}

/// As deep as [`weigh`] found, which is not deep.
fn build(machine: &Machine<'_>, id: Id) -> Result<Value, Failed> {
    let all = |items: &[Id]| {
        items
            .iter()
            .map(|id| build(machine, *id))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(match machine.node(id) {
        Node::Atom(value) => value.clone(),
        Node::Deque(items, length) => Value::Deque(all(items)?, *length),
        Node::FrozenSet(items) => Value::FrozenSet(members(all(items)?)?),
        Node::List(items) => Value::List(all(items)?),
        Node::Set(items) => Value::Set(members(all(items)?)?),
        Node::Tuple(items) => Value::Tuple(all(items)?),
        Node::Uuid(Some(number)) => Value::Uuid(*number),
        Node::Dict(kind, pairs) => {
            let pairs = pairs
                .iter()
                .map(|(key, value)| Ok((build(machine, *key)?, build(machine, *value)?)))
                .collect::<Result<_, Failed>>()?;
            let dict = Dict::from_pairs(pairs).ok_or_else(|| fail("a key is not hashable"))?;
            match kind {
                None => Value::Dict(dict),
                Some(kind) => Value::Mapping(*kind, dict),
            }
        }
        Node::Name(_) | Node::Uuid(None) | Node::Zone(_) => {
            return Err(fail(
                "a class, a time zone or half a UUID stands where a value is due",
            ));
        }
    })
}

/// Each member once.
fn members(items: Vec<Value>) -> Result<Vec<Value>, Failed> {
    let pairs = items.into_iter().map(|item| (item, Value::None)).collect();
    let dict = Dict::from_pairs(pairs).ok_or_else(|| fail("a member is not hashable"))?;
    Ok(dict
        .into_pairs()
        .into_iter()
        .map(|(item, _)| item)
        .collect())
}
