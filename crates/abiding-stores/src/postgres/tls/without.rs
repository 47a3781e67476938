//! Without TLS: in clear, or not at all.

use std::path::Path;

use abiding::{Error, ErrorKind, Result};
use tokio_postgres::{Client, Config, NoTls, Notification};

use super::{Ending, run};

/// Connects in clear.
pub(in crate::postgres) struct Tls;

impl Tls {
    pub(in crate::postgres) fn none() -> Self {
        Self
    }

    /// Refuses: there is none in this program.
    pub(in crate::postgres) fn trusting(_: Option<&Path>) -> Result<Self> {
        let what = "this program was built without TLS: build it with the feature `postgres-tls` of abiding-stores";
        Err(Error::new(ErrorKind::Unavailable, "open", what))
    }

    pub(in crate::postgres) async fn connect_hearing(
        &self,
        config: &Config,
        hear: impl FnMut(Notification) + Send + 'static,
    ) -> Result<(Client, Ending), tokio_postgres::Error> {
        let (client, connection) = config.connect(NoTls).await?;
        Ok((client, run(connection, hear)))
    }
}
