//! What the same races do to a store that knows one way to save: the whole record, as it was read.
//!
//! A model, in this process and without HTTP; the lab labels its figures as simulated. The interleaving
//! is the one that the gates force on the real store: everybody reads before anybody writes.

use std::collections::{BTreeMap, HashMap};

type Record = BTreeMap<String, u64>;

/// Loads and puts whole records, creating those that are absent: the usual contract.
#[derive(Default)]
struct WholeRecords(HashMap<&'static str, Record>);

impl WholeRecords {
    fn load(&self) -> Record {
        self.0.get(SESSION).cloned().unwrap_or_default()
    }

    fn put(&mut self, record: Record) {
        self.0.insert(SESSION, record);
    }
}

/// How many of the keys are there after that many requests set one each.
pub(crate) fn keys_kept(writers: usize) -> usize {
    let mut store = WholeRecords::default();
    let read: Vec<Record> = (0..writers).map(|_| store.load()).collect();
    for (writer, mut record) in read.into_iter().enumerate() {
        record.insert(format!("key {writer}"), 1);
        store.put(record);
    }
    store.load().len()
}

/// Where the counter stands after that many requests added one.
pub(crate) fn counted(writers: usize) -> u64 {
    let mut store = WholeRecords::default();
    let read: Vec<Record> = (0..writers).map(|_| store.load()).collect();
    for mut record in read {
        *record.entry("counter".to_owned()).or_default() += 1;
        store.put(record);
    }
    store.load().get("counter").copied().unwrap_or(0)
}

/// In how many rounds a session is back that was signed out before its slow writers were done.
pub(crate) fn resurrected(rounds: usize, writers: usize) -> usize {
    let returns = |_: &usize| {
        let mut store = WholeRecords::default();
        store.put(Record::from([("signed in".to_owned(), 1)]));
        let read: Vec<Record> = (0..writers).map(|_| store.load()).collect();
        store.0.remove(SESSION);
        for mut record in read {
            record.insert("slow".to_owned(), 1);
            store.put(record);
        }
        store.load().contains_key("signed in")
    };
    (0..rounds).filter(returns).count()
}

const SESSION: &str = "one session";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saving_whole_records_loses_all_but_one_write_and_undoes_every_sign_out() {
        assert_eq!(keys_kept(50), 1);
        assert_eq!(counted(50), 1);
        assert_eq!(resurrected(20, 3), 20);
    }
}
