//! An e-mail address that can be written to: checked once, and harmless in a header from then on.
//!
//! Of RFC 5321 it takes what people have: a dot-atom, an `@`, and the name of a host. No quoted parts,
//! comments or literals, so no blank, control character, comma or angle bracket ever gets through.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An address in lower case, its host in the form that the DNS knows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Address {
    text: String,
    /// Where the `@` stands.
    at: usize,
}

/// The text is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAnAddress;

impl Address {
    /// The sender unless there is a better one; its host is a name reserved for examples.
    pub(crate) fn of_the_demo() -> Self {
        Self {
            text: String::from("demo@abiding.example"),
            at: 4,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn name(&self) -> &str {
        &self.text[..self.at]
    }

    pub(crate) fn host(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// The mailbox it leads to: what stands behind a `+` only labels the mail. Limits count by this
    /// one, or a person could be flooded under a thousand labels.
    pub(crate) fn mailbox(&self) -> String {
        let name = self.name().split('+').next().unwrap_or_default();
        format!("{name}@{}", self.host())
    }
}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(typed: &str) -> Result<Self, NotAnAddress> {
        let (name, host) = typed.trim().split_once('@').ok_or(NotAnAddress)?;
        let host = idna::domain_to_ascii_strict(host).map_err(|_| NotAnAddress)?;
        // Upper case makes another mailbox by the letter of the standard, and nowhere else.
        let text = format!("{}@{host}", name.to_ascii_lowercase());
        if is_name(name) && is_host(&host) && text.len() <= LONGEST {
            Ok(Self {
                text,
                at: name.len(),
            })
        } else {
            Err(NotAnAddress)
        }
    }
}

impl TryFrom<String> for Address {
    type Error = NotAnAddress;

    fn try_from(kept: String) -> Result<Self, NotAnAddress> {
        kept.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.text
    }
}

impl fmt::Display for NotAnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no e-mail address that can be written to")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A dot-atom (RFC 5322 section 3.2.3) that begins with more than a label.
fn is_name(name: &str) -> bool {
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    name.len() <= LONGEST_NAME
        && !name.starts_with('+')
        && name
            .split('.')
            .all(|word| !word.is_empty() && word.bytes().all(atom))
}

/// Two labels at least, the last of them no number: neither a machine's nickname nor an IP address.
fn is_host(host: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(letters)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = host.rsplit_once('.').map(|(_, top)| top);
    top.is_some_and(|top| !top.bytes().all(|byte| byte.is_ascii_digit()))
        && host.split('.').all(label)
}

/// RFC 5321 section 4.5.3.1, less the angle brackets around a path.
const LONGEST: usize = 254;
const LONGEST_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_have_is_taken_and_written_in_one_way() {
        for (typed, expected) in [
            ("zola@example.org", "zola@example.org"),
            ("  Nomvula.Zola@Example.ORG ", "nomvula.zola@example.org"),
            (
                "o'neil+shop@mail.example.co.za",
                "o'neil+shop@mail.example.co.za",
            ),
            ("a@b-c.de", "a@b-c.de"),
            ("post@bücher.example", "post@xn--bcher-kva.example"),
        ] {
            let address: Address = typed.parse().unwrap();
            assert_eq!(address.as_str(), expected);
        }
    }

    #[test]
    fn what_could_break_a_header_or_reach_nobody_is_refused() {
        let (long_name, long_host) = ("a".repeat(65), "a.".repeat(125));
        for typed in [
            "",
            "@",
            "zola",
            "zola@",
            "@example.org",
            "zola@localhost",
            "zola@127.0.0.1",
            "zola@[127.0.0.1]",
            "zola@example..org",
            "zola@-example.org",
            "zola@exam_ple.org",
            "zo la@example.org",
            "zola@example.org, thandi@example.org",
            "zola@example.org\r\nBcc: thandi@example.org",
            "zola\r\nBcc: thandi@example.org",
            "zola@example.org\0",
            "\"zola\"@example.org",
            "Zola <zola@example.org>",
            "zola@example.org>",
            "zola.@example.org",
            ".zola@example.org",
            "+label@example.org",
            "zo@la@example.org",
            "zøla@example.org",
            "<script>@example.org",
            &format!("{long_name}@example.org"),
            &format!("zola@{long_host}org"),
        ] {
            assert_eq!(typed.parse::<Address>(), Err(NotAnAddress), "{typed:?}");
        }
    }

    #[test]
    fn the_sender_of_the_demo_is_an_address() {
        let sender = Address::of_the_demo();
        assert_eq!(sender.as_str().parse(), Ok(sender));
    }

    #[test]
    fn labels_lead_to_the_same_mailbox() {
        for typed in [
            "zola@example.org",
            "zola+a@example.org",
            "ZOLA+b+c@EXAMPLE.org",
        ] {
            let address: Address = typed.parse().unwrap();
            assert_eq!(address.mailbox(), "zola@example.org");
        }
    }
}
