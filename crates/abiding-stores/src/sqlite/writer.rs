//! The one who writes: whatever jobs are waiting share one transaction and one flush of the disk.
//!
//! Called by the store with closures over a connection; each gets an answer of its own once the
//! transaction is on disk. Nobody waits for a batch to fill: a job that comes alone is committed
//! alone, and while the disk is busy with it the next batch gathers by itself. That one is a thread of the
//! store's, or whoever asks and has his turn: he does what the others have queued along with his own.
//!
//! 1. A job that is refused writes nothing, and the others of its batch go on.
//! 2. If a statement fails, the batch is rolled back and its jobs run again, each in a transaction of
//!    its own: only the one that fails hears of it.
//! 3. If the commit fails, every job of the batch hears of it.
//! 4. A job that nobody waits for any more, or that waited too long, is not begun.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use abiding::{Error, ErrorKind, Result};
use rusqlite::Connection;

use super::{
    checkpoint::{Checkpointer, Log},
    failure::{Failure, explain},
};
use crate::{
    patience::{Stopwatch, pause},
    reply::{Promise, promise},
};

/// What callers see.
pub(super) struct Writer {
    /// `None` once closed.
    way: Option<Way>,
    log: Arc<Log>,
}

/// Who writes.
enum Way {
    Callers(Box<Turns>),
    Thread {
        queue: Sender<Box<dyn Task>>,
        thread: JoinHandle<Result<()>>,
    },
}

/// The callers themselves, one at a time.
struct Turns {
    waiting: Mutex<Waiting>,
    /// Told at the end of each turn.
    over: Condvar,
    desk: Mutex<Desk>,
}

#[derive(Default)]
struct Waiting {
    jobs: Vec<Box<dyn Task>>,
    /// Whether somebody has his turn.
    is_taken: bool,
}

impl Writer {
    /// Starts the thread, which owns `conn` from then on; none where `on_callers`.
    pub(super) fn start(
        path: &Path,
        conn: Connection,
        checkpointer: Checkpointer,
        patience: Duration,
        on_callers: bool,
    ) -> std::io::Result<Self> {
        let log = checkpointer.log();
        let desk = Desk {
            path: path.to_path_buf(),
            conn,
            checkpointer,
            patience,
        };
        let way = if on_callers {
            Way::Callers(Box::new(Turns {
                waiting: Mutex::default(),
                over: Condvar::new(),
                desk: Mutex::new(desk),
            }))
        } else {
            let (queue, jobs) = mpsc::channel();
            let thread = thread::Builder::new().name("abiding-sqlite".into());
            let thread = thread.spawn(move || desk.work(&jobs))?;
            Way::Thread { queue, thread }
        };
        Ok(Self {
            way: Some(way),
            log,
        })
    }

    /// Runs `act` in a transaction and answers what it answered, once that is durable. If a statement
    /// of another job fails, `act` may run a second time, after a rollback.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        act: impl FnMut(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        let (promise, answer) = promise();
        let job = Job {
            operation,
            since: Stopwatch::start(),
            act,
            outcome: None,
            promise,
        };
        let stopped = || {
            Error::new(
                ErrorKind::Unavailable,
                operation,
                "the writer of the database has stopped",
            )
        };
        match self.way.as_ref().ok_or_else(stopped)? {
            Way::Callers(turns) => turns.run(Box::new(job), || answer.is_settled()),
            Way::Thread { queue, .. } => queue.send(Box::new(job)).map_err(|_| stopped())?,
        }
        answer.await.unwrap_or_else(|| Err(stopped()))
    }

    /// How many callers wait for their turn to write.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        match &self.way {
            Some(Way::Callers(turns)) => lock(&turns.waiting).jobs.len(),
            _ => 0,
        }
    }

    /// Waits for a moment at which more work is no burden to others.
    pub(super) async fn quiet(&self) {
        self.log.quiet().await;
    }

    /// Lets the thread finish what is queued, and waits for it.
    pub(super) fn close(&mut self) -> Result<()> {
        match self.way.take() {
            None => Ok(()),
            Some(Way::Callers(turns)) => {
                let desk = turns.desk.into_inner();
                desk.unwrap_or_else(PoisonError::into_inner).close()
            }
            Some(Way::Thread { queue, thread }) => {
                drop(queue);
                let stopped = || {
                    let context = "the writer of the database had stopped before";
                    Error::new(ErrorKind::Unavailable, "close", context)
                };
                thread.join().unwrap_or_else(|_| Err(stopped()))
            }
        }
    }

    /// In a forked child: there is no thread to wait for, and a lock may be held by one that is not here.
    #[expect(
        clippy::mem_forget,
        reason = "to let go of the queue may need that lock, and to close the connection is not for a child"
    )]
    pub(super) fn forget(&mut self) {
        std::mem::forget(self.way.take());
    }
}

impl Turns {
    /// Returns when `job` is settled, by this caller or by the one before him.
    fn run(&self, job: Box<dyn Task>, is_settled: impl Fn() -> bool) {
        let mut waiting = lock(&self.waiting);
        waiting.jobs.push(job);
        while waiting.is_taken && !is_settled() {
            let told = self.over.wait(waiting);
            waiting = told.unwrap_or_else(PoisonError::into_inner);
        }
        if is_settled() {
            return;
        }
        waiting.is_taken = true;
        // As many as there are threads that wait.
        let batch = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        let _turn = Turn(self);
        // Those who are served need not wait for the log to be copied.
        lock(&self.desk).serve(batch, || self.over.notify_all());
    }
}

/// The right to write, until it is dropped.
struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.0.waiting).is_taken = false;
        self.0.over.notify_all();
    }
}

/// Nothing is half done while this is held: a job that panics leaves the desk in order.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A job, whatever it answers.
trait Task: Send {
    /// Runs it and keeps its outcome for [`settle`](Self::settle). An error is the database's.
    fn run(&mut self, conn: &Connection) -> rusqlite::Result<()>;
    /// Hands out the outcome.
    fn settle(self: Box<Self>);
    /// Hands out the database's failure instead.
    fn fail(self: Box<Self>, path: &Path, cause: &Arc<rusqlite::Error>);
    /// Why it should not run, if so: the words for whoever waits, or nothing if nobody does.
    fn overdue(&self, patience: Duration) -> bool;
    fn is_abandoned(&self) -> bool;
}

struct Job<F, T> {
    operation: &'static str,
    since: Stopwatch,
    act: F,
    outcome: Option<Result<T>>,
    promise: Promise<Result<T>>,
}

impl<F, T> Task for Job<F, T>
where
    F: FnMut(&Connection) -> Result<T, Failure> + Send,
    T: Send,
{
    fn run(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        self.outcome = None;
        match (self.act)(conn) {
            Ok(value) => self.outcome = Some(Ok(value)),
            Err(Failure::Refused(refusal)) => self.outcome = Some(Err(refusal)),
            Err(Failure::Database(cause)) => return Err(cause),
        }
        Ok(())
    }

    fn settle(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            self.promise.keep(outcome);
        }
    }

    fn fail(self: Box<Self>, path: &Path, cause: &Arc<rusqlite::Error>) {
        self.promise.keep(Err(explain(self.operation, path, cause)));
    }

    fn overdue(&self, patience: Duration) -> bool {
        self.since.exceeds(patience)
    }

    fn is_abandoned(&self) -> bool {
        self.promise.is_abandoned()
    }
}

/// What the one who writes holds.
struct Desk {
    path: PathBuf,
    conn: Connection,
    checkpointer: Checkpointer,
    patience: Duration,
}

impl Desk {
    fn work(mut self, jobs: &Receiver<Box<dyn Task>>) -> Result<()> {
        // Ends when the store has closed its end and everything before that was taken out.
        while let Ok(first) = jobs.recv() {
            let batch = std::iter::once(first)
                .chain(jobs.try_iter())
                .take(BATCH)
                .collect();
            self.serve(batch, || ());
        }
        self.close()
    }

    fn serve(&mut self, batch: Vec<Box<dyn Task>>, tell: impl FnOnce()) {
        self.transact(batch);
        tell();
        self.checkpointer.after_commit(&self.path, &self.conn);
    }

    fn close(self) -> Result<()> {
        let Self {
            path,
            conn,
            checkpointer,
            ..
        } = self;
        checkpointer.stop();
        // The last connection to close copies the log into the file and removes it.
        conn.close()
            .map_err(|(_, cause)| explain("close", &path, &Arc::new(cause)))
    }

    /// Runs and settles all jobs of `batch`.
    fn transact(&self, batch: Vec<Box<dyn Task>>) {
        let Some(mut batch) = self.begin(batch) else {
            return;
        };
        let ran = batch
            .iter_mut()
            .try_for_each(|job| guarded(|| job.run(&self.conn)));
        match ran {
            Ok(()) => match self.execute("COMMIT") {
                Ok(()) => batch.into_iter().for_each(|job| job.settle()),
                Err(cause) => self.fail(batch, cause),
            },
            Err(cause) if batch.len() == 1 => self.fail(batch, cause),
            Err(_) => {
                self.roll_back();
                batch.into_iter().for_each(|job| self.transact(vec![job]));
            }
        }
    }

    /// Begins a transaction for the jobs that are still worth it; none if no job is left.
    fn begin(&self, mut batch: Vec<Box<dyn Task>>) -> Option<Vec<Box<dyn Task>>> {
        let mut tries = 0;
        let mut cause = None;
        loop {
            let late: Vec<_> = batch
                .extract_if(.., |job| job.is_abandoned() || job.overdue(self.patience))
                .collect();
            if !late.is_empty() {
                let cause = cause.get_or_insert_with(|| Arc::new(busy()));
                late.into_iter().for_each(|job| job.fail(&self.path, cause));
            }
            if batch.is_empty() {
                return None;
            }
            match self.execute("BEGIN IMMEDIATE") {
                Ok(()) => return Some(batch),
                // Another process writes. The connection has no busy handler: jobs that are late are
                // to be told between the tries.
                Err(busy) if is_busy(&busy) => pause(tries),
                Err(cause) => {
                    self.fail(batch, cause);
                    return None;
                }
            }
            tries += 1;
        }
    }

    fn fail(&self, batch: Vec<Box<dyn Task>>, cause: rusqlite::Error) {
        self.roll_back();
        let cause = Arc::new(cause);
        tracing::error!(path = %self.path.display(), cause = %cause, jobs = batch.len(), "a write was rolled back");
        batch
            .into_iter()
            .for_each(|job| job.fail(&self.path, &cause));
    }

    /// Does nothing where SQLite has rolled back by itself, as it does when the disk is full.
    fn roll_back(&self) {
        if !self.conn.is_autocommit()
            && let Err(cause) = self.execute("ROLLBACK")
        {
            tracing::error!(path = %self.path.display(), %cause, "a rollback did not succeed");
        }
    }

    fn execute(&self, statement: &str) -> rusqlite::Result<()> {
        self.conn.prepare_cached(statement)?.execute(()).map(drop)
    }
}

/// A job that panics fails like one that the database refuses; the thread and the other jobs go on.
fn guarded(act: impl FnOnce() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or(Err(rusqlite::Error::UnwindingPanic))
}

fn is_busy(cause: &rusqlite::Error) -> bool {
    cause.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
}

fn busy() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None)
}

/// The most jobs of one transaction: enough to share a flush, few enough that nobody waits long.
const BATCH: usize = 256;
