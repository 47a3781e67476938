//! What is counted where no visitor can undo it: in the ledger, never in the session.
//!
//! A session in a cookie can be put back by whoever kept an older copy, and with it whatever was
//! counted in there. So the session only names what is counted, and the ledger counts: guesses and
//! the end of a code under the name of its challenge, letters and guesses under the mailbox, whichever
//! session they come from. An older cookie names the same challenge, and finds the same count.

use std::time::Duration;

use abiding::Ledger;

use crate::mail::Address;

use super::challenge::{Challenge, LIFETIME};

/// The ledger, asked in the words of this module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits<'a>(pub(super) &'a Ledger);

/// Whether a letter may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// It may, and the next one only after this pause.
    Granted(Duration),
    /// Too many went to this mailbox within the hour.
    Exhausted,
    /// One went a moment ago: not before a pause is over, this long at most.
    Paused(Duration),
}

/// What a guess may still bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guess {
    /// It counts, and leaves so many.
    Counted { left: u32 },
    /// This code, or this mailbox, was guessed at too often.
    TooMany,
}

impl Limits<'_> {
    /// Asks for leave to send a letter; at most one letter at a time has it.
    pub(super) async fn ask_leave(self, to: &Address) -> abiding::Result<Leave> {
        let sent = self.0.peek(&letters(to)).await?;
        if sent >= LETTERS_AN_HOUR {
            return Ok(Leave::Exhausted);
        }
        let granted = self.0.claim(&leave(to), pause_after(sent)).await?;
        Ok(match granted {
            true => Leave::Granted(pause_after(sent)),
            // It began with the last letter, if that is not under way still.
            false => Leave::Paused(pause_after(sent.saturating_sub(1))),
        })
    }

    /// Counts a letter that left.
    pub(super) async fn letter_left(self, to: &Address) -> abiding::Result<()> {
        self.0.count(&letters(to), HOUR).await.map(drop)
    }

    /// Gives leave back: the letter did not go, so nobody has to wait for another.
    pub(super) async fn return_leave(self, to: &Address) -> abiding::Result<()> {
        self.0.forget(&leave(to)).await.map(drop)
    }

    /// Counts a guess, before it is looked at: guesses that come at once are all counted.
    pub(super) async fn guess(self, challenge: &Challenge) -> abiding::Result<Guess> {
        let guesses = self.0.count(&guesses(challenge), LIFETIME).await?;
        let at_mailbox = format!("code guesses {}", challenge.address.mailbox());
        let at_mailbox = self.0.count(&at_mailbox, HOUR).await?;
        Ok(match GUESSES.checked_sub(guesses) {
            Some(left) if at_mailbox <= GUESSES_AN_HOUR => Guess::Counted { left },
            _ => Guess::TooMany,
        })
    }

    /// Whether no guess is left.
    pub(super) async fn is_locked(self, challenge: &Challenge) -> abiding::Result<bool> {
        Ok(self.0.peek(&guesses(challenge)).await? >= GUESSES)
    }

    /// Ends a code, used or replaced; true for the one request that did.
    pub(super) async fn end(self, challenge: &Challenge) -> abiding::Result<bool> {
        self.0.claim(&end(challenge), LIFETIME).await
    }

    /// Whether the code was used or replaced.
    pub(super) async fn is_over(self, challenge: &Challenge) -> abiding::Result<bool> {
        Ok(self.0.peek(&end(challenge)).await? > 0)
    }
}

/// How long nobody gets another letter when so many went before this one.
fn pause_after(sent: u32) -> Duration {
    FIRST_PAUSE * 2_u32.saturating_pow(sent)
}

fn letters(to: &Address) -> String {
    format!("code letters {}", to.mailbox())
}

fn leave(to: &Address) -> String {
    format!("code leave {}", to.mailbox())
}

fn guesses(challenge: &Challenge) -> String {
    format!("code guesses {}", challenge.name())
}

fn end(challenge: &Challenge) -> String {
    format!("code end {}", challenge.name())
}

/// The pause after a first letter; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// Guesses at one code.
pub(super) const GUESSES: u32 = 5;
/// Guesses at all codes for one mailbox, from however many sessions.
const GUESSES_AN_HOUR: u32 = 20;
const HOUR: Duration = Duration::from_secs(60 * 60);
/// Letters to one mailbox.
const LETTERS_AN_HOUR: u32 = 6;
