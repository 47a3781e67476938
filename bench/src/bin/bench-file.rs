//! abiding's file store beside plain files on the same machine: `bench-file [DIRECTORY]`.
//!
//! Reads: `load` beside `fs::read` of the same bytes, here and on a thread for what blocks. Commits by 1, 8 and
//! 32 tasks at once, flushed and not, beside what a program does that writes another file and renames it
//! (without a lock, so that it loses changes): flushed, it syncs the file and its folder as the store does.

#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

use std::{
    env,
    error::Error,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use abiding::{
    StoreKey, Timestamp,
    store::{Expect, Store as _, sample},
};
use abiding_bench::{contract::sample_texts, statistics::Spread};
use abiding_stores::file::{Durability, FileOptions, FileStore};
use tokio::{
    task::{JoinSet, spawn_blocking},
    time::Instant,
};

const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);
const SESSIONS: usize = 5_000;
const ROUNDS: usize = 9;
const READS: usize = 5_000;
/// Writes in a round, over all tasks.
const WRITES: usize = 640;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let parent = env::args().nth(1).map_or_else(env::temp_dir, PathBuf::from);
    let directory = parent.join(format!("abiding-bench-file-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let outcome = run(&directory).await;
    fs::remove_dir_all(&directory)?;
    outcome
}

async fn run(directory: &Path) -> Outcome<()> {
    let path = directory.join("ours");
    let plain = Arc::new(Plain::make(directory.join("plain"))?);
    let (ours, keys) = ours(&path).await?;
    reads(&ours, &keys, &plain).await?;
    println!(
        "\n| | tasks | ours, µs a commit | plain, µs a write | ours ÷ plain | ours, commits/s |"
    );
    println!("|---|---|---|---|---|---|");
    drop(ours);
    for (name, durability) in [
        ("not flushed", Durability::Process),
        ("flushed", Durability::Power),
    ] {
        let store = Arc::new(FileOptions::new(&path).durability(durability).open()?);
        for tasks in [1, 8, 32] {
            commits(&store, &keys, &plain, name, durability, tasks).await?;
        }
    }
    Ok(())
}

async fn ours(path: &Path) -> Outcome<(Arc<FileStore>, Vec<StoreKey>)> {
    let options = FileOptions::new(path).durability(Durability::Process);
    let store = Arc::new(options.open()?);
    let texts = sample_texts();
    let values: Vec<_> = texts
        .iter()
        .map(|(key, text)| (*key, text.as_str()))
        .collect();
    let (mut tasks, mut keys) = (JoinSet::new(), Vec::new());
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

async fn reads(ours: &FileStore, keys: &[StoreKey], plain: &Arc<Plain>) -> Outcome<()> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for number in 0..READS {
            assert!(
                ours.load(&keys[number * 7 % keys.len()], NOW)
                    .await?
                    .is_some()
            );
        }
        let of_ours = start.elapsed();
        let start = Instant::now();
        for number in 0..READS {
            assert!(!fs::read(plain.path(number * 7 % SESSIONS))?.is_empty());
        }
        let here = start.elapsed();
        let start = Instant::now();
        for number in 0..READS {
            let path = plain.path(number * 7 % SESSIONS);
            assert!(!spawn_blocking(|| fs::read(path)).await??.is_empty());
        }
        times.push([of_ours, here, start.elapsed()].map(|time| micros(time, READS)));
    }
    let [ours, here, there] = [0, 1, 2].map(|way| Spread::of(times.iter().map(|times| times[way])));
    let ratio = Spread::of(times.iter().map(|[ours, here, _]| ours / here));
    println!(
        "read: `load` {:.1} µs ({:.1}–{:.1}), `fs::read` {:.1} µs, the same on another thread {:.1} µs; ours ÷ `fs::read` {:.2} ({:.2}–{:.2})",
        ours.median,
        ours.min,
        ours.max,
        here.median,
        there.median,
        ratio.median,
        ratio.min,
        ratio.max
    );
    Ok(())
}

async fn commits(
    ours: &Arc<FileStore>,
    keys: &[StoreKey],
    plain: &Arc<Plain>,
    name: &str,
    durability: Durability,
    tasks: usize,
) -> Outcome<()> {
    let mut times = Vec::new();
    for round in 0..=ROUNDS {
        let start = Instant::now();
        let mut set = JoinSet::new();
        for task in 0..tasks {
            let store = Arc::clone(ours);
            let own = keys.iter().skip(task).step_by(tasks).take(WRITES / tasks);
            let own: Vec<_> = own.copied().collect();
            set.spawn(async move {
                for (number, key) in own.iter().enumerate() {
                    let change = sample::change(NOW, &[("counter", &number.to_string())], &[]);
                    store.commit(key, &change, Expect::Any, NOW).await?;
                }
                Ok::<_, abiding::Error>(())
            });
        }
        for written in set.join_all().await {
            written?;
        }
        let of_ours = start.elapsed();
        let start = Instant::now();
        let mut set = JoinSet::new();
        for task in 0..tasks {
            let plain = Arc::clone(plain);
            set.spawn(async move {
                for number in 0..WRITES / tasks {
                    let (plain, at) = (Arc::clone(&plain), number * tasks + task);
                    spawn_blocking(move || plain.write(at, durability)).await??;
                }
                Outcome::Ok(())
            });
        }
        for written in set.join_all().await {
            written?;
        }
        if round > 0 {
            times.push([of_ours, start.elapsed()].map(|time| micros(time, WRITES)));
        }
    }
    let [ours, plain] = [0, 1].map(|way| Spread::of(times.iter().map(|times| times[way])).median);
    let ratio = Spread::of(times.iter().map(|[ours, plain]| ours / plain));
    println!(
        "| {name} | {tasks} | {ours:.0} | {plain:.0} | **{:.2}** ({:.2}–{:.2}) | {:.0} |",
        ratio.median,
        ratio.min,
        ratio.max,
        1e6 / ours
    );
    Ok(())
}

/// Files as long as ours, in 256 folders.
struct Plain {
    folder: PathBuf,
    payload: Vec<u8>,
}

impl Plain {
    fn make(folder: PathBuf) -> Outcome<Self> {
        let texts = sample_texts();
        let values: Vec<_> = texts
            .iter()
            .map(|(key, text)| (*key, text.as_str()))
            .collect();
        let record = sample::record(NOW, NOW.after(Duration::from_secs(86_400)), &values);
        let plain = Self {
            folder,
            payload: record.payload.to_vec(),
        };
        for number in 0..SESSIONS {
            fs::create_dir_all(plain.path(number).parent().expect("it lies in a folder"))?;
            fs::write(plain.path(number), &plain.payload)?;
        }
        Ok(plain)
    }

    fn path(&self, number: usize) -> PathBuf {
        self.folder
            .join(format!("{:02x}", number % 256))
            .join(number.to_string())
    }

    /// Reads it, writes another, and renames that.
    fn write(&self, number: usize, durability: Durability) -> io::Result<()> {
        let path = self.path(number);
        assert!(!fs::read(&path)?.is_empty());
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&self.payload)?;
        let folder = path.parent().expect("it lies in a folder");
        if durability == Durability::Power {
            file.sync_all()?;
        }
        fs::rename(&new, &path)?;
        if durability == Durability::Power {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

fn micros(time: Duration, operations: usize) -> f64 {
    time.as_secs_f64() * 1e6 / operations as f64
}
