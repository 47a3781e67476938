//! `abiding sessions revoke`: sessions ended from beside the application.

use abiding::{Found, store::Subjects};
use serde_json::json;

use super::select::{Meant, There, Walk};
use crate::{
    exit::{Exit, Failure},
    output::Output,
    place::{PAGE, parse_handle, run},
};

/// End sessions: by handle, by person, by age
///
/// Says what would be ended, and does it with --yes. Whoever presents the cookie of an ended session is signed
/// out at the next request, and with the keys given here the application can tell them that it was revoked.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  abiding sessions revoke sqlite:sessions.db --handle 3fa09c
  abiding sessions revoke env:DATABASE --subject ada --keys file:session.key --yes
  abiding sessions revoke env:DATABASE --idle-for 7d --yes

Ends with 1 if nothing was ended, a dry run included.")]
pub(crate) struct Args {
    #[command(flatten)]
    meant: Meant,
    /// The session with this handle, or with the only one that begins so; may be given more than once
    #[arg(long = "handle", value_name = "HANDLE", value_parser = parse_handle, help_heading = "Which sessions", display_order = 0)]
    handles: Vec<String>,
    /// Do it, and not only say what would happen
    #[arg(long)]
    yes: bool,
}

/// What came of it.
#[derive(Default)]
struct Done {
    meant: usize,
    ended: usize,
}

impl Args {
    pub(super) fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        if self.handles.is_empty() != self.meant.select.is_given() {
            return Err(Failure::usage(
                "say which sessions: either `--handle HANDLE`, or by `--subject`, `--older-than`, `--idle-for` and their like",
            ));
        }
        let (place, done) = run(async {
            let there = self.meant.open().await?;
            let mut done = Done::default();
            for handle in &self.handles {
                self.end_one(output, &there, handle, &mut done).await?;
            }
            if self.handles.is_empty() {
                let mut walk = Walk::over(&there)?;
                while let Some(page) = walk.page(PAGE).await? {
                    for met in page {
                        self.end(output, &there, &met.found, &mut done).await?;
                    }
                }
                self.end_what_is_under_way(&there).await?;
            }
            Ok((there.place, done))
        })?;
        let Done { meant, ended } = done;
        if output.is_json() {
            output
                .object(&json!({"store": place.url.to_string(), "meant": meant, "ended": ended}))?;
        } else if self.yes {
            output.line(format!("ended {ended} of {meant}"))?;
        } else {
            output.line(format!("would end {meant}"))?;
            if meant > 0 {
                output.note("nothing was changed: add --yes to do it");
            }
        }
        Ok(if ended > 0 {
            Exit::Fine
        } else {
            Exit::Findings
        })
    }

    async fn end_one(
        &self,
        output: &mut Output,
        at: &There<'_>,
        handle: &str,
        done: &mut Done,
    ) -> Result<(), Failure> {
        let found = at.place.find(handle, at.now).await?;
        match &found[..] {
            [found] => self.end(output, at, found, done).await,
            [] => {
                output.note(format!("there is no session {handle}"));
                Ok(())
            }
            _ => Err(Failure::usage(format!(
                "several sessions begin with {handle}: give more of the handle"
            ))),
        }
    }

    async fn end(
        &self,
        output: &mut Output,
        at: &There<'_>,
        found: &Found,
        done: &mut Done,
    ) -> Result<(), Failure> {
        done.meant += 1;
        if self.yes {
            let ended = at.place.end(found, at.inspector.as_ref(), at.now).await?;
            done.ended += usize::from(ended);
        } else if done.meant <= SHOWN && !output.is_json() {
            output.line(at.place.handle(&found.key))?;
        } else if done.meant == SHOWN + 1 && !output.is_json() {
            output.line("…")?;
        }
        Ok(())
    }

    /// What is left of a person beside the sessions: snapshots of old ids, which show a page and sign nobody in.
    async fn end_what_is_under_way(&self, at: &There<'_>) -> Result<(), Failure> {
        let given = (&at.select.subject, &at.inspector, self.yes);
        let (Some(subject), Some(inspector), true) = given else {
            return Ok(());
        };
        if at.place.is_flask() || !at.select.is_by_name_alone() {
            return Ok(());
        }
        for key in inspector.subject_keys(subject, at.now) {
            at.place.store.end_subject(&key, None, at.now).await?;
        }
        Ok(())
    }
}

/// How many handles a dry run shows.
const SHOWN: usize = 10;
