//! The promises, kept by the memory store.

abiding_testkit::conformance! {
    store: abiding::MemoryStore::new(),
    powers: [scan, subjects, sweep],
}
