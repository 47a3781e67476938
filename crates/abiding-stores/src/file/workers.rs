//! The threads that touch the disk, so that no async thread waits for it; or none, where whoever asks may wait.
//!
//! A job is a closure; whoever asked for it gets its answer, under any runtime. A job that nobody waits
//! for any more, or that waited too long, is not begun.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use abiding::{Error, ErrorKind, Result};

use crate::{patience::Stopwatch, reply::promise};

pub(super) struct Workers {
    desk: Arc<Desk>,
    threads: Vec<JoinHandle<()>>,
    /// Whether jobs are done by whoever asks.
    inline: bool,
    patience: Duration,
}

#[derive(Default)]
struct Desk {
    queue: Mutex<Queue>,
    work: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Box<dyn FnOnce() + Send>>,
    is_closed: bool,
}

impl Workers {
    pub(super) fn start(threads: usize, patience: Duration) -> io::Result<Self> {
        let mut workers = Self {
            desk: Arc::default(),
            threads: Vec::new(),
            inline: threads == 0,
            patience,
        };
        for _ in 0..threads {
            let desk = Arc::clone(&workers.desk);
            let thread = thread::Builder::new().name("abiding-file".into());
            workers.threads.push(thread.spawn(move || desk.serve())?);
        }
        Ok(workers)
    }

    /// Runs `act` on one of the threads, or here.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        act: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.inline {
            return act();
        }
        let (promise, answer) = promise();
        let (since, patience) = (Stopwatch::start(), self.patience);
        let job = move || {
            if promise.is_abandoned() {
                return;
            }
            promise.keep(if since.exceeds(patience) {
                let context = "the disk is too slow for what is asked of it";
                Err(Error::new(ErrorKind::Unavailable, operation, context))
            } else {
                act()
            });
        };
        self.desk.queue().jobs.push_back(Box::new(job));
        self.desk.work.notify_one();
        let stopped = || {
            let context = "the work on the folder of the store has stopped";
            Err(Error::new(ErrorKind::Unavailable, operation, context))
        };
        answer.await.unwrap_or_else(stopped)
    }

    /// In a forked child there are no threads to wait for, and a lock may be held by one that is not here.
    #[expect(
        clippy::mem_forget,
        reason = "to let go of the queue may need that lock"
    )]
    pub(super) fn forget(&mut self) {
        std::mem::forget(std::mem::take(&mut self.threads));
        std::mem::forget(std::mem::take(&mut self.desk));
    }
}

impl Desk {
    fn serve(&self) {
        while let Some(job) = self.next() {
            // What panics answers nobody, who then hears that the work has stopped; the thread goes on.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    fn next(&self) -> Option<Box<dyn FnOnce() + Send>> {
        let mut queue = self.queue();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            if queue.is_closed {
                return None;
            }
            queue = self
                .work
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is queued is done first.
impl Drop for Workers {
    fn drop(&mut self) {
        self.desk.queue().is_closed = true;
        self.desk.work.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
