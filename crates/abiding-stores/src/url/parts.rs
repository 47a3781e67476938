//! A URL in its parts: hosts, path, options. Whatever is wrong is told without the text, which may hold a password.

use zeroize::Zeroizing;

use super::{HIDDEN, error::StoreUrlError};
use crate::catalogue::{Hosts, Scheme};

/// What follows the colon of the scheme.
pub(super) struct Parts<'a> {
    /// All before the question mark.
    pub(super) base: &'a str,
    /// The same without the password.
    pub(super) shown: String,
    /// Where the path begins in it.
    pub(super) path: usize,
    /// Each as it stands, and divided.
    pub(super) options: Vec<(&'a str, Given<'a>)>,
}

/// An option that was given.
pub(super) struct Given<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
}

/// The scheme, and what follows its colon.
pub(super) fn scheme(text: &str) -> Result<(&str, &str), StoreUrlError> {
    let divided = text.split_once(':').filter(|(name, _)| is_scheme(name));
    divided.ok_or_else(|| {
        malformed(
            "has no scheme",
            "begin with the name of a store and a colon, such as `sqlite:///path`",
        )
    })
}

impl<'a> Parts<'a> {
    pub(super) fn of(rest: &'a str, scheme: &Scheme) -> Result<Self, StoreUrlError> {
        let is_unfit = |c: char| c.is_control() || c.is_whitespace() || c == '#';
        if rest.contains(is_unfit) {
            return Err(malformed(
                "holds a blank or `#`",
                "percent-encode it: `%20`, `%23`",
            ));
        }
        let (base, query) = match rest.split_once('?') {
            Some((base, query)) => (base, Some(query)),
            None => (rest, None),
        };
        let (path, shown) = match (base.strip_prefix("//"), scheme.hosts) {
            (None, Hosts::None) => (0, base.to_owned()),
            (None, Hosts::One | Hosts::Several) => {
                return Err(malformed(
                    "names no host",
                    "write two slashes behind the colon",
                ));
            }
            (Some(rest), hosts) => {
                let length = rest.find('/').unwrap_or(rest.len());
                let (authority, path) = rest.split_at(length);
                let shown = shown(authority, hosts)?;
                // A password with a slash in it would end up here.
                if hosts != Hosts::None && path.contains('@') {
                    return Err(ENCODE);
                }
                (2 + length, format!("//{shown}{path}"))
            }
        };
        if decode(base).is_none() {
            return Err(malformed(
                "holds a `%` that begins no percent-encoded text",
                "write `%25` for the character itself",
            ));
        }
        let options = query.into_iter().flat_map(|query| query.split('&'));
        let options = options.filter(|option| !option.is_empty()).map(|raw| {
            let (name, value) = raw.split_once('=').unwrap_or((raw, ""));
            (raw, Given { name, value })
        });
        Ok(Self {
            base,
            shown,
            path,
            options: options.collect(),
        })
    }
}

/// Checks what stands between the slashes, and leaves the password out.
fn shown(authority: &str, hosts: Hosts) -> Result<String, StoreUrlError> {
    if hosts == Hosts::None {
        return if authority.is_empty() {
            Ok(String::new())
        } else {
            Err(malformed(
                "names a host, and the store is on this machine",
                "write three slashes before an absolute path, none before a relative one",
            ))
        };
    }
    let (user, places) = match authority.split_once('@') {
        Some((user, places)) => (Some(user), places),
        None => (None, authority),
    };
    if places.contains('@') {
        return Err(ENCODE);
    }
    if hosts == Hosts::One && places.contains(',') {
        return Err(malformed("names several hosts", "its scheme takes one"));
    }
    if !places.split(',').all(has_sound_port) {
        return Err(ENCODE);
    }
    let user = user.map(|user| match user.split_once(':') {
        Some((name, _)) => format!("{name}:{HIDDEN}@"),
        None => format!("{user}@"),
    });
    Ok(user.unwrap_or_default() + places)
}

/// Whether what follows the last colon of a host, if there is one, is a port.
fn has_sound_port(host: &str) -> bool {
    let port = match host.strip_prefix('[') {
        None => host.split_once(':').map(|(_, port)| port),
        Some(host) => match host.split_once(']') {
            Some((_, rest)) => (!rest.is_empty()).then(|| rest.trim_start_matches(':')),
            None => return false,
        },
    };
    port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn is_scheme(text: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.chars().all(is_fit)
}

/// Whether it looks like the name of an option.
pub(super) fn is_name(text: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '-';
    !text.is_empty() && text.len() <= 32 && text.chars().all(is_fit)
}

/// The text that a percent-encoded one stands for.
pub(super) fn decode(text: &str) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    let text = std::str::from_utf8(&bytes).ok()?;
    (!text.contains('\0')).then(|| Zeroizing::new(text.to_owned()))
}

fn malformed(problem: &'static str, remedy: &'static str) -> StoreUrlError {
    StoreUrlError::Malformed { problem, remedy }
}

const ENCODE: StoreUrlError = StoreUrlError::Malformed {
    problem: "has a host or port that is none",
    remedy: "write `user:password@host:port`, and percent-encode `/ ? # @ : ,` in the password: `%2F %3F %23 %40 %3A %2C`",
};
