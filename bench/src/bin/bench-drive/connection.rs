//! A keep-alive connection to a server, with the cookie of one visitor.
//!
//! Speaks as much HTTP/1.1 as the benchmark servers answer: a status, `Content-Length`, `Set-Cookie`.

use std::{io, net::Ipv4Addr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// One connection and one cookie.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// `name=value`, as the browser would send it.
    pub(crate) cookie: Option<String>,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) sets_cookie: bool,
    pub(crate) body: String,
}

impl Connection {
    pub(crate) async fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(8 * 1024),
            cookie: None,
        })
    }

    /// Asks for `target` and keeps the cookie that comes back.
    pub(crate) async fn get(&mut self, target: &str) -> io::Result<Answer> {
        self.buffer.clear();
        for part in ["GET ", target, " HTTP/1.1\r\nHost: localhost\r\n"] {
            self.buffer.extend_from_slice(part.as_bytes());
        }
        if let Some(cookie) = &self.cookie {
            for part in ["Cookie: ", cookie, "\r\n"] {
                self.buffer.extend_from_slice(part.as_bytes());
            }
        }
        self.buffer.extend_from_slice(b"\r\n");
        self.stream.write_all(&self.buffer).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> io::Result<Answer> {
        self.buffer.clear();
        let head_end = loop {
            self.read_more().await?;
            if let Some(at) = self
                .buffer
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                break at + 4;
            }
        };
        let head = std::str::from_utf8(&self.buffer[..head_end]).map_err(|_| malformed())?;
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.get(9..12))
            .and_then(|code| code.parse().ok());
        let (mut length, mut set_cookie) = (0, None);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(|_| malformed())?;
            } else if name.eq_ignore_ascii_case("set-cookie") {
                set_cookie = Some(kept_cookie(value.trim()));
            }
        }
        let sets_cookie = set_cookie.is_some();
        if let Some(cookie) = set_cookie {
            self.cookie = cookie;
        }
        while self.buffer.len() < head_end + length {
            self.read_more().await?;
        }
        let body = String::from_utf8_lossy(&self.buffer[head_end..]).into_owned();
        Ok(Answer {
            status: status.ok_or_else(malformed)?,
            sets_cookie,
            body,
        })
    }

    async fn read_more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// What a browser keeps of a `Set-Cookie` value; nothing if it takes the cookie away.
fn kept_cookie(value: &str) -> Option<String> {
    let (pair, attributes) = value.split_once(';').unwrap_or((value, ""));
    let removes = attributes
        .split(';')
        .any(|attribute| attribute.trim().eq_ignore_ascii_case("max-age=0"));
    (!removes).then(|| pair.to_owned())
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "an answer that is no HTTP/1.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_kept_without_its_attributes_and_dropped_when_it_is_removed() {
        assert_eq!(
            kept_cookie("sid=abc; Path=/; Max-Age=60").as_deref(),
            Some("sid=abc")
        );
        assert_eq!(kept_cookie("sid=; Path=/; Max-Age=0"), None);
    }
}
