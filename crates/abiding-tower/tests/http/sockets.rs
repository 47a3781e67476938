//! Over a real connection: a client that hangs up, a body that is streamed, a connection that is upgraded.

use std::{net::SocketAddr, sync::Arc};

use abiding::{ErrorKind, Manager};
use abiding_tower::{Failure, Session, SessionLayer};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    routing::any,
};
use http::{StatusCode, header};
use http_body_util::channel::Channel;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use crate::{browser::Browser, stage::Stage};

on_each_store![
    a_body_that_is_streamed_is_sent_after_the_session_was_settled,
    a_client_that_hangs_up_leaves_nothing_of_its_request,
    a_connection_that_is_upgraded_goes_on_with_its_session,
];

async fn visitor(stage: &Stage) -> Browser {
    let mut browser = Browser::new();
    stage
        .visit(&mut browser, |session| async move {
            Ok(session.insert("n", &0)?)
        })
        .await
        .text();
    browser
}

/// Serves the routes on a port of their own.
async fn serve(manager: &Manager, routes: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = routes.layer(SessionLayer::new(manager.clone()));
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Connects and sends a request with the browser's cookie.
async fn request(address: SocketAddr, browser: &Browser, more: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let cookie = browser.cookie().unwrap();
    let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n{more}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Reads until what was received ends with this.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut received = vec![];
    while !received.ends_with(end.as_bytes()) {
        let byte = stream.read_u8().await;
        received.push(byte.unwrap_or_else(|_| panic!("{}", received.escape_ascii())));
    }
    String::from_utf8(received).unwrap()
}

async fn a_client_that_hangs_up_leaves_nothing_of_its_request(stage: Stage) {
    /// Says when the handler's future is dropped.
    struct Dropped(Arc<Notify>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let browser = visitor(&stage).await;
    let (reached, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (here, gone) = (Arc::clone(&reached), Arc::clone(&dropped));
    let handler = move |session: Session| async move {
        let _gone = Dropped(gone);
        session
            .update("n", |n: Option<u32>| n.unwrap_or(0) + 1)
            .await?;
        session.insert("late", &true)?;
        session.login("ada")?;
        here.notify_one();
        std::future::pending::<()>().await;
        Ok::<_, Failure>(())
    };
    let address = serve(&stage.manager, Router::new().route("/", any(handler))).await;
    let stream = request(address, &browser, "").await;
    reached.notified().await;
    drop(stream);
    dropped.notified().await;
    assert_eq!(stage.shown(&browser).await, "n=1");
}

async fn a_body_that_is_streamed_is_sent_after_the_session_was_settled(stage: Stage) {
    let browser = visitor(&stage).await;
    let go_on = Arc::new(Notify::new());
    let wait = Arc::clone(&go_on);
    let handler = move |session: Session| async move {
        session.insert("before", &1)?;
        let (mut sender, body) = Channel::<Bytes>::new(1);
        let streaming = session.clone();
        tokio::spawn(async move {
            sender.send_data("first".into()).await.unwrap();
            wait.notified().await;
            streaming.insert("streamed", &1).unwrap();
            streaming.save().await.unwrap();
            streaming
                .update("n", |n: Option<u32>| n.unwrap_or(0) + 1)
                .await
                .unwrap();
            streaming.insert("unsaved", &1).unwrap();
            sender.send_data("second".into()).await.unwrap();
        });
        Ok::<_, Failure>(Body::new(body))
    };
    let address = serve(&stage.manager, Router::new().route("/", any(handler))).await;
    let mut stream = request(address, &browser, "").await;
    let head = read_until(&mut stream, "first\r\n").await;
    assert!(
        head.contains("vary: Cookie") && head.contains("cache-control: private"),
        "{head}"
    );
    assert_eq!(
        stage.shown(&browser).await,
        "n=0 before=1",
        "settled before the body is sent"
    );
    go_on.notify_one();
    read_until(&mut stream, "second\r\n").await;
    assert_eq!(stage.shown(&browser).await, "n=1 before=1 streamed=1");
}

async fn a_connection_that_is_upgraded_goes_on_with_its_session(stage: Stage) {
    let browser = visitor(&stage).await;
    let handler = |session: Session, mut request: Request| async move {
        session.insert("greeted", &true)?;
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut socket = TokioIo::new(upgraded.await.unwrap());
            while let Ok(message) = socket.read_u8().await {
                let count = |n: Option<u32>| n.unwrap_or(0) + u32::from(message);
                let reply = match session.update("n", count).await {
                    Ok(n) => u8::try_from(n).unwrap(),
                    Err(error) if error.kind() == ErrorKind::Gone => u8::MAX,
                    Err(error) => panic!("{error}"),
                };
                socket.write_u8(reply).await.unwrap();
            }
        });
        let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, "adding")];
        Ok::<_, Failure>((StatusCode::SWITCHING_PROTOCOLS, headers))
    };
    let address = serve(&stage.manager, Router::new().route("/", any(handler))).await;
    let upgrade = "Connection: upgrade\r\nUpgrade: adding\r\n";
    let mut stream = request(address, &browser, upgrade).await;
    let head = read_until(&mut stream, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(
        stage.shown(&browser).await,
        "n=0 greeted=true",
        "settled with the head"
    );
    for (message, sum) in [(2, 2), (3, 5)] {
        stream.write_u8(message).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), sum);
        assert_eq!(stage.shown(&browser).await, format!("n={sum} greeted=true"));
    }
    // A logout elsewhere reaches the open connection with its next change.
    stage
        .request(&browser, |session| async move { Ok(session.logout()) })
        .await
        .text();
    stream.write_u8(1).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), u8::MAX);
    assert_eq!(stage.records().await, []);
}
