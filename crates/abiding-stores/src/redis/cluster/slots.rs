//! Slots: which part of a cluster a key belongs to, and which server has which part.
//!
//! The rules are those of the specification of Redis Cluster: CRC-16 of the key, or of what stands in
//! its first pair of braces, modulo 16,384. Pure functions over bytes and replies.

use redis::Value;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::redis) struct Address {
    host: Box<str>,
    port: u16,
}

impl Address {
    pub(in crate::redis) fn new(host: impl Into<Box<str>>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    pub(in crate::redis) fn host(&self) -> &str {
        &self.host
    }

    pub(in crate::redis) fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`, where the host may hold colons of its own. A server that does not know its own name
    /// leaves it out: it is then where the one that said so is.
    pub(super) fn parse(text: &str, told_by: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        Some(Self::named(host, port.parse().ok()?, told_by))
    }

    fn named(host: &str, port: u16, told_by: &Self) -> Self {
        let host = match host {
            "" | "?" => told_by.host(),
            host => host,
        };
        Self::new(host, port)
    }
}

/// The slot of a key.
pub(super) fn slot(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    crc16(tag.unwrap_or(key)) % SLOTS
}

/// The variant that is called XMODEM: polynomial 1021, nothing reflected, beginning with zero.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            let carry = if crc & 0x8000 == 0 { 0 } else { 0x1021 };
            crc << 1 ^ carry
        })
    })
}

/// Slots in a row, and the primary that has them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) owner: Address,
}

/// What `CLUSTER SLOTS` answers; `None` for anything else.
pub(super) fn shares(reply: Value, told_by: &Address) -> Option<Vec<Share>> {
    let Value::Array(entries) = reply else {
        return None;
    };
    let share = |entry| {
        let Value::Array(parts) = entry else {
            return None;
        };
        let [
            Value::Int(first),
            Value::Int(last),
            Value::Array(primary),
            ..,
        ] = &parts[..]
        else {
            return None;
        };
        let [host, Value::Int(port), ..] = &primary[..] else {
            return None;
        };
        let host = match host {
            Value::BulkString(host) => str::from_utf8(host).ok()?,
            Value::SimpleString(host) => host,
            _ => "",
        };
        let number = |number: &i64| u16::try_from(*number).ok();
        let (first, last) = (number(first)?, number(last)?);
        (first <= last && last < SLOTS).then_some(Share {
            first,
            last,
            owner: Address::named(host, number(port)?, told_by),
        })
    };
    entries.into_iter().map(share).collect()
}

/// How many slots there are.
pub(super) const SLOTS: u16 = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_belongs_where_the_specification_puts_it() {
        // The check value of the specification, and what a server says to CLUSTER KEYSLOT.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        for (key, expected) in [
            ("", 0),
            ("key", 12_539),
            ("abiding:s:x", slot(b"abiding:s:x")),
            ("{key}", 12_539),
            ("a{key}b{other}", 12_539),
            ("{}key", crc16(b"{}key") % SLOTS),
            ("{key", crc16(b"{key") % SLOTS),
            ("a{{key}b", slot(b"{key")),
        ] {
            assert_eq!(slot(key.as_bytes()), expected, "{key}");
        }
    }

    #[test]
    fn a_map_is_read_and_a_server_without_a_name_is_where_its_teller_is() {
        let teller = Address::new("10.0.0.1", 7_000);
        let entry = |host: Value, first| {
            let primary = Value::Array(vec![host, Value::Int(7_001), Value::Nil]);
            Value::Array(vec![Value::Int(first), Value::Int(16_383), primary])
        };
        let named = entry(Value::BulkString(b"::1".to_vec()), 0);
        let nameless = entry(Value::Nil, 5);
        let read = shares(Value::Array(vec![named, nameless]), &teller).unwrap();
        let owners: Vec<_> = read
            .iter()
            .map(|share| (share.first, share.last, &share.owner))
            .collect();
        let (one, other) = (Address::new("::1", 7_001), Address::new("10.0.0.1", 7_001));
        assert_eq!(owners, [(0, 16_383, &one), (5, 16_383, &other)]);
        for wrong in [Value::Nil, Value::Array(vec![Value::Int(1)])] {
            assert_eq!(shares(wrong, &teller), None);
        }
        let backwards = entry(Value::Nil, 16_384);
        assert_eq!(shares(Value::Array(vec![backwards]), &teller), None);
    }

    #[test]
    fn an_address_may_hold_colons_or_no_name() {
        let teller = Address::new("h", 1);
        for (text, expected) in [
            ("a:2", Some(Address::new("a", 2))),
            ("::1:2", Some(Address::new("::1", 2))),
            (":2", Some(Address::new("h", 2))),
            ("a", None),
            ("a:b", None),
        ] {
            assert_eq!(Address::parse(text, &teller), expected, "{text}");
        }
    }
}
