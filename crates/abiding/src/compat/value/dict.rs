//! A Python `dict`: pairs in the order of insertion, keys of any hashable type.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
};

use super::{Float, Int, Text, Value};

/// Pairs in order. A key occurs once, by Python's equality: `1`, `1.0` and `True` are one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dict(Vec<(Value, Value)>);

impl Dict {
    /// No pairs.
    pub fn new() -> Self {
        Self::default()
    }

    /// The dict that Python builds from these pairs: of equal keys the first names the place, the last
    /// the value. `None` if a key is not hashable.
    pub fn from_pairs(pairs: Vec<(Value, Value)>) -> Option<Self> {
        if are_few_texts(&pairs) {
            return Some(Self(pairs));
        }
        let mut repeated: Vec<(usize, usize)> = Vec::new();
        {
            let mut seen = HashMap::with_capacity(pairs.len());
            for (index, (key, _)) in pairs.iter().enumerate() {
                match seen.entry(identity(key)?) {
                    Entry::Occupied(first) => repeated.push((*first.get(), index)),
                    Entry::Vacant(place) => {
                        place.insert(index);
                    }
                }
            }
        }
        if repeated.is_empty() {
            return Some(Self(pairs));
        }
        let mut pairs: Vec<Option<(Value, Value)>> = pairs.into_iter().map(Some).collect();
        for (first, later) in repeated {
            let value = pairs[later].take();
            if let (Some((_, kept)), Some((_, value))) = (&mut pairs[first], value) {
                *kept = value;
            }
        }
        Some(Self(pairs.into_iter().flatten().collect()))
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value under this text.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let mut pairs = self.0.iter();
        pairs.find_map(|(known, value)| is_text(known, key).then_some(value))
    }

    /// Puts a value under this text, in the place of the one before it, or at the end.
    pub fn insert(&mut self, key: &str, value: impl Into<Value>) -> Option<Value> {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| is_text(known, key)) {
            Some((_, kept)) => Some(std::mem::replace(kept, value)),
            None => {
                self.0.push((key.into(), value));
                None
            }
        }
    }

    /// Takes out the value under this text.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let index = self.0.iter().position(|(known, _)| is_text(known, key))?;
        Some(self.0.remove(index).1)
    }

    /// The pairs in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (Value, Value)> {
        self.0.iter()
    }

    /// The pairs in order.
    pub fn into_pairs(self) -> Vec<(Value, Value)> {
        self.0
    }
}

impl<'a> IntoIterator for &'a Dict {
    type Item = &'a (Value, Value);
    type IntoIter = std::slice::Iter<'a, (Value, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Whether every key is text of its own, and there are so few that comparing them all costs less than a table.
fn are_few_texts(pairs: &[(Value, Value)]) -> bool {
    pairs.len() <= 16
        && pairs.iter().enumerate().all(|(index, (key, _))| {
            matches!(key, Value::Str(_)) && pairs[..index].iter().all(|(known, _)| known != key)
        })
}

fn is_text(key: &Value, text: &str) -> bool {
    matches!(key, Value::Str(known) | Value::Markup(known) if known == text)
}

/// Whether Python would take the value as a key or as a member of a set.
pub(in crate::compat) fn is_hashable(value: &Value) -> bool {
    identity(value).is_some()
}

/// What makes two keys one: values that Python finds equal have the same identity.
fn identity(value: &Value) -> Option<Cow<'_, Value>> {
    Some(match value {
        Value::Bool(flag) => Cow::Owned(Value::Int(Int::from(i64::from(*flag)))),
        Value::Float(float) => match whole(*float) {
            Some(int) => Cow::Owned(Value::Int(int)),
            None => Cow::Borrowed(value),
        },
        Value::Markup(text) => Cow::Owned(Value::Str(Text::clone(text))),
        Value::Tuple(items) => Cow::Owned(Value::Tuple(identities(items)?)),
        Value::FrozenSet(items) => Cow::Owned(Value::FrozenSet(identities(items)?)),
        Value::ByteArray(_)
        | Value::Deque(..)
        | Value::Dict(_)
        | Value::Ext(..)
        | Value::List(_)
        | Value::Mapping(..)
        | Value::Set(_) => return None,
        _ => Cow::Borrowed(value),
    })
}

fn identities(items: &[Value]) -> Option<Vec<Value>> {
    items
        .iter()
        .map(|item| identity(item).map(Cow::into_owned))
        .collect()
}

fn whole(float: Float) -> Option<Int> {
    let float = float.get();
    let exact = float.fract() == 0.0 && float.abs() < 2_f64.powi(126);
    exact.then(|| Int::from(float as i128))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_keys_the_first_names_the_place_and_the_last_the_value() {
        let pair = |key: Value, value: i64| (key, Value::from(value));
        let dict = Dict::from_pairs(vec![
            pair(1_i64.into(), 1),
            pair("a".into(), 2),
            pair(Value::Bool(true), 3),
            pair(Value::Float(1.0.into()), 4),
            pair("a".into(), 5),
            pair(Value::Float(1.5.into()), 6),
            pair(Value::Markup("a".into()), 7),
        ]);
        let expected = vec![
            pair(1_i64.into(), 4),
            pair("a".into(), 7),
            pair(Value::Float(1.5.into()), 6),
        ];
        assert_eq!(dict.unwrap().into_pairs(), expected);
    }

    #[test]
    fn a_key_that_python_cannot_hash_is_refused() {
        let nested = Value::Tuple(vec![Value::List(Vec::new())]);
        for key in [Value::List(Vec::new()), Value::Dict(Dict::new()), nested] {
            assert_eq!(Dict::from_pairs(vec![(key, Value::None)]), None);
        }
    }

    #[test]
    fn text_keys_are_read_written_and_removed_in_place() {
        let mut dict = Dict::new();
        for (key, value) in [("a", 1_i64), ("b", 2), ("a", 3)] {
            dict.insert(key, value);
        }
        assert_eq!(dict.get("a"), Some(&Value::from(3_i64)));
        assert_eq!(dict.remove("a"), Some(Value::from(3_i64)));
        assert_eq!((dict.len(), dict.get("a")), (1, None));
    }
}
