//! Why somebody has to sign in (again): a fixed vocabulary, for addresses, logs and people.
//!
//! When the sign-in page is asked for, the cookie that would tell may be gone or another one, so the
//! reason travels on in the address of that page. Only words of the table are ever shown.

use abiding::{Ending, Rejection, Standing};

/// Why somebody has to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The session reached the end of its lifetime.
    Absolute,
    /// It was not used for too long.
    Idle,
    /// The key that vouched for it is no longer there.
    KeyReplaced,
    /// The browser sent no cookie.
    NoCookie,
    /// There is a session, and nobody signed in to it.
    NotYet,
    /// It is over, and nothing tells why.
    Over,
    /// It was ended from another device, or by a new password.
    Revoked,
    /// They signed out in this browser.
    SignedOut,
}

impl Reason {
    /// Why a session is over, if there was one.
    pub(crate) fn of_end(standing: Standing) -> Option<Self> {
        match standing {
            Standing::Ended(Ending::Absolute) | Standing::Refused(Rejection::Expired) => {
                Some(Self::Absolute)
            }
            Standing::Ended(Ending::Idle) => Some(Self::Idle),
            Standing::Ended(Ending::KeyRevoked)
            | Standing::Refused(Rejection::RevokedKey | Rejection::UnknownKey) => {
                Some(Self::KeyReplaced)
            }
            Standing::Ended(Ending::Revoked) => Some(Self::Revoked),
            Standing::Ended(Ending::SignedOut) => Some(Self::SignedOut),
            Standing::Ended(_) => Some(Self::Over),
            _ => None,
        }
    }

    /// Why a session that is not signed in is not.
    pub(crate) fn of(standing: Standing) -> Self {
        let not_there = match standing {
            Standing::Live => Self::NotYet,
            _ => Self::NoCookie,
        };
        Self::of_end(standing).unwrap_or(not_there)
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
        row.unwrap_or(&OVER)
    }
}

const OVER: (Reason, &str, &str) = (
    Reason::Over,
    "over",
    "Your session is over: it was not used for a while, or the server has forgotten it.",
);
const TABLE: [(Reason, &str, &str); 8] = [
    (
        Reason::Absolute,
        "lifetime",
        "You were signed out because a sign-in does not last any longer, however much it is used.",
    ),
    (
        Reason::Idle,
        "idle",
        "You were signed out because you had not been here for a while.",
    ),
    (
        Reason::KeyReplaced,
        "key",
        "You were signed out because the key of this site was replaced.",
    ),
    (
        Reason::NoCookie,
        "no-cookie",
        "Please sign in. Your browser sent no session: nobody has signed in here, it was closed since, or \
         somebody signed out in another tab.",
    ),
    (
        Reason::NotYet,
        "not-yet",
        "Please sign in to see that page. What you have begun is kept.",
    ),
    OVER,
    (
        Reason::Revoked,
        "revoked",
        "You were signed out from another device, or because your password was changed there.",
    ),
    (
        Reason::SignedOut,
        "signed-out",
        "You have signed out in this browser.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_goes_through_an_address_and_tells_something_of_its_own() {
        for (at, (reason, word, told)) in TABLE.iter().enumerate() {
            assert_eq!(Reason::named(word), Some(*reason));
            assert_eq!((reason.word(), reason.told()), (*word, *told));
            assert!(
                TABLE
                    .iter()
                    .skip(at + 1)
                    .all(|row| row.1 != *word && row.2 != *told)
            );
        }
        assert_eq!(Reason::named("<script>"), None);
    }
}
