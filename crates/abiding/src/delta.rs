//! What a request did to the values of a session: one intent a key, the last one winning.
//!
//! Written by the session, read by the engine and the codec. Knows nothing of what was stored.

use std::{collections::HashMap, sync::Arc};

use crate::error::{Error, ErrorKind, Result};

/// The longest key of a session, in bytes of UTF-8.
pub const MAX_KEY_LEN: usize = 255;

/// The intents of a request, in the order in which their keys were first named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delta {
    clears: bool,
    /// How many clears there were: what came before the last one is no measure for what came after.
    cleared: u32,
    /// Shared, so that whoever carries them out takes them along at no cost; copied if they change
    /// meanwhile. `None` is an empty list.
    intents: Option<Arc<Intents>>,
}

#[derive(Clone, Debug, Default)]
struct Intents {
    list: Vec<(Box<str>, Intent)>,
    /// Where each key stands in the list, once there are many: whoever may name the keys of a session
    /// must not be able to keep the server busy with looking for them.
    places: Option<HashMap<Box<[u8]>, usize>>,
}

/// How many keys are looked through one by one.
const FEW: usize = 32;

/// What shall become of one key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Intent {
    /// It shall not be there.
    Remove,
    /// It shall have this encoded value.
    Set(Vec<u8>),
}

impl std::fmt::Debug for Intent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Remove => f.write_str("Remove"),
            Self::Set(value) => write!(f, "Set({} bytes)", value.len()),
        }
    }
}

impl Delta {
    pub(crate) fn set(&mut self, key: &str, value: Vec<u8>) -> Result<()> {
        self.put(key, Intent::Set(value))
    }

    pub(crate) fn put(&mut self, key: &str, intent: Intent) -> Result<()> {
        if key.len() > MAX_KEY_LEN {
            let context = format!("a key of {} bytes; the limit is {MAX_KEY_LEN}", key.len());
            return Err(Error::new(ErrorKind::Encode, "insert", context));
        }
        if let Intent::Set(value) = &intent
            && value.len() >= 1 << 28
        {
            let context = format!("the value at {key:?} has {} bytes", value.len());
            return Err(Error::new(ErrorKind::TooLarge, "insert", context));
        }
        let intents = Arc::make_mut(self.intents.get_or_insert_default());
        match intents.place(key.as_bytes()) {
            Some(place) => intents.list[place].1 = intent,
            None => intents.push(key, intent),
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, key: &str) {
        // A key that is too long to be stored is not there.
        let _ = self.put(key, Intent::Remove);
    }

    /// Takes back whatever was intended with `key`.
    pub(crate) fn forget(&mut self, key: &str) {
        if self.find(key.as_bytes()).is_some() {
            self.retain(|known, _| known != key);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.intents = None;
        self.clears = true;
        self.cleared += 1;
    }

    /// Takes back whatever was intended with the keys that `keep` refuses.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&str, &Intent) -> bool) {
        if let Some(intents) = &mut self.intents
            && !intents.list.iter().all(|(key, intent)| keep(key, intent))
        {
            let intents = Arc::make_mut(intents);
            intents.list.retain(|(key, intent)| keep(key, intent));
            intents.note_places();
        }
    }

    /// Takes back what `done` has carried out; what was intended since then stays.
    pub(crate) fn subtract(&mut self, done: &Self) {
        if self.cleared != done.cleared {
            return;
        }
        match (&self.intents, &done.intents) {
            // The usual case: nothing was intended since then.
            (Some(intents), Some(done)) if Arc::ptr_eq(intents, done) => self.intents = None,
            _ => self.retain(|key, intent| done.intent(key) != Some(intent)),
        }
        self.clears = false;
    }

    /// What shall become of `key`, if anything.
    pub(crate) fn intent(&self, key: &str) -> Option<&Intent> {
        self.find(key.as_bytes()).map(|(_, intent)| intent)
    }

    /// The same for a key as it lies in a payload, with the intent's number.
    pub(crate) fn find(&self, key: &[u8]) -> Option<(usize, &Intent)> {
        let intents = self.intents.as_ref()?;
        let place = intents.place(key)?;
        Some((place, &intents.list[place].1))
    }

    pub(crate) fn intents(&self) -> impl Iterator<Item = (&str, &Intent)> {
        self.list().iter().map(|(key, intent)| (&**key, intent))
    }

    /// How many keys are named.
    pub(crate) fn len(&self) -> usize {
        self.list().len()
    }

    fn list(&self) -> &[(Box<str>, Intent)] {
        self.intents.as_ref().map_or(&[], |intents| &intents.list)
    }

    /// Whether everything that was there before shall go.
    pub(crate) fn clears(&self) -> bool {
        self.clears
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.clears && self.list().is_empty()
    }

    /// Whether it would leave something in an empty session.
    pub(crate) fn sets_anything(&self) -> bool {
        self.list()
            .iter()
            .any(|(_, intent)| matches!(intent, Intent::Set(_)))
    }

    /// An upper bound of the bytes it adds to a payload.
    pub(crate) fn size(&self) -> usize {
        self.intents()
            .map(|(key, intent)| match intent {
                Intent::Remove => 0,
                Intent::Set(value) => key.len() + value.len() + 6,
            })
            .sum()
    }
}

impl Intents {
    fn place(&self, key: &[u8]) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(key).copied(),
            None => self
                .list
                .iter()
                .position(|(known, _)| known.as_bytes() == key),
        }
    }

    fn push(&mut self, key: &str, intent: Intent) {
        let place = self.list.len();
        self.list.push((key.into(), intent));
        match &mut self.places {
            Some(places) => drop(places.insert(key.as_bytes().into(), place)),
            None if place == FEW => self.note_places(),
            None => {}
        }
    }

    fn note_places(&mut self) {
        let places = self
            .list
            .iter()
            .map(|(key, _)| key.as_bytes().into())
            .zip(0..);
        self.places = (self.list.len() > FEW).then(|| places.collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_keys_are_kept_apart_like_few() {
        let mut delta = Delta::default();
        for round in [b"1", b"2"] {
            (0..100).for_each(|key| delta.set(&key.to_string(), round.to_vec()).unwrap());
        }
        delta.forget("7");
        delta.forget("never there");
        delta.remove("9");
        assert_eq!(delta.len(), 99);
        for key in 0..100 {
            let expected = match key {
                7 => None,
                9 => Some(Intent::Remove),
                _ => Some(Intent::Set(b"2".to_vec())),
            };
            assert_eq!(delta.intent(&key.to_string()), expected.as_ref(), "{key}");
        }
        delta.retain(|key, _| key == "8");
        assert_eq!((delta.len(), delta.intent("8").is_some()), (1, true));
        assert_eq!(delta.intent("10"), None);
    }

    fn set(delta: &mut Delta, key: &str) {
        delta.set(key, b"1".to_vec()).unwrap();
    }

    #[test]
    fn the_last_intent_of_a_key_wins() {
        let mut delta = Delta::default();
        set(&mut delta, "a");
        delta.remove("a");
        assert_eq!(delta.intent("a"), Some(&Intent::Remove));
        set(&mut delta, "a");
        assert_eq!(delta.intents().count(), 1);
    }

    #[test]
    fn clearing_forgets_what_was_intended_before_and_keeps_what_comes_after() {
        let mut delta = Delta::default();
        set(&mut delta, "a");
        delta.clear();
        set(&mut delta, "b");
        assert!(delta.clears() && delta.intent("a").is_none() && delta.sets_anything());
    }

    #[test]
    fn a_key_that_does_not_fit_its_frame_is_refused() {
        let error = Delta::default()
            .set(&"k".repeat(256), Vec::new())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
    }
}
