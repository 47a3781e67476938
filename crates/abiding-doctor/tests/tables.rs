//! The table of rules in the documentation is that of the rules.
//!
//! `cargo xtask tables` writes it: it runs this test with `ABIDING_WRITE_TABLES` set.

use std::{env, fs, path::Path};

use abiding_doctor::tables;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test program reads its own environment"
)]
fn the_table_of_rules_is_that_of_the_rules() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/doctor.md");
    let kept = fs::read_to_string(&path).unwrap();
    let right = with_table(&kept, "rules", &tables::rules());
    let right = with_table(&right, "counts", &tables::counts());
    if env::var_os("ABIDING_WRITE_TABLES").is_some() {
        fs::write(&path, right).unwrap();
    } else {
        assert!(
            kept == right,
            "docs/doctor.md: `cargo xtask tables` writes its tables"
        );
    }
}

/// The text with this table between its marks.
fn with_table(text: &str, mark: &str, table: &str) -> String {
    let begin = format!("<!-- table: {mark} (cargo xtask tables) -->\n");
    let end = "<!-- end of table -->\n";
    let (before, rest) = text.split_once(&begin).expect("the mark of the table");
    let (_, after) = rest.split_once(end).expect("the end of the table");
    format!("{before}{begin}{table}{end}{after}")
}
