//! `abiding cookie sign`: cookies made by the application's keys.

use std::{collections::BTreeMap, io::Write as _, time::Duration};

use abiding::{
    Expiry,
    compat::{Dict, cookie::CookieCodec},
    inspect::Inspector,
};
use clap::ValueEnum;
use serde_json::value::RawValue;

use crate::{
    exit::{Exit, Failure},
    input::{Count, InputArgs},
    moment::{Now, parse_length},
    output::Output,
    secrets::KeyArgs,
};

/// Make cookies, one of each line
///
/// Of a line that is a JSON object a cookie that holds it: Flask's, or a sealed one. Of a token the same
/// token by the key that signs now, so that the old key can go. Types that JSON lacks are tagged as Flask
/// tags them: {" t":[1,2]} is a tuple. Whoever has the cookie has the session: mind where it goes.
#[derive(Debug, clap::Args)]
#[command(after_long_help = r#"
Examples:
  A session for a test, as the Flask application would sign it:
    echo '{"user_id": 7, "_permanent": true}' | abiding cookie sign --kind flask --secret file:secret

  Somebody signed in, in a sealed cookie:
    echo '{"cart": [3]}' | abiding cookie sign --kind sealed --keys file:session.key --subject ada

  A token that an old key made, by the newest key:
    abiding cookie sign --kind token --keys file:session.key < token.txt"#)]
pub(crate) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// What to make
    #[arg(long, value_enum)]
    kind: Kind,
    #[command(flatten)]
    keys: KeyArgs,
    /// The cookie's name, to which abiding's cookies are bound
    #[arg(
        long,
        value_name = "NAME",
        default_value = "__Host-Http-sid",
        help_heading = "Keys"
    )]
    cookie_name: String,
    /// The salt of Flask's cookies, if the application changed it
    #[arg(long, value_name = "TEXT", default_value = "cookie-session")]
    salt: String,
    /// Who is signed in, in a sealed cookie
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// How long a sealed session may lie unused
    #[arg(long, value_name = "LENGTH", default_value = "30m", value_parser = parse_length)]
    idle: Duration,
    /// How long a sealed session lives, however it is used
    #[arg(long, value_name = "LENGTH", default_value = "12h", value_parser = parse_length)]
    lifetime: Duration,
    #[command(flatten)]
    now: Now,
}

/// What can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Flask's signed cookie, of a JSON object
    Flask,
    /// A sealed cookie, of a JSON object
    Sealed,
    /// A token, of a token
    Token,
}

impl Args {
    pub(super) fn run(&self, output: &mut Output) -> Result<Exit, Failure> {
        let keys = self.keys.read(self.input.is_stdin())?;
        let now = self.now.instant();
        let codec = keys
            .secrets
            .map(|secrets| CookieCodec::new(secrets).with_salt(&self.salt));
        let inspector = keys
            .ring
            .map(|ring| Inspector::new(ring, &self.keys.realm, &self.cookie_name));
        let expiry = Expiry::new().idle(self.idle).absolute(self.lifetime);
        let make = |line: &str| -> Result<String, String> {
            match (self.kind, &codec, &inspector) {
                (Kind::Flask, Some(codec), _) => {
                    let dict = Dict::from_json(line).map_err(|error| error.to_string())?;
                    codec.write(&dict, now).map_err(|error| error.to_string())
                }
                (Kind::Sealed, _, Some(inspector)) => {
                    let values: BTreeMap<String, &RawValue> = serde_json::from_str(line)
                        .map_err(|error| format!("it is no JSON object: {error}"))?;
                    let values: Vec<_> = values
                        .into_iter()
                        .map(|(key, value)| (key, value.get().to_owned()))
                        .collect();
                    let sealed = inspector.seal(&values, self.subject.as_deref(), expiry, now);
                    sealed
                        .map(|cookie| cookie.to_string())
                        .map_err(|error| error.to_string())
                }
                (Kind::Token, _, Some(inspector)) => {
                    let renewed = inspector.renew_token(line.as_bytes(), now);
                    let why = |rejection| {
                        format!("it is no token that these keys vouch for: {rejection:?}")
                    };
                    renewed.map(|token| token.to_string()).map_err(why)
                }
                _ => Err(String::new()),
            }
        };
        let missing = match self.kind {
            Kind::Flask if codec.is_none() => Some("--secret file:PATH"),
            Kind::Sealed | Kind::Token if inspector.is_none() => Some("--keys file:PATH"),
            _ => None,
        };
        if let Some(option) = missing {
            return Err(Failure::usage(format!(
                "there is nothing to sign with: give `{option}`"
            )));
        }
        let json = output.is_json();
        let count = self.input.each(output, |number, line, answer| {
            let made = make(line);
            let count = if made.is_ok() {
                Count::GOOD
            } else {
                Count::BAD
            };
            // Memory takes what is written. What is refused leaves an empty line, so that lines and answers
            // go together.
            let _ = match made {
                Ok(cookie) if json => {
                    writeln!(answer, r#"{{"line":{number},"cookie":"{cookie}"}}"#)
                }
                Ok(cookie) => writeln!(answer, "{cookie}"),
                Err(why) if json => {
                    let why = serde_json::Value::from(why);
                    writeln!(answer, r#"{{"line":{number},"problem":{why}}}"#)
                }
                Err(why) => {
                    eprintln!("line {number}: {why}");
                    writeln!(answer)
                }
            };
            count
        })?;
        Ok(count.exit(output))
    }
}
