//! Runs futures on this thread in a random order: whoever can go on may be the next one.
//!
//! Repeatable as long as the futures wake themselves; those that are woken by other threads come to
//! their end as well, in an order of their own.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
    thread::{self, Thread},
};

use crate::random::Random;

/// One of the futures that are run side by side.
pub(crate) type Actor<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

struct Alarm {
    rings: AtomicBool,
    thread: Thread,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.rings.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// Runs all of them to their end.
pub(crate) fn run(actors: Vec<Actor<'_>>, random: &mut Random) {
    let alarm = || {
        Arc::new(Alarm {
            rings: AtomicBool::new(true),
            thread: thread::current(),
        })
    };
    let mut actors: Vec<_> = actors.into_iter().map(|actor| (actor, alarm())).collect();
    while !actors.is_empty() {
        let rings = |at: &usize| actors[*at].1.rings.load(Ordering::SeqCst);
        let ready: Vec<_> = (0..actors.len()).filter(rings).collect();
        let Some(&next) = random.pick(&ready) else {
            thread::park();
            continue;
        };
        let (actor, alarm) = &mut actors[next];
        alarm.rings.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(alarm));
        if actor
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
        {
            drop(actors.swap_remove(next));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::run::yield_now;

    #[test]
    fn actors_take_turns_in_an_order_that_the_seed_decides() {
        let order = |seed| {
            let turns = RefCell::new(vec![]);
            let actor = |name| {
                let turns = &turns;
                Box::pin(async move {
                    for _ in 0..8 {
                        turns.borrow_mut().push(name);
                        yield_now().await;
                    }
                }) as Actor<'_>
            };
            run(vec![actor('a'), actor('b')], &mut Random::new(seed));
            turns.into_inner()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
