//! The table of rules in Markdown, for `docs/doctor.md`.
//!
//! `cargo xtask tables` writes it; a test fails where it is not as it would be written.

use crate::rules::{self, RULES};

/// One row for each rule.
pub fn rules() -> String {
    let mut table = "| rule | severity | what is wrong | why it matters | remedy | seen in |\n|---|---|---|---|---|---|\n".to_owned();
    for rule in RULES.iter() {
        let sources: Vec<_> = rule.sources.iter().map(ToString::to_string).collect();
        let why = match rule.standards.is_empty() {
            true => rule.why.to_owned(),
            false => format!("{} ({})", rule.why, rule.standards.join(", ")),
        };
        let severity = rule.severity.to_string();
        let cells = [
            rule.id,
            &severity,
            rule.title,
            &why,
            rule.remedy,
            &sources.join(", "),
        ];
        let cells: Vec<_> = cells
            .iter()
            .map(|cell| cell.replace('|', "\\|").replace("__", "\\_\\_"))
            .collect();
        table += &format!("| {} |\n", cells.join(" | "));
    }
    table
}

/// How many rules there are, and how many secrets are known.
pub fn counts() -> String {
    let (published, tried) = rules::known_secrets();
    format!(
        "{} rules. {published} published secrets are known, and {tried} are tried on a signed cookie: those, and usual phrases in their usual spellings.\n",
        RULES.len()
    )
}
