//! What a request did to the values of a session: one intent a key, the last one winning.
//!
//! Written by the session, read by the engine and the codec. Knows nothing of what was stored.

use std::{collections::HashMap, fmt, ops::Range, sync::Arc};

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

/// Keys and values lie in one buffer: a request that sets twelve of them asks for memory a few times, not twenty-four.
#[derive(Clone, Default)]
struct Intents {
    text: Vec<u8>,
    list: Vec<Spot>,
    /// How many bytes of the text nobody points to any more.
    stale: usize,
    /// Where each key stands in the list, once there are many: whoever may name the keys of a session
    /// must not be able to keep the server busy with looking for them.
    places: Option<HashMap<Box<[u8]>, usize>>,
}

/// Where an intent lies in the text; without a value it is a removal.
#[derive(Clone)]
struct Spot {
    key: Range<usize>,
    value: Option<Range<usize>>,
}

/// How many keys are looked through one by one.
const FEW: usize = 32;

/// For how many bytes memory is asked for at first.
const ROOM: usize = 256;

/// How many stale bytes are let lie, unless they are more than the rest.
const STALE: usize = 4_096;

/// What shall become of one key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent<'a> {
    /// It shall not be there.
    Remove,
    /// It shall have this encoded value.
    Set(&'a [u8]),
}

impl fmt::Debug for Intent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remove => f.write_str("Remove"),
            Self::Set(value) => write!(f, "Set({} bytes)", value.len()),
        }
    }
}

impl Delta {
    pub(crate) fn set(&mut self, key: &str, value: &[u8]) -> Result<()> {
        self.put(key, Intent::Set(value))
    }

    pub(crate) fn put(&mut self, key: &str, intent: Intent<'_>) -> Result<()> {
        if key.len() > MAX_KEY_LEN {
            let context = format!("a key of {} bytes; the limit is {MAX_KEY_LEN}", key.len());
            return Err(Error::new(ErrorKind::Encode, "insert", context));
        }
        if let Intent::Set(value) = intent
            && value.len() >= 1 << 28
        {
            let context = format!("the value at {key:?} has {} bytes", value.len());
            return Err(Error::new(ErrorKind::TooLarge, "insert", context));
        }
        Arc::make_mut(self.intents.get_or_insert_default()).put(key, intent);
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
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&str, Intent<'_>) -> bool) {
        if !self.intents().all(|(key, intent)| keep(key, intent)) {
            let mut kept = Intents::default();
            self.intents()
                .filter(|(key, intent)| keep(key, *intent))
                .for_each(|(key, intent)| kept.put(key, intent));
            self.intents = Some(Arc::new(kept));
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
    pub(crate) fn intent(&self, key: &str) -> Option<Intent<'_>> {
        self.find(key.as_bytes()).map(|(_, intent)| intent)
    }

    /// The same for a key as it lies in a payload, with the intent's number.
    pub(crate) fn find(&self, key: &[u8]) -> Option<(usize, Intent<'_>)> {
        let intents = self.intents.as_ref()?;
        let place = intents.place(key)?;
        Some((place, intents.intent(&intents.list[place])))
    }

    pub(crate) fn intents(&self) -> impl Iterator<Item = (&str, Intent<'_>)> {
        let intents = self.intents.as_deref();
        intents.into_iter().flat_map(Intents::iter)
    }

    /// How many keys are named.
    pub(crate) fn len(&self) -> usize {
        self.intents
            .as_ref()
            .map_or(0, |intents| intents.list.len())
    }

    /// Whether everything that was there before shall go.
    pub(crate) fn clears(&self) -> bool {
        self.clears
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.clears && self.len() == 0
    }

    /// Whether it would leave something in an empty session.
    pub(crate) fn sets_anything(&self) -> bool {
        self.intents()
            .any(|(_, intent)| matches!(intent, Intent::Set(_)))
    }

    /// An upper bound of the bytes it adds to a payload.
    pub(crate) fn size(&self) -> usize {
        let intents = self.intents.as_ref();
        intents.map_or(0, |intents| intents.text.len() + 6 * intents.list.len())
    }
}

impl Intents {
    fn iter(&self) -> impl Iterator<Item = (&str, Intent<'_>)> {
        self.list
            .iter()
            .map(|spot| (self.key(spot), self.intent(spot)))
    }

    fn key(&self, spot: &Spot) -> &str {
        // It came as text.
        str::from_utf8(&self.text[spot.key.clone()]).unwrap_or_default()
    }

    fn intent(&self, spot: &Spot) -> Intent<'_> {
        match &spot.value {
            Some(value) => Intent::Set(&self.text[value.clone()]),
            None => Intent::Remove,
        }
    }

    fn place(&self, key: &[u8]) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(key).copied(),
            None => self
                .list
                .iter()
                .position(|spot| &self.text[spot.key.clone()] == key),
        }
    }

    fn put(&mut self, key: &str, intent: Intent<'_>) {
        let place = self.place(key.as_bytes());
        let spot = Spot {
            key: match place {
                Some(place) => self.list[place].key.clone(),
                None => self.write(key.as_bytes()),
            },
            value: match intent {
                Intent::Set(value) => Some(self.write(value)),
                Intent::Remove => None,
            },
        };
        match place {
            Some(place) => {
                let old = std::mem::replace(&mut self.list[place], spot);
                self.stale += old.value.map_or(0, |value| value.len());
                self.tidy();
            }
            None => self.push(key, spot),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Range<usize> {
        if self.text.is_empty() {
            self.text.reserve(ROOM);
        }
        let start = self.text.len();
        self.text.extend_from_slice(bytes);
        start..self.text.len()
    }

    fn push(&mut self, key: &str, spot: Spot) {
        let place = self.list.len();
        self.list.push(spot);
        match &mut self.places {
            Some(places) => drop(places.insert(key.as_bytes().into(), place)),
            None if place == FEW => {
                let keys = self
                    .list
                    .iter()
                    .map(|spot| self.text[spot.key.clone()].into());
                self.places = Some(keys.zip(0..).collect());
            }
            None => {}
        }
    }

    /// Gives the memory of what was intended and then replaced back, once it is the most of it.
    fn tidy(&mut self) {
        if self.stale > STALE && self.stale > self.text.len() / 2 {
            let mut tidy = Self::default();
            self.iter().for_each(|(key, intent)| tidy.put(key, intent));
            *self = tidy;
        }
    }
}

impl fmt::Debug for Intents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_keys_are_kept_apart_like_few() {
        let mut delta = Delta::default();
        for round in [b"1", b"2"] {
            (0..100).for_each(|key| delta.set(&key.to_string(), round).unwrap());
        }
        delta.forget("7");
        delta.forget("never there");
        delta.remove("9");
        assert_eq!(delta.len(), 99);
        for key in 0..100 {
            let expected = match key {
                7 => None,
                9 => Some(Intent::Remove),
                _ => Some(Intent::Set(&b"2"[..])),
            };
            assert_eq!(delta.intent(&key.to_string()), expected, "{key}");
        }
        delta.retain(|key, _| key == "8");
        assert_eq!((delta.len(), delta.intent("8").is_some()), (1, true));
        assert_eq!(delta.intent("10"), None);
    }

    fn set(delta: &mut Delta, key: &str) {
        delta.set(key, b"1").unwrap();
    }

    #[test]
    fn the_last_intent_of_a_key_wins() {
        let mut delta = Delta::default();
        set(&mut delta, "a");
        delta.remove("a");
        assert_eq!(delta.intent("a"), Some(Intent::Remove));
        set(&mut delta, "a");
        assert_eq!(delta.intents().count(), 1);
    }

    #[test]
    fn a_key_that_is_set_again_and_again_takes_the_room_of_one() {
        let mut delta = Delta::default();
        set(&mut delta, "other");
        for round in 0..1_000 {
            delta.set("a", &[round as u8; 1_000]).unwrap();
            assert!(delta.size() < 3 * STALE, "{} after {round}", delta.size());
        }
        assert_eq!(delta.intent("a"), Some(Intent::Set(&[231; 1_000])));
        assert_eq!(delta.intent("other"), Some(Intent::Set(b"1")));
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
        let error = Delta::default().set(&"k".repeat(256), b"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
    }
}
