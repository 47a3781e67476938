//! The page that tells of the matrix: two tables, each kept where the other one is made.

use std::{fmt::Write as _, fs, path::Path};

use crate::places::KINDS;

/// One of the tables.
pub(crate) struct Table {
    heading: &'static str,
    columns: &'static [&'static str],
}

pub(crate) const IN_PROCESS: Table = Table {
    heading: "In one process",
    columns: &["from", "to", "requests", "moved", "sign-outs", "broken"],
};

pub(crate) const OVER_HTTP: Table = Table {
    heading: "Over HTTP, by servers that are deployed and killed",
    columns: &[
        "from",
        "to",
        "requests",
        "in doubt",
        "moved",
        "sign-ins",
        "sign-outs",
        "kills",
        "broken",
    ],
};

/// A line.
pub(crate) fn row(old: &str, new: &str, counts: &[usize]) -> Vec<String> {
    let names = [old, new].into_iter().map(str::to_owned);
    names.chain(counts.iter().map(usize::to_string)).collect()
}

/// Writes the page. Rows of pairs that were not run stay, and so does the other table. `say` makes its words of the sums
/// of columns.
pub(crate) fn write(
    table: &Table,
    rows: &[Vec<String>],
    say: impl Fn(&dyn Fn(usize) -> usize) -> String,
) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/matrix.md");
    let known = fs::read_to_string(&path).unwrap_or_default();
    let mut page = String::from("# Every place to every other, and back\n");
    for section in [&OVER_HTTP, &IN_PROCESS] {
        let heading = format!("\n## {}\n\n", section.heading);
        let before = known.split_once(&heading).map_or("", |(_, after)| after);
        let before = before.split("\n## ").next().unwrap_or_default().trim_end();
        if section.heading != table.heading {
            if !before.is_empty() {
                page += &format!("{heading}{before}\n");
            }
            continue;
        }
        let rows = merged(rows.to_vec(), before, table.columns.len());
        let sum = |column: usize| -> usize {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.filter_map(|cell| cell.parse::<usize>().ok()).sum()
        };
        page += &format!("{heading}{}\n\n", say(&sum));
        writeln!(page, "| {} |", table.columns.join(" | ")).unwrap();
        let numbers = "--:|".repeat(table.columns.len() - 2);
        writeln!(page, "|---|---|{numbers}").unwrap();
        for row in &rows {
            writeln!(page, "| {} |", row.join(" | ")).unwrap();
        }
    }
    fs::write(path, page).unwrap();
}

/// These, and those of before whose pair is not among them, in the order of the places.
fn merged(mut rows: Vec<Vec<String>>, before: &str, columns: usize) -> Vec<Vec<String>> {
    let lines = before.lines().skip_while(|line| !line.starts_with("|---"));
    for line in lines.skip(1) {
        let cells = line.trim_matches('|').split('|').map(str::trim);
        let cells: Vec<_> = cells.map(str::to_owned).collect();
        if cells.len() == columns && rows.iter().all(|row| row[..2] != cells[..2]) {
            rows.push(cells);
        }
    }
    let place = |name: &str| KINDS.iter().position(|kind| kind.name == name);
    rows.sort_by_key(|row| (place(&row[0]), place(&row[1])));
    rows
}
