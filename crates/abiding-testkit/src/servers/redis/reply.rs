//! One command, and what a server answers.

use std::io::{self, BufRead, BufReader, Read, Write};

/// Sends a command on a connection of its own.
pub(super) fn exchange(mut stream: impl Read + Write, arguments: &[&[u8]]) -> io::Result<Reply> {
    let mut command = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        write!(command, "${}\r\n", argument.len())?;
        command.extend_from_slice(argument);
        command.extend_from_slice(b"\r\n");
    }
    stream.write_all(&command)?;
    Reply::read(&mut BufReader::new(stream))
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// Several.
    Array(Vec<Self>),
    /// Any bytes.
    Bytes(Vec<u8>),
    /// A refusal.
    Error(String),
    /// A number.
    Integer(i64),
    /// Nothing.
    Nil,
    /// A word, such as `OK`.
    Status(String),
}

impl Reply {
    /// The bytes, as text.
    ///
    /// # Panics
    /// If it is no text.
    pub fn text(&self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Status(text) => text.clone(),
            other => panic!("{other:?} is no text"),
        }
    }

    /// The number.
    ///
    /// # Panics
    /// If it is no number.
    pub fn integer(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            other => panic!("{other:?} is no number"),
        }
    }

    /// The parts; none of what is no array.
    pub fn array(self) -> Vec<Self> {
        match self {
            Self::Array(parts) => parts,
            _ => vec![],
        }
    }

    fn read(from: &mut impl BufRead) -> io::Result<Self> {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let line = line.trim_end();
        let malformed = || io::Error::other(format!("not a reply: {line:?}"));
        let (kind, rest) = line.split_at_checked(1).ok_or_else(malformed)?;
        let number = || rest.parse::<i64>().map_err(|_| malformed());
        Ok(match kind {
            "+" => Self::Status(rest.into()),
            "-" => Self::Error(rest.into()),
            ":" => Self::Integer(number()?),
            "$" => match usize::try_from(number()?) {
                Err(_) => Self::Nil,
                Ok(length) => {
                    let mut bytes = vec![0; length + 2];
                    from.read_exact(&mut bytes)?;
                    bytes.truncate(length);
                    Self::Bytes(bytes)
                }
            },
            "*" => match usize::try_from(number()?) {
                Err(_) => Self::Nil,
                Ok(length) => Self::Array(
                    (0..length)
                        .map(|_| Self::read(from))
                        .collect::<io::Result<_>>()?,
                ),
            },
            _ => return Err(malformed()),
        })
    }
}
