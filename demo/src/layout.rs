//! The frame around every page, its assets, and the headers that fence it in.
//!
//! Handlers answer with a [`Page`], which knows its own part alone; the middleware [`frame`] puts the
//! rest around it when the handler is done, and asks the session only then who is signed in.

use abiding::{Flash, Session};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, Render, html};

use crate::{
    accounts::{NAME, Reason},
    app::App,
    forms::hidden,
    settings::ProfileKind,
};

/// The parts of the site that the navigation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Account,
    Code,
    Home,
    Lab,
    Membership,
    Operator,
    Organizer,
    Platforms,
    Session,
}

/// A page without its frame.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    title: String,
    section: Option<Section>,
    main: Markup,
}

/// Who the frame is for, and what there is to tell them.
#[derive(Debug, Default)]
struct Visitor {
    account: Account,
    flashes: Vec<Flash>,
}

#[derive(Debug, Default)]
enum Account {
    /// Nobody is signed in; perhaps somebody was.
    Nobody(Option<Reason>),
    SignedIn {
        name: String,
        /// For the form that signs out.
        token: String,
    },
    /// The session cannot be asked at the moment.
    #[default]
    Unknown,
}

/// A page: `title` for the tab, the section it belongs to, and what it shows.
pub(crate) fn page(title: &str, section: Option<Section>, main: impl Render) -> Page {
    Page {
        title: title.to_owned(),
        section,
        main: main.render(),
    }
}

/// The middleware that completes pages: once inside the session layer, and once around it for the
/// pages of what failed there.
pub(crate) async fn frame(State(app): State<App>, request: Request, next: Next) -> Response {
    let session = request.extensions().get::<Session>().cloned();
    let mut response = next.run(request).await;
    if let Some(session) = &session {
        // For whoever looks at the cookie that goes with it.
        response.extensions_mut().insert(session.clone());
    }
    let Some(page) = response.extensions_mut().remove::<Page>() else {
        return response;
    };
    let visitor = match &session {
        Some(session) => Visitor::of(session).await.unwrap_or_default(),
        None => Visitor::default(),
    };
    *response.body_mut() = Body::from(page.framed(&visitor, app.profile).into_string());
    response
}

impl Visitor {
    async fn of(session: &Session) -> abiding::Result<Self> {
        let flashes = session.take_flashes().await?;
        let account = if session.subject().await?.is_some() {
            Account::SignedIn {
                name: session.get(NAME).await?.unwrap_or_default(),
                token: session.form_token().await?,
            }
        } else {
            Account::Nobody(Reason::of_end(session.standing().await?))
        };
        Ok(Self { account, flashes })
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = Html(()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl Page {
    fn framed(&self, visitor: &Visitor, profile: ProfileKind) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · abiding" }
                    link rel="stylesheet" href="/assets/app.css";
                    link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                    script src="/assets/app.js" defer {}
                }
                body {
                    a.skip href="#main" data-testid="skip-link" { "Skip to the content" }
                    header.top {
                        a.brand href="/" { span.mark aria-hidden="true" {} "abiding" }
                        (account(&visitor.account))
                        nav aria-label="Main" {
                            @for (target, name, testid, this) in navigation(profile) {
                                a href=(target) data-testid=(testid)
                                    aria-current=[(self.section == Some(*this)).then_some("page")] { (name) }
                            }
                        }
                    }
                    main #main tabindex="-1" {
                        @for flash in &visitor.flashes {
                            p.notice role="status" data-testid="flash" { (flash.message) }
                        }
                        (self.main)
                    }
                    footer {
                        p { "Everything you type here stays on this machine, in one directory." }
                    }
                }
            }
        }
    }
}

/// Who is signed in, and the way in or out.
fn account(account: &Account) -> Markup {
    html! {
        div.account {
            @match account {
                Account::SignedIn { name, token } => {
                    a href="/account/devices" data-testid="account" {
                        span.visually-hidden { "Your account: " }
                        span data-testid="account-name" { (name) }
                    }
                    form method="post" action="/sign-out" {
                        (hidden(token))
                        button type="submit" data-testid="sign-out" { "Sign out" }
                    }
                }
                Account::Nobody(Some(reason)) => {
                    a href={ "/sign-in?reason=" (reason.word()) } data-testid="sign-in" { "Sign in" }
                }
                Account::Nobody(None) => a href="/sign-in" data-testid="sign-in" { "Sign in" },
                Account::Unknown => {}
            }
        }
    }
}

/// A message on top of a page.
pub(crate) fn notice(text: &str) -> Markup {
    html! { p.notice role="status" data-testid="notice" { (text) } }
}

/// The middleware that sets the headers of every response: nothing from elsewhere, no framing.
pub(crate) async fn fence(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in FENCE {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The style sheet.
pub(crate) async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", include_str!("../assets/app.css"))
}

/// The script, which every page does without.
pub(crate) async fn script() -> impl IntoResponse {
    asset(
        "text/javascript; charset=utf-8",
        include_str!("../assets/app.js"),
    )
}

/// The icon.
pub(crate) async fn icon() -> impl IntoResponse {
    asset("image/svg+xml", include_str!("../assets/icon.svg"))
}

fn asset(kind: &'static str, body: &'static str) -> impl IntoResponse {
    // Asked again every time: a new release must not meet an old style sheet.
    (
        [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        body,
    )
}

/// The operator's page is for everybody in development; in production, who may see it knows where it is.
fn navigation(profile: ProfileKind) -> impl Iterator<Item = &'static Entry> {
    let operated = profile == ProfileKind::Development;
    NAVIGATION
        .iter()
        .filter(move |(.., section)| operated || *section != Section::Operator)
}

/// Address, name, test id and section.
type Entry = (&'static str, &'static str, &'static str, Section);

const NAVIGATION: &[Entry] = &[
    ("/", "Start", "nav-home", Section::Home),
    (
        "/membership",
        "Membership",
        "nav-membership",
        Section::Membership,
    ),
    (
        "/organizer",
        "Organizer",
        "nav-organizer",
        Section::Organizer,
    ),
    (
        "/platforms",
        "Platforms",
        "nav-platforms",
        Section::Platforms,
    ),
    ("/shop", "One-time code", "nav-code", Section::Code),
    ("/session", "My session", "nav-session", Section::Session),
    ("/lab", "Race lab", "nav-lab", Section::Lab),
    ("/operator", "Operator", "nav-operator", Section::Operator),
];

const FENCE: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
         script-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not `no-referrer`: it would blank the `Origin` that the guard compares.
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];
