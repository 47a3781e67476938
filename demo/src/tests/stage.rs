//! A demo of its own for each test, and visitors that keep cookies as browsers do.

use std::{
    fs,
    path::PathBuf,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use abiding::MemoryStore;
use abiding_stores::keys::KeySource;
use abiding_testkit::{Faulty, Plan};
use abiding_tower::{FORM_TOKEN, Proxies};
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
    response::Response,
};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::{
    app::{self, App},
    clock::DemoClock,
    mail::{Address, MailSettings, Password, Relay},
    places::Rules,
    settings::{ProfileKind, Settings, StoreKind},
    startup,
};

/// A demo with nothing in it; what it kept goes when it is dropped.
pub(crate) struct Stage {
    pub(crate) app: App,
    router: Router,
    settings: Settings,
    scratch: PathBuf,
}

/// What a stage is set with beside the usual.
#[derive(Default)]
struct Given {
    faults: Option<Plan>,
    relay: Option<Relay>,
}

/// Somebody with a cookie jar that holds one cookie.
pub(crate) struct Visitor<'a> {
    stage: &'a Stage,
    pub(crate) cookie: Option<String>,
}

/// A whole answer.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) location: String,
    pub(crate) cookies: Vec<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: String,
}

impl Stage {
    pub(crate) fn set(store: StoreKind) -> Self {
        Self::set_for(store, ProfileKind::Development, "127.0.0.1:1")
    }

    pub(crate) fn set_for(store: StoreKind, profile: ProfileKind, address: &str) -> Self {
        Self::build(store, profile, address, Given::default())
    }

    /// With mail going through the server at this address, as `shop` with a password.
    pub(crate) fn set_with_relay(relay: &str) -> Self {
        let given = Given {
            relay: Some(Relay::parse(relay).unwrap()),
            ..Given::default()
        };
        Self::build(
            StoreKind::Memory,
            ProfileKind::Development,
            "127.0.0.1:1",
            given,
        )
    }

    /// On a memory store whose calls fail as planned.
    pub(crate) fn set_on_faults(plan: Plan) -> Self {
        Self::build(
            StoreKind::Memory,
            ProfileKind::Development,
            "127.0.0.1:1",
            Given {
                faults: Some(plan),
                ..Given::default()
            },
        )
    }

    fn build(store: StoreKind, profile: ProfileKind, address: &str, given: Given) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "abiding-demo-{}-{}",
            process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let scratch = std::env::temp_dir().join(name);
        fs::create_dir_all(&scratch).unwrap();
        let settings = Settings {
            port: 0,
            data: scratch.join("data"),
            store,
            url: None,
            places: Vec::new(),
            keys: KeySource::File(scratch.join("session.key")),
            operator: None,
            profile,
            proxies: Proxies::none(),
            clock: DemoClock {
                ahead: Some(scratch.join("clock")),
            },
            mail: MailSettings {
                relay: given.relay,
                password: Some(Password::Given(String::from("open sesame").into())),
                sender: Address::of_the_demo(),
            },
            log: String::new(),
        };
        // The production profile makes no key by itself.
        let keys = settings.keys.load_or_create().unwrap();
        // It waits for nothing where no server keeps the sessions.
        let prepared = startup::prepare(&settings, address.parse().unwrap());
        let app = abiding_testkit::block_on(prepared).unwrap();
        if let Some(plan) = given.faults {
            let store = Faulty::new(MemoryStore::new(), plan);
            let rules = Rules {
                keys,
                profile,
                clock: settings.clock.clone(),
            };
            app.places.put(rules.stored(store).build().unwrap());
        }
        let router = app::router(app.clone());
        Self {
            app,
            router,
            settings,
            scratch,
        }
    }

    /// Another process on the same data.
    pub(crate) fn restart(&mut self) {
        let prepared = startup::prepare(&self.settings, self.app.address);
        self.app = abiding_testkit::block_on(prepared).unwrap();
        self.router = app::router(self.app.clone());
    }

    /// Tries the same with another store, and answers what the program would say.
    pub(crate) fn restart_on(&mut self, store: StoreKind) -> Result<(), String> {
        self.settings.store = store;
        let prepared = startup::prepare(&self.settings, self.app.address);
        let app = abiding_testkit::block_on(prepared);
        app.map(drop).map_err(|error| error.to_string())
    }

    /// The same with another profile.
    pub(crate) fn restart_as(&mut self, profile: ProfileKind) {
        self.settings.profile = profile;
        self.restart();
    }

    /// The same with another person who may see the operator's page.
    pub(crate) fn restart_for_operator(&mut self, subject: Option<&str>) {
        self.settings.operator = subject.map(str::to_owned);
        self.restart();
    }

    /// The same behind other proxies.
    pub(crate) fn restart_behind(&mut self, proxies: Proxies) {
        self.settings.proxies = proxies;
        self.restart();
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// Lets so many seconds go by since the beginning.
    pub(crate) fn at_second(&self, seconds: u64) {
        fs::write(self.scratch.join("clock"), seconds.to_string()).unwrap();
    }

    pub(crate) fn visitor(&self) -> Visitor<'_> {
        Visitor {
            stage: self,
            cookie: None,
        }
    }

    /// The numbers that one question to the application database gives.
    pub(crate) async fn count(&self, question: &'static str) -> i64 {
        self.app
            .database
            .run(|connection| connection.query_row(question, [], |row| row.get(0)))
            .await
            .unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Page {
        Page::of(self.router.clone().oneshot(request).await.unwrap()).await
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

impl Visitor<'_> {
    /// Another tab of the same browser, or a copy of its cookie in other hands.
    pub(crate) fn another_tab(&self) -> Self {
        Self {
            stage: self.stage,
            cookie: self.cookie.clone(),
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.send(Request::get(path), Body::empty()).await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let token = self.form_token().await;
        let form = [&[(FORM_TOKEN, token.as_str())], form].concat();
        self.post_as_it_is(path, &form).await
    }

    /// The same with the fields of the form and nothing else.
    pub(crate) async fn post_as_it_is(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let pair = |(name, value): &(&str, &str)| format!("{name}={}", encoded(value));
        let body = form.iter().map(pair).collect::<Vec<_>>().join("&");
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin");
        self.send(request, body.into()).await
    }

    /// What a page that is opened now has in its forms. While the store fails, no page has one.
    pub(crate) async fn form_token(&self) -> String {
        let manager = self.stage.app.places.enter().manager;
        let session = manager.open(self.cookie.as_deref().map(str::as_bytes));
        session.form_token().await.unwrap_or_default()
    }

    /// Fills in every step.
    pub(crate) async fn fill(&mut self) {
        for (slug, answers) in FORM {
            let page = self.post(&format!("/membership/{slug}"), answers).await;
            assert_eq!(page.status, StatusCode::SEE_OTHER, "{slug}: {}", page.body);
        }
    }

    async fn send(&mut self, mut request: axum::http::request::Builder, body: Body) -> Page {
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let page = self.stage.send(request.body(body).unwrap()).await;
        if let Some(cookie) = page.cookies.last() {
            let pair = cookie.split(';').next().unwrap();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        page
    }
}

impl Page {
    async fn of(response: Response) -> Self {
        let text = |value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned();
        let headers = response.headers();
        let location = headers.get(header::LOCATION).map(text).unwrap_or_default();
        let cookies = headers
            .get_all(header::SET_COOKIE)
            .iter()
            .map(text)
            .collect();
        let retry_after = headers.get(header::RETRY_AFTER).map(text);
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Self {
            status,
            location,
            cookies,
            retry_after,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// The text of the element with that test id, up to its first child.
    pub(crate) fn text(&self, testid: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("data-testid=\"{testid}\""))?;
        Some(rest.split_once('>')?.1.split('<').next()?.trim())
    }

    /// The page without the tokens of its forms, no two of which are the same.
    pub(crate) fn without_token(&self) -> String {
        let mut parts = self.body.split("name=\"form_token\" value=\"");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |page, part| page + part.split_once('"').unwrap().1)
    }

    /// The token in the first of its forms.
    pub(crate) fn form_token(&self) -> Option<&str> {
        let (_, rest) = self
            .body
            .split_once(&format!("name=\"{FORM_TOKEN}\" value=\""))?;
        rest.split('"').next()
    }

    /// The tag of the element with that test id.
    pub(crate) fn tag(&self, testid: &str) -> Option<&str> {
        let at = self.body.find(&format!("data-testid=\"{testid}\""))?;
        let start = self.body[..at].rfind('<')?;
        Some(&self.body[start..start + self.body[start..].find('>')?])
    }
}

fn encoded(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// What every step is answered with.
pub(crate) const FORM: [(&str, &[(&str, &str)]); 4] = [
    (
        "personal",
        &[
            ("id_number", "8001015009087"),
            ("first_names", "Nomvula"),
            ("surname", "Zola"),
            ("language", "zu"),
            ("occupation", "Teacher"),
            ("qualification", "degree"),
        ],
    ),
    (
        "contact",
        &[
            ("email", "zola@example.org"),
            ("phone", "082 123 4567"),
            ("address", "1 Long Street\r\nCape Town"),
            ("municipality", "City of Cape Town"),
            ("ward", "77"),
        ],
    ),
    (
        "declaration",
        &[
            ("signature_typed", "Nomvula Zola"),
            ("signature_drawn", "1-2_3-4*5-6_7-8"),
            ("agree_rules", "yes"),
            ("agree_truth", "yes"),
            ("agree_privacy", "yes"),
            ("reason", "To help"),
        ],
    ),
    ("payment", &[("method", "eft"), ("reference", "ZOLA 2026")]),
];
