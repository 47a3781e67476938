//! Lets the commands of requests that run at the same moment leave in one packet.
//!
//! The task of a connection writes as soon as it has something to write: with one command at a time, each costs a system
//! call here and another at the server. So the first one to come starts a task that lets every other one that is ready take
//! its turn, and then hands over whatever has gathered. Nobody waits for a clock, and nobody for another request: one that is
//! not polled any more, or was dropped, holds up no other.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// What gathers.
pub(super) struct Together<T>(Mutex<Vec<Arc<Mutex<Letter<T>>>>>);

type Sending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// One command on its way.
struct Letter<T> {
    /// `None` once it has come to its end, or nobody waits for it.
    sending: Option<Sending<T>>,
    reply: Option<T>,
    waker: Waker,
    /// Whether it has been handed over.
    is_out: bool,
}

impl<T> Default for Together<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Send + 'static> Together<T> {
    /// Runs `sending`, whose first step is to hand over a command, together with those of others. One that is dropped
    /// before its turn hands nothing over.
    pub(super) fn send<F>(self: &Arc<Self>, sending: F) -> impl Future<Output = T> + use<T, F>
    where
        F: Future<Output = T> + Send + 'static,
    {
        Turn {
            together: Arc::clone(self),
            letter: Arc::new(Mutex::new(Letter {
                sending: Some(Box::pin(sending)),
                reply: None,
                waker: Waker::noop().clone(),
                is_out: false,
            })),
            is_new: true,
        }
    }
}

impl<T> Together<T> {
    /// Hands over all that has gathered, each on behalf of whoever waits for it.
    fn hand_over(&self) {
        for letter in std::mem::take(&mut *lock(&self.0)) {
            let mut letter = lock(&letter);
            letter.is_out = true;
            letter.go_on();
            if letter.reply.is_some() {
                letter.waker.wake_by_ref();
            }
        }
    }
}

impl<T> Letter<T> {
    fn go_on(&mut self) {
        let Some(sending) = &mut self.sending else {
            return;
        };
        if let Poll::Ready(reply) = sending.as_mut().poll(&mut Context::from_waker(&self.waker)) {
            (self.sending, self.reply) = (None, Some(reply));
        }
    }
}

/// Somebody who waits for a reply.
struct Turn<T> {
    together: Arc<Together<T>>,
    letter: Arc<Mutex<Letter<T>>>,
    is_new: bool,
}

impl<T: Send + 'static> Future for Turn<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        lock(&self.letter).waker.clone_from(context.waker());
        if std::mem::take(&mut self.is_new) {
            let is_first = {
                let mut gathered = lock(&self.together.0);
                gathered.push(Arc::clone(&self.letter));
                gathered.len() == 1
            };
            if is_first {
                let round = Round(Arc::clone(&self.together));
                tokio::spawn(async move {
                    tokio::task::yield_now().await;
                    drop(round);
                });
            }
            return Poll::Pending;
        }
        let mut letter = lock(&self.letter);
        if letter.is_out {
            letter.go_on();
        }
        letter.reply.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl<T> Drop for Turn<T> {
    fn drop(&mut self) {
        lock(&self.letter).sending = None;
    }
}

/// Hands over what has gathered when it ends, and if its runtime ends before that, too.
struct Round<T>(Arc<Together<T>>);

impl<T> Drop for Round<T> {
    fn drop(&mut self) {
        self.0.hand_over();
    }
}

/// Nothing is half done while a lock is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::{Receiver, Sender, channel};

    use super::*;

    type Out = Arc<Mutex<Vec<u32>>>;
    type Waiting = Pin<Box<dyn Future<Output = u32>>>;

    /// Three commands that were polled once each, what of them is out, and how they are answered.
    fn three() -> (Out, Vec<Sender<u32>>, Vec<Waiting>) {
        let (together, out) = (Arc::new(Together::default()), Out::default());
        let (answers, mut turns): (_, Vec<Waiting>) = (1..=3)
            .map(|name| {
                let (answer, reply) = channel();
                let turn = together.send(command(name, Arc::clone(&out), reply));
                (answer, Box::pin(turn) as Waiting)
            })
            .unzip();
        assert!(turns.iter_mut().all(|turn| poll(turn).is_pending()));
        (out, answers, turns)
    }

    /// Notes when it is handed over, and is answered when somebody does.
    async fn command(name: u32, out: Out, reply: Receiver<u32>) -> u32 {
        lock(&out).push(name);
        reply.await.unwrap_or(0)
    }

    fn poll(turn: &mut Waiting) -> Poll<u32> {
        turn.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn is_out(out: &Out, names: &[u32]) -> bool {
        *lock(out) == names
    }

    async fn others() {
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn all_that_are_ready_go_out_together_and_each_gets_its_own_reply() {
        let (out, answers, mut turns) = three();
        assert!(is_out(&out, &[]));
        others().await;
        assert!(is_out(&out, &[1, 2, 3]));
        for (number, answer) in (10..).zip(answers) {
            answer.send(number).unwrap();
        }
        let replies: Vec<_> = turns.iter_mut().map(poll).collect();
        assert_eq!(replies, [10, 11, 12].map(Poll::Ready));
    }

    /// The first one is never polled again, and the second one leaves.
    #[tokio::test]
    async fn who_is_not_polled_or_leaves_holds_up_nobody() {
        let (out, mut answers, mut turns) = three();
        drop(turns.remove(1));
        others().await;
        assert!(is_out(&out, &[1, 3]));
        answers.pop().unwrap().send(30).unwrap();
        assert_eq!(poll(&mut turns[1]), Poll::Ready(30));
    }

    #[test]
    fn the_end_of_a_runtime_holds_up_nobody() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let (out, ..) = runtime.block_on(async { three() });
        drop(runtime);
        assert!(is_out(&out, &[]), "whoever waited is gone as well");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let (out, _, turns) = runtime.block_on(async { three() });
        drop(runtime);
        assert!(is_out(&out, &[1, 2, 3]));
        drop(turns);
    }
}
