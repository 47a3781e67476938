//! The examples, each in a real Chromium and through its story, under gunicorn with several workers.
//! Their own tests lie beside them, in `examples`. `cargo xtask e2e` builds the wheel that they run with.

mod membership;
mod shared;
mod stories;

use abiding_demo_e2e::{Browser, Example, available};

/// A visitor before an example.
struct Stage {
    // First, so that it is closed before the example ends.
    browser: Browser,
    example: Example,
}

impl Stage {
    /// Starts the example that finds its servers in these variables; `None` where there is no browser or no wheel.
    fn set(arguments: &[&'static str], variables: &[(&'static str, String)]) -> Option<Self> {
        (available() && Example::available()).then(|| Self {
            example: Example::start(arguments, variables),
            browser: Browser::open(),
        })
    }

    fn go(&self, path: &str) {
        self.browser.go(&self.example.url(path));
    }

    fn fill(&self, answers: &[(&str, &str)]) {
        for (name, value) in answers {
            let field = self.browser.find(&format!("[name=\"{name}\"]"));
            match field.kind().as_str() {
                "checkbox" => field.click(),
                "select-one" => field.choose(value),
                _ => field.fill(value),
            }
        }
    }

    fn held(&self, name: &str) -> String {
        self.browser.find(&format!("[name=\"{name}\"]")).value()
    }

    fn press(&self, testid: &str) {
        self.browser.test_id(testid).follow();
    }

    fn seen(&self, testid: &str) -> String {
        self.browser.test_id(testid).text()
    }

    /// Fails unless nothing was wrong with any page, and keeps a picture of this one.
    fn all_went_well(&self, picture: &str) {
        self.browser.screenshot(picture);
        assert_eq!(self.browser.console(), [""; 0]);
        if let Some(found) = self.browser.violations() {
            assert_eq!(found, [""; 0]);
        }
    }
}
