//! Where screenshots go: `target/e2e-screenshots`, for people to look at.

use std::{fs, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};

/// Keeps a picture, which WebDriver hands over in base64, under a name of its own.
pub(crate) fn keep(name: &str, picture: &str) {
    let folder = folder();
    let bytes = STANDARD.decode(picture).expect("a screenshot is base64");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join(name).with_extension("png"), bytes))
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
}

fn folder() -> PathBuf {
    target().join("e2e-screenshots")
}

/// The target folder, which is three above a test program: `target/debug/deps/browser-…`.
pub(crate) fn target() -> PathBuf {
    let program = std::env::current_exe().expect("a test knows its own path");
    let target = program.ancestors().nth(3);
    target.expect("a test lies in the target folder").to_owned()
}
