//! The one place that prints: data to stdout, talk to stderr, colour on a terminal alone.

use std::{
    error::Error as StdError,
    io::{self, BufWriter, IsTerminal, StdoutLock, Write},
    time::{Duration, Instant},
};

use clap::ValueEnum;
use serde::Serialize;

use crate::exit::{Exit, Failure};

/// Where a command says what it has to say.
#[derive(Debug)]
pub(crate) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    json: bool,
    colour: bool,
    /// The same for what goes to stderr.
    talk_colour: bool,
    /// When the last line of progress was written.
    told: Option<Instant>,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// Always
    Always,
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Never
    Never,
}

/// What a colour stands for. The text says the same without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Bad,
    Good,
    Head,
    Plain,
    Quiet,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Bad => "31",
            Self::Good => "32",
            Self::Head => "1",
            Self::Plain => "0",
            Self::Quiet => "2",
        }
    }
}

impl Output {
    pub(crate) fn new(json: bool, colour: Colour) -> Self {
        let on = |is_terminal: bool| match colour {
            Colour::Always => true,
            Colour::Auto => is_terminal && !no_colour(),
            Colour::Never => false,
        };
        Self {
            out: BufWriter::with_capacity(1 << 16, io::stdout().lock()),
            json,
            colour: on(io::stdout().is_terminal()),
            talk_colour: on(io::stderr().is_terminal()),
            told: Some(instant()),
        }
    }

    /// Whether somebody asked for JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// One line of data for people.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        self.out.write_all(text.as_ref().as_bytes())?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// Data as it is.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.out.write_all(bytes)?)
    }

    /// One object of JSON on a line of its own.
    pub(crate) fn object(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.out, value).map_err(io::Error::from)?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// Text in its colour, for a line of data.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        paint(self.colour, tone, text)
    }

    /// Something to know that is not data.
    pub(crate) fn note(&mut self, text: impl AsRef<str>) {
        // In the order in which things happen. A closed stdout is told by the next line of data.
        let _ = self.out.flush();
        let _ = writeln!(io::stderr(), "{}", text.as_ref());
    }

    /// How far something came: on a terminal, in the place of what it said before; elsewhere a line now and then.
    pub(crate) fn progress(&mut self, text: &str) {
        if io::stderr().is_terminal() {
            let _ = write!(io::stderr(), "\r\u{1b}[K{text}");
        } else if self.told.is_none_or(|told| told.elapsed() > NOW_AND_THEN) {
            self.note(text);
            self.told = Some(instant());
        }
    }

    /// Says how far it came at last.
    pub(crate) fn end_progress(&mut self, text: &str) {
        let rewrites = if io::stderr().is_terminal() {
            "\r\u{1b}[K"
        } else {
            ""
        };
        self.note(format!("{rewrites}{text}"));
    }

    /// Sees that all of it is out.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        Ok(self.out.flush()?)
    }

    /// Says why the command ended, and answers with which code.
    pub(crate) fn fail(&mut self, failure: &Failure) -> Exit {
        if failure.unheard {
            return Exit::Fine;
        }
        let because = failure
            .source()
            .map(ToString::to_string)
            .filter(|text| !text.is_empty());
        let because = because.map(|text| format!("\n  because: {text}"));
        let head = paint(self.talk_colour, Tone::Bad, "abiding:");
        self.note(format!("{head} {failure}{}", because.unwrap_or_default()));
        failure.exit
    }
}

fn paint(colour: bool, tone: Tone, text: &str) -> String {
    if !colour || tone == Tone::Plain {
        return text.to_owned();
    }
    format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program asks how it may speak: https://no-color.org"
)]
fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program that tells how far it came"
)]
fn instant() -> Instant {
    Instant::now()
}

/// How often somebody who is not at a terminal is told how far it came.
const NOW_AND_THEN: Duration = Duration::from_secs(10);

/// A table for people: columns as wide as they have to be, the last one as it is.
#[derive(Debug)]
pub(crate) struct Table {
    /// How wide columns are at least.
    widths: Vec<usize>,
    rows: Vec<Vec<(Tone, String)>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        let cells = head.iter().map(|name| (Tone::Head, (*name).to_owned()));
        Self {
            widths: Vec::new(),
            rows: vec![cells.collect()],
        }
    }

    /// The same with columns at least so wide: for rows that are printed page by page.
    pub(crate) fn at_least(mut self, widths: &[usize]) -> Self {
        self.widths = widths.to_vec();
        self
    }

    /// Prints what it has, and forgets it.
    pub(crate) fn flush(&mut self, output: &mut Output) -> Result<(), Failure> {
        self.print(output)?;
        self.rows.clear();
        Ok(())
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = (Tone, String)>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn print(&self, output: &mut Output) -> Result<(), Failure> {
        let mut widths = self.widths.clone();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, (_, cell)) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &self.rows {
            let last = row.len().saturating_sub(1);
            let mut line = String::new();
            for (number, ((tone, cell), width)) in row.iter().zip(&widths).enumerate() {
                line += &output.paint(*tone, cell);
                if number < last {
                    line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
                }
            }
            output.line(line.trim_end())?;
        }
        Ok(())
    }
}
