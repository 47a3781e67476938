//! `abiding store`: the store itself: made, brought up to date, looked at.

use abiding::{Clock as _, Store as _, SystemClock, store::AnyStore};
use abiding_stores::StoreUrl;
use serde_json::json;

use crate::{
    exit::{Exit, Failure},
    output::{Output, Table, Tone},
    place::{UrlArgs, run},
};

/// What can be done with a store.
#[derive(Debug, clap::Subcommand)]
#[command(after_long_help = "\
Examples:
  abiding store init sqlite:///var/lib/shop/sessions.db
  DATABASE=postgres://shop:…@db/shop abiding store check env:DATABASE")]
pub(crate) enum Command {
    /// Look whether the store can be used, and what it promises
    ///
    /// Nothing is made. Ends with 1 where it promises less than sessions should have: a server that may
    /// drop living ones, or that forgets what it acknowledged.
    Check(UrlArgs),
    /// Go back to the schema of an older release
    Downgrade(UrlArgs),
    /// Make the store: the file, the folder, the tables
    ///
    /// What is there already stays as it is. Where a database administrator makes tables, the role of the
    /// application needs `grants.sql` alone: see docs/stores.md.
    Init(UrlArgs),
    /// Bring the store to the schema of this release
    Upgrade(UrlArgs),
}

impl Command {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        let (Self::Check(url) | Self::Downgrade(url) | Self::Init(url) | Self::Upgrade(url)) =
            &self;
        let url = url.read()?;
        match self {
            Self::Check(_) => check(output, &url),
            Self::Downgrade(_) => downgrade(output, &url),
            Self::Init(_) => {
                open(&url, false)?;
                said(output, &url, "init", "is there and can be used")
            }
            Self::Upgrade(_) => {
                open(&url, true)?;
                open(&url, false)?;
                said(output, &url, "upgrade", "has the schema of this release")
            }
        }
    }
}

/// Opens the store, and makes it unless it has to be there.
fn open(url: &StoreUrl, existing: bool) -> Result<AnyStore, Failure> {
    run(async {
        Ok(if existing {
            url.open_existing().await?
        } else {
            url.open().await?
        })
    })
}

fn said(output: &mut Output, url: &StoreUrl, command: &str, what: &str) -> Result<Exit, Failure> {
    let schema = url.kind().schema;
    if output.is_json() {
        output.object(&json!({"store": url.to_string(), "command": command, "schema": schema}))?;
        return Ok(Exit::Fine);
    }
    match schema {
        Some(version) => output.line(format!("{url} {what} (schema {version})"))?,
        None => output.line(format!(
            "{url} has no schema: there is nothing to make or to change; it can be used"
        ))?,
    }
    Ok(Exit::Fine)
}

fn downgrade(output: &mut Output, url: &StoreUrl) -> Result<Exit, Failure> {
    let Some(schema) = url.kind().schema else {
        return said(output, url, "downgrade", "");
    };
    Err(Failure::new(
        Exit::Findings,
        format!(
            "there is no older schema than {schema} for {url}: every release so far has it, so any of them can be run as it is"
        ),
    ))
}

fn check(output: &mut Output, url: &StoreUrl) -> Result<Exit, Failure> {
    let (store, trip) = run(async {
        let store = url.open_existing().await?;
        let begin = SystemClock.now();
        // Nothing lies there: any answer will do.
        store
            .load(
                &abiding::StoreKey::from_bytes([0; abiding::StoreKey::LEN]),
                begin,
            )
            .await?;
        Ok((store, SystemClock.now().since(begin)))
    })?;
    let (told, powers) = (store.capabilities(), store.powers());
    let mut findings = Vec::new();
    if told.evicts {
        findings.push("it may drop living sessions to make room: set its policy so that it refuses writes instead");
    }
    if !told.durable {
        findings.push("what it acknowledged may be lost: have it flush every write to disk, or keep sessions there that may be lost");
    }
    if output.is_json() {
        output.object(&json!({
            "store": url.to_string(),
            "kind": told.name,
            "schema": url.kind().schema,
            "durable": told.durable,
            "shared": told.shared,
            "evicts": told.evicts,
            "powers": {"walk": powers.walk, "scan": powers.scan, "subjects": powers.subjects, "sweep": powers.sweep, "watch": powers.watch},
            "read_milliseconds": u64::try_from(trip.as_millis()).unwrap_or(u64::MAX),
            "findings": findings,
        }))?;
    } else {
        let yes = |is_so: bool| if is_so { "yes" } else { "no" }.to_owned();
        let schema = url
            .kind()
            .schema
            .map_or_else(|| "none".to_owned(), |version| version.to_string());
        let mut table = Table::new(&["STORE", &url.to_string()]);
        for (name, value) in [
            ("kind", url.kind().title.to_owned()),
            ("schema", schema),
            ("a write survives", url.kind().facts.survives.to_owned()),
            ("durable as it is set", yes(told.durable)),
            ("drops living sessions", yes(told.evicts)),
            (
                "shared by processes",
                url.kind().facts.processes.to_string(),
            ),
            ("walks over all", yes(powers.walk)),
            ("finds a person's", yes(powers.subjects)),
            ("tells who watches", yes(powers.watch)),
        ] {
            table.row([(Tone::Quiet, name.to_owned()), (Tone::Plain, value)]);
        }
        table.print(output)?;
        for finding in &findings {
            let found = output.paint(Tone::Bad, "found");
            output.line(format!("{found}: {finding}"))?;
        }
    }
    Ok(if findings.is_empty() {
        Exit::Fine
    } else {
        Exit::Findings
    })
}
