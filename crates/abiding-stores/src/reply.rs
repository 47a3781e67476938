//! One answer on its way from a thread of a store to a future, under any runtime.
//!
//! Made for each job. A future that was dropped is seen by [`Promise::is_abandoned`]; a
//! promise that was dropped answers `None`, so nobody waits for ever.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// A promise, and the answer it will give.
pub(crate) fn promise<T>() -> (Promise<T>, Answer<T>) {
    let slot = Arc::new(Slot {
        state: Mutex::new(State::Pending(None)),
    });
    (Promise(Arc::clone(&slot)), Answer(slot))
}

/// The end of whoever does the job.
pub(crate) struct Promise<T>(Arc<Slot<T>>);

/// The caller's end: a future of the value, or of `None` if it will never come.
pub(crate) struct Answer<T>(Arc<Slot<T>>);

struct Slot<T> {
    state: Mutex<State<T>>,
}

enum State<T> {
    Pending(Option<Waker>),
    Settled(Option<T>),
}

impl<T> Promise<T> {
    pub(crate) fn keep(self, value: T) {
        self.0.settle(Some(value));
    }

    /// Whether nobody waits any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.0.settle(None);
    }
}

impl<T> Answer<T> {
    /// Whether it is there, or will never be.
    #[cfg(feature = "sqlite")]
    pub(crate) fn is_settled(&self) -> bool {
        matches!(*self.0.lock(), State::Settled(_))
    }
}

impl<T> Slot<T> {
    /// The first answer counts.
    fn settle(&self, value: Option<T>) {
        let mut state = self.lock();
        let State::Pending(waker) = &mut *state else {
            return;
        };
        let waker = waker.take();
        *state = State::Settled(value);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Future for Answer<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        match &mut *self.0.lock() {
            State::Settled(value) => Poll::Ready(value.take()),
            State::Pending(waker) => {
                match waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    None => *waker = Some(context.waker().clone()),
                }
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{task::Wake, thread};

    use super::*;

    #[tokio::test]
    async fn an_answer_crosses_threads() {
        let (promise, answer) = promise();
        let keeper = thread::spawn(move || promise.keep(7));
        assert_eq!(answer.await, Some(7));
        keeper.join().unwrap();
    }

    #[tokio::test]
    async fn a_dropped_promise_answers_none() {
        let (promise, answer) = promise::<u8>();
        drop(promise);
        assert_eq!(answer.await, None);
    }

    #[test]
    fn a_dropped_answer_is_seen_and_its_waker_is_let_go() {
        struct Nobody;
        impl Wake for Nobody {
            fn wake(self: Arc<Self>) {}
        }
        let waker = Arc::new(Nobody);
        let (promise, mut answer) = promise::<u8>();
        let task = Waker::from(Arc::clone(&waker));
        assert!(
            Pin::new(&mut answer)
                .poll(&mut Context::from_waker(&task))
                .is_pending()
        );
        assert!(!promise.is_abandoned());
        drop(answer);
        assert!(promise.is_abandoned());
        drop((promise, task));
        assert_eq!(Arc::strong_count(&waker), 1);
    }
}
