//! Whether a server does what its endpoints promise, before anyone measures how fast it does it.
//!
//! For our server every check must hold. For the other libraries the same table shows what they keep.

use std::io;

use tokio::task::JoinSet;

use crate::{connection::Connection, plan::Pair};

/// One promise and what became of it.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Check {
    pub(crate) promise: String,
    pub(crate) got: String,
    pub(crate) holds: bool,
}

/// Asks every endpoint, then lets requests race where the session lies at the server.
pub(crate) async fn check(pair: &Pair, port: u16) -> io::Result<Vec<Check>> {
    let mut checks = endpoints(pair, port).await?;
    if pair.keeps_on_server() {
        checks.push(increments(port).await?);
        checks.push(keys(port).await?);
        checks.push(resurrections(port).await?);
    }
    Ok(checks)
}

async fn endpoints(pair: &Pair, port: u16) -> io::Result<Vec<Check>> {
    const SCRIPT: [(&str, u16, &str); 17] = [
        ("/plain", 200, "ok"),
        ("/idle", 200, "ok"),
        ("/read", 401, ""),
        ("/write", 401, ""),
        ("/set?key=a&value=b", 401, ""),
        ("/login", 200, "ok"),
        ("/idle", 200, "ok"),
        ("/read", 200, "184467440"),
        ("/write", 200, "1"),
        ("/write", 200, "2"),
        ("/touch", 200, "ok"),
        ("/get?key=a0", 404, ""),
        ("/set?key=a0&value=b", 200, "ok"),
        ("/set?key=a2&value=c&delay_ms=1", 200, "ok"),
        ("/get?key=a2", 200, "c"),
        ("/keys?prefix=a&n=4", 200, r#"["a0","a2"]"#),
        ("/logout", 200, "ok"),
    ];
    let mut checks = Vec::new();
    let mut visitor = Connection::open(port).await?;
    let mut token = None;
    for (target, status, body) in SCRIPT {
        let answer = visitor.get(target).await?;
        let anonymous_cookie = answer.sets_cookie && token.is_none() && target != "/login";
        token = visitor.cookie.clone().or(token);
        let same_body = status != 200 || answer.body == body;
        checks.push(Check {
            promise: format!("{target} → {status} {body}"),
            got: format!(
                "{} {}",
                answer.status,
                if status == 200 { &answer.body } else { "" }
            ),
            holds: answer.status == status && same_body && !anonymous_cookie,
        });
    }
    let cookie_is_gone = visitor.cookie.is_none();
    checks.push(Check {
        promise: "/logout removes the cookie".into(),
        got: if cookie_is_gone { "removed" } else { "kept" }.into(),
        holds: cookie_is_gone,
    });
    if pair.keeps_on_server() {
        visitor.cookie = token;
        let status = visitor.get("/read").await?.status;
        checks.push(Check {
            promise: "the old cookie after /logout → 401".into(),
            got: status.to_string(),
            holds: status == 401,
        });
    }
    Ok(checks)
}

/// 32 connections add to one counter.
async fn increments(port: u16) -> io::Result<Check> {
    const WRITERS: usize = 32;
    const EACH: usize = 25;
    let mut visitor = login(port).await?;
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let mut writer = follow(&visitor, port).await?;
        writers.spawn(async move {
            for _ in 0..EACH {
                writer.get("/write").await?;
            }
            io::Result::Ok(())
        });
    }
    finish(writers).await?;
    // The next increment tells what the ones before came to.
    let counted = visitor
        .get("/write")
        .await?
        .body
        .parse::<usize>()
        .unwrap_or(0)
        .saturating_sub(1);
    Ok(Check {
        promise: format!(
            "{WRITERS} connections add 1 to one counter {EACH} times each → {}",
            WRITERS * EACH
        ),
        got: counted.to_string(),
        holds: counted == WRITERS * EACH,
    })
}

/// 64 requests read one session, wait, and set a key of their own.
async fn keys(port: u16) -> io::Result<Check> {
    const WRITERS: usize = 64;
    let mut visitor = login(port).await?;
    race(&visitor, port, "k", WRITERS, None).await?;
    let list = visitor
        .get(&format!("/keys?prefix=k&n={WRITERS}"))
        .await?
        .body;
    let kept = serde_json::from_str::<Vec<String>>(&list).map_or(0, |keys| keys.len());
    Ok(Check {
        promise: format!("{WRITERS} requests at once set a key each → {WRITERS} keys"),
        got: kept.to_string(),
        holds: kept == WRITERS,
    })
}

/// A logout overtakes 20 slow writers, 20 times.
async fn resurrections(port: u16) -> io::Result<Check> {
    const TIMES: usize = 20;
    let mut returned = 0;
    for _ in 0..TIMES {
        let mut visitor = login(port).await?;
        let token = visitor.cookie.clone();
        let mut leaver = follow(&visitor, port).await?;
        race(&visitor, port, "late", 20, Some(&mut leaver)).await?;
        visitor.cookie = token;
        returned += usize::from(visitor.get("/read").await?.status == 200);
    }
    Ok(Check {
        promise: format!("a logout overtakes slow writers, {TIMES} times → 0 sessions return"),
        got: returned.to_string(),
        holds: returned == 0,
    })
}

/// `writers` requests set a key each at once; meanwhile the `leaver` logs out.
async fn race(
    visitor: &Connection,
    port: u16,
    prefix: &str,
    writers: usize,
    leaver: Option<&mut Connection>,
) -> io::Result<()> {
    let mut racers = JoinSet::new();
    for number in 0..writers {
        let mut writer = follow(visitor, port).await?;
        let target = format!("/set?key={prefix}{number}&value={number}&delay_ms=50");
        racers.spawn(async move { writer.get(&target).await.map(drop) });
    }
    if let Some(leaver) = leaver {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        leaver.get("/logout").await?;
    }
    finish(racers).await
}

async fn finish(mut racers: JoinSet<io::Result<()>>) -> io::Result<()> {
    while let Some(racer) = racers.join_next().await {
        racer.map_err(io::Error::other)??;
    }
    Ok(())
}

async fn login(port: u16) -> io::Result<Connection> {
    let mut visitor = Connection::open(port).await?;
    visitor.get("/login").await?;
    Ok(visitor)
}

/// Another connection of the same visitor.
async fn follow(visitor: &Connection, port: u16) -> io::Result<Connection> {
    let mut other = Connection::open(port).await?;
    other.cookie.clone_from(&visitor.cookie);
    Ok(other)
}
