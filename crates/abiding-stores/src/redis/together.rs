//! Lets the commands of requests that run at the same moment leave in one packet.
//!
//! The task of a connection writes as soon as it has something to write: with one command at a time, each costs a system
//! call here and another at the server. So the first one to come lets every other task that is ready take its turn, and
//! then hands over whatever has gathered. Nobody waits for a clock, and no task of its own is needed.

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

impl<T> Together<T> {
    /// Runs `sending`, whose first step is to hand over a command, together with those of others. One that is dropped
    /// before its turn hands nothing over.
    pub(super) fn send(
        self: &Arc<Self>,
        sending: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> {
        Turn {
            together: Arc::clone(self),
            letter: Arc::new(Mutex::new(Letter {
                sending: Some(Box::pin(sending)),
                reply: None,
                waker: Waker::noop().clone(),
                is_out: false,
            })),
            role: Role::New,
        }
    }

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
    role: Role,
}

#[derive(PartialEq)]
enum Role {
    New,
    /// The first of those who gather, who hands over for all.
    Leader,
    Other,
}

impl<T> Future for Turn<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        lock(&self.letter).waker.clone_from(context.waker());
        match self.role {
            Role::New => {
                let is_first = {
                    let mut gathered = lock(&self.together.0);
                    gathered.push(Arc::clone(&self.letter));
                    gathered.len() == 1
                };
                self.role = Role::Other;
                if is_first {
                    self.role = Role::Leader;
                    // After all that are ready now.
                    context.waker().wake_by_ref();
                }
                return Poll::Pending;
            }
            Role::Leader => {
                self.role = Role::Other;
                self.together.hand_over();
            }
            Role::Other => {}
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
        if self.role == Role::Leader {
            self.together.hand_over();
        }
    }
}

/// Nothing is half done while a lock is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes when it is handed over, and is answered when `answer` says so.
    fn command(
        name: u32,
        out: &Arc<Mutex<Vec<u32>>>,
        answer: tokio::sync::oneshot::Receiver<u32>,
    ) -> impl Future<Output = u32> + Send + 'static {
        let out = Arc::clone(out);
        async move {
            lock(&out).push(name);
            answer.await.unwrap_or(0)
        }
    }

    fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
        future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn all_that_are_ready_go_out_together_and_each_gets_its_own_reply() {
        let (together, out) = (Arc::new(Together::default()), Arc::default());
        let (mut answers, mut turns) = (vec![], vec![]);
        for name in 1..=3 {
            let (answer, reply) = tokio::sync::oneshot::channel();
            answers.push(answer);
            turns.push(Box::pin(together.send(command(name, &out, reply))));
        }
        assert!(turns.iter_mut().all(|turn| poll(turn).is_pending()));
        assert!(lock(&out).is_empty());
        assert!(poll(&mut turns[0]).is_pending());
        assert_eq!(*lock(&out), [1, 2, 3]);
        for (number, answer) in (10..).zip(answers) {
            answer.send(number).unwrap();
        }
        let replies: Vec<_> = turns.iter_mut().map(poll).collect();
        assert_eq!(replies, [10, 11, 12].map(Poll::Ready));
        // The next one leads again.
        let (_, reply) = tokio::sync::oneshot::channel();
        let mut next = Box::pin(together.send(command(4, &out, reply)));
        assert!(poll(&mut next).is_pending());
        assert_eq!(poll(&mut next), Poll::Ready(0));
    }

    #[test]
    fn who_leaves_before_its_turn_sends_nothing_and_keeps_nobody_waiting() {
        let (together, out) = (Arc::new(Together::default()), Arc::default());
        let (mut answers, mut turns) = (vec![], vec![]);
        for name in 1..=3 {
            let (answer, reply) = tokio::sync::oneshot::channel();
            answers.push(answer);
            turns.push(Box::pin(together.send(command(name, &out, reply))));
        }
        assert!(turns.iter_mut().all(|turn| poll(turn).is_pending()));
        let third = turns.pop();
        drop(turns.remove(1));
        // The leader.
        drop(turns.remove(0));
        assert_eq!(*lock(&out), [3]);
        answers.pop().unwrap().send(30).unwrap();
        assert_eq!(poll(&mut third.unwrap()), Poll::Ready(30));
    }
}
