//! Facts of a live URL: one request as a browser makes it, its headers, nothing of its body.

use std::{path::Path, sync::Arc, time::Duration};

use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::{
    error::Error,
    facts::{Answer, Facts},
    live_cookie,
};

/// How long one request may take, from the name of the host to the headers of the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// As many redirections are followed, as long as none of them sets a cookie.
const HOPS: usize = 5;

impl Facts {
    /// The facts of what `url` answers to a visitor who comes for the first time. Needs a Tokio runtime.
    ///
    /// # Errors
    /// A URL that is none of http or https, and a server that cannot be reached or trusted.
    pub async fn of_url(url: &str) -> Result<Self, Error> {
        Self::of_url_trusting(url, None).await
    }

    /// The same, where nothing is trusted but the certificates in the PEM file `roots`, if one is given.
    ///
    /// # Errors
    /// The same, and a file that holds no certificates.
    pub async fn of_url_trusting(url: &str, roots: Option<&Path>) -> Result<Self, Error> {
        let roots = roots.map(read_roots).transpose()?;
        // What is refused may have a password in it, and is not quoted.
        let mut url = Url::parse(url).map_err(|error| Error::new(format!("the URL: {error}")))?;
        for _ in 0..HOPS {
            let asked = timeout(PATIENCE, ask(&url, roots.as_ref())).await;
            let late = || {
                Error::new(format!(
                    "{}: no answer within {} s",
                    shown(&url),
                    PATIENCE.as_secs()
                ))
            };
            let response = asked.map_err(|_| late())??;
            let answer = answer(&url, &response);
            let elsewhere =
                location(&url, &response).filter(|_| live_cookie::all(&answer).is_empty());
            match elsewhere {
                Some(next) => url = next,
                None => {
                    return Ok(Self {
                        sources: vec![answer.url.clone()],
                        answer: Some(answer),
                        ..Self::default()
                    });
                }
            }
        }
        Err(Error::new(format!(
            "{}: redirected more than {HOPS} times",
            shown(&url)
        )))
    }
}

async fn ask(url: &Url, roots: Option<&RootCertStore>) -> Result<Response<Incoming>, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::new(format!("{}: {error}", shown(url)));
    let https = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => {
            return Err(Error::new(
                "the URL begins neither with https: nor with http:",
            ));
        }
    };
    let host = url.host().ok_or_else(|| failed(&"it names no host"))?;
    let port = url.port_or_known_default().unwrap_or(443);
    let address = match &host {
        Host::Domain(name) => (*name).to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    let socket = TcpStream::connect((address.as_str(), port)).await;
    let socket = socket.map_err(|error| failed(&error))?;
    if !https {
        return send(url, socket).await;
    }
    let name = ServerName::try_from(address).map_err(|error| failed(&error))?;
    let secured = connector(roots)?.connect(name, socket).await;
    send(url, secured.map_err(|error| failed(&error))?).await
}

async fn send<S>(url: &Url, socket: S) -> Result<Response<Incoming>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| Error::new(format!("{}: {error}", shown(url)));
    let handshake = http1::handshake(TokioIo::new(socket)).await;
    let (mut sender, connection) = handshake.map_err(failed)?;
    // It ends with the sender; what it fails with is told by the answer.
    let moving = tokio::spawn(connection);
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let request = Request::get(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .header(header::HOST, host)
        .header(
            header::USER_AGENT,
            concat!("abiding-doctor/", env!("CARGO_PKG_VERSION")),
        )
        .header(header::ACCEPT, "text/html,*/*")
        .body(Empty::<Bytes>::new())
        .map_err(|error| Error::new(format!("{}: {error}", shown(url))))?;
    let response = sender.send_request(request).await;
    moving.abort();
    response.map_err(failed)
}

fn read_roots(path: &Path) -> Result<RootCertStore, Error> {
    let unusable = |why: &dyn std::fmt::Display| {
        let path = path.display();
        Error::new(format!("{path}: no certificates to trust: {why}"))
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        let added = roots.add(certificate);
        added.map_err(|error| unusable(&error))?;
    }
    if roots.is_empty() {
        return Err(unusable(&"there is none in it"));
    }
    Ok(roots)
}

/// Trusts these, or what the system trusts.
fn connector(roots: Option<&RootCertStore>) -> Result<TlsConnector, Error> {
    let roots = roots.cloned().unwrap_or_else(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    });
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Error::new(format!("there is no usable TLS: {error}")))?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn answer(url: &Url, response: &Response<Incoming>) -> Answer {
    let headers = response.headers().iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    Answer {
        url: shown(url),
        https: url.scheme() == "https",
        loopback,
        headers: headers.collect(),
    }
}

fn location(url: &Url, response: &Response<Incoming>) -> Option<Url> {
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    let next = response
        .status()
        .is_redirection()
        .then(|| url.join(location).ok())?;
    next.filter(|next| matches!(next.scheme(), "http" | "https"))
}

/// Without user, password, query and fragment, any of which may be a secret.
fn shown(url: &Url) -> String {
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    format!("{}://{host}{}", url.scheme(), url.path())
}

#[cfg(test)]
mod tests {
    use abiding_testkit::servers::{Folder, certify};
    use rustls::{ServerConfig, pki_types::PrivateKeyDer};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::{Silences, examine};

    /// A server that answers each request with the next of these, and the port where it listens.
    async fn serve(answers: &'static [&'static str]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            for answer in answers {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let read = socket.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..read]).to_ascii_lowercase();
                assert!(request.contains("host: 127.0.0.1:"), "{request}");
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        port
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_page_is_judged_by_its_headers_behind_redirections() {
        let port = serve(&[
            "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nSet-Cookie: session=e30.aYAOgA.KCW6GhmsgvkWOxJ3HJCvbl-bnLw; Path=/\r\nContent-Length: 0\r\n\r\n",
        ])
        .await;
        let facts = Facts::of_url(&format!(
            "http://user:canary@127.0.0.1:{port}/?token=canary"
        ))
        .await
        .unwrap();
        let report = examine(&facts, &Silences::default());
        let rules: Vec<_> = report
            .findings()
            .iter()
            .map(|finding| finding.rule.id)
            .collect();
        assert_eq!(rules, ["DR-3", "U02", "U06", "U03"], "{report}");
        assert!(!report.to_string().contains("canary"));
        assert!(report.findings()[0].origin.place.ends_with("/next"));
    }

    /// A server that speaks TLS with the key in this folder, and answers each visitor whom its certificate suits the same.
    async fn serve_safely(folder: &Folder, answer: &'static str) -> u16 {
        let certificate = CertificateDer::from_pem_file(folder.file("certificate")).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.file("key")).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let Ok(mut socket) = acceptor.accept(socket).await else {
                    continue;
                };
                let mut request = [0; 1024];
                let _ = socket.read(&mut request).await.unwrap();
                socket.write_all(answer.as_bytes()).await.unwrap();
                let _ = socket.shutdown().await;
            }
        });
        port
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_page_behind_tls_is_judged_where_its_certificate_is_trusted() {
        let folder = Folder::new("doctor");
        if certify(&folder).is_none() {
            return;
        }
        let port = serve_safely(
            &folder,
            "HTTP/1.1 200 OK\r\nSet-Cookie: session=abc; Path=/; Secure; HttpOnly; SameSite=Lax\r\n\
             Cache-Control: no-store\r\nContent-Length: 0\r\n\r\n",
        )
        .await;
        let url = format!("https://127.0.0.1:{port}/");
        let roots = folder.file("certificate");
        let facts = Facts::of_url_trusting(&url, Some(&roots)).await.unwrap();
        let report = examine(&facts, &Silences::default());
        let findings = report.findings().iter();
        let rules: Vec<_> = findings.map(|finding| finding.rule.id).collect();
        assert_eq!(rules, ["U04"], "{report}");

        let error = Facts::of_url(&url).await.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
        let error = Facts::of_url_trusting(&url, Some(&folder.file("key")))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("no certificates"), "{error}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_cannot_be_asked_is_told_without_the_password() {
        let port = serve(&["nonsense\r\n\r\n"]).await;
        for url in [
            format!("http://user:canary@127.0.0.1:{port}/"),
            "ftp://user:canary@127.0.0.1/".to_owned(),
            "canary".to_owned(),
            // Nobody listens there.
            "http://user:canary@127.0.0.1:1/".to_owned(),
        ] {
            let error = Facts::of_url(&url).await.unwrap_err().to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
