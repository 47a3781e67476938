//! What the visitors notice of a sweep: `bench-sweep memory|sqlite [SESSIONS] [DIRECTORY]`.
//!
//! Half of the sessions have ended. Readers and writers at a steady pace are timed while nothing else
//! happens, and then while the sweep removes that half.

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
use abiding_stores::sqlite::SqliteStore;
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
/// How long the visitors are timed before the sweep begins.
const IDLE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let store = arguments.next().unwrap_or_default();
    let sessions = arguments
        .next()
        .map_or(Ok(1_000_000), |count| count.parse::<usize>())?;
    match store.as_str() {
        "memory" => run(MemoryStore::new(), sessions, 1).await,
        "sqlite" => {
            let parent = arguments.next().map_or_else(env::temp_dir, PathBuf::from);
            let directory = parent.join(format!("abiding-bench-sweep-{}", std::process::id()));
            fs::create_dir_all(&directory)?;
            let store = SqliteStore::open(directory.join("sessions.sqlite"))?;
            let outcome = run(store, sessions, 500).await;
            fs::remove_dir_all(&directory)?;
            outcome
        }
        _ => Err("usage: bench-sweep memory|sqlite [SESSIONS] [DIRECTORY]".into()),
    }
}

async fn run<S: Sweep>(store: S, sessions: usize, writers: usize) -> Result<(), Box<dyn Error>> {
    let store = Arc::new(store);
    let start = Instant::now();
    let living = fill(&store, sessions, writers).await?;
    println!(
        "{sessions} sessions, half of them ended, made in {:.1} s",
        start.elapsed().as_secs_f64()
    );

    let quiet = Visitors::start(&store, &living);
    sleep(IDLE).await;
    quiet.report("idle").await?;

    let busy = Visitors::start(&store, &living);
    let start = Instant::now();
    let (mut removed, mut longest, mut steps) = (0, Duration::ZERO, 0_usize);
    let mut pace = SweepPace::new();
    loop {
        let step = Instant::now();
        let swept = store.sweep(now(), pace.batch()).await?;
        let elapsed = step.elapsed();
        longest = longest.max(elapsed);
        removed += swept.removed;
        steps += 1;
        if !swept.more {
            break;
        }
        sleep(pace.rest_after(elapsed)).await;
    }
    let took = start.elapsed();
    busy.report("while the sweep runs").await?;
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

    async fn report(self, when: &str) -> Result<(), Box<dyn Error>> {
        self.over.store(true, Ordering::Relaxed);
        for (what, tasks) in [("reads", self.readers), ("writes", self.writers)] {
            let mut times = Vec::new();
            for visitor in tasks.join_all().await {
                times.extend(visitor?);
            }
            times.sort_by(f64::total_cmp);
            let [p50, p99, max] = [0.5, 0.99, 1.0].map(|q| quantile(&times, q));
            println!(
                "{when}: {} {what}, p50 {p50:.3} ms, p99 {p99:.3} ms, longest {max:.3} ms",
                times.len()
            );
        }
        Ok(())
    }
}
