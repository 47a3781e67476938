//! Servers that speak TLS alone, and the certificate that they are known by.

use std::process::Command;

use crate::servers::{Folder, Need};

/// What makes certificates.
const OPENSSL: Need = Need::new("openssl", &["openssl"], "openssl");

/// Makes a key and a certificate for 127.0.0.1 in a folder, and answers the certificate, in PEM. `None` where OpenSSL is not
/// installed.
///
/// # Panics
/// If OpenSSL makes none.
pub(super) fn certify(folder: &Folder) -> Option<Vec<u8>> {
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

/// How a server is told to speak TLS at `port`, with the key in `folder`.
pub(super) fn settings(folder: &Folder, port: u16) -> Vec<String> {
    let file = |name: &str| folder.file(name).display().to_string();
    let (certificate, key) = (file("certificate"), file("key"));
    let pairs = [
        ("--port", "0"),
        ("--tls-port", &port.to_string()),
        ("--tls-auth-clients", "no"),
        ("--tls-cert-file", &certificate),
        ("--tls-key-file", &key),
        ("--tls-ca-cert-file", &certificate),
    ];
    pairs
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value.to_owned()])
        .collect()
}
