//! `.env` files: `NAME=value`, `export NAME='value'`, comments.

use crate::{
    facts::{Facts, Origin, Setting},
    tree::Named,
    value::Value,
};

pub(super) fn read(facts: &mut Facts, named: Named<'_>, text: &str) {
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        if line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let name = name.trim_end();
        let fit = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(fit) {
            continue;
        }
        let origin = Origin::line(named.place, at + 1);
        push(facts, named, name, unquoted(value), origin);
    }
}

/// Adds a variable of the environment. Flask reads `FLASK_X` as its setting `X` (`from_prefixed_env`).
pub(super) fn push(facts: &mut Facts, named: Named<'_>, name: &str, value: &str, origin: Origin) {
    let is_setting = |rest: &&str| rest.starts_with("SESSION_") || *rest == "SECRET_KEY";
    let name = name
        .strip_prefix("FLASK_")
        .filter(is_setting)
        .unwrap_or(name);
    facts.settings.push(Setting {
        name: name.to_owned(),
        value: interpolated(value),
        origin,
        layer: named.layer,
        scope: named.scope,
    });
}

/// `${NAME:-default}` and `${NAME}` are variables; what else there is with them in it cannot be told.
fn interpolated(text: &str) -> Value {
    let whole = text
        .strip_prefix("${")
        .and_then(|text| text.strip_suffix('}'));
    match whole {
        Some(inner) if !inner.contains(['{', '}']) => {
            let end = inner.find([':', '-', '?', '+']).unwrap_or(inner.len());
            let (name, rest) = inner.split_at(end);
            let default = rest.strip_prefix(":-").or_else(|| rest.strip_prefix('-'));
            Value::Variable {
                name: name.to_owned(),
                default: default.map(|default| Box::new(Value::text(default))),
                required: rest.starts_with(":?") || rest.starts_with('?'),
            }
        }
        _ => Value::text(text),
    }
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote)
            && let Some(end) = rest.find(quote)
        {
            return &rest[..end];
        }
    }
    // A comment begins behind a blank.
    value.split(" #").next().unwrap_or_default().trim_end()
}
