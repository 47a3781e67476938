//! The stage: a store that fails when told to, a clock that moves when told to, and an application.

use std::{
    env, fs,
    future::Future,
    path::PathBuf,
    pin::Pin,
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use abiding::{
    CookieSpec, Expiry, Found, KeyRing, Manager, MemoryStore, Summary, Timestamp,
    store::{Scan, Subjects, Sweep},
};
use abiding_stores::sqlite::{Durability, SqliteOptions};
use abiding_testkit::{Faulty, ManualClock, Operation, Plan};
use abiding_tower::{Failure, Session, SessionLayer};
use axum::{Router, body::Body, response::IntoResponse, routing};
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use tokio::sync::Notify;
use tower::ServiceExt as _;

use crate::browser::{Answer, Browser};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// One application over one store.
pub(crate) struct Stage {
    pub(crate) manager: Manager,
    pub(crate) clock: ManualClock,
    pub(crate) keys: KeyRing,
    pub(crate) store: Arc<dyn Backstage>,
    _scratch: Option<Scratch>,
}

/// How a manager differs from the default one.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) cookie: Option<CookieSpec>,
    pub(crate) discards: bool,
    pub(crate) expiry: Option<Expiry>,
    pub(crate) realm: Option<&'static str>,
    pub(crate) size_limit: Option<usize>,
}

/// The store as a test sees it, past the sessions.
pub(crate) trait Backstage: Send + Sync {
    fn manager(&self, keys: KeyRing, clock: ManualClock, setup: Setup) -> Manager;
    fn follow(&self, plan: Plan);
    fn calls(&self, operation: Operation) -> usize;
    fn records(&self, now: Timestamp) -> Pin<Box<dyn Future<Output = Vec<Found>> + Send + '_>>;
    /// Puts a record in the place of the one under its key.
    fn replace<'a>(
        &'a self,
        found: &'a Found,
        now: Timestamp,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}

impl<S: Scan + Subjects + Sweep> Backstage for Faulty<S> {
    fn manager(&self, keys: KeyRing, clock: ManualClock, setup: Setup) -> Manager {
        let mut builder = Manager::builder(self.clone())
            .keys(keys)
            .clock(clock)
            .subjects()
            .sweeping();
        if let Some(cookie) = setup.cookie {
            builder = builder.cookie(cookie);
        }
        if let Some(expiry) = setup.expiry {
            builder = builder.expiry(expiry);
        }
        if let Some(realm) = setup.realm {
            builder = builder.realm(realm);
        }
        if let Some(bytes) = setup.size_limit {
            builder = builder.size_limit(bytes);
        }
        if setup.discards {
            builder = builder.discard_on_server_error();
        }
        builder.build().unwrap()
    }

    fn follow(&self, plan: Plan) {
        Self::follow(self, plan);
    }

    fn calls(&self, operation: Operation) -> usize {
        Self::calls(self, operation)
    }

    fn records(&self, now: Timestamp) -> Pin<Box<dyn Future<Output = Vec<Found>> + Send + '_>> {
        Box::pin(async move { self.store().scan(None, 100_000, now).await.unwrap() })
    }

    fn replace<'a>(
        &'a self,
        found: &'a Found,
        now: Timestamp,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            self.store().delete(&found.key, None, now).await.unwrap();
            self.store()
                .create(&found.key, &found.record, now)
                .await
                .unwrap();
        })
    }
}

impl Stage {
    pub(crate) fn on_memory() -> Self {
        Self::over(Faulty::new(MemoryStore::new(), Plan::new()), None)
    }

    pub(crate) fn on_sqlite() -> Self {
        let scratch = Scratch::new();
        // No test cuts the power, and ten thousand flushes of a disk take a minute.
        let options = SqliteOptions::new(scratch.0.join("sessions.db"));
        let store = options.durability(Durability::Process).open().unwrap();
        Self::over(Faulty::new(store, Plan::new()), Some(scratch))
    }

    fn over(store: impl Backstage + 'static, scratch: Option<Scratch>) -> Self {
        let (keys, clock) = (KeyRing::generate().unwrap(), ManualClock::new());
        let manager = store.manager(keys.clone(), clock.clone(), Setup::default());
        Self {
            manager,
            clock,
            keys,
            store: Arc::new(store),
            _scratch: scratch,
        }
    }

    /// The same application with other settings.
    pub(crate) fn with(mut self, setup: Setup) -> Self {
        self.manager = self.another(setup);
        self
    }

    /// Another manager on the same store with the same keys: a second process, or the next one.
    pub(crate) fn another(&self, setup: Setup) -> Manager {
        self.store
            .manager(self.keys.clone(), self.clock.clone(), setup)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The living records, past all faults.
    pub(crate) async fn records(&self) -> Vec<Found> {
        self.store.records(self.now()).await
    }

    /// How often the store was asked anything since the last `follow`.
    pub(crate) fn calls(&self) -> usize {
        self.store.calls(Operation::Any)
    }

    /// The browser visits a page that does this, and keeps the cookie that comes back.
    pub(crate) async fn visit<F, Fut, R>(&self, browser: &mut Browser, handler: F) -> Answer
    where
        F: FnOnce(Session) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Failure>> + Send + 'static,
        R: IntoResponse + 'static,
    {
        let answer = self.request(browser, handler).await;
        browser.receive(&answer);
        answer
    }

    /// The same, and what comes back is not kept: a parallel tab, or a thief.
    pub(crate) fn request<F, Fut, R>(
        &self,
        browser: &Browser,
        handler: F,
    ) -> impl Future<Output = Answer> + Send + use<F, Fut, R>
    where
        F: FnOnce(Session) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Failure>> + Send + 'static,
        R: IntoResponse + 'static,
    {
        ask(application(&self.manager, handler), browser.headers())
    }

    /// What the browser's session holds, as text: `key=value` pairs in order, and `-` for no session.
    pub(crate) async fn shown(&self, browser: &Browser) -> String {
        let answer = self.request(browser, show).await;
        answer.text().to_owned()
    }
}

/// A page that shows every value of the session.
pub(crate) async fn show(session: Session) -> Result<String, Failure> {
    if session.info().await?.is_none() {
        return Ok("-".into());
    }
    let mut pairs = vec![];
    for key in session.keys().await? {
        let value: Option<serde_json::Value> = session.get(&key).await?;
        pairs.push(format!("{key}={}", value.unwrap()));
    }
    Ok(pairs.join(" "))
}

/// An application of one page.
pub(crate) fn application<F, Fut, R>(manager: &Manager, handler: F) -> Router
where
    F: FnOnce(Session) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<R, Failure>> + Send + 'static,
    R: IntoResponse + 'static,
{
    let route = routing::any(move |session: Session| handler(session));
    Router::new()
        .route("/", route)
        .layer(SessionLayer::new(manager.clone()).with_summary())
}

/// Sends a request for `/` with these headers.
pub(crate) async fn ask(application: Router, headers: HeaderMap) -> Answer {
    let mut request = Request::new(Body::empty());
    *request.headers_mut() = headers;
    answer(application, request).await
}

/// Sends a request.
pub(crate) async fn answer(application: Router, request: Request<Body>) -> Answer {
    let (mut parts, body) = application.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.into()).unwrap(),
        summary: parts.extensions.remove::<Summary>(),
    }
}

/// A place in a handler at which it waits until the test lets it go on.
#[derive(Clone, Default)]
pub(crate) struct Pause(Arc<[Notify; 2]>);

impl Pause {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// In the handler: waits here.
    pub(crate) async fn here(&self) {
        self.0[0].notify_one();
        self.0[1].notified().await;
    }

    /// In the test: waits until the handler has come to the pause.
    pub(crate) async fn reached(&self) {
        self.0[0].notified().await;
    }

    /// In the test: lets the handler go on.
    pub(crate) fn end(&self) {
        self.0[1].notify_one();
    }
}

/// A directory that is gone when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("abiding-http-{}-{number}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
