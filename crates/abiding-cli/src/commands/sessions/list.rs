//! `abiding sessions list`: which sessions there are.

use abiding::{Timestamp, store::Cursor};

use super::{
    row,
    select::{Meant, Met, Walk, note_unreadable},
};
use crate::{
    exit::{Exit, Failure},
    moment::distance,
    output::{Output, Table, Tone},
    place::{PAGE, Place, run},
};

/// Show which sessions there are
///
/// What their store knows is shown: when they began, were last used and end, how large they are, and who is
/// signed in as a hash. With the keys the name of who is signed in, and which values there are.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  abiding sessions list sqlite:sessions.db --idle-for 2h
  abiding sessions list env:DATABASE --subject ada --keys file:session.key
  abiding sessions list redis://127.0.0.1/ --layout flask-session --json | jq .subject

To see more than the limit go on from where it says, or give `--limit 0` for all of them.")]
pub(crate) struct Args {
    #[command(flatten)]
    meant: Meant,
    /// How many at most, or a few more where a server answers in pages of its own; 0 is all
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: usize,
    /// Go on from this place, as the list before told it
    #[arg(long, value_name = "PLACE")]
    from: Option<String>,
    /// Show values as they are
    #[arg(long)]
    reveal: bool,
}

impl Args {
    pub(super) fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        let limit = if self.limit == 0 {
            usize::MAX
        } else {
            self.limit
        };
        run(async {
            let there = self.meant.open().await?;
            let (place, now) = (&there.place, there.now);
            let mut walk = Walk::over(&there)?.from(self.from.as_deref().map(Cursor::new));
            walk.opens = there.inspector.is_some() || place.is_flask();
            let (mut shown, mut table) = (0, Table::new(&HEAD).at_least(&WIDTHS));
            while shown < limit {
                let page = if place.store.powers().scan {
                    (limit - shown).min(PAGE)
                } else {
                    PAGE
                };
                let Some(met) = walk.page(page).await? else {
                    break;
                };
                shown += met.len();
                if output.is_json() {
                    for met in &met {
                        output.object(&row::object(place, met, self.reveal))?;
                    }
                } else {
                    met.iter().for_each(|met| table.row(cells(place, met, now)));
                    if shown > 0 {
                        table.flush(output)?;
                    }
                }
            }
            if let Some(next) = walk.next_place() {
                output.note(format!(
                    "there may be more: go on with `--from {}`",
                    next.as_str()
                ));
            }
            note_unreadable(output, walk.unreadable);
            if shown == 0 && !output.is_json() {
                output.note("no session");
            }
            Ok(Exit::Fine)
        })
    }
}

const HEAD: [&str; 6] = ["HANDLE", "BEGAN", "USED", "ENDS", "SIZE", "SUBJECT"];
const WIDTHS: [usize; 6] = [24, 12, 12, 12, 8, 0];

fn cells(place: &Place, met: &Met, now: Timestamp) -> [(Tone, String); 6] {
    let record = &met.found.record;
    let plain = |text: String| (Tone::Plain, text);
    [
        plain(place.handle(&met.found.key)),
        plain(distance(record.created, now)),
        plain(distance(record.seen, now)),
        plain(distance(record.deadline(), now)),
        plain(row::bytes(record.payload.len())),
        plain(row::subject(met).unwrap_or_default()),
    ]
}
