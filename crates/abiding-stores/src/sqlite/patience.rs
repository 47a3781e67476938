//! Waiting for a lock of the database, and letting others go first.

use std::{future::poll_fn, task::Poll, time::Duration};

use crate::patience::{Stopwatch, pause};

/// A busy handler for a connection that waits on its own.
pub(super) fn patient(limit: Duration) -> impl FnMut(i32) -> bool + Send + 'static {
    let mut since = Stopwatch::start();
    move |tries| {
        if tries == 0 {
            since = Stopwatch::start();
        }
        let again = !since.exceeds(limit);
        if again {
            pause(tries.unsigned_abs());
        }
        again
    }
}

/// Lets the other tasks of this thread run before this one goes on.
pub(super) async fn give_way() {
    let mut gave = false;
    poll_fn(|context| {
        if std::mem::replace(&mut gave, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
