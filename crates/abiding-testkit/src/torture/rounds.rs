//! What the parent has its processes do together, and counts.

use std::collections::BTreeSet;

use super::{Count, Plan};
use crate::process::{Process, ask_all};

/// The share of `all` of each of so many processes: where it begins, and how much it is.
fn share(all: usize, processes: usize, number: usize) -> (usize, usize) {
    let (from, to) = (all * number / processes, all * (number + 1) / processes);
    (from, to - from)
}

/// Everybody sets keys of their own in one session.
pub(super) fn updates(processes: &mut [Process], plan: &Plan) -> Count {
    let cookie = processes[0].ask("begin 1 updates");
    let count = processes.len();
    let answers = ask_all(processes, |number| {
        let (from, share) = share(plan.updates, count, number);
        format!("update {cookie} {from} {share}")
    });
    let acknowledged: BTreeSet<_> = answers
        .iter()
        .flat_map(|keys| keys.split_whitespace().map(|key| format!("k{key}")))
        .collect();
    let kept = processes[0].ask(&format!("keys {cookie}"));
    let kept: BTreeSet<_> = kept.split(' ').map(str::to_owned).collect();
    assert!(
        acknowledged.len() * 10 > plan.updates * 9,
        "hardly anything was acknowledged, which proves nothing"
    );
    Count::new(acknowledged.difference(&kept).count(), acknowledged.len())
}

/// Everybody counts up one number.
pub(super) fn increments(processes: &mut [Process], plan: &Plan) -> Count {
    let cookie = processes[0].ask("begin 1 increments");
    let count = processes.len();
    let answers = ask_all(processes, |number| {
        let (_, share) = share(plan.increments, count, number);
        format!("increment {cookie} {share}")
    });
    let (mut acknowledged, mut refused) = (0, 0);
    for answer in &answers {
        let (done, not) = answer.split_once(' ').unwrap_or_default();
        acknowledged += done.parse::<usize>().unwrap_or(0);
        refused += not.parse::<usize>().unwrap_or(0);
    }
    let told = processes[0].ask(&format!("number {cookie}"));
    let kept: usize = told.parse().unwrap_or(0);
    assert!(
        acknowledged * 10 > plan.increments * 9,
        "hardly anything was acknowledged, which proves nothing"
    );
    // One that was refused may have counted, as a whole; more than all of them is a number out of thin air.
    let wrong = acknowledged.saturating_sub(kept) + kept.saturating_sub(acknowledged + refused);
    Count::new(wrong, acknowledged)
}

/// One ends a session while the others write to it, some at the same moment, some after the end was acknowledged.
pub(super) fn ends(processes: &mut [Process], plan: &Plan) -> Count {
    let cookies = processes[0].ask(&format!("begin {} ends", plan.ends));
    let cookies: Vec<_> = cookies.split(' ').collect();
    let mut alive = 0;
    for (number, cookie) in cookies.iter().enumerate() {
        let (ender, writers) = processes.split_at_mut(1);
        ask_all(writers, |_| format!("arm {cookie} 2"));
        let kind = |at: usize| KINDS[(number + at) % KINDS.len()];
        // Everybody at once; the order in which they are told moves on.
        let end = match number % 2 {
            0 => format!("sign-out {cookie}"),
            _ => format!("revoke ends{number}"),
        };
        if number % 3 == 0 {
            ender[0].tell(&end);
        }
        for (at, writer) in writers.iter_mut().enumerate() {
            writer.tell(&format!("write {}", kind(at)));
        }
        if number % 3 != 0 {
            ender[0].tell(&end);
        }
        match ender[0].answer().as_str() {
            "yes" => {}
            // A store that lists nobody.
            "Unsupported" => assert_eq!(ender[0].ask(&format!("sign-out {cookie}")), "yes"),
            other => panic!("a session is not ended: {other}"),
        }
        let mut born: Vec<_> = writers.iter().map(Process::answer).collect();
        // Then whoever comes late, with what they had read before.
        born.extend(ask_all(writers, |at| format!("write {}", kind(at + 1))));
        born.retain(|cookie| cookie != "-");
        born.push((*cookie).to_owned());
        let answers = ask_all(processes, |_| format!("alive {}", born.join(" ")));
        alive += usize::from(answers.iter().any(|count| count != "0"));
    }
    Count::new(alive, cookies.len())
}

const KINDS: [&str; 4] = ["blind", "counting", "renewing", "saving"];

/// One revokes, and once that is acknowledged everybody reads, several times.
pub(super) fn revocations(processes: &mut [Process], plan: &Plan) -> Count {
    let cookies = processes[0].ask(&format!("begin {} revocations", plan.revocations));
    let (mut found, mut reads) = (0, 0);
    for (number, cookie) in cookies.split(' ').enumerate() {
        let before = ask_all(processes, |_| format!("alive {cookie}"));
        assert!(
            before.iter().all(|count| count == "1"),
            "a session lives until it is revoked"
        );
        let revoker = number % processes.len();
        match processes[revoker]
            .ask(&format!("revoke revocations{number}"))
            .as_str()
        {
            "yes" => {}
            "Unsupported" => return Count::default(),
            other => panic!("a session is not revoked: {other}"),
        }
        let after = ask_all(processes, |_| format!("alive {cookie} {cookie} {cookie}"));
        let alive = after
            .iter()
            .map(|count| count.parse::<usize>().unwrap_or(0));
        found += alive.sum::<usize>();
        reads += 3 * after.len();
    }
    Count::new(found, reads)
}

/// Many visitors at once, some of whose requests are cut off at an await.
pub(super) fn reads(processes: &mut [Process], plan: &Plan) -> Count {
    let each = plan.reads / processes.len();
    let answers = ask_all(processes, |number| format!("read {each} {number}"));
    let (mut read, mut mixed) = (0, 0);
    for answer in &answers {
        let (all, others) = answer.split_once(' ').unwrap_or_default();
        read += all.parse::<usize>().unwrap_or(0);
        mixed += others.parse::<usize>().unwrap_or(0);
    }
    Count::new(mixed, read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_all_of_it() {
        let shares = (0..3).map(|number| share(500, 3, number));
        assert_eq!(
            shares.collect::<Vec<_>>(),
            [(0, 166), (166, 167), (333, 167)]
        );
    }
}
