//! The way to Flask: a request that has no route here is handed on, and the answer handed back.

use std::{error::Error, io::Write as _, net::SocketAddr, sync::Arc};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request},
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Where Flask listens.
#[derive(Clone)]
pub(crate) struct Flask(Arc<str>);

impl Flask {
    pub(crate) fn at(address: &str) -> Self {
        Self(address.into())
    }

    /// Has Flask answer a request. `Host` stays what the visitor asked for; who asked is told in `X-Forwarded-For`.
    pub(crate) async fn pass(
        self,
        ConnectInfo(from): ConnectInfo<SocketAddr>,
        request: Request,
    ) -> Response {
        self.ask(from, request).await.unwrap_or_else(|error| {
            let _ = writeln!(std::io::stderr(), "Flask does not answer: {error}");
            StatusCode::BAD_GATEWAY.into_response()
        })
    }

    async fn ask(
        &self,
        from: SocketAddr,
        mut request: Request,
    ) -> Result<Response, Box<dyn Error>> {
        let path = request.uri().path_and_query();
        *request.uri_mut() =
            path.map_or_else(|| Ok(Uri::from_static("/")), |path| path.as_str().parse())?;
        for name in OF_ONE_CONNECTION {
            request.headers_mut().remove(name);
        }
        let from = HeaderValue::from_str(&from.ip().to_string())?;
        request.headers_mut().insert(FORWARDED_FOR, from);

        let stream = TcpStream::connect(&*self.0).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the answer; what goes wrong, the answer's body tells.
        tokio::spawn(connection);
        let mut answer = sender.send_request(request).await?;
        for name in OF_ONE_CONNECTION {
            answer.headers_mut().remove(name);
        }
        Ok(answer.map(Body::new))
    }
}

/// Headers that speak of the connection, and not of what travels on it (RFC 9110, section 7.6.1).
const OF_ONE_CONNECTION: [HeaderName; 5] = [
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
