//! Spelling `Set-Cookie`: one function sets and removes, so that both carry the same attributes.
//!
//! A browser drops a cookie whose prefix and attributes disagree, and keeps one whose removal repeats
//! them wrongly (RFC 6265bis, 5.7). So the attributes are a value that was checked when it was built.

use std::{fmt::Write as _, time::Duration};

use crate::error::ConfigError;

/// The longest lifetime that a browser grants a cookie (RFC 6265bis, 5.5).
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The most bytes of name and value that a browser keeps (RFC 6265bis, 5.6).
pub(crate) const MAX_COOKIE: usize = 4096;

/// The name and attributes of a session cookie. `HttpOnly` always; `Secure` unless it says *danger*, or is
/// Flask's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSpec {
    pub(super) name: Box<str>,
    pub(super) domain: Option<Box<str>>,
    pub(super) path: Box<str>,
    /// What a browser takes for it where it is missing is its own affair.
    pub(super) same_site: Option<SameSite>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) partitioned: bool,
    pub(super) as_flask: bool,
}

/// From where a browser sends the cookie along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 6265bis names these three")]
pub enum SameSite {
    /// From this site, and when a person follows a link to it: the default. `Strict` would greet
    /// whoever comes back from a payment page or a mail as a stranger.
    Lax,
    /// From anywhere, for pages that live in another site's frame.
    None,
    /// From this site alone.
    Strict,
}

impl SameSite {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::None => "None",
            Self::Strict => "Strict",
        }
    }
}

impl CookieSpec {
    /// A cookie of this host alone: `__Host-Http-NAME`, `Secure`, `HttpOnly`, `SameSite=Lax`, `Path=/`.
    ///
    /// Browsers that know the prefix take such a cookie only over TLS, only from this very host, and
    /// only from a response; older ones honour the `__Host-` that it begins with.
    ///
    /// # Errors
    /// [`ConfigError::Cookie`] for a name that is not a token (RFC 9110, 5.6.2).
    pub fn host(name: &str) -> Result<Self, ConfigError> {
        Self::build("__Host-Http-", name, None, true)
    }

    /// A cookie of a domain and the hosts below it: `__Secure-NAME`. Any of those hosts can then shadow it.
    ///
    /// # Errors
    /// [`ConfigError::Cookie`] for a name that is not a token, or a domain that is not a host name.
    pub fn domain(name: &str, domain: &str) -> Result<Self, ConfigError> {
        let domain = Self::check_domain(domain)?;
        Self::build("__Secure-", name, Some(domain), true)
    }

    /// A cookie that also travels over plain http, without a prefix: for development on this machine.
    ///
    /// # Errors
    /// [`ConfigError::Cookie`] for a name that is not a token.
    pub fn danger_insecure(name: &str) -> Result<Self, ConfigError> {
        Self::build("", name, None, false)
    }

    fn build(
        prefix: &str,
        bare: &str,
        domain: Option<&str>,
        secure: bool,
    ) -> Result<Self, ConfigError> {
        let name = format!("{prefix}{bare}");
        Self::check_token(if bare.is_empty() { bare } else { &name })?;
        // Browsers know them in any case of letters.
        let folded = bare.to_ascii_lowercase();
        let prefixes = ["__host-", "__http-", "__secure-"];
        if prefixes.iter().any(|prefix| folded.starts_with(prefix)) {
            return Err(ConfigError::Cookie {
                value: bare.into(),
                remedy: "leave the prefix out: it is added where the attributes allow it",
            });
        }
        Ok(Self {
            name: name.into(),
            domain: domain.map(Into::into),
            path: "/".into(),
            same_site: Some(SameSite::Lax),
            secure,
            http_only: true,
            partitioned: false,
            as_flask: false,
        })
    }

    pub(super) fn check_token(name: &str) -> Result<(), ConfigError> {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(is_token) {
            return Err(ConfigError::Cookie {
                value: name.into(),
                remedy: "use letters, digits, `-` and `_`; the prefix is added by itself",
            });
        }
        Ok(())
    }

    pub(super) fn check_domain(domain: &str) -> Result<&str, ConfigError> {
        let is_label = |label: &str| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !domain.contains('.') || !domain.split('.').all(is_label) {
            return Err(ConfigError::Cookie {
                value: domain.into(),
                remedy: "name a domain of at least two labels, like `example.org`, without a leading dot",
            });
        }
        Ok(domain)
    }

    /// The same cookie with another reach across sites.
    ///
    /// # Errors
    /// [`ConfigError::Cookie`] for [`SameSite::None`] on a cookie that is not `Secure`: browsers drop it.
    pub fn same_site(mut self, same_site: SameSite) -> Result<Self, ConfigError> {
        if same_site == SameSite::None && !self.secure {
            return Err(ConfigError::Cookie {
                value: "SameSite=None".into(),
                remedy: "serve over TLS with a secure cookie, or keep SameSite=Lax",
            });
        }
        self.same_site = Some(same_site);
        Ok(self)
    }

    /// The same cookie, kept apart for each site that embeds this one (CHIPS); implies `SameSite=None`.
    ///
    /// # Errors
    /// [`ConfigError::Cookie`] on a cookie that is not `Secure`.
    pub fn partitioned(self) -> Result<Self, ConfigError> {
        let mut spec = self.same_site(SameSite::None)?;
        spec.partitioned = true;
        Ok(spec)
    }

    /// The name as it stands in a request, prefix included.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the cookie travels over TLS alone.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// A `Set-Cookie` value. Without `max_age` the cookie ends with the browser.
    pub(crate) fn set(&self, value: &str, max_age: Option<Duration>) -> String {
        let mut header = String::with_capacity(self.name.len() + value.len() + 96);
        header.push_str(&self.name);
        header.push('=');
        header.push_str(value);
        if let Some(domain) = &self.domain {
            header.push_str("; Domain=");
            header.push_str(domain);
        }
        header.push_str("; Path=");
        header.push_str(&self.path);
        if self.http_only {
            header.push_str("; HttpOnly");
        }
        if self.secure {
            header.push_str("; Secure");
        }
        if let Some(same_site) = self.same_site {
            header.push_str("; SameSite=");
            header.push_str(same_site.as_str());
        }
        if self.partitioned {
            header.push_str("; Partitioned");
        }
        if let Some(max_age) = max_age {
            // Writing to a String cannot fail.
            let _ = write!(header, "; Max-Age={}", max_age.min(MAX_AGE).as_secs());
        }
        header
    }

    /// The `Set-Cookie` value that takes the cookie away.
    pub(crate) fn remove(&self) -> String {
        self.set("", Some(Duration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(spec: Result<CookieSpec, ConfigError>, expected: &str) {
        let spec = spec.unwrap();
        assert_eq!(spec.set("v", None), expected);
        assert_eq!(
            spec.remove(),
            format!("{}; Max-Age=0", expected.replacen("=v", "=", 1))
        );
    }

    /// Scar 21: removal repeats every attribute that setting had.
    #[test]
    fn setting_and_removing_carry_the_same_attributes() {
        let host = || CookieSpec::host("sid").unwrap();
        check(
            Ok(host()),
            "__Host-Http-sid=v; Path=/; HttpOnly; Secure; SameSite=Lax",
        );
        check(
            host().same_site(SameSite::Strict),
            "__Host-Http-sid=v; Path=/; HttpOnly; Secure; SameSite=Strict",
        );
        check(
            host().partitioned(),
            "__Host-Http-sid=v; Path=/; HttpOnly; Secure; SameSite=None; Partitioned",
        );
        check(
            CookieSpec::domain("sid", "example.org"),
            "__Secure-sid=v; Domain=example.org; Path=/; HttpOnly; Secure; SameSite=Lax",
        );
        check(
            CookieSpec::danger_insecure("sid"),
            "sid=v; Path=/; HttpOnly; SameSite=Lax",
        );
    }

    #[test]
    fn illegal_combinations_cannot_be_built() {
        let insecure = || CookieSpec::danger_insecure("sid").unwrap();
        assert!(insecure().same_site(SameSite::None).is_err());
        assert!(insecure().partitioned().is_err());
        for name in [
            "",
            "a b",
            "a=b",
            "a;b",
            "sid\u{e9}",
            "__Host-sid",
            "__secure-sid",
            "__Secure-sid",
            "__Host-Http-sid",
            "__Http-sid",
            "__HTTP-sid",
            &"n".repeat(129),
        ] {
            assert!(CookieSpec::host(name).is_err(), "{name:?}");
            assert!(CookieSpec::danger_insecure(name).is_err(), "{name:?}");
        }
        for domain in [
            "",
            "org",
            ".example.org",
            "exa mple.org",
            "example.org;",
            "example..org",
        ] {
            assert!(CookieSpec::domain("sid", domain).is_err(), "{domain:?}");
        }
    }

    /// CK-4: 400 days and not a second more.
    #[test]
    fn a_lifetime_is_capped_where_browsers_cap_it() {
        let spec = CookieSpec::host("sid").unwrap();
        let long = spec.set("v", Some(Duration::from_secs(40_000_000)));
        assert!(long.ends_with("; Max-Age=34560000"), "{long}");
    }
}
