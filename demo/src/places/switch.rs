//! Which manager serves the next request, and who is still under way with the one before.
//!
//! A request goes through to its end with the manager that it began with. Whoever exchanges managers can
//! wait until nobody is left with the former one.

use std::{
    convert::Infallible,
    sync::{PoisonError, RwLock},
};

use abiding::Manager;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// The manager of the moment.
#[derive(Debug)]
pub(super) struct Switch(RwLock<Serving>);

#[derive(Debug)]
struct Serving {
    manager: Manager,
    /// Nothing is ever sent: the channel closes when the last sender is gone.
    here: Sender<Infallible>,
    all_gone: Receiver<Infallible>,
}

/// A request on its way through a manager.
#[derive(Debug)]
pub(crate) struct Stay {
    pub(crate) manager: Manager,
    _here: Sender<Infallible>,
}

/// A manager that begins no request any more.
#[must_use = "the next step waits for those who are under way"]
#[derive(Debug)]
pub(super) struct Former {
    pub(super) manager: Manager,
    all_gone: Receiver<Infallible>,
}

impl Switch {
    pub(super) fn on(manager: Manager) -> Self {
        Self(RwLock::new(Serving::with(manager)))
    }

    /// The manager for a request that begins now.
    pub(super) fn enter(&self) -> Stay {
        let serving = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Stay {
            manager: serving.manager.clone(),
            _here: serving.here.clone(),
        }
    }

    /// Lets requests that begin from now on go to `manager`.
    pub(super) fn turn_to(&self, manager: Manager) -> Former {
        let mut serving = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let former = std::mem::replace(&mut *serving, Serving::with(manager));
        Former {
            manager: former.manager,
            all_gone: former.all_gone,
        }
    }
}

impl Serving {
    fn with(manager: Manager) -> Self {
        let (here, all_gone) = channel(1);
        Self {
            manager,
            here,
            all_gone,
        }
    }
}

impl Former {
    /// Waits until the last request of this manager has its answer.
    pub(super) async fn is_left(&mut self) {
        self.all_gone.recv().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use abiding::{KeyRing, MemoryStore};

    use super::*;

    #[test]
    fn a_former_manager_is_left_when_its_last_request_is_done() {
        let manager = || {
            let keys = KeyRing::generate().unwrap();
            Manager::builder(MemoryStore::new())
                .keys(keys)
                .build()
                .unwrap()
        };
        let switch = Switch::on(manager());
        let (one, other) = (switch.enter(), switch.enter());
        let mut former = switch.turn_to(manager());
        let _later = switch.enter();
        let mut is_left = pin!(former.is_left());
        let mut asked = || {
            is_left
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        };
        for request in [one, other] {
            assert_eq!(asked(), Poll::Pending);
            drop(request);
        }
        assert_eq!(asked(), Poll::Ready(()));
    }
}
