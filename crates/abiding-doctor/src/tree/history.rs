//! Facts of a repository's history: settings that were committed once, wherever they are now.
//!
//! Asked of the `git` program, which reads repositories of every layout. Its plumbing alone is called, and with no
//! protocol allowed, so that nothing is fetched and nothing runs that the repository's configuration names.
//! Bounded by commits and by bytes; what was left out, and a `git` that is not there, is told among the sources.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    io::{self, BufRead, BufReader, Read, Write},
    path::Path,
    process::{ChildStdout, Command, Stdio},
    thread,
};

use crate::facts::{Facts, Past};

/// So many commits are looked at, the newest.
const MOST_COMMITS: usize = 10_000;
/// So much of files is looked through, the newest first.
const MOST_BYTES: u64 = 64 << 20;

impl Facts {
    /// The facts of the history of the repository that `root` lies in, as far as they are of files below it.
    /// None where there is no repository. Why a history could not be read stands among the report's sources.
    pub fn of_history(root: &Path) -> Self {
        Self::of_newest(root, MOST_COMMITS, MOST_BYTES)
    }

    pub(crate) fn of_newest(root: &Path, commits: usize, bytes: u64) -> Self {
        let Ok(root) = root.canonicalize() else {
            return Self::default();
        };
        let (folder, only) = match root.is_dir() {
            true => (root.as_path(), None),
            false => (root.parent().unwrap_or(&root), root.file_name()),
        };
        if !super::is_repository(folder) {
            return Self::default();
        }
        let git = Git { folder };
        let only = only.map(|name| name.to_string_lossy().into_owned());
        let (history, told) = match git.history(only.as_deref(), commits, bytes) {
            Ok((history, told)) => (history, format!("its history ({told})")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (
                Vec::new(),
                "not its history: git is not installed".to_owned(),
            ),
            Err(error) => (Vec::new(), format!("not its history: {error}")),
        };
        Self {
            sources: vec![told],
            history,
            ..Self::default()
        }
    }
}

/// A file as one commit made it.
struct Version {
    commit: String,
    blob: String,
    /// From the folder that is looked at.
    path: String,
}

struct Git<'a> {
    folder: &'a Path,
}

impl Git<'_> {
    fn history(
        &self,
        only: Option<&str>,
        most_commits: usize,
        most_bytes: u64,
    ) -> io::Result<(Vec<Past>, String)> {
        let (prefix, is_shallow) = self.about()?;
        let (commits, more) = self.commits(most_commits)?;
        let mut versions = self.versions(&commits, &prefix, only)?;
        versions.reverse();
        let (history, whole) = self.settings(&versions, most_bytes)?;
        let count = commits.lines().count();
        let mut told = match (count, more) {
            (1, false) => "1 commit".to_owned(),
            (count, false) => format!("{count} commits"),
            (count, true) => format!("the newest {count} commits, and no older ones"),
        };
        if is_shallow {
            told += ", and no older ones: the clone is shallow";
        }
        if !whole {
            told += &format!(", the newest {} MiB of their files", most_bytes >> 20);
        }
        Ok((history, told))
    }

    /// Where in its repository the folder is, and whether older commits were left out of the clone.
    fn about(&self) -> io::Result<(String, bool)> {
        let mut command = self.command(&["rev-parse", "--show-prefix", "--is-shallow-repository"]);
        let output = command.stderr(Stdio::piped()).output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(
                said.lines().next().unwrap_or("git").to_owned(),
            ));
        }
        let said = String::from_utf8_lossy(&output.stdout);
        let mut lines = said.lines();
        let prefix = lines.next().unwrap_or_default().to_owned();
        Ok((prefix, lines.next() == Some("true")))
    }

    /// The newest commits of all branches and tags, a line each, the oldest first; and whether there are more.
    fn commits(&self, most: usize) -> io::Result<(String, bool)> {
        let limit = format!("--max-count={}", most + 1);
        let all = self.ask(
            &["rev-list", "--all", "--reverse", &limit],
            "",
            |mut answer| {
                let mut all = String::new();
                answer.read_to_string(&mut all).map(|_| all)
            },
        )?;
        match all.split_once('\n') {
            Some((_, newer)) if all.lines().count() > most => Ok((newer.to_owned(), true)),
            _ => Ok((all, false)),
        }
    }

    /// Every version of a file that may set something, each once, by the first commit that has it.
    fn versions(
        &self,
        commits: &str,
        prefix: &str,
        only: Option<&str>,
    ) -> io::Result<Vec<Version>> {
        let diff = [
            "diff-tree",
            "--stdin",
            "--root",
            "-c",
            "-r",
            "-z",
            "--raw",
            "--no-abbrev",
            "--no-renames",
        ];
        self.ask(&diff, commits, |answer| {
            let (mut commit, mut versions, mut seen) = (String::new(), Vec::new(), HashSet::new());
            let mut words = answer.split(0);
            while let Some(word) = words.next().transpose()? {
                let word = String::from_utf8_lossy(&word).into_owned();
                let Some(blob) = blob(&word) else {
                    commit = word;
                    continue;
                };
                let Some(path) = words.next().transpose()? else {
                    break;
                };
                let path = String::from_utf8_lossy(&path);
                let below = path.strip_prefix(prefix);
                let wanted =
                    below.filter(|path| only.is_none_or(|only| only == *path) && may_set(path));
                if let (Some(path), Some(blob)) = (wanted, blob)
                    && seen.insert((path.to_owned(), blob.to_owned()))
                {
                    versions.push(Version {
                        commit: commit.clone(),
                        blob: blob.to_owned(),
                        path: path.to_owned(),
                    });
                }
            }
            Ok(versions)
        })
    }

    /// What the versions set, and whether all of them were looked through.
    fn settings(&self, versions: &[Version], most: u64) -> io::Result<(Vec<Past>, bool)> {
        let blobs: String = versions
            .iter()
            .map(|version| format!("{}\n", version.blob))
            .collect();
        self.ask(&["cat-file", "--batch"], &blobs, |mut answer| {
            let (mut history, mut lines, mut read) = (Vec::new(), Lines::default(), 0);
            for version in versions {
                let mut head = String::new();
                answer.read_line(&mut head)?;
                // `<name> missing`, in a clone that leaves blobs to its remote.
                let Some(size) = head
                    .trim_end()
                    .rsplit(' ')
                    .next()
                    .and_then(|size| size.parse::<u64>().ok())
                else {
                    continue;
                };
                read += size;
                if read > most {
                    return Ok((history, false));
                }
                let mut text = Vec::new();
                answer.by_ref().take(size + 1).read_to_end(&mut text)?;
                text.truncate(text.len().saturating_sub(1));
                if size <= super::MOST_BYTES && lines.has_new(&text) {
                    let text = String::from_utf8_lossy(&text);
                    let facts = super::read_text(Path::new(&version.path), &text, false);
                    let settings = facts.into_iter().flat_map(|facts| facts.settings);
                    history.extend(settings.map(|setting| Past {
                        setting,
                        commit: version.commit.chars().take(10).collect(),
                    }));
                }
            }
            Ok((history, true))
        })
    }

    /// Writes to a command of git, and has `read` read its answer, to the end or as far as it likes.
    fn ask<T>(
        &self,
        arguments: &[&str],
        input: &str,
        read: impl FnOnce(BufReader<ChildStdout>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let answer = thread::scope(|scope| {
            // It answers before it has heard everything. When it ends early, its answer tells.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
            let stdout = stdout.ok_or_else(|| io::Error::other("git has no output"))?;
            read(BufReader::with_capacity(1 << 16, stdout))
        });
        // Without a code it was ended by a signal: its answer was not wanted to the end.
        match child.wait()?.code() {
            None | Some(0) => answer,
            Some(code) => {
                let command = arguments.first().unwrap_or(&"");
                Err(io::Error::other(format!("git {command} ended with {code}")))
            }
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(self.folder)
            .args(["--no-replace-objects", "-c", "protocol.allow=never"])
            .args(arguments)
            .env("GIT_NO_LAZY_FETCH", "1")
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        // A hook has them in its environment, for the repository that it is run by.
        for name in [
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_OBJECT_DIRECTORY",
            "GIT_COMMON_DIR",
            "GIT_PREFIX",
        ] {
            command.env_remove(name);
        }
        command
    }
}

/// The blob that a change made: nothing for a word that is no change, none for one that made no file.
///
/// `:100644 100644 <old> <new> M`, and with one more colon, mode and name for each further parent of a merge.
fn blob(change: &str) -> Option<Option<&str>> {
    let parents = change.len() - change.trim_start_matches(':').len();
    if parents == 0 {
        return None;
    }
    let words: Vec<_> = change[parents..].split(' ').collect();
    let (mode, blob) = (words.get(parents), words.get(2 * parents + 1));
    let is_file = mode.is_some_and(|mode| mode.starts_with("100"));
    Some(blob.copied().filter(|_| is_file))
}

/// Whether a file of this name may set something, and is the project's own.
fn may_set(path: &str) -> bool {
    let mut folders = path.split('/');
    folders.next_back();
    super::kind(Path::new(path)).is_some_and(super::Kind::has_settings)
        && !folders.any(|folder| super::SKIPPED.contains(&folder))
}

/// The lines that were seen and may hold a secret. A version without a new one is not parsed: most of them.
#[derive(Default)]
struct Lines {
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl Lines {
    fn has_new(&mut self, text: &[u8]) -> bool {
        let lines = text
            .split(|byte| *byte == b'\n')
            .filter(|line| may_matter(line));
        // Each of them is to be remembered, also behind the first that is new.
        lines.fold(false, |new, line| {
            self.seen.insert(self.hasher.hash_one(line)) | new
        })
    }
}

/// Whether the line names a secret or a URL, or has a word with digits in it that is long enough for one.
fn may_matter(line: &[u8]) -> bool {
    let names: [&[u8]; 7] = [
        b"SECRET",
        b"secret_key",
        b"PASSW",
        b"TOKEN",
        b"_KEY",
        b"_URL",
        b"_URI",
    ];
    let is_long = |word: &[u8]| word.len() >= 16 && word.iter().any(u8::is_ascii_digit);
    names
        .iter()
        .any(|name| memchr::memmem::find(line, name).is_some())
        || line.split(|byte| b" \t\"'".contains(byte)).any(is_long)
}

#[cfg(test)]
mod tests {
    use abiding_testkit::servers::{Folder, Need};

    use super::*;

    #[test]
    fn a_change_names_the_blob_that_it_made() {
        let (old, new) = ("1".repeat(40), "2".repeat(40));
        for (change, made) in [
            (format!(":100644 100755 {old} {new} M"), Some(Some(&new))),
            (
                format!("::100644 100644 100644 {old} {old} {new} MM"),
                Some(Some(&new)),
            ),
            (
                format!(":100644 000000 {old} {} D", "0".repeat(40)),
                Some(None),
            ),
            (
                format!(":000000 120000 {} {new} A", "0".repeat(40)),
                Some(None),
            ),
            (new.clone(), None),
        ] {
            assert_eq!(
                blob(&change),
                made.map(|made| made.map(String::as_str)),
                "{change}"
            );
        }
    }

    #[test]
    fn what_is_beyond_the_bounds_is_told() {
        let Some(git) = Need::new("git", &["git"], "git").find() else {
            return;
        };
        let folder = Folder::new("bounds");
        let run = |arguments: &[&str]| {
            let mut command = Command::new(git);
            let named = ["-c", "user.name=shop", "-c", "user.email=shop@example.com"];
            command
                .arg("-C")
                .arg(folder.path())
                .args(named)
                .args(arguments);
            assert!(command.output().unwrap().status.success(), "{arguments:?}");
        };
        run(&["init"]);
        for number in ["1", "2", "3"] {
            let text = format!("SECRET_KEY={number}\n").repeat(100_000);
            std::fs::write(folder.file(".env"), text).unwrap();
            run(&["add", "--all"]);
            run(&["commit", "--no-gpg-sign", "--message", number]);
        }
        for (commits, bytes, told) in [
            (3, MOST_BYTES, "its history (3 commits)"),
            (
                2,
                MOST_BYTES,
                "its history (the newest 2 commits, and no older ones)",
            ),
            (
                3,
                2 << 20,
                "its history (3 commits, the newest 2 MiB of their files)",
            ),
        ] {
            let facts = Facts::of_newest(folder.path(), commits, bytes);
            assert_eq!(facts.sources, [told]);
        }
    }

    #[test]
    fn a_version_with_no_new_line_that_may_matter_is_not_parsed() {
        let mut lines = Lines::default();
        for (text, new) in [
            ("import flask\nSECRET_KEY = KEY\n", true),
            ("import flask, os\nSECRET_KEY = KEY\nx = 1\n", false),
            ("KEY = 'a8s7d6f5g4h3j2k1l0'\nSECRET_KEY = KEY\n", true),
            ("SECRET_KEY = KEY\nTOKEN = KEY", true),
        ] {
            assert_eq!(lines.has_new(text.as_bytes()), new, "{text}");
        }
    }
}
