//! The way to the server: its address, or Sentinels that know it.
//!
//! Sentinels are asked at every try to connect, one after the other, so a failover is followed as soon
//! as the connection to the old primary breaks, or the old primary says that it is one no more.

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    ProtocolVersion, RedisConnectionInfo, RedisError, RedisResult, cmd,
};

use super::{link::CONNECT, tls};

/// See the module.
#[derive(Clone)]
pub(super) enum Route {
    Direct(Client),
    Sentinels {
        sentinels: Vec<Client>,
        service: Box<str>,
        /// For the primary, whichever it is.
        settings: RedisConnectionInfo,
        /// Whom to trust with it, if not those that the system trusts.
        roots: Option<Box<[u8]>>,
    },
}

impl Route {
    /// The way that a URL describes, and what to call the server in messages.
    pub(super) fn parse(
        url: &str,
        sentinel_password: Option<&str>,
        roots: Option<&[u8]>,
    ) -> RedisResult<(Self, String)> {
        if let Some((scheme, rest)) = url.split_once("+sentinel://")
            && ["redis", "rediss"].contains(&scheme)
        {
            return Self::sentinels(scheme, rest, sentinel_password, roots);
        }
        let info = url.into_connection_info()?;
        let place = place(&info);
        let settings = newer(info.redis_settings());
        let client = tls::client(info.set_redis_settings(settings), roots)?;
        Ok((Self::Direct(client), place))
    }

    /// `user:password@host:port,host:port/service/database`.
    fn sentinels(
        scheme: &str,
        rest: &str,
        password: Option<&str>,
        roots: Option<&[u8]>,
    ) -> RedisResult<(Self, String)> {
        let (user, rest) = rest
            .rsplit_once('@')
            .map_or(("", rest), |(user, rest)| (user, rest));
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
            let host = if host.rsplit(']').next().is_some_and(|end| end.contains(':')) {
                host.to_owned()
            } else {
                format!("{host}:{SENTINEL_PORT}")
            };
            let info = format!("{scheme}://{host}/").into_connection_info()?;
            let mut settings = RedisConnectionInfo::default();
            if let Some(password) = password {
                settings = settings.set_password(password);
            }
            tls::client(info.set_redis_settings(settings), roots)
        };
        let route = Self::Sentinels {
            sentinels: hosts.split(',').map(sentinel).collect::<RedisResult<_>>()?,
            service: service.into(),
            settings,
            roots: roots.map(Into::into),
        };
        Ok((route, format!("{scheme}+sentinel://{hosts}/{service}")))
    }

    /// The server to connect to now.
    pub(super) async fn client(&self) -> RedisResult<Client> {
        let (sentinels, service, settings, roots) = match self {
            Self::Direct(client) => return Ok(client.clone()),
            Self::Sentinels {
                sentinels,
                service,
                settings,
                roots,
            } => (sentinels, service, settings, roots.as_deref()),
        };
        let mut last = RedisError::from((ErrorKind::EmptySentinelList, "no Sentinel"));
        for sentinel in sentinels {
            match primary(sentinel, service).await {
                Ok(Some((host, port))) => {
                    let info = sentinel.get_connection_info().clone();
                    // As safely as the Sentinel was asked.
                    let address = match info.addr() {
                        ConnectionAddr::TcpTls { .. } => ConnectionAddr::TcpTls {
                            host,
                            port,
                            insecure: false,
                            tls_params: None,
                        },
                        _ => ConnectionAddr::Tcp(host, port),
                    };
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

const SENTINEL_PORT: u16 = 26_379;

#[cfg(test)]
mod tests {
    use super::*;

    fn route(url: &str) -> Option<(Vec<String>, String, RedisConnectionInfo, String)> {
        let (route, place) = Route::parse(url, None, None).ok()?;
        let Route::Sentinels {
            sentinels,
            service,
            settings,
            ..
        } = route
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
}
