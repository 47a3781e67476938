//! abiding's Redis store beside its raw driver, on one server: `bench-redis`.
//!
//! Both send the same commands about sessions of the same length over one connection that all tasks share: the driver
//! by itself, without a seal, a deadline for each answer or a record to make of it; and ours. Every round runs both, each
//! time in another order. Then what a session takes of the server's memory, beside a plain `SET` of the same bytes, and how
//! much is sent and logged where one key of a session changes. The decision that rests on it: `docs/adr/0009-redis-layout.md`.

#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

use std::{error::Error, sync::Arc, time::Duration};

use abiding::{
    Record, StoreKey, Timestamp,
    store::{Expect, Store as _, sample},
};
use abiding_bench::{contract::sample_texts, statistics::Spread};
use abiding_stores::redis::{RedisOptions, RedisStore};
use abiding_testkit::servers::redis::RedisServer;
use redis::{AsyncConnectionConfig, Script, aio::MultiplexedConnection, cmd};
use tokio::{task::JoinSet, time::Instant};

const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);
const SESSIONS: usize = 10_000;
const ROUNDS: usize = 7;
/// Operations in a round, over all tasks.
const OPERATIONS: usize = 3_200;
/// A day, in milliseconds.
const LIFE: i64 = 86_400_000;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Clone, Copy, Debug)]
enum Work {
    /// `SET NX`.
    Create,
    /// `GET`.
    Read,
    /// `GET`, then a script that compares and writes the first bytes.
    Touch,
    /// `GET`, then a script that compares and replaces.
    Write,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let server = RedisServer::new().ok_or("needs Redis")?;
    let bench = Arc::new(Bench::make(&server).await?);
    println!("| | tasks | ours, µs | raw | throughput, ours ÷ raw |");
    println!("|---|---|---|---|---|");
    for tasks in [1, 32] {
        for work in [Work::Read, Work::Write, Work::Touch] {
            bench.compare(work, tasks).await?;
        }
    }
    bench.compare(Work::Create, 32).await?;
    memory().await?;
    changes().await
}

struct Bench {
    store: RedisStore,
    raw: Raw,
    keys: Vec<StoreKey>,
    record: Record,
}

/// A connection of the driver alone.
struct Raw {
    connection: MultiplexedConnection,
    replace: Script,
    touch: Script,
    value: Vec<u8>,
}

impl Bench {
    async fn make(server: &RedisServer) -> Outcome<Self> {
        let record = record();
        let options = RedisOptions::new(server.url()).patience(Duration::from_secs(60));
        let store = options.open().await?;
        let raw = Raw::open(server, row(&record)).await?;
        let mut keys = Vec::new();
        for _ in 0..SESSIONS {
            let key = sample::key();
            store.create(&key, &record, NOW).await?;
            raw.create(&key).await?;
            keys.push(key);
        }
        Ok(Self {
            store,
            raw,
            keys,
            record,
        })
    }

    async fn compare(self: &Arc<Self>, work: Work, tasks: usize) -> Outcome<()> {
        let mut times = Vec::new();
        for round in 0..=ROUNDS {
            let mut took = [0.0; 2];
            for turn in 0..2 {
                let way = (round + turn) % 2;
                took[way] = self.round(way == 0, work, tasks).await?;
            }
            if round > 0 {
                times.push(took);
            }
        }
        let [ours, raw] = [0, 1].map(|way| Spread::of(times.iter().map(|took| took[way])).median);
        let ratio = Spread::of(times.iter().map(|[ours, raw]| raw / ours));
        println!(
            "| {work:?} | {tasks} | {ours:.1} | {raw:.1} | **{:.2}** ({:.2}–{:.2}) |",
            ratio.median, ratio.min, ratio.max
        );
        Ok(())
    }

    /// Microseconds an operation, over all tasks.
    async fn round(self: &Arc<Self>, is_ours: bool, work: Work, tasks: usize) -> Outcome<f64> {
        let start = Instant::now();
        let mut running = JoinSet::new();
        for task in 0..tasks {
            let bench = Arc::clone(self);
            running.spawn(async move {
                for number in 0..OPERATIONS / tasks {
                    let key = &bench.keys[(number * tasks + task) * 7 % SESSIONS];
                    if is_ours {
                        bench.once(work, key).await?;
                    } else {
                        bench.raw.once(work, key).await?;
                    }
                }
                Ok::<_, Box<dyn Error + Send + Sync>>(())
            });
        }
        for outcome in running.join_all().await {
            outcome?;
        }
        Ok(start.elapsed().as_secs_f64() * 1e6 / OPERATIONS as f64)
    }

    async fn once(&self, work: Work, key: &StoreKey) -> Outcome<()> {
        match work {
            Work::Create => {
                self.store.create(&sample::key(), &self.record, NOW).await?;
            }
            Work::Read => assert!(self.store.load(key, NOW).await?.is_some()),
            Work::Touch => {
                self.store.touch(key, Timestamp::MAX, NOW).await?;
            }
            Work::Write => {
                self.store.load(key, NOW).await?;
                let change = sample::change(NOW, &[("counter", "1")], &[]);
                self.store.commit(key, &change, Expect::Any, NOW).await?;
            }
        }
        Ok(())
    }
}

impl Raw {
    async fn open(server: &RedisServer, value: Vec<u8>) -> Outcome<Self> {
        let client = redis::Client::open(server.url())?;
        let script = |write: &str| {
            Script::new(&format!(
                "local row = redis.call('GET', KEYS[1])
                 if not row or string.sub(row, 1, #ARGV[1]) ~= ARGV[1] then return row end
                 {write}
                 return 1"
            ))
        };
        // As ours, which looks at the clock itself: a machine that stalls is not to be an error.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        let raw = Self {
            connection: connection.await?,
            replace: script("redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])"),
            touch: script(
                "redis.call('SETRANGE', KEYS[1], 0, ARGV[2]) redis.call('PEXPIRE', KEYS[1], ARGV[3])",
            ),
            value,
        };
        for script in [&raw.replace, &raw.touch] {
            script.load_async(&mut raw.connection.clone()).await?;
        }
        Ok(raw)
    }

    async fn create(&self, key: &StoreKey) -> Outcome<()> {
        let mut set = cmd("SET");
        set.arg(name(key))
            .arg(&self.value)
            .arg("NX")
            .arg("PX")
            .arg(LIFE);
        set.query_async::<()>(&mut self.connection.clone()).await?;
        Ok(())
    }

    async fn once(&self, work: Work, key: &StoreKey) -> Outcome<()> {
        if let Work::Create = work {
            return self.create(&sample::key()).await;
        }
        let (name, mut connection) = (name(key), self.connection.clone());
        let row: Vec<u8> = cmd("GET").arg(&name).query_async(&mut connection).await?;
        let (script, new) = match work {
            Work::Touch => (&self.touch, &row[..26]),
            Work::Write => (&self.replace, &row[..]),
            Work::Create | Work::Read => return Ok(()),
        };
        let mut call = cmd("EVALSHA");
        call.arg(script.get_hash())
            .arg(1)
            .arg(&name)
            .arg(&row[..67])
            .arg(new)
            .arg(LIFE);
        let done: i64 = call.query_async(&mut connection).await?;
        assert_eq!(done, 1);
        Ok(())
    }
}

/// What 10,000 sessions take, by what the server says it has allocated.
async fn memory() -> Outcome<()> {
    println!("\n| {SESSIONS} sessions | bytes each | ÷ plain |");
    println!("|---|---|---|");
    let mut plain = f64::NAN;
    for what in [
        "plain `SET` of the payload",
        "ours",
        "ours, each of another subject",
    ] {
        let server = RedisServer::new().ok_or("needs Redis")?;
        let store = RedisStore::open(server.url()).await?;
        let mut record = record();
        let raw = Raw::open(&server, record.payload.to_vec()).await?;
        let before = told(&server, "memory", "used_memory:");
        for number in 0..SESSIONS {
            let key = sample::key();
            match what {
                "ours" => {
                    store.create(&key, &record, NOW).await?;
                }
                "ours, each of another subject" => {
                    record.subject = Some(sample::subject(&number.to_string()));
                    store.create(&key, &record, NOW).await?;
                }
                _ => raw.create(&key).await?,
            }
        }
        let each = (told(&server, "memory", "used_memory:") - before) as f64 / SESSIONS as f64;
        if plain.is_nan() {
            plain = each;
        }
        println!("| {what} | {each:.0} | **{:.2}** |", each / plain);
    }
    Ok(())
}

/// What one key of a session of 16 KB costs.
async fn changes() -> Outcome<()> {
    const CHANGES: usize = 200;
    let server = RedisServer::appending("always").ok_or("needs Redis")?;
    let store = RedisOptions::new(server.url()).open().await?;
    let names: Vec<_> = (0..16).map(|at| format!("key {at}")).collect();
    let text = "x".repeat(1_000);
    let values: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), text.as_str()))
        .collect();
    let record = sample::record(NOW, NOW.after(Duration::from_secs(86_400)), &values);
    let key = sample::key();
    store.create(&key, &record, NOW).await?;
    let measured = || {
        let sent = told(&server, "stats", "total_net_input_bytes:");
        (sent, told(&server, "persistence", "aof_current_size:"))
    };
    let before = measured();
    for number in 0..CHANGES {
        let change = sample::change(NOW, &[("key 0", &number.to_string())], &[]);
        store.commit(&key, &change, Expect::Any, NOW).await?;
    }
    let after = measured();
    let each = |before: i64, after: i64| (after - before) / CHANGES as i64;
    println!(
        "\nOne key of a session of {} bytes: {} bytes sent, {} bytes logged.",
        record.payload.len(),
        each(before.0, after.0),
        each(before.1, after.1),
    );
    Ok(())
}

fn told(server: &RedisServer, section: &str, name: &str) -> i64 {
    let info = server.command(&["INFO", section]).text();
    let line = info.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

fn record() -> Record {
    let texts = sample_texts();
    let values: Vec<_> = texts
        .iter()
        .map(|(key, text)| (*key, text.as_str()))
        .collect();
    sample::record(NOW, NOW.after(Duration::from_secs(86_400)), &values)
}

/// As long as our row.
fn row(record: &Record) -> Vec<u8> {
    [&[b'h'; 67][..], &record.payload].concat()
}

/// As long as ours.
fn name(key: &StoreKey) -> String {
    format!("plain:s:-{}", &key.to_hex()[..44])
}
