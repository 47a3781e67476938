//! The session cookie as Flask spells it: its attributes, in its order, with `Expires`.

use super::CookieSpec;
use crate::error::ConfigError;

impl CookieSpec {
    /// Flask's session cookie (`SESSION_COOKIE_NAME`), with Flask's own defaults: `HttpOnly`, `Path=/`, and
    /// neither `Secure` nor `SameSite`. Say [`secure`](Self::secure) wherever there is TLS.
    ///
    /// # Errors
    /// [`ConfigError::Cookie`] for a name that is not a token (RFC 9110, 5.6.2).
    pub fn flask(name: &str) -> Result<Self, ConfigError> {
        Self::check_token(name)?;
        Ok(Self {
            name: name.into(),
            domain: None,
            path: "/".into(),
            same_site: None,
            secure: false,
            http_only: true,
            partitioned: false,
            as_flask: true,
        })
    }

    /// The same cookie, over TLS alone (`SESSION_COOKIE_SECURE`).
    #[must_use]
    pub fn secure(mut self) -> Self {
        self.secure = true;
        self
    }

    /// The same cookie for pages below a path (`SESSION_COOKIE_PATH`, or `APPLICATION_ROOT`).
    ///
    /// # Errors
    /// [`ConfigError::Cookie`] for what is no path, or cannot stand in a header.
    pub fn below(mut self, path: &str) -> Result<Self, ConfigError> {
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b';';
        if !path.starts_with('/') || !path.bytes().all(plain) {
            return Err(ConfigError::Cookie {
                value: path.into(),
                remedy: "write a path from the root on, percent-encoded, like `/shop`",
            });
        }
        self.path = path.into();
        Ok(self)
    }

    /// The same cookie for a domain and the hosts below it (`SESSION_COOKIE_DOMAIN`).
    ///
    /// # Errors
    /// [`ConfigError::Cookie`] for what is not a host name.
    pub fn of_domain(mut self, domain: &str) -> Result<Self, ConfigError> {
        self.domain = Some(Self::check_domain(domain.trim_start_matches('.'))?.into());
        Ok(self)
    }

    /// The same cookie, legible to scripts in the page (`SESSION_COOKIE_HTTPONLY = False`): whoever gets one
    /// of theirs into a page has the session.
    #[must_use]
    pub fn danger_legible_to_scripts(mut self) -> Self {
        self.http_only = false;
        self
    }

    /// Whether it is spelled as Flask does.
    pub(crate) fn is_flask(&self) -> bool {
        self.as_flask
    }

    /// A `Set-Cookie` value. Without `expires`, the text of a date, the cookie ends with the browser.
    pub(crate) fn set_as_flask(&self, value: &str, expires: Option<&str>, ends: bool) -> String {
        let mut header = format!("{}={value}", self.name);
        let mut add = |name: &str, text: Option<&str>| {
            if let Some(text) = text {
                header.push_str("; ");
                header.push_str(name);
                header.push_str(text);
            }
        };
        let flag = |set: bool| set.then_some("");
        add("Domain=", self.domain.as_deref());
        add("Expires=", expires);
        add("Max-Age=0", flag(ends));
        add("Secure", flag(self.secure));
        add("HttpOnly", flag(self.http_only));
        add("Path=", Some(&self.path));
        add("SameSite=", self.same_site.map(super::SameSite::as_str));
        add("Partitioned", flag(self.partitioned));
        header
    }

    /// The `Set-Cookie` value that takes the cookie away.
    pub(crate) fn remove_as_flask(&self) -> String {
        self.set_as_flask("", Some("Thu, 01 Jan 1970 00:00:00 GMT"), true)
    }
}

#[cfg(test)]
mod tests {
    use crate::cookie::{CookieSpec, SameSite};

    /// As Werkzeug 3.1 spells them, in its order.
    #[test]
    fn attributes_stand_in_flask_s_order() {
        let spec = CookieSpec::flask("session").unwrap();
        assert_eq!(
            spec.set_as_flask("v", None, false),
            "session=v; HttpOnly; Path=/"
        );
        let spec = spec
            .secure()
            .below("/shop")
            .and_then(|spec| spec.of_domain(".example.org"))
            .and_then(|spec| spec.same_site(SameSite::Lax))
            .unwrap();
        assert_eq!(
            spec.set_as_flask("v", Some("Mon, 02 Feb 2026 03:04:05 GMT"), false),
            "session=v; Domain=example.org; Expires=Mon, 02 Feb 2026 03:04:05 GMT; Secure; HttpOnly; Path=/shop; SameSite=Lax"
        );
        assert_eq!(
            spec.remove_as_flask(),
            "session=; Domain=example.org; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; HttpOnly; Path=/shop; SameSite=Lax"
        );
        assert!(CookieSpec::flask("a b").is_err());
        assert!(CookieSpec::flask("a").unwrap().below("shop;").is_err());
    }
}
