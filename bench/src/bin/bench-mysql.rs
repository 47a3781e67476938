//! abiding's store on MariaDB beside its raw driver, on one server that flushes: `bench-mysql`.
//!
//! Two ways to use the same eight connections, each taken out by one task at a time: with the same statements as
//! ours, and with a lock on the row from the read to the write. Every round runs all ways, each time in
//! another order. The decision that rests on it: `docs/adr/0012-mysql-store.md`.

#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

use std::{
    error::Error,
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
use abiding_stores::mysql::{MysqlOptions, MysqlStore};
use abiding_testkit::servers::mysql::MysqlServer;
use mysql_async::{Conn, Opts, Value, prelude::Queryable};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

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
    Raw,
    Locked,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let server = MysqlServer::new().ok_or("needs MariaDB")?;
    let url = server.socket_url(&server.database());
    let options = MysqlOptions::new(&url)?.connections(CONNECTIONS);
    let bench = Arc::new(Bench::make(&url, options.open().await?).await?);
    server.sql("", "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
    println!("| | tasks | ours, µs | raw | raw, row locked | ours ÷ raw | locked ÷ raw |");
    println!("|---|---|---|---|---|---|---|");
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
    store: MysqlStore,
    keys: Vec<StoreKey>,
    payload: Vec<u8>,
    /// Those that nobody uses.
    free: Mutex<Vec<Conn>>,
    permits: Semaphore,
    next: AtomicUsize,
}

impl Bench {
    async fn make(url: &str, store: MysqlStore) -> Outcome<Self> {
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
        let opts = Opts::from_url(url.split('?').next().unwrap_or_default())?;
        let socket = url
            .split_once("socket=")
            .map(|(_, path)| path.replace("%2F", "/"));
        let opts = mysql_async::OptsBuilder::from_opts(opts)
            .socket(socket)
            .client_found_rows(true);
        let mut free = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut connection = Conn::new(opts.clone()).await?;
            connection
                .query_drop("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
                .await?;
            free.push(connection);
        }
        for statement in [
            "CREATE TABLE raw (`key` BINARY(32) PRIMARY KEY, version BIGINT, seen BIGINT, payload MEDIUMBLOB)",
            "INSERT INTO raw SELECT `key`, 1, 0, payload FROM abiding_sessions",
            "ANALYZE TABLE raw, abiding_sessions",
        ] {
            free[0].query_drop(statement).await?;
        }
        Ok(Self {
            store,
            keys,
            payload: record.payload.to_vec(),
            free: Mutex::new(free),
            permits: Semaphore::new(CONNECTIONS),
            next: AtomicUsize::new(0),
        })
    }

    async fn compare(self: &Arc<Self>, work: Work, tasks: usize) -> Outcome<()> {
        let ways = [Way::Ours, Way::Raw, Way::Locked];
        let mut times = Vec::new();
        for round in 0..=ROUNDS {
            let mut took = [f64::NAN; 3];
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
        let [ours, raw, locked] =
            [0, 1, 2].map(|way| Spread::of(times.iter().map(|took| took[way])).median);
        let ratio = |a: usize, b: usize| Spread::of(times.iter().map(|took| took[a] / took[b]));
        let (ours_raw, locked_raw) = (ratio(0, 1), ratio(2, 1));
        println!(
            "| {work:?} | {tasks} | {ours:.0} | {raw:.0} | {locked:.0} | **{:.2}** ({:.2}–{:.2}) | {:.2} ({:.2}–{:.2}) |",
            ours_raw.median,
            ours_raw.min,
            ours_raw.max,
            locked_raw.median,
            locked_raw.min,
            locked_raw.max,
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
            Way::Raw | Way::Locked => {
                let _permit = self.permits.acquire().await?;
                let mut connection = self.free().pop().ok_or("no connection")?;
                let outcome = match way {
                    Way::Locked => self.once_locked(&mut connection, key).await,
                    _ => self.once_raw(&mut connection, work, key).await,
                };
                self.free().push(connection);
                outcome
            }
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

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Conn>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn once_raw(&self, connection: &mut Conn, work: Work, key: &StoreKey) -> Outcome<()> {
        let key = Value::Bytes(key.as_bytes().to_vec());
        if let Work::Touch = work {
            let touch = "UPDATE raw SET seen = seen + 1 WHERE `key` = ?";
            return Ok(connection.exec_drop(touch, vec![key]).await?);
        }
        let find = "SELECT version, payload FROM raw WHERE `key` = ?";
        let found: Option<(i64, Vec<u8>)> = connection.exec_first(find, vec![key.clone()]).await?;
        let (version, payload) = found.ok_or("no session")?;
        assert!(!payload.is_empty());
        if let Work::Write = work {
            let replace =
                "UPDATE raw SET version = version + 1, payload = ? WHERE `key` = ? AND version = ?";
            let values = vec![Value::Bytes(self.payload.clone()), key, Value::Int(version)];
            connection.exec_drop(replace, values).await?;
        }
        Ok(())
    }

    /// A transaction in four round trips: the protocol takes one statement with values at a time.
    async fn once_locked(&self, connection: &mut Conn, key: &StoreKey) -> Outcome<()> {
        let key = Value::Bytes(key.as_bytes().to_vec());
        connection.query_drop("START TRANSACTION").await?;
        let lock = "SELECT version, payload FROM raw WHERE `key` = ? FOR UPDATE";
        let found: Option<(i64, Vec<u8>)> = connection.exec_first(lock, vec![key.clone()]).await?;
        let (version, _) = found.ok_or("no session")?;
        let replace = "UPDATE raw SET version = ?, payload = ? WHERE `key` = ?";
        let values = vec![
            Value::Int(version + 1),
            Value::Bytes(self.payload.clone()),
            key,
        ];
        connection.exec_drop(replace, values).await?;
        Ok(connection.query_drop("COMMIT").await?)
    }
}
