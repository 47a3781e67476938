//! The tables of stores in README, documentation and crate are those of the catalogue.
//!
//! `cargo xtask tables` writes them: it runs this test with `ABIDING_WRITE_TABLES` set.

use std::{env, fs, path::Path};

use abiding_stores::catalogue::tables;

/// The file, the mark of its table, what the lines begin with, and the table.
type Place = (&'static str, &'static str, &'static str, fn() -> String);

const PLACES: &[Place] = &[
    ("README.md", "stores", "", tables::stores),
    (
        "crates/abiding-stores/src/lib.rs",
        "features",
        "//! ",
        tables::features,
    ),
    ("docs/stores.md", "reference", "", tables::reference),
];

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test program reads its own environment"
)]
fn the_tables_of_stores_are_those_of_the_catalogue() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let writes = env::var_os("ABIDING_WRITE_TABLES").is_some();
    for (file, mark, prefix, table) in PLACES {
        let path = root.join(file);
        let kept = fs::read_to_string(&path).unwrap();
        let right = with_table(&kept, mark, prefix, &table());
        let right = right.unwrap_or_else(|| panic!("{file} has no marks of the table `{mark}`"));
        if writes {
            fs::write(&path, right).unwrap();
        } else {
            assert!(
                kept == right,
                "the table `{mark}` in {file} is not that of the catalogue: `cargo xtask tables` writes it"
            );
        }
    }
}

/// The text with this table between the marks `<!-- table: NAME -->` and `<!-- end of table -->`.
fn with_table(text: &str, mark: &str, prefix: &str, table: &str) -> Option<String> {
    let begin = format!("{prefix}<!-- table: {mark} (cargo xtask tables) -->\n");
    let end = format!("{prefix}<!-- end of table -->\n");
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    let lines = table.lines().map(|line| format!("{prefix}{line}"));
    let lines: String = lines.map(|line| format!("{}\n", line.trim_end())).collect();
    Some(format!("{before}{begin}{lines}{end}{after}"))
}

#[test]
fn a_table_takes_the_place_of_the_one_between_its_marks() {
    let text =
        "a\n//! <!-- table: x (cargo xtask tables) -->\n//! old\n//! <!-- end of table -->\nb\n";
    let new = with_table(text, "x", "//! ", "1\n\n2\n").unwrap();
    assert_eq!(
        new,
        "a\n//! <!-- table: x (cargo xtask tables) -->\n//! 1\n//!\n//! 2\n//! <!-- end of table -->\nb\n"
    );
    assert_eq!(with_table(&new, "x", "//! ", "1\n\n2\n").unwrap(), new);
    assert_eq!(with_table(text, "y", "//! ", ""), None);
}
