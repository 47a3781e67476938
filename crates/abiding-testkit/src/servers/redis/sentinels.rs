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
        // What was killed comes back with what it had: a primary that comes back empty, and is named by a Sentinel that
        // has not heard of the failover, tells its visitors that they have no session.
        let keeping = ["--save", "", "--appendonly", "yes"];
        let settings = [&keeping[..], &["--repl-diskless-sync-delay", "0"]].concat();
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
    /// If most Sentinels name no other one within three minutes.
    pub fn kill_primary(&mut self) {
        // Not in the middle of a failover, which may not end if the server that was chosen is gone.
        self.wait_until("all others follow the primary", Self::is_quiet);
        let port = self.primary();
        if let Some(server) = self.servers.iter_mut().find(|server| server.port == port) {
            server.kill();
        }
        self.wait_until("there is a new primary", |all| {
            ![0, port].contains(&all.primary())
        });
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
        self.wait_until("all others follow the primary", Self::is_quiet);
    }

    /// Whether most Sentinels agree on a primary, and all other servers follow it. Asked for each time: on a machine
    /// that stalls, they may have chosen again.
    fn is_quiet(&self) -> bool {
        let primary = self.primary();
        let mut others = self.servers.iter().filter(|server| server.port != primary);
        primary != 0 && others.all(RedisServer::follows)
    }

    /// The port of the primary, as most Sentinels know it; 0 while they do not agree.
    fn primary(&self) -> u16 {
        let named: Vec<_> = self.named().collect();
        let votes = |port: &u16| named.iter().filter(|named| *named == port).count();
        let elected = named
            .iter()
            .find(|port| votes(port) * 2 > self.sentinels.len());
        elected.copied().unwrap_or(0)
    }

    /// What each Sentinel that answers says is the port of the primary.
    fn named(&self) -> impl Iterator<Item = u16> {
        let ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::SERVICE];
        self.sentinels.iter().filter_map(move |(_, address)| {
            let named = self.ask(*address, &ask).ok()?.array().pop()?;
            named.text().parse().ok()
        })
    }

    fn start_sentinel(&mut self, primary: &str) -> Option<()> {
        let program = NEED.find()?;
        let (folder, port) = (Folder::new("sentinel"), free_port());
        let service = Self::SERVICE;
        let settings = format!(
            "bind 127.0.0.1\nport {port}\nsentinel monitor {service} 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds {service} 4000\nsentinel failover-timeout {service} 6000\n"
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
