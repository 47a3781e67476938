//! What a process of the torture does: one order, one answer, until its orders end.

use std::{
    cell::Cell,
    env,
    future::Future,
    io::{self, BufRead},
    pin::Pin,
    sync::mpsc::{Receiver, TryRecvError, channel},
    thread,
};

use abiding::{Key, KeyRing, Manager, Result, Session, store::AnyStore};

use super::{
    KEY, PLACE,
    browser::{Browser, MARK, is_over},
    walk,
};
use crate::{cancel::polled_at_most, process::say, random::Random, run::side_by_side};

/// That this process belongs to a torture, and to which.
#[derive(Debug)]
pub struct Orders {
    place: String,
    ring: KeyRing,
}

impl Orders {
    /// Those that the parent gave; `None` in a process that no torture started.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test program reads its own environment"
    )]
    pub fn of_environment() -> Option<Self> {
        let key = Key::parse(&env::var(KEY).ok()?).ok()?;
        Some(Self {
            place: env::var(PLACE).ok()?,
            ring: KeyRing::new(key),
        })
    }

    /// Where the store is.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Does what the parent says, until it says no more. A store whose futures need a runtime needs one of
    /// several threads: this one waits for orders.
    ///
    /// # Panics
    /// If the store fails where it must not.
    pub async fn carry_out(self, store: AnyStore) {
        let manager = Manager::builder(store)
            .keys(self.ring)
            .realm("torture")
            .sweeping()
            .subjects()
            .build()
            .expect("the settings of the torture are sound");
        let (sender, orders) = channel();
        thread::spawn(move || {
            let lines = io::stdin().lock().lines().map_while(io::Result::ok);
            lines
                .map_while(|line| sender.send(line).ok())
                .for_each(drop);
        });
        let mut hand = Hand {
            manager: &manager,
            orders: &orders,
            armed: vec![],
        };
        say("ready");
        while let Ok(order) = orders.recv() {
            let words: Vec<_> = order.split(' ').collect();
            say(&hand.does(&words).await);
        }
    }
}

pub(super) struct Hand<'a> {
    pub(super) manager: &'a Manager,
    orders: &'a Receiver<String>,
    /// Requests that have looked at their session and not done anything yet.
    armed: Vec<(Browser<'a>, Session)>,
}

impl<'a> Hand<'a> {
    async fn does(&mut self, order: &[&str]) -> String {
        match order {
            ["begin", count, subject] => self.begin(number(count), subject).await,
            ["update", cookie, from, count] => {
                self.update(cookie, number(from), number(count)).await
            }
            ["increment", cookie, count] => self.increment(cookie, number(count)).await,
            ["keys", cookie] => self.keys(cookie).await,
            ["contents", cookie] => self.contents(cookie).await,
            ["number", cookie] => self.number(cookie).await,
            ["arm", cookie, count] => self.arm(cookie, number(count)).await,
            ["write", kind] => self.write(kind).await,
            ["sign-out", cookie] => self.sign_out(cookie).await,
            ["revoke", subject] => self.revoke(subject).await,
            ["alive", cookies @ ..] => self.alive(cookies).await,
            ["read", count, seed] => self.read(number(count), number(seed)).await,
            ["count", slots @ ..] => self.count(slots).await,
            ["walk", seed, requests, cookies @ ..] => {
                walk::act(self, number(seed), number(requests), cookies).await
            }
            other => panic!("no such order: {other:?}"),
        }
    }

    fn browser(&self, cookie: &str) -> Browser<'a> {
        Browser::new(self.manager, Some(cookie))
    }

    /// New sessions, each signed in as a subject of its own.
    async fn begin(&self, count: usize, subject: &str) -> String {
        let mut cookies = vec![];
        for number in 0..count {
            let mut browser = Browser::new(self.manager, None);
            let name = format!("{subject}{number}");
            let begin = async |session: &Session| {
                session.insert(MARK, "1")?;
                session.login(&name)
            };
            browser.insist(begin).await.expect("a session can begin");
            cookies.extend(browser.cookie);
        }
        cookies.join(" ")
    }

    /// Sets keys, five requests at once. Answers those that were acknowledged.
    async fn update(&self, cookie: &str, from: usize, count: usize) -> String {
        let mut acknowledged = vec![];
        let all: Vec<_> = (from..from + count).collect();
        for few in all.chunks(5) {
            let set = |key: &usize| {
                let (mut browser, key) = (self.browser(cookie), *key);
                Box::pin(async move {
                    let set = async |session: &Session| session.insert(&format!("k{key}"), &key);
                    browser.insist(set).await.is_ok().then_some(key)
                }) as Local<'_, Option<usize>>
            };
            let done = side_by_side(few.iter().map(set).collect()).await;
            acknowledged.extend(done.into_iter().flatten().map(|key| key.to_string()));
        }
        acknowledged.join(" ")
    }

    /// Counts up, five requests at once. Answers how often that was acknowledged, and refused.
    async fn increment(&self, cookie: &str, count: usize) -> String {
        let (mut acknowledged, mut refused) = (0, 0);
        let mut left = count;
        while left > 0 {
            let few = left.min(5);
            let add = |_| {
                let mut browser = self.browser(cookie);
                // Sent once: one whose fate is not known may count or not.
                Box::pin(async move { browser.request(add_one).await.is_ok() }) as Local<'_, bool>
            };
            let done = side_by_side((0..few).map(add).collect()).await;
            acknowledged += done.iter().filter(|done| **done).count();
            refused += done.iter().filter(|done| !**done).count();
            left -= few;
        }
        format!("{acknowledged} {refused}")
    }

    async fn keys(&self, cookie: &str) -> String {
        let mut browser = self.browser(cookie);
        let keys = browser.insist(async |session| session.keys().await).await;
        keys.expect("a session can be read").join(" ")
    }

    /// The number and the keys of the session, if it lives.
    async fn contents(&self, cookie: &str) -> String {
        let mut browser = self.browser(cookie);
        let seen = browser.insist(async |session| {
            let number: u64 = session.get(NUMBER).await?.unwrap_or(0);
            let keys = session.keys().await?.join(" ");
            let lives = session.contains(MARK).await?;
            Ok(lives.then(|| format!("{number} {keys}")))
        });
        let seen = seen.await.expect("a session can be read");
        seen.unwrap_or_else(|| "over".into())
    }

    async fn number(&self, cookie: &str) -> String {
        let mut browser = self.browser(cookie);
        let read = async |session: &Session| session.get::<u64>(NUMBER).await;
        let number = browser.insist(read).await.expect("a session can be read");
        number.unwrap_or_default().to_string()
    }

    /// Begins requests that look at the session, and leaves them there.
    async fn arm(&mut self, cookie: &str, count: usize) -> String {
        self.armed.clear();
        for _ in 0..count {
            let browser = self.browser(cookie);
            let session = browser.open();
            let mark = session.get::<String>(MARK).await;
            assert!(
                mark.is_ok_and(|mark| mark.is_some()),
                "a session that lives is read"
            );
            self.armed.push((browser, session));
        }
        "armed".into()
    }

    /// Goes on with one of those requests in the way of its kind. Answers the cookie that came of it, if one did.
    async fn write(&mut self, kind: &str) -> String {
        let Some((mut browser, session)) = self.armed.pop() else {
            return "-".into();
        };
        let before = browser.cookie.clone();
        let done = async {
            match kind {
                "blind" => session.insert("late", &1),
                "counting" => add_one(&session).await,
                "renewing" => {
                    session.renew();
                    session.insert("late", &1)
                }
                _ => {
                    session.insert("late", &1)?;
                    session.save().await
                }
            }?;
            browser.close(&session).await
        };
        let done: Result<()> = done.await;
        assert!(done.is_ok() || is_over(&done), "{done:?}");
        match browser.cookie {
            after if after == before => "-".into(),
            after => after.unwrap_or_else(|| "-".into()),
        }
    }

    async fn sign_out(&self, cookie: &str) -> String {
        let mut browser = self.browser(cookie);
        let ended = browser.insist(async |session| {
            session.logout();
            Ok(())
        });
        told(ended.await)
    }

    async fn revoke(&self, subject: &str) -> String {
        told(self.manager.end_subject(subject).await)
    }

    /// How many of these cookies lead to the session that they were given for.
    async fn alive(&self, cookies: &[&str]) -> String {
        let mut alive = 0;
        for cookie in cookies {
            let answer = self.browser(cookie).is_alive().await;
            alive += usize::from(answer.expect("a session can be read"));
        }
        alive.to_string()
    }

    /// Visitors who each read their own value at once with the others, some of them cut off. Answers how many reads
    /// came to their end, and how many had another's value.
    async fn read(&self, count: usize, seed: usize) -> String {
        const VISITORS: usize = 10;
        let mut random = Random::new(seed as u64);
        let mut browsers = vec![];
        for number in 0..VISITORS {
            let own = format!("{seed} {number}");
            let mut browser = Browser::new(self.manager, None);
            let begin = async |session: &Session| session.insert("own", &own);
            browser.insist(begin).await.expect("a session can begin");
            browsers.push((browser, own));
        }
        let (mut read, mut mixed) = (0, 0);
        while read < count {
            let cuts: Vec<_> = (0..VISITORS)
                .map(|_| {
                    if random.chance(25) {
                        random.below(6)
                    } else {
                        usize::MAX
                    }
                })
                .collect();
            let one = |((browser, own), cut): (&(Browser<'a>, String), usize)| {
                let (mut browser, own) = (browser.clone(), own.clone());
                Box::pin(async move {
                    let act = async |session: &Session| {
                        let found: Option<String> = session.get("own").await?;
                        session.insert("seen", &own)?;
                        Ok(found)
                    };
                    let done = polled_at_most(cut, browser.request(act)).await?;
                    let found = done.expect("a session can be read");
                    Some(found.as_ref() == Some(&own))
                }) as Local<'_, Option<bool>>
            };
            let done = side_by_side(browsers.iter().zip(cuts).map(one).collect()).await;
            read += done.iter().flatten().count();
            mixed += done.iter().flatten().filter(|own| !**own).count();
        }
        format!("{read} {mixed}")
    }

    /// Counts up in each slot `number:cookie`, and tells every number that was acknowledged, until something is said.
    async fn count(&self, slots: &[&str]) -> String {
        let stopped = Cell::new(false);
        let goes_on = || {
            // Whatever is said means the same, and so does that nothing will be any more.
            let told = self.orders.try_recv();
            stopped.set(stopped.get() || !matches!(told, Err(TryRecvError::Empty)));
            !stopped.get()
        };
        let count = |slot: &&str| {
            let (name, cookie) = slot.split_once(':').expect("a slot is `number:cookie`");
            let (name, mut browser) = (name.to_owned(), self.browser(cookie));
            Box::pin(async move {
                while goes_on() {
                    let act = async |session: &Session| {
                        session
                            .update(NUMBER, |n: Option<u64>| n.unwrap_or(0) + 1)
                            .await
                    };
                    if let Ok(number) = browser.request(act).await {
                        let cookie = browser.cookie.as_deref().unwrap_or("-");
                        say(&format!("ack {name} {number} {cookie}"));
                    }
                }
            }) as Local<'_, ()>
        };
        side_by_side(slots.iter().map(count).collect()).await;
        "done".into()
    }
}

/// A future of this thread.
pub(super) type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Counts up by one.
async fn add_one(session: &Session) -> Result<()> {
    let count = session.update(NUMBER, |n: Option<u64>| n.unwrap_or(0) + 1);
    count.await.map(drop)
}

fn told<T>(done: Result<T>) -> String {
    match done {
        Ok(_) => "yes".into(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

fn number(word: &str) -> usize {
    word.parse().expect("the parent writes numbers")
}

/// The key of the number that is counted up.
pub(super) const NUMBER: &str = "n";
