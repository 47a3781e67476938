//! The layer: gives every request of the services below it a session.

use abiding::Manager;
use tower_layer::Layer;

use crate::service::SessionService;

/// Opens a session for each request and settles it when the response is ready.
///
/// Put it around the routes that use sessions, inside whatever makes responses of panics and time-outs.
/// Nested inside another layer of the same manager it does nothing, so a session is settled once.
#[derive(Clone, Debug)]
pub struct SessionLayer {
    manager: Manager,
    tells: bool,
}

impl SessionLayer {
    /// A layer whose sessions `manager` keeps.
    pub fn new(manager: Manager) -> Self {
        Self {
            manager,
            tells: false,
        }
    }

    /// Puts an [`abiding::Summary`] into the extensions of every response whose request looked at its
    /// session: for a log, or a page that shows what happened.
    #[must_use]
    pub fn with_summary(self) -> Self {
        Self {
            tells: true,
            ..self
        }
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService::new(self.manager.clone(), self.tells, inner)
    }
}
