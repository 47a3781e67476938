//! Without TLS: in clear, or not at all.

use std::path::Path;

use abiding::{Error, ErrorKind, Result};
use mysql_async::SslOpts;

/// Refuses: there is none in this program.
pub(in crate::mysql) fn trusting(_: Option<&Path>) -> Result<SslOpts> {
    let what = "this program was built without TLS: build it with the feature `mysql-tls` of abiding-stores";
    Err(Error::new(ErrorKind::Unavailable, "open", what))
}
