//! What a crash leaves between two steps, made by hand, and what becomes of it.

use super::*;

/// The rows of a rotation from the first key to the second, up to the step that it was cut off at.
struct Half {
    scratch: Scratch,
    store: FileStore,
    from: StoreKey,
    to: StoreKey,
}

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// The new row is there, the old one untouched.
    Announced,
    /// The old row leads to the new one, which is not confirmed.
    Happened(Leave),
}

impl Half {
    async fn cut_off_at(step: Step) -> Self {
        let scratch = Scratch::new();
        let store = quick(&scratch.file("s"));
        let from = sample::key();
        let record = sample::record_of("ada", NOW, in_seconds(60), &[("a", "1")]);
        store.create(&from, &record, NOW).await.unwrap();
        let before = store.folder.read(&from).unwrap().unwrap();
        let leave = match step {
            Step::Announced => Leave::Alias(in_seconds(30)),
            Step::Happened(leave) => leave,
        };
        let to = rotate(&store, &from, leave).await;
        // Back to where it was cut off.
        let mut moved = store.folder.read(&to).unwrap().unwrap();
        let Row::Record(record) = moved.row else {
            panic!("{moved:?}")
        };
        moved.row = Row::Pending { from, record };
        let (turn, _other) = store.folder.locks.of_both(&from, &to).unwrap();
        store.folder.put(&turn, &to, &moved).unwrap();
        if step == Step::Announced {
            store.folder.put(&turn, &from, &before).unwrap();
            store.folder.list(&sample::subject("ada"), &from).unwrap();
        }
        drop((turn, _other));
        Self {
            scratch,
            store,
            from,
            to,
        }
    }
}

#[tokio::test]
async fn a_rotation_that_did_not_happen_leaves_the_session_where_it_was() {
    let half = Half::cut_off_at(Step::Announced).await;
    let Half {
        store, from, to, ..
    } = &half;
    assert_eq!(store.load(to, NOW).await.unwrap(), None);
    assert_eq!(set(store, to, "x", "1").await.unwrap(), Committed::Gone);
    assert_eq!(
        store.touch(to, in_seconds(70), NOW).await.unwrap(),
        Touched::Gone
    );
    let found = store.load(from, NOW).await.unwrap().unwrap();
    assert_eq!((found.key, found.frozen), (*from, false));
    assert!(matches!(
        set(store, from, "c", "3").await,
        Ok(Committed::Yes(_))
    ));
    let ada = sample::subject("ada");
    let listed = store.of_subject(&ada, NOW).await.unwrap();
    assert_eq!(
        listed.iter().map(|found| found.key).collect::<Vec<_>>(),
        [*from]
    );
    assert_eq!(store.scan(None, 10, NOW).await.unwrap().len(), 1);
    // It counts for nothing, and goes with the rest.
    assert_eq!(store.end_subject(&ada, None, NOW).await.unwrap(), 1);
    assert_eq!(store.load(from, NOW).await.unwrap(), None);
    assert!(!store.folder.is_taken(to).unwrap());
}

#[tokio::test]
async fn the_session_of_a_rotation_that_did_not_happen_can_still_be_rotated_and_ended() {
    for ends in [false, true] {
        let half = Half::cut_off_at(Step::Announced).await;
        let Half {
            store, from, to, ..
        } = &half;
        let new = rotate(store, from, Leave::Alias(in_seconds(30))).await;
        assert_eq!(store.load(from, NOW).await.unwrap().unwrap().key, new);
        assert_eq!(store.load(to, NOW).await.unwrap(), None);
        if ends {
            assert_eq!(store.delete(from, None, NOW).await.unwrap(), Deleted::Yes);
            assert_eq!(store.load(to, NOW).await.unwrap(), None);
        }
        // What is left of it goes when the session would have ended.
        let removed = store.sweep(in_seconds(60), 10).await.unwrap().removed;
        assert_eq!(removed, if ends { 1 } else { 3 });
    }
}

#[tokio::test]
async fn a_rotation_that_happened_is_confirmed_by_whoever_comes_next() {
    for leave in [
        Leave::Alias(in_seconds(30)),
        Leave::Snapshot(in_seconds(30)),
    ] {
        let half = Half::cut_off_at(Step::Happened(leave)).await;
        let Half {
            store, from, to, ..
        } = &half;
        let found = store.load(to, NOW).await.unwrap().unwrap();
        assert_eq!((found.key, sample::values(&found.record).len()), (*to, 2));
        assert_eq!(
            store.load(from, NOW).await.unwrap().unwrap().frozen,
            leave != Leave::Alias(in_seconds(30))
        );
        let ada = sample::subject("ada");
        assert_eq!(store.of_subject(&ada, NOW).await.unwrap(), [found]);
        assert!(matches!(
            set(store, to, "c", "3").await,
            Ok(Committed::Yes(_))
        ));
        let row = store.folder.read_as_is(to).unwrap().unwrap().row;
        assert!(matches!(row, Row::Record(_)), "{row:?}");
    }
}

/// The one thing that says that it happened must not go before the session is confirmed.
#[tokio::test]
async fn what_is_removed_of_a_rotation_that_happened_loses_no_session() {
    for leave in [
        Leave::Alias(in_seconds(30)),
        Leave::Snapshot(in_seconds(30)),
    ] {
        let half = Half::cut_off_at(Step::Happened(leave)).await;
        let swept = half.store.sweep(in_seconds(30), 10).await.unwrap();
        assert_eq!(swept.removed, 1, "{leave:?}");
        assert!(!half.store.folder.is_taken(&half.from).unwrap());
        assert!(
            half.store
                .load(&half.to, in_seconds(30))
                .await
                .unwrap()
                .is_some(),
            "{leave:?}"
        );
    }
    // Somebody signs out with the old id of somebody who signed in.
    let half = Half::cut_off_at(Step::Happened(Leave::Snapshot(in_seconds(30)))).await;
    assert_eq!(
        half.store.delete(&half.from, None, NOW).await.unwrap(),
        Deleted::Yes
    );
    assert!(half.store.load(&half.to, NOW).await.unwrap().is_some());
    // Through an alias the session itself is meant.
    let half = Half::cut_off_at(Step::Happened(Leave::Alias(in_seconds(30)))).await;
    assert_eq!(
        half.store.delete(&half.from, None, NOW).await.unwrap(),
        Deleted::Yes
    );
    for key in [&half.from, &half.to] {
        assert_eq!(half.store.load(key, NOW).await.unwrap(), None);
        assert!(!half.store.folder.is_taken(key).unwrap());
    }
}

#[tokio::test]
async fn what_was_being_written_is_tidied_away_and_an_entry_cut_short_is_passed_over() {
    let half = Half::cut_off_at(Step::Announced).await;
    let new = half.store.folder.new_file(7);
    fs::write(&new, b"half a ro").unwrap();
    let stripe = stripe(&half.from);
    for list in fs::read_dir(half.store.folder.ends(stripe)).unwrap() {
        let path = list.unwrap().path();
        let bytes = [&fs::read(&path).unwrap()[..], b"half an entry"].concat();
        fs::write(&path, bytes).unwrap();
    }
    let again = quick(&half.scratch.file("s"));
    assert!(!new.exists());
    // Its own entry comes after the half one, and takes its place.
    let mut bytes = *half.from.as_bytes();
    bytes[31] ^= 1;
    let neighbour = StoreKey::from_bytes(bytes);
    let record = sample::record(NOW, in_seconds(60), &[]);
    again.create(&neighbour, &record, NOW).await.unwrap();
    assert_eq!(again.sweep(in_seconds(60), 10).await.unwrap().removed, 3);
}
