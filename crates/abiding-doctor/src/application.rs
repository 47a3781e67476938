//! Facts of a running Flask application: its effective configuration, handed in as JSON.
//!
//! The caller, `flask abiding doctor`, spells what JSON cannot: a `timedelta` is `{"seconds": 3600}`, an object is
//! `{"type": "redis.client.Redis", …}` with what of it matters, bytes are `{"bytes": [1, 2]}`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::{
    error::Error,
    facts::{Facts, Layer, Origin, Package, Scope, Setting},
    requirement::{Requirement, normalised},
    value::{Argument, Value},
};

const PLACE: &str = "the application";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Application {
    settings: BTreeMap<String, Json>,
    /// The class of its session interface, with its module.
    interface: String,
    /// Names and versions of what is installed.
    #[serde(default)]
    packages: BTreeMap<String, String>,
    /// Whether it is debugged or tested, where weak settings are what one expects.
    #[serde(default)]
    development: bool,
}

impl Facts {
    /// The facts of a Flask application, described in JSON: `settings` by name, `interface`, `packages` by name, `development`.
    ///
    /// # Errors
    /// Text that is not JSON of this form.
    pub fn of_application(json: &str) -> Result<Self, Error> {
        let read = serde_json::from_str(json);
        // The error quotes nothing of the text, which may hold secrets.
        let application: Application = read.map_err(|error| {
            Error::new(format!(
                "the description of the application: line {}, column {}",
                error.line(),
                error.column()
            ))
        })?;
        let origin = Origin::place(PLACE);
        let scope = if application.development {
            Scope::Development
        } else {
            Scope::Any
        };
        let settings = application
            .settings
            .into_iter()
            .map(|(name, value)| Setting {
                name,
                value: meant(value),
                origin: origin.clone(),
                layer: Layer::Application,
                scope,
            });
        let packages = application
            .packages
            .into_iter()
            .map(|(name, version)| Package {
                name: normalised(&name),
                requirement: Requirement::exactly(&version),
                origin: origin.clone(),
            });
        Ok(Self {
            sources: vec![PLACE.to_owned()],
            settings: settings.collect(),
            packages: packages.collect(),
            interface: Some(application.interface),
            ..Self::default()
        })
    }
}

fn meant(json: Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) => number.as_f64().map_or(Value::Unknown, Value::Number),
        Json::String(text) => Value::Text(text),
        Json::Array(values) => Value::Call {
            name: "list".to_owned(),
            arguments: values
                .into_iter()
                .map(|value| Argument {
                    name: None,
                    value: meant(value),
                })
                .collect(),
        },
        Json::Object(mut object) => {
            if let Some(seconds) = object.get("seconds").and_then(Json::as_f64) {
                return Value::Seconds(seconds);
            }
            if let Some(Json::Array(bytes)) = object.get("bytes") {
                let bytes: Vec<u8> = bytes
                    .iter()
                    .filter_map(|byte| u8::try_from(byte.as_u64()?).ok())
                    .collect();
                return Value::Text(latin1(&bytes));
            }
            let Some(Json::String(name)) = object.remove("type") else {
                return Value::Unknown;
            };
            Value::Call {
                name,
                arguments: object
                    .into_iter()
                    .map(|(name, value)| Argument {
                        name: Some(name),
                        value: meant(value),
                    })
                    .collect(),
            }
        }
    }
}

/// Bytes as a text of as many characters, if they are no text of themselves.
fn latin1(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_that_is_refused_is_not_quoted() {
        let error =
            Facts::of_application(r#"{"settings": {"SECRET_KEY": "canary"}, "interfaces": ""}"#)
                .unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
    }

    #[test]
    fn values_that_json_has_no_word_for_are_understood() {
        let json = r#"{"settings": {"A": {"seconds": 60}, "B": {"type": "redis.client.Redis", "decode_responses": true}, "C": {"bytes": [255, 0]}}, "interface": "x"}"#;
        let facts = Facts::of_application(json).unwrap();
        let values: Vec<_> = facts
            .settings
            .iter()
            .map(|setting| &setting.value)
            .collect();
        assert_eq!(values[0], &Value::Seconds(60.0));
        assert!(values[1].call(&["Redis"]).is_some());
        assert_eq!(
            values[2].as_text().map(|text| text.chars().count()),
            Some(2)
        );
    }
}
