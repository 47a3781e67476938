//! What the session layer adds to a call of a router, without sockets: `bench-inprocess [ROUNDS]`.
//!
//! Each case calls a route twice in turns, bare and behind the layer, with the cookie of a session of
//! 1 KB in the memory store. The figure is the median over the rounds of what the layer adds.

#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

use std::{env, error::Error, time::Duration};

use abiding::{Expiry, KeyRing, Manager, MemoryStore};
use abiding_bench::{endpoints, statistics::Spread};
use axum::{
    Router,
    body::Body,
    http::{Request, header::COOKIE, header::SET_COOKIE},
    response::Response,
    routing::get,
};
use tokio::time::Instant;
use tower_service::Service as _;

/// Calls of a route in a round.
const CALLS: u32 = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let rounds = env::args()
        .nth(1)
        .map_or(Ok(300), |count| count.parse::<usize>())?;
    let expiry = Expiry::new().idle(Duration::from_secs(86_400));
    let manager = Manager::builder(MemoryStore::new())
        .keys(KeyRing::generate()?)
        .expiry(expiry)
        .build()?;
    let mut ours = endpoints::router(manager);
    let cookie = login(&mut ours).await?;
    let number = || async { 184_467_440_u64.to_string() };
    let mut bare = Router::new()
        .route("/idle", get("ok"))
        .route("/read", get(number))
        .route("/write", get(number));

    println!("| route | bare, ns | with the layer | added, median (min–max) | goal |");
    println!("|---|---|---|---|---|");
    for (target, what, goal) in [
        ("/idle", "nothing touched", 1_000),
        ("/read", "one value read", 2_500),
        ("/write", "read and written", 4_000),
    ] {
        let mut times = Vec::with_capacity(rounds);
        for round in 0..=rounds {
            let pair = [
                time(&mut bare, target, &cookie).await,
                time(&mut ours, target, &cookie).await,
            ];
            // The first round warms up.
            if round > 0 {
                times.push(pair);
            }
        }
        let [bare, with] = [0, 1].map(|side| Spread::of(times.iter().map(|pair| pair[side])));
        let added = Spread::of(times.iter().map(|[bare, with]| with - bare));
        let verdict = if added.median <= f64::from(goal) {
            "met"
        } else {
            "missed"
        };
        println!(
            "| {target}, {what} | {:.0} | {:.0} | **{:.0}** ({:.0}–{:.0}) | ≤ {goal}: {verdict} |",
            bare.median, with.median, added.median, added.min, added.max
        );
    }
    Ok(())
}

/// Nanoseconds a call.
async fn time(router: &mut Router, target: &str, cookie: &str) -> f64 {
    let start = Instant::now();
    for _ in 0..CALLS {
        let response = call(router, target, cookie).await;
        assert!(
            response.status().is_success(),
            "{target} answered {}",
            response.status()
        );
    }
    (start.elapsed() / CALLS).as_nanos() as f64
}

async fn call(router: &mut Router, target: &str, cookie: &str) -> Response {
    let request = Request::get(target)
        .header(COOKIE, cookie)
        .body(Body::empty());
    let request = request.expect("the targets and the cookie are well-formed");
    router
        .call(request)
        .await
        .unwrap_or_else(|never| match never {})
}

async fn login(router: &mut Router) -> Result<String, Box<dyn Error>> {
    let response = call(router, "/login", "").await;
    let cookie = response
        .headers()
        .get(SET_COOKIE)
        .ok_or("no cookie at /login")?
        .to_str()?;
    Ok(cookie.split(';').next().unwrap_or(cookie).to_owned())
}
