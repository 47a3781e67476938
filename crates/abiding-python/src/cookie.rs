//! The session cookie as a framework's settings describe it.

use abiding::{ConfigError, CookieSpec, SameSite};
use pyo3::prelude::*;

/// The settings, from a dict of these names. What is left out is as in Flask.
#[derive(Debug, FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Cookie {
    name: String,
    /// Without a leading dot, in ASCII.
    domain: Option<String>,
    /// Percent-encoded.
    path: String,
    secure: bool,
    http_only: bool,
    same_site: Option<String>,
    partitioned: bool,
}

impl Cookie {
    /// The cookie, if browsers take one like it.
    pub(crate) fn spec(&self) -> Result<CookieSpec, ConfigError> {
        self.check_prefix()?;
        let mut spec = CookieSpec::flask(&self.name)?.below(&self.path)?;
        if let Some(domain) = &self.domain {
            spec = spec.of_domain(domain)?;
        }
        if self.secure || self.partitioned {
            spec = spec.secure();
        }
        if !self.http_only {
            spec = spec.danger_legible_to_scripts();
        }
        if self.partitioned {
            spec = spec.partitioned()?;
        }
        match &self.same_site {
            Some(same_site) => spec.same_site(self.same_site(same_site)?),
            None => Ok(spec),
        }
    }

    fn same_site(&self, text: &str) -> Result<SameSite, ConfigError> {
        match text.to_ascii_lowercase().as_str() {
            "lax" => Ok(SameSite::Lax),
            "none" => Ok(SameSite::None),
            "strict" => Ok(SameSite::Strict),
            _ => Err(ConfigError::Cookie {
                value: format!("SameSite={text}"),
                remedy: "say `Lax`, `None` or `Strict`",
            }),
        }
    }

    /// Browsers know the prefixes in any case of letters, and drop what they promise and is not so.
    fn check_prefix(&self) -> Result<(), ConfigError> {
        let name = self.name.to_ascii_lowercase();
        let refuse = |remedy| {
            let value = self.name.clone();
            Err(ConfigError::Cookie { value, remedy })
        };
        let is_tied = name.starts_with("__host-");
        if (is_tied || name.starts_with("__secure-")) && !self.secure {
            return refuse("a cookie with this prefix must be Secure");
        }
        if is_tied && (self.domain.is_some() || self.path != "/") {
            return refuse("a `__Host-` cookie has the path `/` and no domain");
        }
        if (name.starts_with("__http-") || name.starts_with("__host-http-")) && !self.http_only {
            return refuse("a cookie with this prefix must be HttpOnly");
        }
        Ok(())
    }
}
