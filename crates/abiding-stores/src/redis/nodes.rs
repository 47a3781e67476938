//! Where the keys are: on one server, or on the servers of a cluster.

use std::{sync::Arc, time::Duration};

use redis::{Cmd, ErrorKind, RedisError, Value};

use super::{
    cluster::{Address, Cluster, Node},
    failure::Failure,
    link::Effect,
    nature::{self, Nature},
    route::Target,
    server::Server,
};

/// See the module.
pub(super) enum Nodes {
    Many(Cluster),
    One(Box<Server>),
}

impl Nodes {
    pub(super) fn new(target: Target, patience: Duration, replicas: u32) -> Self {
        match target {
            Target::Cluster(seeds) => Self::Many(Cluster::new(seeds, patience, replicas)),
            Target::Server(route) => Self::One(Box::new(Server::new(&route, patience, replicas))),
        }
    }

    /// Connects, and asks what kind of servers they are; of several, the worst counts.
    pub(super) async fn nature(&self) -> Result<Nature, Failure> {
        let cluster = match self {
            Self::Many(cluster) => cluster,
            Self::One(server) => return nature::ask(server.link(Effect::None)).await,
        };
        cluster.begin().await?;
        let mut all = Nature::BEST;
        for node in cluster.primaries() {
            all = all.and(nature::ask(node.link()).await?);
        }
        Ok(all)
    }

    /// Sends one command about `key`, and waits for its reply.
    pub(super) async fn send(
        &self,
        key: &str,
        command: &Cmd,
        effect: Effect,
    ) -> Result<Value, Failure> {
        match self {
            Self::Many(cluster) => cluster.send(key, command, effect).await,
            Self::One(server) => server.link(effect).send(command, effect).await,
        }
    }

    /// Sends commands that write in one packet, to the one server there is, and waits for their replies. What it refuses
    /// is among them.
    pub(super) async fn packet(&self, commands: Vec<Cmd>) -> Result<Vec<Value>, Failure> {
        match self {
            Self::One(server) => server.link(Effect::Once).packet(commands).await,
            Self::Many(_) => Err(Failure::Refused(RedisError::from((
                ErrorKind::InvalidClientConfig,
                "a packet goes to one server",
            )))),
        }
    }

    /// The first primary whose address is not before `from`, or comes after it; only clusters have several.
    pub(super) fn primary(&self, from: Option<&Address>, is_after: bool) -> Option<Arc<Node>> {
        let Self::Many(cluster) = self else {
            return None;
        };
        let is_next = |node: &Arc<Node>| match from {
            None => true,
            Some(from) if is_after => node.address > *from,
            Some(from) => node.address >= *from,
        };
        cluster.primaries().into_iter().find(is_next)
    }

    /// Sends a command that only reads and is about no key to a server of a cluster, or to the one there is.
    pub(super) async fn look(&self, node: Option<&Node>, command: &Cmd) -> Result<Value, Failure> {
        match (self, node) {
            (_, Some(node)) => node.link().send(command, Effect::None).await,
            (Self::One(server), None) => {
                server.link(Effect::None).send(command, Effect::None).await
            }
            (Self::Many(cluster), None) => cluster.send("", command, Effect::None).await,
        }
    }
}
