//! Hearing from the server what is over: one connection that listens, for all of this process who watch.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use abiding::{
    StoreKey,
    store::{Announcer, Watching},
};
use tokio::{sync::Mutex, time::Instant, time::timeout_at};
use tokio_postgres::{Client, Config, Notification, SimpleQueryMessage};

use super::{
    failure::{Failure, damaged_row},
    pool::Pool,
    tls::Ending,
};

/// Hears for everybody who watches.
#[derive(Default)]
pub(super) struct Ear {
    announcer: Announcer,
    line: Mutex<Option<Line>>,
}

/// A connection that listens.
struct Line {
    is_open: Arc<AtomicBool>,
    /// Keeps it open.
    _client: Client,
    _task: Ending,
}

/// Lies where what the server tells is received, and goes when nothing more can be.
struct Receiver {
    announcer: Announcer,
    is_open: Arc<AtomicBool>,
}

impl Ear {
    /// Watches over `key` in `table`, quoted; listens from now on, if that was not so.
    pub(super) async fn watch(
        &self,
        pool: &Pool,
        table: &str,
        key: &StoreKey,
    ) -> Result<Watching, Failure> {
        // Before the line is looked at: if it goes afterwards, whoever is on the board is told.
        let watching = self.announcer.watch(key);
        let open = async {
            let mut line = self.line.lock().await;
            let is_open = |line: &Line| line.is_open.load(Ordering::SeqCst);
            if !line.as_ref().is_some_and(is_open) {
                *line = Some(self.open(pool, table).await?);
            }
            Ok(())
        };
        timeout_at(Instant::now() + pool.patience, open)
            .await
            .unwrap_or(Err(Failure::Late(pool.patience)))?;
        Ok(watching)
    }

    async fn open(&self, pool: &Pool, table: &str) -> Result<Line, Failure> {
        let is_open = Arc::new(AtomicBool::new(true));
        let receiver = Receiver {
            announcer: self.announcer.clone(),
            is_open: Arc::clone(&is_open),
        };
        let hear = move |told: Notification| receiver.hear(told.payload());
        let (client, task) = pool.line(hear).await?;
        let question = format!("SELECT {}", channel(table));
        let answer = client.simple_query(&question).await?;
        let channel = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let channel = channel.ok_or_else(|| damaged_row("the table has no number"))?;
        client.batch_execute(&format!("LISTEN {channel}")).await?;
        Ok(Line {
            is_open,
            _client: client,
            _task: task,
        })
    }
}

impl Receiver {
    /// Takes note of a key, in hexadecimal.
    fn hear(&self, told: &str) {
        if let Some(key) = unhex(told) {
            self.announcer.tell(&key);
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.is_open.store(false, Ordering::SeqCst);
        self.announcer.tell_all();
    }
}

/// How a connection that only listens is found dead: by probes, since it never sends anything.
/// Together they take 30 seconds.
pub(super) fn probing(mut config: Config) -> Config {
    config
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(15))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3);
    config
}

/// On what is told of a table, quoted: an expression of SQL, whose value needs no quotes. Two tables have
/// two numbers, also those of one name in two schemas.
pub(super) fn channel(table: &str) -> String {
    format!("'abiding_' || '{table}'::regclass::oid")
}

fn unhex(text: &str) -> Option<StoreKey> {
    let digits = text.as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.map(byte).collect();
    Some(StoreKey::from_bytes(bytes?.try_into().ok()?))
}
