//! The way to the server: with TLS where this program was built with it.

#[cfg(feature = "mysql-tls")]
mod rustls;
#[cfg(not(feature = "mysql-tls"))]
mod without;

#[cfg(feature = "mysql-tls")]
pub(super) use rustls::trusting;
#[cfg(not(feature = "mysql-tls"))]
pub(super) use without::trusting;
