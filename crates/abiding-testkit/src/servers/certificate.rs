//! The certificate that a server on this machine is known by: one of its own, which nobody trusts who is not told to.

use std::process::Command;

use super::{Folder, Need};

/// What makes certificates.
const OPENSSL: Need = Need::new("openssl", &["openssl"], "openssl");

/// Makes a key and a certificate for 127.0.0.1 in a folder, and answers the certificate, in PEM. `None` where OpenSSL is not
/// installed.
///
/// # Panics
/// If OpenSSL makes none.
pub fn certify(folder: &Folder) -> Option<Vec<u8>> {
    let openssl = OPENSSL.find()?;
    let made = Command::new(openssl)
        .current_dir(folder.path())
        .args(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(' '),
        )
        .args("-subj /CN=localhost -keyout key -out certificate".split(' '))
        .args("-addext subjectAltName=IP:127.0.0.1".split(' '))
        .args("-addext basicConstraints=critical,CA:FALSE".split(' '))
        .output();
    assert!(
        made.is_ok_and(|made| made.status.success()),
        "openssl made no certificate"
    );
    Some(std::fs::read(folder.file("certificate")).expect("it was made just now"))
}
