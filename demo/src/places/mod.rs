//! Where the sessions of the demo live, and how they move from one place to another while it runs.
//!
//! The operator's page calls it; the session layer of the router is the one of the moment, see [`serve`].
//! What is where and how far a move has come is a [`Plan`] in the data directory, so a process
//! that dies on the way is followed by one that goes on. `docs/migration.md` has the phases; a team with
//! many processes takes them as deploys, and this one takes them itself.
//!
//! One process moves: while another serves from the same directory, a move is refused.

mod picture;
mod place;
mod plan;
mod roll;
mod rules;
mod switch;

use std::{
    collections::HashMap,
    fmt,
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use abiding::{
    Brought, Clock as _, ConfigError, Ending, Manager, Phase, Session, Standing, Timestamp,
    inspect::Inspector,
    store::{AnyStore, Walk as _},
};
use abiding_tower::SessionLayer;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, header},
    middleware::Next,
    response::Response,
};
use tokio::{
    sync::OwnedMutexGuard,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tower::{Layer as _, ServiceExt as _};

use self::{
    picture::Watch,
    plan::{Lot, Plan},
    roll::{Census, Fate, Roll},
    switch::{Former, Switch},
};
pub(crate) use self::{
    picture::{Bar, Picture},
    place::Place,
    rules::Rules,
    switch::Stay,
};
use crate::{app::App, settings::Settings, startup::StartError};

/// The sessions of the demo, wherever they are. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    places: Vec<Place>,
    rules: Rules,
    data: PathBuf,
    inspector: Inspector,
    switch: Switch,
    ground: Mutex<Ground>,
    roll: Mutex<Roll>,
    watch: Mutex<Watch>,
    /// Held by whoever moves something: one at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Shared by the processes that serve from this directory, and held alone during a move.
    lock: Option<File>,
}

/// The plan, and what it names.
#[derive(Debug)]
struct Ground {
    plan: Plan,
    lots: HashMap<u32, Opened>,
}

/// A lot that is open.
#[derive(Debug)]
struct Opened {
    place: Place,
    /// The sessions, or for cookies the sign-ins.
    store: AnyStore,
    /// The manager of this place as if it were the only one.
    manager: Manager,
    sweeper: Option<JoinHandle<()>>,
    /// Since when nothing is left in it.
    empty_since: Option<Timestamp>,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.sweeper.iter().for_each(JoinHandle::abort);
    }
}

/// Why nothing moves.
#[derive(Debug)]
pub(crate) enum Refused {
    Busy,
    Config(ConfigError),
    /// Sessions are kept where others may know them by a URL.
    Fixed,
    Here,
    Kept(io::Error),
    NotAlone,
    Store(abiding::Error),
    Unknown,
}

/// The layer: the session layer of the moment, and a look at the cookies that come and go.
pub(crate) async fn serve(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let Stay { manager, .. } = &app.places.enter();
    let name = manager.cookie().name();
    let came = cookie(request.headers(), name);
    request.extensions_mut().insert(manager.clone());
    let layer = SessionLayer::new(manager.clone()).with_summary();
    let Ok(response) = layer.layer(next).oneshot(request).await;
    let went = new_cookie(response.headers(), name).map(<[u8]>::to_vec);
    let session = response.extensions().get::<Session>().cloned();
    let cookies = (came.as_deref(), went.as_deref());
    app.places.note(cookies, session.as_ref()).await;
    response
}

impl Places {
    /// Opens what the plan of this data directory names, or where the settings say that sessions begin:
    /// there, `first` is what was opened already.
    pub(crate) async fn open(
        settings: &Settings,
        rules: Rules,
        data: &Path,
        first: Option<AnyStore>,
    ) -> Result<Self, StartError> {
        let places = Place::all(settings);
        let is_fixed = places[0].is_fixed();
        let lock = if is_fixed {
            None
        } else {
            Some(shared_lock(data)?)
        };
        let unusable = |cause| StartError::Plan {
            path: plan_file(data),
            cause,
        };
        let kept = if is_fixed {
            None
        } else {
            Plan::read(&plan_file(data)).map_err(unusable)?
        };
        let plan = match kept {
            Some(plan) if plan.began_in != places[0].name() => {
                return Err(StartError::Moved {
                    path: plan_file(data),
                    began_in: plan.began_in,
                });
            }
            Some(plan) => plan,
            None => Plan::all_in(&places[0], tag()?),
        };
        let mut lots = HashMap::new();
        let (primary, others) = plan.arrangement();
        for lot in std::iter::once(primary).chain(others.into_iter().map(|(lot, _)| lot)) {
            let place = places.iter().find(|place| place.name() == lot.place);
            let place = place.ok_or_else(|| StartError::PlaceUnnamed(lot.place.clone()))?;
            let store = match &first {
                Some(store) => store.clone(),
                None => place.open(data, &plan.tag, lot.number).await?,
            };
            lots.insert(lot.number, Opened::new(place, store, &rules)?);
        }
        let manager = compose(&plan, &lots, &rules)?;
        Ok(Self(Arc::new(Shared {
            places,
            inspector: rules.inspector(manager.cookie().name()),
            rules,
            data: data.to_owned(),
            switch: Switch::on(manager),
            ground: Mutex::new(Ground { plan, lots }),
            roll: Mutex::default(),
            watch: Mutex::default(),
            turn: Arc::default(),
            lock,
        })))
    }

    /// Goes on with a move that was interrupted, counts now and then, and takes away what is empty.
    pub(crate) fn look_after(&self) -> JoinHandle<()> {
        let places = self.clone();
        tokio::spawn(async move {
            places.go_on().await;
            for second in 1_u64.. {
                sleep(Duration::from_secs(1)).await;
                places.sample();
                places.go_on().await;
                // Nobody walks over a store that others use, unless somebody wants to see it.
                if second.is_multiple_of(COUNT_EVERY) && !places.is_fixed() {
                    match places.count().await {
                        Ok(census) => places.clear_away(&census).await,
                        Err(error) => tracing::warn!(%error, "sessions could not be counted"),
                    }
                }
            }
        })
    }

    /// The manager for a request that begins now.
    pub(crate) fn enter(&self) -> Stay {
        self.0.switch.enter()
    }

    /// Where sessions begin at the moment.
    pub(crate) fn primary(&self) -> Place {
        let ground = self.ground();
        let primary = ground.lots.get(&ground.plan.primary.number);
        primary.map_or_else(|| self.0.places[0].clone(), |lot| lot.place.clone())
    }

    /// All that there are.
    pub(crate) fn all(&self) -> &[Place] {
        &self.0.places
    }

    /// Whether sessions stay where they are.
    pub(crate) fn is_fixed(&self) -> bool {
        self.0.places[0].is_fixed()
    }

    /// Begins to move all sessions to the place of that name. Answers as soon as it has begun; requests that
    /// are under way go on.
    pub(crate) async fn move_to(&self, name: &str) -> Result<(), Refused> {
        if self.is_fixed() {
            return Err(Refused::Fixed);
        }
        let turn = self.take_turn()?;
        let to = self.0.places.iter().find(|place| place.name() == name);
        let to = to.ok_or(Refused::Unknown)?;
        if self.primary().name() == name {
            return Err(Refused::Here);
        }
        let alone = Alone::with(self)?;
        let is_cookie = |name: &str| {
            self.0
                .places
                .iter()
                .any(|it| it.name() == name && it.is_cookie())
        };
        let (plan, lot) = self.ground().plan.announce(to, is_cookie);
        if !self.ground().lots.contains_key(&lot.number) {
            let store = to.open(&self.0.data, &plan.tag, lot.number).await;
            let opened = Opened::new(to, store.map_err(Refused::Store)?, &self.0.rules);
            let opened = opened.map_err(Refused::Config)?;
            self.ground().lots.insert(lot.number, opened);
        }
        let former = self.adopt(plan)?;
        let places = self.clone();
        tokio::spawn(async move {
            let _held = (turn, alone);
            places.wait_for(former).await;
            places.finish().await;
        });
        tracing::info!(to = name, "sessions move");
        Ok(())
    }

    /// Goes on with a move of a process that died on the way, once nobody else serves from the directory.
    async fn go_on(&self) {
        if self.ground().plan.is_at_rest() {
            return;
        }
        if let (Ok(_turn), Ok(_alone)) = (self.take_turn(), Alone::with(self)) {
            self.finish().await;
        }
    }

    /// Takes the steps that are left of a move.
    async fn finish(&self) {
        loop {
            let Some(next) = self.ground().plan.next(self.0.rules.clock.now()) else {
                return;
            };
            match self.adopt(next) {
                Ok(former) => self.wait_for(former).await,
                Err(error) => {
                    tracing::error!(%error, "the move waits");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Follows a plan from the next request on, and whoever comes after a `kill -9` does too.
    fn adopt(&self, plan: Plan) -> Result<Former, Refused> {
        let mut ground = self.ground();
        let manager = compose(&plan, &ground.lots, &self.0.rules).map_err(Refused::Config)?;
        plan.keep(&plan_file(&self.0.data)).map_err(Refused::Kept)?;
        ground.plan = plan;
        let former = self.0.switch.turn_to(manager);
        lock(&self.0.watch).follow(&former.manager);
        Ok(former)
    }

    async fn wait_for(&self, mut former: Former) {
        former.is_left().await;
        lock(&self.0.watch).add_up(&former.manager);
    }

    /// Begins to move what nobody happens to use, at a pace that can be watched.
    pub(crate) fn bring_the_rest(&self) -> Result<(), Refused> {
        if self.is_fixed() {
            return Err(Refused::Fixed);
        }
        let turn = self.take_turn()?;
        let places = self.clone();
        tokio::spawn(async move {
            let _turn = turn;
            lock(&places.0.watch).is_bringing = true;
            if let Err(error) = places.bring().await {
                tracing::error!(%error, "not all sessions were brought; press again to go on");
            }
            lock(&places.0.watch).is_bringing = false;
        });
        Ok(())
    }

    async fn bring(&self) -> abiding::Result<()> {
        let others: Vec<_> = {
            let ground = self.ground();
            let stored = |lot: &Lot| {
                ground
                    .lots
                    .get(&lot.number)
                    .filter(|it| !it.place.is_cookie())
            };
            let others = ground.plan.others.iter().enumerate();
            others
                .filter_map(|(at, lot)| Some((at, stored(lot)?.store.clone())))
                .collect()
        };
        for (at, store) in others {
            let mut from = None;
            loop {
                let page = store
                    .walk(from.as_ref(), FEW, self.0.rules.clock.now())
                    .await?;
                let Stay { manager, .. } = &self.enter();
                for found in &page.found {
                    let content = roll::read(&self.0.inspector, found, self.0.rules.clock.now());
                    if matches!(content, Ok(Some(content)) if roll::is_nameless(&content)) {
                        // What tells that a cookie was taken in has to stay.
                        continue;
                    }
                    let brought = manager.bring(at, found).await?;
                    if matches!(brought, Brought::Refused | Brought::TooLarge) {
                        tracing::warn!(?brought, "a session stays where it is");
                    }
                }
                from = page.next;
                if from.is_none() {
                    break;
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
        self.end_left_behind().await
    }

    /// Ends, where sessions begin, what is left of those that went on from there and are over, as
    /// `abiding migrate` does.
    async fn end_left_behind(&self) -> abiding::Result<()> {
        let store = {
            let ground = self.ground();
            let primary = ground.lots.get(&ground.plan.primary.number);
            primary
                .filter(|it| !it.place.is_cookie() && it.store.powers().walk)
                .map(|it| it.store.clone())
        };
        let (Some(store), mut from) = (store, None) else {
            return Ok(());
        };
        loop {
            let now = self.0.rules.clock.now();
            let page = store.walk(from.as_ref(), FEW, now).await?;
            let Stay { manager, .. } = &self.enter();
            for found in &page.found {
                manager.end_left_behind(found).await?;
            }
            from = page.next;
            if from.is_none() {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Counts all sessions, and looks for each that is not where it was.
    async fn count(&self) -> abiding::Result<Census> {
        let now = self.0.rules.clock.now();
        let stores = self.stores();
        let census = Census::take(&stores, &self.0.inspector, now).await?;
        let missing = lock(&self.0.roll).compare(&census, now);
        for (handle, seat) in missing {
            let fate = Fate::of(&handle, seat, &stores, &self.0.inspector, now).await?;
            if fate == Fate::Gone {
                tracing::error!(handle, "a session is lost");
            }
            lock(&self.0.roll).settle(&handle, fate, now);
        }
        Ok(census)
    }

    /// The stores with sessions that can be walked over, from the newest to the oldest.
    fn stores(&self) -> Vec<(u32, AnyStore)> {
        let ground = self.ground();
        let (primary, others) = ground.plan.arrangement();
        // A place that is announced comes right behind: it is newer.
        let mut lots: Vec<_> = others.into_iter().map(|(lot, _)| lot).collect();
        lots.insert(usize::from(ground.plan.is_announced()), primary);
        let open = lots
            .iter()
            .filter_map(|lot| Some((lot.number, ground.lots.get(&lot.number)?)));
        let stored =
            open.filter(|(_, opened)| !opened.place.is_cookie() && opened.store.powers().walk);
        stored
            .map(|(number, opened)| (number, opened.store.clone()))
            .collect()
    }

    /// Forgets lots in which nothing has been left for a while, and removes them.
    async fn clear_away(&self, census: &Census) {
        let now = self.0.rules.clock.now();
        let Ok(_turn) = self.take_turn() else { return };
        let empty = {
            let mut ground = self.ground();
            let Ground { plan, lots } = &mut *ground;
            let from_cookies = lots
                .get(&plan.primary.number)
                .is_none_or(|it| it.place.is_cookie());
            let mut empty = Vec::new();
            for lot in plan.others.iter().filter(|_| plan.is_at_rest()) {
                let Some(opened) = lots.get_mut(&lot.number) else {
                    continue;
                };
                let is_empty = match opened.place.is_cookie() {
                    true => lot.has_run_out(now),
                    // What is marked there may be for a cookie that never arrived.
                    false => census.is_empty(lot.number) && !from_cookies,
                };
                match opened.empty_since {
                    _ if !is_empty => opened.empty_since = None,
                    None => opened.empty_since = Some(now),
                    Some(since) if now.since(since) >= REST => empty.push(lot.clone()),
                    Some(_) => {}
                }
            }
            empty
        };
        if empty.is_empty() {
            return;
        }
        let Ok(_alone) = Alone::with(self) else {
            return;
        };
        for lot in empty {
            let plan = self.ground().plan.without(lot.number);
            let tag = plan.tag.clone();
            match self.adopt(plan) {
                Ok(former) => self.wait_for(former).await,
                Err(error) => return tracing::error!(%error, "an empty store stays"),
            }
            let Some(opened) = self.ground().lots.remove(&lot.number) else {
                continue;
            };
            let place = opened.place.clone();
            drop(opened);
            if let Err(error) = place.remove(&self.0.data, &tag, lot.number).await {
                tracing::warn!(%error, "an empty store could not be removed");
            }
        }
    }

    fn sample(&self) {
        let manager = self.enter().manager;
        lock(&self.0.watch).sample(&manager, Instant::now());
    }

    /// The numbers of the moment, counted anew unless they were within the last second.
    pub(crate) async fn picture(&self) -> abiding::Result<Picture> {
        if lock(&self.0.watch).is_due(Instant::now()) {
            let census = self.count().await?;
            lock(&self.0.watch).is_capped = census.is_capped;
        }
        self.sample();
        let manager = self.enter().manager;
        let ground = self.ground();
        let roll = lock(&self.0.roll);
        let watch = lock(&self.0.watch);
        Ok(watch.picture(&manager, &self.0.places, &ground, &roll))
    }

    /// How many cookies were refused since the process began, by reason.
    pub(crate) fn rejections(&self) -> Vec<(abiding::Rejection, u64)> {
        lock(&self.0.watch).rejections(&self.enter().manager)
    }

    /// Takes notice of the cookie that came with a request, and of the one that went with its answer.
    async fn note(&self, (came, went): (Option<&[u8]>, Option<&[u8]>), session: Option<&Session>) {
        if came.is_none() && went.is_none() {
            return;
        }
        let now = self.0.rules.clock.now();
        let open = |value: &[u8]| {
            let genuine = self.0.inspector.open(value, now).ok()?;
            genuine.over.is_none().then_some(genuine.holds)
        };
        let mut ended = false;
        if let (Some(b""), Some(session)) = (went, session) {
            // Of one that had ended before, the reason is known; one that is merely not there is missed.
            let standing = session.standing().await;
            ended = !matches!(standing, Ok(Standing::Ended(Ending::Unknown)));
        }
        let (came, went) = (came.and_then(open), went.map(open));
        let went = went.as_ref().map(Option::as_ref);
        lock(&self.0.roll).note(came.as_ref(), went, ended, now);
    }

    fn take_turn(&self) -> Result<OwnedMutexGuard<()>, Refused> {
        Arc::clone(&self.0.turn)
            .try_lock_owned()
            .map_err(|_| Refused::Busy)
    }

    fn ground(&self) -> MutexGuard<'_, Ground> {
        lock(&self.0.ground)
    }
}

impl Opened {
    fn new(place: &Place, store: AnyStore, rules: &Rules) -> Result<Self, ConfigError> {
        let manager = match place.is_cookie() {
            true => rules.sealed(store.clone()).build()?,
            false => rules.stored(store.clone()).build()?,
        };
        // Tests bring no runtime to the start, and sweep nothing.
        let runtime = tokio::runtime::Handle::try_current().ok();
        let sweep = |_| abiding_tower::spawn_sweeper(manager.clone(), SWEEP_PERIOD);
        Ok(Self {
            place: place.clone(),
            store,
            sweeper: runtime.map(sweep),
            manager,
            empty_since: None,
        })
    }
}

/// The manager that follows a plan.
fn compose(
    plan: &Plan,
    lots: &HashMap<u32, Opened>,
    rules: &Rules,
) -> Result<Manager, ConfigError> {
    let missing = || ConfigError::Lifetime {
        value: "of a store".into(),
        remedy: "open it first",
    };
    let (primary, others) = plan.arrangement();
    let primary = lots.get(&primary.number).ok_or_else(missing)?;
    let mut known: Vec<(Manager, Phase)> = Vec::new();
    for (lot, phase) in others {
        let opened = lots.get(&lot.number).ok_or_else(missing)?;
        known.push((opened.manager.clone(), phase));
    }
    let store = primary.store.clone();
    if primary.place.is_cookie() {
        let sealed = rules.sealed(store);
        let add =
            |builder: abiding::ClientSideBuilder, (place, phase)| builder.elsewhere(place, phase);
        return known.into_iter().fold(sealed, add).build();
    }
    let stored = rules.stored(store);
    let add = |builder: abiding::ManagerBuilder<AnyStore>, (place, phase)| {
        builder.elsewhere(place, phase)
    };
    known.into_iter().fold(stored, add).build()
}

/// No other process serves from the directory as long as this lives.
struct Alone(Places);

impl Alone {
    fn with(places: &Places) -> Result<Self, Refused> {
        if let Some(file) = &places.0.lock {
            file.unlock().map_err(Refused::Kept)?;
            let tried = file.try_lock();
            if tried.is_err() {
                file.lock_shared().map_err(Refused::Kept)?;
            }
            match tried {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Refused::NotAlone),
                Err(TryLockError::Error(cause)) => return Err(Refused::Kept(cause)),
            }
        }
        Ok(Self(places.clone()))
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if let Some(file) = &self.0.0.lock {
            // Whoever waits at its start is let in.
            let shared = file.unlock().and_then(|()| file.lock_shared());
            if let Err(error) = shared {
                tracing::error!(%error, "the lock of the data directory is lost");
            }
        }
    }
}

/// Waits while another process moves sessions.
fn shared_lock(data: &Path) -> Result<File, StartError> {
    let path = data.join("places.lock");
    let open = || {
        let file = File::options().create(true).append(true).open(&path)?;
        file.lock_shared()?;
        Ok(file)
    };
    open().map_err(|cause| StartError::Data {
        path: path.clone(),
        cause,
    })
}

fn plan_file(data: &Path) -> PathBuf {
    data.join("places.json")
}

fn tag() -> Result<String, StartError> {
    let no_randomness = || StartError::Serve(io::Error::other("there is no randomness"));
    let random = getrandom::u32().map_err(|_| no_randomness())?;
    Ok(format!("{random:08x}"))
}

/// The one cookie of that name; two are refused by the layer anyway.
fn cookie(headers: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let pairs = headers.get_all(header::COOKIE).iter();
    let mut pairs = pairs.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs.find_map(|pair| value_of(pair.trim_ascii(), name).map(<[u8]>::to_vec))
}

fn new_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    const SET: HeaderName = header::SET_COOKIE;
    headers.get_all(SET).iter().find_map(|value| {
        let pair = value.as_bytes().split(|byte| *byte == b';').next()?;
        value_of(pair, name)
    })
}

fn value_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("a move is under way: wait until it is done"),
            Self::Config(error) => error.fmt(f),
            Self::Fixed => f.write_str("ABIDING_STORE names a URL, which others may use too"),
            Self::Here => f.write_str("that is where sessions are"),
            Self::Kept(cause) => write!(f, "the data directory cannot be written ({cause})"),
            Self::NotAlone => {
                f.write_str("another process serves from the same data directory: stop it first")
            }
            Self::Store(error) => write!(f, "the place cannot be used: {error}"),
            Self::Unknown => f.write_str("there is no such place"),
        }
    }
}

/// How many seconds lie between two counts while nobody watches.
const COUNT_EVERY: u64 = 15;
/// How many sessions are brought before there is a rest.
const FEW: usize = 16;
/// How long a store stays when it is empty: longer than an id that was given up leads on.
const REST: Duration = Duration::from_secs(60);
/// How often sessions that ended by themselves are removed.
const SWEEP_PERIOD: Duration = Duration::from_secs(60);

#[cfg(test)]
impl Places {
    /// Serves from another manager, made by a test.
    pub(crate) fn put(&self, manager: Manager) {
        drop(self.0.switch.turn_to(manager));
    }

    /// Waits until no move is under way.
    pub(crate) async fn at_rest(&self) {
        drop(self.0.turn.lock().await);
    }

    pub(crate) fn is_moving(&self) -> bool {
        !self.ground().plan.is_at_rest()
    }

    /// Counts without a regard to when it was done last.
    pub(crate) async fn count_now(&self) {
        self.count().await.unwrap();
    }

    /// The same, and takes away what has been empty.
    pub(crate) async fn clear_away_now(&self) {
        let census = self.count().await.unwrap();
        self.clear_away(&census).await;
    }

    pub(crate) fn stores_now(&self) -> Vec<(u32, AnyStore)> {
        self.stores()
    }
}
