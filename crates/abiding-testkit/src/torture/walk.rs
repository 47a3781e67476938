//! A random walk: everybody does anything to a few sessions at once, and what must be true in any order is.
//!
//! The histories of [`walk`](crate::walk) know the order of everything and check more; here the processes are real
//! ones, so the rules are those that need no order: an acknowledged write is there unless its session was ended, a
//! number is what was acknowledged, no half of a write is seen, nothing answers once its end was acknowledged,
//! and nobody's session is gone that nobody ended.

use std::collections::BTreeSet;

use abiding::{ErrorKind, Result, Session};

use super::{
    Count, Plan,
    browser::{Browser, MARK, is_over},
    orders::{Hand, NUMBER},
};
use crate::{
    process::{Process, ask_all},
    random::Random,
};

/// What one process, or all of them, know of one session.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    /// Writes that were acknowledged.
    writes: BTreeSet<String>,
    /// Increments that were acknowledged.
    counted: u64,
    /// Increments whose fate is not known.
    doubtful: u64,
    /// Its end was acknowledged.
    ended: bool,
    /// An end whose fate is not known.
    perhaps_ended: bool,
    /// Cookies that lead there, or did.
    cookies: BTreeSet<String>,
    /// What must not have been.
    broken: Vec<String>,
}

#[derive(Clone, Copy)]
enum Act {
    Count,
    End,
    Look,
    Renew,
    Revoke,
    Sweep,
    Write,
}

const ACTS: [(usize, Act); 7] = [
    (120, Act::Count),
    (1, Act::End),
    (120, Act::Look),
    (24, Act::Renew),
    (1, Act::Revoke),
    (12, Act::Sweep),
    (120, Act::Write),
];

/// One process's part: so many requests to these sessions. Answers a report for each.
pub(super) async fn act(hand: &Hand<'_>, seed: usize, requests: usize, cookies: &[&str]) -> String {
    let mut random = Random::new(seed as u64);
    let mut all: Vec<_> = cookies
        .iter()
        .map(|cookie| (Browser::new(hand.manager, Some(cookie)), Report::default()))
        .collect();
    for request in 0..requests {
        let at = random.below(all.len());
        let (browser, report) = &mut all[at];
        let Some(cookie) = &browser.cookie else {
            continue;
        };
        report.cookies.insert(cookie.clone());
        match random.weighted(&ACTS) {
            Act::Count => count(browser, report).await,
            Act::End => end(browser, report).await,
            Act::Look => look(browser, report).await,
            Act::Renew => renew(browser).await,
            Act::Revoke => {
                let ended = hand.manager.end_subject(&format!("walk{at}")).await;
                match ended.map_err(|error| error.kind()) {
                    Ok(_) => report.ended = true,
                    Err(ErrorKind::Unsupported) => {}
                    Err(_) => report.perhaps_ended = true,
                }
            }
            // One that fails may be repeated.
            Act::Sweep => drop(hand.manager.sweep(16).await),
            Act::Write => {
                let name = format!("w{seed}.{request}");
                // Every other one knows nothing of the session that it writes to.
                write(browser, report, name, request % 2 == 0).await;
            }
        }
    }
    let lines = all.into_iter().map(|(browser, mut report)| {
        report.cookies.extend(browser.cookie);
        report.to_line()
    });
    lines.collect::<Vec<_>>().join("|")
}

async fn is_marked(session: &Session) -> Result<bool> {
    Ok(session.get::<String>(MARK).await?.is_some())
}

async fn count(browser: &mut Browser<'_>, report: &mut Report) {
    let counted = browser.request(async |session| {
        if !is_marked(session).await? {
            return Ok(0);
        }
        let count = session.update(NUMBER, |n: Option<u64>| n.unwrap_or(0) + 1);
        count.await.map(|_| 1)
    });
    match counted.await {
        Ok(counted) => report.counted += counted,
        refused if is_over(&refused) => {}
        Err(_) => report.doubtful += 1,
    }
}

async fn end(browser: &mut Browser<'_>, report: &mut Report) {
    // A cookie whose grace is over ends nothing.
    let ended = browser.request(async |session| {
        let lives = is_marked(session).await?;
        session.logout();
        Ok(lives)
    });
    match ended.await {
        Ok(lived) => report.ended |= lived,
        Err(_) => report.perhaps_ended = true,
    }
}

async fn look(browser: &mut Browser<'_>, report: &mut Report) {
    let seen = browser.insist(async |session| {
        let lives = is_marked(session).await?;
        Ok(lives.then_some(session.keys().await?))
    });
    match seen.await {
        Err(error) => report
            .broken
            .push(format!("a session cannot be read: {error}")),
        Ok(None) => {}
        Ok(Some(_)) if report.ended => report.broken.push("a session answers after its end".into()),
        Ok(Some(keys)) => report.judge(&keys),
    }
}

async fn renew(browser: &mut Browser<'_>) {
    let renewed = browser.request(async |session| {
        if is_marked(session).await? {
            session.renew();
        }
        Ok(())
    });
    // Refused or not: either cookie leads to the session.
    drop(renewed.await);
}

async fn write(browser: &mut Browser<'_>, report: &mut Report, name: String, looks: bool) {
    let written = browser.request(async |session| {
        if looks && !is_marked(session).await? {
            return Ok(false);
        }
        for half in halves(&name) {
            session.insert(&half, &1)?;
        }
        Ok(true)
    });
    if let Ok(true) = written.await {
        report.writes.insert(name);
    }
}

fn halves(write: &str) -> [String; 2] {
    [format!("{write}.a"), format!("{write}.b")]
}

impl Report {
    /// What the keys of a living session must be: each acknowledged write, and no half of any.
    fn judge(&mut self, keys: &[String]) {
        let keys: BTreeSet<_> = keys.iter().map(String::as_str).collect();
        let all: BTreeSet<_> = keys
            .iter()
            .filter_map(|key| key.strip_suffix(".a"))
            .collect();
        let others: BTreeSet<_> = keys
            .iter()
            .filter_map(|key| key.strip_suffix(".b"))
            .collect();
        if all != others {
            self.broken.push("half of a write is there".into());
        }
        let lost = self
            .writes
            .iter()
            .filter(|write| !all.contains(write.as_str()));
        let lost: Vec<_> = lost
            .map(|write| format!("{write} was acknowledged and is lost"))
            .collect();
        self.broken.extend(lost);
    }

    fn to_line(&self) -> String {
        let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(",");
        let broken = self.broken.join(",").replace([';', '|', '\n'], " ");
        format!(
            "{};{};{};{};{};{};{broken}",
            list(&self.writes),
            self.counted,
            self.doubtful,
            self.ended,
            self.perhaps_ended,
            list(&self.cookies),
        )
    }

    /// Adds what another process knows.
    fn add(&mut self, line: &str) {
        let words = |text: &str| {
            let words = text.split(',').filter(|word| !word.is_empty());
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        let [
            writes,
            counted,
            doubtful,
            ended,
            perhaps_ended,
            cookies,
            broken,
        ] = line.split(';').collect::<Vec<_>>()[..]
        else {
            panic!("{line:?} is no report");
        };
        self.writes.extend(words(writes));
        self.counted += counted.parse::<u64>().unwrap_or(0);
        self.doubtful += doubtful.parse::<u64>().unwrap_or(0);
        self.ended |= ended == "true";
        self.perhaps_ended |= perhaps_ended == "true";
        self.cookies.extend(words(cookies));
        self.broken.extend(words(broken));
    }

    /// When all is quiet: `seen` is what each cookie leads to, `None` for nothing.
    fn conclude(&mut self, seen: &[Option<(u64, Vec<String>)>]) {
        let mut living = seen.iter().flatten();
        let Some((number, keys)) = living.next() else {
            if !self.ended && !self.perhaps_ended {
                self.broken
                    .push("a session is gone that nobody ended".into());
            }
            return;
        };
        if self.ended {
            self.broken.push("a session answers after its end".into());
            return;
        }
        if living.any(|(other, others)| other != number || others != keys) {
            self.broken
                .push("two cookies of a session lead to two sessions".into());
        }
        if !(self.counted..=self.counted + self.doubtful).contains(number) {
            let (counted, doubtful) = (self.counted, self.doubtful);
            let what = format!("{counted} increments and {doubtful} doubtful ones make {number}");
            self.broken.push(what);
        }
        self.judge(keys);
    }
}

/// Rounds of so many sessions, until there were as many requests as planned.
pub(super) fn lead(processes: &mut [Process], plan: &Plan) -> (Count, Vec<String>) {
    let (mut requests, mut broken) = (0, vec![]);
    let count = processes.len();
    for round in 0.. {
        if requests >= plan.requests {
            break;
        }
        let cookies = processes[0].ask(&format!("begin {SESSIONS} walk"));
        let answers = ask_all(processes, |number| {
            let seed = round * count + number;
            format!("walk {seed} {EACH} {cookies}")
        });
        requests += count * EACH;
        for session in 0..SESSIONS {
            let mut report = Report::default();
            for answer in &answers {
                report.add(answer.split('|').nth(session).unwrap_or_default());
            }
            let cookies = report.cookies.iter();
            let seen: Vec<_> = cookies
                .map(|cookie| contents(&processes[0].ask(&format!("contents {cookie}"))))
                .collect();
            report.conclude(&seen);
            broken.extend(report.broken);
        }
    }
    (Count::new(broken.len(), requests), broken)
}

/// The number and the keys of a living session.
fn contents(answer: &str) -> Option<(u64, Vec<String>)> {
    let mut words = answer.split(' ');
    let number = words.next()?.parse().ok()?;
    Some((number, words.map(str::to_owned).collect()))
}

const SESSIONS: usize = 8;
/// How many requests each process sends in a round: well within the grace that old cookies have.
const EACH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    /// The report of a session after two writes and three increments, and what is broken once this is seen.
    fn broken(change: impl FnOnce(&mut Report), seen: &[Option<(u64, &[&str])>]) -> Vec<String> {
        let mut report = Report {
            writes: ["w1".into(), "w2".into()].into(),
            counted: 3,
            ..Report::default()
        };
        change(&mut report);
        let mut sum = Report::default();
        sum.add(&report.to_line());
        assert_eq!(
            sum, report,
            "a report that was written is not the one that is read"
        );
        let own = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
        let seen: Vec<_> = seen
            .iter()
            .map(|seen| seen.map(|(number, keys)| (number, own(keys))))
            .collect();
        sum.conclude(&seen);
        sum.broken
    }

    #[test]
    fn each_broken_promise_is_noticed() {
        let (whole, none): (&[&str], _) = (&["mark", "w1.a", "w1.b", "w2.a", "w2.b"], None);
        let good = Some((3, whole));
        assert_eq!(broken(|_| {}, &[none, good, good]), [""; 0]);
        assert_eq!(broken(|report| report.ended = true, &[none]), [""; 0]);
        assert_eq!(
            broken(|report| report.doubtful = 1, &[Some((4, whole))]),
            [""; 0]
        );
        assert_eq!(
            broken(|_| {}, &[none]),
            ["a session is gone that nobody ended"]
        );
        assert_eq!(
            broken(|report| report.ended = true, &[good]),
            ["a session answers after its end"]
        );
        assert_eq!(
            broken(|_| {}, &[Some((2, whole))]),
            ["3 increments and 0 doubtful ones make 2"]
        );
        assert_eq!(
            broken(|_| {}, &[Some((3, &whole[..3]))]),
            ["w2 was acknowledged and is lost"]
        );
        assert_eq!(
            broken(|_| {}, &[Some((3, &[whole, &["w9.a"]].concat()))]),
            ["half of a write is there"]
        );
        assert_eq!(
            broken(|_| {}, &[good, Some((3, &whole[1..]))]),
            ["two cookies of a session lead to two sessions"]
        );
    }
}
