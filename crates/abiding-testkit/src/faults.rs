//! Faults on their way to a store and back: failures, lost replies, delays.
//!
//! [`Faulty`] stands before a store and does to each call what its [`Plan`] says. It also counts, so
//! a test can tell that nothing was asked of the store.
//!
//! ```
//! use abiding::{ErrorKind, MemoryStore, Store, store::sample};
//! use abiding_testkit::{Fault, Faulty, ManualClock, Operation, Plan, block_on};
//!
//! let store = Faulty::new(MemoryStore::new(), Plan::new().at(Operation::Create, 1, Fault::LoseReply));
//! let (key, now) = (sample::key(), ManualClock::START);
//! let record = sample::record(now, now.after(std::time::Duration::from_secs(60)), &[]);
//!
//! let lost = block_on(store.create(&key, &record, now)).unwrap_err();
//! assert_eq!(lost.kind(), ErrorKind::Unavailable);
//! assert!(block_on(store.load(&key, now)).unwrap().is_some(), "it was stored nevertheless");
//! assert_eq!(store.calls(Operation::Any), 2);
//! ```

use std::{
    collections::HashMap,
    fmt,
    future::{Future, poll_fn},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use abiding::{
    Error, ErrorKind, Found, Record, Result, Store, StoreKey, SubjectKey, Timestamp,
    store::{
        Bulk, Capabilities, Change, Committed, Created, Deleted, Expect, Farewell, Leave, Scan,
        Subjects, Sweep, Swept, Touched,
    },
};

use crate::run::yield_now;

/// What can be asked of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the method of that name")]
pub enum Operation {
    /// Whichever it is.
    Any,
    Commit,
    Create,
    Delete,
    EndSubject,
    Load,
    OfSubject,
    Rotate,
    Scan,
    Sweep,
    Touch,
}

/// What happens to one call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// It is pending so many times before it reaches the store.
    Delay(usize),
    /// It takes effect, and its reply is pending so many times.
    DelayReply(usize),
    /// It fails and never reaches the store.
    Fail,
    /// It does not reach the store before the gate is opened.
    Hold(Gate),
    /// It takes effect, and its reply does not come before the gate is opened.
    HoldReply(Gate),
    /// It takes effect, and fails nevertheless.
    LoseReply,
}

/// Which faults which calls meet.
pub struct Plan(Box<Decide>);

type Decide = dyn Fn(Operation, usize) -> Vec<Fault> + Send + Sync;

impl Plan {
    /// No fault at all.
    pub fn new() -> Self {
        Self::decided_by(|_, _| vec![])
    }

    /// What `decide` says of the n-th call, counted from 1, of an operation. It is asked of every call
    /// twice: as one of its operation and as one of [`Operation::Any`].
    pub fn decided_by(
        decide: impl Fn(Operation, usize) -> Vec<Fault> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(decide))
    }

    /// Adds a fault of the n-th call, counted from 1.
    #[must_use]
    pub fn at(self, operation: Operation, nth: usize, fault: Fault) -> Self {
        self.when(move |met, call| met == operation && call == nth, fault)
    }

    /// Adds a fault of every call.
    #[must_use]
    pub fn always(self, operation: Operation, fault: Fault) -> Self {
        self.when(move |met, _| met == operation, fault)
    }

    fn when(
        self,
        meets: impl Fn(Operation, usize) -> bool + Send + Sync + 'static,
        fault: Fault,
    ) -> Self {
        Self::decided_by(move |operation, nth| {
            let mut faults = (self.0)(operation, nth);
            faults.extend(meets(operation, nth).then(|| fault.clone()));
            faults
        })
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plan(..)")
    }
}

/// A store whose calls fail as planned. Clones share the store, the plan and the counts.
#[derive(Debug)]
pub struct Faulty<S>(Arc<Shared<S>>);

#[derive(Debug)]
struct Shared<S> {
    store: S,
    course: Mutex<Course>,
}

#[derive(Debug)]
struct Course {
    plan: Plan,
    calls: HashMap<Operation, usize>,
}

impl<S> Clone for Faulty<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Faulty<S> {
    /// The store behind faults.
    pub fn new(store: S, plan: Plan) -> Self {
        let course = Mutex::new(Course {
            plan,
            calls: HashMap::new(),
        });
        Self(Arc::new(Shared { store, course }))
    }

    /// The store itself, past all faults and uncounted.
    pub fn store(&self) -> &S {
        &self.0.store
    }

    /// Goes by another plan from now on, and counts from the beginning.
    pub fn follow(&self, plan: Plan) {
        *lock(&self.0.course) = Course {
            plan,
            calls: HashMap::new(),
        };
    }

    /// How often this was asked of the store, failed calls included.
    pub fn calls(&self, operation: Operation) -> usize {
        lock(&self.0.course)
            .calls
            .get(&operation)
            .copied()
            .unwrap_or(0)
    }

    fn faults(&self, operation: Operation) -> Vec<Fault> {
        let mut course = lock(&self.0.course);
        let mut faults = vec![];
        for operation in [operation, Operation::Any] {
            let calls = course.calls.entry(operation).or_insert(0);
            *calls += 1;
            let nth = *calls;
            faults.extend((course.plan.0)(operation, nth));
        }
        faults
    }

    async fn call<T>(
        &self,
        operation: Operation,
        name: &'static str,
        effect: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let faults = self.faults(operation);
        for fault in &faults {
            match fault {
                Fault::Delay(times) => wait(*times).await,
                Fault::Fail => {
                    return Err(Error::new(
                        ErrorKind::Unavailable,
                        name,
                        "failed as planned",
                    ));
                }
                Fault::Hold(gate) => gate.pass().await,
                Fault::DelayReply(_) | Fault::HoldReply(_) | Fault::LoseReply => {}
            }
        }
        let reply = effect.await;
        for fault in &faults {
            match fault {
                Fault::DelayReply(times) => wait(*times).await,
                Fault::HoldReply(gate) => gate.pass().await,
                Fault::LoseReply => {
                    return Err(Error::new(
                        ErrorKind::Unavailable,
                        name,
                        "lost the reply as planned",
                    ));
                }
                Fault::Delay(_) | Fault::Fail | Fault::Hold(_) => {}
            }
        }
        reply
    }
}

async fn wait(times: usize) {
    for _ in 0..times {
        yield_now().await;
    }
}

impl<S: Store> Store for Faulty<S> {
    fn capabilities(&self) -> Capabilities {
        self.store().capabilities()
    }

    async fn create(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        let effect = self.store().create(key, record, now);
        self.call(Operation::Create, "create", effect).await
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        let effect = self.store().load(key, now);
        self.call(Operation::Load, "load", effect).await
    }

    async fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed> {
        let effect = self.store().commit(key, change, expect, now);
        self.call(Operation::Commit, "commit", effect).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Touched> {
        let effect = self.store().touch(key, idle_deadline, now);
        self.call(Operation::Touch, "touch", effect).await
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
        let effect = self.store().rotate(from, to, change, expect, leave, now);
        self.call(Operation::Rotate, "rotate", effect).await
    }

    async fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted> {
        let effect = self.store().delete(key, farewell, now);
        self.call(Operation::Delete, "delete", effect).await
    }
}

impl<S: Sweep> Sweep for Faulty<S> {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        let effect = self.store().sweep(now, limit);
        self.call(Operation::Sweep, "sweep", effect).await
    }
}

/// Each is one call, of what it is many of.
impl<S: Bulk> Bulk for Faulty<S> {
    async fn create_all(
        &self,
        records: Vec<(StoreKey, Record)>,
        now: Timestamp,
    ) -> Result<Vec<Created>> {
        let effect = self.store().create_all(records, now);
        self.call(Operation::Create, "create_all", effect).await
    }

    async fn replace_all(
        &self,
        records: Vec<(Found, Record)>,
        now: Timestamp,
    ) -> Result<Vec<bool>> {
        let effect = self.store().replace_all(records, now);
        self.call(Operation::Commit, "replace_all", effect).await
    }
}

impl<S: Scan> Scan for Faulty<S> {
    async fn scan(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Found>> {
        let effect = self.store().scan(after, limit, now);
        self.call(Operation::Scan, "scan", effect).await
    }
}

impl<S: Subjects> Subjects for Faulty<S> {
    async fn of_subject(&self, subject: &SubjectKey, now: Timestamp) -> Result<Vec<Found>> {
        let effect = self.store().of_subject(subject, now);
        self.call(Operation::OfSubject, "of_subject", effect).await
    }

    async fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> Result<usize> {
        let effect = self.store().end_subject(subject, except, now);
        self.call(Operation::EndSubject, "end_subject", effect)
            .await
    }
}

/// Holds calls back until a test opens it. Clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    is_open: bool,
    waiting: Vec<Waker>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everybody pass, from now on.
    pub fn open(&self) {
        let mut queue = lock(&self.0);
        queue.is_open = true;
        queue.waiting.drain(..).for_each(Waker::wake);
    }

    /// Whether a call has come to the closed gate.
    pub fn is_reached(&self) -> bool {
        !lock(&self.0).waiting.is_empty()
    }

    async fn pass(&self) {
        poll_fn(|context| {
            let mut queue = lock(&self.0);
            if queue.is_open {
                return Poll::Ready(());
            }
            queue.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// What a panic left behind is a plan or a count, as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use abiding::{MemoryStore, store::sample};

    use super::*;
    use crate::{Crowd, ManualClock, block_on};

    const NOW: Timestamp = ManualClock::START;

    fn create(
        store: &Faulty<MemoryStore>,
        key: &StoreKey,
    ) -> impl Future<Output = Result<Created>> {
        let record = sample::record(NOW, NOW.after(Duration::from_secs(60)), &[]);
        async move { store.create(key, &record, NOW).await }
    }

    fn is_there(store: &Faulty<MemoryStore>, key: &StoreKey) -> bool {
        block_on(store.store().load(key, NOW)).unwrap().is_some()
    }

    #[test]
    fn a_planned_call_fails_before_its_effect_or_after_it_and_the_others_do_not() {
        for (fault, effect) in [(Fault::Fail, false), (Fault::LoseReply, true)] {
            for operation in [Operation::Create, Operation::Any] {
                let store = Faulty::new(
                    MemoryStore::new(),
                    Plan::new().at(operation, 2, fault.clone()),
                );
                let keys = [sample::key(), sample::key(), sample::key()];
                let replies =
                    keys.map(|key| block_on(create(&store, &key)).map_err(|error| error.kind()));
                assert_eq!(
                    replies,
                    [
                        Ok(Created::Yes),
                        Err(ErrorKind::Unavailable),
                        Ok(Created::Yes)
                    ]
                );
                assert_eq!(is_there(&store, &keys[1]), effect, "{fault:?}");
                assert_eq!(
                    (store.calls(operation), store.calls(Operation::Load)),
                    (3, 0)
                );
            }
        }
    }

    #[test]
    fn a_plan_that_is_followed_anew_counts_from_the_beginning() {
        let store = Faulty::new(MemoryStore::new(), Plan::new());
        block_on(create(&store, &sample::key())).unwrap();
        store.follow(Plan::new().always(Operation::Create, Fault::Fail));
        assert_eq!(store.calls(Operation::Any), 0);
        assert!(block_on(create(&store, &sample::key())).is_err());
    }

    #[test]
    fn a_gate_holds_the_effect_or_the_reply_until_it_is_opened() {
        for (fault, effect) in [(Fault::Hold as fn(_) -> _, false), (Fault::HoldReply, true)] {
            let (gate, key) = (Gate::new(), sample::key());
            let store = Faulty::new(
                MemoryStore::new(),
                Plan::new().at(Operation::Create, 1, fault(gate.clone())),
            );
            let create = Box::pin(async { create(&store, &key).await.map(drop).unwrap() });
            let open = Box::pin(async {
                while !gate.is_reached() {
                    yield_now().await;
                }
                assert_eq!(is_there(&store, &key), effect);
                gate.open();
            });
            block_on(Crowd::in_one_task().all(vec![create as crate::run::Boxed<'_, ()>, open]));
            assert!(is_there(&store, &key));
        }
    }
}
