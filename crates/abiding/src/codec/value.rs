//! One value of a session: JSON (RFC 8259), encoded when it is set and decoded when it is asked for.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::{from_slice, value::RawValue};

use crate::error::{Error, ErrorKind, Result};

/// Encodes a value as it will lie in its frame.
pub(crate) fn encode_value<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|cause| {
        Error::new(
            ErrorKind::Encode,
            "insert",
            format!("the value at {key:?} cannot be stored; its type must serialize to JSON"),
        )
        .with_source(cause)
    })
}

/// Decodes a value out of its frame.
pub(crate) fn decode_value<T: DeserializeOwned>(key: &str, value: &[u8]) -> Result<T> {
    from_slice(value).map_err(|cause| {
        Error::new(
            ErrorKind::Decode,
            "get",
            format!(
                "the value at {key:?} is not a {}",
                std::any::type_name::<T>()
            ),
        )
        // The cause names types and positions, never the value: serde_json quotes offending strings,
        // so it is reduced to where it stopped.
        .with_source(format!(
            "stopped at column {} ({:?})",
            cause.column(),
            cause.classify()
        ))
    })
}

/// Whether two encoded values are the same value: equal bytes, or equal up to the order of object keys.
/// When in doubt they are not, which costs a write; numbers and strings are compared as they are spelled.
pub(crate) fn equal_values(a: &[u8], b: &[u8]) -> bool {
    equal_to_depth(a, b, 32)
}

fn equal_to_depth(a: &[u8], b: &[u8], depth: u32) -> bool {
    if a == b {
        return true;
    }
    if a.len() != b.len() || depth == 0 {
        return false;
    }
    let equal = |a: &RawValue, b: &RawValue| {
        equal_to_depth(a.get().as_bytes(), b.get().as_bytes(), depth - 1)
    };
    match (a.first(), b.first()) {
        (Some(b'['), Some(b'[')) => match (
            from_slice::<Vec<&RawValue>>(a),
            from_slice::<Vec<&RawValue>>(b),
        ) {
            (Ok(a), Ok(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
            _ => false,
        },
        (Some(b'{'), Some(b'{')) => match (from_slice::<Members<'_>>(a), from_slice(b)) {
            (Ok(Members(a)), Ok(Members(b))) => {
                let same = |(a, b): (&(_, _), &(_, _))| a.0 == b.0 && equal(a.1, b.1);
                a.len() == b.len() && a.iter().zip(&b).all(same)
            }
            _ => false,
        },
        _ => false,
    }
}

/// The members of an object in the order of their keys, those of one key in the order they came.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Gather;

        impl<'de> Visitor<'de> for Gather {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                members.sort_by(|(a, _): &(String, _), (b, _)| a.cmp(b));
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Gather)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_equal_whatever_the_order_of_their_keys() {
        assert!(equal_values(br#"{"a":1,"b":[2]}"#, br#"{"b":[2],"a":1}"#));
        assert!(!equal_values(br#"{"a":1,"b":[2]}"#, br#"{"b":[1],"a":2}"#));
        assert!(!equal_values(b"10", b"1"));
        assert!(equal_values(
            br#"[{"a":{"b":1,"c":2}}]"#,
            br#"[{"a":{"c":2,"b":1}}]"#
        ));
    }

    /// Numbers of more digits than a machine's are not rounded before they are compared, a key that is
    /// spelled twice counts twice, and nesting deeper than a stack is no equality.
    #[test]
    fn values_that_only_look_equal_are_not() {
        assert!(!equal_values(
            b"36893488147419103233",
            b"36893488147419103234"
        ));
        assert!(!equal_values(
            b"{\"a\":1.00000000000000001}",
            b"{\"a\":1.00000000000000002}"
        ));
        assert!(!equal_values(br#"{"a":1,"a":2}"#, br#"{"a":3,"a":2}"#));
        let nest = |inner: &str| "[".repeat(100_000) + inner + &"]".repeat(100_000);
        assert!(!equal_values(nest("1").as_bytes(), nest("2").as_bytes()));
    }

    #[test]
    fn a_decode_error_names_the_key_and_not_the_value() {
        let error = decode_value::<u64>("pin", br#""hunter2""#).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(!format!("{error:?}").contains("hunter2"));
        assert!(error.to_string().contains("\"pin\""));
    }
}
