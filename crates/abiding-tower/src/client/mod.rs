//! Who sent a request, as far as it can be known: address, scheme and host as the browser saw them.
//!
//! [`ClientLayer`] finds out, once for each request, and puts a [`Client`] into the request's extensions;
//! [`SameOrigin`](crate::SameOrigin) and the handlers read it there. Whose word counts is the
//! business of [`Proxies`].

mod forwarded;
mod layer;
mod network;
mod proxies;

use std::net::IpAddr;

use http::{Request, uri::Scheme};

pub use layer::{ClientLayer, ClientService};
pub use network::Network;
pub use proxies::Proxies;

/// The sender of a request. An extractor for axum, inside a [`ClientLayer`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client {
    /// The address. `None` if the server does not tell who its peers are, or a proxy does not say it.
    pub address: Option<IpAddr>,
    /// `http` or `https`, as a trusted proxy said; `None` if none did.
    pub scheme: Option<Scheme>,
    /// The host that was asked for, with its port if it was named, in lower case. `None` if there is no
    /// such header, or two of them.
    pub host: Option<String>,
}

impl Client {
    /// The one that the layer found, or what the request itself says, if there is no layer.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let found = request.extensions().get().cloned();
        found.unwrap_or_else(|| Proxies::none().client(None, request.uri(), request.headers()))
    }
}

/// `address scheme host`, with `?` for what is not known.
#[cfg(test)]
fn spell(client: &Client) -> String {
    let Client {
        address,
        scheme,
        host,
    } = client;
    [
        spelled(address.as_ref()),
        spelled(scheme.as_ref()),
        spelled(host.as_ref()),
    ]
    .join(" ")
}

#[cfg(test)]
fn spelled<T: ToString>(part: Option<&T>) -> String {
    part.map_or_else(|| "?".into(), T::to_string)
}
