//! A store whose operations end in time, so that one that hangs fails closed instead of holding requests.

use std::{fmt, future::Future, time::Duration};

use abiding::{
    Error, ErrorKind, Found, Record, Result, Store, StoreKey, SubjectKey, Timestamp,
    store::{
        Capabilities, Change, Committed, Created, Deleted, Expect, Farewell, Leave, Scan, Subjects,
        Sweep, Swept, Touched, Watch, Watching,
    },
};

/// A store that is asked for each answer for so long and no longer.
///
/// An operation that takes longer is dropped and fails as [`ErrorKind::Unavailable`], which a request
/// tells its client as 503. By the contract of [`Store`] it has had no effect by then, or the whole
/// effect, as with any reply that was lost. A session that ended is never taken for a living one by it.
///
/// The time is that of the tokio runtime on which the store is used, and it needs one with a timer. It is
/// no cure for a store that blocks the thread: one has to await to be dropped.
///
/// ```
/// use std::time::Duration;
/// use abiding::{KeyRing, Manager, MemoryStore};
/// use abiding_tower::Deadline;
///
/// let store = Deadline::new(MemoryStore::new(), Duration::from_secs(2));
/// let manager = Manager::builder(store).keys(KeyRing::generate()?).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Deadline<S> {
    store: S,
    limit: Duration,
}

impl<S> Deadline<S> {
    /// `store`, with so much time for each operation.
    pub fn new(store: S, limit: Duration) -> Self {
        Self { store, limit }
    }

    /// The store itself.
    pub fn get_ref(&self) -> &S {
        &self.store
    }

    async fn within<T>(
        &self,
        operation: &'static str,
        answer: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match tokio::time::timeout(self.limit, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                let context = format!("the store gave no answer within {:?}", self.limit);
                Err(Error::new(ErrorKind::Unavailable, operation, context))
            }
        }
    }
}

impl<S> fmt::Debug for Deadline<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl<S: Store> Store for Deadline<S> {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn create(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        let answer = self.store.create(key, record, now);
        self.within("create", answer).await
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        self.within("load", self.store.load(key, now)).await
    }

    async fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed> {
        let answer = self.store.commit(key, change, expect, now);
        self.within("commit", answer).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Touched> {
        let answer = self.store.touch(key, idle_deadline, now);
        self.within("touch", answer).await
    }

    async fn rotate(
        &self,
        from: &StoreKey,
        to: &StoreKey,
        change: &Change,
        expect: Expect,
        leave: Leave,
        now: Timestamp,
    ) -> Result<Committed> {
        let answer = self.store.rotate(from, to, change, expect, leave, now);
        self.within("rotate", answer).await
    }

    async fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted> {
        self.within("delete", self.store.delete(key, farewell, now))
            .await
    }
}

impl<S: Sweep> Sweep for Deadline<S> {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        self.within("sweep", self.store.sweep(now, limit)).await
    }
}

impl<S: Scan> Scan for Deadline<S> {
    async fn scan(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Found>> {
        let answer = self.store.scan(after, limit, now);
        self.within("scan", answer).await
    }
}

impl<S: Subjects> Subjects for Deadline<S> {
    async fn of_subject(&self, subject: &SubjectKey, now: Timestamp) -> Result<Vec<Found>> {
        let answer = self.store.of_subject(subject, now);
        self.within("of_subject", answer).await
    }

    async fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> Result<usize> {
        let answer = self.store.end_subject(subject, except, now);
        self.within("end_subject", answer).await
    }
}

/// Beginning to watch ends in time; what is watched may live for as long as it likes.
impl<S: Watch> Watch for Deadline<S> {
    async fn watch(&self, key: &StoreKey) -> Result<Watching> {
        self.within("watch", self.store.watch(key)).await
    }
}
