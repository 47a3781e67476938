//! Lines from the standard input or a file, many at a time, worked on by several threads, answered in order.
//!
//! Memory stays bounded however long the input is.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    num::NonZero,
    path::{Path, PathBuf},
    thread,
};

use crate::{
    exit::{Exit, Failure},
    output::Output,
};

/// Where lines come from.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InputArgs {
    /// A file with one of them a line; the standard input otherwise
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

impl InputArgs {
    fn path(&self) -> Option<&Path> {
        self.file.as_deref().filter(|path| *path != Path::new("-"))
    }

    pub(crate) fn is_stdin(&self) -> bool {
        self.path().is_none()
    }

    fn open(&self, output: &mut Output) -> Result<Box<dyn Read>, Failure> {
        match self.path() {
            Some(path) => {
                let file = File::open(path).map_err(|cause| {
                    let message = format!("the file {} cannot be read: {cause}", path.display());
                    Failure::new(Exit::Failed, message)
                })?;
                Ok(Box::new(file))
            }
            None => {
                if io::stdin().is_terminal() {
                    output.note("reading the standard input, one a line; Ctrl-D ends it");
                }
                Ok(Box::new(io::stdin().lock()))
            }
        }
    }

    /// Has `work` answer each line that is not empty, given its number from 1, and prints the answers in
    /// order. Answers what `work` counted, added up.
    pub(crate) fn each(
        &self,
        output: &mut Output,
        work: impl Fn(usize, &str, &mut Vec<u8>) -> Count + Sync,
    ) -> Result<Count, Failure> {
        let mut source = self.open(output)?;
        let threads = thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(8);
        let (mut batch, mut total, mut first) =
            (Vec::with_capacity(2 * BATCH), Count::default(), 1);
        loop {
            let read = source.by_ref().take(BATCH as u64).read_to_end(&mut batch)?;
            let whole = match batch.iter().rposition(|&byte| byte == b'\n') {
                _ if read == 0 => batch.len(),
                Some(end) => end + 1,
                None if batch.len() > LONGEST => {
                    let message = format!("line {first} is longer than any cookie can be");
                    return Err(Failure::new(Exit::Failed, message));
                }
                None => continue,
            };
            let text = std::str::from_utf8(&batch[..whole]).map_err(|_| {
                let message = format!("the lines from {first} on are not UTF-8 text");
                Failure::new(Exit::Failed, message)
            })?;
            let parts = split(text, threads);
            let answers = thread::scope(|scope| {
                let mut number = first;
                let mut running = Vec::new();
                for part in parts {
                    let (begin, work) = (number, &work);
                    number += part.lines().count();
                    running.push(scope.spawn(move || {
                        let (mut answer, mut count) =
                            (Vec::with_capacity(part.len() * 2), Count::default());
                        for (offset, line) in part.lines().enumerate() {
                            let line = line.trim();
                            if !line.is_empty() {
                                count.add(work(begin + offset, line, &mut answer));
                            }
                        }
                        (answer, count)
                    }));
                }
                first = number;
                // A thread that panicked has told so on stderr.
                running
                    .into_iter()
                    .map(|thread| thread.join().ok())
                    .collect::<Vec<_>>()
            });
            for answer in answers {
                let (answer, count) = answer
                    .ok_or_else(|| Failure::new(Exit::Failed, "a line could not be worked on"))?;
                output.raw(&answer)?;
                total.add(count);
            }
            batch.drain(..whole);
            if read == 0 {
                return Ok(total);
            }
        }
    }
}

/// How many lines were as they should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) good: usize,
    pub(crate) bad: usize,
}

impl Count {
    pub(crate) const GOOD: Self = Self { good: 1, bad: 0 };
    pub(crate) const BAD: Self = Self { good: 0, bad: 1 };

    fn add(&mut self, other: Self) {
        self.good += other.good;
        self.bad += other.bad;
    }

    /// Fine if there was something and nothing was wrong with it.
    pub(crate) fn exit(self, output: &mut Output) -> Exit {
        match self {
            Self { good: 0, bad: 0 } => {
                output.note("there was nothing to read");
                Exit::Findings
            }
            Self { bad: 0, .. } => Exit::Fine,
            _ => Exit::Findings,
        }
    }
}

/// The text in at most so many parts of whole lines, of about one length.
fn split(text: &str, parts: usize) -> Vec<&str> {
    let (mut rest, mut all) = (text, Vec::new());
    let length = (text.len() / parts).max(SMALL);
    while rest.len() > length {
        let Some(end) = rest.as_bytes()[length..]
            .iter()
            .position(|&byte| byte == b'\n')
        else {
            break;
        };
        let (part, more) = rest.split_at(length + end + 1);
        all.push(part);
        rest = more;
    }
    if !rest.is_empty() {
        all.push(rest);
    }
    all
}

const BATCH: usize = 1 << 20;
/// Less than this is not worth a thread.
const SMALL: usize = 16 * 1024;
const LONGEST: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_lines_and_together_the_text() {
        let text = "0123456789\n".repeat(10_000);
        for parts in [1, 2, 8] {
            let split = split(&text, parts);
            assert!(split.len() <= parts + 1 && !split.is_empty());
            assert!(split.iter().all(|part| part.ends_with('\n')));
            assert_eq!(split.concat(), text);
        }
        assert_eq!(split("a", 4), ["a"]);
        assert!(split("", 4).is_empty());
    }
}
