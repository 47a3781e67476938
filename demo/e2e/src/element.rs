//! An element of a page, and what a visitor does with it.
//! Found by a `Browser`; belongs to the page it was found on and fails the test once that page is gone.

use serde_json::{Value, json};

use crate::browser::{Browser, text};

/// An element found on the present page.
#[derive(Debug)]
pub struct Element<'b> {
    browser: &'b Browser,
    id: String,
}

/// A key that types no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Enter, which sends a form.
    Enter,
    /// Tab, which goes to the next field.
    Tab,
}

impl<'b> Element<'b> {
    pub(crate) fn new(browser: &'b Browser, found: &Value) -> Self {
        Self {
            browser,
            id: text(found[REFERENCE].clone()),
        }
    }

    /// Clicks it as a mouse does, and stays on the page.
    pub fn click(&self) {
        self.post("click", &json!({}));
    }

    /// Clicks it as a mouse does, and waits for the page that follows.
    pub fn follow(&self) {
        // The driver waits only for what has begun when the click is over; a page without this mark is the next one.
        self.post_script("document.documentElement.dataset.left = ''");
        self.click();
        let _ = self.browser.find("html:not([data-left])");
    }

    /// Clicks it twice, as fast as a mouse can.
    pub fn double_click(&self) {
        self.point(&json!([
            self.pointer_to(0, 0),
            button("pointerDown"),
            button("pointerUp"),
            button("pointerDown"),
            button("pointerUp")
        ]));
    }

    /// Draws a line over it with the mouse; points count from its middle.
    pub fn draw(&self, points: &[(i32, i32)]) {
        let mut moves = points.iter().map(|&(x, y)| self.pointer_to(x, y));
        let start = moves.next().into_iter().chain([button("pointerDown")]);
        self.point(&start.chain(moves).chain([button("pointerUp")]).collect());
    }

    fn point(&self, actions: &Value) {
        self.post_script("given[0].scrollIntoView({ block: 'center' })");
        let mouse = json!({ "type": "pointer", "id": "mouse", "actions": actions });
        self.browser
            .post("/actions", &json!({ "actions": [mouse] }));
    }

    fn pointer_to(&self, x: i32, y: i32) -> Value {
        json!({ "type": "pointerMove", "duration": 0, "x": x, "y": y, "origin": self.reference() })
    }

    /// Replaces what is in the field by what is typed.
    pub fn fill(&self, value: &str) {
        // Not the command that clears a field: it would let the field change twice, which no visitor does.
        self.post_script("given[0].focus(); given[0].select(); document.execCommand('delete')");
        self.insert(value);
    }

    /// Types behind what is in the field. Any character will do, also those that no keyboard has.
    pub fn type_text(&self, value: &str) {
        self.post_script("given[0].focus()");
        self.insert(value);
    }

    fn insert(&self, value: &str) {
        self.browser
            .devtools("Input.insertText", &json!({ "text": value }));
    }

    /// Presses a key while this element has the focus.
    pub fn press(&self, key: Key) {
        let code = match key {
            Key::Enter => "\u{e007}",
            Key::Tab => "\u{e004}",
        };
        self.post("value", &json!({ "text": code }));
    }

    /// Chooses the option with this value.
    pub fn choose(&self, value: &str) {
        let option =
            json!({ "using": "css selector", "value": format!("option[value=\"{value}\"]") });
        Self::new(self.browser, &self.post("element", &option)).click();
    }

    /// The text that a visitor sees.
    #[must_use]
    pub fn text(&self) -> String {
        text(self.get("text"))
    }

    /// What is in the field.
    #[must_use]
    pub fn value(&self) -> String {
        text(self.get("property/value"))
    }

    /// What kind of field it is: `text`, `checkbox`, `radio`, `select-one`, …
    #[must_use]
    pub fn kind(&self) -> String {
        text(self.get("property/type"))
    }

    /// Whether the box is ticked or the option chosen.
    #[must_use]
    pub fn is_selected(&self) -> bool {
        self.get("selected") == true
    }

    /// An attribute as the page has it, if it has it.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<String> {
        self.get(&format!("attribute/{name}"))
            .as_str()
            .map(str::to_owned)
    }

    /// Runs the body of a function on it, which is `given[0]` there.
    fn post_script(&self, script: &str) {
        self.browser.run_on(script, &json!([self.reference()]));
    }

    fn reference(&self) -> Value {
        json!({ REFERENCE: self.id })
    }

    fn get(&self, what: &str) -> Value {
        self.browser.get(&format!("/element/{}/{what}", self.id))
    }

    fn post(&self, what: &str, parameters: &Value) -> Value {
        self.browser
            .post(&format!("/element/{}/{what}", self.id), parameters)
    }
}

/// The left button, pressed or let go.
fn button(action: &str) -> Value {
    json!({ "type": action, "button": 0 })
}

/// The name under which WebDriver hands over an element.
const REFERENCE: &str = "element-6066-11e4-a52e-4f735466cecf";
