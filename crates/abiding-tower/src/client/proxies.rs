//! Whose word counts: the proxies that stand between the browser and this server.

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, Uri, header::HOST};

use super::{
    Client,
    forwarded::{self, Family, Malformed},
    network::Network,
};

/// The proxies that may say who the client is, and how many there are.
///
/// 1. Only the peer's own word is heard: headers count if the address that holds the connection is
///    trusted. [`none`](Self::none) is the default, and every header is ignored.
/// 2. Each proxy adds the address that it sees at the right end of the list. Read from there, the first
///    address that is not a trusted proxy is the client; what stands further left is anybody's to write.
/// 3. With [`hops`](Self::hops), so many proxies are passed over instead, whatever their addresses.
/// 4. One family of headers is read: `X-Forwarded-For`, `-Proto` and `-Host`, or `Forwarded` (RFC 7239)
///    if [`reading_forwarded`](Self::reading_forwarded) says so. **The nearest proxy has to set or to
///    remove every header of that family**: one that it lets through was written by the client.
/// 5. Scheme and host are what the outermost trusted proxy was asked for. In lists of several values
///    they are found by the position of the client's address; lists of different lengths say nothing.
/// 6. Headers that cannot be read are as if they were not there.
///
/// ```
/// use abiding_tower::Proxies;
///
/// let proxies = Proxies::trusting(["127.0.0.1".parse()?, "10.0.0.0/8".parse()?]);
/// # Ok::<(), abiding_tower::AddressError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "give it to a `ClientLayer`"]
pub struct Proxies {
    every_peer: bool,
    networks: Arc<[Network]>,
    hops: Option<usize>,
    family: Family,
}

impl Proxies {
    /// Browsers connect to this server itself.
    pub fn none() -> Self {
        Self::trusting([])
    }

    /// Peers in these networks are proxies.
    pub fn trusting(networks: impl IntoIterator<Item = Network>) -> Self {
        Self {
            every_peer: false,
            networks: networks.into_iter().collect(),
            hops: None,
            family: Family::default(),
        }
    }

    /// Whoever connects is a proxy: for Unix sockets, whose peers have no address, and for platforms
    /// that tell no network. Nobody else may be able to reach this server: whoever can says of himself
    /// what he likes. One proxy is passed over, or as many as [`hops`](Self::hops) says.
    pub fn danger_trusting_every_peer() -> Self {
        Self {
            every_peer: true,
            ..Self::none()
        }
    }

    /// So many proxies stand in a row, the peer among them: the client's is that address of the list,
    /// from the right. A shorter list says nothing, and none of them means that headers are ignored.
    pub fn hops(mut self, count: usize) -> Self {
        self.hops = Some(count);
        self
    }

    /// Reads `Forwarded` (RFC 7239) in place of `X-Forwarded-For`, `-Proto` and `-Host`.
    pub fn reading_forwarded(mut self) -> Self {
        self.family = Family::Forwarded;
        self
    }

    /// Whether it takes a peer's address to tell a proxy.
    pub(super) fn needs_peers(&self) -> bool {
        !self.every_peer && !self.networks.is_empty()
    }

    /// Who sent a request with these headers, from `peer`.
    pub(super) fn client(&self, peer: Option<IpAddr>, uri: &Uri, headers: &HeaderMap) -> Client {
        let direct = Client {
            address: peer.map(|peer| peer.to_canonical()),
            scheme: None,
            host: asked(uri, headers),
        };
        let trusted = self.every_peer || peer.is_some_and(|peer| self.trusts(peer));
        if !trusted || self.hops == Some(0) {
            return direct;
        }
        self.told(headers, &direct)
            .unwrap_or_else(|Malformed(problem)| {
                tracing::debug!(problem, "what a proxy said of the client cannot be read");
                direct
            })
    }

    fn told(&self, headers: &HeaderMap, direct: &Client) -> Result<Client, Malformed> {
        let route = self.family.read(headers)?;
        let last = route.addresses.len().checked_sub(1);
        let position = match (self.hops, last) {
            (Some(hops), Some(last)) if hops <= last + 1 => Some(hops - 1),
            (Some(_), _) => return Err(Malformed("fewer proxies than there should be")),
            (None, _) => {
                let is_proxy = |address: &Option<IpAddr>| address.is_some_and(|at| self.trusts(at));
                let client = route.addresses.iter().position(|at| !is_proxy(at));
                client.or(last)
            }
        };
        let (scheme, host) = route.seen_at(position.unwrap_or(0))?;
        Ok(Client {
            // A proxy that asks on its own behalf names nobody.
            address: position.map_or(direct.address, |position| route.addresses[position]),
            scheme,
            host: host.or_else(|| direct.host.clone()),
        })
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(address))
    }
}

impl Default for Proxies {
    fn default() -> Self {
        Self::none()
    }
}

/// The host that was asked for: of the request's target before the header (RFC 9112, 3.2.2 and RFC
/// 9113, 8.3.1). Two of them are none.
fn asked(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    if let Some(authority) = uri.authority() {
        return forwarded::host(authority.as_str()).ok();
    }
    let mut hosts = headers.get_all(HOST).iter();
    let (host, other) = (hosts.next()?, hosts.next());
    let host = host.to_str().ok().filter(|_| other.is_none())?;
    forwarded::host(host).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::spell;

    /// `address scheme host` of a request from `peer` with these headers.
    fn check(proxies: &Proxies, peer: &str, lines: &[(&'static str, &str)], expected: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "inner.example:3000".parse().unwrap());
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let client = proxies.client(peer.parse().ok(), &Uri::from_static("/"), &headers);
        let told = spell(&client);
        assert_eq!(told, expected, "{proxies:?} {peer} {lines:?}");
    }

    const FOR: &str = "x-forwarded-for";
    const PROTO: &str = "x-forwarded-proto";
    const HOSTED: &str = "x-forwarded-host";
    const SPOOF: [(&str, &str); 4] = [
        (FOR, "6.6.6.6"),
        (PROTO, "https"),
        (HOSTED, "evil.example"),
        ("forwarded", "for=6.6.6.6;proto=https;host=evil.example"),
    ];

    fn inner() -> Proxies {
        Proxies::trusting(["10.0.0.0/8".parse().unwrap()])
    }

    /// TD-7.
    #[test]
    fn nobody_but_a_trusted_peer_says_who_the_client_is() {
        let direct = "203.0.113.9 ? inner.example:3000";
        check(&Proxies::none(), "203.0.113.9", &SPOOF, direct);
        check(&inner(), "203.0.113.9", &SPOOF, direct);
        check(
            &inner().hops(0),
            "10.0.0.1",
            &SPOOF,
            "10.0.0.1 ? inner.example:3000",
        );
        check(&inner(), "", &SPOOF, "? ? inner.example:3000");
        check(
            &inner(),
            "::ffff:10.0.0.1",
            &SPOOF,
            "6.6.6.6 https evil.example",
        );
    }

    #[test]
    fn the_client_is_the_first_from_the_right_that_is_no_proxy() {
        for (list, client) in [
            ("198.51.100.7", "198.51.100.7"),
            ("6.6.6.6, 198.51.100.7", "198.51.100.7"),
            ("6.6.6.6, 198.51.100.7, 10.0.0.3, 10.0.0.2", "198.51.100.7"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("198.51.100.7, unknown", "?"),
            ("", "10.0.0.1"),
        ] {
            let expected = format!("{client} https inner.example:3000");
            check(
                &inner(),
                "10.0.0.1",
                &[(FOR, list), (PROTO, "https")],
                &expected,
            );
        }
    }

    #[test]
    fn hops_count_proxies_whatever_their_addresses() {
        let list = [(FOR, "6.6.6.6, 198.51.100.7, 192.0.2.1")];
        for (hops, client) in [(1, "192.0.2.1"), (2, "198.51.100.7"), (3, "6.6.6.6")] {
            let expected = format!("{client} ? inner.example:3000");
            check(&inner().hops(hops), "10.0.0.1", &list, &expected);
        }
        check(
            &inner().hops(4),
            "10.0.0.1",
            &list,
            "10.0.0.1 ? inner.example:3000",
        );
        check(
            &inner().hops(1),
            "10.0.0.1",
            &[(PROTO, "https")],
            "10.0.0.1 ? inner.example:3000",
        );
    }

    #[test]
    fn a_peer_without_an_address_is_believed_only_where_every_peer_is() {
        let every = Proxies::danger_trusting_every_peer();
        let list = [
            (FOR, "6.6.6.6, 198.51.100.7"),
            (PROTO, "https"),
            (HOSTED, "shop.example"),
        ];
        check(&every, "", &list, "198.51.100.7 https shop.example");
        check(&every.hops(2), "", &list, "6.6.6.6 https shop.example");
    }

    #[test]
    fn scheme_and_host_are_what_the_client_s_own_proxy_was_asked_for() {
        let lists = [
            (FOR, "6.6.6.6, 198.51.100.7, 10.0.0.2"),
            (PROTO, "http, https, http"),
            (HOSTED, "evil.example, shop.example, mid.example"),
        ];
        check(
            &inner(),
            "10.0.0.1",
            &lists,
            "198.51.100.7 https shop.example",
        );
        let forwarded = [(
            "forwarded",
            "for=6.6.6.6;host=evil.example, for=198.51.100.7;proto=https;host=shop.example, for=10.0.0.2",
        )];
        let reading = inner().reading_forwarded();
        check(
            &reading,
            "10.0.0.1",
            &forwarded,
            "198.51.100.7 https shop.example",
        );
    }

    #[test]
    fn one_family_is_read_and_what_cannot_be_read_is_not_there() {
        let direct = "10.0.0.1 ? inner.example:3000";
        check(&inner(), "10.0.0.1", &SPOOF[3..], direct);
        check(
            &inner().reading_forwarded(),
            "10.0.0.1",
            &SPOOF[..3],
            direct,
        );
        for bad in [
            [(FOR, "198.51.100.7, nonsense"), (PROTO, "https")],
            [(FOR, "198.51.100.7"), (PROTO, "gopher")],
            [(FOR, "198.51.100.7"), (HOSTED, "a b")],
            [(FOR, "198.51.100.7"), (PROTO, "https, https, https")],
        ] {
            check(&inner(), "10.0.0.1", &bad, direct);
        }
    }

    #[test]
    fn two_hosts_are_none_and_the_target_comes_before_the_header() {
        let mut headers = HeaderMap::new();
        headers.append(HOST, "a.example".parse().unwrap());
        let target = Uri::from_static("http://B.example/x");
        assert_eq!(asked(&target, &headers).as_deref(), Some("b.example"));
        headers.append(HOST, "b.example".parse().unwrap());
        assert_eq!(asked(&Uri::from_static("/"), &headers), None);
    }
}
