//! Production in small: nginx with TLS before two processes on one store, and a browser that is served by both in turn.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use abiding_demo_e2e::{Browser, Demo, Proxy, available};

use crate::{form::FORM, stage::Stage};

/// One visitor before nginx, and two demos behind it.
struct Production {
    stage: Stage,
    proxy: Proxy,
    other: Demo,
}

impl Production {
    fn set() -> Option<Self> {
        if !available() || !Proxy::available() {
            return None;
        }
        let trusted = [("ABIDING_TRUSTED_PROXIES", Proxy::ADDRESS)];
        let mut demo = Demo::start_with("sqlite", &trusted);
        // The key was made in development; production takes none that is not there.
        demo.restart_in_production();
        let other = demo.beside();
        let proxy = Proxy::start(&[&demo, &other]);
        let browser = Browser::open();
        let stage = Stage { browser, demo };
        Some(Self {
            stage,
            proxy,
            other,
        })
    }

    fn go(&self, path: &str) {
        self.stage.browser.go(&self.proxy.url(path));
    }

    fn press(&self, testid: &str) {
        self.stage.press(testid);
    }

    fn register(&self) {
        self.go("/register");
        self.stage.answer("name", "Zola");
        self.stage.answer("email", "zola@example.org");
        self.stage.answer("password", "balloons at eight");
        self.press("submit-register");
        assert_eq!(self.stage.browser.test_id("account-name").text(), "Zola");
    }

    /// The status of a form that a script of the page sends, with its token spoiled if asked.
    fn status(&self, spoiled: bool) -> u64 {
        let status = self.stage.browser.run(&format!(
            "const form = document.querySelector('form[data-testid=plan-form]');
             const body = new URLSearchParams(new FormData(form));
             if ({spoiled}) body.set('form_token', body.get('form_token').split('').reverse().join(''));
             body.set('title', 'Tea');
             body.set('day', '2099-12-24');
             const headers = {{ 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' }};
             return (await fetch(form.action, {{ method: 'POST', body, headers }})).status"
        ));
        status.as_u64().expect("a status is a number")
    }
}

#[test]
fn two_processes_behind_nginx_are_one_application() {
    let Some(production) = Production::set() else {
        return;
    };
    let stage = &production.stage;
    production.register();
    production.go("/membership");
    for (slug, answers) in FORM {
        stage.take(slug, answers);
    }
    production.press("submit-application");
    assert!(
        stage
            .browser
            .test_id("application-number")
            .text()
            .starts_with("ABD-")
    );
    production.press("sign-out");
    assert!(stage.browser.has("sign-in"));

    let served = production.proxy.served();
    for demo in [&stage.demo, &production.other] {
        let address = demo.url("").replace("http://", "");
        let count = served.iter().filter(|by| **by == address).count();
        assert!(
            count >= served.len() / 3,
            "{address} served {count} of {}",
            served.len()
        );
    }
    assert!(stage.browser.url().starts_with(&production.proxy.url("/")));
}

#[test]
fn the_cookie_over_tls_is_bound_to_this_host() {
    let Some(production) = Production::set() else {
        return;
    };
    production.register();
    let cookies = production.stage.browser.cookies();
    let [cookie] = cookies.as_slice() else {
        panic!("{cookies:?}")
    };
    assert!(cookie.name.starts_with("__Host-"), "{}", cookie.name);
    assert!(cookie.secure && cookie.http_only);
    assert_eq!(cookie.same_site, "Lax");
    // A removal that lacks what the name demands would leave it where it is.
    production.press("sign-out");
    assert_eq!(production.stage.browser.cookies(), []);
}

#[test]
fn a_form_is_guarded_behind_the_proxy_and_what_a_client_forwards_is_not_heard() {
    let Some(production) = Production::set() else {
        return;
    };
    production.register();
    production.go("/organizer");
    // nginx replaces the headers that this script sends: the page stays the demo's own.
    assert_eq!(production.status(false), 200);
    production.go("/organizer");
    assert_eq!(production.status(true), 422);
    production.go("/organizer");
    assert_eq!(production.stage.browser.count("[data-testid=party]"), 1);
}

#[test]
fn whoever_is_no_proxy_is_not_believed_about_the_host() {
    let Some(production) = Production::set() else {
        return;
    };
    let demo = &production.stage.demo;
    let own = demo.url("").replace("http://", "");
    for (headers, status) in [
        // A page of another site, whose sender says that its site was asked.
        (
            "Origin: https://evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https",
            403,
        ),
        (
            "Origin: https://evil.example\r\nForwarded: host=evil.example;proto=https",
            403,
        ),
        // A page of the demo's own, whose token alone is missing.
        (
            &*format!("Origin: http://{own}\r\nX-Forwarded-Host: evil.example"),
            422,
        ),
    ] {
        let answer = post(&own, "/register", headers);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{headers:?}: {}",
            answer.lines().next().unwrap_or_default()
        );
    }
}

/// Sends an empty form to a demo itself, past the proxy.
fn post(address: &str, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the demo listens");
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 0\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .expect("the demo listens");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the demo answers in text");
    answer
}
