//! A visitor with a cookie, who sends requests through a manager.

use abiding::{ErrorKind, Manager, Result, Session};

/// Where every session of the torture says that it is one: a session that a late visitor began anew lacks it.
pub(super) const MARK: &str = "mark";

#[derive(Clone)]
pub(super) struct Browser<'a> {
    manager: &'a Manager,
    pub(super) cookie: Option<String>,
}

impl<'a> Browser<'a> {
    pub(super) fn new(manager: &'a Manager, cookie: Option<&str>) -> Self {
        let cookie = cookie.map(str::to_owned);
        Self { manager, cookie }
    }

    pub(super) fn open(&self) -> Session {
        let name = self.manager.cookie().name();
        let header = self.cookie.as_ref().map(|value| format!("{name}={value}"));
        self.manager
            .open(header.iter().map(|header| header.as_bytes()))
    }

    pub(super) async fn close(&mut self, session: &Session) -> Result<()> {
        let closing = self.manager.close(session, false).await?;
        if let Some(header) = closing.set_cookie {
            let value = header.split(['=', ';']).nth(1).unwrap_or_default();
            self.cookie = (!value.is_empty()).then(|| value.to_owned());
        }
        Ok(())
    }

    /// One request.
    pub(super) async fn request<T>(
        &mut self,
        act: impl AsyncFnOnce(&Session) -> Result<T>,
    ) -> Result<T> {
        let session = self.open();
        let done = act(&session).await?;
        self.close(&session).await?;
        Ok(done)
    }

    /// One request, sent again while the store cannot serve it.
    pub(super) async fn insist<T>(
        &mut self,
        act: impl AsyncFn(&Session) -> Result<T>,
    ) -> Result<T> {
        let mut last = self.request(async |session| act(session).await).await;
        for _ in 0..TRIES {
            match &last {
                Err(error) if error.is_transient() => {}
                _ => break,
            }
            last = self.request(async |session| act(session).await).await;
        }
        last
    }

    /// Whether the session that the cookie stands for lives.
    pub(super) async fn is_alive(&mut self) -> Result<bool> {
        let mark = self.insist(async |session| session.get::<String>(MARK).await);
        Ok(mark.await?.is_some())
    }
}

/// Whether the request was refused for good: its session is over.
pub(super) fn is_over<T>(done: &Result<T>) -> bool {
    done.as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::Gone)
}

const TRIES: usize = 50;
