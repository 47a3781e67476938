//! The router, and what handlers share.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use abiding::{Clock as _, Ledger, Timestamp};
use abiding_stores::keys::KeySource;
use abiding_tower::{ClientLayer, Proxies, SameOrigin};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    routing::get,
};

use crate::{
    accounts::{self, Hasher},
    calendar::Date,
    clock::DemoClock,
    code,
    database::Database,
    errors::{self, Problem},
    home, inspector,
    lab::{self, Lab},
    layout,
    mail::{self, Mailer},
    membership, operator, organizer,
    places::{self, Places},
    platforms,
    requests::{self, Trail},
    settings::ProfileKind,
};

/// What handlers share. Clones share it too.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    /// Where this server listens: the race lab calls it.
    pub(crate) address: SocketAddr,
    pub(crate) clock: DemoClock,
    pub(crate) data: PathBuf,
    pub(crate) database: Database,
    pub(crate) hasher: Hasher,
    /// Where the keys come from.
    pub(crate) keys: KeySource,
    pub(crate) lab: Lab,
    /// What no visitor can undo, whatever session they put back.
    pub(crate) ledger: Ledger,
    pub(crate) mailer: Mailer,
    /// The subject of the person who may see the operator's page in production.
    pub(crate) operator: Option<String>,
    /// Where the sessions are.
    pub(crate) places: Places,
    pub(crate) profile: ProfileKind,
    pub(crate) proxies: Proxies,
    pub(crate) trail: Trail,
}

impl App {
    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn today(&self) -> Date {
        Date::of(self.now())
    }
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Every page of the demo, behind the guards.
pub(crate) fn router(app: App) -> Router {
    let mut pages = Router::new()
        .route("/", get(home::show))
        .merge(accounts::routes())
        .merge(membership::routes())
        .merge(organizer::routes())
        .merge(code::routes())
        .merge(platforms::routes())
        .merge(inspector::routes())
        .merge(lab::routes())
        .merge(operator::routes(&app));
    if app.profile == ProfileKind::Development {
        pages = pages.merge(inspector::debug_routes());
        pages = pages.merge(mail::routes());
    }
    pages
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .layer(from_fn_with_state(app.clone(), layout::frame))
        .layer(from_fn_with_state(app.clone(), places::serve))
        .layer(SameOrigin::new())
        .layer(from_fn(errors::explain))
        .route("/assets/app.css", get(layout::style))
        .route("/assets/app.js", get(layout::script))
        .route("/assets/icon.svg", get(layout::icon))
        .route("/healthz", get(async || "ok"))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(app.clone(), layout::frame))
        .layer(ClientLayer::new(app.proxies.clone()))
        .layer(from_fn_with_state(app.clone(), requests::note))
        .layer(from_fn(layout::fence))
        .with_state(app)
}

/// Four steps of this size still fit into one session.
const BODY_LIMIT: usize = 16 * 1024;
