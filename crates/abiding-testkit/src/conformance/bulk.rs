//! What [`Bulk`] promises.

use abiding::{
    Found, Record, Version,
    store::{Bulk, Committed, Created, Expect, Leave, sample},
};

use super::probe::{Probe, at, no_error, nothing, pairs, record, record_until, set};

/// Each is created as it would be by itself: what is taken stays as it is, and holds up none of the others.
pub async fn create_all_adds_every_record_whose_key_is_free<S: Bulk>(store: &S) {
    let probe = Probe(store);
    let (living, ended) = (
        probe.put(&record(&[("owner", "first")])).await,
        probe.put(&record_until(10)).await,
    );
    let renewed = probe.put(&record(&[])).await;
    probe.moved(&renewed, Leave::Alias(at(100)), 0).await;
    let mut many: Vec<_> = (0..300).map(|_| (sample::key(), rich(0))).collect();
    for (place, taken) in [(3, living), (100, ended), (299, renewed)] {
        many[place].0 = taken;
    }
    let created = no_error("create_all", store.create_all(many.clone(), at(10)).await);
    assert_eq!(created.len(), many.len());
    for (place, ((key, record), created)) in many.iter().zip(created).enumerate() {
        if [3, 100, 299].contains(&place) {
            assert_eq!(created, Created::KeyTaken, "number {place}");
        } else {
            assert_eq!(created, Created::Yes, "number {place}");
            assert_eq!(probe.found(key, 10).await.record, *record);
        }
    }
    let first = probe.values(&living, 10).await;
    assert_eq!(first, pairs(&[("owner", "first")]));
    assert!(!probe.lives(&ended, 10).await);
    let none = no_error("create_all", store.create_all(vec![], at(10)).await);
    assert_eq!(none, []);
}

/// A record that was replaced has every field of the new one.
pub async fn replace_all_puts_each_in_the_place_of_what_was_found<S: Bulk>(store: &S) {
    let probe = Probe(store);
    let mut many = vec![];
    for _ in 0..300 {
        let key = probe.put(&rich(0)).await;
        many.push((probe.found(&key, 0).await, rich(1)));
    }
    // Without a subject, and with other deadlines.
    many[7].1 = next(record_until(70), &many[7].0);
    let replaced = no_error("replace_all", store.replace_all(many.clone(), at(0)).await);
    assert_eq!(replaced, vec![true; 300]);
    for (old, new) in &many {
        assert_eq!(probe.found(&old.key, 0).await.record, *new);
    }
    assert!(!probe.lives(&many[7].0.key, 70).await);
    let again = no_error("replace_all", store.replace_all(many.clone(), at(0)).await);
    assert_eq!(again, vec![false; 300], "they are not as they were found");
}

/// What was written, touched, renewed or ended since it was found, or is over, is left alone; the others are replaced.
pub async fn replace_all_leaves_alone_what_is_not_as_it_was_found<S: Bulk>(store: &S) {
    let probe = Probe(store);
    let (mut keys, mut many) = (vec![], vec![]);
    for _ in 0..8 {
        let key = probe.put(&rich(0)).await;
        keys.push(key);
        let found = probe.found(&key, 0).await;
        many.push((found.clone(), next(rich(1), &found)));
    }
    let ending = probe.put(&record_until(10)).await;
    let found = probe.found(&ending, 0).await;
    many[5] = (found.clone(), next(record(&[]), &found));
    let [written, touched, renewed, ended, signed_in, ..] = keys[..] else {
        panic!("there are eight");
    };
    probe.set(&written, "more", "1", 1).await;
    let touch = store.touch(&touched, at(55_000), at(2)).await;
    no_error("touch", touch);
    let moved = probe.moved(&renewed, Leave::Alias(at(100)), 1).await;
    probe.delete(&ended, 1).await;
    probe.moved(&signed_in, Leave::Snapshot(at(100)), 1).await;
    let before = [
        probe.found(&written, 10).await,
        probe.found(&touched, 10).await,
        probe.found(&moved, 10).await,
        probe.found(&signed_in, 10).await,
    ];
    let replaced = no_error("replace_all", store.replace_all(many.clone(), at(10)).await);
    assert_eq!(
        replaced,
        [false, false, false, false, false, false, true, true]
    );
    for found in before {
        let key = found.key;
        assert_eq!(probe.found(&key, 10).await, found);
    }
    assert!(!probe.lives(&ended, 10).await && !probe.lives(&ending, 10).await);
    assert_eq!(probe.found(&keys[6], 10).await.record, many[6].1);
}

/// A change that comes afterwards goes in, and one to what was found before does not.
pub async fn what_was_replaced_is_changed_as_any_record<S: Bulk>(store: &S) {
    let probe = Probe(store);
    let key = probe.put(&record(&[("kept", "1")])).await;
    let found = probe.found(&key, 0).await;
    let new = next(record(&[("kept", "2")]), &found);
    let replaced = store.replace_all(vec![(found.clone(), new)], at(0)).await;
    assert_eq!(no_error("replace_all", replaced), [true]);
    let expect = Expect::Version(found.record.version);
    let late = probe.commit(&key, &nothing(1), expect, 1).await;
    assert!(
        matches!(late, Committed::Stale(_)),
        "commit answered {late:?}"
    );
    let set = set("more", "3", 1);
    probe.commit(&key, &set, Expect::Any, 1).await;
    let values = probe.values(&key, 1).await;
    assert_eq!(values, pairs(&[("kept", "2"), ("more", "3")]));
}

/// Thousands, some of them long: as far as they go out in parts, each part is answered in its place.
pub async fn what_takes_more_than_one_message_is_written_as_a_little_is<S: Bulk>(store: &S) {
    let probe = Probe(store);
    let long = "x".repeat(60_000);
    let mut many: Vec<_> = (0..2_100).map(|_| (sample::key(), rich(0))).collect();
    for (_, record) in many.iter_mut().skip(1_000).take(24) {
        *record = sample::record(at(0), at(60_000), &[("form", &long)]);
    }
    let seams = [0, 511, 512, 1_010, 1_023, 1_024, 2_048, 2_099];
    for place in seams {
        many[place].0 = probe.put(&rich(5)).await;
    }
    let created = no_error("create_all", store.create_all(many.clone(), at(0)).await);
    let taken = |place: &usize| created[*place] == Created::KeyTaken;
    let taken: Vec<_> = (0..created.len()).filter(taken).collect();
    assert_eq!((created.len(), &taken[..]), (many.len(), &seams[..]));
    for place in [1, 510, 513, 1_000, 1_009, 1_011, 1_022, 1_025, 2_098] {
        let (key, record) = &many[place];
        assert_eq!(probe.found(key, 0).await.record, *record, "number {place}");
    }

    let mut steps: Vec<_> = many
        .into_iter()
        .map(|(key, record)| (Found::new(key, record.clone()), record))
        .map(|(found, record)| (found.clone(), next(record, &found)))
        .collect();
    // Under those keys is something else; and these have gone or are used meanwhile.
    let (gone, used) = ([100, 1_001, 1_500], [513, 1_012, 2_098]);
    for place in gone {
        probe.delete(&steps[place].0.key, 1).await;
    }
    for place in used {
        probe.set(&steps[place].0.key, "more", "1", 1).await;
    }
    // Ends sooner, and is nobody's any more.
    steps[700].1 = next(record_until(70), &steps[700].0);
    let mut left: Vec<_> = seams.into_iter().chain(gone).chain(used).collect();
    left.sort_unstable();
    let replaced = no_error("replace_all", store.replace_all(steps.clone(), at(2)).await);
    let not = (0..replaced.len()).filter(|place| !replaced[*place]);
    assert_eq!((replaced.len(), not.collect()), (steps.len(), left));
    for place in [1, 510, 514, 700, 1_000, 1_011, 1_013, 1_022, 1_025, 2_097] {
        let (found, record) = &steps[place];
        assert_eq!(
            probe.found(&found.key, 2).await.record,
            *record,
            "number {place}"
        );
    }
    for place in gone {
        assert!(!probe.lives(&steps[place].0.key, 2).await, "number {place}");
    }
}

/// A record that has something in every field, as the first or the second version.
fn rich(number: u64) -> Record {
    let mut record = sample::record_of("ada", at(0), at(60_000), &[("step", &number.to_string())]);
    record.seen = at(1);
    record.idle_deadline = at(50_000);
    record.version = Version::from_number(number + 1);
    record
}

/// The state of a record after the one that was found.
fn next(mut record: Record, found: &Found) -> Record {
    record.version = found.record.version.next();
    record
}
