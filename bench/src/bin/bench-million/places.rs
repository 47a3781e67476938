//! Where sessions are put: a folder, and servers that are started when they are first asked for.

use std::{
    env, fmt, fs,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use abiding_testkit::servers::{mysql::MysqlServer, postgres::PostgresServer, redis::RedisServer};
use tokio::sync::OnceCell;

use crate::Outcome;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Mysql,
    Postgres,
    Redis,
    Sqlite,
}

/// A place of its own for sessions.
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    /// Of the file, the folder, the table, or the prefix.
    pub(crate) name: String,
    /// How a driver gets there.
    pub(crate) server: String,
}

pub(crate) struct Places {
    folder: PathBuf,
    program: PathBuf,
    verifies: bool,
    count: AtomicUsize,
    postgres: OnceCell<PostgresServer>,
    mysql: OnceCell<(MysqlServer, String)>,
    redis: OnceCell<RedisServer>,
}

impl Kind {
    pub(crate) fn named(name: &str) -> Outcome<Self> {
        Ok(match name {
            "file" => Self::File,
            "mysql" => Self::Mysql,
            "postgres" => Self::Postgres,
            "redis" => Self::Redis,
            "sqlite" => Self::Sqlite,
            _ => {
                return Err(
                    format!("{name} is none of file, sqlite, postgres, mysql, redis").into(),
                );
            }
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "files",
            Self::Mysql => "MariaDB",
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
            Self::Sqlite => "SQLite",
        })
    }
}

impl Places {
    /// `program` is the command, if it is not beside this one.
    pub(crate) fn new(program: Option<String>, verifies: bool) -> Outcome<Self> {
        let beside = env::current_exe()?.with_file_name("abiding");
        let folder = env::temp_dir().join(format!("abiding-bench-million-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self {
            folder,
            program: program.map_or(beside, PathBuf::from),
            verifies,
            count: AtomicUsize::new(0),
            postgres: OnceCell::new(),
            mysql: OnceCell::new(),
            redis: OnceCell::new(),
        })
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The `abiding` command.
    pub(crate) fn program(&self) -> &PathBuf {
        &self.program
    }

    /// Whether moved sessions are compared, value by value.
    pub(crate) fn verifies(&self) -> bool {
        self.verifies
    }

    /// Where the keys of all sessions are.
    pub(crate) fn keys(&self) -> PathBuf {
        self.file("session.key")
    }

    /// One with nothing in it.
    pub(crate) async fn fresh(&self, kind: Kind) -> Outcome<Place> {
        let name = format!("place{}", self.count.fetch_add(1, Ordering::Relaxed));
        let (url, server) = match kind {
            Kind::File => {
                let path = self.file(&name).display().to_string();
                (format!("file:{path}"), path)
            }
            Kind::Sqlite => {
                let path = self.file(&format!("{name}.db")).display().to_string();
                (format!("sqlite:{path}"), path)
            }
            Kind::Postgres => {
                let server = self.postgres.get_or_try_init(async || {
                    PostgresServer::with(&["max_wal_size=4GB"]).ok_or("needs PostgreSQL")
                });
                let server = server.await?.url("postgres");
                (format!("{server}?table={name}"), server)
            }
            Kind::Mysql => {
                let server = self.mysql.get_or_try_init(async || {
                    let server = MysqlServer::new().ok_or("needs MariaDB")?;
                    server.sql("", "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
                    let database = server.database();
                    Ok::<_, &str>((server, database))
                });
                let (server, database) = server.await?;
                let server = server.url(database);
                (format!("{server}?table={name}"), server)
            }
            Kind::Redis => {
                let server = self
                    .redis
                    .get_or_try_init(async || RedisServer::new().ok_or("needs Redis"));
                let server = server.await?.url();
                (format!("{server}?prefix={name}:"), server)
            }
        };
        // Makes the table, or the file.
        drop(abiding_stores::open(&url).await?);
        Ok(Place {
            kind,
            url,
            name,
            server,
        })
    }

    /// Takes it away with all that is in it.
    pub(crate) async fn remove(&self, place: Place) -> Outcome<()> {
        match place.kind {
            Kind::File => fs::remove_dir_all(&place.server)?,
            Kind::Sqlite => {
                for end in ["", "-wal", "-shm"] {
                    let _ = fs::remove_file(format!("{}{end}", place.server));
                }
            }
            Kind::Postgres => {
                if let Some(server) = self.postgres.get() {
                    server.sql("postgres", &format!("DROP TABLE {}", place.name));
                    server.sql("postgres", "CHECKPOINT");
                }
            }
            Kind::Mysql => {
                if let Some((server, database)) = self.mysql.get() {
                    server.sql(database, &format!("DROP TABLE {}", place.name));
                }
            }
            Kind::Redis => {
                if let Some(server) = self.redis.get() {
                    server.command(&["FLUSHALL"]);
                }
            }
        }
        Ok(())
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
