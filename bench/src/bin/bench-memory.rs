//! How many bytes a session costs in the memory store: `bench-memory [SESSIONS]`.
//!
//! Twice: what the store asked the allocator for, and what the process grew by.

#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

use std::{env, fs, time::Duration};

use abiding::{
    Timestamp,
    store::{MemoryStore, Store as _, sample},
};
use abiding_bench::contract::sample_texts;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = env::args()
        .nth(1)
        .map_or(Ok(200_000), |count| count.parse::<usize>())?;
    let now = Timestamp::from_millis(1_000_000);
    let texts = sample_texts();
    let values: Vec<_> = texts
        .iter()
        .map(|(key, text)| (*key, text.as_str()))
        .collect();
    let payload = sample::record(now, now.after(Duration::from_secs(86_400)), &values)
        .payload
        .len();

    let store = MemoryStore::new();
    let (asked_before, resident_before) = (ALLOCATOR.current_usage(), resident()?);
    for _ in 0..sessions {
        let record = sample::record(now, now.after(Duration::from_secs(86_400)), &values);
        store.create(&sample::key(), &record, now).await?;
    }
    let per_session = |after: usize, before: usize| (after - before) as f64 / sessions as f64;
    println!(
        "{sessions} sessions of {payload} bytes of payload, the sample data, in the memory store"
    );
    println!(
        "asked of the allocator: {:.0} bytes a session",
        per_session(ALLOCATOR.current_usage(), asked_before)
    );
    println!(
        "resident: {:.0} bytes a session",
        per_session(resident()?, resident_before)
    );
    println!("{store:?}");
    Ok(())
}

/// What the process occupies, in bytes.
fn resident() -> Result<usize, Box<dyn std::error::Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
}
