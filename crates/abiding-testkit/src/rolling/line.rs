//! Requests over HTTP, on connections that are kept: which node was asked, and whether the answer came.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::PoisonError,
    thread,
    time::Duration,
};

use abiding::Phase;

use super::{Addresses, Plan, Tally};
use crate::{
    crossing::{End, PHASES},
    jar::Jar,
    random::Random,
};

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) cookies: Vec<String>,
    pub(super) body: String,
}

/// The connections of one who sends several requests at once.
pub(super) struct Wire<'a> {
    addresses: &'a Addresses,
    /// By tab and node.
    lines: Vec<[Line; 2]>,
    /// Whether all nodes know a store, and so what ended.
    pub(super) knows: bool,
    /// Which place a node knows alone.
    pub(super) alone: Option<End>,
    /// Whether the old place is where sessions go, by way of the new one, and nobody is to end what they left behind
    /// before the pass.
    pub(super) awaits_pass: bool,
    pub(super) tally: Tally,
    /// What was asked of whom, and what came of it.
    pub(super) log: Vec<String>,
}

impl<'a> Wire<'a> {
    /// To nodes in these phases.
    pub(super) fn new(
        addresses: &'a Addresses,
        plan: &Plan,
        phases: &[(End, Option<Phase>)],
    ) -> Self {
        let alone = phases.iter().find(|(_, phase)| phase.is_none());
        Self {
            addresses,
            lines: (0..plan.tabs.max(1)).map(|_| Default::default()).collect(),
            knows: phases.iter().all(|phase| plan.knows(*phase)),
            alone: alone.map(|(end, _)| *end),
            awaits_pass: plan.is_walked
                && phases
                    .iter()
                    .all(|(end, phase)| *end == End::Old && phase.is_some()),
            tally: Tally::default(),
            log: vec![],
        }
    }

    /// Sends all of these at once, each to some node; `None` where no answer came, and nobody knows what was done.
    pub(super) fn ask_all(
        &mut self,
        random: &mut Random,
        paths: &[String],
        jar: &Jar,
    ) -> Vec<Option<Answer>> {
        let cookies = jar.header();
        let sent: Vec<_> = paths
            .iter()
            .enumerate()
            .map(|(tab, path)| self.send(tab, random.below(2), path, &cookies))
            .collect();
        let answers = sent.into_iter().enumerate();
        answers.map(|(tab, node)| self.receive(tab, node)).collect()
    }

    /// One request to this node, or to the other one while this one is down.
    pub(super) fn ask(&mut self, node: usize, path: &str, jar: &Jar) -> Option<Answer> {
        let node = self.send(0, node, path, &jar.header());
        self.receive(0, node)
    }

    /// The same for what can be asked again.
    pub(super) fn insist(&mut self, node: usize, path: &str, jar: &Jar) -> Result<Answer, String> {
        let answers = (0..100).find_map(|_| self.ask(node, path, jar));
        answers.ok_or_else(|| format!("{path} is not answered"))
    }

    /// Answers which node took it.
    fn send(&mut self, tab: usize, node: usize, path: &str, cookies: &str) -> usize {
        self.tally.requests += 1;
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nCookie: {cookies}\r\nContent-Length: 0\r\n\r\n"
        );
        for node in [node, 1 - node].into_iter().cycle().take(TRIES) {
            let addresses = *self
                .addresses
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            let line = &mut self.lines[tab][node];
            if let Some((address, phase)) = addresses[node]
                && line.send(address, &request).is_ok()
            {
                let (end, known) = PHASES[phase];
                self.log
                    .push(format!("{path} to node {node}, {end:?} {known:?}"));
                return node;
            }
            thread::yield_now();
        }
        panic!("no node is there");
    }

    fn receive(&mut self, tab: usize, node: usize) -> Option<Answer> {
        let answer = self.lines[tab][node].receive().ok();
        self.log.push(match &answer {
            None => format!("node {node} does not answer"),
            Some(Answer {
                status,
                cookies,
                body,
            }) => {
                let names = cookies.iter().filter_map(|cookie| cookie.split('=').next());
                let names: Vec<_> = names.collect();
                format!("node {node} answers {status} {names:?} {body:?}")
            }
        });
        self.tally.in_doubt += usize::from(answer.is_none());
        answer
    }
}

/// A connection, while it lasts.
#[derive(Default)]
struct Line(Option<(SocketAddr, BufReader<TcpStream>)>);

impl Line {
    /// An error is one where nothing has reached the node: nobody was there, or had closed before.
    fn send(&mut self, address: SocketAddr, request: &str) -> io::Result<()> {
        if let Some((to, reader)) = &mut self.0
            && *to == address
            && reader.get_mut().write_all(request.as_bytes()).is_ok()
        {
            return Ok(());
        }
        self.0 = None;
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request.as_bytes())?;
        self.0 = Some((address, BufReader::new(stream)));
        Ok(())
    }

    fn receive(&mut self) -> io::Result<Answer> {
        let Some((_, reader)) = &mut self.0 else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let read = read(reader);
        if let Err(error) = &read {
            // A node that hangs is not in doubt.
            let hangs = [io::ErrorKind::TimedOut, io::ErrorKind::WouldBlock];
            assert!(!hangs.contains(&error.kind()), "a node does not answer");
            self.0 = None;
        }
        read
    }
}

/// An answer with a length, as these nodes send them.
fn read(reader: &mut impl BufRead) -> io::Result<Answer> {
    let mut answer = Answer {
        status: 0,
        cookies: vec![],
        body: String::new(),
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if answer.status == 0 {
            let status = line
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok());
            answer.status = status.ok_or(io::ErrorKind::InvalidData)?;
            continue;
        }
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        match name.to_ascii_lowercase().as_str() {
            "set-cookie" => answer.cookies.push(value.to_owned()),
            "content-length" => length = value.parse().map_err(io::Error::other)?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    answer.body = String::from_utf8(body).map_err(io::Error::other)?;
    Ok(answer)
}

const TRIES: usize = 100_000;
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_breaks_off_is_none_at_all() {
        let whole = "HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nset-cookie: c=d\r\ncontent-length: 2\r\n\r\nok";
        for end in 0..whole.len() {
            assert!(read(&mut &whole.as_bytes()[..end]).is_err(), "after {end}");
        }
        let answer = read(&mut whole.as_bytes()).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
        assert_eq!(answer.cookies, ["a=b; Path=/", "c=d"]);
    }
}
