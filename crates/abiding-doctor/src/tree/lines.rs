//! Shell scripts, Dockerfiles, documents and SQL, line by line: only what rules look for is kept.

use crate::{
    facts::{Facts, Origin, Sight, What},
    tree::Named,
};

pub(super) fn read(facts: &mut Facts, named: Named<'_>, text: &str) {
    let mut statement: Option<(String, usize)> = None;
    for (at, line) in text.lines().enumerate() {
        let origin = || Origin::line(named.place, at + 1);
        if is_of_interest(line) {
            facts.sights.push(Sight {
                what: What::Shell(line.trim().to_owned()),
                origin: origin(),
            });
        }
        statement = sql(facts, named, statement, line, at + 1);
    }
    if let Some((text, line)) = statement {
        push_sql(facts, named, text, line);
    }
}

/// Whether any rule could mean this line.
pub(super) fn is_of_interest(line: &str) -> bool {
    if line.len() > 2_000 {
        return false;
    }
    let line = line.to_ascii_lowercase();
    [
        "session",
        "pip install",
        "pip3 install",
        "redis",
        "log in again",
        "login again",
        "cookie",
        "domain",
        "cleanup",
    ]
    .iter()
    .any(|word| line.contains(word))
}

/// Collects `CREATE TABLE …;` over several lines.
fn sql(
    facts: &mut Facts,
    named: Named<'_>,
    open: Option<(String, usize)>,
    line: &str,
    at: usize,
) -> Option<(String, usize)> {
    let (mut text, begun) = match open {
        Some(open) => open,
        None if begins(line) => (String::new(), at),
        None => return None,
    };
    text += line.trim();
    text.push(' ');
    if line.contains(';') || line.trim_start().starts_with("```") || text.len() > 10_000 {
        push_sql(facts, named, text, begun);
        return None;
    }
    Some((text, begun))
}

/// Every statement of SQL in a text that is known to hold some.
pub(super) fn read_sql(facts: &mut Facts, named: Named<'_>, text: &str, first: usize) {
    if begins(text) || text.to_ascii_lowercase().contains("create table") {
        push_sql(
            facts,
            named,
            text.split_whitespace().collect::<Vec<_>>().join(" "),
            first,
        );
    }
}

fn push_sql(facts: &mut Facts, named: Named<'_>, text: String, line: usize) {
    facts.sights.push(Sight {
        what: What::Sql(text),
        origin: Origin::line(named.place, line),
    });
}

fn begins(line: &str) -> bool {
    let line = line.trim_start().to_ascii_lowercase();
    [
        "create table",
        "create index",
        "create unique index",
        "drop table",
    ]
    .iter()
    .any(|start| line.starts_with(start))
}
