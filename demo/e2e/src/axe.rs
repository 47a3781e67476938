//! The axe rules, an accessibility checker that runs in a page. `cargo xtask e2e` fetches it.
//! Brought in by the driver, whose scripts no policy of a page holds up.

use std::{fs, path::PathBuf, sync::OnceLock};

use crate::{browser::Browser, required, screenshot::target};

impl Browser {
    /// What the axe rules find wrong with the page as it is shown now, each with the rule and the element; `None` where they are missing.
    #[must_use]
    pub fn violations(&self) -> Option<Vec<String>> {
        let rules = rules()?;
        if self.run("return typeof axe") == "undefined" {
            let _ = self.run(rules);
        }
        let found = self.run(
            "const { violations } = await axe.run(document, { resultTypes: ['violations'] });
             return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target, html, any, all }) =>
                 `${id} (${help}) at ${target.join(' ')}: ${html} ${[...any, ...all].map(check => check.message).join('; ')}`))",
        );
        let found = found.as_array().into_iter().flatten();
        let texts = found.map(|violation| violation.as_str().unwrap_or_default().to_owned());
        Some(texts.collect())
    }
}

fn rules() -> Option<&'static str> {
    static RULES: OnceLock<Option<String>> = OnceLock::new();
    let rules = RULES.get_or_init(|| fs::read_to_string(file()).ok());
    let remedy = "run `cargo xtask e2e` once, which fetches the axe rules";
    required::is_there("axe", rules.is_some(), remedy);
    rules.as_deref()
}

fn file() -> PathBuf {
    target().join("tools/axe/package/axe.min.js")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::available;

    #[test]
    fn a_picture_without_a_description_is_found_and_named() {
        if !available() {
            return;
        }
        let browser = Browser::open();
        browser.go("data:text/html,<html lang=en><title>T</title><main><h1>T</h1><img src=x id=y>");
        if let Some(found) = browser.violations() {
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with("image-alt (") && found[0].contains(" at #y: "));
        }
    }
}
