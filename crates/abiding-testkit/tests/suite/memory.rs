//! The memory store keeps every promise.

abiding_testkit::conformance! {
    store: abiding::MemoryStore::new(),
    powers: [scan, subjects, survey, sweep, watch],
}
