//! The way to the server: its address, or Sentinels that know it; or some servers of a cluster, which know all.
//!
//! Sentinels are asked at every try to connect, one after the other, so a failover is followed as soon
//! as the connection to the old primary breaks, or the old primary says that it is one no more. Each try begins with
//! the next of them, since one that was left behind may name a server that is gone for as long as it likes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    ProtocolVersion, RedisConnectionInfo, RedisError, RedisResult, cmd,
};

use super::{cluster::Address, link::CONNECT, tls};

/// What a URL leads to.
pub(super) enum Target {
    Cluster(Seeds),
    Server(Box<Route>),
}

/// Some servers of a cluster, and how all of them are connected to.
#[derive(Clone)]
pub(super) struct Seeds(Arc<Members>);

struct Members {
    addresses: Vec<Address>,
    /// Of any of them.
    info: ConnectionInfo,
    roots: Option<Box<[u8]>>,
}

/// See the module.
#[derive(Clone)]
pub(super) enum Route {
    Direct(Client),
    /// One server of a cluster.
    Member(Seeds, Address),
    Sentinels {
        sentinels: Vec<Client>,
        /// How often they were asked.
        tries: Arc<AtomicUsize>,
        service: Box<str>,
        /// For the primary, whichever it is.
        settings: RedisConnectionInfo,
        /// Whom to trust with it, if not those that the system trusts.
        roots: Option<Box<[u8]>>,
    },
}

impl Target {
    /// What a URL describes, and what to call it in messages.
    pub(super) fn parse(
        url: &str,
        sentinel_password: Option<&str>,
        roots: Option<&[u8]>,
    ) -> RedisResult<(Self, String)> {
        if let Some((scheme, rest)) = several(url, "+sentinel://") {
            let (route, place) = Route::sentinels(scheme, rest, sentinel_password, roots)?;
            return Ok((Self::Server(Box::new(route)), place));
        }
        if let Some((scheme, rest)) = several(url, "+cluster://") {
            let (seeds, place) = Seeds::parse(scheme, rest, roots)?;
            return Ok((Self::Cluster(seeds), place));
        }
        let info = url.into_connection_info()?;
        let place = place(&info);
        let settings = newer(info.redis_settings());
        let client = tls::client(info.set_redis_settings(settings), roots)?;
        Ok((Self::Server(Box::new(Route::Direct(client))), place))
    }
}

impl Seeds {
    /// `user:password@host:port,host:port/`.
    fn parse(scheme: &str, rest: &str, roots: Option<&[u8]>) -> RedisResult<(Self, String)> {
        let (user, rest) = parted(rest);
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        if !["", "0"].contains(&path) {
            let what = "a URL of a cluster names no database: it has but one";
            return Err((ErrorKind::InvalidClientConfig, what).into());
        }
        let addresses = hosts.split(',').map(|host| {
            let info = format!("{scheme}://{}/", with_port(host, PORT)).into_connection_info()?;
            Ok(match info.addr() {
                ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                    Some(Address::new(host.as_str(), *port))
                }
                _ => None,
            })
        });
        let addresses: RedisResult<Vec<_>> = addresses.filter_map(Result::transpose).collect();
        let info = format!("{scheme}://{user}@localhost/").into_connection_info()?;
        let settings = newer(info.redis_settings());
        let members = Members {
            addresses: addresses?,
            info: info.set_redis_settings(settings),
            roots: roots.map(Into::into),
        };
        let place = format!("{scheme}+cluster://{hosts}");
        Ok((Self(Arc::new(members)), place))
    }

    /// Where the URL says that there are some.
    pub(super) fn addresses(&self) -> &[Address] {
        &self.0.addresses
    }

    fn client(&self, address: &Address) -> RedisResult<Client> {
        let Members { info, roots, .. } = &*self.0;
        let place = placed(info, address.host().into(), address.port());
        tls::client(info.clone().set_addr(place), roots.as_deref())
    }
}

impl Route {
    /// `user:password@host:port,host:port/service/database`.
    fn sentinels(
        scheme: &str,
        rest: &str,
        password: Option<&str>,
        roots: Option<&[u8]>,
    ) -> RedisResult<(Self, String)> {
        let (user, rest) = parted(rest);
        let mut path = rest.split('/');
        let hosts = path.next().unwrap_or_default();
        let service = path.next().filter(|service| !service.is_empty());
        let (Some(service), database, None) = (service, path.next(), path.next()) else {
            let what = "a URL of Sentinels ends with /service or /service/database";
            return Err((ErrorKind::InvalidClientConfig, what).into());
        };
        // For its user, password and database; nobody connects to this one.
        let settings = format!("redis://{user}@localhost/{}", database.unwrap_or_default());
        let settings = newer(settings.into_connection_info()?.redis_settings());
        let sentinel = |host: &str| {
            let host = with_port(host, SENTINEL_PORT);
            let info = format!("{scheme}://{host}/").into_connection_info()?;
            let mut settings = RedisConnectionInfo::default();
            if let Some(password) = password {
                settings = settings.set_password(password);
            }
            tls::client(info.set_redis_settings(settings), roots)
        };
        let route = Self::Sentinels {
            sentinels: hosts.split(',').map(sentinel).collect::<RedisResult<_>>()?,
            tries: Arc::default(),
            service: service.into(),
            settings,
            roots: roots.map(Into::into),
        };
        Ok((route, format!("{scheme}+sentinel://{hosts}/{service}")))
    }

    /// The server to connect to now.
    pub(super) async fn client(&self) -> RedisResult<Client> {
        let (sentinels, tries, service, settings, roots) = match self {
            Self::Direct(client) => return Ok(client.clone()),
            Self::Member(seeds, address) => return seeds.client(address),
            Self::Sentinels {
                sentinels,
                tries,
                service,
                settings,
                roots,
            } => (sentinels, tries, service, settings, roots.as_deref()),
        };
        let mut last = RedisError::from((ErrorKind::EmptySentinelList, "no Sentinel"));
        let first = tries.fetch_add(1, Ordering::Relaxed) % sentinels.len().max(1);
        let (before, from_first) = sentinels.split_at(first);
        for sentinel in from_first.iter().chain(before) {
            match primary(sentinel, service).await {
                Ok(Some((host, port))) => {
                    let info = sentinel.get_connection_info().clone();
                    let address = placed(&info, host, port);
                    let info = info.set_addr(address);
                    return tls::client(info.set_redis_settings(settings.clone()), roots);
                }
                Ok(None) => {
                    let unknown = "no Sentinel knows the service";
                    last = RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, unknown));
                }
                Err(cause) => last = cause,
            }
        }
        Err(last)
    }
}

/// Where a Sentinel says that the primary of `service` is.
async fn primary(sentinel: &Client, service: &str) -> RedisResult<Option<(String, u16)>> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT / 4))
        .set_response_timeout(Some(CONNECT / 4));
    let mut connection = sentinel
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    let mut ask = cmd("SENTINEL");
    ask.arg("GET-MASTER-ADDR-BY-NAME").arg(service);
    ask.query_async(&mut connection).await
}

/// The scheme and the rest of a URL of several servers.
fn several<'a>(url: &'a str, kind: &str) -> Option<(&'a str, &'a str)> {
    let parts = url.split_once(kind)?;
    ["redis", "rediss"].contains(&parts.0).then_some(parts)
}

/// `user:password` and what comes after the `@`.
fn parted(rest: &str) -> (&str, &str) {
    rest.rsplit_once('@').unwrap_or(("", rest))
}

fn with_port(host: &str, port: u16) -> String {
    if host.rsplit(']').next().is_some_and(|end| end.contains(':')) {
        host.to_owned()
    } else {
        format!("{host}:{port}")
    }
}

/// Another server, as safely as `info` is connected to.
fn placed(info: &ConnectionInfo, host: String, port: u16) -> ConnectionAddr {
    match info.addr() {
        ConnectionAddr::TcpTls { .. } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        },
        _ => ConnectionAddr::Tcp(host, port),
    }
}

/// What to call the server in messages: its address and database.
fn place(info: &ConnectionInfo) -> String {
    let database = info.redis_settings().db();
    match info.addr() {
        ConnectionAddr::Tcp(host, port) => format!("redis://{host}:{port}/{database}"),
        ConnectionAddr::TcpTls { host, port, .. } => format!("rediss://{host}:{port}/{database}"),
        ConnectionAddr::Unix(path) => format!("unix://{}?db={database}", path.display()),
        // The driver may learn of more ways to a server.
        _ => "an address of another kind".into(),
    }
}

/// The newer protocol tells at once that a connection is gone, also when nobody asks for anything.
fn newer(settings: &RedisConnectionInfo) -> RedisConnectionInfo {
    settings.clone().set_protocol(ProtocolVersion::RESP3)
}

const PORT: u16 = 6_379;
const SENTINEL_PORT: u16 = 26_379;

#[cfg(test)]
mod tests {
    use super::*;

    fn route(url: &str) -> Option<(Vec<String>, String, RedisConnectionInfo, String)> {
        let (target, place) = Target::parse(url, None, None).ok()?;
        let Target::Server(route) = target else {
            return None;
        };
        let Route::Sentinels {
            sentinels,
            service,
            settings,
            ..
        } = *route
        else {
            return None;
        };
        let address = |sentinel: &Client| sentinel.get_connection_info().addr().to_string();
        let addresses = sentinels.iter().map(address).collect();
        Some((addresses, service.into(), settings, place))
    }

    #[test]
    fn a_url_of_sentinels_names_them_the_service_and_who_connects_to_its_primary() {
        let (addresses, service, settings, place) =
            route("redis+sentinel://ada:p%40ss@one,two:7000,[::1],[::1]:7001/shop/3").unwrap();
        assert_eq!(
            addresses,
            ["one:26379", "two:7000", "::1:26379", "::1:7001"]
        );
        assert_eq!(service, "shop");
        assert_eq!(
            (settings.username(), settings.password()),
            (Some("ada"), Some("p@ss"))
        );
        assert_eq!(settings.db(), 3);
        assert_eq!(place, "redis+sentinel://one,two:7000,[::1],[::1]:7001/shop");
        let (_, _, settings, _) = route("redis+sentinel://one/shop").unwrap();
        assert_eq!((settings.password(), settings.db()), (None, 0));
        for wrong in ["one", "one/", "/shop", "one/shop/x", "one/shop/0/1"] {
            assert!(
                route(&format!("redis+sentinel://{wrong}")).is_none(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_url_of_a_cluster_names_some_of_its_servers_and_who_connects_to_all() {
        let (target, place) =
            Target::parse("redis+cluster://ada:p%40ss@one,two:7000,[::1]/", None, None).unwrap();
        let Target::Cluster(seeds) = target else {
            panic!("it is a cluster");
        };
        let told: Vec<_> = seeds
            .addresses()
            .iter()
            .map(|address| (address.host(), address.port()))
            .collect();
        assert_eq!(told, [("one", 6_379), ("two", 7_000), ("::1", 6_379)]);
        assert_eq!(place, "redis+cluster://one,two:7000,[::1]");
        let client = seeds.client(&Address::new("three", 1)).unwrap();
        let info = client.get_connection_info();
        assert_eq!(info.addr().to_string(), "three:1");
        assert_eq!(info.redis_settings().password(), Some("p@ss"));
        for wrong in ["one/1", "one/x", "", "one,", "one/?prefix=a"] {
            let url = format!("redis+cluster://{wrong}");
            assert!(Target::parse(&url, None, None).is_err(), "{wrong}");
        }
    }
}
