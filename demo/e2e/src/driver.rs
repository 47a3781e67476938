//! The one `chromedriver` of this test process, and the words that WebDriver servers understand.
//! See <https://www.w3.org/TR/webdriver2/>; browsers are opened and driven through it by `browser`.

use std::{fs::File, process::Command, sync::OnceLock};

use serde_json::Value;

use crate::{
    http,
    leash::Leashed,
    required::{self, starts},
};

/// What to do where there is no browser.
const REMEDY: &str = "install chromium and chromium-driver";

#[derive(Debug)]
pub(crate) struct Driver {
    port: u16,
    // Held for as long as the process lives; what is on this leash ends with it.
    _leashed: Leashed,
}

/// What a WebDriver server answers when it could not do what it was told.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The error code of the standard, such as `no such element`.
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Driver {
    /// The driver that all browsers of this process share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Driver> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        let log = File::options()
            .write(true)
            .open("/dev/null")
            .expect("there is a null device");
        let started = Leashed::start(Command::new("chromedriver").arg("--port=0"), &log, |line| {
            line.trim_end()
                .rsplit_once("successfully on port ")?
                .1
                .trim_end_matches('.')
                .parse()
                .ok()
        });
        let (leashed, port) = started
            .expect("chromedriver starts")
            .expect("chromedriver says on which port it listens");
        Self {
            port,
            _leashed: leashed,
        }
    }

    /// Sends one command; `null` as a parameter means that it has none.
    pub(crate) fn command(
        &self,
        method: &str,
        path: &str,
        parameters: &Value,
    ) -> Result<Value, Refusal> {
        let body = match parameters {
            Value::Null => String::new(),
            parameters => parameters.to_string(),
        };
        let answer = http::request(self.port, method, path, &body).unwrap_or_else(|error| {
            panic!("chromedriver does not answer {method} {path}: {error}")
        });
        let mut answer: Value = serde_json::from_str(&answer).unwrap_or_else(|error| {
            panic!("chromedriver answers {method} {path} with {answer:?}: {error}")
        });
        let value = answer["value"].take();
        match value["error"].as_str() {
            None => Ok(value),
            Some(code) => Err(Refusal {
                code: code.to_owned(),
                message: value["message"].as_str().unwrap_or_default().to_owned(),
            }),
        }
    }
}

/// Whether there is a browser to test with. Without one, a test says so and passes, unless `ABIDING_REQUIRE` names `chromium`.
#[must_use]
pub fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    let available = *AVAILABLE.get_or_init(|| ["chromium", "chromedriver"].into_iter().all(starts));
    required::is_there("chromium", available, REMEDY)
}
