//! abiding's SQLite store beside the raw driver on the same machine: `bench-sqlite [DIRECTORY]`.
//!
//! Reads: `load` beside a prepared point select of the same bytes. Durable writes (a flush before each
//! acknowledgement on both sides): `commit` by 1, 8 and 32 writers at once, beside one transaction a
//! write of the raw driver, in both ways to do that: a connection for each writer, and one behind a lock.

#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::Duration,
};

use abiding::{
    StoreKey, Timestamp,
    store::{Expect, Store as _, sample},
};
use abiding_bench::{contract::sample_texts, statistics::Spread};
use abiding_stores::sqlite::SqliteStore;
use rusqlite::{Connection, TransactionBehavior};
use tokio::{task::JoinSet, time::Instant};

const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);
const SESSIONS: usize = 10_000;
const ROUNDS: usize = 15;
const READS: usize = 5_000;
/// Durable writes in a round, over all writers.
const WRITES: usize = 640;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let parent = env::args().nth(1).map_or_else(env::temp_dir, PathBuf::from);
    let directory = parent.join(format!("abiding-bench-sqlite-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let outcome = run(&directory).await;
    fs::remove_dir_all(&directory)?;
    outcome
}

async fn run(directory: &Path) -> Outcome<()> {
    let (ours, keys) = ours(&directory.join("ours.sqlite")).await?;
    let raw = Raw::make(directory.join("raw.sqlite"))?;
    reads(&ours, &keys, &raw).await?;
    println!(
        "\n| writers | ours, µs a write | raw, a connection each | raw, one connection | ours ÷ better raw |"
    );
    println!("|---|---|---|---|---|");
    for writers in [1, 8, 32] {
        writes(&ours, &keys, &raw, writers).await?;
    }
    Ok(())
}

async fn ours(path: &Path) -> Outcome<(Arc<SqliteStore>, Vec<StoreKey>)> {
    let store = Arc::new(SqliteStore::open(path)?);
    let texts = sample_texts();
    let values: Vec<_> = texts
        .iter()
        .map(|(key, text)| (*key, text.as_str()))
        .collect();
    let mut tasks = JoinSet::new();
    let mut keys = Vec::new();
    for _ in 0..SESSIONS {
        let (store, key) = (Arc::clone(&store), sample::key());
        let record = sample::record(NOW, NOW.after(Duration::from_secs(86_400)), &values);
        keys.push(key);
        tasks.spawn(async move { store.create(&key, &record, NOW).await.map(drop) });
    }
    for made in tasks.join_all().await {
        made?;
    }
    Ok((store, keys))
}

async fn reads(ours: &SqliteStore, keys: &[StoreKey], raw: &Raw) -> Outcome<()> {
    let connection = raw.connect()?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for number in 0..READS {
            let key = &keys[number * 7 % keys.len()];
            assert!(ours.load(key, NOW).await?.is_some());
        }
        let of_ours = start.elapsed();
        let mut select = connection.prepare("SELECT payload FROM sessions WHERE id = ?1")?;
        let start = Instant::now();
        for number in 0..READS {
            let payload: Vec<u8> =
                select.query_row([(number * 7 % SESSIONS) as i64], |row| row.get(0))?;
            assert!(!payload.is_empty());
        }
        times.push((micros(of_ours, READS), micros(start.elapsed(), READS)));
    }
    let ours = Spread::of(times.iter().map(|(ours, _)| *ours));
    let raw = Spread::of(times.iter().map(|(_, raw)| *raw));
    let ratio = Spread::of(times.iter().map(|(ours, raw)| ours / raw));
    println!(
        "read: `load` {:.2} µs, raw prepared point select {:.2} µs, ratio {:.2} ({:.2}–{:.2}); goal ≤ 1.5",
        ours.median, raw.median, ratio.median, ratio.min, ratio.max
    );
    Ok(())
}

async fn writes(
    ours: &Arc<SqliteStore>,
    keys: &[StoreKey],
    raw: &Raw,
    writers: usize,
) -> Outcome<()> {
    let mut times = Vec::new();
    for round in 0..=ROUNDS {
        let of_ours = write_ours(ours, keys, writers).await?;
        let (own, shared) = (raw.write_each_its_own(writers)?, raw.write_shared(writers)?);
        if round > 0 {
            times.push([of_ours, own, shared].map(|time| micros(time, WRITES)));
        }
    }
    let [of_ours, own, shared] =
        [0, 1, 2].map(|way| Spread::of(times.iter().map(|times| times[way])).median);
    let ratio = Spread::of(
        times
            .iter()
            .map(|[ours, own, shared]| ours / own.min(*shared)),
    );
    println!(
        "| {writers} | {of_ours:.0} | {own:.0} | {shared:.0} | **{:.2}** ({:.2}–{:.2}) |",
        ratio.median, ratio.min, ratio.max
    );
    Ok(())
}

async fn write_ours(
    store: &Arc<SqliteStore>,
    keys: &[StoreKey],
    writers: usize,
) -> Outcome<Duration> {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        let store = Arc::clone(store);
        let keys: Vec<_> = keys
            .iter()
            .skip(writer)
            .step_by(writers)
            .take(WRITES / writers)
            .copied()
            .collect();
        tasks.spawn(async move {
            for (number, key) in keys.iter().enumerate() {
                let change = sample::change(NOW, &[("counter", &number.to_string())], &[]);
                store.commit(key, &change, Expect::Any, NOW).await?;
            }
            Ok::<_, abiding::Error>(())
        });
    }
    for written in tasks.join_all().await {
        written?;
    }
    Ok(start.elapsed())
}

/// The raw driver: a table of payloads as long as ours, a write-ahead log, a flush at every commit.
struct Raw {
    path: PathBuf,
    payload: Vec<u8>,
    shared: Mutex<Connection>,
    written: AtomicI64,
}

impl Raw {
    fn make(path: PathBuf) -> Outcome<Self> {
        let texts = sample_texts();
        let values: Vec<_> = texts
            .iter()
            .map(|(key, text)| (*key, text.as_str()))
            .collect();
        let payload = sample::record(NOW, NOW.after(Duration::from_secs(86_400)), &values)
            .payload
            .to_vec();
        let mut connection = connect(&path)?;
        connection.execute_batch(
            "CREATE TABLE sessions (id INTEGER PRIMARY KEY, ends INTEGER, payload BLOB)",
        )?;
        let transaction = connection.transaction()?;
        for id in 0..SESSIONS as i64 {
            transaction.execute("INSERT INTO sessions VALUES (?1, 0, ?2)", (id, &payload))?;
        }
        transaction.commit()?;
        Ok(Self {
            path,
            payload,
            shared: Mutex::new(connection),
            written: AtomicI64::new(0),
        })
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        connect(&self.path)
    }

    fn write(&self, connection: &mut Connection, id: usize) -> rusqlite::Result<()> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction
            .prepare_cached("UPDATE sessions SET payload = ?2, ends = ?3 WHERE id = ?1")?
            // Another value each time: what is not changed is not written.
            .execute((
                id as i64,
                &self.payload,
                self.written.fetch_add(1, Ordering::Relaxed),
            ))?;
        transaction.commit()
    }

    fn write_each_its_own(&self, writers: usize) -> Outcome<Duration> {
        let mut connections = (0..writers)
            .map(|_| self.connect())
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let start = Instant::now();
        thread::scope(|scope| {
            let threads: Vec<_> = connections
                .iter_mut()
                .enumerate()
                .map(|(writer, connection)| {
                    scope.spawn(move || {
                        (0..WRITES / writers).try_for_each(|number| {
                            self.write(connection, number * writers + writer)
                        })
                    })
                })
                .collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().expect("no writer panics"))
        })?;
        Ok(start.elapsed())
    }

    fn write_shared(&self, writers: usize) -> Outcome<Duration> {
        let start = Instant::now();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..writers)
                .map(|writer| {
                    scope.spawn(move || {
                        (0..WRITES / writers).try_for_each(|number| {
                            let mut connection =
                                self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                            self.write(&mut connection, number * writers + writer)
                        })
                    })
                })
                .collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().expect("no writer panics"))
        })?;
        Ok(start.elapsed())
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(30))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

fn micros(time: Duration, operations: usize) -> f64 {
    time.as_secs_f64() * 1e6 / operations as f64
}
