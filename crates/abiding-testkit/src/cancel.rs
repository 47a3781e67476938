//! Requests that are cut off: a future dropped at each place where it could be dropped.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// Runs a future again and again, dropping it at its first await, its second, and so on, until it
/// comes to its end; checks after each. Both closures are told at which await it was. Answers the
/// output of the run that was not cut.
///
/// ```
/// use std::cell::Cell;
/// use abiding_testkit::{Gate, block_on, cancel_at_every_await};
///
/// let (begun, checked) = (Cell::new(0), Cell::new(0));
/// let output = block_on(cancel_at_every_await(
///     async |_| begun.update(|count| count + 1),
///     async |_| checked.update(|count| count + 1),
/// ));
/// // The first run was dropped before it began, the second came to its end at once.
/// assert_eq!((output, begun.get(), checked.get()), ((), 1, 2));
/// ```
pub async fn cancel_at_every_await<T>(
    mut make: impl AsyncFnMut(usize) -> T,
    mut check: impl AsyncFnMut(usize),
) -> T {
    for cut in 0.. {
        let output = polled_at_most(cut, make(cut)).await;
        check(cut).await;
        if let Some(output) = output {
            return output;
        }
    }
    unreachable!("there are more awaits than numbers")
}

/// The output of `future`, or nothing if it is still pending when it was polled so often.
pub(crate) async fn polled_at_most<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Pending if left > 0 => Poll::Pending,
            Poll::Pending => Poll::Ready(None),
            Poll::Ready(output) => Poll::Ready(Some(output)),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use abiding::{MemoryStore, Store, store::sample};

    use super::*;
    use crate::{Fault, Faulty, ManualClock, Operation, Plan, block_on};

    #[test]
    fn a_future_is_cut_before_and_after_its_effect_and_comes_to_its_end() {
        let plan = Plan::new()
            .always(Operation::Create, Fault::Delay(2))
            .always(Operation::Create, Fault::DelayReply(1));
        let store = Faulty::new(MemoryStore::new(), plan);
        let now = ManualClock::START;
        let record = sample::record(now, now.after(Duration::from_secs(60)), &[]);
        let keys: Vec<_> = (0..9).map(|_| sample::key()).collect();
        let mut effects = vec![];
        let create = async |cut: usize| store.create(&keys[cut], &record, now).await;
        let check = async |cut: usize| {
            let found = store.store().load(&keys[cut], now).await;
            effects.push(found.unwrap().is_some());
        };
        block_on(cancel_at_every_await(create, check)).unwrap();
        // Never polled; pending twice before the effect; pending once after it; not cut.
        assert_eq!(effects, [false, false, false, true, true]);
    }
}
