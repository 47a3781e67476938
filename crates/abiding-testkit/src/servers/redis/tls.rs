//! Servers that speak TLS alone.

use crate::servers::Folder;

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
