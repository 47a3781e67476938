//! The engines, each with what Flask-Session itself would see of it.

use std::time::Duration;

#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
use abiding::compat::{Datetime, layout};
use abiding::{FlaskSession, Store, Timestamp, compat::Dict};

/// An engine and the way around our store.
pub(crate) trait Engine: Send + Sync {
    type Store: Store;

    /// The store of an application with these settings.
    async fn store(&self, settings: &FlaskSession) -> Self::Store;

    /// The bytes that Flask-Session would store for a map.
    fn encode(&self, settings: &FlaskSession, dict: &Dict) -> Vec<u8> {
        settings.encode(dict).unwrap()
    }

    fn decode(&self, settings: &FlaskSession, bytes: &[u8]) -> Dict {
        settings.decode(bytes).unwrap()
    }

    /// The bytes under a name, and how long they have left.
    fn peek(&self, name: &str, now: Timestamp) -> Option<(Vec<u8>, Duration)>;

    /// Puts bytes under a name, as Flask-Session does: whatever was there before.
    fn poke(&self, name: &str, bytes: &[u8], lifetime: Duration, now: Timestamp);
}

#[cfg(all(unix, feature = "redis"))]
pub(crate) mod redis {
    use super::*;
    use abiding_stores::{
        flask_session::{FlaskStore, RedisShelf},
        redis::RedisOptions,
    };
    use abiding_testkit::servers::redis::{RedisServer, Reply};

    pub(crate) struct Redis(RedisServer);

    /// A server of its own; none where there is no program.
    pub(crate) fn engine() -> Option<Redis> {
        RedisServer::new().map(Redis)
    }

    impl Redis {
        pub(crate) fn port(&self) -> u16 {
            self.0.address().port()
        }
    }

    impl Engine for Redis {
        type Store = FlaskStore<RedisShelf>;

        async fn store(&self, settings: &FlaskSession) -> Self::Store {
            let options = RedisOptions::new(self.0.url());
            FlaskStore::redis(options, settings).await.unwrap()
        }

        fn peek(&self, name: &str, _: Timestamp) -> Option<(Vec<u8>, Duration)> {
            let Reply::Bytes(bytes) = self.0.command(&["GET", name]) else {
                return None;
            };
            let left = self.0.command(&["PTTL", name]).integer();
            Some((bytes, Duration::from_millis(left.try_into().unwrap())))
        }

        fn poke(&self, name: &str, bytes: &[u8], lifetime: Duration, _: Timestamp) {
            let seconds = lifetime.as_secs().to_string();
            let words: [&[u8]; 5] = [b"SET", name.as_bytes(), bytes, b"EX", seconds.as_bytes()];
            self.0.command(&words);
        }
    }
}

#[cfg(feature = "sqlite")]
pub(crate) mod sqlite {
    use abiding_stores::{
        flask_session::{FlaskStore, SqliteShelf},
        sqlite::{Durability, SqliteOptions},
    };
    use rusqlite::{Connection, OptionalExtension};

    use super::*;
    use crate::scratch::Scratch;

    pub(crate) struct Sqlite(Scratch);

    pub(crate) fn engine() -> Option<Sqlite> {
        Some(Sqlite(Scratch::new()))
    }

    impl Sqlite {
        pub(crate) fn uri(&self) -> String {
            format!("sqlite:///{}", self.0.file("app.db").display())
        }

        fn connection(&self) -> Connection {
            let conn = Connection::open(self.0.file("app.db")).unwrap();
            conn.busy_timeout(Duration::from_secs(5)).unwrap();
            conn
        }
    }

    impl Engine for Sqlite {
        type Store = FlaskStore<SqliteShelf>;

        async fn store(&self, settings: &FlaskSession) -> Self::Store {
            let options = SqliteOptions::new(self.0.file("app.db"));
            FlaskStore::sqlite(options.durability(Durability::Process), settings).unwrap()
        }

        fn peek(&self, name: &str, now: Timestamp) -> Option<(Vec<u8>, Duration)> {
            let conn = self.connection();
            let mut row = conn
                .prepare("SELECT data, expiry FROM sessions WHERE session_id = ?1")
                .unwrap();
            let row = row.query_row([name], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)));
            let (bytes, expiry) = row.optional().unwrap()?;
            Some((bytes, left(&expiry, now)))
        }

        fn poke(&self, name: &str, bytes: &[u8], lifetime: Duration, now: Timestamp) {
            let conn = self.connection();
            conn.execute("DELETE FROM sessions WHERE session_id = ?1", [name])
                .unwrap();
            conn.execute(
                "INSERT INTO sessions (session_id, data, expiry) VALUES (?1, ?2, ?3)",
                (name, bytes, expiry(lifetime, now)),
            )
            .unwrap();
        }
    }
}

#[cfg(feature = "postgres")]
pub(crate) mod postgres {
    use abiding_stores::{
        flask_session::{FlaskStore, PostgresShelf},
        postgres::PostgresOptions,
    };
    use abiding_testkit::servers::postgres::PostgresServer;

    use super::*;

    pub(crate) struct Postgres(PostgresServer);

    pub(crate) fn engine() -> Option<Postgres> {
        PostgresServer::new().map(Postgres)
    }

    impl Postgres {
        pub(crate) fn uri(&self) -> String {
            // `postgres://role@folder:port/database`, as SQLAlchemy wants it.
            let url = self.0.url("postgres").replace("%2F", "/");
            let (role, place) = url.split_once('@').unwrap();
            let (folder, port) = place.rsplit_once(':').unwrap();
            let port = port.trim_end_matches("/postgres");
            let role = role.trim_start_matches("postgres://");
            format!("postgresql://{role}@/postgres?host={folder}&port={port}")
        }

        fn sql(&self, text: &str) -> Vec<Vec<String>> {
            self.0.sql("postgres", text)
        }
    }

    impl Engine for Postgres {
        type Store = FlaskStore<PostgresShelf>;

        async fn store(&self, settings: &FlaskSession) -> Self::Store {
            let options = PostgresOptions::new(&self.0.url("postgres")).unwrap();
            FlaskStore::postgres(options, settings).await.unwrap()
        }

        fn peek(&self, name: &str, now: Timestamp) -> Option<(Vec<u8>, Duration)> {
            let rows = self.sql(&format!(
                "SELECT encode(data, 'hex'), expiry FROM sessions WHERE session_id = '{name}'"
            ));
            let row = rows.first()?;
            Some((crate::folder::unhex(&row[0]), left(&row[1], now)))
        }

        fn poke(&self, name: &str, bytes: &[u8], lifetime: Duration, now: Timestamp) {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let expiry = expiry(lifetime, now);
            self.sql(&format!(
                "DELETE FROM sessions WHERE session_id = '{name}'; \
                 INSERT INTO sessions (session_id, data, expiry) \
                 VALUES ('{name}', decode('{hex}', 'hex'), '{expiry}')"
            ));
        }
    }
}

#[cfg(all(unix, feature = "mysql"))]
pub(crate) mod mysql {
    use abiding_stores::{
        flask_session::{FlaskStore, MysqlShelf},
        mysql::MysqlOptions,
    };
    use abiding_testkit::servers::mysql::MysqlServer;

    use super::*;

    pub(crate) struct Mysql {
        server: MysqlServer,
        database: String,
    }

    pub(crate) fn engine() -> Option<Mysql> {
        let server = MysqlServer::new()?;
        let database = server.database();
        Some(Mysql { server, database })
    }

    impl Mysql {
        pub(crate) fn uri(&self) -> String {
            let url = self.server.url(&self.database);
            url.replace("mysql:", "mysql+pymysql:")
        }

        pub(crate) fn sql(&self, text: &str) -> Vec<Vec<String>> {
            self.server.sql(&self.database, text)
        }
    }

    impl Engine for Mysql {
        type Store = FlaskStore<MysqlShelf>;

        async fn store(&self, settings: &FlaskSession) -> Self::Store {
            let options = MysqlOptions::new(&self.server.url(&self.database)).unwrap();
            FlaskStore::mysql(options, settings).await.unwrap()
        }

        fn peek(&self, name: &str, now: Timestamp) -> Option<(Vec<u8>, Duration)> {
            let rows = self.sql(&format!(
                "SELECT HEX(data), expiry FROM sessions WHERE BINARY session_id = '{name}'"
            ));
            let row = rows.first()?;
            let hex = row[0].to_lowercase();
            Some((crate::folder::unhex(&hex), left(&row[1], now)))
        }

        fn poke(&self, name: &str, bytes: &[u8], lifetime: Duration, now: Timestamp) {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let expiry = expiry(lifetime, now);
            self.sql(&format!(
                "DELETE FROM sessions WHERE BINARY session_id = '{name}'; \
                 INSERT INTO sessions (session_id, data, expiry) \
                 VALUES ('{name}', x'{hex}', '{expiry}')"
            ));
        }
    }
}

#[cfg(all(unix, feature = "memcached"))]
pub(crate) mod memcached {
    use abiding::compat::layout;
    use abiding_stores::{
        flask_session::{FlaskStore, MemcachedShelf},
        memcached::MemcachedOptions,
    };
    use abiding_testkit::servers::memcached::MemcachedServer;

    use super::*;

    pub(crate) struct Memcached(MemcachedServer);

    pub(crate) fn engine() -> Option<Memcached> {
        MemcachedServer::new().map(Memcached)
    }

    impl Memcached {
        pub(crate) fn port(&self) -> u16 {
            self.0.address().port()
        }
    }

    impl Engine for Memcached {
        type Store = FlaskStore<MemcachedShelf>;

        async fn store(&self, settings: &FlaskSession) -> Self::Store {
            let options = MemcachedOptions::new(&self.0.url()).unwrap();
            FlaskStore::memcached(options, settings).await.unwrap()
        }

        fn peek(&self, name: &str, _: Timestamp) -> Option<(Vec<u8>, Duration)> {
            let bytes = self.0.value(name)?;
            let left = self.0.command(&format!("mg {name} t"));
            let left = left.strip_prefix("HD t").unwrap().parse().unwrap();
            Some((bytes, Duration::from_secs(left)))
        }

        /// A long lifetime is a date, of the server's own clock.
        fn poke(&self, name: &str, bytes: &[u8], lifetime: Duration, _: Timestamp) {
            let now = Timestamp::from_millis(self.0.clock() * 1_000);
            let expiry = layout::memcached_expiry(lifetime, now);
            self.0.set_until(name, bytes, expiry);
        }
    }
}

/// A row's `expiry`, as SQLAlchemy writes it.
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
fn expiry(lifetime: Duration, now: Timestamp) -> String {
    let micros = now.after(lifetime).as_millis() * 1_000;
    layout::sql_expiry(Datetime::from_unix_micros(micros).unwrap()).unwrap()
}

#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
fn left(expiry: &str, now: Timestamp) -> Duration {
    let micros = layout::read_sql_expiry(expiry).unwrap().unix_micros();
    Timestamp::from_millis(micros / 1_000).since(now)
}

#[cfg(feature = "file")]
pub(crate) mod files {
    use std::fs;

    use abiding::compat::{
        cachelib::{Header, NameHash, file_name, join, split},
        pickle,
    };
    use abiding_stores::{
        file::{Durability, FileOptions},
        flask_session::{Cachelib, FileShelf, FlaskStore},
    };

    use super::*;
    use crate::scratch::Scratch;

    pub(crate) struct Files {
        scratch: Scratch,
        pub(crate) cachelib: Cachelib,
        pub(crate) hash: NameHash,
        pub(crate) header: Header,
    }

    pub(crate) fn engine() -> Option<Files> {
        Some(of(Cachelib::V0_16, NameHash::Sha256, Header::Binary))
    }

    pub(crate) fn of(cachelib: Cachelib, hash: NameHash, header: Header) -> Files {
        let scratch = Scratch::new();
        Files {
            scratch,
            cachelib,
            hash,
            header,
        }
    }

    impl Files {
        pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
            self.scratch.file(name)
        }
    }

    impl Engine for Files {
        type Store = FlaskStore<FileShelf>;

        async fn store(&self, settings: &FlaskSession) -> Self::Store {
            // As the wheel has it; the promises are tried with threads.
            let options = FileOptions::new(self.scratch.path()).threads(0);
            let options = options.durability(Durability::Process);
            FlaskStore::files(options, self.cachelib, settings).unwrap()
        }

        fn encode(&self, _: &FlaskSession, dict: &Dict) -> Vec<u8> {
            pickle::write(dict).unwrap()
        }

        fn decode(&self, _: &FlaskSession, bytes: &[u8]) -> Dict {
            pickle::read(bytes).unwrap()
        }

        fn peek(&self, name: &str, now: Timestamp) -> Option<(Vec<u8>, Duration)> {
            let path = self.scratch.file(&file_name(name, self.hash));
            let bytes = fs::read(path).ok()?;
            let (expires, pickle) = split(&bytes).unwrap();
            let ends = Timestamp::from_millis(i64::from(expires) * 1_000);
            Some((pickle.to_vec(), ends.since(now)))
        }

        fn poke(&self, name: &str, bytes: &[u8], lifetime: Duration, now: Timestamp) {
            let expires = now.after(lifetime).as_millis() / 1_000;
            let bytes = join(expires.try_into().unwrap(), self.header, bytes);
            fs::write(self.scratch.file(&file_name(name, self.hash)), bytes).unwrap();
        }
    }
}
