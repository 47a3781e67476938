//! The measurement: CPU time of a server process over a fixed number of requests, in interleaved rounds.
//!
//! CPU time added over `/plain` of the same process holds on a busy machine; requests a second do not.

use std::{io, time::Duration};

use tokio::{task::JoinSet, time::Instant};

use crate::{
    connection::Connection,
    plan::{ENDPOINTS, Pair, Plan, Side},
    server::Server,
};

/// One endpoint of one server in one round.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Sample {
    pub(crate) round: usize,
    pub(crate) ours: bool,
    pub(crate) endpoint: &'static str,
    /// CPU time of the process, microseconds a request.
    pub(crate) cpu: f64,
    /// Wall clock, microseconds a request.
    pub(crate) wall: f64,
}

/// A server and the visitors that use it, one a connection.
pub(crate) struct Visited<'a> {
    pub(crate) server: &'a Server,
    visitors: Vec<Connection>,
    keeps_on_server: bool,
}

impl<'a> Visited<'a> {
    pub(crate) async fn open(
        server: &'a Server,
        pair: &Pair,
        connections: usize,
    ) -> io::Result<Self> {
        let mut visitors = Vec::with_capacity(connections);
        for _ in 0..connections {
            let mut visitor = Connection::open(server.port).await?;
            visitor.get("/login").await?;
            visitors.push(visitor);
        }
        Ok(Self {
            server,
            visitors,
            keeps_on_server: pair.keeps_on_server(),
        })
    }

    async fn sample(
        &mut self,
        endpoint: &'static str,
        requests: usize,
        round: usize,
    ) -> io::Result<Sample> {
        let tokens: Vec<_> = self
            .visitors
            .iter()
            .map(|visitor| visitor.cookie.clone())
            .collect();
        let each = requests.div_ceil(self.visitors.len());
        let total = (each * self.visitors.len()) as f64;
        let before = self.server.cpu().await?;
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for (number, visitor) in self.visitors.drain(..).enumerate() {
            tasks.spawn(async move { (number, visit(visitor, endpoint, each).await) });
        }
        let mut visitors: Vec<_> = tasks.join_all().await;
        let wall = start.elapsed();
        let spent = self.server.cpu().await?.since(&before);
        visitors.sort_by_key(|(number, _)| *number);
        for ((_, visited), token) in visitors.into_iter().zip(tokens) {
            let (mut visitor, made) = visited?;
            if endpoint == "/login" {
                if self.keeps_on_server {
                    // Otherwise the sessions of every round would pile up.
                    log_out(&mut visitor, made).await?;
                }
                visitor.cookie = token;
            }
            self.visitors.push(visitor);
        }
        let micros = |duration: Duration| duration.as_secs_f64() * 1e6 / total;
        let ours = self.server.side == Side::Ours;
        Ok(Sample {
            round,
            ours,
            endpoint,
            cpu: micros(spent),
            wall: micros(wall),
        })
    }
}

/// Interleaves the two servers: in each round every endpoint of both, who comes first changing with the round.
pub(crate) async fn measure(
    pair: &Pair,
    plan: &Plan,
    sides: &mut [Visited<'_>; 2],
    mut each: impl FnMut(&Sample),
) -> io::Result<Vec<Sample>> {
    let requests = plan.requests.unwrap_or(pair.requests);
    let mut samples = Vec::new();
    // The first round warms both up and counts for nothing.
    for round in 0..=plan.rounds {
        for endpoint in ["/plain"]
            .into_iter()
            .chain(ENDPOINTS.into_iter().filter(|path| plan.measures(path)))
        {
            sides.reverse();
            for side in &mut *sides {
                let sample = side.sample(endpoint, requests, round).await?;
                if round > 0 {
                    each(&sample);
                    samples.push(sample);
                }
            }
        }
    }
    Ok(samples)
}

/// Sends the requests of one visitor; answers the cookies of the sessions that were made on the way.
async fn visit(
    mut visitor: Connection,
    endpoint: &str,
    times: usize,
) -> io::Result<(Connection, Vec<String>)> {
    let mut made = Vec::new();
    for _ in 0..times {
        if endpoint == "/login" {
            visitor.cookie = None;
        }
        let answer = visitor.get(endpoint).await?;
        if answer.status != 200 {
            return Err(io::Error::other(format!(
                "{endpoint} answered {}",
                answer.status
            )));
        }
        if endpoint == "/login" {
            made.extend(visitor.cookie.clone());
        }
    }
    Ok((visitor, made))
}

async fn log_out(visitor: &mut Connection, made: Vec<String>) -> io::Result<()> {
    for token in made {
        visitor.cookie = Some(token);
        visitor.get("/logout").await?;
    }
    Ok(())
}
