//! Where a request comes from: the layers that find out, as a router wears them.

use std::{future::IntoFuture as _, net::SocketAddr};

use abiding_tower::{Client, ClientLayer, CrossSite, Proxies, SameOrigin};
use axum::{
    Router,
    extract::{ConnectInfo, Request, connect_info::MockConnectInfo},
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
    routing::any,
};
use http::{HeaderMap, Method, StatusCode, header};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tower::ServiceExt as _;

use crate::stage::{answer, ask};

fn request(method: Method, peer: Option<&str>, headers: &[(&'static str, &str)]) -> Request {
    let mut request = Request::new(axum::body::Body::empty());
    *request.method_mut() = method;
    request
        .headers_mut()
        .insert(header::HOST, "127.0.0.1:3000".parse().unwrap());
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    if let Some(peer) = peer {
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
    }
    request
}

async fn whoami(client: Client) -> String {
    fn spelled<T: ToString>(part: Option<T>) -> String {
        part.map_or_else(|| "?".into(), |part| part.to_string())
    }
    let Client {
        address,
        scheme,
        host,
        ..
    } = client;
    [spelled(address), spelled(scheme), spelled(host)].join(" ")
}

fn behind_a_proxy() -> Proxies {
    Proxies::trusting(["127.0.0.1".parse().unwrap()])
}

const FORWARDED: [(&str, &str); 3] = [
    ("x-forwarded-for", "198.51.100.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop.example"),
];

/// TD-7.
#[tokio::test]
async fn a_handler_sees_the_client_behind_a_trusted_proxy_and_nobody_else_s_word() {
    let app = |proxies| {
        Router::new()
            .route("/", any(whoami))
            .layer(ClientLayer::new(proxies))
    };
    for (proxies, peer, expected) in [
        (
            behind_a_proxy(),
            Some("127.0.0.1:4711"),
            "198.51.100.7 https shop.example",
        ),
        (
            behind_a_proxy(),
            Some("203.0.113.9:4711"),
            "203.0.113.9 ? 127.0.0.1:3000",
        ),
        (behind_a_proxy(), None, "? ? 127.0.0.1:3000"),
        (
            Proxies::none(),
            Some("127.0.0.1:4711"),
            "127.0.0.1 ? 127.0.0.1:3000",
        ),
        (
            Proxies::danger_trusting_every_peer(),
            None,
            "198.51.100.7 https shop.example",
        ),
    ] {
        let request = request(Method::GET, peer, &FORWARDED);
        assert_eq!(
            answer(app(proxies), request).await.text(),
            expected,
            "{peer:?}"
        );
    }
}

/// Servers other than axum's tell the peer by an extension of a type that everybody has.
#[tokio::test]
async fn the_peer_may_be_told_by_an_address_in_the_extensions() {
    let app = Router::new()
        .route("/", any(whoami))
        .layer(ClientLayer::new(behind_a_proxy()));
    let mut request = request(Method::GET, None, &FORWARDED);
    let peer: SocketAddr = "[::ffff:127.0.0.1]:80".parse().unwrap();
    request.extensions_mut().insert(peer);
    assert_eq!(
        answer(app, request).await.text(),
        "198.51.100.7 https shop.example"
    );
}

/// A test of an application has no sockets: axum lets it say who the peer is.
#[tokio::test]
async fn the_peer_of_a_test_is_the_one_that_it_names() {
    let peer: SocketAddr = "127.0.0.1:4711".parse().unwrap();
    let app = Router::new()
        .route("/", any(whoami))
        .layer(ClientLayer::new(behind_a_proxy()))
        .layer(MockConnectInfo(peer));
    let request = request(Method::GET, None, &FORWARDED);
    assert_eq!(
        answer(app, request).await.text(),
        "198.51.100.7 https shop.example"
    );
}

/// Over a real connection, as axum serves it.
#[tokio::test]
async fn the_peer_of_a_connection_is_the_one_that_holds_it() {
    let app = Router::new()
        .route("/", any(whoami))
        .layer(ClientLayer::new(behind_a_proxy()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(axum::serve(listener, service).into_future());
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = "GET / HTTP/1.1\r\nhost: inner.example\r\nconnection: close\r\nx-forwarded-for: 198.51.100.7\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut reply = String::new();
    connection.read_to_string(&mut reply).await.unwrap();
    assert!(reply.ends_with("198.51.100.7 ? inner.example"), "{reply}");
    server.abort();
}

#[tokio::test]
async fn a_route_without_the_client_layer_says_what_is_missing() {
    let answer = ask(Router::new().route("/", any(whoami)), HeaderMap::new()).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::INTERNAL_SERVER_ERROR, "")
    );
}

/// CK-13, behind a proxy and without one.
#[tokio::test]
async fn another_site_s_request_never_reaches_the_handler() {
    let app = |proxies| {
        Router::new()
            .route("/", any(async || "changed"))
            .layer(SameOrigin::new().allowing("https://pay.example").unwrap())
            .layer(ClientLayer::new(proxies))
    };
    let behind = |site| [FORWARDED.to_vec(), vec![site]].concat();
    for (proxies, headers, passes) in [
        (
            Proxies::none(),
            vec![("sec-fetch-site", "same-origin")],
            true,
        ),
        (
            Proxies::none(),
            vec![("sec-fetch-site", "same-site")],
            false,
        ),
        (
            Proxies::none(),
            vec![("origin", "http://127.0.0.1:3000")],
            true,
        ),
        (
            Proxies::none(),
            vec![("origin", "https://evil.example")],
            false,
        ),
        (
            Proxies::none(),
            vec![("origin", "https://pay.example")],
            true,
        ),
        (Proxies::none(), vec![], true),
        (
            behind_a_proxy(),
            behind(("origin", "https://shop.example")),
            true,
        ),
        (
            behind_a_proxy(),
            behind(("origin", "http://shop.example")),
            false,
        ),
        (
            behind_a_proxy(),
            behind(("origin", "http://127.0.0.1:3000")),
            false,
        ),
        // What a page makes a browser send does not come with a proxy's headers; a spoofed one is not heard.
        (
            Proxies::none(),
            behind(("origin", "https://shop.example")),
            false,
        ),
    ] {
        let request = request(Method::POST, Some("127.0.0.1:4711"), &headers);
        let response = app(proxies).oneshot(request).await.unwrap();
        let marked = response.extensions().get::<CrossSite>().is_some();
        let expected = if passes {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(
            (response.status(), marked),
            (expected, !passes),
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn an_application_shows_a_page_of_its_own_for_what_was_refused() {
    async fn explain(request: Request, next: Next) -> Response {
        let response = next.run(request).await;
        match response.extensions().get::<CrossSite>() {
            Some(cross_site) => (StatusCode::FORBIDDEN, cross_site.to_string()).into_response(),
            None => response,
        }
    }
    let app = Router::new()
        .route("/", any(async || "changed"))
        .layer(SameOrigin::new())
        .layer(from_fn(explain));
    let from_elsewhere = request(Method::POST, None, &[("sec-fetch-site", "cross-site")]);
    let answer = answer(app, from_elsewhere).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(
        answer.body,
        "the browser says that another site made the request"
    );
}
