//! The guide quotes this program, and every quotation is in it, word for word.

use std::{fs, path::Path};

/// A quotation: the file that it names, and its lines.
fn quotations(guide: &str) -> Vec<(&str, String)> {
    let mut quotations = Vec::new();
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        let named = line.strip_prefix("<!-- from ");
        let Some(file) = named.and_then(|rest| rest.strip_suffix(" -->")) else {
            continue;
        };
        assert_eq!(lines.next(), Some("```rust"), "{file} is named, not quoted");
        let quoted: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        quotations.push((file, quoted.join("\n")));
    }
    quotations
}

#[test]
fn every_quotation_of_the_guide_is_compiled_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guide = fs::read_to_string(root.join("docs/guide.md")).unwrap();
    let quotations = quotations(&guide);
    let fences = guide.matches("```rust").count();
    assert_eq!(quotations.len(), fences, "a quotation names no file");
    assert!(fences > 5);
    for (file, quoted) in quotations {
        let source = fs::read_to_string(root.join(file)).unwrap();
        assert!(source.contains(&quoted), "{file} does not hold:\n{quoted}");
        let lines = quoted.lines().count();
        assert!(lines <= 45, "{lines} lines of {file} are no quotation");
    }
}
