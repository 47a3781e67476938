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
}

impl SessionLayer {
    /// A layer whose sessions `manager` keeps.
    pub fn new(manager: Manager) -> Self {
        Self { manager }
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService::new(self.manager.clone(), inner)
    }
}
