//! The three races, run over HTTP against this very server, on sessions of their own.

use std::{io, time::Duration};

use axum::http::StatusCode;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{
    client::{Reply, Visitor},
    endpoints::Held,
    gate::{Gate, Gates},
};

/// Requests that write at once.
pub(crate) const WRITERS: u32 = 50;
/// Sessions that are signed out.
pub(crate) const ROUNDS: usize = 20;
/// Requests under way in each of them.
pub(crate) const SLOW_WRITERS: u32 = 3;

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Keys that are there after each writer set its own.
    pub(crate) keys: usize,
    /// Where the counter stands after each writer added one.
    pub(crate) counter: u64,
    /// Signed-out sessions that came back.
    pub(crate) resurrected: usize,
    /// Slow writers that were told that their session had ended.
    pub(crate) told: usize,
    pub(crate) took: Duration,
}

/// Runs all three, one after the other.
pub(crate) async fn run(stranger: &Visitor, gates: &Gates) -> io::Result<Outcome> {
    let begun = Instant::now();
    let races = async {
        let keys = write_own_keys(stranger, gates).await?;
        let counter = count_together(stranger, gates).await?;
        let (mut resurrected, mut told) = (0, 0);
        for _ in 0..ROUNDS {
            let (back, refused) = sign_out_under_writers(stranger, gates).await?;
            resurrected += usize::from(back);
            told += refused;
        }
        Ok(Outcome {
            keys,
            counter,
            resurrected,
            told,
            took: begun.elapsed(),
        })
    };
    timeout(PATIENCE, races).await?
}

/// Everybody reads, then everybody sets a key of its own.
async fn write_own_keys(stranger: &Visitor, gates: &Gates) -> io::Result<usize> {
    let visitor = sign_in(stranger).await?;
    let gate = gates.build();
    let number = gate.number();
    let writers = (0..WRITERS).map(|key| format!("/lab/set?key={key}&gate={number}"));
    let replies = visitor.post_all(writers);
    open_for(&gate, WRITERS).await?;
    all_done(replies).await?;
    Ok(standing(&visitor).await?.keys)
}

/// Everybody reads the counter, then everybody adds one.
async fn count_together(stranger: &Visitor, gates: &Gates) -> io::Result<u64> {
    let visitor = sign_in(stranger).await?;
    let gate = gates.build();
    let number = gate.number();
    let replies = visitor.post_all((0..WRITERS).map(|_| format!("/lab/increment?gate={number}")));
    open_for(&gate, WRITERS).await?;
    all_done(replies).await?;
    Ok(standing(&visitor).await?.counter)
}

/// Slow writers read, the session is signed out, the slow ones write. Tells whether the session is
/// back, under its old cookie or any that a slow writer was given, and how many were refused.
async fn sign_out_under_writers(stranger: &Visitor, gates: &Gates) -> io::Result<(bool, usize)> {
    let visitor = sign_in(stranger).await?;
    let gate = gates.build();
    let number = gate.number();
    let slow = (0..SLOW_WRITERS).map(|key| format!("/lab/slow?key={key}&gate={number}"));
    let replies = visitor.post_all(slow);
    gathered(&gate, SLOW_WRITERS).await?;
    succeeded(&visitor.post("/lab/logout").await?)?;
    gate.open();
    let replies = replies
        .join_all()
        .await
        .into_iter()
        .collect::<io::Result<Vec<_>>>()?;
    let refused = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::CONFLICT)
        .count();
    let mut back = standing(&visitor).await?.signed_in;
    for cookie in replies.into_iter().filter_map(|reply| reply.cookie) {
        back |= standing(&visitor.with_cookie(Some(cookie)))
            .await?
            .is_anything();
    }
    Ok((back, refused))
}

async fn sign_in(stranger: &Visitor) -> io::Result<Visitor> {
    let reply = stranger.post("/lab/login").await?;
    succeeded(&reply)?;
    Ok(stranger.with_cookie(reply.cookie))
}

async fn standing(visitor: &Visitor) -> io::Result<Held> {
    let reply = visitor.get("/lab/state").await?;
    succeeded(&reply)?;
    Ok(serde_json::from_slice(&reply.body)?)
}

async fn open_for(gate: &Gate<'_>, count: u32) -> io::Result<()> {
    gathered(gate, count).await?;
    gate.open();
    Ok(())
}

async fn gathered(gate: &Gate<'_>, count: u32) -> io::Result<()> {
    if gate.gathered(count).await {
        Ok(())
    } else {
        Err(io::ErrorKind::TimedOut.into())
    }
}

async fn all_done(replies: JoinSet<io::Result<Reply>>) -> io::Result<()> {
    for reply in replies.join_all().await {
        succeeded(&reply?)?;
    }
    Ok(())
}

fn succeeded(reply: &Reply) -> io::Result<()> {
    if reply.status.is_success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "a request of the lab was answered with {}",
        reply.status
    )))
}

const PATIENCE: Duration = Duration::from_secs(60);
