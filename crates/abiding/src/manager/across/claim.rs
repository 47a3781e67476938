//! Sessions that come out of cookies: each is claimed once, in a store, under a name of its cookie.

use std::time::Duration;

use super::{Count, Standing, present::Held, resolve::Whereabouts};
use crate::{
    base64url,
    clock::Timestamp,
    codec::{self, Entries, Mark, Meta, Passage, Side},
    delta::Delta,
    ending::Ending,
    engine::{Asked, Credential, Live},
    error::{Error, ErrorKind, Result},
    id::{SessionId, StoreKey},
    manager::{Place, Shared, close::gone_is_an_answer},
    record::Version,
    session::ROUNDS,
    store::{Change, Created, DynStore, Expect, MetaEdit, Sealer},
};

/// How much longer than its cookie a claim is kept: clocks differ.
const MARGIN: Duration = Duration::from_secs(24 * 60 * 60);
/// How long it is kept at most; no lifetime of a cookie is longer than this (RFC 6265bis, 5.5).
const MOST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The handle of a session in a cookie that has none: Flask's own.
pub(super) const NAMELESS: [u8; 12] = [0; 12];

/// Where a claim keeps the id of the session.
const ID: &str = "id";

impl Shared {
    /// The session that a cookie of place number `at` holds, or what became of it.
    pub(super) async fn follow_cookie(
        &self,
        at: usize,
        live: &Live,
        name: &[u8; 32],
        held: &Held,
    ) -> Result<Whereabouts> {
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            for claimed_in in 0..=self.others.len() {
                let place = self.place(claimed_in);
                if let Some(claim) = place.claimed(name, now).await? {
                    if live.meta.handle == NAMELESS && place.still_lives(&claim, now).await? {
                        // Of another request, or of another visitor who had the very same in it.
                        break;
                    }
                    return self.follow_claim(claimed_in, claim, held).await;
                }
            }
            if let Some(subject) = &live.meta.subject
                && let Some(ending) = self.place(at).ending_of(subject, &live.meta.handle).await?
            {
                return Ok(Whereabouts::Over(ending));
            }
            let stays = Whereabouts::sealed(at, Box::new(live.clone()));
            if !self.moves(at) {
                return Ok(stays);
            }
            let Some(store) = self.store_of() else {
                return self.reseal(live, name, stays, now);
            };
            match self.admit(store, live, name, now).await {
                Ok(Some(credential)) => {
                    self.counts.add(Count::Moved);
                    return self.follow_claim(0, Some(credential), held).await;
                }
                Ok(None) => {}
                Err(error) => return self.kept(error).map(|_| stays),
            }
        }
        let context = "the session changes its place all the time";
        Err(Error::new(ErrorKind::Contended, "read", context))
    }

    /// From one cookie to another.
    fn reseal(
        &self,
        live: &Live,
        name: &[u8; 32],
        stays: Whereabouts,
        now: Timestamp,
    ) -> Result<Whereabouts> {
        let mut live = Box::new(live.clone());
        live.meta.mark = Some(Mark::new(Side::Claimed, Some(StoreKey::from_bytes(*name))));
        let base = (live.meta.clone(), live.entries.clone());
        if let Err(error) = self.sealed_cookie(Some(&base), &Asked::nothing(), now) {
            return self.kept(error).map(|_| stays);
        }
        self.counts.add(Count::Moved);
        live.old_key = true;
        Ok(Whereabouts::sealed(0, live))
    }

    async fn follow_claim(
        &self,
        at: usize,
        credential: Option<Credential>,
        held: &Held,
    ) -> Result<Whereabouts> {
        let Some(credential) = credential else {
            return Ok(Whereabouts::Over(Ending::SignedOut));
        };
        let (place, now) = (self.place(at), self.clock.now());
        let (standing, key) = place.standing(&credential, now).await?;
        let mut live = match standing {
            Standing::Absent => return Ok(Whereabouts::Over(place.absence(&credential, now))),
            Standing::Over(ending) => return Ok(Whereabouts::Over(ending)),
            Standing::Copy(live) => {
                if key == credential.key {
                    place.confirm_as(&credential, &live, None, now).await?;
                }
                live
            }
            Standing::Aside(live) | Standing::Moved(live) | Standing::Plain(live) => live,
        };
        if live
            .meta
            .mark
            .as_ref()
            .is_some_and(|mark| matches!(mark.side, Side::Copy(_)))
        {
            live.version = Version::next(live.version);
            live.meta.mark = None;
        }
        live.old_key |= !live.moved && !live.frozen;
        let leaves = matches!(self.place, Place::Cookie(_)) && self.moves(at);
        // It went back into a cookie, which is newer than this one.
        let went = live
            .meta
            .mark
            .as_ref()
            .is_some_and(|mark| matches!(mark.side, Side::Moved(_)));
        let is_past = went && held.may_supersede(&live);
        let here = Whereabouts::Here {
            place: at,
            credential: Some(credential),
            leaving: leaves && !live.moved && !live.frozen,
            live,
        };
        Ok(here.unless_in_cookie(is_past))
    }

    /// Whether the session that a cookie was claimed for goes on under that id.
    async fn still_lives(&self, claim: &Option<Credential>, now: Timestamp) -> Result<bool> {
        let Some(credential) = claim else {
            return Ok(false);
        };
        let (standing, _) = self.standing(credential, now).await?;
        Ok(!matches!(standing, Standing::Absent | Standing::Over(_)))
    }

    /// Where the session of the cookie of this name went: nothing if nobody claimed it, and no credential if
    /// it was ended while it was in the cookie.
    pub(super) async fn claimed(
        &self,
        name: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Option<Credential>>> {
        let claim = self.read_claim(name, now).await?;
        Ok(claim.map(|claim| claim.leads_to.map(|id| self.credential_of(id))))
    }

    async fn read_claim(&self, name: &[u8; 32], now: Timestamp) -> Result<Option<Claim>> {
        let Some((store, sealer)) = self.claims() else {
            return Ok(None);
        };
        let key = self.naming.note_key("claimed cookie", name);
        let Some(found) = store.load(&key, now).await? else {
            return Ok(None);
        };
        let Some((_, entries)) = sealer.open(&found.key, &found.record, now)? else {
            return Ok(None);
        };
        let mut claim = Claim {
            leads_to: None,
            version: found.record.version,
        };
        if let Some(id) = entries.find(ID) {
            let text: String = codec::decode_value(ID, id)?;
            let mut bytes = [0; SessionId::LEN];
            if base64url::decode_exactly(text.as_bytes(), &mut bytes) {
                claim.leads_to = Some(SessionId::from_bytes(bytes));
            }
        }
        Ok(Some(claim))
    }

    /// Lets the claim from which the session of the id `old` came lead to its next one. Without it the cookie counts as one that
    /// was ended as soon as the old id is good for nothing.
    pub(in crate::manager) async fn follow_renewal(
        &self,
        name: &[u8; 32],
        old: &SessionId,
        new: &Credential,
        now: Timestamp,
    ) -> Result<()> {
        let claim = self.read_claim(name, now).await?;
        let Some(id) = claim.as_ref().and_then(|claim| claim.leads_to.clone()) else {
            return Ok(());
        };
        // Otherwise another visitor had the very same cookie, and was the first to show it.
        let is_theirs =
            id == *old || self.standing(&self.credential_of(id), now).await?.1 == new.key;
        let Some(claim) = claim.filter(|_| is_theirs) else {
            return Ok(());
        };
        let expect = Expect::Version(claim.version);
        self.lead_claim(name, Some(new), expect, now).await
    }

    /// Says of a claimed cookie that it is over, and answers which session it was claimed for.
    pub(super) async fn close_claim(
        &self,
        name: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Credential>> {
        let claimed = self.claimed(name, now).await?.flatten();
        if claimed.is_some() {
            self.lead_claim(name, None, Expect::Any, now).await?;
        }
        Ok(claimed)
    }

    async fn lead_claim(
        &self,
        name: &[u8; 32],
        to: Option<&Credential>,
        expect: Expect,
        now: Timestamp,
    ) -> Result<()> {
        let Some((store, sealer)) = self.claims() else {
            return Ok(());
        };
        let mut delta = Delta::default();
        match to {
            Some(credential) => delta.set(ID, &spelled(&credential.id)?)?,
            None => delta.remove(ID),
        }
        let change = Change {
            now,
            delta,
            under: None,
            edit: MetaEdit::default(),
            sealer: sealer.clone(),
        };
        let key = self.naming.note_key("claimed cookie", name);
        let committed = store.commit(&key, &change, expect, now).await;
        gone_is_an_answer(committed)?;
        Ok(())
    }

    /// Gives the session in a cookie a record and claims the cookie for it. Answers its credential, if it is
    /// to be used at once, or nothing if it is to be looked for anew. The record of whoever was too late is a copy without an original, and nobody
    /// knows its id.
    async fn admit(
        &self,
        store: &dyn DynStore,
        live: &Live,
        name: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Credential>> {
        let credential = self.credential_of(SessionId::generate()?);
        if live.meta.handle == NAMELESS {
            // Two visitors may have this very cookie, if the same is in it, so what is made of it is not to be
            // found by it. The claim tells whether it is over.
            let meta = Meta {
                handle: credential.id.handle(),
                mark: Some(Mark::new(Side::Claimed, Some(StoreKey::from_bytes(*name)))),
                ..live.meta.clone()
            };
            let record = self.record_of(&credential.key, &meta, live, now)?;
            if store.create(&credential.key, &record, now).await? != Created::Yes {
                return Ok(None);
            }
            let ends = live.meta.absolute_deadline.min(live.idle_deadline);
            self.claim(name, Some(&credential), ends, now).await?;
            return Ok(Some(credential));
        }
        let former = live.meta.mark.as_ref();
        let former = former.filter(|mark| mark.side == Side::Settled);
        let former = former.and_then(|mark| mark.twin());
        let meta = Meta {
            mark: Some(Mark::new(Side::Copy(Passage::draw()?), None)),
            ..live.meta.clone()
        };
        let record = self.record_of(&credential.key, &meta, live, now)?;
        if store.create(&credential.key, &record, now).await? != Created::Yes {
            return Ok(None);
        }
        let ends = live.meta.absolute_deadline.min(live.idle_deadline);
        let claimed = self.claim(name, Some(&credential), ends, now).await?;
        if !claimed {
            store.delete(&credential.key, None, now).await?;
        } else if let Some(former) = former {
            // What it was before it went into the cookie.
            store.delete(&former, None, now).await?;
        }
        if claimed {
            self.counts.add(Count::Moved);
        }
        Ok(None)
    }

    /// Where this place keeps claims: in its store, or where the sign-ins of its cookies are.
    fn claims(&self) -> Option<(&dyn DynStore, &Sealer)> {
        match &self.place {
            Place::Store(store) => Some((&**store, &self.sealer)),
            Place::Cookie(Some(register)) => Some(register.0.shelf()),
            Place::Cookie(None) => None,
        }
    }

    /// Claims a cookie for the session of `credential`, or for none. Answers whether nobody was faster.
    pub(super) async fn claim(
        &self,
        name: &[u8; 32],
        credential: Option<&Credential>,
        ends: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let Some((store, sealer)) = self.claims() else {
            return Ok(false);
        };
        let key = self.naming.note_key("claimed cookie", name);
        let until = ends.after(MARGIN).min(now.after(MOST));
        let mut delta = Delta::default();
        if let Some(credential) = credential {
            delta.set(ID, &spelled(&credential.id)?)?;
        }
        let meta = Meta::new(now, until);
        let record = sealer.record(&key, &meta, &Entries::default(), &delta, now)?;
        Ok(store.create(&key, &record, now).await? == Created::Yes)
    }
}

/// What a cookie was claimed for.
struct Claim {
    /// Nothing if the session was ended while it was in the cookie, or the cookie since.
    leads_to: Option<SessionId>,
    version: Version,
}

fn spelled(id: &SessionId) -> Result<Vec<u8>> {
    codec::encode_value(ID, &base64url::encode(id.as_bytes()))
}
