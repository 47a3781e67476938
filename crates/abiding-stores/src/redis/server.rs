//! One server: a connection for all, and another one for writes that wait for replicas.
//!
//! Reads need not stand in the queue behind those.

use std::time::Duration;

use super::{
    link::{Effect, Link},
    route::Route,
};

/// See the module.
pub(super) struct Server {
    link: Link,
    slow_link: Option<Link>,
}

impl Server {
    /// One that is connected to when it is needed first.
    pub(super) fn new(route: &Route, patience: Duration, replicas: u32) -> Self {
        let slow_link = (replicas > 0).then(|| Link::new(route.clone(), patience, replicas));
        Self {
            link: Link::new(route.clone(), patience, 0),
            slow_link,
        }
    }

    /// The connection for commands of one kind.
    pub(super) fn link(&self, effect: Effect) -> &Link {
        match (effect, &self.slow_link) {
            (Effect::Once, Some(link)) => link,
            (Effect::Once, None) | (Effect::None, _) => &self.link,
        }
    }
}
