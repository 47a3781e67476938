//! What holds for the sessions of the demo in every place: keys, cookie, lifetimes, realm, clock.
//!
//! The builders go no further than that, so that whoever builds a manager can still tell it of other
//! places.

use std::time::Duration;

use abiding::{
    ClientSideBuilder, ConfigError, Expiry, KeyRing, Manager, ManagerBuilder, Profile,
    inspect::Inspector,
    store::{Subjects, Sweep},
};

use crate::{clock::DemoClock, settings::ProfileKind};

/// The same for every place, so that one cookie leads to all of them that are stores.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) keys: KeyRing,
    pub(crate) profile: ProfileKind,
    pub(crate) clock: DemoClock,
}

impl Rules {
    /// The sessions of the demo, in any store that can be swept and searched.
    pub(crate) fn stored<S: Sweep + Subjects>(&self, store: S) -> ManagerBuilder<S> {
        Manager::builder(store)
            .keys(self.keys.clone())
            .profile(self.profile())
            .expiry(VISIT)
            .realm(REALM)
            .clock(self.clock.clone())
            .sweeping()
            .subjects()
    }

    /// The sessions of the demo, each in its cookie. The store lists who is signed in, so that a sign-in can
    /// be ended.
    pub(crate) fn sealed(&self, sign_ins: impl Sweep) -> ClientSideBuilder {
        Manager::client_side(self.keys.clone())
            .profile(self.profile())
            .expiry(VISIT)
            .realm(REALM)
            .clock(self.clock.clone())
            .revocable(sign_ins)
    }

    /// Reads what the managers write, to count it.
    pub(super) fn inspector(&self, cookie: &str) -> Inspector {
        Inspector::new(self.keys.clone(), REALM, cookie)
    }

    fn profile(&self) -> Result<Profile, ConfigError> {
        match self.profile {
            ProfileKind::Development => Profile::development(),
            ProfileKind::Production => Profile::native(),
        }
    }
}

/// The session of a visitor whom nobody knows: two hours for the form, however long the pauses are. The
/// idle timeout never ends it earlier; with one, the library can tell sessions that idled from sessions
/// that it never knew. A sign-in brings lifetimes of its own. A use is written down every other minute
/// at most, so that the list of devices is right by two.
const VISIT: Expiry = Expiry::new()
    .idle(HOURS_2)
    .absolute(HOURS_2)
    .touch_after(Duration::from_secs(2 * 60));
const HOURS_2: Duration = Duration::from_secs(2 * 60 * 60);
/// The name under which its sessions are vouched for.
const REALM: &str = "abiding-demo";
