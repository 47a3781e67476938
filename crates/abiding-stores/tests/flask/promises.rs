//! Every promise of the store contract, on every engine of Flask-Session's layout.

#[cfg(all(unix, feature = "redis"))]
mod redis {
    use std::sync::LazyLock;

    use abiding::FlaskSession;
    use abiding_stores::{
        flask_session::{FlaskStore, RedisShelf},
        redis::RedisOptions,
    };
    use abiding_testkit::servers::redis::RedisServer;
    use tokio::runtime::Runtime;

    static SERVER: LazyLock<Option<RedisServer>> = LazyLock::new(RedisServer::new);
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

    async fn store() -> Option<FlaskStore<RedisShelf>> {
        let options = RedisOptions::new(SERVER.as_ref()?.url());
        Some(
            FlaskStore::redis(options, &FlaskSession::new())
                .await
                .unwrap(),
        )
    }

    abiding_testkit::conformance! {
        store: {
            let Some(store) = store().await else { return };
            store
        },
        powers: [],
        block_on: |test| RUNTIME.block_on(test),
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::{cell::RefCell, fs, path::PathBuf, time::Duration};

    use abiding::{FlaskSession, Store as _, Timestamp, store::sample};
    use abiding_stores::{
        flask_session::{FlaskStore, SqliteShelf},
        sqlite::{Durability, SqliteOptions},
    };
    use rusqlite::Connection;

    use crate::scratch::Scratch;

    thread_local! {
        static PATH: RefCell<PathBuf> = RefCell::default();
    }

    fn store() -> FlaskStore<SqliteShelf> {
        let options = SqliteOptions::new(PATH.with_borrow(PathBuf::clone));
        // Without a log every write is a flush, and a busy machine takes its time.
        let options = options
            .durability(Durability::Process)
            .patience(Duration::from_secs(60));
        FlaskStore::sqlite(options, &FlaskSession::new()).unwrap()
    }

    fn in_scratch<F: Future>(test: F) -> F::Output {
        let scratch = Scratch::new();
        PATH.set(scratch.file("app.db"));
        abiding_testkit::block_on(test)
    }

    /// A process that is killed in a transaction leaves the pages as they were in a journal, for the next one who
    /// opens the file or reads it.
    #[test]
    fn what_a_killed_process_left_half_done_is_taken_back_by_who_reads_next() {
        let read = async {
            let (store, now) = (store(), Timestamp::from_millis(1));
            let path = PATH.with_borrow(PathBuf::clone);
            let journal = path.with_extension("db-journal");
            let other = Connection::open(&path).unwrap();
            other
                .execute_batch(
                    "PRAGMA synchronous = OFF; BEGIN IMMEDIATE; \
                     INSERT INTO sessions (session_id, data) VALUES ('half', x'80')",
                )
                .unwrap();
            let left = fs::read(&journal).unwrap();
            drop(other);
            assert!(!journal.exists());
            fs::write(&journal, left).unwrap();
            let found = store.load(&sample::key(), now).await.unwrap();
            assert!(found.is_none() && !journal.exists());
        };
        in_scratch(read);
    }

    abiding_testkit::conformance! {
        store: store(),
        powers: [sweep],
        block_on: in_scratch,
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::sync::{Arc, LazyLock, OnceLock};

    use abiding::FlaskSession;
    use abiding_stores::{
        flask_session::{FlaskStore, PostgresShelf},
        postgres::PostgresOptions,
    };
    use abiding_testkit::servers::postgres::PostgresServer;
    use tokio::runtime::{Builder, Runtime};

    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(2).enable_all().build().unwrap()
    });
    static SERVER: OnceLock<Option<(PostgresServer, Arc<FlaskStore<PostgresShelf>>)>> =
        OnceLock::new();

    fn store() -> Option<Arc<FlaskStore<PostgresShelf>>> {
        let start = || {
            let server = PostgresServer::new()?;
            let options = PostgresOptions::new(&server.url("postgres")).unwrap();
            let settings = FlaskSession::new();
            let open = || {
                RUNTIME
                    .block_on(FlaskStore::postgres(options, &settings))
                    .unwrap()
            };
            let store = std::thread::scope(|scope| scope.spawn(open).join().unwrap());
            Some((server, Arc::new(store)))
        };
        let started = SERVER.get_or_init(start).as_ref();
        started.map(|(_, store)| Arc::clone(store))
    }

    abiding_testkit::conformance! {
        store: match store() { Some(store) => store, None => return },
        powers: [sweep],
        block_on: |test| RUNTIME.block_on(test),
    }
}

#[cfg(all(unix, feature = "mysql"))]
mod mysql {
    use std::sync::{Arc, LazyLock, OnceLock};

    use abiding::FlaskSession;
    use abiding_stores::{
        flask_session::{FlaskStore, MysqlShelf},
        mysql::MysqlOptions,
    };
    use abiding_testkit::servers::mysql::MysqlServer;
    use tokio::runtime::{Builder, Runtime};

    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(2).enable_all().build().unwrap()
    });
    static SERVER: OnceLock<Option<(MysqlServer, Arc<FlaskStore<MysqlShelf>>)>> = OnceLock::new();

    fn store() -> Option<Arc<FlaskStore<MysqlShelf>>> {
        let start = || {
            let server = MysqlServer::new()?;
            let options = MysqlOptions::new(&server.url(&server.database())).unwrap();
            let settings = FlaskSession::new();
            let open = || {
                RUNTIME
                    .block_on(FlaskStore::mysql(options, &settings))
                    .unwrap()
            };
            let store = std::thread::scope(|scope| scope.spawn(open).join().unwrap());
            Some((server, Arc::new(store)))
        };
        let started = SERVER.get_or_init(start).as_ref();
        started.map(|(_, store)| Arc::clone(store))
    }

    // Without the sweep's promises: a row says its end in whole seconds.
    abiding_testkit::conformance! {
        store: match store() { Some(store) => store, None => return },
        powers: [],
        block_on: |test| RUNTIME.block_on(test),
    }
}

#[cfg(all(unix, feature = "memcached"))]
mod memcached {
    use std::sync::LazyLock;

    use abiding::FlaskSession;
    use abiding_stores::{
        flask_session::{FlaskStore, MemcachedShelf},
        memcached::MemcachedOptions,
    };
    use abiding_testkit::servers::memcached::MemcachedServer;
    use tokio::runtime::Runtime;

    static SERVER: LazyLock<Option<MemcachedServer>> = LazyLock::new(MemcachedServer::new);
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

    async fn store() -> Option<FlaskStore<MemcachedShelf>> {
        let options = MemcachedOptions::new(&SERVER.as_ref()?.url()).unwrap();
        Some(
            FlaskStore::memcached(options, &FlaskSession::new())
                .await
                .unwrap(),
        )
    }

    abiding_testkit::conformance! {
        store: {
            let Some(store) = store().await else { return };
            store
        },
        powers: [],
        block_on: |test| RUNTIME.block_on(test),
    }
}

#[cfg(feature = "file")]
mod files {
    use std::{cell::RefCell, path::PathBuf};

    use abiding::FlaskSession;
    use abiding_stores::{
        file::{Durability, FileOptions},
        flask_session::{Cachelib, FileShelf, FlaskStore},
    };

    use crate::scratch::Scratch;

    thread_local! {
        static PATH: RefCell<PathBuf> = RefCell::default();
    }

    fn store() -> FlaskStore<FileShelf> {
        let options = FileOptions::new(PATH.with_borrow(PathBuf::clone));
        let options = options.durability(Durability::Process);
        FlaskStore::files(options, Cachelib::V0_16, &FlaskSession::new()).unwrap()
    }

    fn in_scratch<F: Future>(test: F) -> F::Output {
        let scratch = Scratch::new();
        PATH.set(scratch.file("sessions"));
        abiding_testkit::block_on(test)
    }

    // Without the sweep's promises: a file says its end in whole seconds, so what tells its end itself is
    // kept a minute longer.
    abiding_testkit::conformance! {
        store: store(),
        powers: [],
        block_on: in_scratch,
    }
}
