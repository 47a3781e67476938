//! The frame around every page, its assets, and the headers that fence it in.
//!
//! Handlers answer with a [`Page`], which knows its own part alone; the middleware [`frame`] puts the
//! rest around it when the handler is done.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, Render, html};

/// The parts of the site that the navigation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Home,
    Lab,
    Membership,
    Session,
}

/// A page without its frame.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    title: String,
    section: Option<Section>,
    main: Markup,
}

/// A page: `title` for the tab, the section it belongs to, and what it shows.
pub(crate) fn page(title: &str, section: Option<Section>, main: impl Render) -> Page {
    Page {
        title: title.to_owned(),
        section,
        main: main.render(),
    }
}

/// The middleware that completes pages.
pub(crate) async fn frame(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Some(page) = response.extensions_mut().remove::<Page>() {
        *response.body_mut() = Body::from(page.framed().into_string());
    }
    response
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = Html(()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl Page {
    fn framed(&self) -> Markup {
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
                        nav aria-label="Main" {
                            @for (target, name, testid, this) in NAVIGATION {
                                a href=(target) data-testid=(testid)
                                    aria-current=[(self.section == Some(*this)).then_some("page")] { (name) }
                            }
                        }
                    }
                    main #main tabindex="-1" { (self.main) }
                    footer {
                        p { "Everything you type here stays on this machine, in one directory." }
                    }
                }
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

const NAVIGATION: &[(&str, &str, &str, Section)] = &[
    ("/", "Start", "nav-home", Section::Home),
    (
        "/membership",
        "Membership",
        "nav-membership",
        Section::Membership,
    ),
    ("/session", "My session", "nav-session", Section::Session),
    ("/lab", "Race lab", "nav-lab", Section::Lab),
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
