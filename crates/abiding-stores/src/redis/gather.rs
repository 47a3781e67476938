//! Futures side by side: several commands on their way at once, and their answers in order.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

/// Runs all of them to their end in the task of the caller.
pub(super) async fn gather<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    type Waiting<F> = (Pin<Box<F>>, Option<<F as Future>::Output>);
    let mut all: Vec<Waiting<F>> = futures
        .into_iter()
        .map(|future| (Box::pin(future), None))
        .collect();
    poll_fn(|context| {
        let mut is_over = true;
        // What was answered is polled no more.
        for (future, output) in all.iter_mut().filter(|(_, output)| output.is_none()) {
            match future.as_mut().poll(context) {
                Poll::Ready(ready) => *output = Some(ready),
                Poll::Pending => is_over = false,
            }
        }
        if is_over {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    all.iter_mut()
        .filter_map(|(_, output)| output.take())
        .collect()
}
