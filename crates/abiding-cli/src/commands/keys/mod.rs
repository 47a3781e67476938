//! `abiding keys`: the list of keys of an application, made, looked at and changed.
//!
//! What may stand in it is `abiding::KeyList`'s, how it is written (0600, a whole file in the place of the
//! old one) `abiding_stores::keys`'. A key itself is never printed.

mod check;
mod list;

use std::{path::PathBuf, time::Duration};

use abiding::KeyId;
use abiding_stores::keys::{KeyError, KeyFile};
use serde_json::json;

use crate::{
    exit::{Exit, Failure},
    moment::{Now, parse_length, spelled},
    output::Output,
};

/// What can be done with keys.
#[derive(Debug, clap::Subcommand)]
#[command(after_long_help = "\
How to change keys without signing anybody out:
  abiding keys rotate /etc/shop/session.key      every process knows the new key, none signs with it yet
  … five minutes later it signs everywhere; what the old key made stays good …
  abiding keys retire /etc/shop/session.key --lifetime 7d      when no session of the old key can live")]
pub(crate) enum Command {
    Check(check::Args),
    List(list::Args),
    New(New),
    Retire(Retire),
    Revoke(Revoke),
    Rotate(Rotate),
}

impl Command {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::Check(args) => args.run(output),
            Self::List(args) => args.run(output),
            Self::New(args) => args.run(output),
            Self::Retire(args) => args.run(output),
            Self::Revoke(args) => args.run(output),
            Self::Rotate(args) => args.run(output),
        }
    }
}

/// The file that is to be changed.
#[derive(Debug, clap::Args)]
struct FileArgs {
    /// The key file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl FileArgs {
    fn file(&self) -> KeyFile {
        KeyFile::new(&self.file)
    }
}

/// Make a key file with one fresh key, for its owner alone to read
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Example:
  abiding keys new /etc/shop/session.key

A file that is there is left alone. Give every process of the application the same file.")]
pub(crate) struct New {
    #[command(flatten)]
    file: FileArgs,
}

impl New {
    fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        let file = self.file.file();
        match file.read() {
            Err(KeyError::Missing { .. }) => {}
            _ => {
                let path = file.path().display();
                return Err(Failure::new(
                    Exit::Keys,
                    format!(
                        "there is something at {path} already, and a new key would sign everybody out: \
                             run `abiding keys rotate {path}`, or name another file"
                    ),
                ));
            }
        }
        let ids = file.load_or_create()?.ids();
        let id = ids.first().map(ToString::to_string).unwrap_or_default();
        if output.is_json() {
            output.object(&json!({"id": id, "file": file.path()}))?;
        } else {
            output.line(format!("the key {id} is in {}", file.path().display()))?;
        }
        Ok(Exit::Fine)
    }
}

/// Add a fresh key that signs after a while, so that every process knows it before anybody uses it
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Example:
  abiding keys rotate /etc/shop/session.key --lead 10m

Nobody is signed out, as long as every process looks at the file (or has it deployed) within the lead.")]
pub(crate) struct Rotate {
    #[command(flatten)]
    file: FileArgs,
    /// How long the key waits before it signs: longer than the slowest process takes to follow
    #[arg(long, value_name = "LENGTH", default_value = "5m", value_parser = parse_length)]
    lead: Duration,
    #[command(flatten)]
    now: Now,
}

impl Rotate {
    fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        let now = self.now.instant();
        let id = self.file.file().rotate(self.lead, now)?.to_string();
        let from = spelled(now.after(self.lead));
        if output.is_json() {
            output.object(&json!({"id": id, "from": from}))?;
        } else {
            output.line(format!(
                "the key {id} is in the file, and signs from {from} on"
            ))?;
        }
        Ok(Exit::Fine)
    }
}

/// Remove the keys whose every session is over
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Example:
  abiding keys retire /etc/shop/session.key --lifetime 7d

Run it with every rotation. Nobody is signed out: a key stays until nothing it made can live.")]
pub(crate) struct Retire {
    #[command(flatten)]
    file: FileArgs,
    /// The longest that a session of the application lives
    #[arg(long, value_name = "LENGTH", value_parser = parse_length)]
    lifetime: Duration,
    #[command(flatten)]
    now: Now,
}

impl Retire {
    fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        let retired = self.file.file().retire(self.lifetime, self.now.instant())?;
        let retired: Vec<_> = retired.iter().map(ToString::to_string).collect();
        if output.is_json() {
            output.object(&json!({"retired": retired}))?;
        } else if retired.is_empty() {
            output.line("no key can go yet")?;
        } else {
            output.line(format!("removed: {}", retired.join(", ")))?;
        }
        Ok(Exit::Fine)
    }
}

/// Withdraw a key that somebody else may have: whoever rests on it is signed out
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Example:
  abiding keys revoke /etc/shop/session.key 4cd8f49e          says what would happen
  abiding keys revoke /etc/shop/session.key 4cd8f49e --yes    does it

If no other key could sign, a fresh one takes its place at once.")]
pub(crate) struct Revoke {
    #[command(flatten)]
    file: FileArgs,
    /// The id of the key, as `abiding keys list` shows it
    #[arg(value_name = "ID", value_parser = parse_id)]
    id: KeyId,
    /// Do it, and not only say what would happen
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    now: Now,
}

impl Revoke {
    fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        let (file, now) = (self.file.file(), self.now.instant());
        let ring = file.load()?;
        if !ring.ids().contains(&self.id) {
            let path = file.path().display();
            return Err(Failure::new(
                Exit::Keys,
                format!(
                    "there is no key {} in {path}: `abiding keys list {path}` shows those that are",
                    self.id
                ),
            ));
        }
        let signs = ring.signer_at(now) == self.id;
        if self.yes {
            file.revoke(self.id, now)?;
        }
        if output.is_json() {
            output.object(
                &json!({"id": self.id.to_string(), "signing": signs, "revoked": self.yes}),
            )?;
        } else if self.yes {
            output.line(format!(
                "the key {} is revoked, as soon as each process has looked at the file",
                self.id
            ))?;
        } else {
            let whom = if signs {
                "it signs at the moment: everybody who signed in lately"
            } else {
                "whoever rests on it"
            };
            output.line(format!(
                "would revoke the key {}; {whom} is signed out",
                self.id
            ))?;
            output.note("nothing was changed: add --yes to do it");
        }
        Ok(if self.yes { Exit::Fine } else { Exit::Findings })
    }
}

fn parse_id(text: &str) -> Result<KeyId, &'static str> {
    let wrong = |_| "an id has eight hexadecimal digits: copy it from `abiding keys list`";
    text.parse().map_err(wrong)
}
