//! The actors: tabs that send requests with the cookie of their browser, and an operator.
//!
//! A request does what an adapter and a handler do, through the public interface alone. It may be cut
//! off at any await, its answer may come late, or not at all.

use std::{collections::BTreeSet, time::Duration};

use abiding::{ErrorKind, Result, Session, Standing};

use super::{
    observer::{COUNTER, halves, whole_writes},
    world::World,
};
use crate::cancel::polled_at_most;

/// What a handler does, one after the other.
#[derive(Clone, Copy, Debug)]
enum Act {
    Clear,
    Count,
    Elevate,
    Insert,
    Look,
    Remove,
    Renew,
    Save,
    SignIn,
    SignOut,
}

const ACTS: [(usize, Act); 10] = [
    (1, Act::Clear),
    (7, Act::Count),
    (1, Act::Elevate),
    (9, Act::Insert),
    (4, Act::Look),
    (2, Act::Remove),
    (3, Act::Renew),
    (1, Act::Save),
    (3, Act::SignIn),
    (1, Act::SignOut),
];

/// What the browser presents, and the token in it that the model knows.
struct Presented {
    cookies: Vec<String>,
    token: Option<usize>,
}

/// Sends requests, one after the other, while other tabs of the same browser send theirs.
pub(super) async fn tab(world: &World, browser: usize, requests: usize) {
    for _ in 0..requests {
        if !world.may_begin() {
            return;
        }
        request(world, browser).await;
        world.wait(3).await;
    }
}

async fn request(world: &World, browser: usize) {
    let presented = present(world, browser);
    let (request, cut) = {
        let mut course = world.course();
        course.tally.requests += 1;
        let cut = if course.random.chance(8) {
            course.random.below(16)
        } else {
            usize::MAX
        };
        (
            course.model.begin(browser, presented.token, world.now()),
            cut,
        )
    };
    world.note(|| {
        format!(
            "request {request} of browser {browser} presents token {:?}",
            presented.token
        )
    });
    let answer = polled_at_most(cut, handle(world, request, &presented)).await;
    let Some(set_cookie) = answer else {
        world.note(|| format!("request {request} is cut off"));
        let mut course = world.course();
        course.tally.cut_off += 1;
        if world.drops_at_once {
            course.model.finish(request, world.now());
        }
        return;
    };
    // The answer is under way: later ones may overtake it, and it may never arrive.
    world.wait(4).await;
    let mut course = world.course();
    if let (Some(value), false) = (set_cookie, course.random.chance(4)) {
        course.jars[browser] = (!value.is_empty()).then_some(value);
    }
}

/// The cookie of the jar; now and then an invented one, somebody's of another application, or two.
fn present(world: &World, browser: usize) -> Presented {
    let mut course = world.course();
    let name = world.manager.cookie().name();
    let cookie = |text: &str| format!("{name}={text}");
    let own = course.jars[browser].clone();
    let whim = course.random.below(40);
    match (whim, own) {
        (0, _) => {
            // The first token of every model: genuine, and another application's.
            let foreign = course.model.tokens[0].text.clone();
            Presented {
                cookies: vec![cookie(&foreign)],
                token: Some(0),
            }
        }
        (1, Some(own)) => {
            // Another character in the middle of a genuine one.
            let at = own.len() / 2;
            let other = if own.as_bytes()[at] == b'A' { "B" } else { "A" };
            let forged = format!("{}{other}{}", &own[..at], &own[at + 1..]);
            let known = course.model.token_of(&forged);
            let token = known.unwrap_or_else(|| course.model.invented(forged.clone()));
            Presented {
                cookies: vec![cookie(&forged)],
                token: Some(token),
            }
        }
        (2, Some(own)) => {
            let foreign = course.model.tokens[0].text.clone();
            Presented {
                cookies: vec![format!("{}; {}", cookie(&own), cookie(&foreign))],
                token: None,
            }
        }
        (3, _) => {
            // One of this browser from long ago: a backup, or another device's copy.
            let own = course.model.tokens_of(browser);
            let token = course.random.pick(&own).copied();
            let text = token.map(|token| course.model.tokens[token].text.clone());
            Presented {
                cookies: text.iter().map(|text| cookie(text)).collect(),
                token,
            }
        }
        (_, Some(own)) => Presented {
            token: course.model.token_of(&own),
            cookies: vec![cookie(&own)],
        },
        (_, None) => Presented {
            cookies: vec![],
            token: None,
        },
    }
}

/// What the adapter does with a request. Answers the value of the cookie that is set, empty to remove it.
async fn handle(world: &World, request: usize, presented: &Presented) -> Option<String> {
    let session = world
        .manager
        .open(presented.cookies.iter().map(String::as_bytes));
    let acts = 1 + world.course().random.below(4);
    let mut failed = false;
    for _ in 0..acts {
        let act = world.course().random.weighted(&ACTS);
        world.note(|| format!("request {request}: {act:?}"));
        if let Err(error) = perform(world, request, &session, act).await {
            refuse(world, request, &error);
            failed = true;
            break;
        }
        world.wait(1).await;
    }
    if world.course().random.chance(if failed { 30 } else { 2 }) {
        // The handler panics: the session is dropped, not closed.
        world.note(|| format!("request {request} is given up"));
        let mut course = world.course();
        course.model.refused(request);
        course.model.finish(request, world.now());
        return None;
    }
    close(world, request, &session, presented, failed).await
}

async fn close(
    world: &World,
    request: usize,
    session: &Session,
    presented: &Presented,
    failed: bool,
) -> Option<String> {
    let token = presented
        .token
        .map(|token| world.course().model.tokens[token].text.clone());
    let before = token.and_then(|text| world.see(&text));
    world
        .course()
        .model
        .closing(request, before.as_ref(), world.now());
    let closing = match world.manager.close(session, failed).await {
        Ok(closing) => closing,
        Err(error) => {
            refuse(world, request, &error);
            world.course().model.finish(request, world.now());
            return None;
        }
    };
    let set_cookie = closing
        .set_cookie
        .as_deref()
        .map(|header| value(world, header));
    let issued = set_cookie
        .clone()
        .filter(|text| !text.is_empty())
        .map(|text| (text.clone(), world.see(&text)));
    world.note(|| {
        let known = issued.as_ref().map(|(_, seen)| {
            seen.as_ref()
                .map(|seen| (&seen.handle, seen.count, &seen.writes))
        });
        format!(
            "request {request} is answered ({}), cookie: {known:?}",
            closing.summary
        )
    });
    let verdict = {
        let mut course = world.course();
        course.tally.acknowledged += 1;
        course.tally.cookies += usize::from(issued.is_some());
        course.model.acknowledge(request, issued, world.now())
    };
    world.judge(verdict);
    let whim = world.course().random.below(12);
    match whim {
        0 => world.look_around(),
        1..=2 => world.look_on(),
        _ => {}
    }
    set_cookie
}

/// The value in a `Set-Cookie` header, which must be the manager's one cookie.
fn value(world: &World, header: &str) -> String {
    let rest = header
        .strip_prefix(world.manager.cookie().name())
        .and_then(|rest| rest.strip_prefix('='));
    let Some((value, _)) = rest.and_then(|rest| rest.split_once(';')) else {
        world.judge(Err(
            "the answer sets another cookie than the session's".into()
        ));
        return String::new();
    };
    value.into()
}

fn refuse(world: &World, request: usize, error: &abiding::Error) {
    world.note(|| format!("request {request} fails: {error}"));
    let mut course = world.course();
    match error.kind() {
        ErrorKind::Gone => {
            course.tally.gone += 1;
            course.model.refused(request);
        }
        ErrorKind::Unavailable => {
            course.tally.failed += 1;
            course.model.doubt(request);
        }
        _ => {
            drop(course);
            world.judge(Err(format!(
                "a request failed without a reason: {error}: {error:?}"
            )));
        }
    }
}

async fn perform(world: &World, request: usize, session: &Session, act: Act) -> Result<()> {
    match act {
        Act::Clear => {
            world.course().model.clear(request);
            session.clear();
        }
        Act::Count => {
            world.course().model.begin_to_count(request);
            session
                .update(COUNTER, |count: Option<u64>| count.unwrap_or(0) + 1)
                .await?;
            let live = session.standing().await? == Standing::Live;
            world.course().model.counted(request, live);
        }
        Act::Elevate => {
            world.course().model.elevate(request);
            session.elevate(Duration::from_secs(600));
        }
        Act::Insert => {
            let write = world.course().model.insert(request);
            for key in halves(write) {
                session.insert(&key, &write)?;
            }
        }
        Act::Look => look(world, request, session).await?,
        Act::Remove => {
            let mut course = world.course();
            let removable = course.model.removable(request);
            let write = course.random.pick(&removable).copied();
            if let Some(write) = write {
                course.model.remove(request, write);
                halves(write).iter().for_each(|key| session.remove(key));
            }
        }
        Act::Renew => {
            world.course().model.rotate(request);
            session.renew();
        }
        Act::Save => {
            let is_live = session.standing().await? == Standing::Live;
            if is_live && world.course().model.may_save(request) {
                session.save().await?;
                world.course().model.saved(request);
            }
        }
        Act::SignIn => {
            let mut course = world.course();
            let subject = &world.subjects[course.random.below(2)];
            course.tally.sign_ins += 1;
            course.model.sign_in(request, subject, world.now());
            session.login(subject)?;
        }
        Act::SignOut => {
            let mut course = world.course();
            course.tally.sign_outs += 1;
            course.model.sign_out(request);
            session.logout();
        }
    }
    Ok(())
}

async fn look(world: &World, request: usize, session: &Session) -> Result<()> {
    let keys = session.keys().await?;
    let live = session.standing().await? == Standing::Live;
    let verdict = whole_writes(&keys)
        .and_then(|writes: BTreeSet<_>| world.course().model.read(request, live, &writes));
    world.judge(verdict);
    Ok(())
}

/// Lets time pass, ends all sessions of somebody, sweeps.
pub(super) async fn operator(world: &World, events: usize) {
    for _ in 0..events {
        world.wait(12).await;
        if world.is_broken() {
            return;
        }
        let event = world.course().random.below(10);
        match event {
            0..=5 => {
                const SECONDS: [u64; 6] = [1, 5, 20, 40, 900, 1_900];
                let seconds = SECONDS[world.course().random.below(SECONDS.len())];
                world.clock.advance(Duration::from_secs(seconds));
                world.note(|| format!("{seconds} s pass"));
            }
            6 | 7 => end_subject(world).await,
            8 => drop(world.manager.sweep(5).await),
            _ => world.look_around(),
        }
    }
}

async fn end_subject(world: &World) {
    let subject = &world.subjects[world.course().random.below(2)];
    let seen = world.see_all();
    let ending = world.course().model.begin_to_end(subject, &seen);
    world.note(|| format!("all sessions of {subject} are to end"));
    let ended = world.manager.end_subject(subject).await;
    world.note(|| format!("all sessions of {subject} are ended: {ended:?}"));
    let mut course = world.course();
    course.tally.subjects_ended += usize::from(ended.is_ok());
    course.model.ended(ending, ended.is_ok());
}
