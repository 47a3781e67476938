//! Clients whose connections are encrypted, and whose server proves who it is.

use redis::{Client, ConnectionAddr, ConnectionInfo, RedisResult, TlsCertificates};

/// A client for `info`. `roots`, in PEM, are trusted instead of what the system trusts.
pub(super) fn client(info: ConnectionInfo, roots: Option<&[u8]>) -> RedisResult<Client> {
    if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        return Client::open(info);
    }
    // The driver takes the process's choice, and panics where there are two and nobody chose. An
    // application that chose before keeps its own.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match roots {
        Some(roots) => {
            let certificates = TlsCertificates {
                client_tls: None,
                root_cert: Some(roots.to_vec()),
            };
            Client::build_with_tls(info, certificates)
        }
        None => Client::open(info),
    }
}
