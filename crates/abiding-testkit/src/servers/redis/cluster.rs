//! A Redis Cluster: three primaries that share the keys, and a replica of each.

use std::{io, ops::RangeInclusive, time::Duration};

use super::{NEED, RedisServer, Reply, tls};
use crate::servers::{Folder, certify, free_port, process::pause};

/// Six servers that end when this is dropped.
#[derive(Debug)]
pub struct RedisCluster {
    servers: Vec<RedisServer>,
    /// Where their key is, if they speak TLS.
    key: Option<Folder>,
}

impl RedisCluster {
    /// Starts one in which no replica takes the place of its primary while a test runs: a machine that
    /// stalls loses nothing. `None` where Redis is not installed.
    ///
    /// # Panics
    /// If the servers do not become a cluster.
    pub fn new() -> Option<Self> {
        Self::with(STEADY)
    }

    /// Starts one in which a server that does not answer for so long is taken for dead, and its replica
    /// takes its place.
    ///
    /// # Panics
    /// If the servers do not become a cluster.
    pub fn with(timeout: Duration) -> Option<Self> {
        Self::start(timeout, None)
    }

    /// Starts one whose servers speak TLS alone, with its clients and with one another, and answers their
    /// certificate, in PEM; `None` where Redis or OpenSSL is not installed.
    ///
    /// # Panics
    /// If the servers do not become a cluster.
    pub fn secured() -> Option<(Self, Vec<u8>)> {
        let folder = Folder::new("tls");
        let certificate = certify(&folder)?;
        Some((Self::start(STEADY, Some(folder))?, certificate))
    }

    fn start(timeout: Duration, key: Option<Folder>) -> Option<Self> {
        NEED.find()?;
        let server = || {
            let port = free_port();
            // The port of the bus is otherwise the other one and 10,000, which may be none.
            let bus = free_port().to_string();
            let secured = key.as_ref().map(|folder| tls::settings(folder, port));
            let mut secured = secured.unwrap_or_default();
            if !secured.is_empty() {
                let everywhere = ["--tls-cluster", "yes", "--tls-replication", "yes"];
                secured.extend(everywhere.map(Into::into));
            }
            let secured: Vec<_> = secured.iter().map(String::as_str).collect();
            let cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus];
            // They wait as long as this before they trust that they are a cluster, so it is short at first.
            let patience = ["--cluster-node-timeout", "2000"];
            let copying = ["--repl-diskless-sync-delay", "0", "--save", ""];
            let settings = [&secured[..], &cluster, &patience, &copying].concat();
            let server = RedisServer::in_folder(Folder::new("redis"), port, &settings)?;
            Some((server, bus))
        };
        let (servers, buses): (Vec<_>, Vec<_>) = (0..2 * PRIMARIES)
            .map(|_| server())
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .unzip();
        for (epoch, server) in servers.iter().enumerate() {
            server.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(epoch + 1).to_string()]);
        }
        for (server, slots) in servers.iter().zip(shares()) {
            let (first, last) = (slots.start().to_string(), slots.end().to_string());
            server.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        }
        // Each is told of each: they would hear of one another, but only by and by.
        for (at, server) in servers.iter().enumerate() {
            for (other, bus) in servers.iter().zip(&buses).skip(at + 1) {
                let port = other.address().port().to_string();
                server.command(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]);
            }
        }
        let all = Self { servers, key };
        let (primaries, replicas) = all.servers.split_at(PRIMARIES);
        all.wait_until("every replica knows its primary", || {
            replicas.iter().zip(primaries).all(|(replica, primary)| {
                let id = primary.command(&["CLUSTER", "MYID"]).text();
                replica.command(&["CLUSTER", "REPLICATE", &id]) == Reply::Status("OK".into())
            })
        });
        all.wait_until_whole();
        let timeout = timeout.as_millis().to_string();
        for server in &all.servers {
            server.command(&["CONFIG", "SET", "cluster-node-timeout", &timeout]);
        }
        // One of them may have been taken for dead meanwhile, on a machine that stalls.
        all.wait_until_whole();
        Some(all)
    }

    /// How a store is told of it: by two of its servers, which know the others.
    pub fn url(&self) -> String {
        let [one, two, ..] = &self.servers[..] else {
            return String::new();
        };
        let scheme = if self.key.is_some() {
            "rediss"
        } else {
            "redis"
        };
        format!("{scheme}+cluster://{},{}/", one.address(), two.address())
    }

    /// The servers, primaries and replicas.
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// The servers that are primaries now and answer, with the slots of each.
    pub fn primaries(&self) -> Vec<&RedisServer> {
        let owners = self.owners();
        self.servers
            .iter()
            .filter(|server| {
                owners
                    .iter()
                    .any(|(_, port)| *port == server.address().port())
            })
            .collect()
    }

    /// The slot of a key.
    ///
    /// # Panics
    /// If no server answers.
    pub fn slot(&self, key: &str) -> u16 {
        let asked = self
            .living()
            .find_map(|server| server.ask(&[b"CLUSTER", b"KEYSLOT", key.as_bytes()]).ok());
        let slot = asked.expect("a server of the cluster answers").integer();
        u16::try_from(slot).expect("there are 16,384 slots")
    }

    /// The primary that has `slot`.
    ///
    /// # Panics
    /// If there is none, or it is not one of these servers.
    pub fn owner(&self, slot: u16) -> &RedisServer {
        let owners = self.owners();
        let port = owners.iter().find(|(slots, _)| slots.contains(&slot));
        let port = port.map_or(0, |(_, port)| *port);
        let owner = self
            .servers
            .iter()
            .find(|server| server.address().port() == port);
        owner.unwrap_or_else(|| panic!("nobody has slot {slot}: {}", self.told()))
    }

    /// Kills the primary of `slot`, and waits until its replica is one.
    ///
    /// # Panics
    /// If it is not within three minutes.
    pub fn kill_owner(&mut self, slot: u16) {
        let port = self.owner(slot).address().port();
        let owner = |server: &&mut RedisServer| server.address().port() == port;
        if let Some(server) = self.servers.iter_mut().find(owner) {
            server.kill();
        }
        self.wait_until(
            "another server has the slots of the one that was killed",
            || {
                let owners = self.owners();
                let owner = owners.iter().find(|(slots, _)| slots.contains(&slot));
                owner.is_some_and(|(_, other)| *other != port)
            },
        );
    }

    /// Starts again what was killed, and waits until every primary has its replica.
    ///
    /// # Panics
    /// If it does not within three minutes.
    pub fn mend(&mut self) {
        let killed = self
            .servers
            .iter_mut()
            .filter(|server| server.process.is_none());
        killed.for_each(RedisServer::start);
        self.wait_until_whole();
    }

    /// Moves `slot` with all its keys to another primary, `pause` after each step.
    ///
    /// # Panics
    /// If a server refuses.
    pub fn migrate(&self, slot: u16, to: &RedisServer, mut pause: impl FnMut()) {
        let from = self.owner(slot);
        if from.address() == to.address() {
            return;
        }
        let number = slot.to_string();
        let id = |server: &RedisServer| server.command(&["CLUSTER", "MYID"]).text();
        let (from_id, to_id) = (id(from), id(to));
        let ok = |reply: Reply| assert_eq!(reply, Reply::Status("OK".into()), "{}", self.told());
        ok(to.command(&["CLUSTER", "SETSLOT", &number, "IMPORTING", &from_id]));
        ok(from.command(&["CLUSTER", "SETSLOT", &number, "MIGRATING", &to_id]));
        pause();
        loop {
            let keys = from
                .command(&["CLUSTER", "GETKEYSINSLOT", &number, "3"])
                .array();
            if keys.is_empty() {
                break;
            }
            for key in keys {
                let (key, port) = (key.text(), to.address().port().to_string());
                let moved = from.command(&["MIGRATE", "127.0.0.1", &port, &key, "0", "60000"]);
                // It may have ended meanwhile.
                assert!(matches!(&moved, Reply::Status(_)), "{moved:?}");
                pause();
            }
        }
        // The new owner first: a key that it has not heard of yet would be nobody's.
        for server in [to, from] {
            ok(server.command(&["CLUSTER", "SETSLOT", &number, "NODE", &to_id]));
            pause();
        }
    }

    /// Which port has which slots, as the newest server that answers knows it.
    fn owners(&self) -> Vec<(RangeInclusive<u16>, u16)> {
        let mut newest = (-1, vec![]);
        for server in self.living() {
            let Ok(info) = server.ask(&[b"CLUSTER", b"INFO"]) else {
                continue;
            };
            let Ok(slots) = server.ask(&[b"CLUSTER", b"SLOTS"]) else {
                continue;
            };
            let epoch = told(&info.text(), "cluster_current_epoch:");
            if epoch > newest.0 {
                newest = (epoch, slots.array().into_iter().filter_map(owner).collect());
            }
        }
        newest.1
    }

    fn living(&self) -> impl Iterator<Item = &RedisServer> {
        self.servers
            .iter()
            .filter(|server| server.process.is_some())
    }

    /// Waits until all servers agree that all slots are served, and every primary has a replica.
    fn wait_until_whole(&self) {
        self.wait_until("all are whole", || {
            let replicas = self
                .servers
                .iter()
                .filter(|server| server.follows())
                .count();
            let agree = |server: &RedisServer| {
                let info = server.ask(&[b"CLUSTER", b"INFO"]).map(|info| info.text());
                let slots = server.ask(&[b"CLUSTER", b"SLOTS"]).map(Reply::array);
                info.is_ok_and(|info| info.contains("cluster_state:ok"))
                    && slots.is_ok_and(|slots| {
                        // First and last, the primary, and a replica.
                        slots.len() >= PRIMARIES
                            && slots.into_iter().all(|share| share.array().len() == 4)
                    })
            };
            replicas == PRIMARIES && self.servers.iter().all(agree)
        });
    }

    fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        for _ in 0..18_000 {
            if is_so() {
                return;
            }
            pause();
        }
        panic!("not within three minutes: {what}; {}", self.told());
    }

    /// What every server says of all, for whoever looks for the reason of a failure.
    fn told(&self) -> String {
        let asked = self.servers.iter().map(|server| {
            let nodes: io::Result<Reply> = server.ask(&[b"CLUSTER", b"NODES"]);
            format!("{}: {nodes:?}", server.address())
        });
        asked.collect::<Vec<_>>().join("\n")
    }
}

/// The slots of each primary.
fn shares() -> impl Iterator<Item = RangeInclusive<u16>> {
    let share = SLOTS.div_ceil(PRIMARIES as u16);
    (0..PRIMARIES as u16).map(move |at| at * share..=((at + 1) * share - 1).min(SLOTS - 1))
}

/// The slots and the port of the primary that one entry of `CLUSTER SLOTS` names.
fn owner(entry: Reply) -> Option<(RangeInclusive<u16>, u16)> {
    let mut parts = entry.array().into_iter();
    let mut number = || u16::try_from(parts.next()?.integer()).ok();
    let (first, last) = (number()?, number()?);
    let port = parts.next()?.array().into_iter().nth(1)?.integer();
    Some((first..=last, u16::try_from(port).ok()?))
}

/// A number that a server told under a name.
fn told(info: &str, name: &str) -> i64 {
    let line = info.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

/// How many servers share the slots. Each has a replica.
const PRIMARIES: usize = 3;
const SLOTS: u16 = 16_384;
/// Longer than any machine stalls.
const STEADY: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_its_slot_is_and_where_that_was_moved_to() {
        let Some(cluster) = RedisCluster::new() else {
            return;
        };
        assert_eq!(cluster.primaries().len(), PRIMARIES);
        let slot = cluster.slot("key");
        assert_eq!(slot, 12_539);
        let owner = cluster.owner(slot);
        assert_eq!(owner.command(&["SET", "key", "value"]).text(), "OK");
        let other = cluster.owner(0);
        assert!(
            matches!(other.command(&["GET", "key"]), Reply::Error(error) if error.starts_with("MOVED 12539"))
        );
        cluster.migrate(slot, other, || {});
        assert_eq!(other.command(&["GET", "key"]).text(), "value");
        assert_eq!(cluster.owner(slot).address(), other.address());
    }
}
