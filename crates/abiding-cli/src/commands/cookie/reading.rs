//! What a line is: which kind of cookie, who vouches for it, and what is in it.
//!
//! A line may be the value alone, `name=value`, or a whole `Cookie:` or `Set-Cookie:` header. Session ids
//! are never shown: a handle stands for them.

use std::{fmt::Write as _, time::Duration};

use abiding::{
    Rejection, StoreKey, Timestamp,
    compat::{cookie::CookieCodec, sid::SidSigner, signer::Refusal},
    inspect::{Content, CookieKind, Envelope, Genuine, Holds, Inspector},
};

use crate::{
    exit::Failure,
    handle::{flask_handle, handle},
    moment::{Now, parse_length},
    secrets::KeyArgs,
};

/// What is known of the application that made the cookies.
#[derive(Debug, clap::Args)]
pub(super) struct ReaderArgs {
    #[command(flatten)]
    keys: KeyArgs,
    /// The cookie's name, to which abiding's cookies are bound; otherwise the one in the line, or each of
    /// the names that profiles have
    #[arg(long, value_name = "NAME", help_heading = "Keys")]
    cookie_name: Option<String>,
    /// How old Flask's cookies may be (PERMANENT_SESSION_LIFETIME)
    #[arg(long, value_name = "LENGTH", default_value = "31d", value_parser = parse_length)]
    max_age: Duration,
    /// The salt of Flask's cookies, if the application changed it
    #[arg(long, value_name = "TEXT", default_value = "cookie-session")]
    salt: String,
    #[command(flatten)]
    now: Now,
}

/// Reads cookies.
pub(super) struct Reader {
    /// One for each name that a cookie may have.
    inspectors: Vec<(String, Inspector)>,
    name_is_given: bool,
    codec: Option<CookieCodec>,
    sids: Option<SidSigner>,
    max_age: Duration,
    realm: String,
    pub(super) now: Timestamp,
}

/// Which kind of cookie it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Flask,
    FlaskSession,
    Sealed,
    Token,
    Unknown,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Flask => "flask",
            Self::FlaskSession => "flask-session",
            Self::Sealed => "sealed",
            Self::Token => "token",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Flask => "a session in Flask's signed cookie",
            Self::FlaskSession => "the id of a session of Flask-Session",
            Self::Sealed => "a session, sealed by abiding",
            Self::Token => "the token of a session in a store of abiding",
            Self::Unknown => "nothing that abiding or Flask makes",
        }
    }
}

/// Who vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    BadSignature,
    Expired,
    Genuine,
    Malformed,
    RevokedKey,
    UnknownKey,
    Unreadable,
    Unsigned,
    Unverified,
}

impl Verdict {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::BadSignature => "bad-signature",
            Self::Expired => "expired",
            Self::Genuine => "genuine",
            Self::Malformed => "malformed",
            Self::RevokedKey => "revoked-key",
            Self::UnknownKey => "unknown-key",
            Self::Unreadable => "unreadable",
            Self::Unsigned => "unsigned",
            Self::Unverified => "unverified",
        }
    }

    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::BadSignature => {
                "no key vouches for it: see the keys, the realm, the cookie's name and the salt"
            }
            Self::Expired => "genuine, and its time is over",
            Self::Genuine => "genuine",
            Self::Malformed => "it is not whole",
            Self::RevokedKey => "the key that made it was revoked",
            Self::UnknownKey => "the key that it names is not among those that were given",
            Self::Unreadable => "genuine, and what it holds cannot be read",
            Self::Unsigned => "nobody signed it, so nobody vouches for it",
            Self::Unverified => "not verified: no key was given",
        }
    }
}

impl From<Rejection> for Verdict {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::BadTag => Self::BadSignature,
            Rejection::Expired => Self::Expired,
            Rejection::RevokedKey => Self::RevokedKey,
            Rejection::UnknownKey => Self::UnknownKey,
            _ => Self::Malformed,
        }
    }
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Expired => Self::Expired,
            Refusal::Signature => Self::BadSignature,
            _ => Self::Malformed,
        }
    }
}

/// What was seen in one line.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) kind: Kind,
    pub(super) verdict: Verdict,
    /// Whether another key than the one that signs had made it.
    pub(super) old_key: bool,
    /// The key that it names.
    pub(super) key: Option<String>,
    pub(super) signed: Option<Timestamp>,
    /// When it ends at the latest.
    pub(super) ends: Option<Timestamp>,
    /// What people call the session in its store.
    pub(super) handle: Option<String>,
    pub(super) subject: Option<String>,
    /// What it holds, as JSON.
    pub(super) session: Option<String>,
    /// Why what it holds cannot be shown.
    pub(super) problem: Option<String>,
}

impl Seen {
    fn new(kind: Kind, verdict: Verdict) -> Self {
        Self {
            kind,
            verdict,
            old_key: false,
            key: None,
            signed: None,
            ends: None,
            handle: None,
            subject: None,
            session: None,
            problem: None,
        }
    }
}

impl ReaderArgs {
    /// The reader. `stdin_is_taken` if the cookies come from the standard input.
    pub(super) fn reader(&self, stdin_is_taken: bool) -> Result<Reader, Failure> {
        let keys = self.keys.read(stdin_is_taken)?;
        let names = match &self.cookie_name {
            Some(name) => std::slice::from_ref(name),
            None => &NAMES.map(str::to_owned),
        };
        let inspectors = keys.ring.iter().flat_map(|ring| {
            let inspector = |name: &String| {
                let inspector = Inspector::new(ring.clone(), &self.keys.realm, name);
                (name.clone(), inspector)
            };
            names.iter().map(inspector)
        });
        let codec = |secrets| CookieCodec::new(secrets).with_salt(&self.salt);
        Ok(Reader {
            inspectors: inspectors.collect(),
            name_is_given: self.cookie_name.is_some(),
            sids: keys.secrets.as_ref().map(SidSigner::new),
            codec: keys.secrets.clone().map(codec),
            max_age: self.max_age,
            realm: self.keys.realm.clone(),
            now: self.now.instant(),
        })
    }

    pub(super) fn has_keys(&self) -> bool {
        self.keys.are_given()
    }
}

impl Reader {
    /// What is in one line. With `peek`, also what nobody vouches for.
    pub(super) fn read(&self, line: &str, peek: bool) -> Seen {
        let (name, value) = self.presented(line);
        if let Some(envelope) = Envelope::of(value.as_bytes()) {
            return self.ours(envelope, name, value);
        }
        match value.bytes().filter(|&byte| byte == b'.').count() {
            // A payload that is compressed begins with a dot.
            2 | 3 => self.flask(value, peek),
            1 => self.sid(value),
            _ => self.plain_sid(value),
        }
    }

    fn ours(&self, envelope: Envelope, name: Option<&str>, value: &str) -> Seen {
        let kind = match envelope.kind {
            CookieKind::Sealed => Kind::Sealed,
            _ => Kind::Token,
        };
        let mut seen = Seen::new(kind, Verdict::Unverified);
        seen.key = Some(envelope.key.to_string());
        seen.ends = envelope.until;
        match self.open(name, value) {
            None => {}
            Some(Err(rejection)) => seen.verdict = rejection.into(),
            Some(Ok(genuine)) => {
                seen.old_key = genuine.old_key;
                seen.verdict = match genuine.over {
                    None => Verdict::Genuine,
                    Some(_) => Verdict::Expired,
                };
                match genuine.holds {
                    Holds::Session(content) => show(&mut seen, &content),
                    Holds::StoreKey(key) => seen.handle = Some(handle(&key)),
                    _ => {}
                }
            }
        }
        seen
    }

    /// By the name in the line or, where there is none, by whichever name it is bound to.
    fn open(&self, name: Option<&str>, value: &str) -> Option<Result<Genuine, Rejection>> {
        let (_, any) = self.inspectors.first()?;
        let value = value.as_bytes();
        if let Some(name) = name.filter(|_| !self.name_is_given) {
            let bound = Inspector::new(any.keys().clone(), &self.realm, name);
            return Some(bound.open(value, self.now));
        }
        let mut tries = self
            .inspectors
            .iter()
            .map(|(_, inspector)| inspector.open(value, self.now));
        let mut last = tries.next()?;
        for next in tries {
            if last.as_ref().err() != Some(&Rejection::BadTag) {
                break;
            }
            last = next;
        }
        Some(last)
    }

    fn flask(&self, value: &str, peek: bool) -> Seen {
        let mut seen = Seen::new(Kind::Flask, Verdict::Unverified);
        if let Some(codec) = &self.codec {
            match codec.open_json(value, self.now, self.max_age) {
                Ok(Ok((json, signed, old_key))) => {
                    seen.verdict = Verdict::Genuine;
                    seen.signed = Some(signed);
                    seen.old_key = old_key;
                    seen.session = Some(json);
                    return seen;
                }
                Ok(Err(error)) => {
                    seen.verdict = Verdict::Unreadable;
                    seen.problem = Some(error.to_string());
                    return seen;
                }
                Err(refusal) => seen.verdict = refusal.into(),
            }
        }
        if peek {
            match CookieCodec::danger_read_unsigned_json(value) {
                Ok((json, signed)) => {
                    seen.signed = Some(signed);
                    seen.session = Some(json);
                }
                Err(error) => {
                    seen.verdict = Verdict::Malformed;
                    seen.problem = Some(error.to_string());
                }
            }
        }
        seen
    }

    fn sid(&self, value: &str) -> Seen {
        let mut seen = Seen::new(Kind::FlaskSession, Verdict::Unverified);
        let said = value.rsplit_once('.').map_or(value, |(sid, _)| sid);
        if let Some(signer) = &self.sids {
            seen.verdict = signer
                .unsign(value)
                .map_or_else(Verdict::from, |_| Verdict::Genuine);
        }
        match StoreKey::of_sid(said) {
            Some(key) => seen.handle = Some(flask_handle(&key)),
            None => return Seen::new(Kind::Unknown, Verdict::Malformed),
        }
        seen
    }

    fn plain_sid(&self, value: &str) -> Seen {
        let spelt = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_sid = (22..=88).contains(&value.len()) && value.bytes().all(spelt);
        match StoreKey::of_sid(value).filter(|_| is_sid) {
            Some(key) => Seen {
                handle: Some(flask_handle(&key)),
                ..Seen::new(Kind::FlaskSession, Verdict::Unsigned)
            },
            None => Seen::new(Kind::Unknown, Verdict::Malformed),
        }
    }

    /// The name and the value in a line.
    fn presented<'a>(&self, line: &'a str) -> (Option<&'a str>, &'a str) {
        // Nearly always it is the value alone. All of it is looked at: several bytes at once are faster than an early end.
        let is_more = |byte: u8| matches!(byte, b':' | b';' | b'=' | b'"');
        if !line.bytes().fold(false, |more, byte| more | is_more(byte)) {
            return (None, line);
        }
        let header = ["cookie:", "set-cookie:"].iter().find_map(|name| {
            let (head, rest) = line.split_at_checked(name.len())?;
            head.eq_ignore_ascii_case(name).then_some(rest)
        });
        let mut pairs = header
            .unwrap_or(line)
            .split(';')
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) => (Some(name.trim()), value.trim()),
                None => (None, pair.trim()),
            });
        let first = pairs.next().unwrap_or_default();
        let is_known = |name: Option<&str>| match &self.inspectors[..] {
            [(only, _)] => name == Some(only),
            _ => NAMES.iter().any(|known| name == Some(known)),
        };
        let (name, value) = match pairs.find(|(name, _)| is_known(*name)) {
            Some(other) if !is_known(first.0) => other,
            _ => first,
        };
        let bare = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'));
        (name, bare.unwrap_or(value))
    }
}

fn show(seen: &mut Seen, content: &Content) {
    seen.ends = Some(
        content
            .info
            .absolute_deadline
            .min(content.info.idle_deadline),
    );
    seen.signed = Some(content.info.seen);
    seen.subject = content.info.subject.clone();
    let mut json = String::from("{");
    for (number, (key, value)) in content.values.iter().enumerate() {
        let comma = if number > 0 { "," } else { "" };
        let key = serde_json::Value::from(key.as_str());
        // Writing to a text does not fail.
        let _ = write!(json, "{comma}{key}:{value}");
    }
    json.push('}');
    seen.session = Some(json);
}

/// What profiles call the cookie: the native one, the one for development, Flask's.
const NAMES: [&str; 3] = ["__Host-Http-sid", "sid", "session"];
