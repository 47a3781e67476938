//! The catalogue as tables in Markdown, for the README and for `docs/stores.md`.
//!
//! `cargo xtask tables` writes them where they belong; a test fails where they are not as they would be written.

use abiding::store::Powers;

use super::{Kind, STORES, UrlOption};

/// One row for each store: what it is and is not.
pub fn stores() -> String {
    let mut table = Table::new(&[
        "store",
        "URL",
        "processes",
        "an acknowledged write survives",
        "lists and ends a subject's sessions",
        "walks over all",
        "tells who watches",
        "drops living sessions",
        "sealed",
    ]);
    for kind in STORES {
        let facts = &kind.facts;
        table.row(&[
            &titled(kind),
            &schemes(kind, ", "),
            &facts.processes.to_string(),
            facts.survives,
            yes(facts.powers.subjects),
            walks(facts.powers),
            &facts.watch.to_string(),
            &facts.evicts.to_string(),
            if facts.sealed { "yes" } else { "needless" },
        ]);
    }
    table.0
}

/// One row for each feature: which store it brings.
pub fn features() -> String {
    let mut table = Table::new(&["feature", "store", "processes", "survives"]);
    for kind in STORES {
        let Some(feature) = kind.feature else {
            continue;
        };
        table.row(&[
            &format!("`{feature}`"),
            kind.title,
            &kind.facts.processes.to_string(),
            kind.facts.survives,
        ]);
    }
    table.0
}

/// All of it: a section for each store, with its URLs, its options and what it promises.
pub fn reference() -> String {
    STORES.iter().map(section).collect::<Vec<_>>().join("\n")
}

fn section(kind: &Kind) -> String {
    let facts = &kind.facts;
    let mut text = format!("## {}\n", kind.title);
    if let Some(feature) = kind.feature {
        text += &format!("Feature `{feature}`.\n");
    }
    let mut promises = Table::new(&["what", "holds"]);
    for (what, holds) in [
        ("processes that may share it", facts.processes.to_string()),
        (
            "survives the end of the process or server",
            facts.durable.to_string(),
        ),
        ("an acknowledged write survives", facts.survives.to_owned()),
        ("drops living sessions", facts.evicts.to_string()),
        ("records are sealed", yes(facts.sealed).to_owned()),
        (
            "lists and ends a subject's sessions",
            yes(facts.powers.subjects).to_owned(),
        ),
        ("walks over all sessions", walks(facts.powers).to_owned()),
        ("can be swept", yes(facts.powers.sweep).to_owned()),
        (
            "tells who watches that a session is over",
            facts.watch.to_string(),
        ),
        ("round trips", facts.trips.to_owned()),
    ] {
        promises.row(&[what, &holds]);
    }
    let mut urls = Table::new(&["URL", "leads to"]);
    for scheme in kind.schemes {
        let feature = scheme
            .feature
            .map(|feature| format!(" (feature `{feature}`)"));
        let leads_to = format!("{}{}", scheme.leads_to, feature.unwrap_or_default());
        urls.row(&[&format!("`{}`", scheme.example), &leads_to]);
    }
    text += &format!("\n{}\n{}", promises.0, urls.0);
    let mut options = Table::new(&["option", "value", "unless told otherwise", "chooses"]);
    let common = kind.options.iter().map(|option| (option, None));
    let special = kind.schemes.iter().flat_map(|scheme| {
        scheme
            .options
            .iter()
            .map(|option| (option, Some(scheme.name)))
    });
    let mut all: Vec<(&UrlOption, Vec<&str>)> = Vec::new();
    for (option, scheme) in common.chain(special) {
        match all.iter_mut().find(|(known, _)| *known == option) {
            Some((_, schemes)) => schemes.extend(scheme),
            None => all.push((option, scheme.into_iter().collect())),
        }
    }
    for (option, schemes) in &all {
        let only: Vec<_> = schemes
            .iter()
            .map(|scheme| format!("`{scheme}:`"))
            .collect();
        let only = if only.is_empty() {
            String::new()
        } else {
            format!("; with {} alone", only.join(", "))
        };
        options.row(&[
            &format!("`{}`", option.name),
            &option.value.to_string(),
            option.default,
            &format!("{}{only}", option.chooses),
        ]);
    }
    if !all.is_empty() {
        text += &format!("\n{}", options.0);
    }
    text
}

fn titled(kind: &Kind) -> String {
    match kind.feature {
        Some(feature) => format!("{} (feature `{feature}`)", kind.title),
        None => kind.title.to_owned(),
    }
}

fn schemes(kind: &Kind, between: &str) -> String {
    let names = kind
        .schemes
        .iter()
        .map(|scheme| format!("`{}:`", scheme.name));
    names.collect::<Vec<_>>().join(between)
}

fn walks(powers: Powers) -> &'static str {
    match powers {
        Powers { scan: true, .. } => "yes",
        Powers { walk: true, .. } => "in no order",
        _ => "no",
    }
}

fn yes(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

/// A table in Markdown.
struct Table(String);

impl Table {
    fn new(head: &[&str]) -> Self {
        let mut table = Self(String::new());
        table.row(head);
        table.0 += &format!("|{}\n", "---|".repeat(head.len()));
        table
    }

    fn row(&mut self, cells: &[&str]) {
        // A bar would begin another cell.
        let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        self.0 += &format!("| {} |\n", cells.join(" | "));
    }
}
