//! Acknowledged writes through kills: every number that was acknowledged must be greater than the one before.

use std::collections::BTreeMap;

use super::{Count, Fell, Plan, Torture};
use crate::process::Process;

/// What was acknowledged in a slot last, and the cookie that it came with.
struct Slot {
    last: u64,
    cookie: String,
}

/// What the parent knows.
#[derive(Default)]
struct Ledger {
    slots: BTreeMap<usize, Slot>,
    acknowledged: usize,
    undone: u64,
}

impl Ledger {
    /// Whether it is an acknowledgement, which is entered.
    fn enter(&mut self, line: &str) -> bool {
        let words: Vec<_> = line.split(' ').collect();
        let ["ack", slot, number, cookie] = words[..] else {
            return false;
        };
        let slot = slot
            .parse()
            .ok()
            .and_then(|slot: usize| self.slots.get_mut(&slot));
        let (Some(slot), Ok(number)) = (slot, number.parse::<u64>()) else {
            return false;
        };
        // One more may be there, whose acknowledgement was lost; one less, and something is gone.
        self.undone += (slot.last + 1).saturating_sub(number);
        slot.last = number;
        slot.cookie = cookie.into();
        self.acknowledged += 1;
        true
    }

    /// The order to go on in the slots of a process.
    fn order(&self, process: usize) -> String {
        let slots = slots_of(process).map(|slot| format!(" {slot}:{}", self.slots[&slot].cookie));
        format!("count{}", slots.collect::<String>())
    }
}

fn slots_of(process: usize) -> impl Iterator<Item = usize> {
    (0..SLOTS).map(move |slot| process * SLOTS + slot)
}

/// Has everybody count, and kills the server, or one of them where there is none.
pub(super) fn lead(
    torture: &Torture,
    mut processes: Vec<Process>,
    plan: &Plan,
    mut fell: Fell<'_>,
) -> Count {
    let mut ledger = Ledger::default();
    for (number, process) in processes.iter_mut().enumerate() {
        let cookies = process.ask(&format!("begin {SLOTS} kills{number}-"));
        let slots = slots_of(number).zip(cookies.split(' '));
        ledger.slots.extend(slots.map(|(slot, cookie)| {
            let cookie = cookie.into();
            (slot, Slot { last: 0, cookie })
        }));
        process.tell(&ledger.order(number));
    }
    for kill in 0..plan.kills {
        // At no particular moment: after so many acknowledged writes of everybody, with more on their way.
        for process in &processes {
            let moment = 5 + kill * 7 % 23;
            let mut heard = 0;
            while heard < moment {
                heard += usize::from(ledger.enter(&process.answer()));
            }
        }
        if let Some(fell) = &mut fell {
            fell();
            continue;
        }
        let number = kill % processes.len();
        let killed = std::mem::replace(&mut processes[number], torture.start());
        for line in killed.kill() {
            ledger.enter(&line);
        }
        let order = ledger.order(number);
        processes[number].tell(&order);
    }
    // Once more everybody, so that what the last kill undid is noticed.
    for process in &mut processes {
        for line in process.answers().collect::<Vec<_>>() {
            ledger.enter(&line);
        }
        let mut heard = 0;
        while heard < 5 {
            heard += usize::from(ledger.enter(&process.answer()));
        }
        process.tell("stop");
        while process.answer() != "done" {}
    }
    let undone = usize::try_from(ledger.undone).unwrap_or(usize::MAX);
    Count::new(undone, ledger.acknowledged)
}

const SLOTS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_comes_again_was_undone_and_one_that_is_left_out_was_not() {
        let mut ledger = Ledger::default();
        let cookie = String::from("c");
        ledger.slots.insert(0, Slot { last: 0, cookie });
        for (number, undone) in [(1, 0), (2, 0), (4, 0), (5, 0), (4, 2), (5, 2), (1, 7)] {
            assert!(ledger.enter(&format!("ack 0 {number} c")));
            assert_eq!(ledger.undone, undone, "at {number}");
        }
        assert_eq!(ledger.acknowledged, 7);
        assert!(!ledger.enter("done") && !ledger.enter("ack x 1 c"));
    }
}
