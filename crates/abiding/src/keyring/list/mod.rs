//! The keys of an application as text: what a key file, a variable or a vault holds.
//!
//! A [`KeyRing`] is made from a list and follows a changed one; a rotation edits the list and leaves
//! its comments as they are. No I/O: `abiding-stores` reads and writes it. One thing a line:
//!
//! ```text
//! # a comment
//! KEY                             the first of these signs, the others verify
//! KEY from=2026-11-21T12:00:00Z   verifies at once, and signs from that instant on
//! retired ID                      was removed when nothing it had made could live
//! revoked ID                      is refused, wherever else the list may name it
//! ```
//!
//! 1. Of the keys whose instant has come the one with the latest signs; one without an instant has
//!    signed since ever.
//! 2. Every key verifies, unless its id is revoked.

mod instant;
mod line;

use std::{fmt, mem, sync::Arc, time::Duration};

use zeroize::Zeroizing;

use super::{Key, KeyId, KeyRing, Keys, NEVER_SIGNS, ONLY_SIGNER, key::RingKey};
use crate::{
    clock::Timestamp,
    error::{ConfigError, Result},
};
use line::Line;

/// The keys of an application, as text that can be edited. `Debug` shows ids alone.
///
/// ```
/// use abiding::{Key, KeyList, Timestamp};
/// use std::time::Duration;
///
/// let now = Timestamp::from_millis(1_795_262_400_000);
/// let mut list = KeyList::parse(&Key::generate()?.reveal())?;
/// let ring = list.ring();
///
/// // Written to where every process reads it, the new key is known everywhere before it signs.
/// let new = list.rotate(Key::generate()?, now.after(Duration::from_secs(600)))?;
/// let text = list.reveal();
/// assert!(text.contains("from=2026-11-21T12:10:00Z"));
///
/// assert!(ring.replace(&KeyList::parse(&text)?));
/// assert_ne!(ring.signer_at(now), new);
/// assert_eq!(ring.signer_at(now.after(Duration::from_secs(600))), new);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KeyList(Vec<Line>);

impl KeyList {
    /// The list in this text.
    ///
    /// # Errors
    /// [`ConfigError::KeyLine`] for a line that is not understood and for a key that is malformed,
    /// weak or known; [`ConfigError::Key`] for a list without a key that may sign, or with one twice.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let lines = text.lines().zip(1..).map(|(line, number)| {
            Line::parse(line.trim()).map_err(|problem| match problem {
                ConfigError::Key { problem, remedy } => ConfigError::KeyLine {
                    line: number,
                    problem,
                    remedy,
                },
                other => other,
            })
        });
        let list = Self(lines.collect::<Result<_, _>>()?);
        list.check()?;
        Ok(list)
    }

    /// A ring of these keys.
    pub fn ring(&self) -> KeyRing {
        KeyRing::of(self.keys())
    }

    /// Adds `key`, which every reader of the list knows at once and signs with from `from` on. Let
    /// that be later than the last process takes the list over: then nobody meets a cookie whose key
    /// it does not know, and nobody is signed out.
    ///
    /// # Errors
    /// [`ConfigError::Key`] if the key is in the list already, or `from` is beyond the year 9999.
    pub fn rotate(&mut self, key: Key, from: Timestamp) -> Result<KeyId, ConfigError> {
        let id = key.id();
        let spelled = instant::spelled(from).and_then(|text| instant::parse(&text));
        let from = spelled.ok_or(ConfigError::Key {
            problem: "would begin to sign at an instant that cannot be written",
            remedy: "let it begin before the year 10000",
        })?;
        if self.0.iter().any(|line| line.names(id)) {
            return Err(TWICE);
        }
        let newest = |line: &Line| matches!(line, Line::Key { .. });
        let at = self.0.iter().position(newest).unwrap_or(self.0.len());
        let from = Some(from);
        self.0.insert(at, Line::Key { key, from });
        Ok(id)
    }

    /// Refuses from now on whatever the key `id` made: whoever rests on it is signed out. Afterwards
    /// another key must be able to sign at `now`, so rotate first if it is the only one.
    ///
    /// # Errors
    /// [`ConfigError::Key`] if there is no such key, or no other that signs at `now`.
    pub fn revoke(&mut self, id: KeyId, now: Timestamp) -> Result<(), ConfigError> {
        let keys = self.keys().keys;
        if keys.iter().all(|key| key.id != id) {
            return Err(ConfigError::Key {
                problem: "is not in the list",
                remedy: "give the id of one that is",
            });
        }
        if keys.iter().all(|key| key.id == id || key.active_from > now) {
            return Err(ONLY_SIGNER);
        }
        self.mark(id, Line::Revoked(id));
        Ok(())
    }

    /// Removes the keys that stopped signing so long before `now` that nothing they made can live:
    /// `lifetime` is the longest absolute lifetime of a session, to which five minutes are added for
    /// clocks that differ. A key of which the list does not say when it stopped, stays.
    pub fn retire(&mut self, lifetime: Duration, now: Timestamp) -> Vec<KeyId> {
        let over = now.before(lifetime).before(CLOCKS_DIFFER);
        let mut stopped = None;
        let mut retired = Vec::new();
        // From the newest on: a key stopped signing, at the latest, when the next newer one began.
        for key in &self.keys().keys {
            if stopped.is_some_and(|stopped| stopped <= over) {
                retired.push(key.id);
            }
            stopped = key.begins().or(stopped);
        }
        for id in &retired {
            self.mark(*id, Line::Retired(*id));
        }
        retired
    }

    /// The text of the list, keys included: to be written where nobody else can read it.
    pub fn reveal(&self) -> Zeroizing<String> {
        // Room for all of it at once: a buffer that grows leaves copies of the keys behind.
        let mut text = Zeroizing::new(String::with_capacity(self.0.len() * LONGEST_LINE));
        for line in &self.0 {
            line.write(&mut text);
            text.push('\n');
        }
        text
    }

    /// The id of the key that waits at `now` to sign, if one does.
    pub fn waiting_at(&self, now: Timestamp) -> Option<KeyId> {
        let keys = self.keys().keys;
        let waits = |key: &&Arc<RingKey>| key.begins() > Some(now);
        keys.iter().find(waits).map(|key| key.id)
    }

    /// The list as a ring holds it.
    pub(super) fn keys(&self) -> Keys {
        let revoked = self.revoked();
        let retired = self.0.iter().filter_map(|line| match line {
            Line::Retired(id) => Some(*id),
            _ => None,
        });
        let retired = retired.collect();
        let mut since_ever = Timestamp::default();
        let living = self.0.iter().filter_map(|line| match line {
            Line::Key { key, from } if !revoked.contains(&key.id()) => {
                // The first without an instant signs; those below are older and only verify.
                let from = from.unwrap_or_else(|| mem::replace(&mut since_ever, NEVER_SIGNS));
                Some(Arc::new(RingKey::derive(key, from)))
            }
            _ => None,
        });
        let keys = living.collect();
        Keys::new(keys, retired, revoked)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let mut ids: Vec<KeyId> = self.0.iter().filter_map(Line::key_id).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() < count {
            return Err(TWICE);
        }
        if self.keys().keys.is_empty() {
            return Err(ConfigError::Key {
                problem: "list holds no key that may sign",
                remedy: "write one line of 43 base64url characters, for example from `openssl rand -base64 32`",
            });
        }
        Ok(())
    }

    /// Puts a mark in the place of the key `id`, on top of earlier marks.
    fn mark(&mut self, id: KeyId, mark: Line) {
        self.0.retain(|line| !line.names(id));
        let is_key = |line: &Line| line.key_id().is_some();
        let below = self.0.iter().rposition(is_key).map_or(0, |last| last + 1);
        self.0.insert(below, mark);
        let revoked: Vec<KeyId> = self.revoked();
        let mut marks = 0;
        self.0.retain(|line| match line {
            // Not only hidden by its mark, which is forgotten one day.
            Line::Key { key, .. } => !revoked.contains(&key.id()),
            Line::Retired(_) | Line::Revoked(_) => {
                marks += 1;
                marks <= MOST_MARKS
            }
            Line::Said(_) => true,
        });
    }

    fn revoked(&self) -> Vec<KeyId> {
        let revoked = self.0.iter().filter_map(|line| match line {
            Line::Revoked(id) => Some(*id),
            _ => None,
        });
        revoked.collect()
    }
}

/// A list of one key that signs.
impl From<Key> for KeyList {
    fn from(key: Key) -> Self {
        let said = |text: &str| Line::Said(Zeroizing::new(text.to_owned()));
        Self(vec![said(HEADER), Line::Key { key, from: None }])
    }
}

impl fmt::Debug for KeyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<KeyId> = self.0.iter().filter_map(Line::key_id).collect();
        f.debug_tuple("KeyList").field(&ids).finish()
    }
}

const HEADER: &str = "# The session keys of this application, the newest first. Whoever reads them can forge sessions.";
/// How far the clocks of two nodes may lie apart.
const CLOCKS_DIFFER: Duration = Duration::from_secs(5 * 60);
/// As many ids of former keys as a list remembers.
const MOST_MARKS: usize = 20;
/// A key, its instant, and the end of the line.
const LONGEST_LINE: usize = 128;
const TWICE: ConfigError = ConfigError::Key {
    problem: "is in the list already",
    remedy: "remove the second copy, or make a fresh key",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::KeyStanding;

    const NOW: Timestamp = Timestamp::from_millis(1_795_262_400_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn key() -> Key {
        Key::generate().unwrap()
    }

    fn list(lines: &[String]) -> KeyList {
        KeyList::parse(&lines.join("\n")).unwrap()
    }

    fn text(key: &Key) -> String {
        key.reveal().to_string()
    }

    /// What a list says of its keys at an instant: `signing verifying ...`.
    fn standings(list: &KeyList, now: Timestamp) -> Vec<(KeyId, KeyStanding)> {
        let usage = list.ring().usage_at(now);
        usage.iter().map(|key| (key.id, key.standing)).collect()
    }

    #[test]
    fn of_the_keys_whose_instant_has_come_the_latest_signs() {
        let (a, b, c) = (key(), key(), key());
        let (early, late) = (" from=2026-11-21T11:00:00Z", " from=2026-11-21T13:00:00Z");
        let table: [(&[(_, _)], _, _); 7] = [
            // Lines from the top, who signs at 12:00, who signs at 14:00.
            (&[(&a, "")], &a, &a),
            (&[(&a, ""), (&b, "")], &a, &a),
            (&[(&a, late), (&b, "")], &b, &a),
            (&[(&a, late), (&b, early), (&c, "")], &b, &a),
            // Whoever adds a key at the bottom is understood as well.
            (&[(&a, ""), (&b, early), (&c, late)], &b, &c),
            (&[(&a, early), (&b, early)], &a, &a),
            // A clock that lags behind every key.
            (&[(&a, late)], &a, &a),
        ];
        for (lines, first, second) in table {
            let lines = lines.iter().map(|(key, from)| text(key) + from);
            let list = list(&lines.collect::<Vec<_>>());
            let ring = list.ring();
            assert_eq!(ring.signer_at(NOW), first.id(), "{list:?}");
            assert_eq!(ring.signer_at(NOW.after(2 * HOUR)), second.id(), "{list:?}");
        }
    }

    #[test]
    fn a_rotation_keeps_what_stands_in_the_list() {
        let old = key();
        let before = format!("# ours\n\n{}\n# older\n", text(&old));
        let mut list = KeyList::parse(&before).unwrap();
        let new = key();
        let written = text(&new);
        list.rotate(new, NOW.after(HOUR)).unwrap();
        let expected = format!(
            "# ours\n\n{written} from=2026-11-21T13:00:00Z\n{}\n# older\n",
            text(&old)
        );
        assert_eq!(list.reveal().as_str(), expected);
        assert_eq!(list.waiting_at(NOW), Some(list.ring().ids()[0]));
        assert_eq!(list.waiting_at(NOW.after(HOUR)), None);
        let again = KeyList::parse(&expected).unwrap();
        assert_eq!(again.ring().ids(), list.ring().ids());
    }

    #[test]
    fn what_cannot_be_rotated_is_refused_and_changes_nothing() {
        let only = key();
        let mut list = KeyList::from(Key::parse(&only.reveal()).unwrap());
        let before = list.reveal();
        assert!(list.rotate(only, NOW).is_err(), "there twice");
        assert!(list.rotate(key(), Timestamp::MAX).is_err(), "never");
        assert_eq!(list.reveal(), before);
    }

    /// KR-10: one line by hand revokes, whatever else the list says.
    #[test]
    fn a_revoked_key_neither_signs_nor_verifies() {
        let (new, old) = (key(), key());
        let by_hand = list(&[text(&new), text(&old), format!("revoked {}", new.id())]);
        let expected = [
            (old.id(), KeyStanding::Signing),
            (new.id(), KeyStanding::Revoked),
        ];
        assert_eq!(standings(&by_hand, NOW), expected);
        let mut by_call = list(&[text(&new) + " from=2026-11-21T11:00:00Z", text(&old)]);
        by_call.revoke(new.id(), NOW).unwrap();
        assert_eq!(standings(&by_call, NOW), expected);
        let kept = by_call.reveal();
        assert!(!kept.contains(&text(&new)), "a revoked key is not kept");
    }

    #[test]
    fn the_only_key_that_signs_is_not_revoked_and_an_unknown_one_neither() {
        let (new, old) = (key(), key());
        let mut list = list(&[text(&new) + " from=2026-11-21T13:00:00Z", text(&old)]);
        assert!(list.revoke(old.id(), NOW).is_err(), "the new one waits");
        assert!(list.revoke(key().id(), NOW).is_err(), "not in the list");
        list.revoke(new.id(), NOW).unwrap();
        assert_eq!(list.ring().signer_at(NOW.after(2 * HOUR)), old.id());
    }

    #[test]
    fn a_key_is_retired_when_nothing_it_made_can_live() {
        let (new, old, older) = (key(), key(), key());
        let minutes = |n: u64| Duration::from_secs(60 * n);
        for (now, gone) in [
            (NOW, &[][..]),
            (NOW.after(minutes(64)), &[]),
            (NOW.after(minutes(66)), &[old.id(), older.id()]),
        ] {
            let mut list = list(&[
                text(&new) + " from=2026-11-21T12:00:00Z",
                text(&old),
                text(&older),
            ]);
            assert_eq!(list.retire(HOUR, now), gone);
            let marked = standings(&list, now).into_iter();
            let marked = marked.filter(|(_, standing)| *standing == KeyStanding::Retired);
            assert_eq!(marked.count(), gone.len());
        }
        // Nothing says when the second one stopped signing.
        let mut unmarked = list(&[text(&new), text(&old)]);
        assert!(unmarked.retire(HOUR, Timestamp::MAX).is_empty());
    }

    #[test]
    fn marks_of_long_ago_are_forgotten_and_bring_nothing_back() {
        let (mut now, first) = (NOW, key());
        let hidden = key();
        let mut list = list(&[
            text(&first),
            text(&hidden),
            format!("revoked {}", hidden.id()),
        ]);
        for _ in 0..30 {
            now = now.after(HOUR);
            let old = list.ring().signer_at(now);
            list.rotate(key(), now).unwrap();
            list.revoke(old, now).unwrap();
        }
        let ring = list.ring();
        assert_eq!(ring.usage_at(now).len(), 1 + MOST_MARKS);
        assert!(!ring.ids().contains(&hidden.id()));
        assert!(list.reveal().lines().count() <= MOST_MARKS + 2);
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line_and_without_its_text() {
        let (one, other) = (text(&key()), text(&key()));
        for (wrong, why) in [
            (format!("{other} from=tomorrow"), "line 2 is followed"),
            (
                format!("{other} until=2026-11-21T12:00:00Z"),
                "line 2 is followed",
            ),
            (
                format!("{other} from=2026-11-21T12:00:00Z old"),
                "line 2 is followed",
            ),
            (format!("{other} # mine"), "line 2 is followed"),
            ("revoked 123".into(), "line 2 has another id"),
            (other[..40].into(), "line 2 is not 32 bytes"),
            (one.clone(), "in the list already"),
        ] {
            let error = KeyList::parse(&format!("{one}\n{wrong}"))
                .unwrap_err()
                .to_string();
            assert!(error.contains(why), "{error}");
            assert!(!error.contains(&other[..20]), "{error}");
        }
        for empty in ["", "# nothing\n", "revoked 00000000"] {
            assert!(
                KeyList::parse(empty)
                    .unwrap_err()
                    .to_string()
                    .contains("openssl")
            );
        }
        let revoked = KeyList::parse(&format!(
            "{one}\nrevoked {}",
            Key::parse(&one).unwrap().id()
        ));
        assert!(revoked.is_err(), "nothing is left to sign");
    }

    #[test]
    fn debug_does_not_leak_the_keys() {
        let key = key();
        let (id, secret) = (key.id(), text(&key));
        let shown = format!("{:?}", KeyList::from(key));
        assert_eq!(shown, format!("KeyList([KeyId({id})])"));
        assert!(!shown.contains(&secret));
    }
}
