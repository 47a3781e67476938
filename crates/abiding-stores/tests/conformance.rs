//! Every promise of the store contract, proved on every store of this crate.

#[cfg(test)]
#[path = "../src/scratch.rs"]
mod scratch;

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod sqlite {
    use std::{cell::RefCell, path::PathBuf};

    use abiding_stores::sqlite::{Durability, SqliteOptions, SqliteStore};

    use crate::scratch::Scratch;

    thread_local! {
        /// Where the test of this thread keeps its database.
        static PATH: RefCell<PathBuf> = RefCell::default();
    }

    /// A store that does not flush, which changes nothing but the time it takes.
    fn store() -> SqliteStore {
        let path = PATH.with_borrow(PathBuf::clone);
        SqliteOptions::new(path)
            .durability(Durability::Process)
            .open()
            .unwrap()
    }

    /// Runs one test in a directory of its own.
    fn in_scratch<F: Future>(test: F) -> F::Output {
        let scratch = Scratch::new();
        PATH.set(scratch.file("sessions.db"));
        abiding_testkit::block_on(test)
    }

    abiding_testkit::conformance! {
        store: store(),
        powers: [scan, subjects, sweep],
        block_on: in_scratch,
    }
}
