//! The features that a crate of this repository declares, read from its manifest.
//! `lint` builds each of them alone, so that none leans on another by accident.

use std::fs;

use crate::step::{Failure, root};

/// The names in the `[features]` table of a crate, but for `default`.
pub(crate) fn of(krate: &str) -> Result<Vec<String>, Failure> {
    let path = root().join("crates").join(krate).join("Cargo.toml");
    let manifest = fs::read_to_string(&path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    Ok(in_manifest(&manifest))
}

/// Reads the lines `name = […` between `[features]` and the next table; our manifests need no more of TOML than that.
fn in_manifest(manifest: &str) -> Vec<String> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[features]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim().to_owned())
        .filter(|name| !name.starts_with('#') && name != "default")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_the_names_of_their_table_but_for_default() {
        let manifest = "\
[dependencies]
serde = { version = \"1\" }

[features]
default = [\"sqlite\"]
# a comment = with an equals sign
full = [
    \"sqlite\",
    \"file\",
]
sqlite = [\"dep:rusqlite\"]

[lints]
workspace = true
";
        assert_eq!(in_manifest(manifest), ["full", "sqlite"]);
        assert!(in_manifest("[package]\nname = \"x\"\n").is_empty());
    }
}
