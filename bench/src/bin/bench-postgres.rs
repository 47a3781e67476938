//! abiding's PostgreSQL store beside its raw driver, on one server that flushes: `bench-postgres`.
//!
//! Three ways to use the same eight connections with the same statements: shared, with the requests of
//! many tasks on their way at once; taken out of a pool by one task at a time; and so with a lock on the
//! row from the read to the write. And ours, which is the first of them. Every round runs all ways, each
//! time in another order. The decision that rests on it: `docs/adr/0008-postgres-store.md`.

#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

use std::{
    error::Error,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use abiding::{
    StoreKey, Timestamp,
    store::{Expect, Store as _, sample},
};
use abiding_bench::{contract::sample_texts, statistics::Spread};
use abiding_stores::postgres::{PostgresOptions, PostgresStore};
use abiding_testkit::servers::postgres::PostgresServer;
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};
use tokio_postgres::{Client, NoTls, Statement, types::ToSql};

const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);
const SESSIONS: usize = 10_000;
const CONNECTIONS: usize = 8;
const ROUNDS: usize = 9;
/// Operations in a round, over all tasks.
const READS: usize = 4_000;
const WRITES: usize = 640;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Clone, Copy, Debug)]
enum Work {
    /// Find the session.
    Read,
    /// Slide its expiry.
    Touch,
    /// Find it, and change it on the condition that it still is as it was found.
    Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Ours,
    Shared,
    Pooled,
    Locked,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let server = PostgresServer::with(&["synchronous_commit=on"]).ok_or("needs PostgreSQL")?;
    let url = server.url("postgres");
    let options = PostgresOptions::new(&url)?.connections(CONNECTIONS);
    let bench = Arc::new(Bench::make(&url, options.open().await?).await?);
    println!(
        "| | tasks | ours, µs | shared | pooled | pooled, row locked | ours ÷ shared | pooled ÷ shared |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (work, tasks) in [
        (Work::Read, 1),
        (Work::Read, 32),
        (Work::Touch, 32),
        (Work::Write, 1),
        (Work::Write, 8),
        (Work::Write, 32),
    ] {
        bench.compare(work, tasks).await?;
    }
    Ok(())
}

struct Bench {
    store: PostgresStore,
    keys: Vec<StoreKey>,
    payload: Vec<u8>,
    raw: Vec<Raw>,
    /// For the ways that share.
    next: AtomicUsize,
    /// For those that take one out.
    free: Mutex<Vec<usize>>,
    permits: Semaphore,
}

/// A connection of the driver alone.
struct Raw {
    client: Client,
    find: Statement,
    lock: Statement,
    replace: Statement,
    touch: Statement,
}

impl Bench {
    async fn make(url: &str, store: PostgresStore) -> Outcome<Self> {
        let texts = sample_texts();
        let values: Vec<_> = texts
            .iter()
            .map(|(key, text)| (*key, text.as_str()))
            .collect();
        let record = sample::record(NOW, NOW.after(Duration::from_secs(86_400)), &values);
        let mut keys = Vec::new();
        for _ in 0..SESSIONS {
            keys.push(sample::key());
            store.create(&keys[keys.len() - 1], &record, NOW).await?;
        }
        let mut raw = Vec::new();
        for number in 0..CONNECTIONS {
            raw.push(Raw::open(url, number == 0).await?);
        }
        Ok(Self {
            store,
            keys,
            payload: record.payload.to_vec(),
            raw,
            next: AtomicUsize::new(0),
            free: Mutex::new((0..CONNECTIONS).collect()),
            permits: Semaphore::new(CONNECTIONS),
        })
    }

    async fn compare(self: &Arc<Self>, work: Work, tasks: usize) -> Outcome<()> {
        let ways = [Way::Ours, Way::Shared, Way::Pooled, Way::Locked];
        let mut times = Vec::new();
        for round in 0..=ROUNDS {
            let mut took = [f64::NAN; 4];
            for turn in 0..ways.len() {
                let at = (round + turn) % ways.len();
                // Only a write has something to lock.
                if ways[at] != Way::Locked || matches!(work, Work::Write) {
                    took[at] = self.round(ways[at], work, tasks).await?;
                }
            }
            if round > 0 {
                times.push(took);
            }
        }
        let [ours, shared, pooled, locked] =
            [0, 1, 2, 3].map(|way| Spread::of(times.iter().map(|took| took[way])).median);
        let ratio = |a: usize, b: usize| Spread::of(times.iter().map(|took| took[a] / took[b]));
        let (ours_shared, pooled_shared) = (ratio(0, 1), ratio(2, 1));
        println!(
            "| {work:?} | {tasks} | {ours:.0} | {shared:.0} | {pooled:.0} | {locked:.0} | **{:.2}** ({:.2}–{:.2}) | {:.2} ({:.2}–{:.2}) |",
            ours_shared.median,
            ours_shared.min,
            ours_shared.max,
            pooled_shared.median,
            pooled_shared.min,
            pooled_shared.max,
        );
        Ok(())
    }

    /// Microseconds an operation, over all tasks.
    async fn round(self: &Arc<Self>, way: Way, work: Work, tasks: usize) -> Outcome<f64> {
        let operations = match work {
            Work::Read => READS,
            Work::Touch | Work::Write => WRITES,
        };
        let start = Instant::now();
        let mut running = JoinSet::new();
        for task in 0..tasks {
            let bench = Arc::clone(self);
            running.spawn(async move {
                for number in 0..operations / tasks {
                    let at = (number * tasks + task) * 7 % SESSIONS;
                    bench.once(way, work, &bench.keys[at]).await?;
                }
                Ok::<_, Box<dyn Error + Send + Sync>>(())
            });
        }
        for outcome in running.join_all().await {
            outcome?;
        }
        Ok(start.elapsed().as_secs_f64() * 1e6 / operations as f64)
    }

    async fn once(&self, way: Way, work: Work, key: &StoreKey) -> Outcome<()> {
        match way {
            Way::Ours => self.once_ours(work, key).await,
            Way::Shared => {
                let at = self.next.fetch_add(1, Ordering::Relaxed) % CONNECTIONS;
                self.raw[at].once(work, key, &self.payload).await
            }
            Way::Pooled => self.pooled(|raw| raw.once(work, key, &self.payload)).await,
            Way::Locked => self.pooled(|raw| raw.once_locked(key, &self.payload)).await,
        }
    }

    async fn once_ours(&self, work: Work, key: &StoreKey) -> Outcome<()> {
        match work {
            Work::Read => assert!(self.store.load(key, NOW).await?.is_some()),
            Work::Touch => drop(self.store.touch(key, Timestamp::MAX, self.moment()).await?),
            Work::Write => {
                self.store.load(key, NOW).await?;
                let change = sample::change(NOW, &[("counter", "1")], &[]);
                self.store.commit(key, &change, Expect::Any, NOW).await?;
            }
        }
        Ok(())
    }

    /// An instant that no touch has seen, so that each of them writes.
    fn moment(&self) -> Timestamp {
        let millis = u64::try_from(self.next.fetch_add(1, Ordering::Relaxed)).unwrap_or(0);
        NOW.after(Duration::from_millis(millis))
    }

    async fn pooled<'a, F: Future<Output = Outcome<()>>>(
        &'a self,
        act: impl FnOnce(&'a Raw) -> F,
    ) -> Outcome<()> {
        let _permit = self.permits.acquire().await?;
        let at = self.free().pop().ok_or("no connection")?;
        let outcome = act(&self.raw[at]).await;
        self.free().push(at);
        outcome
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<usize>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Raw {
    /// Opens a connection, and fills its table if it is the `first`.
    async fn open(url: &str, first: bool) -> Outcome<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        if first {
            for statement in [
                "CREATE TABLE raw (version bigint, seen bigint, key bytea PRIMARY KEY, payload bytea) WITH (fillfactor = 70)",
                "ALTER TABLE raw ALTER payload SET STORAGE EXTERNAL",
                "INSERT INTO raw SELECT 1, 0, key, payload FROM abiding_sessions",
                "VACUUM ANALYZE",
            ] {
                client.batch_execute(statement).await?;
            }
        }
        Ok(Self {
            find: client.prepare("SELECT version, payload FROM raw WHERE key = $1").await?,
            lock: client.prepare("SELECT version, payload FROM raw WHERE key = $1 FOR UPDATE").await?,
            replace: client
                .prepare("UPDATE raw SET version = version + 1, payload = $3 WHERE key = $1 AND version = $2")
                .await?,
            touch: client.prepare("UPDATE raw SET seen = seen + 1 WHERE key = $1").await?,
            client,
        })
    }

    async fn once(&self, work: Work, key: &StoreKey, payload: &[u8]) -> Outcome<()> {
        let key = key.as_bytes().as_slice();
        if let Work::Touch = work {
            self.client.execute(&self.touch, &[&key]).await?;
            return Ok(());
        }
        let row = self.client.query_one(&self.find, &[&key]).await?;
        let found: Vec<u8> = row.get(1);
        assert!(!found.is_empty());
        if let Work::Write = work {
            let version: i64 = row.get(0);
            self.client
                .execute(&self.replace, &[&key, &version, &payload])
                .await?;
        }
        Ok(())
    }

    /// A transaction in two round trips: each end of it travels with a statement.
    async fn once_locked(&self, key: &StoreKey, payload: &[u8]) -> Outcome<()> {
        let key = key.as_bytes().as_slice();
        let (_, row) = tokio::try_join!(self.client.batch_execute("BEGIN"), async {
            self.client.query_one(&self.lock, &[&key]).await
        })?;
        let version: i64 = row.get(0);
        tokio::try_join!(
            async {
                let parameters: [&(dyn ToSql + Sync); 3] = [&key, &version, &payload];
                self.client.execute(&self.replace, &parameters).await
            },
            self.client.batch_execute("COMMIT")
        )?;
        Ok(())
    }
}
