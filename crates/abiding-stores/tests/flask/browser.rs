//! One browser, which keeps its cookie.

use abiding::{Manager, Session};

pub(crate) struct Browser {
    manager: Manager,
    /// The value of the cookie.
    pub(crate) cookie: Option<String>,
    /// The last `Set-Cookie`, and what was done in the last request.
    pub(crate) set_cookie: Option<String>,
    pub(crate) summary: String,
}

impl Browser {
    pub(crate) fn new(manager: &Manager) -> Self {
        Self {
            manager: manager.clone(),
            cookie: None,
            set_cookie: None,
            summary: String::new(),
        }
    }

    pub(crate) fn with(manager: &Manager, cookie: &str) -> Self {
        Self {
            cookie: Some(cookie.to_owned()),
            ..Self::new(manager)
        }
    }

    /// The name of the cookie.
    pub(crate) fn name(&self) -> String {
        self.manager.cookie().name().to_owned()
    }

    /// Begins a request.
    pub(crate) fn open(&self) -> Session {
        let name = self.manager.cookie().name();
        let header = self.cookie.as_ref().map(|value| format!("{name}={value}"));
        self.manager
            .open(header.as_ref().map(|header| header.as_bytes()))
    }

    pub(crate) async fn close(&mut self, session: &Session) {
        let closing = self.manager.close(session, false).await.unwrap();
        self.summary = closing.summary.to_string();
        self.set_cookie = closing.set_cookie.map(|header| header.to_string());
        if let Some(header) = &self.set_cookie {
            let value = header.split(['=', ';']).nth(1).unwrap();
            self.cookie = (!value.is_empty()).then(|| value.to_owned());
        }
    }

    pub(crate) async fn request<T>(&mut self, act: impl AsyncFnOnce(&Session) -> T) -> T {
        let session = self.open();
        let answer = act(&session).await;
        self.close(&session).await;
        answer
    }
}
