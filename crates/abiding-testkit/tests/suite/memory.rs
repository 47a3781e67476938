//! The memory store keeps every promise.

abiding_testkit::conformance! {
    store: abiding::MemoryStore::new(),
    powers: [bulk, scan, subjects, survey, sweep, watch],
}
