//! The engines, each with what Flask-Session itself would see of it.

use std::time::Duration;

use abiding::{FlaskSession, Store, Timestamp};

/// An engine and the way around our store.
pub(crate) trait Engine: Send + Sync {
    type Store: Store;

    /// The store of an application with these settings.
    async fn store(&self, settings: &FlaskSession) -> Self::Store;

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
