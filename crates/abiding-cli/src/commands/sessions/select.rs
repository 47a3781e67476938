//! Which sessions a command is about, and the walk over them.

use std::{collections::HashSet, time::Duration};

use abiding::{
    Found, Timestamp,
    inspect::{Content, Inspector},
    store::{Cursor, Question, Subjects},
};

use crate::{
    exit::Failure,
    moment::{Now, parse_length},
    output::Output,
    place::{PAGE, Place, PlaceArgs},
    secrets::KeyArgs,
};

/// The sessions that a command is about: where they lie, which of them, by whose keys, and when.
#[derive(Debug, clap::Args)]
pub(super) struct Meant {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    pub(super) select: Select,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    now: Now,
}

/// The same, with the store opened and the keys read.
pub(super) struct There<'a> {
    pub(super) place: Place,
    pub(super) select: &'a Select,
    pub(super) inspector: Option<Inspector>,
    pub(super) now: Timestamp,
}

impl Meant {
    pub(super) async fn open(&self) -> Result<There<'_>, Failure> {
        let (now, inspector) = (self.now.instant(), inspector(&self.keys)?);
        Ok(There {
            place: self.place.open().await?,
            select: &self.select,
            inspector,
            now,
        })
    }
}

impl There<'_> {
    /// The question to a store that counts by itself; none where they have to be met one by one.
    pub(super) fn question(&self) -> Option<Question> {
        let question = self.select.question(self.now);
        question.filter(|_| self.place.counts())
    }
}

/// Says how many were left out.
pub(super) fn note_unreadable(output: &mut Output, unreadable: u64) {
    if unreadable > 0 {
        output.note(format!("left out, since they cannot be read: {unreadable}"));
    }
}

/// Which sessions. All conditions that are given have to hold.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Which sessions")]
pub(crate) struct Select {
    /// Those of this person; in a store of abiding that takes the keys
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: Option<String>,
    /// Begun at least so long ago
    #[arg(long, value_name = "LENGTH", value_parser = parse_length)]
    older_than: Option<Duration>,
    /// Begun at most so long ago
    #[arg(long, value_name = "LENGTH", value_parser = parse_length)]
    younger_than: Option<Duration>,
    /// Not used for at least so long
    #[arg(long, value_name = "LENGTH", value_parser = parse_length)]
    idle_for: Option<Duration>,
    /// Over within so long, unless they are used before
    #[arg(long, value_name = "LENGTH", value_parser = parse_length)]
    ends_within: Option<Duration>,
}

/// One session that is meant.
pub(super) struct Met {
    pub(super) found: Found,
    /// What it holds, where that can be told.
    pub(super) content: Option<Content>,
}

impl Select {
    /// Whether it says anything.
    pub(super) fn is_given(&self) -> bool {
        self.subject.is_some() || self.lengths().iter().any(Option::is_some)
    }

    /// Whether all sessions of somebody are meant.
    pub(super) fn is_by_name_alone(&self) -> bool {
        self.subject.is_some() && self.lengths().iter().all(Option::is_none)
    }

    fn lengths(&self) -> [Option<Duration>; 4] {
        [
            self.older_than,
            self.younger_than,
            self.idle_for,
            self.ends_within,
        ]
    }

    /// The same as a question to a store that counts by itself; none where it cannot tell whose a session is.
    fn question(&self, now: Timestamp) -> Option<Question> {
        if self.subject.is_some() {
            return None;
        }
        let mut question = Question::all();
        if let Some(least) = self.older_than {
            question.created_by = now.before(least);
        }
        if let Some(most) = self.younger_than {
            question.created_from = now.before(most);
        }
        if let Some(least) = self.idle_for {
            question.seen_by = now.before(least);
        }
        if let Some(most) = self.ends_within {
            question.ends_by = now.after(most);
        }
        Some(question)
    }

    fn admits(&self, found: &Found, now: Timestamp) -> bool {
        let record = &found.record;
        let (age, idle) = (now.since(record.created), now.since(record.seen));
        self.older_than.is_none_or(|least| age >= least)
            && self.younger_than.is_none_or(|most| age <= most)
            && self.idle_for.is_none_or(|least| idle >= least)
            && self
                .ends_within
                .is_none_or(|most| record.deadline() <= now.after(most))
    }
}

/// A walk over the sessions that are meant.
pub(super) struct Walk<'a> {
    pub(super) place: &'a Place,
    pub(super) select: &'a Select,
    pub(super) inspector: Option<&'a Inspector>,
    pub(super) now: Timestamp,
    /// Whether what they hold is wanted.
    pub(super) opens: bool,
    from: Option<Cursor>,
    is_over: bool,
    /// How many there were that cannot be read.
    pub(super) unreadable: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn over(there: &'a There<'a>) -> Result<Self, Failure> {
        let (place, select) = (&there.place, there.select);
        let inspector = there.inspector.as_ref();
        if select.subject.is_some() && inspector.is_none() && !place.is_flask() {
            return Err(Failure::usage(
                "a store of abiding knows people by a keyed hash alone: give the keys too, as in `--keys file:session.key`",
            ));
        }
        Ok(Self {
            place,
            select,
            inspector,
            now: there.now,
            opens: false,
            from: None,
            is_over: false,
            unreadable: 0,
        })
    }

    pub(super) fn from(mut self, place: Option<Cursor>) -> Self {
        self.from = place;
        self
    }

    /// Where the next page begins; none after the last one.
    pub(super) fn next_place(&self) -> Option<&Cursor> {
        self.from.as_ref().filter(|_| !self.is_over)
    }

    /// The next of them; none at the end. A page may be empty.
    pub(super) async fn page(&mut self, limit: usize) -> Result<Option<Vec<Met>>, Failure> {
        if self.is_over {
            return Ok(None);
        }
        let found = match (&self.select.subject, self.inspector) {
            (Some(subject), Some(inspector)) if !self.place.is_flask() => {
                self.is_over = true;
                let mut all = Vec::new();
                for key in inspector.subject_keys(subject, self.now) {
                    all.extend(self.place.store.of_subject(&key, self.now).await?);
                }
                all
            }
            _ => {
                let page = self.place.page(self.from.as_ref(), limit, self.now).await?;
                self.unreadable += page.unreadable as u64;
                self.is_over = page.next.is_none();
                self.from = page.next;
                page.found
            }
        };
        let mut met = Vec::with_capacity(found.len());
        // A walk may come by one session twice; most of the time that is within a page.
        let mut seen = HashSet::new();
        for found in found {
            if !self.select.admits(&found, self.now) || !seen.insert(found.key) {
                continue;
            }
            let by_name = self.place.is_flask() && self.select.subject.is_some();
            let mut content = None;
            if self.opens || by_name {
                match self.place.content(&found, self.inspector, self.now) {
                    Ok(opened) => content = opened,
                    Err(_) => {
                        self.unreadable += 1;
                        continue;
                    }
                }
            }
            if by_name && !self.is_of(content.as_ref()) {
                continue;
            }
            met.push(Met { found, content });
        }
        Ok(Some(met))
    }

    /// By what the library knows, or by what Flask-Login puts into a session.
    fn is_of(&self, content: Option<&Content>) -> bool {
        let (Some(content), Some(subject)) = (content, &self.select.subject) else {
            return false;
        };
        let spelt = [
            serde_json::Value::from(subject.as_str()).to_string(),
            subject.clone(),
        ];
        let said = content.values.iter().find(|(key, _)| key == "_user_id");
        content.info.subject.as_ref() == Some(subject)
            || said.is_some_and(|(_, value)| spelt.contains(value))
    }

    /// Every page.
    pub(super) async fn each(&mut self, mut look: impl FnMut(Met)) -> Result<(), Failure> {
        while let Some(page) = self.page(PAGE).await? {
            page.into_iter().for_each(&mut look);
        }
        Ok(())
    }
}

/// The keys of a command that may do without them.
pub(super) fn inspector(keys: &KeyArgs) -> Result<Option<Inspector>, Failure> {
    let read = keys.read(false)?;
    Ok(read.ring.map(|ring| Inspector::new(ring, &keys.realm, "")))
}
