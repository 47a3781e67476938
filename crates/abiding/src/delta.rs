//! What a request did to the values of a session: one intent a key, the last one winning.
//!
//! Written by the session, read by the engine and the codec. Knows nothing of what was stored.

use std::sync::Arc;

use crate::{
    codec::MAX_KEY_LEN,
    error::{Error, ErrorKind, Result},
};

/// The intents of a request, in the order in which their keys were first named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delta {
    clears: bool,
    /// How many clears there were: what came before the last one is no measure for what came after.
    cleared: u32,
    /// Shared, so that whoever carries them out takes them along at no cost; copied if they change
    /// meanwhile. `None` is an empty list.
    intents: Option<Arc<Vec<(Box<str>, Intent)>>>,
}

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
        match intents.iter_mut().find(|(known, _)| **known == *key) {
            Some((_, known)) => *known = intent,
            None => intents.push((key.into(), intent)),
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, key: &str) {
        // A key that is too long to be stored is not there.
        let _ = self.put(key, Intent::Remove);
    }

    /// Takes back whatever was intended with `key`.
    pub(crate) fn forget(&mut self, key: &str) {
        self.retain(|known, _| known != key);
    }

    pub(crate) fn clear(&mut self) {
        self.intents = None;
        self.clears = true;
        self.cleared += 1;
    }

    /// Takes back whatever was intended with the keys that `keep` refuses.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&str, &Intent) -> bool) {
        if let Some(intents) = &mut self.intents
            && !intents.iter().all(|(key, intent)| keep(key, intent))
        {
            Arc::make_mut(intents).retain(|(key, intent)| keep(key, intent));
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
        let mut intents = self.list().iter().enumerate();
        intents
            .find(|(_, (known, _))| known.as_bytes() == key)
            .map(|(number, (_, intent))| (number, intent))
    }

    pub(crate) fn intents(&self) -> impl Iterator<Item = (&str, &Intent)> {
        self.list().iter().map(|(key, intent)| (&**key, intent))
    }

    /// How many keys are named.
    pub(crate) fn len(&self) -> usize {
        self.list().len()
    }

    fn list(&self) -> &[(Box<str>, Intent)] {
        self.intents.as_ref().map_or(&[], |intents| &***intents)
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

#[cfg(test)]
mod tests {
    use super::*;

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
