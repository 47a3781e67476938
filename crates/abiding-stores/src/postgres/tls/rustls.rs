//! With TLS by rustls: the certificate and the name of the server are always verified.

use std::{path::Path, sync::Arc};

use abiding::{Error, ErrorKind, Result};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres::{Client, Config, NoTls, Notification};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Ending, run};

/// Connects in clear, or to servers whose certificate is trusted.
pub(in crate::postgres) struct Tls(Option<MakeRustlsConnect>);

impl Tls {
    pub(in crate::postgres) fn none() -> Self {
        Self(None)
    }

    /// Trusts the certificates in the file `roots`, or those that the system trusts.
    pub(in crate::postgres) fn trusting(roots: Option<&Path>) -> Result<Self> {
        let mut store = RootCertStore::empty();
        match roots {
            Some(path) => {
                let unusable = |cause| unusable_roots(path).with_source(cause);
                let certificates = CertificateDer::pem_file_iter(path).map_err(unusable)?;
                for certificate in certificates {
                    let certificate = certificate.map_err(unusable)?;
                    store
                        .add(certificate)
                        .map_err(|cause| unusable_roots(path).with_source(cause))?;
                }
                if store.is_empty() {
                    return Err(unusable_roots(path));
                }
            }
            // One that cannot be read is one that is not trusted.
            None => {
                store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|cause| {
                Error::new(ErrorKind::Unavailable, "open", "there is no usable TLS")
                    .with_source(cause)
            })?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Self(Some(MakeRustlsConnect::new(config))))
    }

    pub(in crate::postgres) async fn connect_hearing(
        &self,
        config: &Config,
        hear: impl FnMut(Notification) + Send + 'static,
    ) -> Result<(Client, Ending), tokio_postgres::Error> {
        match &self.0 {
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                Ok((client, run(connection, hear)))
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                Ok((client, run(connection, hear)))
            }
        }
    }
}

fn unusable_roots(path: &Path) -> Error {
    let what = format!(
        "the file {} holds no certificates that can be trusted: `sslrootcert` names a file in PEM",
        path.display()
    );
    Error::new(ErrorKind::Unavailable, "open", what)
}
