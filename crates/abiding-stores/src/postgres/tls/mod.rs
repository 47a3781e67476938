//! The way to the server: in clear, or with TLS where this program was built with it.

#[cfg(feature = "postgres-tls")]
mod rustls;
#[cfg(not(feature = "postgres-tls"))]
mod without;

use tokio::task::AbortHandle;
use tokio_postgres::{Connection, Socket, tls::TlsStream};

#[cfg(feature = "postgres-tls")]
pub(super) use rustls::Tls;
#[cfg(not(feature = "postgres-tls"))]
pub(super) use without::Tls;

/// Lets the runtime of the caller move the bytes, until the answer is dropped.
fn run<S>(connection: Connection<Socket, S>) -> Ending
where
    S: TlsStream + Unpin + Send + 'static,
{
    let task = tokio::spawn(async move {
        if let Err(cause) = connection.await {
            // Whoever waits for an answer is told as well.
            tracing::warn!(%cause, "a connection to the database ended");
        }
    });
    Ending(task.abort_handle())
}

/// Ends a task when it is dropped.
pub(super) struct Ending(AbortHandle);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}
