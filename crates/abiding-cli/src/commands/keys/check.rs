//! `abiding keys check`: whether the keys are there, can keep a secret, and are rotated as they should be.

use std::time::Duration;

use abiding::{KeyList, KeyStanding, Timestamp};
use serde_json::json;

use crate::{
    exit::{Exit, Failure},
    moment::{Now, length, parse_length, spelled},
    output::{Output, Tone},
    secrets::Source,
};

/// See whether the keys can be used, keep a secret, and are rotated as they should be
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Example:
  abiding keys check /etc/shop/session.key --lifetime 7d --rotated-every 90d

Ends with 4 where the application would not start (no keys, keys that others may read, that are short,
weak or known), and with 1 where something should be done about them.")]
pub(crate) struct Args {
    /// Where the keys are: a path, `env:NAME`, `fd:NUMBER` or `credential:NAME`
    #[arg(value_name = "SOURCE", value_parser = Source::parse)]
    source: Source,
    /// The longest that a session of the application lives: keys are looked for that can go
    #[arg(long, value_name = "LENGTH", value_parser = parse_length)]
    lifetime: Option<Duration>,
    /// How long one key should sign at most
    #[arg(long, value_name = "LENGTH", default_value = "180d", value_parser = parse_length)]
    rotated_every: Duration,
    #[command(flatten)]
    now: Now,
}

impl Args {
    pub(super) fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        let now = self.now.instant();
        let source = self.source.known()?;
        let mut list = source.read()?;
        let findings = self.findings(&mut list, now);
        if output.is_json() {
            output.object(&json!({"source": source.to_string(), "findings": findings}))?;
        } else if findings.is_empty() {
            let good = output.paint(Tone::Good, "fine");
            output.line(format!("{good}: {source} can be used"))?;
        }
        for finding in findings
            .iter()
            .filter(|_| !output.is_json())
            .collect::<Vec<_>>()
        {
            let bad = output.paint(Tone::Bad, "found");
            output.line(format!("{bad}: {finding}"))?;
        }
        Ok(if findings.is_empty() {
            Exit::Fine
        } else {
            Exit::Findings
        })
    }

    fn findings(&self, list: &mut KeyList, now: Timestamp) -> Vec<String> {
        let mut findings = Vec::new();
        for key in list.ring().usage_at(now) {
            let (id, from) = (key.id, key.from.filter(|from| from.as_millis() > 0));
            match (key.standing, from) {
                (KeyStanding::Waiting, Some(from)) if from.since(now) > SOON => findings.push(format!(
                    "the key {id} waits until {}: see that the clocks are right, or rotate anew",
                    spelled(from)
                )),
                (KeyStanding::Signing, Some(from)) if now.since(from) > self.rotated_every => {
                    let age = length(now.since(from));
                    findings.push(format!("the key {id} has signed for {age}: run `abiding keys rotate`"));
                }
                (KeyStanding::Signing, Some(from)) if from > now => findings.push(format!(
                    "the key {id} signs before its time, {}, since no other can: see that the clocks are right",
                    spelled(from)
                )),
                _ => {}
            }
        }
        if let Some(lifetime) = self.lifetime {
            for id in list.retire(lifetime, now) {
                findings.push(format!(
                    "the key {id} opens nothing that can live: run `abiding keys retire`"
                ));
            }
        }
        findings
    }
}

/// A rotation waits for minutes, or for a deployment.
const SOON: Duration = Duration::from_secs(24 * 60 * 60);
