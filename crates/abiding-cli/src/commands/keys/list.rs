//! `abiding keys list`: which keys there are, and what each is good for.

use abiding::KeyStanding;
use serde_json::json;

use crate::{
    exit::{Exit, Failure},
    moment::{Now, distance, spelled},
    output::{Output, Table, Tone},
    secrets::Source,
};

/// Show which keys there are, and what each is good for
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Example:
  abiding keys list /etc/shop/session.key

The ids are public: they stand in every cookie. The keys themselves are never shown.")]
pub(crate) struct Args {
    /// Where the keys are: a path, `env:NAME`, `fd:NUMBER` or `credential:NAME`
    #[arg(value_name = "SOURCE", value_parser = Source::parse)]
    source: Source,
    #[command(flatten)]
    now: Now,
}

impl Args {
    pub(super) fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        let now = self.now.instant();
        let keys = self.source.known()?.load()?.usage_at(now);
        if output.is_json() {
            for key in keys {
                let from = key.from.map(spelled);
                output.object(&json!({
                    "id": key.id.to_string(),
                    "standing": standing(key.standing).0,
                    "from": from,
                }))?;
            }
            return Ok(Exit::Fine);
        }
        let mut table = Table::new(&["KEY", "STANDING", "SIGNS FROM"]);
        for key in keys {
            let (name, tone) = standing(key.standing);
            let from = match key.from {
                Some(from) if from.as_millis() > 0 => {
                    format!("{} ({})", spelled(from), distance(from, now))
                }
                Some(_) => "since ever".to_owned(),
                None => String::new(),
            };
            table.row([
                (Tone::Plain, key.id.to_string()),
                (tone, name.to_owned()),
                (Tone::Plain, from),
            ]);
        }
        table.print(output)?;
        Ok(Exit::Fine)
    }
}

fn standing(standing: KeyStanding) -> (&'static str, Tone) {
    match standing {
        KeyStanding::Retired => ("retired", Tone::Quiet),
        KeyStanding::Revoked => ("revoked", Tone::Bad),
        KeyStanding::Signing => ("signing", Tone::Good),
        KeyStanding::Verifying => ("verifying", Tone::Plain),
        KeyStanding::Waiting => ("waiting", Tone::Plain),
        _ => ("unknown", Tone::Plain),
    }
}
