//! Sessions that change their place while nodes of neighbouring phases serve them: no store is a disk here,
//! so thousands of histories cost little.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests are not seen to be tests"
)]

use std::sync::Arc;

use abiding::{
    ClientSideBuilder, CookieSpec, KeyRing, Manager, ManagerBuilder, MemoryStore, Phase,
};
use abiding_testkit::{
    Faulty, ManualClock,
    crossing::{self, End, Tally},
};

/// More of them find rarer orders: a thousand take a minute and a half.
const HISTORIES: u64 = 60;

/// How many times visitors go round three stores: a hundred and fifty take three seconds.
const CIRCLES: u64 = 150;

type Delayed = Faulty<Arc<MemoryStore>>;

/// What a place is.
#[derive(Clone)]
enum Kind {
    /// Keys and cookie like those of the other place.
    Store,
    /// Keys and a cookie of its own.
    Apart,
    Sealed,
    /// Sealed, in a cookie of another name.
    SealedApart,
    /// Sealed, and its sign-ins entered in a store.
    Revocable,
}

#[derive(Clone)]
struct Place {
    kind: Kind,
    store: Delayed,
    keys: KeyRing,
    clock: ManualClock,
}

impl Place {
    fn new(kind: &Kind, shared: &KeyRing, clock: &ManualClock, seed: u64) -> Self {
        let keys = match kind {
            Kind::Store => shared.clone(),
            _ => KeyRing::generate().unwrap(),
        };
        Self {
            kind: kind.clone(),
            store: Faulty::new(Arc::new(MemoryStore::new()), crossing::delays(seed)),
            keys,
            clock: clock.clone(),
        }
    }

    fn build(&self, elsewhere: Option<(Manager, Phase)>) -> Manager {
        match self.kind {
            Kind::Store => self.stored(self.builder(), elsewhere),
            Kind::Apart => {
                let cookie = CookieSpec::host("apart").unwrap();
                self.stored(self.builder().cookie(cookie), elsewhere)
            }
            Kind::Sealed => self.sealed(
                Manager::client_side(self.keys.clone()).irrevocable(),
                elsewhere,
            ),
            Kind::SealedApart => {
                let cookie = CookieSpec::host("apart").unwrap();
                let builder = Manager::client_side(self.keys.clone()).cookie(cookie);
                self.sealed(builder.irrevocable(), elsewhere)
            }
            Kind::Revocable => {
                let builder = Manager::client_side(self.keys.clone());
                self.sealed(builder.revocable(Arc::clone(self.store.store())), elsewhere)
            }
        }
    }

    fn builder(&self) -> ManagerBuilder<Delayed> {
        Manager::builder(self.store.clone()).keys(self.keys.clone())
    }

    fn stored(
        &self,
        builder: ManagerBuilder<Delayed>,
        elsewhere: Option<(Manager, Phase)>,
    ) -> Manager {
        let builder = builder.clock(self.clock.clone());
        match elsewhere {
            Some((other, phase)) => builder.elsewhere(other, phase).build().unwrap(),
            None => builder.build().unwrap(),
        }
    }

    fn sealed(&self, builder: ClientSideBuilder, elsewhere: Option<(Manager, Phase)>) -> Manager {
        let builder = builder.clock(self.clock.clone());
        match elsewhere {
            Some((other, phase)) => builder.elsewhere(other, phase).build().unwrap(),
            None => builder.build().unwrap(),
        }
    }
}

fn walk(histories: u64, tabs: usize, old: &Kind, new: &Kind) -> Tally {
    let tally = crossing::run(histories, 1, tabs, |clock, seed| {
        let shared = KeyRing::generate().unwrap();
        let ends = [
            Place::new(old, &shared, clock, seed),
            Place::new(new, &shared, clock, seed + 1),
        ];
        move |end: End, phase: Option<Phase>| {
            let elsewhere = phase.map(|phase| (ends[end.other() as usize].build(None), phase));
            ends[end as usize].build(elsewhere)
        }
    });
    let tally = tally.unwrap_or_else(|broken| panic!("{broken}"));
    for (seldom, what) in [
        (tally.moved, "moved"),
        (tally.used_elsewhere, "used elsewhere"),
        (tally.cut_off as u64, "cut off"),
        (tally.sign_ins as u64, "sign-ins"),
        (tally.sign_outs as u64, "sign-outs"),
    ] {
        assert!(seldom > histories, "{what} was hardly tried: {tally:?}");
    }
    tally
}

#[test]
fn between_stores_with_one_cookie_nothing_is_lost_and_nobody_signed_out() {
    let tally = walk(HISTORIES, 4, &Kind::Store, &Kind::Store);
    assert!(tally.mirrored > 120, "{tally:?}");
}

#[test]
fn between_stores_with_other_keys_and_cookies_nothing_is_lost_and_nobody_signed_out() {
    walk(HISTORIES, 4, &Kind::Store, &Kind::Apart);
}

/// Of two concurrent writes to a cookie the last one wins, so there is one tab.
#[test]
fn from_cookies_to_a_store_and_back_nothing_is_lost_and_nobody_signed_out() {
    walk(30, 1, &Kind::Sealed, &Kind::Store);
    walk(30, 1, &Kind::Revocable, &Kind::Store);
}

#[test]
fn from_a_store_to_cookies_and_back_nothing_is_lost_and_nobody_signed_out() {
    walk(30, 1, &Kind::Store, &Kind::Sealed);
    walk(30, 1, &Kind::Store, &Kind::Revocable);
}

#[test]
fn from_cookies_to_other_cookies_and_back_nothing_is_lost_and_nobody_signed_out() {
    walk(30, 1, &Kind::Sealed, &Kind::Revocable);
    walk(30, 1, &Kind::Sealed, &Kind::SealedApart);
    walk(30, 1, &Kind::Revocable, &Kind::SealedApart);
}

/// Sessions that go round in circles, where movers were stopped and left copies behind.
#[test]
fn among_three_stores_in_any_order_nothing_is_lost_and_nobody_comes_back() {
    let tally = crossing::circle(CIRCLES, 1, 3).unwrap_or_else(|broken| panic!("{broken}"));
    for (seldom, what) in [
        (tally.moved, "moved"),
        (tally.used_elsewhere, "used elsewhere"),
        (tally.mirrored, "mirrored"),
        (tally.brought as u64, "brought"),
        (tally.sign_outs as u64, "sign-outs"),
    ] {
        assert!(seldom > CIRCLES, "{what} was hardly tried: {tally:?}");
    }
}
