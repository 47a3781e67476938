//! A headless Chromium with a profile of its own, as one visitor sits before it.
//! Tests open it and look for elements; every command goes through the shared driver.
//!
//! There is no sleeping and no polling: to look for an element waits until it is there, to click waits until the page that
//! follows has loaded, both in the driver.

use serde_json::{Value, json};

use crate::{
    driver::{Driver, Refusal},
    element::Element,
    scratch::Scratch,
    screenshot,
};

/// One browser; closes when dropped, having kept a picture of what it showed when the test failed.
#[derive(Debug)]
pub struct Browser {
    driver: &'static Driver,
    /// `/session/ID`, with which the path of every command begins.
    session: String,
    preferences: Value,
    profile: Scratch,
}

/// One tab of a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tab(String);

/// A cookie as the browser keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Its name, prefix and all.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether scripts are kept from it.
    pub http_only: bool,
    /// Whether it is sent over trustworthy connections alone.
    pub secure: bool,
    /// `Strict`, `Lax` or `None`.
    pub same_site: String,
    /// When it ends, in seconds since 1970; `None` for a cookie that ends with the browser.
    pub expiry: Option<u64>,
}

impl Browser {
    /// Opens a browser as people have it.
    #[must_use]
    pub fn open() -> Self {
        Self::with_preferences(json!({}))
    }

    /// Opens a browser that runs no script of any page.
    #[must_use]
    pub fn open_without_scripts() -> Self {
        Self::with_preferences(json!({ "profile.managed_default_content_settings.javascript": 2 }))
    }

    fn with_preferences(preferences: Value) -> Self {
        let mut browser = Self {
            driver: Driver::shared(),
            session: String::new(),
            preferences,
            profile: Scratch::new("profile"),
        };
        browser.start();
        browser
    }

    /// Closes the browser and opens it again, as a person does who goes home and comes back: what it
    /// keeps in its profile is there, what ends with a browser is not.
    pub fn close_and_reopen(&mut self) {
        let closed = self.try_command("DELETE", "", &Value::Null);
        closed.unwrap_or_else(|refusal| panic!("the browser does not close: {}", refusal.message));
        self.start();
    }

    fn start(&mut self) {
        let Self {
            driver,
            preferences,
            profile,
            ..
        } = self;
        let folder = format!("--user-data-dir={}", profile.path().display());
        let arguments: Vec<&str> = FLAGS.iter().copied().chain([folder.as_str()]).collect();
        let capabilities = json!({
            // Certificates are made for one test; nobody has vouched for them.
            "acceptInsecureCerts": true,
            "goog:chromeOptions": { "args": arguments, "prefs": preferences },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "timeouts": { "implicit": PATIENCE_MS, "pageLoad": 30_000, "script": 30_000 },
        });
        let parameters = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let opened = driver
            .command("POST", "/session", &parameters)
            .unwrap_or_else(|refusal| panic!("no browser: {}", refusal.message));
        let id = opened["sessionId"]
            .as_str()
            .expect("a new session has an id");
        self.session = format!("/session/{id}");
    }

    /// Goes to a page and waits until it has loaded.
    pub fn go(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// The address of the page it shows.
    #[must_use]
    pub fn url(&self) -> String {
        text(self.get("/url"))
    }

    /// The path, query and fragment of the page it shows.
    #[must_use]
    pub fn path(&self) -> String {
        let url = self.url();
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        rest.find('/')
            .map_or("/", |start| &rest[start..])
            .to_owned()
    }

    /// The back button.
    pub fn back(&self) {
        self.post("/back", &json!({}));
    }

    /// The reload button.
    pub fn reload(&self) {
        self.post("/refresh", &json!({}));
    }

    /// The element with this `data-testid`; waits for it, and fails the test when it does not come.
    #[must_use]
    pub fn test_id(&self, id: &str) -> Element<'_> {
        self.find(&format!("[data-testid=\"{id}\"]"))
    }

    /// The first element that a CSS selector finds; waits for it, and fails the test when it does not come.
    #[must_use]
    pub fn find(&self, css: &str) -> Element<'_> {
        let found = self.post(
            "/element",
            &json!({ "using": "css selector", "value": css }),
        );
        Element::new(self, &found)
    }

    /// How many elements a CSS selector finds on the page as it is now.
    #[must_use]
    pub fn count(&self, css: &str) -> usize {
        self.post("/timeouts", &json!({ "implicit": 0 }));
        let found = self.post(
            "/elements",
            &json!({ "using": "css selector", "value": css }),
        );
        self.post("/timeouts", &json!({ "implicit": PATIENCE_MS }));
        found.as_array().map_or(0, Vec::len)
    }

    /// Whether there is an element with this `data-testid` on the page as it is now.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.count(&format!("[data-testid=\"{id}\"]")) > 0
    }

    /// Runs the body of an async function in the page and returns what it returns.
    #[must_use]
    pub fn run(&self, script: &str) -> Value {
        self.run_on(script, &json!([]))
    }

    pub(crate) fn run_on(&self, script: &str, arguments: &Value) -> Value {
        let script = format!("return (async (...given) => {{ {script} }})(...arguments)");
        self.post(
            "/execute/sync",
            &json!({ "script": script, "args": arguments }),
        )
    }

    /// The tab that commands go to.
    #[must_use]
    pub fn tab(&self) -> Tab {
        Tab(text(self.get("/window")))
    }

    /// Opens a tab beside the present one and goes on there.
    #[must_use]
    pub fn new_tab(&self) -> Tab {
        let opened = self.post("/window/new", &json!({ "type": "tab" }));
        let tab = Tab(text(opened["handle"].clone()));
        self.switch(&tab);
        tab
    }

    /// Goes on in another tab.
    pub fn switch(&self, tab: &Tab) {
        self.post("/window", &json!({ "handle": tab.0 }));
    }

    /// The cookies that the present page may be sent, those that scripts cannot see included.
    #[must_use]
    pub fn cookies(&self) -> Vec<Cookie> {
        let cookies = self.get("/cookie");
        cookies
            .as_array()
            .into_iter()
            .flatten()
            .map(Cookie::read)
            .collect()
    }

    /// Puts a cookie back that the browser had for the present page.
    pub fn set_cookie(&self, cookie: &Cookie) {
        let Cookie {
            name,
            value,
            http_only,
            secure,
            same_site,
            expiry,
        } = cookie;
        let mut again = json!({ "name": name, "value": value, "httpOnly": http_only, "secure": secure, "sameSite": same_site, "path": "/" });
        if let Some(expiry) = expiry {
            again["expiry"] = json!(expiry);
        }
        self.post("/cookie", &json!({ "cookie": again }));
    }

    /// The address of every request that pages have made since the last call, those that a policy blocked included.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "performance" }));
        let events = entries
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
                let event = &event["message"];
                (event["method"] == "Network.requestWillBeSent")
                    .then(|| text(event["params"]["request"]["url"].clone()))
            });
        events.collect()
    }

    /// What pages and the browser have written to the console since the last call: script errors, blocked content.
    #[must_use]
    pub fn console(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "browser" }));
        let entries = entries.as_array().into_iter().flatten();
        entries
            .map(|entry| text(entry["message"].clone()))
            .collect()
    }

    /// Asks for pages in dark colours, or in light ones.
    pub fn prefer_dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.devtools(
            "Emulation.setEmulatedMedia",
            &json!({ "features": features }),
        );
    }

    /// Shows pages as a screen of this many pixels does; below 600 wide, as a phone.
    pub fn resize(&self, width: u32, height: u32) {
        let mobile = width < 600;
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile }),
        );
    }

    /// Keeps a picture of the page, its whole length, as `target/e2e-screenshots/NAME.png`.
    pub fn screenshot(&self, name: &str) {
        let whole = json!({ "format": "png", "captureBeyondViewport": true });
        let taken = self.devtools("Page.captureScreenshot", &whole);
        screenshot::keep(name, taken["data"].as_str().unwrap_or_default());
    }

    /// A command of the browser's own protocol, for what WebDriver has no word for.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post(
            "/goog/cdp/execute",
            &json!({ "cmd": command, "params": parameters }),
        )
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.command("GET", path, &Value::Null)
    }

    pub(crate) fn post(&self, path: &str, parameters: &Value) -> Value {
        self.command("POST", path, parameters)
    }

    /// Sends a command; a refusal fails the test and tells which page it was about.
    fn command(&self, method: &str, path: &str, parameters: &Value) -> Value {
        self.try_command(method, path, parameters)
            .unwrap_or_else(|refusal| {
                let Refusal { code, message } = refusal;
                let page = self
                    .try_command("GET", "/url", &Value::Null)
                    .map_or_else(|_| "no page".to_owned(), text);
                let message = message.lines().next().unwrap_or_default();
                panic!("on {page}: {path} {parameters}: {code}: {message}")
            })
    }

    fn try_command(&self, method: &str, path: &str, parameters: &Value) -> Result<Value, Refusal> {
        self.driver
            .command(method, &format!("{}{path}", self.session), parameters)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or("test").replace("::", "-");
            if let Ok(taken) = self.try_command("GET", "/screenshot", &Value::Null) {
                screenshot::keep(
                    &format!("failed-{test}"),
                    taken.as_str().unwrap_or_default(),
                );
            }
        }
        // A browser that is gone already needs no closing.
        let _ = self.try_command("DELETE", "", &Value::Null);
    }
}

impl Cookie {
    fn read(cookie: &Value) -> Self {
        Self {
            name: text(cookie["name"].clone()),
            value: text(cookie["value"].clone()),
            http_only: cookie["httpOnly"] == true,
            secure: cookie["secure"] == true,
            same_site: text(cookie["sameSite"].clone()),
            expiry: cookie["expiry"].as_u64(),
        }
    }
}

/// The text in an answer that can only be text.
pub(crate) fn text(answer: Value) -> String {
    match answer {
        Value::String(text) => text,
        other => panic!("the driver answers {other} where text was asked for"),
    }
}

/// How long to look for an element that is not there yet.
const PATIENCE_MS: u32 = 10_000;

/// No window, no sandbox (the tests may run as root), and nothing sent on the browser's own account. No name resolves, so that
/// whatever a page asks of another host fails, and is seen in `requests`.
const FLAGS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--lang=en",
    "--no-default-browser-check",
    "--no-first-run",
    "--window-size=1280,900",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Key, available};

    const PAGE: &str = "data:text/html;charset=utf-8,<!doctype html><title>Page</title>\
        <h1 data-testid=title>Title</h1><input data-testid=field value=old>\
        <select data-testid=choice><option value=a>A<option value=b>B</select>\
        <button data-testid=count onclick='this.textContent=++clicks'>0</button>\
        <script>clicks = 0; document.fonts.ready.then(() => document.body.dataset.script = 'ran')</script>";

    #[test]
    fn a_page_is_read_filled_and_clicked() {
        if !available() {
            return;
        }
        let browser = Browser::open();
        browser.go(PAGE);
        assert_eq!(browser.test_id("title").text(), "Title");
        assert!(browser.has("field") && !browser.has("nothing"));

        let field = browser.test_id("field");
        field.fill("ünï \u{1f30d}");
        field.type_text(" and more");
        assert_eq!(field.value(), "ünï \u{1f30d} and more");
        browser.test_id("choice").choose("b");
        assert_eq!(browser.test_id("choice").value(), "b");

        let button = browser.test_id("count");
        button.click();
        button.double_click();
        button.press(Key::Enter);
        assert_eq!(button.text(), "4");
        assert_eq!(browser.run("return await Promise.resolve(clicks + 1)"), 5);
    }

    #[test]
    fn tabs_are_apart_and_history_goes_back() {
        if !available() {
            return;
        }
        let browser = Browser::open();
        browser.go(PAGE);
        let first = browser.tab();
        let second = browser.new_tab();
        assert_eq!(
            (browser.tab(), browser.url().as_str()),
            (second, "about:blank")
        );
        browser.switch(&first);
        browser.go("about:blank");
        browser.back();
        assert_eq!(browser.test_id("title").text(), "Title");
    }

    #[test]
    fn a_request_to_another_host_fails_and_is_seen() {
        if !available() {
            return;
        }
        let browser = Browser::open();
        browser.go(
            "data:text/html,<img src=http://elsewhere.example/x.png onerror='document.title=1'>",
        );
        let requests = browser.requests();
        assert!(
            requests.contains(&"http://elsewhere.example/x.png".to_owned()),
            "{requests:?}"
        );
        assert!(
            browser
                .console()
                .iter()
                .any(|line| line.contains("ERR_NAME_NOT_RESOLVED"))
        );
    }

    #[test]
    fn without_scripts_no_script_of_a_page_runs() {
        if !available() {
            return;
        }
        let browser = Browser::open_without_scripts();
        browser.go(PAGE);
        let button = browser.test_id("count");
        button.click();
        assert_eq!(button.text(), "0");
        assert_eq!(browser.find("body").attribute("data-script"), None);
    }
}
