//! The same over HTTP, by two server processes that are deployed anew and killed: see `abiding_testkit::rolling`.

use std::{env, sync::Arc, time::Instant};

use abiding::{
    Clock, ErrorKind, Manager, Phase,
    store::{AnyStore, Walk as _},
};
use abiding_testkit::{
    crossing::End,
    rolling::{self, Node, Plan, Rolling},
    servers::Folder,
};
use abiding_tower::{Failure, Session, SessionLayer};
use axum::{Router, http::Uri};
use tokio::{
    net::TcpListener,
    runtime::{Handle, Runtime},
    task::spawn_blocking,
};

use crate::{
    page, pairs,
    places::{Access, Fleet, Kind},
};

/// What each node does; in the parent, nothing.
#[test]
fn node_of_the_matrix() {
    if let Some(node) = Node::of_environment() {
        Runtime::new().unwrap().block_on(async {
            let manager = manager(&node).await;
            let (kind, _) = Kind::of(node.place(node.primary()));
            let store = store(&node, node.primary()).await;
            serve(node, manager, store.filter(|_| kind.is_walked())).await;
        });
    }
}

/// As if somebody had changed the place without a phase.
#[test]
fn node_that_knows_one_place() {
    if let Some(node) = Node::of_environment() {
        Runtime::new().unwrap().block_on(async {
            let manager = place(&node, node.primary(), None).await;
            serve(node, manager, None).await;
        });
    }
}

async fn manager(node: &Node) -> Manager {
    let elsewhere = match node.phase() {
        None => None,
        Some(phase) => Some((place(node, node.primary().other(), None).await, phase)),
    };
    place(node, node.primary(), elsewhere).await
}

async fn place(node: &Node, end: End, elsewhere: Option<(Manager, Phase)>) -> Manager {
    let (kind, _) = Kind::of(node.place(end));
    let store = store(node, end).await;
    // One ring for both: between two stores of ours the cookie stays what it is.
    let access = Access::new(node.keys(), node.secret());
    kind.node(store, &access, node.clock(), elsewhere)
}

async fn store(node: &Node, end: End) -> Option<AnyStore> {
    let (kind, url) = Kind::of(node.place(end));
    if kind.is_cookie() {
        None
    } else {
        Some(kind.open(url).await)
    }
}

/// Ends what sessions have left behind in the store of the primary place.
async fn clear(manager: &Manager, store: &AnyStore, clock: impl Clock) {
    let mut from = None;
    loop {
        let page = store.walk(from.as_ref(), PAGE, clock.now()).await.unwrap();
        for found in &page.found {
            match manager.end_left_behind(found).await {
                // The store is that of all rows of the table, each of which has keys of its own.
                Err(error) if error.kind() == ErrorKind::Corrupt => {}
                seen => drop(seen.unwrap()),
            }
        }
        from = page.next;
        if from.is_none() {
            return;
        }
    }
}

/// `store` is that of the primary place, if it can be walked over.
async fn serve(node: Node, manager: Manager, store: Option<AnyStore>) {
    let page = async |session: Session, uri: Uri| {
        let answer = rolling::answer(&session, uri.path()).await;
        answer.map_err(Failure::from)
    };
    let pages = Router::new()
        .fallback(page)
        .layer(SessionLayer::new(manager.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    node.serves_at(listener.local_addr().unwrap());
    let node = Arc::new(node);
    let (told, moving, runtime) = (Arc::clone(&node), manager.clone(), Handle::current());
    let wait = move || {
        told.wait(|| {
            if let Some(store) = &store {
                runtime.block_on(clear(&moving, store, told.clock()));
            }
        });
    };
    let stop = async move { spawn_blocking(wait).await.unwrap() };
    // Those under way are answered first.
    let served = axum::serve(listener, pages).with_graceful_shutdown(stop);
    served.await.unwrap();
    node.has_ended(manager.crossings());
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test asks its environment how long to run, and tells how long it took"
)]
fn sessions_move_over_http_while_servers_are_deployed_and_killed() {
    let is_long = env::var_os("ABIDING_MATRIX_HTTP").is_some();
    if !is_long && env::var_os("ABIDING_MATRIX").is_some() {
        // The other form alone was asked for.
        return;
    }
    let from = env::var("ABIDING_MATRIX_FROM").unwrap_or_default();
    let runtime = Runtime::new().unwrap();
    let fleet = Fleet::new(&runtime);
    let mut pairs = pairs(&fleet, is_long, &from);
    if !is_long {
        // Every second one of the ring, without the store whose sessions may be lost when a process is killed.
        let mut number = 0;
        pairs.retain(|(old, new)| {
            number += 1;
            number % 2 == 1 && [old, new].iter().all(|kind| kind.name != "memcached")
        });
    }
    let (mut rows, mut broken) = (vec![], vec![]);
    for (old, new) in pairs {
        let begun = Instant::now();
        let (old_told, new_told) = (fleet.told(old), fleet.told(new));
        let rolling = Rolling::new("over_http::node_of_the_matrix", &old_told, &new_told);
        let rolled = rolling.run(&plan(old, new, is_long));
        println!(
            "{} → {}: {rolled:?}, {:?}",
            old.name,
            new.name,
            begun.elapsed()
        );
        rows.push(row(old, new, &rolled));
        match rolled {
            Ok(tally) => assert!(tally.crossings.moved > 0 && tally.in_doubt > 0, "{tally:?}"),
            Err(what) => broken.push(format!("{} → {}: {what}", old.name, new.name)),
        }
    }
    if is_long {
        tell(&rows);
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// How long the visitors go on.
fn plan(old: &Kind, new: &Kind, is_long: bool) -> Plan {
    let mut plan = if is_long { Plan::long() } else { Plan::short() };
    plan.stores = [!old.is_cookie(), !new.is_cookie()];
    plan.is_walked = old.is_walked();
    if plan.stores != [true; 2] {
        plan.tabs = 1;
    }
    plan
}

fn row(old: &Kind, new: &Kind, rolled: &Result<rolling::Tally, String>) -> Vec<String> {
    let tally = rolled.as_ref().copied().unwrap_or_default();
    let counts = [
        tally.requests,
        tally.in_doubt,
        tally.crossings.moved as usize,
        tally.sign_ins,
        tally.sign_outs,
        tally.kills,
        usize::from(rolled.is_err()),
    ];
    page::row(old.name, new.name, &counts)
}

/// What the page says of this form.
fn tell(rows: &[Vec<String>]) {
    let Plan {
        visitors, kills, ..
    } = Plan::long();
    page::write(&page::OVER_HTTP, rows, |sum| {
        format!(
            "Made by `cargo xtask matrix http`. Each row is {visitors} visitors with cookie jars who fill in a form, count, flash messages, renew their ids, sign in and out at full speed over HTTP, in up to\n\
             three tabs at once, while two server processes are deployed anew, first one and then the other, from phase to phase there and back, and killed (`kill -9`) {kills} times on the way from each phase to the next.\n\
             In all {} requests, {} kills, {} sign-ins and {} sign-outs. A request whose answer never came is *in doubt* ({} were): it was done or it was not. *Broken* is 1 where anything else was lost or changed its\n\
             type, anybody was signed out or somebody else, or anything that was signed out came back, then or in a later phase. Rows can be made by themselves, as by `cargo xtask matrix http redis`.",
            sum(2),
            sum(7),
            sum(5),
            sum(6),
            sum(3),
        )
    });
}

/// How many sessions are ended with one look at the place.
const PAGE: usize = 100;

/// What finds nothing wrong must be able to.
#[test]
fn visitors_notice_when_a_place_is_changed_at_once() {
    let folder = Folder::new("at-once");
    let told = |kind: &str, name: &str| {
        let scheme = if kind == "file" { "file" } else { "sqlite" };
        format!("{kind}|{scheme}://{}", folder.file(name).display())
    };
    let rolling = Rolling::new(
        "over_http::node_that_knows_one_place",
        &told("sqlite", "sessions.db"),
        &told("file", "sessions"),
    );
    let broken = rolling.run(&Plan::short()).unwrap_err();
    // Of several tabs one may have begun another session before somebody looks at the first.
    let losses = [
        "is logged out",
        "is None, not",
        "counted to",
        "is lost",
        "is \"\", not",
    ];
    assert!(losses.iter().any(|loss| broken.contains(loss)), "{broken}");
    assert!(broken.contains("Move"), "{broken}");
}
