//! Two nodes: deployed anew, killed, told the time.

use std::{net::SocketAddr, sync::PoisonError, time::Duration};

use abiding::{Crossings, Key};

use super::{
    Addresses, Rolling, Tally,
    node::{AHEAD, KEY, NEW, OLD, PHASE},
};
use crate::process::Process;

pub(super) struct Fleet<'a> {
    rolling: &'a Rolling,
    addresses: &'a Addresses,
    key: Key,
    nodes: [Option<Process>; 2],
    /// Of each node, as a number of `PHASES`.
    phases: [usize; 2],
    ahead: Duration,
    /// Deploys, kills, and what the nodes told when they ended.
    pub(super) seen: Tally,
}

impl<'a> Fleet<'a> {
    /// Both in the first phase.
    pub(super) fn begin(rolling: &'a Rolling, addresses: &'a Addresses) -> Self {
        let mut fleet = Self {
            rolling,
            addresses,
            key: Key::generate().expect("a test machine has randomness"),
            nodes: [None, None],
            phases: [0; 2],
            ahead: Duration::ZERO,
            seen: Tally::default(),
        };
        fleet.start(0);
        fleet.start(1);
        fleet
    }

    /// Starts one in its phase, and sends visitors there.
    fn start(&mut self, node: usize) -> Option<Process> {
        let [old, new] = &self.rolling.places;
        let (key, phase) = (self.key.reveal(), self.phases[node].to_string());
        let ahead = self.ahead.as_millis().to_string();
        let settings = [
            (AHEAD, ahead.as_str()),
            (KEY, &key),
            (NEW, new),
            (OLD, old),
            (PHASE, &phase),
        ];
        let process = Process::start(&self.rolling.child, &settings);
        let told = process.answer();
        let address: Option<SocketAddr> = told
            .strip_prefix("serves ")
            .and_then(|address| address.parse().ok());
        let mut addresses = self
            .addresses
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let address = address.expect("a node says where it serves");
        addresses[node] = Some((address, self.phases[node]));
        self.nodes[node].replace(process)
    }

    /// The next phase: visitors go to a new process, and the one before ends when it has answered everybody.
    pub(super) fn deploy(&mut self, node: usize, phase: usize) {
        self.phases[node] = phase;
        let before = self.start(node);
        self.seen.deploys += 1;
        self.stop(before);
    }

    fn stop(&mut self, process: Option<Process>) {
        let Some(mut process) = process else { return };
        let told = process.ask("stop");
        let mut numbers = told
            .split(' ')
            .skip(1)
            .map(|number| number.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        let mut crossings = Crossings::default();
        crossings.moved = next();
        crossings.used_elsewhere = next();
        crossings.mirrored = next();
        crossings.mirror_failed = next();
        crossings.too_large = next();
        crossings.refused = next();
        self.seen += Tally {
            crossings,
            ..Tally::default()
        };
    }

    /// At once, whatever it is about; then it is started again, as what it was.
    pub(super) fn kill(&mut self, node: usize) {
        if let Some(process) = self.nodes[node].take() {
            process.kill();
        }
        self.seen.kills += 1;
        self.start(node);
    }

    /// Moves the clocks of both.
    pub(super) fn advance(&mut self, by: Duration) {
        self.ahead += by;
        let order = format!("ahead {}", self.ahead.as_millis());
        for process in self.nodes.iter_mut().flatten() {
            assert_eq!(process.ask(&order), "ahead");
        }
    }

    /// Ends what sessions have left behind in the place that is primary.
    pub(super) fn clear(&mut self) {
        if let Some(process) = self.nodes.iter_mut().flatten().next() {
            assert_eq!(process.ask("clear"), "cleared");
        }
    }

    /// Both stop.
    pub(super) fn end(mut self) -> Self {
        for node in 0..2 {
            let process = self.nodes[node].take();
            self.stop(process);
        }
        self
    }
}
