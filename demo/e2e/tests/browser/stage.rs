//! One visitor before one demo: what every test begins with, and the few moves that many of them make.

use abiding_demo_e2e::{Browser, Demo, available};

use crate::form::{Answers, FORM, Slug};

pub(crate) struct Stage {
    // First, so that it is closed before the demo ends: a browser asks nothing of a server that is gone.
    pub(crate) browser: Browser,
    pub(crate) demo: Demo,
}

impl Stage {
    /// A demo with nothing in it and a browser that has seen nothing; `None` where there is no browser.
    pub(crate) fn set() -> Option<Self> {
        Self::set_with(Browser::open, "sqlite")
    }

    /// The same with another browser or another store.
    pub(crate) fn set_with(open: impl FnOnce() -> Browser, store: &'static str) -> Option<Self> {
        available().then(|| Self {
            browser: open(),
            demo: Demo::start(store),
        })
    }

    pub(crate) fn go(&self, path: &str) {
        self.browser.go(&self.demo.url(path));
    }

    /// Answers a step on the page that shows it, and continues.
    pub(crate) fn take(&self, slug: Slug, answers: Answers) {
        self.fill(slug, answers);
        self.send();
    }

    /// Answers a step on the page that shows it.
    pub(crate) fn fill(&self, slug: Slug, answers: Answers) {
        let _ = self.browser.test_id(&format!("step-{slug}"));
        for (name, value) in answers {
            self.answer(name, value);
        }
    }

    /// Gives one answer in the way its field takes it.
    pub(crate) fn answer(&self, name: &str, value: &str) {
        let browser = &self.browser;
        let field = browser.find(&format!("[name=\"{name}\"]"));
        match field.kind().as_str() {
            "checkbox" if field.is_selected() => {}
            "checkbox" => field.click(),
            "radio" => browser.test_id(&format!("field-{name}-{value}")).click(),
            "select-one" => field.choose(value),
            _ => field.fill(value),
        }
    }

    /// Puts two packets of tea into the cart and asks for a code by e-mail.
    pub(crate) fn ask_for_a_code(&self, address: &str) {
        self.go("/shop");
        self.browser.test_id("add-tea").follow();
        self.browser.test_id("add-tea").follow();
        self.browser.test_id("sign-in-by-mail").follow();
        self.browser.test_id("field-address").fill(address);
        self.browser.test_id("send-code").follow();
    }

    /// Presses the button that continues.
    pub(crate) fn send(&self) {
        self.browser.test_id("continue").follow();
    }

    /// Leaves the field and waits until the drafts of the page, at least so many, have been answered.
    pub(crate) fn drafts_are_answered(&self, count: usize) {
        let _ = self.browser.run(&format!(
            "document.activeElement.blur();
             const status = document.querySelector('[data-testid=draft-status]');
             const drafts = () => performance.getEntriesByName(location.href + '/draft').length;
             while (drafts() < {count} || status.dataset.pending !== '0')
                 await new Promise(requestAnimationFrame)"
        ));
    }

    /// Stays in the field and waits until the server shows this value on the page that is open.
    pub(crate) fn a_draft_holds(&self, value: &str) {
        let _ = self.browser.run(&format!(
            "const page = async () => (await fetch(location.href)).text();
             while (!(await page()).includes('value=\"{value}\"'))
                 await new Promise(requestAnimationFrame)"
        ));
    }

    /// Fills the form from the first step on, to where the review is shown.
    pub(crate) fn fill_all(&self) {
        self.go("/membership");
        for (slug, answers) in FORM {
            self.take(slug, answers);
        }
        let _ = self.browser.test_id("step-review");
    }

    /// Fails unless the page holds these answers in its fields.
    pub(crate) fn holds(&self, slug: Slug, answers: Answers) {
        let _ = self.browser.test_id(&format!("step-{slug}"));
        for (name, value) in answers {
            assert_eq!(self.held(name), *value, "{name} on {}", self.browser.url());
        }
    }

    /// The answer that the field of this name holds.
    pub(crate) fn held(&self, name: &str) -> String {
        let browser = &self.browser;
        let field = browser.find(&format!("[name=\"{name}\"]"));
        let chosen = match field.kind().as_str() {
            "checkbox" => field.is_selected().then_some(field),
            "radio" => {
                let chosen = format!("[name=\"{name}\"]:checked");
                (browser.count(&chosen) == 1).then(|| browser.find(&chosen))
            }
            _ => Some(field),
        };
        chosen.map(|field| field.value()).unwrap_or_default()
    }
}
