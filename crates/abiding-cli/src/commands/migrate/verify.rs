//! `abiding migrate verify`: compares what lies in both places. Nothing moves.

use abiding::{Found, Timestamp, store::Store as _};
use serde::Serialize;

use super::{
    behind::{Act, left_behind},
    ends::{Ends, EndsArgs},
};
use crate::{
    exit::{Exit, Failure},
    output::{Output, Tone},
    place::{self, PAGE},
};

/// Compare both places, value by value; nothing moves
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    ends: EndsArgs,
}

/// What became of the sessions that the old place still shows.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Verdict {
    seen: u64,
    /// The same values lie in the new place.
    equal: u64,
    changed_since: u64,
    ended_since: u64,
    /// They are sessions of the old place still.
    not_moved: u64,
    unreadable: u64,
    /// Lie in the new place, by sessions that had gone from there and ended since.
    left_behind: u64,
}

impl Args {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        place::run(async {
            let ends = self.ends.open().await?;
            let (mut verdict, mut next) = (Verdict::default(), None);
            loop {
                let now = ends.now.instant();
                let page = ends.from.page(next.as_ref(), PAGE, now).await?;
                verdict.seen += (page.found.len() + page.unreadable) as u64;
                verdict.unreadable += page.unreadable as u64;
                for found in &page.found {
                    *compare(&ends, found, now, &mut verdict).await? += 1;
                }
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
            next = None;
            while ends.can_clear() {
                let now = ends.now.instant();
                let page = ends.to.page(next.as_ref(), PAGE, now).await?;
                let left = left_behind(&ends.manager, &page.found, PARALLEL, Act::Look).await?;
                verdict.left_behind += left;
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
            let is_good = verdict.not_moved + verdict.unreadable + verdict.left_behind == 0;
            if output.is_json() {
                output.object(&verdict)?;
            } else {
                verdict.show(is_good, output)?;
            }
            Ok(if is_good { Exit::Fine } else { Exit::Findings })
        })
    }
}

impl Verdict {
    fn show(&self, is_good: bool, output: &mut Output) -> Result<(), Failure> {
        for (count, what) in [
            (self.equal, "have the same values in the new place"),
            (self.changed_since, "were changed in the new place since"),
            (
                self.ended_since,
                "ended in the new place since, or took another id there",
            ),
            (self.not_moved, "have not moved"),
            (self.unreadable, "cannot be read, with these keys or at all"),
            (
                self.left_behind,
                "had gone from the new place before and ended since, and would come back there",
            ),
        ] {
            if count > 0 {
                output.line(format!("{count:>12}  {what}"))?;
            }
        }
        let end = if is_good {
            output.paint(Tone::Good, "nobody was left behind")
        } else {
            output.paint(Tone::Bad, "run `abiding migrate run` again")
        };
        output.line(format!("{:>12}  looked at: {end}", self.seen))
    }
}

/// How many are looked at side by side.
const PARALLEL: usize = 16;

/// Which number counts this session.
async fn compare<'a>(
    ends: &Ends,
    found: &Found,
    now: Timestamp,
    verdict: &'a mut Verdict,
) -> Result<&'a mut u64, Failure> {
    let Ok(Some(old)) = ends.from.content(found, Some(&ends.inspector), now) else {
        return Ok(&mut verdict.unreadable);
    };
    if !old.moved {
        return Ok(&mut verdict.not_moved);
    }
    let there = match ends.manager.counterpart(0, &found.key) {
        Some(key) => ends.to.store.load(&key, now).await?,
        None => None,
    };
    let new = match there {
        Some(there) => ends.to.content(&there, Some(&ends.inspector), now)?,
        None => None,
    };
    Ok(match new {
        None => &mut verdict.ended_since,
        Some(new) if new.values == old.values => &mut verdict.equal,
        Some(_) => &mut verdict.changed_since,
    })
}
