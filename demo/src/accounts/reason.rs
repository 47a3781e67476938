//! Why somebody has to sign in (again): a fixed vocabulary, for addresses, logs and people.
//!
//! The answer that finds a session over also takes its cookie away, so the reason travels on in the
//! address of the sign-in page. Only words of the table are ever shown.

use abiding::Standing;

/// Why somebody has to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The browser sent no cookie.
    NoCookie,
    /// There is a session, and nobody signed in to it.
    NotYet,
    /// The session is over, and nothing tells why.
    Over,
    /// They signed out in this browser.
    SignedOut,
}

impl Reason {
    /// The reason that a session gives which is not signed in.
    pub(crate) fn of(standing: Standing) -> Option<Self> {
        match standing {
            Standing::Ended(_) => Some(Self::Over),
            _ => None,
        }
    }

    /// The reason that an address names.
    pub(crate) fn named(word: &str) -> Option<Self> {
        let row = TABLE.iter().find(|(_, known, _)| *known == word);
        row.map(|(reason, ..)| *reason)
    }

    /// Its name in addresses and logs.
    pub(crate) fn word(self) -> &'static str {
        self.row().1
    }

    /// What it means to the person.
    pub(crate) fn told(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        let row = TABLE.iter().find(|(reason, ..)| *reason == self);
        row.unwrap_or(&TABLE[0])
    }
}

const TABLE: [(Reason, &str, &str); 4] = [
    (
        Reason::Over,
        "over",
        "Your session is over. Sign in to go on.",
    ),
    (
        Reason::NotYet,
        "not-yet",
        "Please sign in to see that page.",
    ),
    (
        Reason::NoCookie,
        "no-cookie",
        "Please sign in. Your browser sent no session: it was signed out in another tab, was closed since, or \
         has not been here.",
    ),
    (Reason::SignedOut, "signed-out", "You have signed out here."),
];
