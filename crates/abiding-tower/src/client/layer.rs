//! The layer that finds out who the client is, and its service.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Once,
    task::{Context, Poll},
};

use http::{Extensions, Request};
use tower_layer::Layer;
use tower_service::Service;

use super::Proxies;

/// Puts a [`Client`](super::Client) into the extensions of each request.
///
/// The peer's address is that of axum's `ConnectInfo<SocketAddr>`, feature `connect-info`: serve the router with
/// `into_make_service_with_connect_info::<SocketAddr>()`. Other servers put a [`SocketAddr`] into the
/// request's extensions themselves. Where neither is there, nobody knows the address: then `address` is
/// `None`, and no network of [`Proxies`] can be told apart from any other.
///
/// ```
/// use abiding_tower::{Client, ClientLayer, Proxies};
/// use axum::{Router, routing::get};
///
/// async fn whoami(client: Client) -> String {
///     client.address.map_or("somebody".into(), |address| address.to_string())
/// }
///
/// let proxies = Proxies::trusting(["127.0.0.1".parse()?]);
/// let app: Router = Router::new().route("/", get(whoami)).layer(ClientLayer::new(proxies));
/// let service = app.into_make_service_with_connect_info::<std::net::SocketAddr>();
/// # Ok::<(), abiding_tower::AddressError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a layer does nothing before it is put around a service"]
pub struct ClientLayer {
    proxies: Proxies,
}

impl ClientLayer {
    /// A layer that believes these proxies.
    pub fn new(proxies: Proxies) -> Self {
        Self { proxies }
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientService {
            proxies: self.proxies.clone(),
            inner,
        }
    }
}

/// A service whose requests carry a [`Client`](super::Client) in their extensions.
#[derive(Clone, Debug)]
pub struct ClientService<S> {
    proxies: Proxies,
    inner: S,
}

impl<S, B> Service<Request<B>> for ClientService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let peer = peer(request.extensions());
        if peer.is_none() && self.proxies.needs_peers() {
            WARNED.call_once(|| {
                tracing::warn!(
                    "no proxy is believed, since the server does not tell who its peers are; \
                     serve with `into_make_service_with_connect_info::<SocketAddr>()`"
                );
            });
        }
        let client = self.proxies.client(peer, request.uri(), request.headers());
        request.extensions_mut().insert(client);
        self.inner.call(request)
    }
}

static WARNED: Once = Once::new();

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let told = extensions.get::<SocketAddr>().copied();
    told.or_else(|| connected(extensions)).map(|peer| peer.ip())
}

#[cfg(feature = "connect-info")]
fn connected(extensions: &Extensions) -> Option<SocketAddr> {
    use axum::extract::{ConnectInfo, connect_info::MockConnectInfo};

    let real = extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|peer| peer.0);
    real.or_else(|| {
        extensions
            .get::<MockConnectInfo<SocketAddr>>()
            .map(|peer| peer.0)
    })
}

#[cfg(not(feature = "connect-info"))]
fn connected(_: &Extensions) -> Option<SocketAddr> {
    None
}
