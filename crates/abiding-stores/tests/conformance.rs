//! Every promise of the store contract, proved on every store of this crate.

#[cfg(test)]
#[cfg(any(feature = "file", feature = "sqlite"))]
#[path = "../src/scratch.rs"]
mod scratch;

#[cfg(test)]
#[cfg(feature = "file")]
mod file {
    use std::{cell::RefCell, path::PathBuf};

    use abiding_stores::file::{Durability, FileOptions};

    use crate::scratch::Scratch;

    thread_local! {
        /// Where the test of this thread keeps its folder.
        static PATH: RefCell<PathBuf> = RefCell::default();
    }

    /// A store that does not flush, which changes nothing but the time it takes.
    fn options() -> FileOptions {
        let path = PATH.with_borrow(PathBuf::clone);
        FileOptions::new(path).durability(Durability::Process)
    }

    /// Runs one test in a directory of its own.
    fn in_scratch<F: Future>(test: F) -> F::Output {
        let scratch = Scratch::new();
        PATH.set(scratch.file("sessions"));
        abiding_testkit::block_on(test)
    }

    abiding_testkit::conformance! {
        store: options().open().unwrap(),
        powers: [scan, subjects, survey, sweep],
        block_on: in_scratch,
    }

    mod on_the_callers_thread {
        use super::{in_scratch, options};

        abiding_testkit::conformance! {
            store: options().threads(0).open().unwrap(),
            powers: [scan, subjects, survey, sweep],
            block_on: in_scratch,
        }
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod sqlite {
    use std::{cell::RefCell, path::PathBuf};

    use abiding_stores::sqlite::{Durability, SqliteOptions};

    use crate::scratch::Scratch;

    thread_local! {
        /// Where the test of this thread keeps its database.
        static PATH: RefCell<PathBuf> = RefCell::default();
    }

    /// A store that does not flush, which changes nothing but the time it takes.
    fn options() -> SqliteOptions {
        let path = PATH.with_borrow(PathBuf::clone);
        SqliteOptions::new(path).durability(Durability::Process)
    }

    /// Runs one test in a directory of its own.
    fn in_scratch<F: Future>(test: F) -> F::Output {
        let scratch = Scratch::new();
        PATH.set(scratch.file("sessions.db"));
        abiding_testkit::block_on(test)
    }

    abiding_testkit::conformance! {
        store: options().open().unwrap(),
        powers: [bulk, scan, subjects, survey, sweep],
        block_on: in_scratch,
    }

    mod on_the_callers_thread {
        use super::{in_scratch, options};

        abiding_testkit::conformance! {
            store: options().inline().open().unwrap(),
            powers: [bulk, scan, subjects, survey, sweep],
            block_on: in_scratch,
        }
    }
}

#[cfg(test)]
#[cfg(all(unix, feature = "mysql"))]
mod mysql {
    use std::sync::{Arc, LazyLock, OnceLock};

    use abiding_stores::mysql::MysqlStore;
    use abiding_testkit::servers::mysql::MysqlServer;
    use tokio::runtime::{Builder, Runtime};

    /// Where all connections live.
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(2).enable_all().build().unwrap()
    });
    static SERVER: OnceLock<Option<(MysqlServer, Arc<MysqlStore>)>> = OnceLock::new();

    /// The store of all tests; none where there is no server.
    fn store() -> Option<Arc<MysqlStore>> {
        let start = || {
            let server = MysqlServer::new()?;
            let url = server.url(&server.database());
            // On a thread of its own: this one runs a test, and so the runtime, already.
            let open = || RUNTIME.block_on(MysqlStore::open(&url)).unwrap();
            let store = std::thread::scope(|scope| scope.spawn(open).join().unwrap());
            Some((server, Arc::new(store)))
        };
        let started = SERVER.get_or_init(start).as_ref();
        started.map(|(_, store)| Arc::clone(store))
    }

    fn on_runtime<F: Future>(test: F) -> F::Output {
        RUNTIME.block_on(test)
    }

    abiding_testkit::conformance! {
        store: match store() { Some(store) => store, None => return },
        powers: [bulk, scan, subjects, survey, sweep],
        block_on: on_runtime,
    }
}

#[cfg(test)]
#[cfg(feature = "postgres")]
mod postgres {
    use std::sync::{Arc, LazyLock, OnceLock};

    use abiding_stores::postgres::PostgresStore;
    use abiding_testkit::servers::postgres::PostgresServer;
    use tokio::runtime::{Builder, Runtime};

    /// Where all connections live.
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(2).enable_all().build().unwrap()
    });
    static SERVER: OnceLock<Option<Stores>> = OnceLock::new();

    /// Two tables of one server.
    struct Stores {
        _server: PostgresServer,
        silent: Arc<PostgresStore>,
        announcing: Arc<PostgresStore>,
    }

    /// The stores of all tests; none where there is no server.
    fn stores() -> Option<&'static Stores> {
        let start = || {
            let server = PostgresServer::new()?;
            let url = server.url("postgres");
            // On a thread of its own: this one runs a test, and so the runtime, already.
            let open = |options| {
                let url = format!("{url}?{options}");
                let open = || RUNTIME.block_on(PostgresStore::open(&url)).unwrap();
                Arc::new(std::thread::scope(|scope| {
                    scope.spawn(open).join().unwrap()
                }))
            };
            Some(Stores {
                silent: open("table=silent"),
                announcing: open("table=announcing&announce=true"),
                _server: server,
            })
        };
        SERVER.get_or_init(start).as_ref()
    }

    fn on_runtime<F: Future>(test: F) -> F::Output {
        RUNTIME.block_on(test)
    }

    abiding_testkit::conformance! {
        store: match stores() { Some(stores) => Arc::clone(&stores.silent), None => return },
        powers: [bulk, scan, subjects, survey, sweep],
        block_on: on_runtime,
    }

    mod announcing {
        use super::*;

        abiding_testkit::conformance! {
            store: match stores() { Some(stores) => Arc::clone(&stores.announcing), None => return },
            powers: [bulk, scan, subjects, survey, sweep, watch],
            block_on: on_runtime,
        }
    }
}

#[cfg(test)]
#[cfg(all(unix, feature = "redis"))]
mod redis {
    use std::sync::LazyLock;

    use abiding_stores::redis::RedisStore;
    use abiding_testkit::servers::redis::RedisServer;
    use tokio::runtime::Runtime;

    /// One for all tests: they have keys of their own.
    static SERVER: LazyLock<Option<RedisServer>> = LazyLock::new(RedisServer::new);
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

    async fn store() -> Option<RedisStore> {
        let server = SERVER.as_ref()?;
        Some(RedisStore::open(server.url()).await.unwrap())
    }

    abiding_testkit::conformance! {
        store: {
            let Some(store) = store().await else { return };
            store
        },
        powers: [bulk, subjects, survey, sweep],
        block_on: |test| RUNTIME.block_on(test),
    }
}

#[cfg(test)]
#[cfg(all(unix, feature = "redis"))]
mod redis_cluster {
    use std::{sync::LazyLock, time::Duration};

    use abiding_stores::redis::{RedisOptions, RedisStore};
    use abiding_testkit::servers::redis::RedisCluster;
    use tokio::runtime::Runtime;

    static CLUSTER: LazyLock<Option<RedisCluster>> = LazyLock::new(RedisCluster::new);
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

    /// A store that waits long: six servers on a machine with other things to do.
    async fn store() -> Option<RedisStore> {
        let cluster = CLUSTER.as_ref()?;
        let options = RedisOptions::new(cluster.url()).patience(Duration::from_secs(60));
        Some(options.open().await.unwrap())
    }

    abiding_testkit::conformance! {
        store: {
            let Some(store) = store().await else { return };
            store
        },
        powers: [bulk, subjects, survey, sweep],
        block_on: |test| RUNTIME.block_on(test),
    }
}

#[cfg(test)]
#[cfg(all(unix, feature = "memcached"))]
mod memcached {
    use std::sync::LazyLock;

    use abiding_stores::memcached::MemcachedStore;
    use abiding_testkit::servers::memcached::MemcachedServer;
    use tokio::runtime::Runtime;

    /// One for all tests: they have keys of their own.
    static SERVER: LazyLock<Option<MemcachedServer>> = LazyLock::new(MemcachedServer::new);
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

    async fn store() -> Option<MemcachedStore> {
        let server = SERVER.as_ref()?;
        Some(MemcachedStore::open(&server.url()).await.unwrap())
    }

    abiding_testkit::conformance! {
        store: {
            let Some(store) = store().await else { return };
            store
        },
        powers: [subjects],
        block_on: |test| RUNTIME.block_on(test),
    }
}
