//! The sessions that everything is measured with: made once, by a manager, and then copied row by row.

use std::sync::Arc;

use abiding::{
    Clock as _, Found, Manager, StoreKey, SystemClock,
    store::{Bulk as _, Scan as _, Store as _},
};
use abiding_stores::{
    keys::KeyFile,
    sqlite::{Durability, SqliteOptions, SqliteStore},
};
use tokio::task::JoinSet;

use crate::{
    Outcome,
    places::{Place, Places},
};

/// A file with sessions in it, as the library writes them.
pub(crate) struct Master {
    store: Arc<SqliteStore>,
    pub(crate) sessions: usize,
    /// Of the payload of one of them, in bytes.
    pub(crate) length: usize,
}

impl Master {
    pub(crate) async fn make(places: &Places, sessions: usize) -> Outcome<Self> {
        let options = SqliteOptions::new(places.file("master.db")).durability(Durability::Process);
        let store = Arc::new(options.open()?);
        let ring = KeyFile::new(places.keys()).load_or_create()?;
        let manager = Manager::builder(Arc::clone(&store)).keys(ring).build()?;
        let mut tasks = JoinSet::new();
        for visitor in 0..VISITORS {
            let manager = manager.clone();
            tasks.spawn(async move {
                for number in (visitor..sessions).step_by(VISITORS) {
                    let session = manager.open([]);
                    session.insert("form", &format!("{number:0>LENGTH$}"))?;
                    // Every fourth one is signed in.
                    if number % 4 == 0 {
                        session.login(&format!("visitor {number}"))?;
                    }
                    manager.close(&session, false).await?;
                }
                Ok::<(), abiding::Error>(())
            });
        }
        for ended in tasks.join_all().await {
            ended?;
        }
        let some = store.scan(None, 1, SystemClock.now()).await?;
        let length = some.first().map_or(0, |found| found.record.payload.len());
        Ok(Self {
            store,
            sessions,
            length,
        })
    }

    /// Some of them, and where the next ones begin.
    pub(crate) async fn page(&self, after: Option<StoreKey>) -> Outcome<Vec<Found>> {
        Ok(self
            .store
            .scan(after.as_ref(), PAGE, SystemClock.now())
            .await?)
    }

    /// Puts all of them where they are to be counted, or moved from.
    pub(crate) async fn fill(&self, place: &Place) -> Outcome<()> {
        let store = abiding_stores::open(&place.url).await?;
        let mut after = None;
        loop {
            let page = self.page(after).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.key);
            let rows: Vec<_> = page
                .into_iter()
                .map(|found| (found.key, found.record))
                .collect();
            if store.powers().bulk {
                store.create_all(rows, SystemClock.now()).await?;
                continue;
            }
            let mut rows = rows.into_iter().peekable();
            while rows.peek().is_some() {
                let mut tasks = JoinSet::new();
                for (key, record) in rows.by_ref().take(SIDE_BY_SIDE) {
                    let store = store.clone();
                    let create =
                        async move { store.create(&key, &record, SystemClock.now()).await };
                    tasks.spawn(create);
                }
                for created in tasks.join_all().await {
                    created?;
                }
            }
        }
    }
}

/// How many make sessions at once.
const VISITORS: usize = 128;
/// Of the one value in a session, in bytes.
const LENGTH: usize = 850;
const PAGE: usize = 2_000;
/// How many go at once where each is written by itself.
const SIDE_BY_SIDE: usize = 64;
