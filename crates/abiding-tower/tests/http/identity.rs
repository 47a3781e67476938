//! Which cookies are believed, and what is told to whoever sends another one.

use abiding::{CookieSpec, Key, KeyRing, Rejection, SameSite};
use abiding_testkit::{Operation, Plan};
use abiding_tower::{Failure, Session};
use http::{HeaderMap, HeaderValue, StatusCode, header::COOKIE};

use crate::{
    browser::{Answer, Browser},
    stage::{MINUTE, Setup, Stage, application, ask, show},
};

on_each_store![
    a_cookie_is_read_under_the_name_and_as_the_bytes_it_was_written,
    a_genuine_token_that_the_store_does_not_know_is_never_adopted,
    a_logout_takes_the_cookie_away_with_all_its_attributes,
    a_second_cookie_of_the_name_is_believed_no_more_than_the_first,
    a_token_of_another_realm_name_or_ring_is_refused_before_any_store_is_asked,
    every_rejection_looks_the_same_from_outside,
    guesses_are_counted_and_cost_no_round_trip,
    malformed_cookies_are_refused_without_a_round_trip_or_a_panic,
    the_cookie_is_safe_by_default,
    the_session_is_found_in_split_cookie_headers_and_among_others,
];

const NAME: &str = "__Host-Http-sid";

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

async fn send(stage: &Stage, cookies: &[&[u8]]) -> Answer {
    let mut headers = HeaderMap::new();
    for cookie in cookies {
        headers.append(COOKIE, HeaderValue::from_bytes(cookie).unwrap());
    }
    ask(application(&stage.manager, show), headers).await
}

fn refused(stage: &Stage, reason: Rejection) -> u64 {
    let all = stage.manager.rejections();
    all.into_iter()
        .find(|(known, _)| *known == reason)
        .unwrap()
        .1
}

/// Cookies that are none of ours, each with the reason for which it is refused.
fn forgeries(genuine: &Browser) -> Vec<(Vec<u8>, Rejection)> {
    let value = genuine.value();
    let named = |value: &str| format!("{NAME}={value}").into_bytes();
    let flipped = |at: usize| {
        let mut bytes = value.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    vec![
        (named(""), Rejection::Malformed),
        (named("x"), Rejection::Malformed),
        (named(&value[1..]), Rejection::Malformed),
        (named(&value[..value.len() - 1]), Rejection::Malformed),
        (named(&format!("{value}A")), Rejection::Malformed),
        (named(&format!("\"{value}\"")), Rejection::Malformed),
        (named(&format!("%41{}", &value[1..])), Rejection::Malformed),
        (
            named(&format!("{}=", &value[..value.len() - 1])),
            Rejection::Malformed,
        ),
        (named(&flipped(0)), Rejection::Malformed),
        (named(&flipped(3)), Rejection::UnknownKey),
        (named(&flipped(20)), Rejection::BadTag),
        (named(&flipped(60)), Rejection::BadTag),
        (named(&"A".repeat(71)), Rejection::Malformed),
        (named(&"é".repeat(36)), Rejection::Malformed),
        (
            named(&format!("{}é{}", &value[..35], &value[37..])),
            Rejection::Malformed,
        ),
        (named(&"A".repeat(60_000)), Rejection::Malformed),
        (
            [NAME.as_bytes(), b"=", &[0xff; 71]].concat(),
            Rejection::Malformed,
        ),
        (named(&"A".repeat(70_000)), Rejection::Malformed),
    ]
}

/// Scar 25, ID-5.
async fn malformed_cookies_are_refused_without_a_round_trip_or_a_panic(stage: Stage) {
    let browser = visitor(&stage).await;
    stage.store.follow(Plan::new());
    for (cookie, reason) in forgeries(&browser) {
        let before = refused(&stage, reason);
        let answer = send(&stage, &[&cookie]).await;
        let what = String::from_utf8_lossy(&cookie[..cookie.len().min(100)]).into_owned();
        assert_eq!((answer.text(), answer.set_cookie()), ("-", None), "{what}");
        assert_eq!(refused(&stage, reason), before + 1, "{reason:?}: {what}");
    }
    // A name that only looks alike is not the cookie at all.
    for near in [
        "=",
        "nameless",
        "sid=",
        "__host-http-sid=",
        "__Host-Http-sid2=",
        "\"__Host-Http-sid\"=",
        "%5F_Host-Http-sid=",
    ] {
        let cookie = format!("{near}{}", browser.value());
        assert_eq!(
            send(&stage, &[cookie.as_bytes()]).await.text(),
            "-",
            "{near}"
        );
    }
    assert_eq!(stage.calls(), 0);
}

/// TM-3: nobody learns from an answer why a cookie was refused, or whether there was one.
async fn every_rejection_looks_the_same_from_outside(stage: Stage) {
    let mut browser = visitor(&stage).await;
    let over = browser.clone();
    let public = |answer: Answer| {
        let mut headers: Vec<_> = answer
            .headers
            .iter()
            .map(|(k, v)| format!("{k}: {v:?}"))
            .collect();
        headers.sort();
        (answer.status, headers, answer.body)
    };
    let stranger = public(send(&stage, &[]).await);
    for (cookie, reason) in forgeries(&browser) {
        assert_eq!(
            public(send(&stage, &[&cookie]).await),
            stranger,
            "{reason:?}"
        );
    }
    stage
        .visit(&mut browser, |session| async move { Ok(session.logout()) })
        .await
        .text();
    assert_eq!(
        public(send(&stage, &[over.cookie().unwrap().as_bytes()]).await),
        stranger
    );
    // Revoked: the same.
    let other = visitor(&stage).await;
    let old = stage.keys.signer_at(stage.now());
    stage
        .keys
        .rotate(Key::generate().unwrap(), stage.now())
        .unwrap();
    stage.keys.revoke(old).unwrap();
    assert_eq!(
        public(send(&stage, &[other.cookie().unwrap().as_bytes()]).await),
        stranger
    );
    assert!(
        refused(&stage, Rejection::RevokedKey) > 0 && refused(&stage, Rejection::UnknownId) > 0
    );
}

/// ID-7.
async fn guesses_are_counted_and_cost_no_round_trip(stage: Stage) {
    let browser = visitor(&stage).await;
    stage.store.follow(Plan::new());
    for guess in 0..1_000 {
        let value = browser.value();
        let guess = format!("{NAME}={}{guess:04}{}", &value[..20], &value[24..]);
        if guess != browser.cookie().unwrap() {
            send(&stage, &[guess.as_bytes()]).await.text();
        }
    }
    assert_eq!(
        (refused(&stage, Rejection::BadTag), stage.calls()),
        (1_000, 0)
    );
}

/// Scar 19, LC-2: the token is genuine, and its session is over. What begins has an id of its own.
async fn a_genuine_token_that_the_store_does_not_know_is_never_adopted(stage: Stage) {
    let browser = visitor(&stage).await;
    stage
        .request(&browser, |session| async move { Ok(session.logout()) })
        .await
        .text();
    for reads_first in [true, false] {
        let mut again = browser.clone();
        let write = move |session: Session| async move {
            if reads_first {
                assert_eq!(
                    session.standing().await?,
                    abiding::Standing::Ended(abiding::Ending::SignedOut)
                );
            } else {
                session.login("ada")?;
            }
            Ok(session.insert("n", &1)?)
        };
        stage.visit(&mut again, write).await.text();
        assert_ne!(again, browser);
        assert_eq!(stage.shown(&again).await, "n=1");
        assert_eq!(stage.shown(&browser).await, "-");
    }
    assert_eq!(stage.store.calls(Operation::Create), 3);
}

/// KR-7: a swap matrix over realm, cookie name and ring.
async fn a_token_of_another_realm_name_or_ring_is_refused_before_any_store_is_asked(
    mut stage: Stage,
) {
    let browser = visitor(&stage).await;
    let spec = || CookieSpec::host("other").unwrap();
    for (name, realm, own_keys) in [
        (NAME, Some("admin"), true),
        ("__Host-Http-other", None, true),
        ("__Host-Http-other", Some("admin"), true),
        (NAME, None, false),
    ] {
        let cookie = (name != NAME).then(spec);
        let keys = if own_keys {
            stage.keys.clone()
        } else {
            KeyRing::generate().unwrap()
        };
        let setup = Setup {
            cookie,
            realm,
            ..Setup::default()
        };
        stage.manager = stage.store.manager(keys, stage.clock.clone(), setup);
        stage.store.follow(Plan::new());
        let forged = format!("{name}={}", browser.value());
        assert_eq!(
            send(&stage, &[forged.as_bytes()]).await.text(),
            "-",
            "{name} {realm:?}"
        );
        assert_eq!(stage.calls(), 0);
        let reason = if own_keys {
            Rejection::BadTag
        } else {
            Rejection::UnknownKey
        };
        assert_eq!(refused(&stage, reason), 1, "{name} {realm:?}");
    }
}

/// Scar 24, CK-8: the parent domain's cookie cannot be told from the real one, so the browser is rid of both.
async fn a_second_cookie_of_the_name_is_believed_no_more_than_the_first(stage: Stage) {
    let browser = visitor(&stage).await;
    let (genuine, tossed) = (browser.cookie().unwrap(), format!("{NAME}=tossed"));
    stage.store.follow(Plan::new());
    for cookies in [
        vec![format!("{genuine}; {tossed}")],
        vec![format!("{tossed}; a=1; {genuine}")],
        vec![genuine.to_owned(), tossed.clone()],
        vec![format!("{genuine}; {genuine}")],
    ] {
        let cookies: Vec<_> = cookies.iter().map(|cookie| cookie.as_bytes()).collect();
        let answer = send(&stage, &cookies).await;
        assert_eq!(answer.text(), "-");
        assert!(answer.set_cookie().unwrap().ends_with("Max-Age=0"));
    }
    assert_eq!(
        (stage.calls(), refused(&stage, Rejection::Duplicate)),
        (0, 4)
    );
    assert_eq!(stage.shown(&browser).await, "n=0");
}

/// CK-14 and scar 30: whatever else is sent, in however many headers, even bytes that are no text.
async fn the_session_is_found_in_split_cookie_headers_and_among_others(stage: Stage) {
    let browser = visitor(&stage).await;
    let genuine = browser.cookie().unwrap().as_bytes();
    let many = b"a=1; ".repeat(5_000);
    for cookies in [
        vec![&b"a=1"[..], genuine, b"b=2"],
        vec![&[b"a=\xff\xfe; ", genuine].concat()],
        vec![&[genuine, b";"].concat()],
        vec![&[b" ;; =;nameless;\t", genuine, b" ; $Version=1"].concat()],
        vec![&many[..], genuine],
    ] {
        assert_eq!(send(&stage, &cookies).await.text(), "n=0");
    }
    // Bounded work: beyond what a browser sends, nothing is read.
    let absurd = b"a=1; ".repeat(14_000);
    assert_eq!(send(&stage, &[&absurd, genuine]).await.text(), "-");
}

/// Scar 22.
async fn a_cookie_is_read_under_the_name_and_as_the_bytes_it_was_written(mut stage: Stage) {
    for spec in [
        CookieSpec::host("sid"),
        CookieSpec::domain("sid", "example.org"),
        CookieSpec::danger_insecure("sid"),
        CookieSpec::host("a!#$%&'*+-.^_`|~b"),
    ] {
        let cookie = spec.unwrap();
        let name = cookie.name().to_owned();
        stage = stage.with(Setup {
            cookie: Some(cookie),
            ..Setup::default()
        });
        let browser = visitor(&stage).await;
        assert_eq!(
            browser.cookie().unwrap().split('=').next(),
            Some(name.as_str())
        );
        assert_eq!(stage.shown(&browser).await, "n=0", "{name}");
    }
}

/// Scar 21, CK-12: all but the value and the lifetime are the same.
async fn a_logout_takes_the_cookie_away_with_all_its_attributes(mut stage: Stage) {
    let host = || CookieSpec::host("sid").unwrap();
    for spec in [
        Ok(host()),
        host().same_site(SameSite::Strict),
        host().same_site(SameSite::None),
        host().partitioned(),
        CookieSpec::domain("sid", "example.org"),
        CookieSpec::danger_insecure("sid"),
    ] {
        stage = stage.with(Setup {
            cookie: Some(spec.unwrap()),
            ..Setup::default()
        });
        let mut browser = Browser::new();
        let begin = |session: Session| async move { Ok(session.insert("n", &0)?) };
        let set = stage.visit(&mut browser, begin).await;
        let removed = stage
            .visit(&mut browser, |session| async move { Ok(session.logout()) })
            .await;
        let attributes = |cookie: &str| cookie.split_once("; ").unwrap().1.to_owned();
        let expected = format!("{}; Max-Age=0", attributes(set.set_cookie().unwrap()));
        let removal = removed.set_cookie().unwrap();
        assert_eq!(attributes(removal), expected);
        assert!(
            removal.split("; ").next().unwrap().ends_with('='),
            "{removal}"
        );
    }
}

/// Scar 28, CK-1 to CK-4.
async fn the_cookie_is_safe_by_default(stage: Stage) {
    let mut browser = Browser::new();
    let begin = |session: Session| async move { Ok(session.insert("n", &0)?) };
    let answer = stage.visit(&mut browser, begin).await;
    let cookie = answer
        .set_cookie()
        .unwrap()
        .replacen(browser.value(), "v", 1);
    assert_eq!(
        cookie,
        "__Host-Http-sid=v; Path=/; HttpOnly; Secure; SameSite=Lax"
    );
    let remember = |session: Session| async move {
        let expiry = abiding::Expiry::new()
            .absolute(30 * 24 * 60 * MINUTE)
            .no_idle();
        session.set_expiry(expiry).unwrap();
        session.set_persistent(true);
        Ok::<_, Failure>(StatusCode::OK)
    };
    let answer = stage.visit(&mut browser, remember).await;
    assert!(
        answer
            .set_cookie()
            .unwrap()
            .ends_with("; SameSite=Lax; Max-Age=2592000")
    );
}
