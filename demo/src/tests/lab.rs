//! The race lab against a server that really listens.

use std::future::IntoFuture as _;

use tokio::net::TcpListener;

use super::stage::Stage;
use crate::settings::{ProfileKind, StoreKind};

#[tokio::test]
async fn the_lab_loses_nothing_and_the_model_beside_it_does() {
    for store in [StoreKind::Memory, StoreKind::Sqlite] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stage = Stage::set_for(store, ProfileKind::Development, &address);
        let server = tokio::spawn(axum::serve(listener, stage.router()).into_future());
        let mut visitor = stage.visitor();
        visitor.fill().await;
        assert_eq!(visitor.get("/lab").await.text("lab-verdict"), None);
        assert_eq!(visitor.post("/lab/run", &[]).await.location, "/lab#results");
        let page = visitor.get("/lab").await;
        for (figure, expected) in [
            ("lab-keys-abiding", "50/50"),
            ("lab-keys-simulated", "1/50"),
            ("lab-counter-abiding", "50"),
            ("lab-counter-simulated", "1"),
            ("lab-resurrected-abiding", "0/20"),
            ("lab-resurrected-simulated", "20/20"),
        ] {
            assert_eq!(page.text(figure), Some(expected), "{store}: {figure}");
        }
        assert!(page.body.contains("60 of 60 slow requests"), "{store}");
        assert_eq!(
            visitor.get("/membership").await.location,
            "/membership/review"
        );
        server.abort();
    }
}

/// The price of no store is said, and what was signed out stays signed out all the same.
#[tokio::test]
async fn without_a_store_the_last_answer_counts_and_nothing_comes_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stage = Stage::set_for(StoreKind::Cookie, ProfileKind::Development, &address);
    let server = tokio::spawn(axum::serve(listener, stage.router()).into_future());
    let mut visitor = stage.visitor();
    visitor.post("/lab/run", &[]).await;
    let page = visitor.get("/lab").await;
    assert_eq!(page.text("lab-resurrected-abiding"), Some("0/20"));
    let verdict = page.text("lab-verdict").unwrap();
    assert!(
        verdict.starts_with("Nothing came back. Without a store"),
        "{verdict}"
    );
    server.abort();
}
