//! Flask's session cookie: tagged JSON, compressed when that is shorter, signed with the time.
//!
//! Readable by the visitor, not changeable. Nothing is decoded before the signature holds, and a
//! payload grows to at most [`CookieCodec::MAX_JSON`] bytes. The caller passes the time and the
//! lifetime.

use std::{cell::RefCell, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::{
    Dict, Value, plain,
    signer::{Derivation, Digest, Refusal, Secrets, Signer, decode_base64, read_time},
    tagged,
};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind, Result},
};

/// Reads and writes the value of Flask's session cookie.
///
/// ```
/// use std::time::Duration;
///
/// use abiding::{Timestamp, compat::{Dict, cookie::CookieCodec, signer::Secrets}};
///
/// let codec = CookieCodec::new(Secrets::new("dev-secret-key-change-in-production")?);
/// let now = Timestamp::from_millis(1_770_000_000_000);
///
/// let cookie = codec.write(&Dict::new(), now)?;
/// assert_eq!(cookie, "e30.aYAOgA.KCW6GhmsgvkWOxJ3HJCvbl-bnLw");
///
/// let session = codec.read(&cookie, now, Duration::from_secs(86_400))?;
/// assert_eq!(session, Some(Dict::new()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CookieCodec {
    secrets: Secrets,
    salt: Vec<u8>,
    derivation: Derivation,
    digest: Digest,
    sort_keys: bool,
    signer: Signer,
}

impl CookieCodec {
    /// The longest JSON text that a cookie may unfold to. The cookie itself has about 4 KB.
    pub const MAX_JSON: usize = 1 << 20;

    /// Flask's own settings: salt `cookie-session`, derivation `hmac`, SHA-1, sorted keys.
    pub fn new(secrets: Secrets) -> Self {
        let (salt, derivation, digest) = (b"cookie-session", Derivation::Hmac, Digest::Sha1);
        Self {
            signer: Signer::new(&secrets, salt, derivation, digest),
            secrets,
            salt: salt.to_vec(),
            derivation,
            digest,
            sort_keys: true,
        }
    }

    /// Another salt, for an application that changed `SecureCookieSessionInterface.salt`.
    #[must_use]
    pub fn with_salt(mut self, salt: impl AsRef<[u8]>) -> Self {
        self.salt = salt.as_ref().to_vec();
        self.keyed()
    }

    /// Another `key_derivation`.
    #[must_use]
    pub fn with_derivation(mut self, derivation: Derivation) -> Self {
        self.derivation = derivation;
        self.keyed()
    }

    /// Another `digest_method`.
    #[must_use]
    pub fn with_digest(mut self, digest: Digest) -> Self {
        self.digest = digest;
        self.keyed()
    }

    /// Whether keys are written in order (`app.json.sort_keys`, on by default).
    #[must_use]
    pub fn with_sorted_keys(mut self, sort_keys: bool) -> Self {
        self.sort_keys = sort_keys;
        self
    }

    fn keyed(mut self) -> Self {
        self.signer = Signer::new(&self.secrets, &self.salt, self.derivation, self.digest);
        self
    }

    /// The cookie for this session, signed now.
    ///
    /// An error of kind [`Encode`](ErrorKind::Encode) names the key and the type that Flask cannot
    /// write either.
    pub fn write(&self, session: &Dict, now: Timestamp) -> Result<String> {
        self.write_json(&tagged::write(session, self.sort_keys)?, now)
    }

    /// The same for a host that spells its sessions itself, as Flask would: tagged, keys in order, in ASCII.
    ///
    /// # Errors
    /// [`Encode`](ErrorKind::Encode) if it cannot be compressed.
    pub fn write_json(&self, json: &str, now: Timestamp) -> Result<String> {
        let packed = pack(json.as_bytes())?;
        let payload = if packed.len() + 1 < json.len() {
            format!(".{}", URL_SAFE_NO_PAD.encode(packed))
        } else {
            URL_SAFE_NO_PAD.encode(json)
        };
        Ok(self.signer.sign_at(&payload, now))
    }

    /// The session in this cookie. `None` is what Flask answers with a new session: not signed by us,
    /// too old, or from the future. An error of kind [`Corrupt`](ErrorKind::Corrupt) is what makes
    /// Flask fail the request: signed by us and unreadable all the same.
    pub fn read(&self, cookie: &str, now: Timestamp, max_age: Duration) -> Result<Option<Dict>> {
        match self.signer.unsign_at(cookie, now, max_age) {
            Ok(payload) => read_payload(payload).map(Some),
            Err(Refusal::Expired | Refusal::Malformed | Refusal::Signature) => Ok(None),
        }
    }

    /// The JSON of the session in this cookie, for hosts that have a reader of their own. Flask's tags are in it, and
    /// nothing but the signature was looked at: what [`read`](Self::read) refuses may be here.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) for what is signed by us and no cookie of a session.
    pub fn read_json(
        &self,
        cookie: &str,
        now: Timestamp,
        max_age: Duration,
    ) -> Result<Option<Vec<u8>>> {
        match self.signer.unsign_at(cookie, now, max_age) {
            Ok(payload) => json_of(payload).map(Some),
            Err(Refusal::Expired | Refusal::Malformed | Refusal::Signature) => Ok(None),
        }
    }

    /// The session in this cookie, when it was signed, and whether another key than the one that signs
    /// had done so. The outer error is what [`read`](Self::read) answers with `None`, the inner one what it
    /// answers with an error.
    ///
    /// # Errors
    /// Why nothing vouches for it.
    pub fn open(
        &self,
        cookie: &str,
        now: Timestamp,
        max_age: Duration,
    ) -> Result<Result<(Dict, Timestamp, bool)>, Refusal> {
        let (payload, signed, old_key) = self.signer.open_at(cookie, now, max_age)?;
        Ok(read_payload(payload).map(|dict| (dict, signed, old_key)))
    }

    /// [`open`](Self::open), with the session as [`Dict::to_json`] writes it.
    ///
    /// # Errors
    /// Why nothing vouches for it.
    pub fn open_json(
        &self,
        cookie: &str,
        now: Timestamp,
        max_age: Duration,
    ) -> Result<Result<(String, Timestamp, bool)>, Refusal> {
        let (payload, signed, old_key) = self.signer.open_at(cookie, now, max_age)?;
        Ok(retell(payload).map(|json| (json, signed, old_key)))
    }

    /// What a cookie says, whoever made it, and when it says it was signed: for tools that show it. Nothing
    /// vouches for any of it.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) for what is no such cookie.
    pub fn danger_read_unsigned(cookie: &str) -> Result<(Dict, Timestamp)> {
        let (payload, signed) = danger_parts(cookie)?;
        Ok((read_payload(payload)?, signed))
    }

    /// [`danger_read_unsigned`](Self::danger_read_unsigned), with the session as [`Dict::to_json`] writes it.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) for what is no such cookie.
    pub fn danger_read_unsigned_json(cookie: &str) -> Result<(String, Timestamp)> {
        let (payload, signed) = danger_parts(cookie)?;
        Ok((retell(payload)?, signed))
    }

    /// The signer that [`CookieCodec::read`] asks first, for whoever wants to know why not.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }
}

/// The payload of a cookie and the time that it says.
fn danger_parts(cookie: &str) -> Result<(&str, Timestamp)> {
    let mut parts = cookie.rsplitn(3, '.');
    let (_, time, payload) = (parts.next(), parts.next(), parts.next());
    payload
        .zip(time.and_then(read_time))
        .ok_or_else(|| corrupt("it has not the three parts of a signed cookie"))
}

fn json_of(payload: &str) -> Result<Vec<u8>> {
    let (packed, payload) = match payload.strip_prefix('.') {
        Some(packed) => (true, packed),
        None => (false, payload),
    };
    let bytes = decode_base64(payload.as_bytes());
    let bytes = bytes.ok_or_else(|| corrupt("the payload is not base64"))?;
    if packed { unpack(&bytes) } else { Ok(bytes) }
}

fn retell(payload: &str) -> Result<String> {
    let json = json_of(payload)?;
    match std::str::from_utf8(&json).ok().and_then(plain::retell) {
        Some(told) => Ok(told),
        None => dict_of(&json)?.to_json(),
    }
}

fn read_payload(payload: &str) -> Result<Dict> {
    dict_of(&json_of(payload)?)
}

fn dict_of(json: &[u8]) -> Result<Dict> {
    match tagged::read(json)? {
        Value::Dict(dict) => Ok(dict),
        Value::None => Ok(Dict::new()),
        other => {
            let context = format!("the payload is a {}, not a dict", other.type_name());
            Err(Error::new(
                ErrorKind::Corrupt,
                "read a Flask cookie",
                context,
            ))
        }
    }
}

/// Any zlib stream; what follows its end is ignored, as Python ignores it.
fn unpack(bytes: &[u8]) -> Result<Vec<u8>> {
    let broken = || corrupt("the payload is not a zlib stream");
    INFLATE.with_borrow_mut(|inflate| {
        inflate.reset(true);
        // As much as texts of a session fold, and one byte more than the limit to know that it is passed.
        let mut unpacked = Vec::with_capacity(bytes.len() * 4);
        loop {
            let done = usize::try_from(inflate.total_in()).unwrap_or(bytes.len());
            let (rest, before) = (bytes.get(done..).unwrap_or_default(), unpacked.len());
            let step = inflate.decompress_vec(rest, &mut unpacked, FlushDecompress::Finish);
            let step = step.map_err(|error| broken().with_source(error))?;
            if unpacked.len() > CookieCodec::MAX_JSON {
                return Err(corrupt(
                    "the payload unfolds to more than a cookie can mean",
                ));
            }
            match step {
                Status::StreamEnd => return Ok(unpacked),
                _ if unpacked.len() == unpacked.capacity() => {
                    let more = unpacked.len().max(1024);
                    unpacked.reserve_exact(more.min(CookieCodec::MAX_JSON + 1 - unpacked.len()));
                }
                _ if unpacked.len() == before => return Err(broken()),
                _ => {}
            }
        }
    })
}

thread_local! {
    /// Its window is large: to make it costs more than to unpack a session.
    static INFLATE: RefCell<Decompress> = RefCell::new(Decompress::new(true));

    /// Its tables are large: to make them costs more than to compress a session.
    ///
    /// The highest effort: on texts this short it is what comes closest to zlib's own level 6.
    static DEFLATE: RefCell<Compress> = RefCell::new(Compress::new(Compression::best(), true));
}

fn pack(json: &[u8]) -> Result<Vec<u8>> {
    let refused = || {
        let context = "the payload cannot be compressed";
        Error::new(ErrorKind::Encode, "write a Flask cookie", context)
    };
    DEFLATE.with_borrow_mut(|deflate| {
        deflate.reset();
        let mut packed = Vec::with_capacity(json.len() / 2 + 64);
        loop {
            let done = usize::try_from(deflate.total_in()).unwrap_or(json.len());
            let rest = json.get(done..).unwrap_or_default();
            let step = deflate.compress_vec(rest, &mut packed, FlushCompress::Finish);
            match step.map_err(|cause| refused().with_source(cause))? {
                Status::StreamEnd => return Ok(packed),
                // What it has room for is what there is in the vector.
                Status::Ok | Status::BufError => packed.reserve(json.len() / 2 + 64),
            }
        }
    })
}

fn corrupt(context: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, "read a Flask cookie", context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_770_000_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn codec() -> CookieCodec {
        CookieCodec::new(Secrets::new("secret").unwrap())
    }

    #[test]
    fn a_zip_bomb_is_refused_though_signed() {
        let bomb = pack(&vec![b' '; 64 << 20]).unwrap();
        let payload = format!(".{}", URL_SAFE_NO_PAD.encode(bomb));
        let signed = codec().signer().sign_at(&payload, NOW);
        let error = codec().read(&signed, NOW, DAY).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn nothing_is_decoded_before_the_signature_holds() {
        let signed = codec().signer().sign_at("not JSON", NOW);
        assert!(codec().read(&signed, NOW, DAY).is_err());
        let other = CookieCodec::new(Secrets::new("other").unwrap());
        assert_eq!(other.read(&signed, NOW, DAY).unwrap(), None);
    }

    #[test]
    fn a_cookie_is_read_without_its_key_where_that_is_asked_for() {
        let cookie = "e30.aYAOgA.not-a-signature";
        let read = CookieCodec::danger_read_unsigned(cookie).unwrap();
        assert_eq!(read, (Dict::new(), NOW));
        for strange in ["", "e30", "e30.aYAOgA", "a.b.c.d", "e30.AAAAAAAAAAAAAAAA.x"] {
            assert!(
                CookieCodec::danger_read_unsigned(strange).is_err(),
                "{strange}"
            );
        }
    }

    #[test]
    fn every_setting_makes_another_key() {
        let mut session = Dict::new();
        session.insert("user", "42");
        let codecs = [
            codec(),
            codec().with_salt("other"),
            codec().with_derivation(Derivation::DjangoConcat),
            codec().with_digest(Digest::Sha256),
            codec().with_digest(Digest::Sha512),
        ];
        for (writer_index, writer) in codecs.iter().enumerate() {
            let cookie = writer.write(&session, NOW).unwrap();
            for (index, reader) in codecs.iter().enumerate() {
                let read = reader.read(&cookie, NOW, DAY).unwrap();
                assert_eq!(read.is_some(), index == writer_index);
            }
        }
    }
}
