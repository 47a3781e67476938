//! The session as a handler holds it: read, change, renew, sign in, end.
//!
//! Made by [`Manager::open`](crate::Manager::open), settled by [`Manager::close`](crate::Manager::close).
//! Methods that need what was stored are `async` and fetch it once; the others only note what is to be
//! done when the response is ready.

mod flash;
mod form_token;
mod info;
#[cfg(feature = "flask")]
mod python;
mod typed;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use flash::Flash;
pub use info::Info;
#[cfg(feature = "flask")]
pub use python::Spelled;
use serde::{Serialize, de::DeserializeOwned};
pub use typed::Typed;
use zeroize::Zeroizing;

use crate::{
    codec::{self, Entries, MAX_DEVICE_LEN, MAX_SUBJECT_LEN},
    delta::Intent,
    ending::Ending,
    engine::{Asked, Credential, Fate, Known, Plan, State},
    error::{Error, ErrorKind, Result},
    id::random_bytes,
    manager::{
        Across, Look, Own, Place, Shared, breach, gone, gone_is_an_answer, left, unreadable,
    },
    record::Version,
    rejection::Rejection,
    store::{Change, Committed, Expect, MetaEdit},
};

/// How often an update is computed anew because another one came first. Every round somebody gets
/// through, so so many would have to be under way on one session.
pub(crate) const ROUNDS: usize = 1_000;

/// A visitor's session, during one request. Clones are the same session.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
    desk: Arc<Mutex<Desk>>,
}

/// What lies on the desk while a request runs.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) state: State,
    /// The cookie to be sent, once something decided on one.
    pub(crate) set_cookie: Option<Zeroizing<String>>,
    /// Whether the request is over for its handler.
    pub(crate) closed: bool,
    /// Whether the response has left: no cookie can be sent any more.
    pub(crate) left: bool,
    /// What went wrong where it could not be told, and has to fail the request.
    pub(crate) failure: Option<Error>,
    pub(crate) reads: u32,
    pub(crate) commits: u32,
    /// What the last `save` carried out.
    pub(crate) saved: Option<Plan>,
    /// The name of the cookie that a session had come out of which was ended.
    pub(crate) ended_claim: Option<Box<[u8; 32]>>,
    /// What is known of other places, where there are any.
    pub(crate) across: Option<Box<Across>>,
}

impl Desk {
    /// The number of the place where the session lives.
    pub(crate) fn home(&self) -> usize {
        self.across.as_ref().map_or(0, |across| across.home)
    }

    /// Whether the store has told nothing yet of the session: it may have ended before the request.
    pub(crate) fn is_new_to_it(&self) -> bool {
        self.reads == 0 && self.commits == 0 && self.saved.is_none()
    }

    /// Takes note of what a read has shown.
    pub(crate) fn learn(&mut self, read: &Credential, known: Known) {
        self.reads += 1;
        // Another task of the same request may have been faster, ended the session, or moved it.
        if let Known::Unread(credential) = &self.state.known
            && credential.key == read.key
        {
            self.state.known = known;
            self.state.sent = false;
            self.state.rebase();
        }
    }
}

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// The visitor presented a genuine session, and it is over.
    Ended(Ending),
    /// It lives.
    Live,
    /// There is none (yet): the visitor presented nothing.
    None,
    /// The visitor presented something that no key of the ring vouches for. It proves nothing; yet
    /// [`Rejection::UnknownKey`] is what follows when an application comes back with other keys.
    Refused(Rejection),
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, state: State, across: Option<Box<Across>>) -> Self {
        let desk = Desk {
            state,
            set_cookie: None,
            closed: false,
            left: false,
            failure: None,
            reads: 0,
            commits: 0,
            saved: None,
            ended_claim: None,
            across,
        };
        Self {
            shared,
            desk: Arc::new(Mutex::new(desk)),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whether there are other clones.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.desk) > 1
    }

    pub(crate) fn desk(&self) -> &Mutex<Desk> {
        &self.desk
    }

    /// The value at `key`, as it was stored or as this request has set it.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] if it is not a `T`; otherwise the store failed.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.read().await?;
        let desk = lock(&self.desk);
        desk.state
            .value(key)
            .map(|value| self.shared.dialect.decode(key, value))
            .transpose()
    }

    /// Whether there is a value at `key`.
    ///
    /// # Errors
    /// If the store failed.
    pub async fn contains(&self, key: &str) -> Result<bool> {
        self.read().await?;
        Ok(lock(&self.desk).state.value(key).is_some())
    }

    /// The keys that have a value, in the order in which they came.
    ///
    /// # Errors
    /// If the store failed.
    pub async fn keys(&self) -> Result<Vec<String>> {
        self.read().await?;
        Ok(lock(&self.desk)
            .state
            .entries()
            .map(|(key, _)| key.into())
            .collect())
    }

    /// Sets the value at `key`. Fetches nothing: it neither waits for other requests nor undoes what
    /// they do to other keys. Setting a value that is equal to the one read is no change.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] if the value or the key cannot be stored.
    pub fn insert<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<()> {
        let value = self.shared.dialect.encode(key, value)?;
        self.change(|state| state.set(key, &value))
    }

    /// Removes the value at `key`, if there is one. Fetches nothing.
    pub fn remove(&self, key: &str) {
        self.change(|state| state.remove(key));
    }

    /// Removes all values; the session itself goes on.
    pub fn clear(&self) {
        self.change(|state| state.delta.clear());
    }

    /// Computes the value at `key` from the one that is there, and stores it at once and atomically:
    /// if another request comes first, `f` runs again on what that one stored. Answers what is stored.
    ///
    /// What the request has set before goes along, and a sign-in before it takes place first. In a session that has not begun, and in one that
    /// lives in its cookie, the value is stored with the rest when the response is ready.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] if the session ended meanwhile, [`ErrorKind::Contended`] after a thousand
    /// rounds, [`ErrorKind::Decode`] and [`ErrorKind::Encode`] as for [`get`](Self::get) and
    /// [`insert`](Self::insert); otherwise the store failed.
    pub async fn update<T, F>(&self, key: &str, mut f: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T,
    {
        let mut result = None;
        let dialect = &self.shared.dialect;
        self.modify(key, |old| {
            let value = f(old.map(|old| dialect.decode(key, old)).transpose()?);
            let encoded = dialect.encode(key, &value);
            result = Some(value);
            encoded.map(Some)
        })
        .await?;
        result.ok_or_else(|| breach("update"))
    }

    /// The same with encoded values; `None` removes.
    async fn modify(
        &self,
        key: &str,
        mut f: impl FnMut(Option<&[u8]>) -> Result<Option<Vec<u8>>>,
    ) -> Result<()> {
        for _ in 0..ROUNDS {
            if lock(&self.desk).state.signs_in() {
                // What is committed under the old id would be seen through the snapshot that stays there.
                self.save().await?;
            }
            self.read().await?;
            // Not under the lock: the closure may use the session.
            let old: Option<Box<[u8]>> = lock(&self.desk).state.value(key).map(Into::into);
            let new = f(old.as_deref())?;
            let (home, credential, asked, version, change) = {
                let mut desk = lock(&self.desk);
                let home = desk.home();
                let state = &mut desk.state;
                let is_unread = matches!(state.known, Known::Unread(_));
                if is_unread || state.signs_in() || state.value(key) != old.as_deref() {
                    // Another task of this request was faster.
                    continue;
                }
                let same = match (&old, &new) {
                    (Some(old), Some(new)) => codec::equal_values(old, new),
                    (old, new) => old.is_none() && new.is_none(),
                };
                let intended = match &new {
                    Some(value) => Intent::Set(value),
                    None => Intent::Remove,
                };
                let (credential, version) = match &state.known {
                    // What was read is what will be stored: nothing to do.
                    Known::Live(..) if same => return Ok(()),
                    Known::Live(Some(credential), live) => (credential.clone(), live.version),
                    _ => return state.delta.put(key, intended),
                };
                state.sent |= !state.delta.is_empty();
                let mut delta = state.delta.clone();
                delta.put(key, intended)?;
                let now = self.shared.clock.now();
                let place = self.shared.place(home);
                let change = place.change(delta, MetaEdit::default(), now);
                (home, credential, state.asked(), version, change)
            };
            let place = self.shared.place(home);
            let Place::Store(store) = &place.place else {
                return Err(breach("update"));
            };
            let expect = Expect::Version(version);
            let committed = store.commit(&credential.key, &change, expect, change.now);
            let committed = gone_is_an_answer(committed.await)?;
            let why = match committed {
                Committed::Gone if !self.shared.is_one_of_many() => {
                    Box::pin(self.shared.why(&credential)).await?
                }
                _ => Ending::Unknown,
            };
            if self.shared.is_one_of_many() && !matches!(committed, Committed::Yes(_)) {
                Box::pin(self.look_again(&credential, &asked)).await?;
                continue;
            }
            let mut desk = lock(&self.desk);
            let in_place = desk.state.is_at(&credential.key);
            let look = match committed {
                Committed::Yes(new_version) => {
                    desk.commits += 1;
                    if let Some(across) = &mut desk.across {
                        across.wrote = true;
                    }
                    if desk.state.is_asked(&asked) {
                        desk.state.advance(&change, version, new_version);
                    }
                    return Ok(());
                }
                Committed::Stale(found) => self.shared.look(&credential, &found, change.now)?,
                Committed::Gone => Look::Over(why),
                Committed::KeyTaken => return Err(breach("update")),
            };
            match look {
                Look::Live(live) if in_place => {
                    desk.state.known = Known::Live(Some(credential), live);
                }
                Look::Over(ending) if in_place => return Err(self.shared.ended(&mut desk, ending)),
                // Another task of this request gave it a new id.
                _ if desk.state.is_asked(&asked) => {}
                // Or ended it.
                _ => return Err(gone()),
            }
        }
        Err(Error::new(
            ErrorKind::Contended,
            "update",
            format!("too many requests change {key:?} at once"),
        ))
    }

    /// Takes a new id. Requests that are under way with the old one go on for a short grace.
    pub fn renew(&self) {
        self.change(|state| {
            if state.fate == Fate::Keep {
                state.fate = Fate::Renew;
            }
        });
    }

    /// Takes a new id and leaves the old one behind: what this request and later ones write is not seen
    /// through it. For applications that keep who is signed in, or what a visitor may do, among their
    /// values; [`login`](Self::login) does the same, and knows whom.
    pub fn renew_apart(&self) {
        self.change(|state| {
            if matches!(state.fate, Fate::Keep | Fate::Renew) {
                state.fate = Fate::RenewApart;
            }
        });
    }

    /// Signs `subject` in: takes a new id, keeps what the visitor had, and begins the absolute lifetime
    /// anew. The old id reaches none of the new privileges.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] if `subject` is empty or longer than 255 bytes.
    pub fn login(&self, subject: &str) -> Result<()> {
        if subject.is_empty() || subject.len() > MAX_SUBJECT_LEN {
            let context = format!(
                "a subject of {} bytes; use 1 to {MAX_SUBJECT_LEN}",
                subject.len()
            );
            return Err(Error::new(ErrorKind::Encode, "login", context));
        }
        let now = self.shared.clock.now();
        let deadline = self.shared.policy.expiry.absolute_deadline(now);
        let handle = match self.shared.place {
            Place::Cookie(_) => Some(random_bytes("login")?),
            Place::Store(_) => None,
        };
        self.change(|state| {
            state.fate = Fate::SignIn;
            state.edit.handle = handle;
            state.edit.subject = Some(Some(subject.into()));
            state.edit.authenticated = Some(Some(now));
            state.edit.elevated_until = Some(None);
            state.edit.absolute_deadline.get_or_insert(deadline);
        });
        Ok(())
    }

    /// Raises the privileges of a signed-in session for so long (`Info::elevated` tells), under a new
    /// id: the old one leads to the session without them, for a short grace. Where there is no session
    /// (any more) the request fails when it is settled, as [`ErrorKind::Gone`].
    pub fn elevate(&self, duration: Duration) {
        let until = self.shared.clock.now().after(duration);
        self.change(|state| {
            if !matches!(state.fate, Fate::SignIn | Fate::RenewApart) {
                state.fate = Fate::Elevate;
            }
            state.edit.elevated_until = Some(Some(until));
        });
    }

    /// Ends the session. What is set afterwards, a farewell message say, is a session of its own.
    pub fn logout(&self) {
        let mut desk = lock(&self.desk);
        self.shared.present(&mut desk);
        desk.note_end();
        desk.state.end();
    }

    /// Gives this session lifetimes of its own: the absolute one begins now.
    pub fn set_expiry(&self, expiry: crate::Expiry) -> Result<(), crate::ConfigError> {
        expiry.check()?;
        let now = self.shared.clock.now();
        self.change(|state| {
            state.edit.absolute_deadline = Some(expiry.absolute_deadline(now));
            state.edit.idle = Some(expiry.idle_timeout());
        });
        Ok(())
    }

    /// Whether the cookie outlives the browser, as long as the session may; not so by default.
    pub fn set_persistent(&self, persistent: bool) {
        self.change(|state| state.edit.persistent = Some(persistent));
    }

    /// Gives the device a name that people know it by in a list of their sessions: `Firefox on Linux`.
    /// More than 120 bytes are cut off.
    pub fn set_device(&self, name: &str) {
        let fits = |end: &usize| name.is_char_boundary(*end);
        let end = (0..=name.len().min(MAX_DEVICE_LEN)).rev().find(fits);
        let name = &name[..end.unwrap_or(0)];
        self.change(|state| state.edit.device = Some(Some(name.into())));
    }

    /// Notes that the session is in use, whether or not the touch threshold has passed.
    ///
    /// # Errors
    /// If the store failed.
    pub async fn touch(&self) -> Result<()> {
        self.read().await?;
        lock(&self.desk).state.touch = true;
        Ok(())
    }

    /// How the session stands; fetches it.
    ///
    /// # Errors
    /// If the store failed.
    pub async fn standing(&self) -> Result<Standing> {
        self.read().await?;
        let state = &lock(&self.desk).state;
        Ok(match state.known {
            Known::Live(..) => Standing::Live,
            Known::Ended(ending) => Standing::Ended(ending),
            Known::Nobody | Known::Unopened(_) | Known::Unread(_) | Known::Unvouched(_) => {
                state.refused.map_or(Standing::None, Standing::Refused)
            }
        })
    }

    /// Who is signed in, if anybody.
    ///
    /// # Errors
    /// If the store failed.
    pub async fn subject(&self) -> Result<Option<String>> {
        self.read().await?;
        let desk = lock(&self.desk);
        Ok(match (&desk.state.edit.subject, &desk.state.known) {
            (Some(subject), _) => subject.as_deref().map(Into::into),
            (None, Known::Live(_, live)) => live.meta.subject.as_deref().map(Into::into),
            (None, _) => None,
        })
    }

    /// What the library knows of the session as it is stored; `None` if there is none.
    ///
    /// # Errors
    /// If the store failed.
    pub async fn info(&self) -> Result<Option<Info>> {
        self.read().await?;
        Ok(match &lock(&self.desk).state.known {
            Known::Live(_, live) => Some(Info::of(live, self.shared.clock.now())),
            _ => None,
        })
    }

    /// Ends the other sessions of this session's subject, and answers how many there were.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless the manager was built with
    /// [`subjects`](crate::ManagerBuilder::subjects); otherwise the store failed.
    pub async fn end_others(&self) -> Result<usize> {
        let Some(subject) = self.subject().await? else {
            return Ok(0);
        };
        let own = {
            let desk = lock(&self.desk);
            let (key, handle) = match &desk.state.known {
                Known::Live(credential, live) => {
                    let key = credential.as_ref().map(|credential| credential.key);
                    (key, Some(live.meta.handle))
                }
                _ => (None, None),
            };
            Own {
                key,
                handle: desk.state.edit.handle.or(handle),
                home: desk.home(),
            }
        };
        self.shared.end_subject("end_others", &subject, &own).await
    }

    /// The living sessions of whoever is signed in here, this one included, the most recently seen first;
    /// nothing if nobody is.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless the manager was built with
    /// [`subjects`](crate::ManagerBuilder::subjects); otherwise the store failed.
    pub async fn devices(&self) -> Result<Vec<Info>> {
        match self.subject().await? {
            Some(subject) => self.shared.sessions_of(&subject).await,
            None => Ok(Vec::new()),
        }
    }

    /// Ends a session of this session's subject, by the handle that [`devices`](Self::devices) shows. `false` if the subject has none of it (any more),
    /// and if nobody is signed in.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless the manager was built with
    /// [`subjects`](crate::ManagerBuilder::subjects); otherwise the store failed.
    pub async fn revoke(&self, handle: &str) -> Result<bool> {
        match self.subject().await? {
            Some(subject) => self.shared.revoke(&subject, handle).await,
            None => Ok(false),
        }
    }

    /// Waits until this session is over, whoever ends it and wherever, and answers how it stands then: for
    /// a page that stays open, with server-sent events or a WebSocket, so that a sign-out on one device
    /// reaches the others while they are looked at. Answers at once where there is no session.
    ///
    /// A sign-in leaves the id of before behind, and so ends the wait of pages that were opened with that:
    /// [`Ending::Unknown`]. Such a page asks again and finds itself signed in. A deadline that passes ends no
    /// wait: [`info`](Self::info) tells it beforehand.
    ///
    /// ```no_run
    /// # async fn example(session: abiding::Session) -> abiding::Result<String> {
    /// // Where the page asks with a request that is answered late, or feeds a stream of events:
    /// let standing = session.until_over().await?;
    /// # let words = |_| String::new();
    /// Ok(format!("event: over\ndata: {}\n\n", words(standing)))
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless the manager was built with
    /// [`watching`](crate::ManagerBuilder::watching); otherwise the store failed, and the page may ask again.
    pub async fn until_over(&self) -> Result<Standing> {
        let standing = self.standing().await?;
        let (credential, home) = {
            let desk = lock(&self.desk);
            match &desk.state.known {
                Known::Live(credential, _) => (credential.clone(), desk.home()),
                _ => return Ok(standing),
            }
        };
        let credential = credential.ok_or_else(|| {
            let context = "a session that lives in its cookie is over when the cookie is";
            Error::new(ErrorKind::Unsupported, "until_over", context)
        })?;
        let place = self.shared.place(home);
        place.until_over(credential).await.map(Standing::Ended)
    }

    /// Stores what was changed so far, now: before a long stream, or after the response has left.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] if the session ended meanwhile, [`ErrorKind::Unsupported`] if the response
    /// has left and the change needs a cookie: a session that begins, signs in, or lives in its cookie.
    pub async fn save(&self) -> Result<()> {
        let refused = {
            let mut desk = lock(&self.desk);
            let home = self.shared.place(desk.home());
            desk.closed && home.take_back_what_needs_a_cookie(&mut desk.state)
        };
        let plan = self.shared.perform(&self.desk).await?;
        lock(&self.desk).saved = Some(plan);
        if refused { Err(left()) } else { Ok(()) }
    }

    /// Fetches the session unless that was done.
    async fn read(&self) -> Result<()> {
        loop {
            let credential = {
                let mut desk = lock(&self.desk);
                self.shared.present(&mut desk);
                if desk.state.unreadable {
                    return Err(unreadable());
                }
                match &desk.state.known {
                    Known::Unread(credential) => Some(credential.clone()),
                    Known::Unvouched(_) => None,
                    _ => return Ok(()),
                }
            };
            match credential {
                _ if self.shared.is_one_of_many() => {
                    // Apart, since it is large, and few applications ever come here.
                    Box::pin(self.shared.resolve(&self.desk)).await?;
                }
                Some(credential) => {
                    let known = self.shared.load(credential.clone()).await?;
                    lock(&self.desk).learn(&credential, known);
                }
                None => Box::pin(self.shared.vouch(&self.desk)).await?,
            }
        }
    }

    /// Reads the session anew, which a change did not find as it was: it may live elsewhere by now.
    async fn look_again(&self, credential: &Credential, asked: &Asked) -> Result<()> {
        {
            let mut desk = lock(&self.desk);
            let state = &mut desk.state;
            let frozen = matches!(&state.known, Known::Live(_, live) if live.frozen);
            match (state.is_at(&credential.key), state.is_asked(asked)) {
                (true, _) if frozen => return Err(self.shared.ended(&mut desk, Ending::Unknown)),
                (true, _) => state.known = Known::Unread(credential.clone()),
                (false, true) => return Ok(()),
                (false, false) => return Err(gone()),
            }
        }
        self.read().await?;
        let mut desk = lock(&self.desk);
        match desk.state.known {
            Known::Ended(ending) => Err(self.shared.ended(&mut desk, ending)),
            _ => Ok(()),
        }
    }

    fn change<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut desk = lock(&self.desk);
        self.shared.present(&mut desk);
        act(&mut desk.state)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(..)")
    }
}

/// The values of a session as they are with what the request changed.
impl State {
    fn base(&self) -> Option<&Entries> {
        match &self.known {
            Known::Live(_, live) if !self.delta.clears() => Some(&live.entries),
            _ => None,
        }
    }

    fn value(&self, key: &str) -> Option<&[u8]> {
        match self.delta.intent(key) {
            Some(Intent::Set(value)) => Some(value),
            Some(Intent::Remove) => None,
            None => self.base()?.find(key),
        }
    }

    fn entries(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let base = self
            .base()
            .into_iter()
            .flat_map(Entries::iter)
            .map(|entry| entry.key);
        let is_new = |key: &&str| self.base().is_none_or(|base| base.find(key).is_none());
        let new = self.delta.intents().map(|(key, _)| key).filter(is_new);
        base.chain(new)
            .filter_map(|key| Some((key, self.value(key)?)))
    }

    /// What was read, as long as it is the measure for what is a change.
    fn measure(&self) -> Option<&Entries> {
        self.base().filter(|_| !self.sent)
    }

    fn remove(&mut self, key: &str) {
        match self.measure() {
            Some(base) if base.find(key).is_none() => self.delta.forget(key),
            _ => self.delta.remove(key),
        }
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<()> {
        let unchanged = self.measure().and_then(|base| base.find(key));
        if unchanged.is_some_and(|known| codec::equal_values(known, value)) {
            self.delta.forget(key);
            return Ok(());
        }
        self.delta.set(key, value)
    }

    /// Drops the intents that what was read shows to be no change.
    pub(crate) fn rebase(&mut self) {
        let Known::Live(_, live) = &self.known else {
            return;
        };
        if self.delta.clears() {
            return;
        }
        self.delta
            .retain(|key, intent| match (live.entries.find(key), intent) {
                (Some(known), Intent::Set(value)) => !codec::equal_values(known, value),
                (None, Intent::Remove) => false,
                _ => true,
            });
    }

    /// Takes note of a change that was merged into the record of the version `from`.
    fn advance(&mut self, change: &Change, from: Version, version: Version) {
        self.delta.subtract(&change.delta);
        // Otherwise another task of this request has read or written a later one.
        if let Known::Live(_, live) = &mut self.known
            && live.version == from
        {
            live.entries = live.entries.merged(&change.delta);
            live.version = version;
            live.seen = live.seen.max(change.now);
            live.idle_deadline = live.idle_deadline.max(live.meta.idle_deadline(change.now));
        }
    }
}

/// A panic while the lock was held leaves no half-made change behind, so a poisoned one is as good as any.
pub(crate) fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}
