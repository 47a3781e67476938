//! A visitor made of code: sends requests to this very server over real HTTP and keeps its cookie.
//!
//! Each request has a connection of its own, so that many of them really are under way at once.

use std::{fmt, io, net::SocketAddr};

use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

/// Who sends, and with which cookie.
#[derive(Clone)]
pub(crate) struct Visitor {
    server: SocketAddr,
    cookie: Option<String>,
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// The cookie it sets, as it is sent back.
    pub(crate) cookie: Option<String>,
    pub(crate) body: Bytes,
}

impl Visitor {
    /// Somebody the server has never seen.
    pub(crate) fn stranger(server: SocketAddr) -> Self {
        Self {
            server,
            cookie: None,
        }
    }

    /// The same visitor with another cookie.
    pub(crate) fn with_cookie(&self, cookie: Option<String>) -> Self {
        Self {
            cookie,
            ..self.clone()
        }
    }

    /// Asks for a page.
    pub(crate) async fn get(&self, path: &str) -> io::Result<Reply> {
        self.send(Method::GET, path).await
    }

    /// Posts everything that stands in the path.
    pub(crate) async fn post(&self, path: &str) -> io::Result<Reply> {
        self.send(Method::POST, path).await
    }

    /// Posts to all the paths at once, each on a connection of its own.
    pub(crate) fn post_all(
        &self,
        paths: impl Iterator<Item = String>,
    ) -> JoinSet<io::Result<Reply>> {
        let mut replies = JoinSet::new();
        for path in paths {
            let visitor = self.clone();
            replies.spawn(async move { visitor.post(&path).await });
        }
        replies
    }

    async fn send(&self, method: Method, path: &str) -> io::Result<Reply> {
        let stream = TcpStream::connect(self.server).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.server.to_string())
            .header(header::CONNECTION, "close")
            .header("sec-fetch-site", "same-origin");
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(io::Error::other)?;
        let response = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        let (status, cookie) = (response.status(), set_cookie(response.headers()));
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(io::Error::other)?
            .to_bytes();
        Ok(Reply {
            status,
            cookie,
            body,
        })
    }
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// `name=value` of the cookie that is set; a removal is none.
fn set_cookie(headers: &HeaderMap) -> Option<String> {
    let cookie = headers.get(header::SET_COOKIE)?.to_str().ok()?;
    let pair = cookie.split(';').next()?;
    (!pair.ends_with('=')).then(|| pair.to_owned())
}
