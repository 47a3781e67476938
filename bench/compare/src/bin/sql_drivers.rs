//! Two ways to talk to SQLite, in one process, on one build of SQLite: `sql_drivers [DIRECTORY]`.
//!
//! sqlx, with a pool, and rusqlite, with reads on the caller's thread and one thread that writes whatever
//! is waiting in one transaction; beside them the raw driver, a prepared statement in a loop. Every
//! write is flushed before it is acknowledged. The decision that rests on it: `docs/adr/0005-sqlite-driver.md`.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use sqlx::{
    Row, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::{runtime::Runtime, sync::oneshot, task::JoinSet};

const SESSIONS: usize = 10_000;
const PAYLOAD: usize = 1_100;
const ROUNDS: usize = 12;
const READS: usize = 4_000;
/// Durable writes in a round, over all writers.
const WRITES: usize = 320;

const SELECT: &str = "SELECT payload FROM sessions WHERE id = ?1";
const UPDATE: &str = "UPDATE sessions SET payload = ?2, ends = ends + 1 WHERE id = ?1";

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let parent = env::args().nth(1).map_or_else(env::temp_dir, PathBuf::from);
    let directory = parent.join(format!("abiding-sql-drivers-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let outcome = compare(&runtime, &directory.join("sessions.db"));
    fs::remove_dir_all(&directory)?;
    outcome
}

fn compare(runtime: &Runtime, path: &Path) -> Outcome<()> {
    fill(path)?;
    let pool = runtime.block_on(pool(path, 8))?;
    let single = runtime.block_on(pool_of_one(path))?;
    println!("SQLite {}, {ROUNDS} rounds, medians\n", rusqlite::version());

    let (reader, select) = (connect(path)?, connect(path)?);
    let reader = Mutex::new(reader);
    let mut select = select.prepare(SELECT)?;
    let mut ways: [(&str, Box<dyn FnMut() -> Outcome<Duration>>); 3] = [
        (
            "raw driver, prepared",
            Box::new(|| timed(READS, |n| raw_read(&mut select, n))),
        ),
        (
            "rusqlite on the caller's thread, cached statement, lock",
            Box::new(|| timed(READS, |n| locked_read(&reader, n))),
        ),
        (
            "sqlx pool",
            Box::new(|| runtime.block_on(pool_reads(&pool))),
        ),
    ];
    println!("| point read | µs | ÷ raw |\n|---|---|---|");
    report(path, &mut ways, READS)?;
    drop(ways);

    for writers in [1, 8, 32] {
        let desk = Desk::start(connect(path)?);
        let shared = Mutex::new(connect(path)?);
        let mut ways: [(&str, Box<dyn FnMut() -> Outcome<Duration>>); 4] = [
            (
                "raw driver, a transaction a write",
                Box::new(|| raw_writes(&shared, writers)),
            ),
            (
                "rusqlite, writer thread",
                Box::new(|| runtime.block_on(desk_writes(&desk, writers))),
            ),
            (
                "sqlx, pool of 8",
                Box::new(|| runtime.block_on(pool_writes(&pool, writers))),
            ),
            (
                "sqlx, pool of 1",
                Box::new(|| runtime.block_on(pool_writes(&single, writers))),
            ),
        ];
        println!("\n| durable write, {writers} at once | µs | ÷ raw |\n|---|---|---|");
        report(path, &mut ways, WRITES)?;
        drop(ways);
        desk.stop();
    }
    Ok(())
}

/// Runs all ways in turn, round by round, so that a noisy neighbour meets them all.
fn report(
    path: &Path,
    ways: &mut [(&str, Box<dyn FnMut() -> Outcome<Duration> + '_>)],
    operations: usize,
) -> Outcome<()> {
    let copying = connect(path)?;
    let mut times = vec![Vec::new(); ways.len()];
    for round in 0..=ROUNDS {
        for turn in 0..ways.len() {
            // Another one first in every round: what the one before left the disk to do is not the next one's fault.
            let way = (round + turn) % ways.len();
            let ((_, run), times) = (&mut ways[way], &mut times[way]);
            // Each begins with an empty log, and none is long enough to be copied while it is timed.
            copying.query_row("PRAGMA wal_checkpoint(RESTART)", (), |_| Ok(()))?;
            let time = run()?.as_secs_f64() * 1e6 / operations as f64;
            if round > 0 {
                times.push(time);
            }
        }
    }
    let medians: Vec<_> = times.iter_mut().map(median).collect();
    for ((name, _), time) in ways.iter().zip(&medians) {
        println!("| {name} | {time:.1} | {:.2} |", time / medians[0]);
    }
    Ok(())
}

fn median(times: &mut Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn timed(operations: usize, mut act: impl FnMut(i64) -> Outcome<()>) -> Outcome<Duration> {
    let start = Instant::now();
    (0..operations).try_for_each(|n| act(row(n)))?;
    Ok(start.elapsed())
}

/// Row numbers in no order.
fn row(n: usize) -> i64 {
    (n * 7_919 % SESSIONS) as i64
}

fn fill(path: &Path) -> Outcome<()> {
    let mut conn = connect(path)?;
    conn.execute_batch("CREATE TABLE sessions (id INTEGER PRIMARY KEY, ends INTEGER NOT NULL, payload BLOB NOT NULL)")?;
    let transaction = conn.transaction()?;
    for id in 0..SESSIONS {
        transaction.execute(
            "INSERT INTO sessions VALUES (?1, 0, zeroblob(?2))",
            (id as i64, PAYLOAD as i64),
        )?;
    }
    Ok(transaction.commit()?)
}

fn connect(path: &Path) -> Outcome<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(Duration::from_secs(30))?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    Ok(conn)
}

fn raw_read(select: &mut rusqlite::Statement<'_>, id: i64) -> Outcome<()> {
    let payload: Vec<u8> = select.query_row([id], |row| row.get(0))?;
    assert_eq!(payload.len(), PAYLOAD);
    Ok(())
}

fn locked_read(reader: &Mutex<Connection>, id: i64) -> Outcome<()> {
    let conn = reader.lock().map_err(|_| "poisoned")?;
    raw_read(&mut *conn.prepare_cached(SELECT)?, id)
}

fn raw_write(conn: &mut Connection, id: i64, payload: &[u8]) -> rusqlite::Result<()> {
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.prepare_cached(UPDATE)?.execute((id, payload))?;
    transaction.commit()
}

fn raw_writes(shared: &Mutex<Connection>, writers: usize) -> Outcome<Duration> {
    let payload = vec![7; PAYLOAD];
    let start = Instant::now();
    let write = |writer: usize| {
        let mut numbers = (writer..WRITES).step_by(writers);
        numbers.try_for_each(|n| raw_write(&mut shared.lock().unwrap(), row(n), &payload))
    };
    thread::scope(|scope| {
        let write = &write;
        let threads: Vec<_> = (0..writers)
            .map(|writer| scope.spawn(move || write(writer)))
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap())
    })?;
    Ok(start.elapsed())
}

/// One thread that writes: what is waiting shares a transaction.
struct Desk {
    queue: mpsc::Sender<Job>,
    thread: JoinHandle<rusqlite::Result<()>>,
}

struct Job {
    id: i64,
    payload: Arc<[u8]>,
    done: oneshot::Sender<()>,
}

impl Desk {
    fn start(mut conn: Connection) -> Self {
        let (queue, jobs) = mpsc::channel::<Job>();
        let thread = thread::spawn(move || {
            while let Ok(first) = jobs.recv() {
                let batch: Vec<_> = std::iter::once(first)
                    .chain(jobs.try_iter())
                    .take(256)
                    .collect();
                let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
                for job in &batch {
                    transaction
                        .prepare_cached(UPDATE)?
                        .execute((job.id, &*job.payload))?;
                }
                transaction.commit()?;
                batch.into_iter().for_each(|job| drop(job.done.send(())));
            }
            Ok(())
        });
        Self { queue, thread }
    }

    fn stop(self) {
        drop(self.queue);
        self.thread.join().unwrap().unwrap();
    }
}

async fn desk_writes(desk: &Desk, writers: usize) -> Outcome<Duration> {
    let payload: Arc<[u8]> = vec![7; PAYLOAD].into();
    concurrently(writers, |writer| {
        let (queue, payload) = (desk.queue.clone(), Arc::clone(&payload));
        async move {
            for n in (writer..WRITES).step_by(writers) {
                let (done, answer) = oneshot::channel();
                queue.send(Job {
                    id: row(n),
                    payload: Arc::clone(&payload),
                    done,
                })?;
                answer.await?;
            }
            Ok(())
        }
    })
    .await
}

async fn pool(path: &Path, connections: u32) -> Outcome<SqlitePool> {
    let options = SqliteConnectOptions::from_str("sqlite:")?
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(30));
    Ok(SqlitePoolOptions::new()
        .max_connections(connections)
        .connect_with(options)
        .await?)
}

async fn pool_of_one(path: &Path) -> Outcome<SqlitePool> {
    pool(path, 1).await
}

async fn pool_reads(pool: &SqlitePool) -> Outcome<Duration> {
    let start = Instant::now();
    for n in 0..READS {
        let found = sqlx::query(SELECT).bind(row(n)).fetch_one(pool).await?;
        assert_eq!(found.get::<Vec<u8>, _>(0).len(), PAYLOAD);
    }
    Ok(start.elapsed())
}

async fn pool_writes(pool: &SqlitePool, writers: usize) -> Outcome<Duration> {
    concurrently(writers, |writer| {
        let (pool, payload) = (pool.clone(), vec![7; PAYLOAD]);
        async move {
            for n in (writer..WRITES).step_by(writers) {
                // One statement is a transaction of its own, and takes the lock at once.
                sqlx::query(UPDATE)
                    .bind(row(n))
                    .bind(&payload)
                    .execute(&pool)
                    .await?;
            }
            Ok(())
        }
    })
    .await
}

async fn concurrently<F>(writers: usize, writer: impl Fn(usize) -> F) -> Outcome<Duration>
where
    F: Future<Output = Outcome<()>> + Send + 'static,
{
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    (0..writers).for_each(|number| drop(tasks.spawn(writer(number))));
    for outcome in tasks.join_all().await {
        outcome?;
    }
    Ok(start.elapsed())
}
