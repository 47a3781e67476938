//! Runs futures without a runtime: one to its end, or many side by side.
//!
//! Enough for a store that needs no reactor. A store that belongs to a runtime brings its own
//! `block_on`; everything else in this crate runs on that as well.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

/// A boxed future, as [`Crowd`] takes them.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What runs a future to its end on the calling thread.
type Run<'a> = &'a (dyn for<'f> Fn(Boxed<'f, ()>) + Sync);

/// Runs a future to its end on this thread, which sleeps while the future waits.
///
/// ```
/// assert_eq!(abiding_testkit::block_on(async { 6 * 7 }), 42);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park();
    }
}

/// How the contenders of a race are run: all in one task, or each on a thread of its own.
///
/// Both matter. A store that waits inside its operations shows its races in one task already; one
/// that only takes locks shows them on threads.
#[derive(Clone, Copy)]
pub struct Crowd<'a>(Option<Run<'a>>);

impl<'a> Crowd<'a> {
    /// All in the task of the caller, polled in turns.
    pub fn in_one_task() -> Self {
        Self(None)
    }

    /// Each on a thread of its own, which gives it to `run`.
    pub fn on_threads(run: &'a (dyn for<'f> Fn(Boxed<'f, ()>) + Sync)) -> Self {
        Self(Some(run))
    }

    /// Runs them all, and answers in their order.
    pub(crate) async fn all<T: Send>(self, futures: Vec<Boxed<'_, T>>) -> Vec<T> {
        match self.0 {
            None => side_by_side(futures).await,
            Some(run) => on_threads(futures, run),
        }
    }
}

impl std::fmt::Debug for Crowd<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() {
            "on threads"
        } else {
            "in one task"
        })
    }
}

/// Runs them all in the task of the caller, and answers in their order.
pub(crate) async fn side_by_side<F: Future + Unpin>(mut futures: Vec<F>) -> Vec<F::Output> {
    let mut outputs: Vec<_> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        let waiting = futures.iter_mut().zip(&mut outputs);
        for (future, output) in waiting.filter(|(_, output)| output.is_none()) {
            if let Poll::Ready(ready) = Pin::new(future).poll(context) {
                *output = Some(ready);
            }
        }
        if outputs.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

fn on_threads<T: Send>(futures: Vec<Boxed<'_, T>>, run: Run<'_>) -> Vec<T> {
    let contend = |future: Boxed<'_, T>| {
        let mut output = None;
        run(Box::pin(async { output = Some(future.await) }));
        output.expect("what runs a future runs it to its end")
    };
    thread::scope(|scope| {
        let contenders: Vec<_> = futures
            .into_iter()
            .map(|future| scope.spawn(|| contend(future)))
            .collect();
        let outputs = contenders.into_iter().map(|contender| contender.join());
        outputs
            .map(|output| output.expect("a contender panicked"))
            .collect()
    })
}

/// Waits once: is pending the first time it is polled, and has itself polled again.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_future_that_is_woken_from_another_thread_comes_to_its_end() {
        let mut waiting = false;
        block_on(poll_fn(|context| {
            if waiting {
                return Poll::Ready(());
            }
            waiting = true;
            let waker = context.waker().clone();
            thread::spawn(move || waker.wake());
            Poll::Pending
        }));
    }

    #[test]
    fn a_crowd_runs_side_by_side_and_answers_in_order() {
        let here = AtomicUsize::new(0);
        // Each waits until all are there, which only a crowd that runs side by side comes to.
        let meet = |number: usize| {
            let here = &here;
            Box::pin(async move {
                here.fetch_add(1, Ordering::SeqCst);
                while here.load(Ordering::SeqCst) < 3 {
                    yield_now().await;
                }
                number
            }) as Boxed<'_, usize>
        };
        let run = |future: Boxed<'_, ()>| block_on(future);
        for crowd in [Crowd::in_one_task(), Crowd::on_threads(&run)] {
            here.store(0, Ordering::SeqCst);
            let answers = block_on(crowd.all((0..3).map(meet).collect()));
            assert_eq!(answers, [0, 1, 2], "{crowd:?}");
        }
    }
}
