//! What a process has once: a runtime, and a manager with its store.
//!
//! Opened when the first request comes, so that a server may import the application, fork, and have a
//! house of its own in each worker. The runtime has no thread: whoever waits drives it, several at once
//! taking turns.

use std::{future::Future, process};

use abiding::{Manager, store::AnyStore};
use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::{errors::raised, place::Place};

/// One process's runtime and manager.
pub(crate) struct House {
    pub(crate) manager: Manager,
    /// `None` where sessions lie in cookies.
    pub(crate) store: Option<AnyStore>,
    runtime: Runtime,
    /// The process that opened it, and the only one that may use it.
    owner: u32,
}

impl House {
    /// Opens the store, which may take as long as its patience.
    pub(crate) fn open(place: &Place) -> abiding::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|cause| {
            let context = "the runtime of the store could not be started";
            abiding::Error::new(abiding::ErrorKind::Unavailable, "open", context).with_source(cause)
        })?;
        let (manager, store) = runtime.block_on(place.open())?;
        Ok(Self {
            manager,
            store,
            runtime,
            owner: process::id(),
        })
    }

    /// Whether this process opened it. A fork inherits neither its connections nor their replies.
    pub(crate) fn is_own(&self) -> bool {
        self.owner == process::id()
    }

    /// Waits, detached from the interpreter.
    pub(crate) fn wait<T, F>(&self, py: Python<'_>, future: F) -> PyResult<T>
    where
        T: Send,
        F: Future<Output = abiding::Result<T>> + Send,
    {
        if !self.is_own() {
            let context = "the session was opened before this process was forked";
            let error = abiding::Error::new(abiding::ErrorKind::Unavailable, "wait", context);
            return Err(raised(py, &error));
        }
        py.detach(|| self.runtime.block_on(future))
            .map_err(|error| raised(py, &error))
    }
}
