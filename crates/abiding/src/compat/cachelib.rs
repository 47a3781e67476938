//! The files of cachelib's `FileSystemCache`, where `SESSION_TYPE = "filesystem"` keeps sessions.
//!
//! One file a session, named by a hash of its key: an expiry, then a pickle. Nothing here opens a
//! file; the caller reads names and bytes from the directory and writes them to it.
//!
//! Two things changed over the years, and both ways are read and written: the expiry was itself a
//! pickle before cachelib 0.7 ([`Header`]), and the name was an MD5 before 0.16 ([`NameHash`]).

use aws_lc_rs::digest;

use super::{Dict, Float, Value, pickle};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind, Result},
    id::hex,
};

/// How a file's name is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameHash {
    /// MD5, up to cachelib 0.15. It names files; no secret rests on it.
    Md5,
    /// SHA-256, from cachelib 0.16
    #[default]
    Sha256,
}

/// How a file's expiry is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Header {
    /// Four bytes, least significant first, from cachelib 0.7. (A big-endian host writes them the
    /// other way round; such files are not read.)
    #[default]
    Binary,
    /// A pickled number, before cachelib 0.7
    Pickled,
}

/// A session as it lies in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    expires: u32,
    session: Dict,
}

impl Entry {
    /// A session that ends at this second since the Unix epoch; 0 for one that never ends.
    pub fn new(session: Dict, expires: u32) -> Self {
        Self { expires, session }
    }

    /// Reads a file, whichever cachelib wrote it. cachelib's own count of files is no session.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let (expires, rest) = split(bytes)?;
        Ok(Self {
            expires,
            session: pickle::read(rest)?,
        })
    }

    /// The file's bytes. The pickle is in protocol 4, which every supported Python reads.
    pub fn write(&self, header: Header) -> Result<Vec<u8>> {
        Ok(join(self.expires, header, &pickle::write(&self.session)?))
    }

    /// Whether cachelib would still return it: until and with the second of expiry.
    pub fn is_live_at(&self, now: Timestamp) -> bool {
        self.expires == 0 || i64::from(self.expires) * 1_000 >= now.as_millis()
    }

    /// The second since the Unix epoch with which it ends; 0 if it never does.
    pub fn expires(&self) -> u32 {
        self.expires
    }

    /// The session.
    pub fn session(&self) -> &Dict {
        &self.session
    }

    /// The session.
    pub fn into_session(self) -> Dict {
        self.session
    }
}

/// The second with which a file ends, 0 for never, and the pickle behind it. Whichever cachelib wrote it.
pub fn split(bytes: &[u8]) -> Result<(u32, &[u8])> {
    // A pickle begins with 80 and its protocol: behind four bytes, or at once.
    match bytes {
        [a, b, c, d, rest @ ..] if matches!(rest, [0x80, 2..=5, ..]) => {
            Ok((u32::from_le_bytes([*a, *b, *c, *d]), rest))
        }
        _ => {
            let (expires, end) = pickle::read_first(bytes)?;
            Ok((whole_seconds(&expires)?, &bytes[end..]))
        }
    }
}

/// A file of a pickle that ends with this second, 0 for never.
pub fn join(expires: u32, header: Header, pickle: &[u8]) -> Vec<u8> {
    let mut bytes = match header {
        Header::Binary => expires.to_le_bytes().to_vec(),
        Header::Pickled => pickled_number(expires),
    };
    bytes.extend_from_slice(pickle);
    bytes
}

/// The file that says how many sessions cachelib believes there are.
pub fn count_name(hash: NameHash) -> String {
    file_name(COUNT_KEY, hash)
}

/// That count with one session less; nothing if the bytes are no such count.
///
/// cachelib removes the oldest sessions where it believes that there are too many. Whoever removes one
/// has to say so; a count that is too low does no harm.
pub fn count_less_one(bytes: &[u8]) -> Option<Vec<u8>> {
    let (_, rest) = split(bytes).ok()?;
    let (count, _) = pickle::read_first(rest).ok()?;
    let fewer = whole_seconds(&count).ok()?.checked_sub(1)?;
    let head = &bytes[..bytes.len() - rest.len()];
    Some([head, &pickled_number(fewer)].concat())
}

/// The name of the file for a store key, which is the prefix and the session id.
pub fn file_name(key: &str, hash: NameHash) -> String {
    match hash {
        NameHash::Md5 => format!("{:x}", md5::compute(key)),
        NameHash::Sha256 => hex(digest::digest(&digest::SHA256, key.as_bytes()).as_ref()),
    }
}

/// Whether a file of this name may be a session: not half written, and not cachelib's own count.
pub fn is_session_name(name: &str) -> bool {
    let hashed = matches!(name.len(), 32 | 64)
        && name
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let count = |hash| name == file_name(COUNT_KEY, hash);
    hashed && !count(NameHash::Md5) && !count(NameHash::Sha256)
}

/// The key under which cachelib counts its files.
const COUNT_KEY: &str = "__wz_cache_count";

/// Old versions kept fractions of a second.
fn whole_seconds(expires: &Value) -> Result<u32> {
    let whole = match expires {
        Value::Int(int) => int.as_u64().and_then(|int| u32::try_from(int).ok()),
        Value::Float(float) => seconds_of(*float),
        _ => None,
    };
    whole.ok_or_else(|| {
        Error::new(
            ErrorKind::Corrupt,
            "read a cache file",
            "the expiry is no time",
        )
    })
}

fn seconds_of(float: Float) -> Option<u32> {
    let seconds = float.get();
    (0.0..=f64::from(u32::MAX))
        .contains(&seconds)
        .then_some(seconds as u32)
}

/// The number as CPython pickles it in protocol 5.
fn pickled_number(number: u32) -> Vec<u8> {
    let bytes = number.to_le_bytes();
    let mut body = match number {
        0..0x100 => vec![b'K', bytes[0]],
        0x100..0x1_0000 => vec![b'M', bytes[0], bytes[1]],
        0x1_0000..0x8000_0000 => [&b"J"[..], &bytes].concat(),
        _ => [&b"\x8a\x05"[..], &bytes, b"\0"].concat(),
    };
    body.push(b'.');
    let mut pickled = vec![0x80, 5];
    // A frame pays from four bytes on.
    if body.len() >= 4 {
        pickled.push(0x95);
        pickled.extend((body.len() as u64).to_le_bytes());
    }
    pickled.extend(body);
    pickled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_counted_down_to_nothing() {
        let five = b"\0\0\0\0\x80\x05K\x02.".to_vec();
        let four = count_less_one(&five).unwrap();
        assert_eq!(four, b"\0\0\0\0\x80\x05K\x01.");
        let none = count_less_one(&four).unwrap();
        assert_eq!(count_less_one(&none), None);
        assert_eq!(count_less_one(b"no count"), None);
        assert_eq!(
            count_less_one(b"\x80\x05K\0.\x80\x05K\x07.").unwrap(),
            b"\x80\x05K\0.\x80\x05K\x06."
        );
    }

    #[test]
    fn an_entry_is_live_until_and_with_its_second() {
        let entry = Entry::new(Dict::new(), 1_000);
        for (millis, live) in [(999_000, true), (1_000_000, true), (1_000_001, false)] {
            assert_eq!(entry.is_live_at(Timestamp::from_millis(millis)), live);
        }
        assert!(Entry::new(Dict::new(), 0).is_live_at(Timestamp::MAX));
    }

    #[test]
    fn every_size_of_expiry_survives_both_headers() {
        for expires in [0, 255, 256, 65_535, 65_536, 1_770_000_000, u32::MAX] {
            let entry = Entry::new(Dict::new(), expires);
            for header in [Header::Binary, Header::Pickled] {
                assert_eq!(Entry::read(&entry.write(header).unwrap()).unwrap(), entry);
            }
        }
    }

    #[test]
    fn names_that_are_no_sessions_are_told_apart() {
        for (name, session) in [
            (file_name("session:1", NameHash::Md5), true),
            (file_name("session:1", NameHash::Sha256), true),
            (file_name(COUNT_KEY, NameHash::Md5), false),
            (file_name(COUNT_KEY, NameHash::Sha256), false),
            ("tmpabc.__wz_cache".to_owned(), false),
            (".gitkeep".to_owned(), false),
        ] {
            assert_eq!(is_session_name(&name), session, "{name}");
        }
    }
}
