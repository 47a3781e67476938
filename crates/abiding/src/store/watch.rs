//! Word that a record is over, as it happens: for a page that stays open, and for copies that are kept.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use super::Store;
use crate::{error::Result, id::StoreKey};

/// Tells when a record is over, whoever ends it.
pub trait Watch: Store {
    /// Watches over what lies under `key`, which is not an alias. From the moment this resolves, the
    /// [`Watching`] completes soon after somebody, in this process or in another, ends the record or moves
    /// it to another key; and when the way is lost by which that would be heard. Whatever it was: load
    /// the record again to know, and watch again. A changed value completes nothing, and a deadline that
    /// passes need not.
    fn watch(&self, key: &StoreKey) -> impl Future<Output = Result<Watching>> + Send;
}

/// Completes when a record may be over. Made by an [`Announcer`].
#[must_use = "it tells nothing unless it is awaited or asked"]
pub struct Watching {
    key: StoreKey,
    sign: Arc<Mutex<Sign>>,
    board: Arc<Board>,
}

/// Passes on what a store knows to those who watch: for authors of stores. Clones are the same one.
///
/// ```
/// use abiding::store::{Announcer, sample};
///
/// let (announcer, key) = (Announcer::new(), sample::key());
/// let watching = announcer.watch(&key);
/// assert!(!watching.is_told());
/// announcer.tell(&key);
/// assert!(watching.is_told());
/// ```
#[derive(Clone, Default)]
pub struct Announcer(Arc<Board>);

#[derive(Default)]
struct Board(Mutex<HashMap<StoreKey, Vec<Arc<Mutex<Sign>>>>>);

/// What one who watches looks at.
#[derive(Default)]
struct Sign {
    told: bool,
    waker: Option<Waker>,
}

impl Announcer {
    /// One that nobody listens to yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches over `key` from now on.
    pub fn watch(&self, key: &StoreKey) -> Watching {
        let sign = Arc::default();
        let mut board = lock(&self.0.0);
        board.entry(*key).or_default().push(Arc::clone(&sign));
        drop(board);
        Watching {
            key: *key,
            sign,
            board: Arc::clone(&self.0),
        }
    }

    /// What lies under `key` was ended or moved.
    pub fn tell(&self, key: &StoreKey) {
        let signs = lock(&self.0.0).remove(key);
        signs.into_iter().flatten().for_each(|sign| raise(&sign));
    }

    /// Anything may have happened.
    pub fn tell_all(&self) {
        let board = std::mem::take(&mut *lock(&self.0.0));
        board.into_values().flatten().for_each(|sign| raise(&sign));
    }
}

fn raise(sign: &Mutex<Sign>) {
    let mut sign = lock(sign);
    sign.told = true;
    let waker = sign.waker.take();
    drop(sign);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Watching {
    /// Whether it has completed, without waiting.
    pub fn is_told(&self) -> bool {
        lock(&self.sign).told
    }
}

impl Future for Watching {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut sign = lock(&self.sign);
        if sign.told {
            return Poll::Ready(());
        }
        sign.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut board = lock(&self.board.0);
        if let Some(signs) = board.get_mut(&self.key) {
            signs.retain(|sign| !Arc::ptr_eq(sign, &self.sign));
            if signs.is_empty() {
                board.remove(&self.key);
            }
        }
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching")
            .field("is_told", &self.is_told())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcer")
            .field("watched", &lock(&self.0.0).len())
            .finish()
    }
}

/// What lies behind these locks is whole at any moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, sync::atomic::AtomicUsize, task::Wake};

    use super::*;
    use crate::store::sample;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[test]
    fn who_watches_is_woken_by_word_of_his_key_alone() {
        let (announcer, key) = (Announcer::new(), sample::key());
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let count = || woken.0.load(std::sync::atomic::Ordering::Relaxed);

        let mut watching = pin!(announcer.watch(&key));
        assert!(watching.as_mut().poll(&mut context).is_pending());
        announcer.tell(&sample::key());
        assert_eq!(count(), 0);
        announcer.tell(&key);
        assert_eq!(count(), 1);
        assert!(watching.poll(&mut context).is_ready());
    }

    #[test]
    fn word_that_came_before_anybody_waited_is_not_lost() {
        let (announcer, key) = (Announcer::new(), sample::key());
        let [one, two] = [announcer.watch(&key), announcer.watch(&key)];
        announcer.tell_all();
        assert!(one.is_told() && two.is_told());
        assert!(!announcer.watch(&key).is_told());
    }

    #[test]
    fn who_goes_away_leaves_nothing_and_disturbs_nobody() {
        let (announcer, key) = (Announcer::new(), sample::key());
        let [one, two] = [announcer.watch(&key), announcer.watch(&key)];
        drop(one);
        announcer.tell(&key);
        assert!(two.is_told());
        drop((announcer.watch(&key), two));
        assert!(lock(&announcer.0.0).is_empty());
    }
}
