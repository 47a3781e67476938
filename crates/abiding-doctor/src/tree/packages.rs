//! What Python packages are required: requirements files, `pyproject.toml` and `Pipfile`.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    facts::{Facts, Origin, Package, Sight, What},
    requirement::{Requirement, normalised},
    tree::{Named, lines},
};

pub(super) fn read_requirements(facts: &mut Facts, named: Named<'_>, text: &str) {
    for (at, line) in text.lines().enumerate() {
        let origin = Origin::line(named.place, at + 1);
        let (requirement, remark) = match line.split_once('#') {
            Some((requirement, remark)) => (requirement, Some(remark)),
            None => (line, None),
        };
        if let Some(remark) = remark.filter(|remark| lines::is_of_interest(remark)) {
            facts.sights.push(Sight {
                what: What::Remark(remark.trim().to_owned()),
                origin: origin.clone(),
            });
        }
        if !requirement.trim_start().starts_with('-') {
            push(facts, requirement, origin);
        }
    }
}

pub(super) fn read_pyproject(facts: &mut Facts, named: Named<'_>, text: &str) {
    let Ok(document) = DeTable::parse(text) else {
        return;
    };
    let origin = |span: std::ops::Range<usize>| {
        let line = text.as_bytes()[..span.start]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        Origin::line(named.place, line)
    };
    let root = document.get_ref();
    let project = table(root, "project");
    let optional = project.and_then(|project| table(project, "optional-dependencies"));
    let groups = table(root, "dependency-groups");
    let lists = project
        .and_then(|project| project.get("dependencies"))
        .into_iter()
        .chain(
            [optional, groups]
                .into_iter()
                .flatten()
                .flat_map(|table| table.values()),
        );
    for list in lists {
        let DeValue::Array(list) = list.get_ref() else {
            continue;
        };
        for item in list.iter() {
            if let DeValue::String(requirement) = item.get_ref() {
                push(facts, requirement, origin(item.span()));
            }
        }
    }
    // Poetry and Pipenv write `name = "^1.2"` or `name = { version = "…" }`.
    let poetry = table(root, "tool")
        .and_then(|tool| table(tool, "poetry"))
        .and_then(|poetry| table(poetry, "dependencies"));
    for (name, value) in [poetry, table(root, "packages")]
        .into_iter()
        .flatten()
        .flat_map(|table| table.iter())
    {
        let version = match value.get_ref() {
            DeValue::String(version) => Some(&**version),
            DeValue::Table(table) => table.get("version").and_then(string),
            _ => None,
        };
        let version = version.unwrap_or_default();
        let name: &str = name.get_ref();
        push(
            facts,
            &format!("{name}{}", specifiers(version)),
            origin(value.span()),
        );
    }
}

fn table<'a, 'i>(table: &'a DeTable<'i>, name: &str) -> Option<&'a DeTable<'i>> {
    match table.get(name)?.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

fn string<'a>(value: &'a Spanned<DeValue<'_>>) -> Option<&'a str> {
    match value.get_ref() {
        DeValue::String(text) => Some(text),
        _ => None,
    }
}

/// Poetry's caret and tilde as version specifiers: `^0.5` is `>=0.5,<0.6`, `^1.2` is `>=1.2,<2`.
fn specifiers(version: &str) -> String {
    let Some(base) = version.strip_prefix('^') else {
        let bare = version.starts_with(|c: char| c.is_ascii_digit());
        return if bare {
            format!("=={version}")
        } else {
            version.replace('*', "").trim().to_owned()
        };
    };
    let mut parts: Vec<u64> = base
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect();
    let Some(at) = parts.iter().position(|part| *part != 0) else {
        return format!(">={base}");
    };
    parts.truncate(at + 1);
    if let Some(last) = parts.last_mut() {
        *last += 1;
    }
    let next: Vec<_> = parts.iter().map(ToString::to_string).collect();
    format!(">={base},<{}", next.join("."))
}

/// Adds `Flask-Session[redis]>=0.5,<0.7; python_version > "3.8"`.
fn push(facts: &mut Facts, requirement: &str, origin: Origin) {
    let requirement = requirement.split(';').next().unwrap_or_default().trim();
    let end = requirement
        .find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)))
        .unwrap_or(requirement.len());
    let (name, rest) = requirement.split_at(end);
    if name.is_empty() {
        return;
    }
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(extras) => extras.split_once(']').map_or("", |(_, rest)| rest),
        None => rest,
    };
    facts.packages.push(Package {
        name: normalised(name),
        requirement: Requirement::parse(rest.trim().trim_matches(['(', ')'])),
        origin,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_admits_what_poetry_says() {
        for (version, is) in [
            ("^0.5", ">=0.5,<0.6"),
            ("^1.2.3", ">=1.2.3,<2"),
            ("0.5.0", "==0.5.0"),
            (">=0.5", ">=0.5"),
            ("*", ""),
        ] {
            assert_eq!(specifiers(version), is, "{version}");
        }
    }
}
