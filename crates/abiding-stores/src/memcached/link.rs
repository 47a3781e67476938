//! The one connection to a server, shared by all requests, and made anew whenever it is lost.
//!
//! Commands of many requests go out together and come back in order; one whose future was dropped is
//! answered to nobody, and disturbs no other. Every wait here ends with the patience of the store.
//!
//! 1. A command is sent again only where that does no harm: a read, or one that never left this process.
//! 2. A number to compare with is good for the connection that it came over: a server that was started
//!    anew counts from the beginning, and would take an old number for that of another state.
//! 3. A connection on which an answer is overdue is given up: its peer may be gone without a word.
//! 4. One caller at a time makes a connection. After a failure the next try waits, twice as long each
//!    time, up to [`LONGEST`]; all who wait meanwhile have their own patience.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::AbortHandle,
    time::{Instant, sleep_until, timeout, timeout_at},
};

use super::{
    failure::Failure,
    wire::{Batch, Reply},
};

/// Whether commands may be sent a second time when the first one got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// They only read.
    None,
    /// They write, without comparing: what became of the first must be known before a second is sent.
    Once,
    /// They write and compare with numbers that came over the connection with this number.
    OnceOn(u64),
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Host(Box<str>, u16),
    #[cfg(unix)]
    Socket(std::path::PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Host(host, port) => write!(f, "{host}:{port}"),
            #[cfg(unix)]
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}

/// See the module.
pub(super) struct Link {
    place: Place,
    patience: Duration,
    state: Arc<Mutex<State>>,
    /// Held by whoever makes a connection.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    /// Counts the connections, so that nobody gives up a newer one than the one that failed.
    number: u64,
    /// How many tries have failed since there was a connection.
    failures: u32,
    /// No try before this.
    pause: Option<Instant>,
}

/// The way into a connection, and an end to it.
struct Connection {
    requests: mpsc::UnboundedSender<Request>,
    task: AbortHandle,
}

/// Whoever still waits for something on it is told so. The peer may hang, and would not notice otherwise.
impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is to be sent, and who wants to know.
struct Request {
    batch: Batch,
    answer: oneshot::Sender<Vec<Reply>>,
}

impl Link {
    /// A link that connects when it is needed first.
    pub(super) fn new(place: Place, patience: Duration) -> Self {
        Self {
            place,
            patience,
            state: Arc::default(),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Sends commands and waits for their replies. Answers the number of the connection as well.
    pub(super) async fn send(
        &self,
        batch: &Batch,
        effect: Effect,
    ) -> Result<(Vec<Reply>, u64), Failure> {
        let deadline = Instant::now() + self.patience;
        loop {
            let (connection, number) = self.connection(deadline).await?;
            if let Effect::OnceOn(known) = effect
                && known != number
            {
                return Err(Failure::Restarted);
            }
            let (answer, replies) = oneshot::channel();
            let request = Request {
                batch: batch.clone(),
                answer,
            };
            if connection.send(request).is_err() {
                // It never left: the connection had ended.
                self.give_up(number);
                continue;
            }
            match timeout_at(deadline, replies).await {
                Ok(Ok(replies)) => return Ok((replies, number)),
                Ok(Err(_)) => self.give_up(number),
                Err(_) => {
                    self.give_up(number);
                    return Err(Failure::Slow(self.patience));
                }
            }
            if effect != Effect::None {
                return Err(Failure::Lost);
            }
        }
    }

    /// The connection there is, or a new one.
    async fn connection(
        &self,
        deadline: Instant,
    ) -> Result<(mpsc::UnboundedSender<Request>, u64), Failure> {
        if let Some(connection) = self.present() {
            return Ok(connection);
        }
        let mut last = None;
        let trying = async {
            loop {
                let turn = self.connecting.lock().await;
                if let Some(connection) = self.present() {
                    return connection;
                }
                let pause = self.state().pause;
                if let Some(pause) = pause {
                    sleep_until(pause).await;
                }
                match self.connect().await {
                    Ok(connection) => return connection,
                    Err(cause) => last = Some(cause),
                }
                drop(turn);
            }
        };
        let tried = timeout_at(deadline, trying).await;
        tried.map_err(|_| last.map_or(Failure::Slow(self.patience), Failure::Connect))
    }

    async fn connect(&self) -> io::Result<(mpsc::UnboundedSender<Request>, u64)> {
        let number = {
            let mut state = self.state();
            state.number += 1;
            state.failures = state.failures.saturating_add(1);
            let pause = FIRST.saturating_mul(1 << state.failures.min(10));
            // Counted from the beginning of this try, so that a server that is back is found soon.
            state.pause = Some(Instant::now() + pause.min(LONGEST));
            state.number
        };
        let connecting = timeout(self.patience.min(CONNECT), self.place.connect());
        let stream = connecting
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let (connection, requests) = mpsc::unbounded_channel();
        let state = Arc::downgrade(&self.state);
        let task = tokio::spawn(async move {
            let (from, to) = tokio::io::split(stream);
            converse(from, to, requests).await;
            if let Some(state) = state.upgrade() {
                lock(&state).give_up(number);
            }
        });
        let mut state = self.state();
        state.connection = Some(Connection {
            requests: connection.clone(),
            task: task.abort_handle(),
        });
        (state.failures, state.pause) = (0, None);
        Ok((connection, number))
    }

    fn present(&self) -> Option<(mpsc::UnboundedSender<Request>, u64)> {
        let state = self.state();
        let connection = state.connection.as_ref()?;
        Some((connection.requests.clone(), state.number))
    }

    fn give_up(&self, number: u64) {
        self.state().give_up(number);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Writes what is asked for and reads the replies, until the connection ends or nobody holds it any more.
/// Whoever is still waiting then is told by their channel, which is dropped.
async fn converse(
    from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut requests: mpsc::UnboundedReceiver<Request>,
) {
    let (waiting, mut answers) = mpsc::unbounded_channel::<(usize, oneshot::Sender<_>)>();
    let write = async {
        let mut bytes = Vec::new();
        while let Some(request) = requests.recv().await {
            let mut next = Some(request);
            // Whatever else is there by now goes with it.
            while let Some(Request { batch, answer }) = next {
                bytes.extend_from_slice(&batch.bytes);
                if waiting.send((batch.replies, answer)).is_err() {
                    return;
                }
                next = (bytes.len() < PACKET)
                    .then(|| requests.try_recv().ok())
                    .flatten();
            }
            if to.write_all(&bytes).await.is_err() || to.flush().await.is_err() {
                return;
            }
            bytes.clear();
        }
        // Nobody holds the link any more, and nobody waits for what is still to come.
    };
    let read = async {
        let mut from = BufReader::new(from);
        while let Some((count, answer)) = answers.recv().await {
            let mut replies = Vec::with_capacity(count);
            for _ in 0..count {
                match Reply::read(&mut from).await {
                    Ok(reply) => replies.push(reply),
                    Err(_) => return,
                }
            }
            let _ = answer.send(replies);
        }
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
}

impl Place {
    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Host(host, port) => {
                // Looked up each time: a name may lead to another server by then.
                let stream = TcpStream::connect((&**host, *port)).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            #[cfg(unix)]
            Self::Socket(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
        })
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

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
            .field("place", &self.place)
            .field("is_connected", &self.state().connection.is_some())
            .finish_non_exhaustive()
    }
}

/// The first pause after a failure, before it is doubled.
const FIRST: Duration = Duration::from_millis(5);
/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_millis(500);
/// How long one try to connect may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How much is written at once.
const PACKET: usize = 64 * 1024;
