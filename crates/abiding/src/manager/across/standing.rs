//! How a session stands in one place: what its record says of itself.

use crate::{
    clock::Timestamp,
    codec::{Mark, Side},
    ending::Ending,
    engine::{Credential, Live},
    error::Result,
    id::{SessionId, StoreKey},
    manager::{Look, Shared},
};

/// What lies under a key.
pub(super) enum Standing {
    /// Nothing that lives.
    Absent,
    /// Not under this key any more: a session on its way to a new id, or a snapshot of one.
    Aside(Box<Live>),
    /// A copy whose original counts until that is marked.
    Copy(Box<Live>),
    /// A session that went to the other place.
    Moved(Box<Live>),
    /// It was ended on purpose, or by itself.
    Over(Ending),
    /// A session.
    Plain(Box<Live>),
}

/// Whether the session went from `original`, which says that it moved, into this copy.
pub(super) fn went(original: &Live, copy: &Live) -> bool {
    let passage = |live: &Live| live.meta.mark.as_ref().and_then(Mark::passage);
    passage(copy).is_some() && passage(copy) == passage(original)
}

impl Shared {
    /// How the session of `credential` stands here, and under which key.
    pub(super) async fn standing(
        &self,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<(Standing, StoreKey)> {
        let Some(store) = self.store_of() else {
            return Ok((Standing::Absent, credential.key));
        };
        let Some(found) = store.load(&credential.key, now).await? else {
            return Ok((Standing::Absent, credential.key));
        };
        let live = match self.look(credential, &found, now)? {
            Look::Over(ending) => return Ok((Standing::Over(ending), found.key)),
            Look::Live(live) => live,
        };
        let side = live.meta.mark.as_ref().map(|mark| mark.side);
        let standing = match side {
            _ if live.frozen => Standing::Aside(live),
            Some(Side::Copy(_)) => Standing::Copy(live),
            Some(Side::Moved(_)) => Standing::Moved(live),
            None | Some(Side::Claimed | Side::Settled) if live.moved => Standing::Aside(live),
            None | Some(Side::Claimed | Side::Settled) => Standing::Plain(live),
        };
        Ok((standing, found.key))
    }

    /// The credential here of the session that lies under `key` in another place.
    pub(super) fn derived(&self, key: &StoreKey, now: Timestamp) -> Vec<Credential> {
        let ids = self.ring.moved_ids(&self.realm, &key.spelled(), now);
        ids.into_iter().map(|id| self.credential_of(id)).collect()
    }

    pub(super) fn credential_of(&self, id: SessionId) -> Credential {
        Credential {
            key: self.naming.store_key(&id),
            id,
            until: Timestamp::MAX,
            old_key: false,
        }
    }

    /// A credential for what lies under `key`, whose id need not be known: no cookie is made of it.
    pub(super) fn keyed(key: StoreKey) -> Credential {
        Credential {
            id: SessionId::from_bytes(*key.as_bytes()),
            key,
            until: Timestamp::MAX,
            old_key: false,
        }
    }

    /// Why there is nothing.
    pub(super) fn absence(&self, credential: &Credential, now: Timestamp) -> Ending {
        match self.store_of() {
            Some(store) => self.why_absent(store.capabilities(), credential, now),
            None => Ending::Unknown,
        }
    }
}
