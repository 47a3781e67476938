//! Facts of a source tree: its files by their kinds, parsed and never executed.
//!
//! What `.gitignore` names is not looked at, but for `.env`, which is where secrets are. The walk is bounded:
//! by files, by the size of each, and by what they are called.

mod compose;
mod dotenv;
mod history;
mod keys;
mod lines;
mod packages;
mod python;
mod rust;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use ignore::WalkBuilder;

use crate::{
    error::Error,
    facts::{Facts, Layer, Scope},
};

/// So many files are looked at; a tree with more is not the source of one application.
const MOST_FILES: usize = 50_000;
/// Larger files were not written by hand.
const MOST_BYTES: u64 = 1 << 20;

impl Facts {
    /// The facts of the files under `root`, or of the one file that it is.
    ///
    /// # Errors
    /// A path that cannot be read. Files below it that cannot are left out.
    pub fn of_tree(root: &Path) -> Result<Self, Error> {
        let named = root.display();
        let unreadable = |error: std::io::Error| Error::new(format!("{named}: {error}"));
        let root = fs::canonicalize(root).map_err(unreadable)?;
        let base = if root.is_dir() {
            root.clone()
        } else {
            root.parent().map_or_else(PathBuf::new, Path::to_owned)
        };
        let files = files(&root);
        let mut facts = read_all(&base, &files);
        facts.is_repository = is_repository(&base);
        facts.sources = vec![match files.len() {
            1 => format!("{named} (1 file)"),
            files => format!("{named} ({files} files)"),
        }];
        Ok(facts)
    }
}

/// A file that is looked at.
struct File {
    path: PathBuf,
    ignored: bool,
}

/// What may be known from the name of a file.
#[derive(Clone, Copy)]
struct Named<'a> {
    place: &'a Arc<str>,
    scope: Scope,
    layer: Layer,
}

/// Whether it lies in a repository of git: what is not ignored there gets committed.
fn is_repository(folder: &Path) -> bool {
    folder
        .ancestors()
        .any(|folder| folder.join(".git").exists())
}

/// How a file is read.
#[derive(Clone, Copy)]
enum Kind {
    Compose,
    Dotenv,
    Keys,
    Lines,
    Pyproject,
    Python,
    Requirements,
    Rust,
}

impl Kind {
    fn read(self, facts: &mut Facts, named: Named<'_>, text: &str) {
        match self {
            Self::Compose => compose::read(facts, named, text),
            Self::Dotenv => dotenv::read(facts, named, text),
            Self::Keys => keys::read(facts, named, text),
            Self::Lines => lines::read(facts, named, text),
            Self::Pyproject => packages::read_pyproject(facts, named, text),
            Self::Python => python::read(facts, named, text),
            Self::Requirements => packages::read_requirements(facts, named, text),
            Self::Rust => rust::read(facts, named, text),
        }
    }

    /// Whether settings may stand in it.
    fn has_settings(self) -> bool {
        matches!(
            self,
            Self::Compose | Self::Dotenv | Self::Keys | Self::Python
        )
    }
}

/// In the order of their paths, so that a report is the same each time.
fn files(root: &Path) -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    let mut folders: Vec<PathBuf> = Vec::new();
    let mut walk = WalkBuilder::new(root);
    walk.hidden(false)
        .require_git(false)
        .follow_links(false)
        .max_filesize(Some(MOST_BYTES));
    walk.filter_entry(|entry| {
        let name = entry.file_name().to_string_lossy();
        !(entry.file_type().is_some_and(|kind| kind.is_dir()) && SKIPPED.contains(&&*name))
    });
    for entry in walk.build().filter_map(Result::ok) {
        let Some(of) = entry.file_type() else {
            continue;
        };
        if of.is_dir() {
            folders.push(entry.into_path());
        } else if of.is_file() && kind(entry.path()).is_some() && files.len() < MOST_FILES {
            files.push(File {
                path: entry.into_path(),
                ignored: false,
            });
        }
    }
    let mut hidden = Vec::new();
    for folder in folders {
        let path = folder.join(".env");
        if path.is_file() && !files.iter().any(|file| file.path == path) {
            hidden.push(File {
                path,
                ignored: true,
            });
        }
    }
    files.extend(hidden);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Folders of what other people wrote, or a program.
const SKIPPED: &[&str] = &[
    ".git",
    ".hg",
    ".mypy_cache",
    ".tox",
    ".venv",
    "__pycache__",
    "dist",
    "env",
    "node_modules",
    "site-packages",
    "target",
    "vendor",
    "venv",
];

fn read_all(base: &Path, files: &[File]) -> Facts {
    let workers = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(8);
    // Small shares, taken one after the other: what is in a folder may take longer than what is in the next.
    let (shares, next) = (files.chunks(SHARE).collect::<Vec<_>>(), AtomicUsize::new(0));
    let work = || {
        let take = || {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let read = shares.get(at)?.iter().filter_map(|file| read(base, file));
            Some((at, read.fold(Facts::default(), Facts::merge)))
        };
        std::iter::from_fn(take).collect::<Vec<_>>()
    };
    let mut parts: Vec<_> = thread::scope(|scope| {
        let parts: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        // A thread that died has no facts; the others' hold all the same.
        let parts = parts.into_iter().filter_map(|part| part.join().ok());
        parts.flatten().collect()
    });
    parts.sort_unstable_by_key(|(at, _)| *at);
    parts
        .into_iter()
        .fold(Facts::default(), |all, (_, part)| all.merge(part))
}

/// So many files a thread reads before it takes the next ones.
const SHARE: usize = 16;

fn read(base: &Path, file: &File) -> Option<Facts> {
    let place = file.path.strip_prefix(base).unwrap_or(&file.path);
    let text = fs::read(&file.path).ok()?;
    let text = String::from_utf8_lossy(&text);
    let mut facts = read_text(place, &text, file.ignored)?;
    // The sources of a tree are told once.
    facts.sources.clear();
    Some(facts)
}

/// The facts of one file, by its path and text.
fn read_text(path: &Path, text: &str, ignored: bool) -> Option<Facts> {
    let kind = kind(path)?;
    let place: Arc<str> = path.to_string_lossy().replace('\\', "/").into();
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let layer = match () {
        () if is_example(&name) => Layer::Example,
        () if is_dotenv(&name) => Layer::Environment { ignored },
        () if is_compose(&name) => Layer::Compose,
        () => Layer::Code,
    };
    let mut facts = Facts::default();
    let scope = scope(&place, &name);
    kind.read(
        &mut facts,
        Named {
            place: &place,
            scope,
            layer,
        },
        text,
    );
    Some(facts)
}

/// How a file is read, by its name.
fn kind(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if is_dotenv(&name) || is_example(&name) {
        return Some(Kind::Dotenv);
    }
    if is_compose(&name) {
        return Some(Kind::Compose);
    }
    let requirements = extension == "txt"
        && (name.contains("requirements")
            || path
                .parent()
                .is_some_and(|folder| folder.ends_with("requirements")));
    Some(match extension {
        _ if requirements => Kind::Requirements,
        _ if name == "pyproject.toml" || name == "pipfile" => Kind::Pyproject,
        "py" => Kind::Python,
        "rs" => Kind::Rust,
        "key" | "keys" => Kind::Keys,
        "md" | "rst" | "sh" | "bash" | "sql" => Kind::Lines,
        _ if name.starts_with("dockerfile") || name == "makefile" || name == "procfile" => {
            Kind::Lines
        }
        _ => return None,
    })
}

fn is_dotenv(name: &str) -> bool {
    name == ".env" || name == ".flaskenv" || name.starts_with(".env.") || name.ends_with(".env")
}

fn is_example(name: &str) -> bool {
    let example = ["example", "sample", "template", "dist"]
        .iter()
        .any(|word| name.contains(word));
    example && (name.starts_with(".env") || name.starts_with("env.") || name.ends_with(".env"))
}

fn is_compose(name: &str) -> bool {
    let yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    yaml && (name.contains("compose"))
}

/// Files of tests, and of development.
fn scope(place: &str, name: &str) -> Scope {
    let mut folders = place.split('/');
    let tested = folders.any(|folder| matches!(folder, "tests" | "test" | "testing"))
        || name.starts_with("test_")
        || name.ends_with("_test.py")
        || name == "conftest.py"
        || name == ".env.test"
        || name == ".env.testing";
    if tested {
        Scope::Testing
    } else if name.contains("dev") && (name.starts_with(".env") || name.contains("compose")) {
        Scope::Development
    } else {
        Scope::Any
    }
}
