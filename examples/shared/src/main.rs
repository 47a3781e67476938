//! A shop in Flask whose routes move to Rust one at a time, behind one address and in one session.
//!
//! What has a route here is answered here; everything else goes to Flask as it came. `cargo xtask example shared` starts
//! both. To move a route, write its handler, and add a line to [`app`]: nobody is signed out by that, either way.

mod account;
mod basket;
mod flask;
mod page;
mod sessions;
mod settings;

use std::{error::Error, io::Write as _, net::SocketAddr};

use abiding::Manager;
use abiding_tower::{SameOrigin, SessionLayer};
use axum::{
    Router,
    routing::{get, post},
};
use tokio::net::TcpListener;

use crate::{flask::Flask, settings::Settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::of_environment()?;
    let manager = sessions::manager(&settings.sessions, &settings.secret).await?;
    let listener = TcpListener::bind(("127.0.0.1", settings.port)).await?;
    writeln!(
        std::io::stdout(),
        "listening on http://{}",
        listener.local_addr()?
    )?;
    let app = app(manager, Flask::at(&settings.flask));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, app).await?)
}

fn app(manager: Manager, flask: Flask) -> Router {
    Router::new()
        // The routes that have moved.
        .route("/basket", get(basket::show).post(basket::add))
        .route("/account", get(account::show))
        .route("/account/sign-in", post(account::sign_in))
        .route("/account/sign-out", post(account::sign_out))
        .route_layer(SessionLayer::new(manager))
        .route_layer(SameOrigin::new())
        // All the others.
        .fallback(|from, request| flask.pass(from, request))
}
