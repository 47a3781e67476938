//! Sending a code: leave from the limits, a letter, and only then a challenge.

use std::time::Duration;

use crate::{
    app::App,
    mail::{Address, Letter, Unsent as Undelivered},
};

use super::{
    challenge::{Challenge, Code},
    limits::{Leave, Limits},
};

/// Why no code was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    /// As many as there may be within the hour.
    Exhausted,
    /// The mail server cannot take it now.
    Later,
    /// The last one left a moment ago: the pause is over after this time at the latest.
    Paused(Duration),
    /// The mail server takes nothing for this address.
    Refused,
}

/// Sends a code and answers the challenge that waits for it. Goes on when the visitor goes away: a
/// letter that left is counted.
pub(super) async fn send(app: &App, to: Address) -> abiding::Result<Result<Challenge, Unsent>> {
    let app = app.clone();
    let sending = async move {
        let limits = Limits(&app.ledger);
        let pause = match limits.ask_leave(&to).await? {
            Leave::Granted(pause) => pause,
            Leave::Exhausted => return Ok(Err(Unsent::Exhausted)),
            Leave::Paused(pause) => return Ok(Err(Unsent::Paused(pause))),
        };
        let (challenge, code) = Challenge::new(to.clone(), pause, app.now())?;
        match app.mailer.send(&letter(&to, &code), app.now()).await {
            Ok(()) => {
                limits.letter_left(&to).await?;
                Ok(Ok(challenge))
            }
            Err(undelivered) => {
                limits.return_leave(&to).await?;
                Ok(Err(undelivered.into()))
            }
        }
    };
    // Only a runtime that goes down takes the task with it.
    tokio::spawn(sending)
        .await
        .unwrap_or(Ok(Err(Unsent::Later)))
}

fn letter(to: &Address, code: &Code) -> Letter {
    Letter {
        to: to.clone(),
        subject: "Your code for the shop",
        text: format!(
            "Your code is\r\n\r\n    {code}\r\n\r\n\
             It works once, within 10 minutes, in the browser that asked for it.\r\n\r\n\
             You did not ask for a code? Then there is nothing to do: without it nobody gets in.\r\n"
        ),
    }
}

impl From<Undelivered> for Unsent {
    fn from(undelivered: Undelivered) -> Self {
        match undelivered {
            Undelivered::Later => Self::Later,
            Undelivered::Refused => Self::Refused,
        }
    }
}
