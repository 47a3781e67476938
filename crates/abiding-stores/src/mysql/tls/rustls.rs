//! With TLS by rustls: the certificate and the name of the server are always verified.

use std::{fs, path::Path};

use abiding::{Error, ErrorKind, Result};
use mysql_async::SslOpts;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Trusts the certificates in the file `roots`, or those that the system trusts.
pub(in crate::mysql) fn trusting(roots: Option<&Path>) -> Result<SslOpts> {
    // The driver takes the process's choice, and panics where there are two and nobody chose. An
    // application that chose before keeps its own.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let trusted = match roots {
        Some(path) => in_file(path)?,
        // One that cannot be read is one that is not trusted.
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut known = RootCertStore::empty();
    let fit = trusted
        .into_iter()
        .filter(|certificate| known.add(certificate.clone()).is_ok());
    let fit: Vec<_> = fit.map(|fit| fit.to_vec().into()).collect();
    if let (Some(path), true) = (roots, fit.is_empty()) {
        return Err(unusable_roots(path));
    }
    Ok(SslOpts::default()
        .with_disable_built_in_roots(true)
        .with_root_certs(fit))
}

fn in_file(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let pem = fs::read(path).map_err(|cause| unusable_roots(path).with_source(cause))?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>();
    certificates.map_err(|cause| unusable_roots(path).with_source(cause))
}

fn unusable_roots(path: &Path) -> Error {
    let what = format!(
        "the file {} holds no certificates that can be trusted: `ssl-ca` names a file in PEM",
        path.display()
    );
    Error::new(ErrorKind::Unavailable, "open", what)
}
