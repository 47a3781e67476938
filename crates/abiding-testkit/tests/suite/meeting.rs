//! A renewal of the id that meets a move of the session on another node, at every await of both.
//!
//! Also where the version of a record is what is in it, as in the layout of Flask-Session: there a session under
//! its new id looks as it did under the one before.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests are not seen to be tests"
)]

use std::{
    future::poll_fn,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use abiding::{
    Found, MemoryStore, Phase, Record, Result, StoreKey, Timestamp, Version,
    store::{
        Capabilities, Change, Committed, Created, Deleted, Expect, Farewell, Leave, Store, Touched,
    },
};
use abiding_testkit::block_on;

use crate::moving::{NEW, OLD, Stage, fill_in, is_live, request, told};

/// Records that are of one version if the same is in them.
#[derive(Clone, Debug)]
struct ByContent(Arc<MemoryStore>);

impl ByContent {
    fn version(record: &Record) -> Version {
        let mut hasher = DefaultHasher::new();
        record.payload.hash(&mut hasher);
        Version::from_number(hasher.finish())
    }

    fn shown(mut found: Found) -> Found {
        found.record.version = Self::version(&found.record);
        found
    }

    /// What the store within expects; or what lies there, if that is another version.
    async fn expected(
        &self,
        key: &StoreKey,
        expect: Expect,
        now: Timestamp,
    ) -> Result<std::result::Result<Expect, Committed>> {
        let Some(found) = self.0.load(key, now).await? else {
            return Ok(Err(Committed::Gone));
        };
        let within = Expect::Version(found.record.version);
        let found = Self::shown(found);
        Ok(if expect.admits(found.record.version) {
            Ok(within)
        } else {
            Err(Committed::Stale(found))
        })
    }
}

impl Store for ByContent {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn create(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        self.0.create(key, record, now).await
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        Ok(self.0.load(key, now).await?.map(Self::shown))
    }

    async fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed> {
        match self.expected(key, expect, now).await? {
            Ok(expect) => self.0.commit(key, change, expect, now).await,
            Err(other) => Ok(other),
        }
    }

    async fn touch(&self, key: &StoreKey, idle: Timestamp, now: Timestamp) -> Result<Touched> {
        self.0.touch(key, idle, now).await
    }

    async fn rotate(
        &self,
        from: &StoreKey,
        to: &StoreKey,
        change: &Change,
        expect: Expect,
        leave: Leave,
        now: Timestamp,
    ) -> Result<Committed> {
        match self.expected(from, expect, now).await? {
            Ok(expect) => self.0.rotate(from, to, change, expect, leave, now).await,
            Err(other) => Ok(other),
        }
    }

    async fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted> {
        self.0.delete(key, farewell, now).await
    }
}

/// Polls the one so often, then the other so often, then the one to its end, and then the other.
pub(crate) async fn meet<A, B>(
    (one, at): (impl Future<Output = A>, usize),
    (other, until): (impl Future<Output = B>, usize),
) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut left, mut right, mut polls) = (None, None, 0);
    poll_fn(|context| {
        loop {
            let is_turn = polls < at || (polls >= at + until && left.is_none());
            polls += 1;
            if is_turn
                && left.is_none()
                && let Poll::Ready(output) = one.as_mut().poll(context)
            {
                left = Some(output);
            }
            if !is_turn
                && right.is_none()
                && let Poll::Ready(output) = other.as_mut().poll(context)
            {
                right = Some(output);
            }
            if left.is_some() && right.is_some() {
                return Poll::Ready(());
            }
        }
    })
    .await;
    (left.unwrap(), right.unwrap())
}

#[test]
fn a_renewal_that_meets_a_move_leaves_the_browser_a_cookie_of_the_new_place() {
    let mut met = [0; 2];
    for (same, by_content) in [(true, false), (true, true), (false, false), (false, true)] {
        for (at, until) in (0..AWAITS).flat_map(|at| (0..AWAITS).map(move |until| (at, until))) {
            let stage = Stage::new(same);
            let node = |end: usize, elsewhere| match by_content {
                true => stage.node_of(|store| ByContent(Arc::clone(store)), end, elsewhere),
                false => stage.node(end, elsewhere),
            };
            let what = format!("same: {same}, by content: {by_content}, {at}, {until}");
            let first = request(&node(OLD, None), "", fill_in);
            let renewing = node(OLD, Some(Phase::Probe));
            let moving = node(NEW, Some(Phase::Move));
            let renewal = async {
                let session = renewing.open([first.as_bytes()]);
                session.renew();
                renewing.close(&session, false).await.unwrap()
            };
            let change = async {
                let session = moving.open([first.as_bytes()]);
                session.insert("more", &1).unwrap();
                moving.close(&session, false).await
            };
            let (renewed, changed) = block_on(meet((renewal, at), (change, until)));
            let changed = changed.unwrap_or_else(|error| panic!("{what}: {error}"));
            met[usize::from(moving.crossings().moved > 0)] += 1;
            // The renewal last: a cookie as it was may not overtake it, or the browser holds an id that was given up.
            let jar = told(&told(&first, &changed), &renewed);
            assert!(is_live(&renewing, &jar), "{what}");
            let jar = request(&moving, &jar, async |session| {
                let found: (Option<u32>, Option<u32>) = (
                    session.get("step").await.unwrap(),
                    session.get("more").await.unwrap(),
                );
                assert_eq!(found, (Some(2), Some(1)), "{what}");
            });
            stage.clock.advance(Duration::from_secs(31));
            for node in [&renewing, &moving, &node(NEW, None)] {
                assert!(is_live(node, &jar), "{what}, later: {node:?}");
            }
            assert!(
                !is_live(&node(NEW, None), &first),
                "{what}: the id is given up"
            );
        }
    }
    assert!(met.iter().all(|met| *met > 100), "{met:?}");
}

/// More than either request has.
const AWAITS: usize = 40;
