//! What the visitors notice of a sweep: `bench-sweep memory|sqlite|postgres|mysql [SESSIONS] [DIRECTORY]`.
//!
//! Half of the sessions have ended. Readers and writers at a steady pace are timed in turns while nothing
//! else happens and while the sweep removes that half. The servers are started for the occasion; they
//! flush each write from the moment the sessions are made.

#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

use std::{
    env,
    error::Error,
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use abiding::{
    StoreKey, Timestamp,
    store::{Expect, MemoryStore, Store, Sweep, sample},
};
use abiding_bench::{contract::sample_texts, statistics::quantile};
use abiding_stores::{mysql::MysqlStore, postgres::PostgresStore, sqlite::SqliteStore};
use abiding_testkit::servers::{mysql::MysqlServer, postgres::PostgresServer};
use abiding_tower::SweepPace;
use tokio::{
    task::JoinSet,
    time::{Instant, interval, sleep},
};

/// When the sessions began, an hour before half of them end.
const BEGIN: Timestamp = Timestamp::from_millis(1_000_000_000);
/// Readers, and as many writers.
const VISITORS: usize = 8;
/// The pause between two requests of a visitor.
const PACE: Duration = Duration::from_millis(10);
/// How long they are timed without the sweep, and then with it.
const WINDOW: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let store = arguments.next().unwrap_or_default();
    let sessions = arguments
        .next()
        .map_or(Ok(1_000_000), |count| count.parse::<usize>())?;
    match store.as_str() {
        "memory" => {
            let store = Arc::new(MemoryStore::new());
            let living = fill(&store, sessions, 1).await?;
            measure(&store, &living).await
        }
        "sqlite" => {
            let parent = arguments.next().map_or_else(env::temp_dir, PathBuf::from);
            let directory = parent.join(format!("abiding-bench-sweep-{}", std::process::id()));
            fs::create_dir_all(&directory)?;
            let store = Arc::new(SqliteStore::open(directory.join("sessions.sqlite"))?);
            let living = fill(&store, sessions, 500).await?;
            let outcome = measure(&store, &living).await;
            drop(store);
            fs::remove_dir_all(&directory)?;
            outcome
        }
        "postgres" => {
            let server = PostgresServer::with(&["max_wal_size=4GB"]).ok_or("needs PostgreSQL")?;
            let url = server.url("postgres");
            let lazy = Arc::new(PostgresStore::open(&format!("{url}?durability=lazy")).await?);
            let living = fill(&lazy, sessions, 64).await?;
            server.sql("postgres", "CHECKPOINT");
            measure(&Arc::new(PostgresStore::open(&url).await?), &living).await
        }
        "mysql" => {
            let server = MysqlServer::new().ok_or("needs MariaDB")?;
            let store = MysqlStore::open(&server.socket_url(&server.database())).await?;
            let store = Arc::new(store);
            let living = fill(&store, sessions, 64).await?;
            server.sql("", "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
            measure(&store, &living).await
        }
        _ => Err("usage: bench-sweep memory|sqlite|postgres|mysql [SESSIONS] [DIRECTORY]".into()),
    }
}

/// Times the visitors without the sweep and with it, in turns, until it is through.
async fn measure<S: Sweep>(store: &Arc<S>, living: &[StoreKey]) -> Result<(), Box<dyn Error>> {
    let (mut idle, mut busy) = (Times::default(), Times::default());
    let (mut took, mut longest) = (Duration::ZERO, Duration::ZERO);
    let (mut removed, mut steps, mut more) = (0, 0_usize, true);
    let mut pace = SweepPace::new();
    while more {
        let visitors = Visitors::start(store, living);
        sleep(WINDOW).await;
        idle.add(visitors.times().await?);

        let visitors = Visitors::start(store, living);
        let start = Instant::now();
        while more && start.elapsed() < WINDOW {
            let step = Instant::now();
            let swept = store.sweep(now(), pace.batch()).await?;
            let elapsed = step.elapsed();
            longest = longest.max(elapsed);
            removed += swept.removed;
            steps += 1;
            more = swept.more;
            sleep(pace.rest_after(elapsed)).await;
        }
        took += start.elapsed();
        busy.add(visitors.times().await?);
    }
    idle.report("idle");
    busy.report("while the sweep runs");
    println!(
        "the sweep removed {removed} in {:.1} s, {steps} steps, the longest {:.1} ms",
        took.as_secs_f64(),
        longest.as_secs_f64() * 1e3,
    );
    Ok(())
}

/// An instant at which the first half has ended.
fn now() -> Timestamp {
    BEGIN.after(Duration::from_secs(7_200))
}

/// Makes the sessions, every other one to end soon; answers the keys of some that live on.
async fn fill<S: Store>(
    store: &Arc<S>,
    sessions: usize,
    writers: usize,
) -> Result<Vec<StoreKey>, Box<dyn Error>> {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..writers {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            let texts = sample_texts();
            let values: Vec<_> = texts
                .iter()
                .map(|(key, text)| (*key, text.as_str()))
                .collect();
            let mut living = Vec::new();
            for number in 0..sessions / writers {
                let hours = if number % 2 == 0 { 1 } else { 24 };
                let record = sample::record(
                    BEGIN,
                    BEGIN.after(Duration::from_secs(3_600 * hours)),
                    &values,
                );
                let key = sample::key();
                store.create(&key, &record, BEGIN).await?;
                if number % 64 == 1 {
                    living.push(key);
                }
            }
            Ok::<_, abiding::Error>(living)
        });
    }
    let mut living = Vec::new();
    while let Some(made) = tasks.join_next().await {
        living.extend(made??);
    }
    println!(
        "{sessions} sessions, half of them ended, made in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    Ok(living)
}

/// Readers and writers under way.
struct Visitors {
    over: Arc<AtomicBool>,
    readers: JoinSet<abiding::Result<Vec<f64>>>,
    writers: JoinSet<abiding::Result<Vec<f64>>>,
}

impl Visitors {
    fn start<S: Store>(store: &Arc<S>, living: &[StoreKey]) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (mut readers, mut writers) = (JoinSet::new(), JoinSet::new());
        for visitor in 0..2 * VISITORS {
            let (store, over) = (Arc::clone(store), Arc::clone(&over));
            let keys: Vec<_> = living
                .iter()
                .skip(visitor)
                .step_by(2 * VISITORS)
                .copied()
                .collect();
            let writes = visitor >= VISITORS;
            let task = async move {
                let mut times = Vec::new();
                let mut ticks = interval(PACE);
                for key in keys.iter().cycle() {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    ticks.tick().await;
                    let start = Instant::now();
                    if writes {
                        let change = sample::change(now(), &[("counter", "1")], &[]);
                        store.commit(key, &change, Expect::Any, now()).await?;
                    } else {
                        store.load(key, now()).await?;
                    }
                    times.push(start.elapsed().as_secs_f64() * 1e3);
                }
                Ok(times)
            };
            if writes {
                writers.spawn(task)
            } else {
                readers.spawn(task)
            };
        }
        Self {
            over,
            readers,
            writers,
        }
    }

    async fn times(self) -> Result<Times, Box<dyn Error>> {
        self.over.store(true, Ordering::Relaxed);
        let mut times = Times::default();
        for (of, tasks) in [
            (&mut times.reads, self.readers),
            (&mut times.writes, self.writers),
        ] {
            for visitor in tasks.join_all().await {
                of.extend(visitor?);
            }
        }
        Ok(times)
    }
}

/// How long requests took, in milliseconds.
#[derive(Default)]
struct Times {
    reads: Vec<f64>,
    writes: Vec<f64>,
}

impl Times {
    fn add(&mut self, more: Self) {
        self.reads.extend(more.reads);
        self.writes.extend(more.writes);
    }

    fn report(mut self, when: &str) {
        for (what, times) in [("reads", &mut self.reads), ("writes", &mut self.writes)] {
            times.sort_by(f64::total_cmp);
            let [p50, p99, max] = [0.5, 0.99, 1.0].map(|q| quantile(times, q));
            println!(
                "{when}: {} {what}, p50 {p50:.3} ms, p99 {p99:.3} ms, longest {max:.3} ms",
                times.len()
            );
        }
    }
}
