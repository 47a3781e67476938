//! The one connection to a server, shared by all requests, and made anew whenever it is lost.
//!
//! Commands of many requests go out together and come back in order; one whose future was dropped is
//! answered to nobody, and disturbs no other. Every wait here ends with the patience of the store.
//!
//! 1. A command is sent again only where that does no harm: a read, or a refusal that had no effect.
//! 2. A connection on which an answer is overdue is given up: its peer may be gone without a word.
//! 3. One caller at a time makes a connection. After a failure the next try waits, twice as long each
//!    time, up to [`LONGEST`]; all who wait meanwhile have their own patience.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, Pipeline, PushInfo, PushKind, RedisError, RedisResult,
    Value,
    aio::{MultiplexedConnection, SendError},
};
use tokio::time::{Instant, error::Elapsed, sleep, sleep_until, timeout_at};

use super::{
    failure::{Failure, is_final, passes},
    route::Route,
    together::Together,
};

/// Whether a command may be sent a second time when the first one got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It only reads.
    None,
    /// It writes: what became of the first one must be known before a second one is sent.
    Once,
}

/// See the module.
pub(super) struct Link {
    route: Route,
    patience: Duration,
    /// How many replicas must have a write before it counts.
    replicas: u32,
    state: Arc<Mutex<State>>,
    together: Arc<Together<RedisResult<(Value, u32)>>>,
    /// Held by whoever makes a connection.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// Counts the connections, so that nobody gives up a newer one than the one that failed.
    number: u64,
    /// How many tries have failed since there was a connection.
    failures: u32,
    /// No try before this.
    pause: Option<Instant>,
}

impl Link {
    /// A link that connects when it is needed first.
    pub(super) fn new(route: Route, patience: Duration, replicas: u32) -> Self {
        Self {
            route,
            patience,
            replicas,
            state: Arc::default(),
            together: Arc::default(),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    /// Sends one command and waits for its reply, as often and as long as that may help.
    pub(super) async fn send(&self, command: &Cmd, effect: Effect) -> Result<Value, Failure> {
        let deadline = Instant::now() + self.patience;
        loop {
            let connection = self.connection(deadline).await?;
            match self.ask(connection, command, effect, false, deadline).await {
                Err(Failure::Refused(cause))
                    if passes(&cause) && Instant::now() + AGAIN < deadline =>
                {
                    sleep(AGAIN).await;
                }
                Err(Failure::Lost(_)) if effect == Effect::None => {}
                reply => return reply,
            }
        }
    }

    /// Sends one command once, if there is a connection or one can be made by one try. `is_asking` of a
    /// cluster's server that has the key before it has the slot. Nothing was sent where it answers
    /// [`Failure::Connect`].
    pub(super) async fn once(
        &self,
        command: &Cmd,
        effect: Effect,
        is_asking: bool,
        deadline: Instant,
    ) -> Result<Value, Failure> {
        let connection = self.connection_at_once(deadline).await?;
        self.ask(connection, command, effect, is_asking, deadline)
            .await
    }

    async fn ask(
        &self,
        (connection, number): (MultiplexedConnection, u64),
        command: &Cmd,
        effect: Effect,
        is_asking: bool,
        deadline: Instant,
    ) -> Result<Value, Failure> {
        let replicas = match effect {
            Effect::None => 0,
            Effect::Once => self.replicas,
        };
        let reply = exchange(connection, command.clone(), is_asking, replicas, deadline);
        let reply = timeout_at(deadline, self.together.send(reply)).await;
        self.judge(reply, number, replicas)
    }

    /// Sends several commands once, all that write, in one packet; which of them were refused is told by their replies. One wait
    /// for replicas counts for all.
    pub(super) async fn packet(&self, commands: Vec<Cmd>) -> Result<Vec<Value>, Failure> {
        let deadline = Instant::now() + self.patience;
        let (connection, number) = self.connection(deadline).await?;
        let replies = exchange_all(connection, commands, self.replicas, deadline);
        let replies = timeout_at(deadline, replies).await;
        self.judge(replies, number, self.replicas)
    }

    /// What came of it, in time or not, on the connection of that number.
    fn judge<T>(
        &self,
        reply: Result<RedisResult<(T, u32)>, Elapsed>,
        number: u64,
        replicas: u32,
    ) -> Result<T, Failure> {
        let cause = match reply {
            Ok(Ok((value, confirmed))) if confirmed >= replicas => return Ok(value),
            Ok(Ok((_, confirmed))) => {
                return Err(Failure::Unconfirmed {
                    confirmed,
                    replicas,
                });
            }
            Ok(Err(cause)) => cause,
            Err(_) => {
                self.give_up(number);
                return Err(Failure::Slow(self.patience));
            }
        };
        // A reply that breaks off in the middle is one that cannot be parsed.
        let is_lost = cause.is_io_error() || cause.kind() == ErrorKind::Parse;
        if is_lost || cause.is_unrecoverable_error() {
            self.give_up(number);
        }
        Err(if is_lost {
            Failure::Lost(cause)
        } else {
            Failure::Refused(cause)
        })
    }

    /// The connection there is, or a new one.
    async fn connection(&self, deadline: Instant) -> Result<(MultiplexedConnection, u64), Failure> {
        if let Some(connection) = self.present() {
            return Ok(connection);
        }
        let mut last = None;
        let trying = async {
            loop {
                let turn = self.connecting.lock().await;
                if let Some(connection) = self.present() {
                    return Ok(connection);
                }
                let pause = self.state().pause;
                if let Some(pause) = pause {
                    sleep_until(pause).await;
                }
                match self.connect().await {
                    Ok(connection) => return Ok(connection),
                    Err(cause) if is_final(&cause) => return Err(Failure::Connect(cause)),
                    Err(cause) => last = Some(cause),
                }
                drop(turn);
            }
        };
        let tried = timeout_at(deadline, trying).await;
        tried.unwrap_or_else(|_| Err(last.map_or(Failure::Slow(self.patience), Failure::Connect)))
    }

    /// The connection there is, or what one try makes. Whoever waited for the try of another has had it.
    async fn connection_at_once(
        &self,
        deadline: Instant,
    ) -> Result<(MultiplexedConnection, u64), Failure> {
        if let Some(connection) = self.present() {
            return Ok(connection);
        }
        let before = self.state().number;
        let turn = timeout_at(deadline, self.connecting.lock()).await;
        let _turn = turn.map_err(|_| Failure::Slow(self.patience))?;
        if let Some(connection) = self.present() {
            return Ok(connection);
        }
        let is_early = {
            let state = self.state();
            let waits = state.pause.is_some_and(|pause| pause > Instant::now());
            waits || state.number != before
        };
        let cause = if is_early {
            io::Error::from(io::ErrorKind::NotConnected).into()
        } else {
            match timeout_at(deadline, self.connect()).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(cause)) => cause,
                Err(_) => io::Error::from(io::ErrorKind::TimedOut).into(),
            }
        };
        Err(Failure::Connect(cause))
    }

    async fn connect(&self) -> RedisResult<(MultiplexedConnection, u64)> {
        let number = {
            let mut state = self.state();
            state.number += 1;
            state.failures = state.failures.saturating_add(1);
            let pause = FIRST
                .saturating_mul(1 << state.failures.min(10))
                .min(LONGEST);
            // Counted from the beginning of this try, so that a server that is back is found soon.
            state.pause = Some(Instant::now() + pause);
            state.number
        };
        let state = Arc::downgrade(&self.state);
        let listen = move |push: PushInfo| -> Result<(), SendError> {
            let state = state.upgrade().ok_or(SendError)?;
            if push.kind == PushKind::Disconnection {
                lock(&state).give_up(number);
            }
            Ok(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience.min(CONNECT)))
            // `send` looks at the clock itself.
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE)
            .set_push_sender(listen);
        let connection = self
            .route
            .client()
            .await?
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let mut state = self.state();
        state.connection = Some(connection.clone());
        (state.failures, state.pause) = (0, None);
        Ok((connection, number))
    }

    fn present(&self) -> Option<(MultiplexedConnection, u64)> {
        let state = self.state();
        let connection = state.connection.clone()?;
        Some((connection, state.number))
    }

    fn give_up(&self, number: u64) {
        self.state().give_up(number);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Sends a command, in one packet with what goes before it and with the question how many replicas have what
/// it wrote.
async fn exchange(
    mut connection: MultiplexedConnection,
    command: Cmd,
    is_asking: bool,
    replicas: u32,
    deadline: Instant,
) -> RedisResult<(Value, u32)> {
    if replicas == 0 && !is_asking {
        return Ok((command.query_async(&mut connection).await?, 0));
    }
    let mut all = redis::pipe();
    if is_asking {
        all.cmd("ASKING");
    }
    all.add_command(command);
    if replicas > 0 {
        wait(&mut all, replicas, deadline);
    }
    let count = 1 + usize::from(is_asking) + usize::from(replicas > 0);
    let mut replies = connection.send_packed_commands(&all, 0, count).await?;
    let confirmed = confirmed(&mut replies, replicas);
    let reply = replies
        .pop()
        .filter(|_| replies.len() == usize::from(is_asking));
    Ok((reply.ok_or_else(too_few)?.extract_error()?, confirmed?))
}

/// The same for several commands. A refusal of one of them is its reply.
async fn exchange_all(
    mut connection: MultiplexedConnection,
    commands: Vec<Cmd>,
    replicas: u32,
    deadline: Instant,
) -> RedisResult<(Vec<Value>, u32)> {
    let count = commands.len();
    let mut all = Pipeline::with_capacity(count + 1);
    for command in commands {
        all.add_command(command);
    }
    if replicas > 0 {
        wait(&mut all, replicas, deadline);
    }
    let mut replies = connection.send_packed_commands(&all, 0, all.len()).await?;
    let confirmed = confirmed(&mut replies, replicas)?;
    if replies.len() != count {
        return Err(too_few());
    }
    Ok((replies, confirmed))
}

/// Asks how many replicas have what was written.
fn wait(all: &mut Pipeline, replicas: u32, deadline: Instant) {
    let left = deadline.saturating_duration_since(Instant::now());
    // A little earlier than the deadline, so that the answer is heard.
    let millis = u64::try_from(left.as_millis() * 9 / 10).unwrap_or(1).max(1);
    all.cmd("WAIT").arg(replicas).arg(millis);
}

/// Takes the answer to that, which comes last.
fn confirmed(replies: &mut Vec<Value>, replicas: u32) -> RedisResult<u32> {
    let last = if replicas > 0 { replies.pop() } else { None };
    last.map_or(Ok(0), |confirmed| {
        Ok(redis::from_redis_value(confirmed.extract_error()?)?)
    })
}

fn too_few() -> RedisError {
    RedisError::from((ErrorKind::UnexpectedReturnType, "too few replies"))
}

impl State {
    fn give_up(&mut self, number: u64) {
        if self.number == number {
            self.connection = None;
        }
    }
}

/// Nothing is half done while the lock is held.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("is_connected", &self.state().connection.is_some())
            .finish_non_exhaustive()
    }
}

/// The first pause after a failure, before it is doubled.
const FIRST: Duration = Duration::from_millis(5);
/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_millis(500);
/// How long one try to connect may take.
pub(super) const CONNECT: Duration = Duration::from_secs(2);
/// Before a command is sent again that was refused for the moment.
pub(super) const AGAIN: Duration = Duration::from_millis(50);
/// How many commands may wait to be written.
const QUEUE: usize = 1_024;
