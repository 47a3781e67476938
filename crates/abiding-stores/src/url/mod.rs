//! The URL of a store: one text that says which store, where it is, and what is chosen about it.
//!
//! Programs make one of a setting and open it; the kinds of store in [`catalogue`](crate::catalogue) say
//! what may stand in it. Nothing connects before [`open`](StoreUrl::open).
//!
//! 1. Whatever the table does not name is refused, with the nearest name that it does.
//! 2. A password, and an option that is one, is printed as `***`; a URL that is refused is not printed at all.
//! 3. What is reserved in a URL is percent-encoded: `/ ? # @ : ,` in a password, `? # %` in a path.

mod aside;
mod error;
#[cfg(all(
    feature = "flask",
    any(
        feature = "file",
        feature = "memcached",
        feature = "mysql",
        feature = "postgres",
        feature = "redis",
        feature = "sqlite"
    )
))]
mod flask;
mod nearest;
mod parts;

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use abiding::{Error, ErrorKind, Result, store::AnyStore};
use zeroize::Zeroizing;

pub use aside::Aside;
pub use error::StoreUrlError;
#[cfg(all(
    feature = "flask",
    any(
        feature = "file",
        feature = "memcached",
        feature = "mysql",
        feature = "postgres",
        feature = "redis",
        feature = "sqlite"
    )
))]
pub use flask::FlaskPlace;

use crate::catalogue::{Hosts, Kind, STORES, Scheme, UrlOption, Value};
use nearest::nearest;
use parts::{Parts, decode};

/// Which store, where, and what is chosen about it.
///
/// ```
/// use abiding_stores::StoreUrl;
///
/// let url: StoreUrl = "memory:".parse()?;
/// assert_eq!(url.kind().title, "Memory");
///
/// let error = "memry:".parse::<StoreUrl>().unwrap_err();
/// assert_eq!(error.to_string(), "`memry:` begins no URL of a store: did you mean `memory:`?");
/// # Ok::<(), abiding_stores::StoreUrlError>(())
/// ```
#[derive(Clone)]
pub struct StoreUrl {
    kind: &'static Kind,
    scheme: &'static Scheme,
    /// All before the question mark.
    base: Zeroizing<String>,
    /// Where the path begins in it.
    path: usize,
    options: Vec<(&'static UrlOption, Zeroizing<String>)>,
    /// Those of the driver, as they stood.
    drivers: Vec<Zeroizing<String>>,
    /// Whether whoever asks may wait for the disk.
    inline: bool,
    shown: String,
}

/// Opens the store at `url`.
///
/// # Errors
/// [`ErrorKind::Unavailable`] for a URL that cannot work, and whatever the store says that cannot be opened. The
/// message names the remedy, and never a password.
pub async fn open(url: &str) -> Result<AnyStore> {
    let parsed: StoreUrl = url.parse().map_err(|error: StoreUrlError| {
        Error::new(ErrorKind::Unavailable, "open", error.to_string())
    })?;
    parsed.open().await
}

impl StoreUrl {
    /// What kind of store it leads to.
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// How it begins.
    pub fn scheme(&self) -> &'static Scheme {
        self.scheme
    }

    /// The same store, which on a disk of this machine writes on the thread that asks and has it wait: for programs whose
    /// threads may, as those of Python do. Where the URL says how many `threads` write, that counts.
    #[must_use = "the URL is the same one but for this"]
    pub fn inline(mut self) -> Self {
        self.inline = true;
        self
    }

    /// Opens the store, and looks whether it can be used. What that takes (a tokio runtime, some milliseconds
    /// of blocking) the store's own options say.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(&self) -> Result<AnyStore> {
        match self.kind.open {
            Some(open) => open(self).await,
            // Refused when it was read.
            None => Err(self.unusable("its feature is not compiled in")),
        }
    }

    /// Opens the store if there is one, and makes nothing: for tools that look at what an application has.
    ///
    /// # Errors
    /// Those of the store; and [`ErrorKind::Unavailable`] where there is none.
    pub async fn open_existing(&self) -> Result<AnyStore> {
        self.existing()?.open().await
    }

    /// The same URL, by which nothing is made. On this machine there has to be something already.
    fn existing(&self) -> Result<Self> {
        let mut url = self.clone();
        let known = |option: &&UrlOption| option.name == "create";
        if let Some(create) = self.kind.options.iter().find(known) {
            url.options.retain(|(option, _)| option.name != "create");
            url.options
                .push((create, Zeroizing::new("false".to_owned())));
        }
        let is_here =
            self.scheme.hosts == Hosts::None && ["file", "sqlite"].contains(&self.kind.name);
        if is_here && !self.path()?.exists() {
            return Err(self.unusable("there is nothing of that name"));
        }
        Ok(url)
    }

    /// Refuses a path where there is nothing to be found.
    pub(crate) fn no_path(&self) -> Result<()> {
        if self.base.len() == self.path {
            return Ok(());
        }
        Err(self.unusable(format!("nothing follows in `{}`", self.scheme.example)))
    }

    /// The URL leads nowhere.
    pub(crate) fn unusable(&self, what: impl fmt::Display) -> Error {
        let context = format!("the store {self} cannot be used: {what}");
        Error::new(ErrorKind::Unavailable, "open", context)
    }
}

/// What the stores ask of it.
#[allow(
    dead_code,
    reason = "which of these a build needs is a matter of its features"
)]
impl StoreUrl {
    /// What a driver is told: the URL without the options that are ours.
    pub(crate) fn of_driver(&self) -> Zeroizing<String> {
        let mut text = self.base.clone();
        for (number, option) in self.drivers.iter().enumerate() {
            text.push(if number == 0 { '?' } else { '&' });
            text.push_str(option);
        }
        text
    }

    /// The place on this machine.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        let path = self.decoded_path()?;
        if path.is_empty() || path.ends_with('/') {
            let example = self.scheme.example;
            return Err(self.unusable(format!("it names no file: write it as `{example}`")));
        }
        Ok(PathBuf::from(path.as_str()))
    }

    /// Whether whoever asks may wait for the disk.
    pub(crate) fn is_inline(&self) -> bool {
        self.inline
    }

    /// An option of ours, decoded.
    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        let mut given = self.options.iter();
        let (_, value) = given.find(|(option, _)| option.name == name)?;
        Some(value)
    }

    pub(crate) fn millis(&self, name: &str) -> Option<Duration> {
        let millis: u32 = self.option(name)?.parse().ok()?;
        Some(Duration::from_millis(millis.into()))
    }

    pub(crate) fn number<N: FromStr>(&self, name: &str) -> Option<N> {
        self.option(name)?.parse().ok()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.option(name) == Some("true")
    }

    /// Every option of ours, decoded.
    pub(crate) fn options(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let options = self.options.iter();
        options.map(|(option, value)| (option.name, value.as_str()))
    }

    fn decoded_path(&self) -> Result<Zeroizing<String>> {
        let decoded = decode(&self.base[self.path..]);
        decoded.ok_or_else(|| self.unusable("its path is not percent-encoded as it must be"))
    }
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        let (name, rest) = parts::scheme(text)?;
        let (kind, scheme) = find(name)?;
        let needed = [kind.feature, scheme.feature].into_iter().flatten();
        if let Some(feature) = needed.into_iter().find(|feature| !feature.enabled) {
            return Err(StoreUrlError::Feature {
                scheme: scheme.name,
                feature: feature.name,
            });
        }
        let parts = Parts::of(rest, scheme)?;
        let (mut options, mut drivers) = (Vec::new(), Vec::new());
        let mut shown = format!("{}:{}", scheme.name, parts.shown);
        let mut known = Vec::new();
        for (number, (raw, given)) in parts.options.into_iter().enumerate() {
            let option = option(kind, scheme, given.name)?;
            if known.contains(&option.name) {
                return Err(StoreUrlError::Twice {
                    option: option.name,
                });
            }
            known.push(option.name);
            let value = decode(given.value).filter(|value| option.value.admits(value));
            let Some(value) = value else {
                return Err(StoreUrlError::Value {
                    option: option.name,
                    expected: option.value,
                });
            };
            let told = match option.value {
                Value::Secret => HIDDEN,
                _ => given.value,
            };
            let mark = if number == 0 { '?' } else { '&' };
            shown.push_str(&format!("{mark}{}={told}", option.name));
            if option.is_drivers {
                drivers.push(Zeroizing::new(raw.to_owned()));
            } else {
                options.push((option, value));
            }
        }
        let base = Zeroizing::new(format!("{}:{}", scheme.name, parts.base));
        Ok(Self {
            kind,
            scheme,
            path: scheme.name.len() + 1 + parts.path,
            base,
            options,
            drivers,
            inline: false,
            shown,
        })
    }
}

fn find(name: &str) -> Result<(&'static Kind, &'static Scheme), StoreUrlError> {
    let all = || {
        STORES
            .iter()
            .flat_map(|kind| kind.schemes.iter().map(move |scheme| (kind, scheme)))
    };
    let found = all().find(|(_, scheme)| scheme.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| StoreUrlError::Scheme {
        given: name.to_owned(),
        nearest: nearest(name, all().map(|(_, scheme)| scheme.name)),
    })
}

fn option(kind: &Kind, scheme: &Scheme, name: &str) -> Result<&'static UrlOption, StoreUrlError> {
    let found = kind.options_of(scheme).find(|option| option.name == name);
    found.ok_or_else(|| StoreUrlError::Option {
        // What is no name may be the rest of a password that was not encoded.
        given: parts::is_name(name).then(|| name.to_owned()),
        scheme: scheme.name,
        nearest: nearest(name, kind.options_of(scheme).map(|option| option.name)),
    })
}

/// Without its secrets.
impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Without its secrets.
impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreUrl").field(&self.shown).finish()
    }
}

/// What stands for a secret.
const HIDDEN: &str = "***";

#[cfg(test)]
mod tests;
