//! `abiding sessions show`: one session.

use super::{
    row,
    select::{Met, inspector},
};
use crate::{
    exit::{Exit, Failure},
    moment::{Now, distance, spelled},
    output::{Output, Table, Tone},
    place::{PlaceArgs, parse_handle, run},
    secrets::KeyArgs,
};

/// Show one session, by its handle or the beginning of it
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  abiding sessions show sqlite:sessions.db 3fa09c --keys file:session.key
  abiding sessions show sqlite:sessions.db 3fa09c --keys file:session.key --reveal

The handle of whoever has a cookie: `abiding cookie decode --keys file:session.key`.
Ends with 1 if there is no such session (any more), or more than one.")]
pub(crate) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// The handle, or at least its first 6 digits
    #[arg(value_name = "HANDLE", value_parser = parse_handle)]
    handle: String,
    /// Show values as they are
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    now: Now,
}

impl Args {
    pub(super) fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        let (now, inspector) = (self.now.instant(), inspector(&self.keys)?);
        run(async {
            let place = self.place.open().await?;
            let mut found = place.find(&self.handle, now).await?;
            let Some(found) = found.pop().filter(|_| found.is_empty()) else {
                output.note(if found.is_empty() {
                    format!("there is no session {} in {}", self.handle, place.url)
                } else {
                    format!(
                        "several sessions begin with {}: give more of the handle",
                        self.handle
                    )
                });
                return Ok(Exit::Findings);
            };
            let content = place.content(&found, inspector.as_ref(), now)?;
            let met = Met { found, content };
            if output.is_json() {
                output.object(&row::object(&place, &met, self.reveal))?;
                return Ok(Exit::Fine);
            }
            let record = &met.found.record;
            let instant = |instant| format!("{} ({})", spelled(instant), distance(instant, now));
            let mut table = Table::new(&["SESSION", &place.handle(&met.found.key)]);
            let mut row = |name: &str, value: String| {
                table.row([(Tone::Quiet, name.to_owned()), (Tone::Plain, value)]);
            };
            row("began", instant(record.created));
            row("last used", instant(record.seen));
            row("ends if idle", instant(record.idle_deadline));
            row("ends", instant(record.absolute_deadline));
            row("size", row::bytes(record.payload.len()));
            row("changes", record.version.number().to_string());
            row(
                "subject",
                row::subject(&met).unwrap_or_else(|| "nobody".to_owned()),
            );
            if let Some(content) = &met.content {
                row("application", content.info.handle.clone());
                if let Some(device) = &content.info.device {
                    row("device", device.clone());
                }
                for (key, json) in &content.values {
                    let value = if self.reveal {
                        row::revealed(json)
                    } else {
                        row::masked(json)
                    };
                    row(&format!("  {key}"), value);
                }
            }
            table.print(output)?;
            match met.content {
                None => output.note("what it holds is sealed: give the keys to see more"),
                Some(_) if !self.reveal => {
                    output.note("values are masked: add --reveal to see them")
                }
                Some(_) => {}
            }
            Ok(Exit::Fine)
        })
    }
}
