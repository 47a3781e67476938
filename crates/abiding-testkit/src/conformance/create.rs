//! What [`Store::create`] promises.

use abiding::{
    Record, Store,
    store::{Created, Leave, sample},
};

use super::probe::{LIFE, Probe, at, record, record_until};

/// What was created is what is loaded, every field of it.
pub async fn create_adds_the_record_with_every_field<S: Store>(store: &S) {
    let store = Probe(store);
    let mut record = sample::record_of("ada", at(0), at(LIFE), &[("step", "1")]);
    record.seen = at(1);
    record.idle_deadline = at(2);
    let key = store.put(&record).await;
    let found = store.found(&key, 1).await;
    assert_eq!(found.key, key);
    assert_eq!(found.record, record);
    assert!(!found.frozen, "a record that was created is not frozen");
}

/// Two sessions never share a key: the second is refused and the first untouched.
pub async fn create_refuses_an_existing_key<S: Store>(store: &S) {
    let store = Probe(store);
    let first = record(&[("owner", "first")]);
    let key = store.put(&first).await;
    let second = record(&[("owner", "second")]);
    assert_eq!(store.create(&key, &second, 0).await, Created::KeyTaken);
    assert_eq!(store.found(&key, 0).await.record, first);
}

/// A record that ended keeps its key until it is swept.
pub async fn create_refuses_the_key_of_an_ended_record<S: Store>(store: &S) {
    let store = Probe(store);
    let key = store.put(&record_until(10)).await;
    assert_eq!(
        store.create(&key, &record(&[]), 10).await,
        Created::KeyTaken
    );
    assert!(!store.lives(&key, 10).await);
}

/// An old key stays taken while it leads somewhere, and goes on leading there.
pub async fn create_refuses_the_key_of_an_alias_or_snapshot<S: Store>(store: &S) {
    let store = Probe(store);
    for leave in [Leave::Alias(at(10)), Leave::Snapshot(at(10))] {
        let old = store.put(&record(&[("owner", "first")])).await;
        store.moved(&old, leave, 0).await;
        let before = store.found(&old, 0).await;
        assert_eq!(
            store.create(&old, &record(&[]), 0).await,
            Created::KeyTaken,
            "{leave:?}"
        );
        assert_eq!(store.found(&old, 0).await, before, "{leave:?}");
    }
}

/// Payloads are bytes, not text: none is changed, shortened or refused.
pub async fn create_keeps_any_payload_byte_for_byte<S: Store>(store: &S) {
    let store = Probe(store);
    let every_byte: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..64 * 1024_u32)
        .map(|index| (index * 31 % 251) as u8)
        .collect();
    for payload in [
        vec![],
        vec![0],
        b"\xff\xfe\0'\"\r\n\\%s".to_vec(),
        every_byte,
        large,
    ] {
        let len = payload.len();
        let key = store
            .put(&Record::new(payload.clone(), at(0), at(LIFE)))
            .await;
        let found = store.found(&key, 0).await.record;
        assert!(
            *found.payload == *payload,
            "{len} bytes came back as {}",
            found.payload.len()
        );
    }
}
