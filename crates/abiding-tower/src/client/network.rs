//! A network of IP addresses, `10.0.0.0/8`, or one address alone.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::address_error::AddressError;

/// Addresses that begin with the same bits (CIDR, RFC 4632; IPv6: RFC 4291, 2.3).
///
/// ```
/// use abiding_tower::Network;
///
/// let network: Network = "10.0.0.0/8".parse()?;
/// assert!(network.contains("10.1.2.3".parse().unwrap()));
/// assert!("10.0.0.1/8".parse::<Network>().is_err());
/// # Ok::<(), abiding_tower::AddressError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `address` lies in it. An IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) counts
    /// as the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let bits = u32::from(own) ^ u32::from(other);
                bits.leading_zeros() >= u32::from(self.prefix)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let bits = u128::from(own) ^ u128::from(other);
                bits.leading_zeros() >= u32::from(self.prefix)
            }
            _ => false,
        }
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| "write an address and a prefix, such as 10.0.0.0/8 or fd00::/8")?;
        if address.to_canonical() != address {
            return Err("write it as an IPv4 network");
        }
        let (most, free) = match address {
            IpAddr::V4(address) => (32, u32::from(address).trailing_zeros()),
            IpAddr::V6(address) => (128, u128::from(address).trailing_zeros()),
        };
        let prefix = prefix.map_or(Some(most), |prefix| prefix.parse().ok());
        let prefix = prefix
            .filter(|&prefix| prefix <= most)
            .ok_or("a prefix has at most 32 bits, of IPv6 at most 128")?;
        if prefix == 0 {
            return Err("that is everybody: say `danger_trusting_every_peer` if that is meant");
        }
        if free < u32::from(most - prefix) {
            return Err(
                "the address has bits behind its prefix: shorten it or lengthen the prefix",
            );
        }
        Ok(Self { address, prefix })
    }
}

impl FromStr for Network {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text).map_err(|remedy| AddressError::Network {
            value: text.to_owned(),
            remedy,
        })
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        Self { address, prefix }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_what_begins_with_its_bits() {
        for (network, address, holds) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("10.0.0.0/8", "a00::", false),
            ("192.168.3.128/25", "192.168.3.127", false),
            ("192.168.3.128/25", "192.168.3.200", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1/32", "127.0.0.2", false),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("::1", "::1", true),
        ] {
            let parsed: Network = network.parse().unwrap();
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(parsed.contains(address), holds, "{network} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_the_remedy() {
        for (text, remedy) in [
            ("", "write an address"),
            ("localhost", "write an address"),
            ("10.0.0.0/", "at most 32"),
            ("10.0.0.0/33", "at most 32"),
            ("10.0.0.0/-1", "at most 32"),
            ("::/129", "at most 128"),
            ("10.0.0.1/8", "bits behind its prefix"),
            ("fd00::1/64", "bits behind its prefix"),
            ("0.0.0.0/0", "everybody"),
            ("::/0", "everybody"),
            ("::ffff:10.0.0.0/104", "IPv4"),
        ] {
            let error = text.parse::<Network>().unwrap_err().to_string();
            assert!(error.contains(remedy) && error.contains(text), "{error}");
        }
    }
}
