//! A primary, two replicas and three Sentinels.

use std::{
    io,
    net::{SocketAddr, TcpStream},
};

use super::{NEED, RedisServer, Reply, exchange};
use crate::servers::{Folder, Process, Start, free_port, process::pause};

/// A primary, two replicas, and three Sentinels that put a replica in the place of a primary that is gone.
#[derive(Debug)]
pub struct RedisSentinels {
    sentinels: Vec<(Process, SocketAddr)>,
    servers: Vec<RedisServer>,
    _folders: Vec<Folder>,
}

impl RedisSentinels {
    /// What they call the service.
    pub const SERVICE: &str = "sessions";

    /// Starts all six, and waits until they know each other; `None` where Redis is not installed.
    ///
    /// # Panics
    /// If one of them cannot be started.
    pub fn new() -> Option<Self> {
        let settings = ["--save", "", "--repl-diskless-sync-delay", "0"];
        let primary = RedisServer::with(&settings)?;
        let port = primary.port.to_string();
        let following = ["--replicaof", "127.0.0.1", &port];
        let replica = || RedisServer::with(&[&settings[..], &following].concat());
        let mut all = Self {
            sentinels: vec![],
            servers: vec![primary, replica()?, replica()?],
            _folders: vec![],
        };
        for _ in 0..3 {
            all.start_sentinel(&port)?;
        }
        all.wait_until("all know each other", |all| {
            all.sentinels.iter().all(|(_, address)| {
                let told = |what: &str| all.ask(*address, &["SENTINEL", what, Self::SERVICE]);
                let count = |what: &str| told(what).map_or(0, |reply| reply.array().len());
                count("REPLICAS") == 2 && count("SENTINELS") == 2
            }) && all.servers[1..].iter().all(RedisServer::follows)
        });
        Some(all)
    }

    /// How a store is told of them.
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self
            .sentinels
            .iter()
            .map(|(_, address)| address.to_string())
            .collect();
        format!("redis+sentinel://{}/{}", addresses.join(","), Self::SERVICE)
    }

    /// Kills the primary, and waits until another server is one.
    ///
    /// # Panics
    /// If no Sentinel names another one within three minutes.
    pub fn kill_primary(&mut self) {
        let port = self.primary();
        if let Some(server) = self.servers.iter_mut().find(|server| server.port == port) {
            server.kill();
        }
        self.wait_until("there is a new primary", |all| all.primary() != port);
    }

    /// Starts again what was killed, and waits until it follows the primary that there is now.
    ///
    /// # Panics
    /// If it does not within three minutes.
    pub fn mend(&mut self) {
        let killed = self
            .servers
            .iter_mut()
            .filter(|server| server.process.is_none());
        killed.for_each(RedisServer::start);
        self.wait_until("all others follow the primary", |all| {
            // Asked for each time: on a machine that stalls, Sentinels may have chosen again.
            let primary = all.primary();
            all.servers
                .iter()
                .filter(|server| server.port != primary)
                .all(RedisServer::follows)
        });
    }

    /// The port of the primary, as the first Sentinel that answers knows it.
    fn primary(&self) -> u16 {
        let asked = self.sentinels.iter().find_map(|(_, address)| {
            self.ask(
                *address,
                &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::SERVICE],
            )
            .ok()
        });
        let port = asked
            .and_then(|reply| reply.array().pop())
            .map(|port| port.text());
        port.and_then(|port| port.parse().ok()).unwrap_or(0)
    }

    fn start_sentinel(&mut self, primary: &str) -> Option<()> {
        let program = NEED.find()?;
        let (folder, port) = (Folder::new("sentinel"), free_port());
        let service = Self::SERVICE;
        let settings = format!(
            "bind 127.0.0.1\nport {port}\nsentinel monitor {service} 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds {service} 2000\nsentinel failover-timeout {service} 3000\n"
        );
        // It writes what it learns to this file.
        std::fs::write(folder.file("settings"), settings).expect("the folder was made just now");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let start = Start::new(program, folder.path()).arguments(["settings", "--sentinel"]);
        let process = start.process(|| self.ask(address, &["PING"]).is_ok());
        self.sentinels.push((process, address));
        self._folders.push(folder);
        Some(())
    }

    fn ask(&self, address: SocketAddr, command: &[&str]) -> io::Result<Reply> {
        let command: Vec<_> = command.iter().map(|part| part.as_bytes()).collect();
        exchange(TcpStream::connect(address)?, &command)
    }

    fn wait_until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        // A Sentinel that was stalled trusts no clock for half a minute, and a failover that failed is tried again later.
        for _ in 0..18_000 {
            if is_so(self) {
                return;
            }
            pause();
        }
        let roles: Vec<_> = self
            .servers
            .iter()
            .map(|server| (server.port, server.ask(&[b"ROLE"])))
            .collect();
        panic!(
            "not within three minutes: {what}; the primary is {}, and they say {roles:?}",
            self.primary()
        );
    }
}
