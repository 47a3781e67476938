//! `abiding doctor`: what is wrong with how an application keeps its sessions. The judgement is `abiding-doctor`'s.

use std::{
    fs,
    path::{Path, PathBuf},
};

use abiding_doctor::{Facts, Report, Severity, Silences, examine};
use abiding_stores::catalogue::STORES;

use crate::{
    exit::{Exit, Failure},
    moment::Now,
    output::Output,
    place::{UrlArgs, run},
};

/// Find what is wrong with how an application keeps its sessions
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  What the settings of an application really do:
    abiding doctor .

  What a visitor gets, tried with the secrets that everybody knows:
    abiding doctor https://shop.example.com/login

  Its store, by the variable that holds the URL, and the code along with it:
    abiding doctor . env:SESSION_URL

  For a code host, which shows it beside the lines:
    abiding doctor --sarif . > doctor.sarif

Nothing of what is read is executed, and no secret that is found is printed. What the project has decided
to live with stands in `abiding-doctor.toml`, each with its reason. Ends with 0 if there is nothing worse than
a note, with 1 for warnings and with 7 for errors.")]
pub(crate) struct Doctor {
    /// The source tree of the application, or one file of it; the URL of one of its pages; or its
    /// store: a URL such as `redis://cache/0`, `env:NAME`, or `@PATH`
    #[arg(value_name = "PLACE", required = true)]
    places: Vec<String>,
    /// Answer as a SARIF 2.1.0 log
    #[arg(long, conflicts_with = "json")]
    sarif: bool,
    /// The list of silences, in place of `abiding-doctor.toml` in the tree
    #[arg(long, value_name = "FILE")]
    silences: Option<PathBuf>,
    /// Trust the certificates in this PEM file, and no others, where a page is asked over https
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Do not search the history of the tree's repository for secrets that were committed once
    #[arg(long)]
    no_history: bool,
    #[command(flatten)]
    now: Now,
}

impl Doctor {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, Failure> {
        let silences = self.silences()?;
        let now = self.now.instant().as_millis().div_euclid(1_000);
        let mut facts = Facts::default().at(now);
        for place in &self.places {
            facts = facts.merge(self.look(place)?);
        }
        let report = examine(&facts, &silences);
        let text = match (self.sarif, output.is_json()) {
            (true, _) => report.to_sarif(),
            (false, true) => report.to_json(),
            (false, false) => report.to_string(),
        };
        output.raw(text.as_bytes())?;
        Ok(exit(&report))
    }

    fn look(&self, place: &str) -> Result<Facts, Failure> {
        if place.starts_with("https://") || place.starts_with("http://") {
            return run(async { Ok(Facts::of_url_trusting(place, self.ca.as_deref()).await?) });
        }
        if is_store(place) {
            let url = UrlArgs::of(place).read()?;
            return run(async { Ok(Facts::of_store(&url).await) });
        }
        let tree = Path::new(place);
        let facts = Facts::of_tree(tree)?;
        Ok(match self.no_history {
            true => facts,
            false => facts.merge(Facts::of_history(tree)),
        })
    }

    fn silences(&self) -> Result<Silences, Failure> {
        if let Some(path) = &self.silences {
            return read(path);
        }
        // The list is in the root of the tree, if one is looked at.
        let trees = self.places.iter().map(Path::new);
        let lists = trees.map(|tree| tree.join(Silences::FILE));
        lists
            .filter(|list| list.is_file())
            .map(|list| read(&list))
            .next()
            .unwrap_or_else(|| Ok(Silences::default()))
    }
}

fn read(path: &Path) -> Result<Silences, Failure> {
    let text = fs::read_to_string(path);
    let text = text.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    Ok(Silences::parse(&text)?)
}

/// Whether this names a store, or where its URL is; anything else without slashes behind a colon is a path.
fn is_store(place: &str) -> bool {
    let mut schemes = STORES.iter().flat_map(|kind| kind.schemes);
    let begins = |name: &str| {
        place
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(':'))
    };
    place.starts_with("env:")
        || place.starts_with('@')
        || place.contains("://")
        || schemes.any(|scheme| begins(scheme.name))
}

fn exit(report: &Report) -> Exit {
    match report.worst() {
        None | Some(Severity::Note) => Exit::Fine,
        Some(Severity::Warning) => Exit::Findings,
        Some(_) => Exit::Errors,
    }
}

impl From<abiding_doctor::Error> for Failure {
    fn from(error: abiding_doctor::Error) -> Self {
        Self::usage(error.to_string())
    }
}
