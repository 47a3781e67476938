//! What the drivers do by themselves: write the same rows, many at a time, and count them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use abiding::{Found, Timestamp};
use mysql_async::{Value, prelude::Queryable as _};
use redis::aio::MultiplexedConnection;
use rusqlite::Connection;
use tokio::time::Instant;
use tokio_postgres::{Client, NoTls};

use crate::{
    Outcome,
    fill::Master,
    places::{Kind, Place},
};

/// How long it takes to write all sessions, without the time to read them.
pub(crate) async fn write(place: &Place, master: &Master) -> Outcome<Duration> {
    let mut writer = Writer::to(place).await?;
    let (mut took, mut after) = (Duration::ZERO, None);
    loop {
        let page = master.page(after).await?;
        let Some(last) = page.last() else {
            return Ok(took);
        };
        after = Some(last.key);
        for rows in page.chunks(ROWS) {
            let begin = Instant::now();
            writer.write(rows).await?;
            took += begin.elapsed();
        }
    }
}

enum Writer {
    File(PathBuf),
    Mysql(mysql_async::Conn, String),
    Postgres(Client, String),
    Redis(MultiplexedConnection, String),
    Sqlite(Connection),
}

impl Writer {
    async fn to(place: &Place) -> Outcome<Self> {
        Ok(match place.kind {
            Kind::File => Self::File(place.server.clone().into()),
            Kind::Mysql => {
                let connection = mysql_async::Conn::from_url(&place.server).await?;
                Self::Mysql(connection, place.name.clone())
            }
            Kind::Postgres => Self::Postgres(postgres(place).await?, place.name.clone()),
            Kind::Redis => Self::Redis(redis(place).await?, place.name.clone()),
            Kind::Sqlite => {
                let connection = Connection::open(&place.server)?;
                connection.pragma_update(None, "synchronous", "FULL")?;
                Self::Sqlite(connection)
            }
        })
    }

    /// In one transaction, one statement, one pipeline, or by one flush of each folder.
    async fn write(&mut self, rows: &[Found]) -> Outcome<()> {
        match self {
            Self::File(folder) => files(folder, rows)?,
            Self::Sqlite(connection) => {
                let transaction = connection.transaction()?;
                {
                    let mut insert = transaction.prepare_cached(
                        "INSERT INTO abiding_sessions (id, key, kind, ends, sweep_at, created, seen, idle_deadline, \
                         absolute_deadline, version, subject, payload) VALUES (?1, ?2, 0, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                    )?;
                    for found in rows {
                        let [a, b, c, d, e, f, g, h, ..] = *found.key.as_bytes();
                        let id = i64::from_be_bytes([a, b, c, d, e, f, g, h]) ^ i64::MIN;
                        let [ends, created, seen, idle, absolute, version] = numbers(found);
                        insert.execute((
                            id,
                            found.key.as_bytes(),
                            ends,
                            created,
                            seen,
                            idle,
                            absolute,
                            version,
                            subject(found),
                            &*found.record.payload,
                        ))?;
                    }
                }
                transaction.commit()?;
            }
            Self::Postgres(client, table) => {
                let column = |at: usize| -> Vec<i64> {
                    rows.iter().map(|found| numbers(found)[at]).collect()
                };
                let keys: Vec<_> = rows.iter().map(|found| &found.key.as_bytes()[..]).collect();
                let subjects: Vec<_> = rows.iter().map(subject).collect();
                let payloads: Vec<_> = rows.iter().map(|found| &*found.record.payload).collect();
                let statement = format!(
                    "INSERT INTO {table} (key, ends, sweep_at, created, seen, idle_deadline, absolute_deadline, version, \
                     subject, payload, kind) SELECT key, ends, ends, created, seen, idle, absolute, version, subject, payload, 0 \
                     FROM unnest($1::bytea[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], \
                     $8::bytea[], $9::bytea[]) AS n (key, ends, created, seen, idle, absolute, version, subject, payload)"
                );
                client
                    .execute(
                        &statement,
                        &[
                            &keys,
                            &column(0),
                            &column(1),
                            &column(2),
                            &column(3),
                            &column(4),
                            &column(5),
                            &subjects,
                            &payloads,
                        ],
                    )
                    .await?;
            }
            Self::Mysql(connection, table) => {
                let row = "(?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
                let statement = format!(
                    "INSERT INTO {table} (`key`, kind, ends, sweep_at, created, seen, idle_deadline, absolute_deadline, version, \
                     subject, payload) VALUES {}",
                    vec![row; rows.len()].join(", ")
                );
                let mut values = Vec::with_capacity(10 * rows.len());
                for found in rows {
                    let [ends, created, seen, idle, absolute, version] = numbers(found);
                    values.push(Value::Bytes(found.key.as_bytes().to_vec()));
                    values.extend(
                        [ends, ends, created, seen, idle, absolute, version].map(Value::Int),
                    );
                    let subject = subject(found).map(|subject| Value::Bytes(subject.to_vec()));
                    values.push(subject.unwrap_or(Value::NULL));
                    values.push(Value::Bytes(found.record.payload.to_vec()));
                }
                connection.exec_drop(statement, values).await?;
            }
            Self::Redis(connection, prefix) => {
                let mut pipeline = redis::pipe();
                for found in rows {
                    let name = [prefix.as_bytes(), &found.key.as_bytes()[..]].concat();
                    pipeline
                        .cmd("SET")
                        .arg(name)
                        .arg(&*found.record.payload)
                        .arg("PX")
                        .arg(3_600_000)
                        .ignore();
                }
                let _: () = pipeline.query_async(connection).await?;
            }
        }
        Ok(())
    }
}

/// Each in a file of its own, written beside, flushed and renamed, in 4,096 folders; by as many threads as the store has.
fn files(folder: &Path, rows: &[Found]) -> io::Result<()> {
    let folders: Mutex<BTreeSet<PathBuf>> = Mutex::default();
    let some = rows.chunks(rows.len().div_ceil(THREADS).max(1));
    std::thread::scope(|scope| {
        let threads = some.enumerate().map(|(thread, rows)| {
            let folders = &folders;
            scope.spawn(move || {
                for found in rows {
                    let name = found.key.to_hex();
                    let within = folder.join("own").join(&name[..3]);
                    if folders
                        .lock()
                        .is_ok_and(|mut all| all.insert(within.clone()))
                    {
                        fs::create_dir_all(&within)?;
                    }
                    let beside = folder.join(format!("new{thread}"));
                    let mut file = fs::File::create(&beside)?;
                    file.write_all(&found.record.payload)?;
                    file.sync_all()?;
                    fs::create_dir_all(&within)?;
                    fs::rename(&beside, within.join(&name))?;
                }
                io::Result::Ok(())
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().try_for_each(|thread| {
            let ended = thread.join();
            ended.unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
        })
    })?;
    let folders = folders.into_inner().unwrap_or_default();
    folders
        .iter()
        .try_for_each(|within| fs::File::open(within)?.sync_all())
}

/// How long it takes to count all sessions, or also to sort them as `sessions stats` does.
pub(crate) async fn count(place: &Place, sorted: bool, sessions: usize) -> Outcome<Duration> {
    let now = now();
    let what = if sorted {
        format!(
            "count(*), {}, {}, count(subject), sum(octet_length(payload)), max(octet_length(payload)), min(created)",
            steps(&IDLE.map(|idle| format!("seen > {}", now - idle))),
            steps(&SIZE.map(|size| format!("octet_length(payload) < {size}"))),
        )
    } else {
        "count(*)".into()
    };
    let group = if sorted { " GROUP BY 2, 3" } else { "" };
    let table = match place.kind {
        Kind::Sqlite => "abiding_sessions",
        _ => &place.name,
    };
    let statement = format!("SELECT {what} FROM {table} WHERE kind = 0 AND ends > {now}{group}");
    let begin;
    let counted: i64 = match place.kind {
        Kind::File => {
            begin = Instant::now();
            heads(Path::new(&place.server))?
        }
        Kind::Sqlite => {
            let connection = Connection::open(&place.server)?;
            begin = Instant::now();
            let mut statement = connection.prepare(&statement)?;
            let counts = statement.query_map((), |row| row.get::<_, i64>(0))?;
            counts.sum::<Result<i64, _>>()?
        }
        Kind::Postgres => {
            let client = postgres(place).await?;
            begin = Instant::now();
            let rows = client.query(&statement, &[]).await?;
            rows.iter().map(|row| row.get::<_, i64>(0)).sum()
        }
        Kind::Mysql => {
            let mut connection = mysql_async::Conn::from_url(&place.server).await?;
            begin = Instant::now();
            let rows: Vec<mysql_async::Row> = connection.query(&statement).await?;
            let count = |row: &mysql_async::Row| row.get::<i64, _>(0).unwrap_or(0);
            rows.iter().map(count).sum()
        }
        Kind::Redis => {
            let mut connection = redis(place).await?;
            begin = Instant::now();
            scan(&mut connection, &place.name, sorted).await?
        }
    };
    let took = begin.elapsed();
    if counted != i64::try_from(sessions)? {
        return Err(format!("{counted} of {sessions} are counted").into());
    }
    Ok(took)
}

/// Opens each file and reads its beginning.
fn heads(folder: &Path) -> Outcome<i64> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            count += heads(&entry.path())?;
        } else if entry.file_name().len() == 64 {
            let mut head = [0; 128];
            count += i64::from(fs::File::open(entry.path())?.read(&mut head)? > 0);
        }
    }
    Ok(count)
}

/// Over all keys; `sorted` asks of each its length and its head too.
async fn scan(connection: &mut MultiplexedConnection, prefix: &str, sorted: bool) -> Outcome<i64> {
    let (mut cursor, mut count) = (0_u64, 0);
    let mut sizes = BTreeMap::new();
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(format!("{prefix}:s:*"))
            .arg("COUNT")
            .arg(1_000);
        let (next, names): (u64, Vec<Vec<u8>>) = scan.query_async(connection).await?;
        count += i64::try_from(names.len())?;
        if sorted && !names.is_empty() {
            let mut pipeline = redis::pipe();
            for name in &names {
                pipeline.cmd("STRLEN").arg(name);
                pipeline.cmd("GETRANGE").arg(name).arg(0).arg(66);
            }
            let heads: Vec<(u64, Vec<u8>)> = pipeline.query_async(connection).await?;
            for (size, head) in heads {
                *sizes
                    .entry((size / 256, head.first().copied()))
                    .or_insert(0) += 1;
            }
        }
        cursor = next;
        if cursor == 0 {
            return Ok(count);
        }
    }
}

fn steps(conditions: &[String]) -> String {
    let cases = conditions.iter().enumerate();
    let cases: String = cases
        .map(|(number, condition)| format!(" WHEN {condition} THEN {number}"))
        .collect();
    format!("CASE{cases} ELSE {} END", conditions.len())
}

async fn postgres(place: &Place) -> Outcome<Client> {
    let (client, connection) = tokio_postgres::connect(&place.server, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn redis(place: &Place) -> Outcome<MultiplexedConnection> {
    let client = redis::Client::open(place.server.as_str())?;
    Ok(client.get_multiplexed_async_connection().await?)
}

fn numbers(found: &Found) -> [i64; 6] {
    let record = &found.record;
    let [ends, created, seen, idle, absolute] = [
        record.deadline(),
        record.created,
        record.seen,
        record.idle_deadline,
        record.absolute_deadline,
    ]
    .map(Timestamp::as_millis);
    let version = record.version.number().cast_signed();
    [ends, created, seen, idle, absolute, version]
}

fn subject(found: &Found) -> Option<&[u8]> {
    found
        .record
        .subject
        .as_ref()
        .map(|subject| &subject.as_bytes()[..])
}

fn now() -> i64 {
    abiding::Clock::now(&abiding::SystemClock).as_millis()
}

/// How many rows go out together.
const ROWS: usize = 1_000;
/// How many of them write files.
const THREADS: usize = 8;
/// Milliseconds.
const IDLE: [i64; 7] = [
    60_000,
    300_000,
    900_000,
    3_600_000,
    21_600_000,
    86_400_000,
    604_800_000,
];
const SIZE: [u64; 6] = [256, 1_024, 4_096, 16_384, 65_536, 1_048_576];
