//! What a store is and is not, in words for a table and in values for a test.

use std::fmt;

use abiding::store::{Capabilities, Powers};

/// What a kind of store promises, whichever server or file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// Who may share it.
    pub processes: Processes,
    /// Whether an acknowledged write outlives the end of the process or of the server.
    pub durable: Claim,
    /// What an acknowledged write survives, in words.
    pub survives: &'static str,
    /// Whether it may drop living sessions to make room.
    pub evicts: Claim,
    /// Whether records are sealed before they get there.
    pub sealed: bool,
    /// Its optional powers, but for the one to watch.
    pub powers: Powers,
    /// Whether it tells when a session is over.
    pub watch: Claim,
    /// Round trips to the server, in words.
    pub trips: &'static str,
}

/// Who may share a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Processes {
    /// Any number of them, on any number of machines.
    All,
    /// Any number of them, on one machine.
    OfOneMachine,
    /// The one that made it.
    One,
}

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claim {
    /// For every store of the kind.
    Always,
    /// As its server or its options are set; the store tells when it was opened.
    AsConfigured,
    /// For none.
    Never,
}

impl Facts {
    /// What of this a store contradicts by what it says of itself; nothing if all is true.
    pub fn contradiction(&self, told: Capabilities, powers: Powers) -> Option<String> {
        let mut others = powers;
        others.watch = false;
        let held = [
            ("durable", self.durable.admits(told.durable)),
            ("evicts", self.evicts.admits(told.evicts)),
            (
                "processes",
                told.shared == (self.processes != Processes::One),
            ),
            ("sealed", told.in_process != self.sealed),
            ("powers", others == self.powers),
            ("watch", self.watch.admits(powers.watch)),
        ];
        let broken: Vec<_> = held.iter().filter(|(_, holds)| !holds).collect();
        let names = broken.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        (!names.is_empty()).then(|| format!("{}: {told:?}, {powers:?}", names.join(", ")))
    }
}

impl Claim {
    /// Whether it allows that a store says so.
    pub fn admits(self, told: bool) -> bool {
        match self {
            Self::Always => told,
            Self::AsConfigured => true,
            Self::Never => !told,
        }
    }
}

impl fmt::Display for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all, on any number of machines",
            Self::OfOneMachine => "all on one machine",
            Self::One => "one",
        })
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Always => "yes",
            Self::AsConfigured => "as it is configured",
            Self::Never => "never",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_store_says_otherwise_is_named() {
        let facts = crate::catalogue::memory::KIND.facts;
        let mut told = Capabilities::named("memory");
        told.in_process = true;
        let mut powers = facts.powers;
        powers.watch = true;
        assert_eq!(facts.contradiction(told, powers), None);
        told.evicts = true;
        let broken = facts.contradiction(told, Powers::default()).unwrap();
        assert!(broken.starts_with("evicts, powers, watch: "), "{broken}");
    }
}
