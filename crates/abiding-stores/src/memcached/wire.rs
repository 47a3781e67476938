//! Commands and replies as they go over the wire.
//!
//! Reads and deletions are meta commands, which answer in one line and compare. Writes are the classic `add`
//! and `cas`: a meta set that does not fit removes what was there, and a classic `cas` leaves it.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// What a server numbers the states of an item by; good for one life of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cas(pub(super) u64);

/// Some commands that go out together, each with one reply.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) replies: usize,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// What lies under a name, and its number.
    pub(super) fn get(self, name: &str) -> Self {
        self.line(&format!("mg {name} v c"))
    }

    /// The same, and how long it is still kept.
    #[cfg(feature = "flask")]
    pub(super) fn look(self, name: &str) -> Self {
        self.line(&format!("mg {name} v c t"))
    }

    /// Moves the end of what lies under a name.
    #[cfg(feature = "flask")]
    pub(super) fn touch(self, name: &str, expiry: i64) -> Self {
        self.line(&format!("mg {name} T{expiry}"))
    }

    /// Stores a value where none is.
    pub(super) fn add(self, name: &str, value: &[u8], expiry: i64) -> Self {
        let length = value.len();
        self.line(&format!("add {name} 0 {expiry} {length}"))
            .data(value)
    }

    /// Stores a value in the place of the one with this number.
    pub(super) fn replace(self, name: &str, value: &[u8], expiry: i64, cas: Cas) -> Self {
        let (length, Cas(cas)) = (value.len(), cas);
        self.line(&format!("cas {name} 0 {expiry} {length} {cas}"))
            .data(value)
    }

    /// Removes the value with this number.
    pub(super) fn remove(self, name: &str, cas: Cas) -> Self {
        self.line(&format!("md {name} C{}", cas.0))
    }

    /// Removes whatever lies under a name.
    #[cfg(feature = "flask")]
    pub(super) fn remove_any(self, name: &str) -> Self {
        self.line(&format!("md {name}"))
    }

    /// Which settings or counts the server has.
    pub(super) fn stats(self, of: &str) -> Self {
        self.line(format!("stats {of}").trim_end())
    }

    fn line(mut self, line: &str) -> Self {
        self.bytes.extend(line.as_bytes());
        self.bytes.extend(b"\r\n");
        self.replies += 1;
        self
    }

    fn data(mut self, value: &[u8]) -> Self {
        self.bytes.extend(value);
        self.bytes.extend(b"\r\n");
        self
    }
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Stored or removed.
    Done,
    /// There is another state of it.
    Exists,
    /// There is nothing of this name.
    Missing,
    /// There is something already.
    NotStored,
    /// The server refused the command, in its words; it had no effect.
    Refused(String),
    /// Names and values.
    Stats(Vec<(String, String)>),
    /// A value, its number, and for how many seconds it is still kept, if that was asked and there is an end.
    Value(Vec<u8>, Cas, Option<u64>),
}

impl Reply {
    /// The next reply.
    ///
    /// # Errors
    /// If the connection ends, or says what no server says; nothing that follows can be trusted then.
    pub(super) async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Self> {
        let mut stats = Vec::new();
        loop {
            let line = line(from).await?;
            let mut words = line.split(' ');
            return match words.next().unwrap_or_default() {
                "STORED" | "HD" => Ok(Self::Done),
                "EXISTS" | "EX" => Ok(Self::Exists),
                "NOT_FOUND" | "NF" | "EN" => Ok(Self::Missing),
                "NOT_STORED" | "NS" => Ok(Self::NotStored),
                "END" => Ok(Self::Stats(stats)),
                "ERROR" | "CLIENT_ERROR" | "SERVER_ERROR" => Ok(Self::Refused(line)),
                "STAT" if stats.len() < MOST_STATS => {
                    let name = words.next().unwrap_or_default();
                    stats.push((name.to_owned(), words.collect::<Vec<_>>().join(" ")));
                    continue;
                }
                "VA" => {
                    let length = words.next().and_then(|length| length.parse().ok());
                    let (mut cas, mut left) = (None, None);
                    for word in words {
                        if let Some(number) = word.strip_prefix('c') {
                            cas = number.parse().ok();
                        } else if let Some(seconds) = word.strip_prefix('t') {
                            // -1 is for ever.
                            left = seconds.parse().ok();
                        }
                    }
                    let (Some(length), Some(cas)) = (length, cas) else {
                        return Err(unexpected());
                    };
                    Ok(Self::Value(value(from, length).await?, Cas(cas), left))
                }
                _ => Err(unexpected()),
            };
        }
    }
}

async fn line(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<String> {
    let mut line = Vec::new();
    from.take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.strip_suffix(b"\r\n").ok_or_else(unexpected)?;
    String::from_utf8(line.to_vec()).map_err(|_| unexpected())
}

async fn value(from: &mut (impl AsyncBufRead + Unpin), length: usize) -> io::Result<Vec<u8>> {
    if length > LARGEST {
        return Err(unexpected());
    }
    let mut value = vec![0; length + 2];
    from.read_exact(&mut value).await?;
    if !value.ends_with(b"\r\n") {
        return Err(unexpected());
    }
    value.truncate(length);
    Ok(value)
}

fn unexpected() -> io::Error {
    let what = "an answer of an unknown shape: is it a memcached of version 1.6 or later?";
    io::Error::new(io::ErrorKind::InvalidData, what)
}

const LONGEST_LINE: u64 = 4_096;
const MOST_STATS: usize = 1_000;
/// Larger than any session.
const LARGEST: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> io::Result<Vec<Reply>> {
        let mut rest = bytes;
        let mut replies = Vec::new();
        while !rest.is_empty() {
            replies.push(Reply::read(&mut rest).await?);
        }
        Ok(replies)
    }

    #[tokio::test]
    async fn replies_are_read_one_after_the_other() {
        let replies = read(
            b"VA 4 c7\r\n\r\nEN\r\nVA 1 c8 t60\r\nx\r\nVA 1 c9 t-1\r\ny\r\nEN\r\nSTORED\r\nSERVER_ERROR object too large for cache\r\nSTAT a b c\r\nEND\r\nNF\r\n",
        );
        let stats = vec![("a".into(), "b c".into())];
        let expected = [
            Reply::Value(b"\r\nEN".to_vec(), Cas(7), None),
            Reply::Value(b"x".to_vec(), Cas(8), Some(60)),
            Reply::Value(b"y".to_vec(), Cas(9), None),
            Reply::Missing,
            Reply::Done,
            Reply::Refused("SERVER_ERROR object too large for cache".into()),
            Reply::Stats(stats),
            Reply::Missing,
        ];
        assert_eq!(replies.await.unwrap(), expected);
    }

    #[tokio::test]
    async fn what_no_server_says_is_an_error_and_takes_no_memory() {
        for bytes in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"VA 99999999999 c1\r\n",
            b"VA 3 c1\r\nabcd\r\n",
            b"VA 3\r\nabc\r\n",
            b"VA 3 c1\r\nab",
            b"STORED",
            &[b'x'; 10_000],
        ] {
            assert!(
                read(bytes).await.is_err(),
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }
}
