//! One person with one browser, who goes on whatever is deployed.

use std::collections::{BTreeMap, BTreeSet};

use super::line::{Answer, Wire};
use crate::{crossing::End, jar::Jar, random::Random};

pub(super) struct Visitor {
    number: usize,
    tabs: usize,
    random: Random,
    /// No version is ever written again.
    version: u64,
    person: Person,
    ended: Vec<Ended>,
    /// What led to where the person is.
    log: Vec<String>,
}

/// What must be there.
#[derive(Default)]
struct Person {
    jar: Jar,
    is_signed_in: bool,
    fields: BTreeMap<String, Field>,
    counted: u64,
    counts_in_doubt: u64,
    flashed: BTreeSet<String>,
    flashes_in_doubt: BTreeSet<String>,
}

/// The version that is in it, and those that may be.
#[derive(Default)]
struct Field {
    held: Option<u64>,
    in_doubt: Vec<Option<u64>>,
}

/// The cookies of a session that was signed out, for as long as somebody knows.
struct Ended {
    jar: Jar,
    /// Which place some node knew alone at that time.
    alone: Option<End>,
    is_old: bool,
}

#[derive(Clone, Debug)]
enum Act {
    Count,
    Flash(String),
    Look,
    Put(String, u64),
    ReadAndPut(String, u64),
    Remove(String),
    Renew,
}

impl Act {
    fn path(&self, visitor: usize) -> String {
        match self {
            Self::Count => "/count".into(),
            Self::Flash(message) => format!("/flash/{message}"),
            Self::Look => format!("/look/{visitor}"),
            Self::Put(key, version) => format!("/put/{visitor}/{key}/{version}"),
            Self::ReadAndPut(key, version) => format!("/read-and-put/{visitor}/{key}/{version}"),
            Self::Remove(key) => format!("/remove/{key}"),
            Self::Renew => "/renew".into(),
        }
    }
}

impl Person {
    fn take(&mut self, answer: &Answer) {
        for cookie in &answer.cookies {
            self.jar.take(cookie);
        }
    }

    /// What was acknowledged.
    fn did(&mut self, act: Act) {
        match act {
            Act::Count => self.counted += 1,
            Act::Flash(message) => drop(self.flashed.insert(message)),
            Act::Look | Act::Renew => {}
            Act::Put(key, version) | Act::ReadAndPut(key, version) => {
                self.fields.entry(key).or_default().held = Some(version);
            }
            Act::Remove(key) => self.fields.entry(key).or_default().held = None,
        }
    }

    /// What nobody knows of.
    fn may_have_done(&mut self, act: Act) {
        let mut doubt = |key: String, version| {
            let field = self.fields.entry(key).or_default();
            field.in_doubt.push(version);
        };
        match act {
            Act::Count => self.counts_in_doubt += 1,
            Act::Flash(message) => drop(self.flashes_in_doubt.insert(message)),
            Act::Look | Act::Renew => {}
            Act::Put(key, version) | Act::ReadAndPut(key, version) => doubt(key, Some(version)),
            Act::Remove(key) => doubt(key, None),
        }
    }

    fn is_in_doubt(&self) -> bool {
        let fields = self.fields.values();
        self.counts_in_doubt > 0 || fields.into_iter().any(|field| !field.in_doubt.is_empty())
    }

    /// Holds what a page shows against what must be there.
    fn check(&mut self, seen: &Seen<'_>, name: &str) -> Result<(), String> {
        if seen.standing != "Live" {
            return Err(format!("is logged out: {}", seen.standing));
        }
        let subject = if self.is_signed_in { name } else { "" };
        if seen.subject != subject {
            return Err(format!("is {:?}, not {subject:?}", seen.subject));
        }
        let (least, most) = (self.counted, self.counted + self.counts_in_doubt);
        if !(least..=most).contains(&seen.count) {
            return Err(format!("counted to {}, not {least}..={most}", seen.count));
        }
        (self.counted, self.counts_in_doubt) = (seen.count, most - seen.count);
        if let Some(strange) = seen
            .fields
            .keys()
            .find(|key| !self.fields.contains_key(**key))
        {
            return Err(format!("{strange} was never written"));
        }
        for (key, field) in &mut self.fields {
            let found = match seen.fields.get(key.as_str()) {
                None => None,
                Some(Some(version)) => Some(*version),
                Some(None) => return Err(format!("{key} is not what was written")),
            };
            if found != field.held && !field.in_doubt.contains(&found) {
                let Field { held, in_doubt } = field;
                return Err(format!(
                    "{key} is {found:?}, not {held:?}, in doubt {in_doubt:?}"
                ));
            }
            // What is there once stays there.
            field.held = found;
        }
        Ok(())
    }

    /// Nothing is on its way any more.
    fn settle(&mut self) {
        self.counts_in_doubt = 0;
        for field in self.fields.values_mut() {
            field.in_doubt.clear();
        }
    }
}

/// What a look shows.
struct Seen<'a> {
    standing: &'a str,
    subject: &'a str,
    count: u64,
    /// None is another value than the visitor's.
    fields: BTreeMap<&'a str, Option<u64>>,
}

impl<'a> Seen<'a> {
    fn of(answer: &'a Answer) -> Result<Self, String> {
        let mut lines = answer.body.lines();
        let (Some(standing), Some(subject), Some(count), 200) =
            (lines.next(), lines.next(), lines.next(), answer.status)
        else {
            return Err(format!("a look was answered {}", answer.status));
        };
        let fields = lines.filter_map(|line| line.split_once('='));
        Ok(Self {
            standing,
            subject,
            count: count.parse().map_err(|_| "the count is no number")?,
            fields: fields
                .map(|(key, version)| (key, version.parse().ok()))
                .collect(),
        })
    }
}

impl Visitor {
    pub(super) fn new(number: usize, tabs: usize, random: Random) -> Self {
        Self {
            number,
            tabs,
            random,
            version: 0,
            person: Person::default(),
            ended: vec![],
            log: vec![],
        }
    }

    /// What was broken, and what led to it.
    fn told(&mut self, wire: &mut Wire<'_>, done: Result<(), String>) -> Result<(), String> {
        self.log.append(&mut wire.log);
        let last = self.log.len().saturating_sub(60);
        self.log.drain(..last);
        done.map_err(|broken| {
            let log = self.log.join("\n  ");
            format!("visitor {}: {broken}\n  {log}", self.number)
        })
    }

    /// What the person does next, and whether all is as it must be afterwards, on both nodes.
    pub(super) fn step(&mut self, wire: &mut Wire<'_>) -> Result<(), String> {
        let mut act = || {
            match self.random.below(14) {
                0 => self.sign_in(wire)?,
                1 if self.person.is_signed_in || self.random.below(3) == 0 => {
                    return self.sign_out(wire);
                }
                2 => self.take_flashes(wire)?,
                3 => self.crowd(wire, true)?,
                _ => self.crowd(wire, false)?,
            }
            self.look(wire)
        };
        let done = act();
        self.told(wire, done)
    }

    /// Between two phases: nothing is on its way, and old ids are good for nothing any more if time `has_passed`.
    pub(super) fn rest(
        &mut self,
        wire: &mut Wire<'_>,
        is_looking: bool,
        has_passed: bool,
    ) -> Result<(), String> {
        let mut rest = || {
            if is_looking || self.person.is_in_doubt() {
                self.look(wire)?;
                self.person.settle();
            }
            if !wire.knows {
                return Ok(());
            }
            for mut ended in std::mem::take(&mut self.ended) {
                // Everything at the end and at first, and now and then what was ended before.
                let is_due = !ended.is_old || is_looking || self.random.chance(20);
                // Shown to a node that knows both, it would be ended there.
                let is_left_to_the_pass = wire.awaits_pass && ended.alone == Some(End::New);
                if is_due && !is_left_to_the_pass {
                    self.is_gone(wire, &ended.jar, has_passed)?;
                }
                ended.is_old = true;
                self.ended.push(ended);
            }
            Ok(())
        };
        let rested: Result<(), String> = rest();
        self.told(wire, rested)
    }

    /// Several tabs at once, one of which may renew the id.
    fn crowd(&mut self, wire: &mut Wire<'_>, renews: bool) -> Result<(), String> {
        let mut acts: Vec<_> = if self.person.jar.is_empty() {
            // Of several first requests each would begin a session.
            vec![Act::Put("f0".into(), self.version())]
        } else {
            let tabs = 1 + self.random.below(self.tabs);
            let first = self.random.below(FIELDS);
            // Of two that write one field either may be the last.
            let fields = (0..tabs).map(|tab| format!("f{}", (first + tab) % FIELDS));
            fields.map(|field| self.act(field)).collect()
        };
        if renews && let Some(last) = acts.last_mut() {
            // The last: an answer with the cookie as it was and one that renews the id may cross on their way to one
            // browser, which no server can help. Here they do not.
            *last = Act::Renew;
        }
        let paths: Vec<_> = acts.iter().map(|act| act.path(self.number)).collect();
        let answers = wire.ask_all(&mut self.random, &paths, &self.person.jar);
        for (act, answer) in acts.into_iter().zip(answers) {
            let Some(answer) = answer else {
                if matches!(act, Act::Renew) {
                    return self.begin_anew(wire);
                }
                self.person.may_have_done(act);
                continue;
            };
            if answer.status != 200 {
                return Err(format!("{act:?} was answered {}", answer.status));
            }
            self.person.take(&answer);
            self.person.did(act);
        }
        if self.person.jar.is_empty() {
            // Whatever the first request began, nobody has its cookie.
            self.person = Person::default();
        }
        Ok(())
    }

    fn act(&mut self, key: String) -> Act {
        match self.random.below(16) {
            0..4 => Act::Count,
            4..9 => Act::Put(key, self.version()),
            9..12 => Act::ReadAndPut(key, self.version()),
            // What tells the cookies of visitors apart stays: Flask's own names nobody.
            12 if key != "f0" => Act::Remove(key),
            13 => Act::Flash(format!("m{}", self.version())),
            _ => Act::Look,
        }
    }

    fn version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    fn take_flashes(&mut self, wire: &mut Wire<'_>) -> Result<(), String> {
        if self.person.jar.is_empty() {
            return Ok(());
        }
        let node = self.random.below(2);
        let answer = wire.ask(node, "/flashes", &self.person.jar);
        let flashed = std::mem::take(&mut self.person.flashed);
        let Some(answer) = answer else {
            self.person.flashes_in_doubt.extend(flashed);
            return Ok(());
        };
        self.person.take(&answer);
        let shown: BTreeSet<_> = answer.body.split_whitespace().map(str::to_owned).collect();
        if let Some(lost) = flashed.difference(&shown).next() {
            return Err(format!("flash message {lost} is lost"));
        }
        let known = |message: &&String| {
            flashed.contains(*message) || self.person.flashes_in_doubt.contains(*message)
        };
        if let Some(strange) = shown.iter().find(|message| !known(message)) {
            return Err(format!("flash message {strange} was shown, or never sent"));
        }
        self.person
            .flashes_in_doubt
            .retain(|message| !shown.contains(message));
        Ok(())
    }

    fn name(&self) -> String {
        format!("person{}", self.number)
    }

    fn sign_in(&mut self, wire: &mut Wire<'_>) -> Result<(), String> {
        let path = format!("/sign-in/{}", self.name());
        self.renew(wire, &path)?;
        // Who got no answer began anew.
        self.person.is_signed_in = !self.person.jar.is_empty();
        wire.tally.sign_ins += usize::from(self.person.is_signed_in);
        Ok(())
    }

    /// What gives the browser another id.
    fn renew(&mut self, wire: &mut Wire<'_>, path: &str) -> Result<(), String> {
        let Some(answer) = wire.ask(self.random.below(2), path, &self.person.jar) else {
            return self.begin_anew(wire);
        };
        if answer.status != 200 {
            return Err(format!("{path} was answered {}", answer.status));
        }
        self.person.take(&answer);
        Ok(())
    }

    /// Who was about to get another id, and did not, holds one that is good for little: still nobody else's.
    fn begin_anew(&mut self, wire: &mut Wire<'_>) -> Result<(), String> {
        let path = Act::Look.path(self.number);
        let person = std::mem::take(&mut self.person);
        let answer = wire.insist(self.random.below(2), &path, &person.jar)?;
        let seen = Seen::of(&answer)?;
        if ![String::new(), self.name()].contains(&seen.subject.to_owned()) {
            return Err(format!("is {:?}", seen.subject));
        }
        if let Some(strange) = seen.fields.iter().find(|(_, version)| version.is_none()) {
            return Err(format!("{} is not what was written", strange.0));
        }
        Ok(())
    }

    /// Signs out while other tabs are under way, and comes back with every cookie there was.
    fn sign_out(&mut self, wire: &mut Wire<'_>) -> Result<(), String> {
        let kept = std::mem::take(&mut self.person).jar;
        let mut issued = vec![kept.clone()];
        let late = std::iter::repeat_n("/late".to_owned(), self.tabs - 1);
        let paths: Vec<_> = ["/sign-out".to_owned()].into_iter().chain(late).collect();
        let answers = wire.ask_all(&mut self.random, &paths, &kept);
        for (tab, answer) in answers.into_iter().enumerate() {
            match (tab, answer) {
                (0, answer) => {
                    let node = self.random.below(2);
                    let answer = answer.map_or_else(|| wire.insist(node, "/sign-out", &kept), Ok);
                    let status = answer?.status;
                    if status != 200 {
                        return Err(format!("a sign-out was answered {status}"));
                    }
                }
                (_, Some(answer)) if answer.status == 200 => {
                    let mut jar = kept.clone();
                    answer.cookies.iter().for_each(|cookie| jar.take(cookie));
                    issued.push(jar);
                }
                (_, Some(Answer { status: 409, .. }) | None) => {}
                (_, Some(answer)) => {
                    return Err(format!("a late request was answered {}", answer.status));
                }
            }
        }
        wire.tally.sign_outs += 1;
        if wire.knows {
            for jar in issued {
                self.is_gone(wire, &jar, false)?;
                self.ended.push(Ended {
                    jar,
                    alone: wire.alone,
                    is_old: false,
                });
            }
        }
        Ok(())
    }

    /// These cookies lead to nobody, on either node, and `at_all` to nothing but what was begun afterwards.
    fn is_gone(&self, wire: &mut Wire<'_>, jar: &Jar, at_all: bool) -> Result<(), String> {
        for node in 0..2 {
            let answer = wire.insist(node, &Act::Look.path(self.number), jar)?;
            wire.tally.shown_again += 1;
            let seen = Seen::of(&answer)?;
            let is_back = seen.fields.keys().any(|key| *key != "late") || seen.count > 0;
            if !seen.subject.is_empty() || (at_all && is_back) {
                let Seen {
                    standing, subject, ..
                } = seen;
                return Err(format!("signed out, and is back: {standing} {subject:?}"));
            }
        }
        Ok(())
    }

    /// Everything that was acknowledged is there, in a node and from there on in the other.
    fn look(&mut self, wire: &mut Wire<'_>) -> Result<(), String> {
        let first = self.random.below(2);
        for node in [first, 1 - first] {
            if self.person.jar.is_empty() {
                return Ok(());
            }
            let path = Act::Look.path(self.number);
            let answer = wire.insist(node, &path, &self.person.jar)?;
            self.person.take(&answer);
            let name = self.name();
            self.person.check(&Seen::of(&answer)?, &name)?;
        }
        Ok(())
    }
}

const FIELDS: usize = 6;
