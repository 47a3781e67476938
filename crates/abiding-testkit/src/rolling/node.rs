//! A node, as the process sees it that is one.

use std::{
    env, fmt,
    io::{self, BufRead},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use abiding::{Clock, Crossings, Key, KeyRing, Phase, SystemClock, Timestamp};

use crate::{
    crossing::{End, PHASES},
    process::say,
};

/// That this process is a node, and which.
///
/// ```no_run
/// use abiding_testkit::rolling::Node;
///
/// // #[test]
/// fn node_of_a_deploy() {
///     let Some(node) = Node::of_environment() else { return };
///     // Opens both places, builds the manager of the phase, and listens; then:
///     # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
///     node.serves_at(listener.local_addr().unwrap());
///     // serves `rolling::answer`, while another thread waits to be told that it is over:
///     node.wait(|| { /* with what sessions have left behind in the old place */ });
///     // and when every request under way was answered:
///     # let crossings = abiding::Crossings::default();
///     node.has_ended(crossings);
/// }
/// ```
pub struct Node {
    places: [String; 2],
    standing: (End, Option<Phase>),
    key: String,
    clock: Ahead,
}

impl Node {
    /// What the parent said; `None` in a process that is no node.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test program reads its own environment"
    )]
    pub fn of_environment() -> Option<Self> {
        let phase: usize = env::var(PHASE).ok()?.parse().ok()?;
        let clock = Ahead::default();
        clock.set(env::var(AHEAD).ok()?.parse().ok()?);
        Some(Self {
            places: [env::var(OLD).ok()?, env::var(NEW).ok()?],
            standing: *PHASES.get(phase)?,
            key: env::var(KEY).ok()?,
            clock,
        })
    }

    /// What the parent called a place.
    pub fn place(&self, end: End) -> &str {
        &self.places[end as usize]
    }

    /// Which place is primary.
    pub fn primary(&self) -> End {
        self.standing.0
    }

    /// How the other one is known; not at all in the first phase and the last.
    pub fn phase(&self) -> Option<Phase> {
        self.standing.1
    }

    /// The keys of all nodes.
    ///
    /// # Panics
    /// If the parent gave none.
    pub fn keys(&self) -> KeyRing {
        KeyRing::new(Key::parse(&self.key).expect("the parent gives a key"))
    }

    /// A secret of all nodes, as text.
    pub fn secret(&self) -> &str {
        &self.key
    }

    /// The clock of all nodes.
    pub fn clock(&self) -> Ahead {
        self.clock.clone()
    }

    /// Tells the parent where.
    pub fn serves_at(&self, address: SocketAddr) {
        say(&format!("serves {address}"));
    }

    /// Does what the parent says, and comes back when that is to stop, or the parent is gone. `clear` is called before
    /// the old place is all that nodes know again: to end there what sessions have left behind
    /// ([`end_left_behind`](abiding::Manager::end_left_behind)), where the place can be walked over and nobody else does it.
    pub fn wait(&self, clear: impl Fn()) {
        for order in io::stdin().lock().lines().map_while(Result::ok) {
            if let Some(millis) = order.strip_prefix("ahead ") {
                self.clock.set(millis.parse().unwrap_or_default());
                say("ahead");
            } else if order == "clear" {
                clear();
                say("cleared");
            } else {
                return;
            }
        }
    }

    /// Tells the parent that everything was answered, and what moved.
    pub fn has_ended(&self, crossings: Crossings) {
        let Crossings {
            moved,
            used_elsewhere,
            mirrored,
            mirror_failed,
            too_large,
            refused,
            ..
        } = crossings;
        say(&format!(
            "ended {moved} {used_elsewhere} {mirrored} {mirror_failed} {too_large} {refused}"
        ));
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("standing", &self.standing)
            .finish_non_exhaustive()
    }
}

/// The system's clock, some time ahead. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct Ahead(Arc<AtomicI64>);

impl Ahead {
    fn set(&self, millis: i64) {
        self.0.store(millis, Ordering::SeqCst);
    }
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        let millis = self.0.load(Ordering::SeqCst).unsigned_abs();
        SystemClock.now().after(Duration::from_millis(millis))
    }
}

pub(super) const AHEAD: &str = "ABIDING_NODE_AHEAD";
pub(super) const KEY: &str = "ABIDING_NODE_KEY";
pub(super) const NEW: &str = "ABIDING_NODE_NEW";
pub(super) const OLD: &str = "ABIDING_NODE_OLD";
pub(super) const PHASE: &str = "ABIDING_NODE_PHASE";
