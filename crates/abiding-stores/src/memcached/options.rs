//! How a server is reached, and everything that can be chosen about it.

use std::time::Duration;

use abiding::{Error, ErrorKind, Result};
use tokio::time::Instant;

use super::{
    MemcachedStore, Nature,
    link::{Effect, Link, Place},
    rows::Names,
    turns::Turns,
    wire::{Batch, Reply},
};

/// What can be chosen about a memcached store. The defaults are right for most.
///
/// ```no_run
/// use std::time::Duration;
/// use abiding_stores::memcached::MemcachedOptions;
///
/// # async {
/// let store = MemcachedOptions::new("memcached://10.0.0.7:11211")?
///     .prefix("shop:")
///     .patience(Duration::from_secs(2))
///     .open()
///     .await?;
/// # Ok::<(), abiding::Error>(())
/// # };
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until `open` is called"]
pub struct MemcachedOptions {
    place: Place,
    prefix: Box<str>,
    patience: Duration,
    refuses_eviction: bool,
}

impl MemcachedOptions {
    /// The defaults, for the server at `url`: `memcached://host:port`, whose port is 11211 unless told otherwise, or
    /// `memcached+unix:///path/of/socket`.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] for a URL that is neither.
    pub fn new(url: &str) -> Result<Self> {
        let place = place(url).ok_or_else(|| {
            unusable(
                "the URL of the memcached server is not one: write `memcached://host:port` or `memcached+unix:///path`, without a user or a database",
            )
        })?;
        Ok(Self {
            place,
            prefix: "abiding:".into(),
            patience: Duration::from_secs(5),
            refuses_eviction: false,
        })
    }

    /// How the names of all items begin; `abiding:` unless told otherwise. At most 180 printable characters of ASCII.
    /// Applications that share a server are kept apart by it.
    pub fn prefix(mut self, prefix: impl Into<Box<str>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long an exchange with the server may take, connecting anew included, before it is an error; 5 seconds unless
    /// told otherwise.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.max(Duration::from_millis(1));
        self
    }

    /// Does not connect to a server that drops living sessions to make room: one that was not started with `-M`.
    pub fn refuse_eviction(mut self) -> Self {
        self.refuses_eviction = true;
        self
    }

    /// Connects, and looks what kind of server it is.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the server cannot be reached within the patience, is older than 1.6, or
    /// evicts and must not. The message names the server and the remedy.
    pub async fn open(self) -> Result<MemcachedStore> {
        let names = Names::new(&self.prefix).ok_or_else(|| {
            let what = "the prefix of the memcached store cannot begin a key: give it 1 to 180 printable characters of ASCII, without a blank";
            unusable(what)
        })?;
        let link = Link::new(self.place, self.patience);
        // One that knows no meta commands refuses the third.
        let batch = Batch::new().stats("").stats("settings").get(&names.probe());
        let sent = link.send(&batch, Effect::None).await;
        let (replies, _) = sent.map_err(|failure| failure.into_error("open", link.place()))?;
        let refused = |what: &str| {
            let context = format!("the memcached at {} {what}", link.place());
            Error::new(ErrorKind::Unavailable, "open", context)
        };
        let [
            Reply::Stats(stats),
            Reply::Stats(settings),
            Reply::Missing | Reply::Value(..),
        ] = &replies[..]
        else {
            return Err(refused(
                "does not speak its protocol: version 1.6 or later is needed",
            ));
        };
        let stat = |stats: &[(String, String)], name: &str| {
            let found = stats.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        let clock = stat(stats, "time").and_then(|time| time.parse().ok());
        let nature = Nature {
            evicts: stat(settings, "evictions").as_deref() != Some("off"),
            clock: (
                clock.ok_or_else(|| refused("does not tell its time"))?,
                Instant::now(),
            ),
        };
        if nature.evicts && self.refuses_eviction {
            return Err(refused(
                "may drop living sessions to make room: start it with `-M`",
            ));
        }
        let turns = Turns::new(self.patience);
        Ok(MemcachedStore::new(link, names, nature, turns))
    }
}

fn place(url: &str) -> Option<Place> {
    #[cfg(unix)]
    if let Some(path) = url.strip_prefix("memcached+unix://") {
        return path.starts_with('/').then(|| Place::Socket(path.into()));
    }
    let rest = url.strip_prefix("memcached://")?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (
                host,
                port.strip_prefix(':')
                    .or_else(|| port.is_empty().then_some("11211"))?,
            )
        }
        None => authority.split_once(':').unwrap_or((authority, "11211")),
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
    let is_fit = !host.is_empty() && host.bytes().all(is_host);
    is_fit.then_some(Place::Host(host.into(), port.parse().ok()?))
}

fn unusable(what: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, "open", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_server_and_nothing_else() {
        for (url, expected) in [
            ("memcached://cache", Some("cache:11211")),
            ("memcached://10.0.0.7:1234/", Some("10.0.0.7:1234")),
            ("memcached://[::1]:1234", Some("[::1]:1234")),
            ("memcached://[::1]", Some("[::1]:11211")),
            (
                "memcached+unix:///run/memcached.sock",
                Some("/run/memcached.sock"),
            ),
            ("memcached+unix://run/memcached.sock", None),
            ("memcached://", None),
            ("memcached://user:secret@cache:1234", None),
            ("memcached://cache:http", None),
            ("memcached://cache/0", None),
            ("memcached://one,two", None),
            ("redis://cache", None),
        ] {
            let options = MemcachedOptions::new(url);
            let place = options
                .as_ref()
                .ok()
                .map(|options| options.place.to_string());
            assert_eq!(place.as_deref(), expected, "{url}");
            assert!(!format!("{options:?}").contains("secret"));
        }
    }
}
