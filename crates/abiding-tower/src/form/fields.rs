//! A urlencoded body taken apart: the token, and everything else (URL Standard, 5.1).

use percent_encoding::percent_decode_str;

use super::FORM_TOKEN;

/// What a form sent.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// The one token that was sent.
    pub(super) token: Option<String>,
    /// The body without it.
    pub(super) rest: String,
    /// The same, as names and values.
    pub(super) pairs: Vec<(String, String)>,
    /// Whether all of it was UTF-8.
    pub(super) readable: bool,
}

impl Fields {
    pub(super) fn parse(body: &str) -> Self {
        let (mut fields, mut tokens) = (Self::default(), Vec::new());
        fields.readable = true;
        for raw in body.split('&').filter(|raw| !raw.is_empty()) {
            let (name, value) = raw.split_once('=').unwrap_or((raw, ""));
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                fields.readable = false;
                continue;
            };
            if name == FORM_TOKEN {
                tokens.push(value);
                continue;
            }
            if !fields.rest.is_empty() {
                fields.rest.push('&');
            }
            fields.rest.push_str(raw);
            fields.pairs.push((name, value));
        }
        if let [token] = &mut tokens[..] {
            fields.token = Some(std::mem::take(token));
        }
        fields
    }
}

/// `None` for bytes that are not UTF-8: a browser never sends them, and nobody typed a `\u{fffd}`.
fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    let text = percent_decode_str(&text).decode_utf8().ok()?;
    Some(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_taken_out_and_the_rest_stays_as_it_was_sent() {
        for (body, token, rest, readable) in [
            ("", None, "", true),
            ("form_token=abc", Some("abc"), "", true),
            (
                "a=1&form_token=abc&b=%26+x&a=2",
                Some("abc"),
                "a=1&b=%26+x&a=2",
                true,
            ),
            ("form%5Ftoken=a%2Bc", Some("a+c"), "", true),
            ("form_token=a&form_token=b", None, "", true),
            ("form_token", Some(""), "", true),
            ("&&a&=&=b;%%%", None, "a&=&=b;%%%", true),
            ("a=%FF&b=%C3%A9", None, "b=%C3%A9", false),
        ] {
            let fields = Fields::parse(body);
            assert_eq!(fields.token.as_deref(), token, "{body}");
            assert_eq!(
                (fields.rest.as_str(), fields.readable),
                (rest, readable),
                "{body}"
            );
            let names: Vec<(String, String)> = serde_urlencoded::from_str(rest).unwrap();
            assert_eq!(fields.pairs, names, "{body}");
        }
    }
}
