//! The sign-ins of sealed cookies, so that they can be listed and ended.
//!
//! One note for each subject, with an entry for each sign-in by its handle. A request that looks at the
//! session of somebody signed in asks for it once; a cookie whose entry has ended, or is missing, is
//! over, whoever kept a copy. Sessions of nobody have no entry: what they hold can be replayed, which is
//! what a [`Ledger`](crate::Ledger) is for.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    codec::{self, Meta},
    delta::Delta,
    ending::Ending,
    error::Result,
    id::hex,
    notes::{Note, Notes},
    session::Info,
};

/// How many sign-ins of one subject are kept; the oldest go first.
const MOST: usize = 200;

pub(crate) struct Register(pub(super) Notes);

/// One sign-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    since: i64,
    until: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<Ended>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Ended {
    Revoked,
    SignedOut,
}

impl Register {
    /// Why the sign-in `handle` of `subject` is over, if it is.
    pub(super) async fn ending(
        &self,
        subject: &str,
        handle: &[u8],
        now: Timestamp,
    ) -> Result<Option<Ending>> {
        let note = self.0.read(subject, now).await?;
        let entry = note
            .as_ref()
            .and_then(|note| note.entries.find(&hex(handle)));
        let Some(entry) = entry else {
            return Ok(Some(Ending::Unknown));
        };
        let entry: Entry = codec::decode_value("sign-in", entry)?;
        Ok(entry.ended.map(|ended| match ended {
            Ended::Revoked => Ending::Revoked,
            Ended::SignedOut => Ending::SignedOut,
        }))
    }

    /// Enters a sign-in, or what changed about it. `false` if it was ended before.
    pub(super) async fn enter(&self, subject: &str, meta: &Meta, now: Timestamp) -> Result<bool> {
        let handle = hex(&meta.handle);
        let mut alive = true;
        let edit = |note: Option<&Note>| {
            let known = entries(note)?;
            let old = known.iter().find(|(known, _)| *known == handle);
            alive = old.is_none_or(|(_, entry)| entry.ended.is_none());
            if !alive {
                return Ok(None);
            }
            let entry = Entry {
                since: meta.authenticated.unwrap_or(now).as_millis(),
                until: meta.absolute_deadline.as_millis(),
                device: meta.device.as_deref().map(Into::into),
                ended: None,
            };
            let mut delta = Delta::default();
            let others = known.iter().filter(|(known, _)| *known != handle);
            let kept: Vec<_> = others
                .clone()
                .filter(|(_, entry)| !entry.is_past(now))
                .collect();
            let too_many = (kept.len() + 1).saturating_sub(MOST);
            let surplus: Vec<_> = kept.iter().take(too_many).map(|(known, _)| known).collect();
            for (known, entry) in others {
                if entry.is_past(now) || surplus.contains(&known) {
                    delta.remove(known);
                }
            }
            delta.set(&handle, &codec::encode_value("sign-in", &entry)?)?;
            let last = known.iter().map(|(_, entry)| entry.until).max();
            let until = last.map_or(entry.until, |last| last.max(entry.until));
            Ok(Some((delta, Timestamp::from_millis(until))))
        };
        self.0.change(subject, now, edit).await?;
        Ok(alive)
    }

    /// Ends the sign-ins of `subject` that `which` picks, and answers how many there were.
    async fn end(
        &self,
        subject: &str,
        which: impl Fn(&str) -> bool,
        ended: Ended,
        now: Timestamp,
    ) -> Result<usize> {
        let mut count = 0;
        let edit = |note: Option<&Note>| {
            let known = entries(note)?;
            let mut delta = Delta::default();
            count = 0;
            for (handle, entry) in &known {
                if which(handle) && entry.ended.is_none() {
                    count += usize::from(!entry.is_past(now));
                    let entry = Entry {
                        ended: Some(ended),
                        ..entry.clone()
                    };
                    delta.set(handle, &codec::encode_value("sign-in", &entry)?)?;
                }
            }
            let until = known.iter().map(|(_, entry)| entry.until).max();
            Ok(until.map(|until| (delta, Timestamp::from_millis(until))))
        };
        self.0.change(subject, now, edit).await?;
        Ok(count)
    }

    /// Takes note of a sign-out.
    pub(super) async fn sign_out(
        &self,
        subject: &str,
        handle: &[u8],
        now: Timestamp,
    ) -> Result<usize> {
        let handle = hex(handle);
        self.end(subject, |known| known == handle, Ended::SignedOut, now)
            .await
    }

    /// Ends one sign-in from elsewhere.
    pub(super) async fn revoke(
        &self,
        subject: &str,
        handle: &str,
        now: Timestamp,
    ) -> Result<usize> {
        self.end(subject, |known| known == handle, Ended::Revoked, now)
            .await
    }

    /// Ends every sign-in but one from elsewhere.
    pub(super) async fn revoke_all(
        &self,
        subject: &str,
        except: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<usize> {
        let except = except.map(hex);
        let others = |known: &str| except.as_deref() != Some(known);
        self.end(subject, others, Ended::Revoked, now).await
    }

    /// The living sign-ins of `subject`, the latest first.
    pub(super) async fn list(&self, subject: &str, now: Timestamp) -> Result<Vec<Info>> {
        let note = self.0.read(subject, now).await?;
        let known = entries(note.as_ref())?.into_iter();
        let living = known.filter(|(_, entry)| entry.ended.is_none() && !entry.is_past(now));
        let mut living: Vec<_> = living
            .map(|(handle, entry)| {
                let since = Timestamp::from_millis(entry.since);
                let mut meta = Meta::new(since, Timestamp::from_millis(entry.until));
                meta.subject = Some(subject.into());
                meta.authenticated = Some(since);
                meta.device = entry.device.map(Into::into);
                Info {
                    handle,
                    ..Info::of_meta(&meta, &codec::Entries::default())
                }
            })
            .collect();
        living.sort_by_key(|info| std::cmp::Reverse(info.seen));
        Ok(living)
    }
}

impl Entry {
    fn is_past(&self, now: Timestamp) -> bool {
        self.until <= now.as_millis()
    }
}

/// The sign-ins of a note, in the order in which they were entered.
fn entries(note: Option<&Note>) -> Result<Vec<(String, Entry)>> {
    let entries = note.map(|note| note.entries.iter());
    entries
        .into_iter()
        .flatten()
        .map(|entry| {
            Ok((
                entry.key.into(),
                codec::decode_value("sign-in", entry.value)?,
            ))
        })
        .collect()
}
