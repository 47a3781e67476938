//! The way to the server: in clear, or with TLS where this program was built with it.

#[cfg(feature = "postgres-tls")]
mod rustls;
#[cfg(not(feature = "postgres-tls"))]
mod without;

use std::future::poll_fn;

use tokio::task::AbortHandle;
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, Notification, Socket, tls::TlsStream,
};

#[cfg(feature = "postgres-tls")]
pub(super) use rustls::Tls;
#[cfg(not(feature = "postgres-tls"))]
pub(super) use without::Tls;

impl Tls {
    /// Opens a connection that nothing is told on.
    pub(super) async fn connect(
        &self,
        config: &Config,
    ) -> Result<(Client, Ending), tokio_postgres::Error> {
        self.connect_hearing(config, |_| ()).await
    }
}

/// Lets the runtime of the caller move the bytes, until the answer is dropped. What the server tells
/// unasked goes to `hear`, which is dropped with the connection.
fn run<S>(
    mut connection: Connection<Socket, S>,
    mut hear: impl FnMut(Notification) + Send + 'static,
) -> Ending
where
    S: TlsStream + Unpin + Send + 'static,
{
    let task = tokio::spawn(async move {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            match message {
                Ok(AsyncMessage::Notification(told)) => hear(told),
                Ok(_) => {}
                Err(cause) => {
                    // Whoever waits for an answer is told as well.
                    tracing::warn!(%cause, "a connection to the database ended");
                    break;
                }
            }
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
