//! What the session layer adds to a call of a router, without sockets: `bench-inprocess [ROUNDS] [CASE]`.
//!
//! Each case (`memory/read`, say) calls a route in turns, bare and behind the layer, with the cookie of a
//! session of 1 KB. The figure is the median over the rounds of the CPU time that the layer adds.

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
use rustix::time::{ClockId, Timespec, clock_gettime};
use tower_service::Service as _;

/// Calls of a route in a round.
const CALLS: u32 = 1_000;

/// Where the session lies, the route, what its handler does, and the goal.
const CASES: [(&str, &str, &str, Option<u32>); 7] = [
    ("memory", "/idle", "touches nothing", Some(1_000)),
    ("memory", "/read", "reads one value", Some(2_500)),
    ("memory", "/write", "reads and writes", Some(4_000)),
    ("memory", "/login", "begins a session", None),
    ("cookie", "/read", "reads one value", None),
    ("cookie", "/write", "reads and writes", None),
    ("cookie", "/login", "begins a session", None),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let rounds = env::args()
        .nth(1)
        .map_or(Ok(200), |count| count.parse::<usize>())?;
    let only = env::args().nth(2);
    let number = || async { 184_467_440_u64.to_string() };
    let mut bare = Router::new()
        .route("/idle", get("ok"))
        .route("/login", get("ok"))
        .route("/read", get(number))
        .route("/write", get(number));

    println!("| store | route | bare, ns | with the layer | added, median (min–max) | goal |");
    println!("|---|---|---|---|---|---|");
    for (store, target, what, goal) in CASES {
        if only
            .as_ref()
            .is_some_and(|only| *only != format!("{store}{target}"))
        {
            continue;
        }
        let mut ours = router(store)?;
        let cookie = match target {
            "/login" => String::new(),
            _ => login(&mut ours).await?,
        };
        let mut times = Vec::with_capacity(rounds);
        for round in 0..=rounds {
            if target == "/login" {
                // Without what the rounds before left behind: memory that was never used is slow to come by.
                ours = router(store)?;
            }
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
        let goal = match goal.map(f64::from) {
            Some(goal) if added.median <= goal => format!("≤ {goal}: met"),
            Some(goal) => format!("≤ {goal}: missed"),
            None => "–".to_owned(),
        };
        println!(
            "| {store} | {target}, {what} | {:.0} | {:.0} | **{:.0}** ({:.0}–{:.0}) | {goal} |",
            bare.median, with.median, added.median, added.min, added.max
        );
    }
    Ok(())
}

fn router(store: &str) -> Result<Router, Box<dyn Error>> {
    let (keys, expiry) = (
        KeyRing::generate()?,
        Expiry::new().idle(Duration::from_secs(86_400)),
    );
    let manager = match store {
        "cookie" => Manager::client_side(keys)
            .irrevocable()
            .expiry(expiry)
            .build()?,
        _ => Manager::builder(MemoryStore::new())
            .keys(keys)
            .expiry(expiry)
            .build()?,
    };
    Ok(endpoints::router(manager))
}

/// CPU time of this thread, nanoseconds a call: other programs on the machine are not in it.
async fn time(router: &mut Router, target: &str, cookie: &str) -> f64 {
    let start = clock_gettime(ClockId::ThreadCPUTime);
    for _ in 0..CALLS {
        let response = call(router, target, cookie).await;
        assert!(
            response.status().is_success(),
            "{target} answered {}",
            response.status()
        );
    }
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime) - start;
    (tv_sec as f64 * 1e9 + tv_nsec as f64) / f64::from(CALLS)
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
