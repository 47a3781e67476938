//! A store behind [`AnyStore`] is the store that it was.

use abiding::{MemoryStore, store::AnyStore};

abiding_testkit::conformance! {
    store: AnyStore::of(MemoryStore::new()).bulk().scan().subjects().survey().sweep().watch().build(),
    powers: [bulk, scan, subjects, survey, sweep, watch],
}

mod without_powers {
    use abiding::{
        ErrorKind, MemoryStore,
        store::{AnyStore, Bulk, Question, Scan, Subjects, Survey, Sweep, Swept, Watch, sample},
    };
    use abiding_testkit::{ManualClock, block_on};

    /// What is lacking is an error that says so; but a store that cannot be swept has nothing to sweep.
    #[test]
    fn a_power_that_is_lacking_is_told_with_the_name_of_the_store() {
        let store = AnyStore::of(MemoryStore::new()).build();
        let (now, ada) = (ManualClock::START, sample::subject("ada"));
        let refusals = [
            block_on(store.scan(None, 1, now)).map(drop),
            block_on(store.of_subject(&ada, now)).map(drop),
            block_on(store.end_subject(&ada, None, now)).map(drop),
            block_on(store.create_all(vec![], now)).map(drop),
            block_on(store.replace_all(vec![], now)).map(drop),
            block_on(store.survey(&Question::all(), now)).map(drop),
            block_on(store.watch(&sample::key())).map(drop),
        ];
        for refusal in refusals {
            let error = refusal.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("the memory store"), "{error}");
        }
        assert_eq!(block_on(store.sweep(now, 1)).unwrap(), Swept::default());
    }
}
