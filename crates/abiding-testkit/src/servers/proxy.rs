//! A proxy between a store and its server, which cuts connections, or holds them up, where a test wants it.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

/// Where a connection is cut. Counted over everything that comes by after it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// On the way to the server, after so many bytes: a command arrives in part, or not at all.
    AfterSent(usize),
    /// On the way back, after so many bytes: with 0, the server did what it was told and nobody hears of it.
    AfterReceived(usize),
}

/// Forwards a port of this machine to a server.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What is held up on its way to the server, until this is dropped.
#[derive(Debug)]
#[must_use = "dropped, it holds nothing up"]
pub struct Held {
    reached: mpsc::Receiver<()>,
    _goes_on: mpsc::Sender<()>,
}

impl Held {
    /// Whether it has come to the proxy. Once it has, it answers so once.
    pub fn is_reached(&self) -> bool {
        self.reached.try_recv().is_ok()
    }
}

/// How many packets still pass, whom to tell then, and whom to wait for.
type Hold = (usize, mpsc::Sender<()>, mpsc::Receiver<()>);

#[derive(Debug, Default)]
struct Shared {
    cut: Mutex<Option<Cut>>,
    hold: Mutex<Option<Hold>>,
    cuts: AtomicUsize,
    sent: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Listens at a free port, for the server at `target`.
    ///
    /// # Panics
    /// If there is no free port.
    pub fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a test machine has a free port");
        let address = listener.local_addr().expect("it was bound just now");
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        // Ends with the test program: it waits for connections and holds nothing else.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is down is a connection that closes at once.
                if let Ok(server) = TcpStream::connect(target) {
                    served.forward(client, server);
                }
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many times something was sent to the server: while one request runs at a time, its round trips.
    pub fn sent(&self) -> usize {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// Cuts the connection that comes to `cut` first, once.
    pub fn cut(&self, cut: Cut) {
        *self.shared.cut() = Some(cut);
    }

    /// Holds up what is sent to the server after so many more packets, and with it what its connection sends after that.
    pub fn hold(&self, after: usize) -> Held {
        let ((reach, reached), (_goes_on, wait)) = (mpsc::channel(), mpsc::channel());
        *self.shared.to_hold() = Some((after, reach, wait));
        Held { reached, _goes_on }
    }

    /// Cuts whatever is open now.
    pub fn cut_all(&self) {
        let open: Vec<_> = self.shared.open().drain(..).collect();
        open.iter().for_each(close);
    }

    /// How many connections were cut by [`cut`](Self::cut).
    pub fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn forward(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        let both = (client.try_clone(), server.try_clone());
        let (Ok(client_too), Ok(server_too)) = both else {
            return;
        };
        let kept = [client.try_clone(), server.try_clone()];
        self.open().extend(kept.into_iter().flatten());
        let (there, back) = (Arc::clone(self), Arc::clone(self));
        let cut = Arc::<AtomicBool>::default();
        let cut_too = Arc::clone(&cut);
        thread::spawn(move || there.pump(client, server, Cut::AfterSent, &cut));
        thread::spawn(move || back.pump(server_too, client_too, Cut::AfterReceived, &cut_too));
    }

    /// Nobody hears of a cut before the server has done what it got, and has hung up.
    fn pump(
        &self,
        mut from: TcpStream,
        mut to: TcpStream,
        kind: fn(usize) -> Cut,
        is_cut: &AtomicBool,
    ) {
        let is_sent = matches!(kind(0), Cut::AfterSent(_));
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if is_cut.load(Ordering::SeqCst) {
                continue;
            }
            if is_sent {
                self.sent.fetch_add(1, Ordering::SeqCst);
                self.wait();
            }
            let (allowed, ends) = self.allow(read, kind);
            is_cut.fetch_or(ends, Ordering::SeqCst);
            if to.write_all(&buffer[..allowed]).is_err() {
                break;
            }
            if ends {
                let server = if is_sent { &to } else { &from };
                let _: io::Result<()> = server.shutdown(Shutdown::Write);
            }
        }
        if is_sent && is_cut.load(Ordering::SeqCst) {
            return;
        }
        close(&from);
        close(&to);
    }

    /// Until what is held up may go on.
    fn wait(&self) {
        let due = {
            let mut hold = self.to_hold();
            if let Some((left @ 1.., ..)) = &mut *hold {
                *left -= 1;
                return;
            }
            hold.take()
        };
        if let Some((_, reach, wait)) = due {
            let _ = reach.send(());
            // Ends when the other end is dropped.
            let _ = wait.recv();
        }
    }

    /// How many of `bytes` may pass, and whether that is all there ever will be.
    fn allow(&self, bytes: usize, kind: fn(usize) -> Cut) -> (usize, bool) {
        let mut cut = self.cut();
        let left = match *cut {
            Some(Cut::AfterSent(left)) if kind(left) == Cut::AfterSent(left) => left,
            Some(Cut::AfterReceived(left)) if kind(left) == Cut::AfterReceived(left) => left,
            _ => return (bytes, false),
        };
        if bytes > left || left == 0 {
            *cut = None;
            self.cuts.fetch_add(1, Ordering::SeqCst);
            return (left, true);
        }
        *cut = Some(kind(left - bytes));
        (bytes, false)
    }

    fn cut(&self) -> MutexGuard<'_, Option<Cut>> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn to_hold(&self) -> MutexGuard<'_, Option<Hold>> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn close(stream: &TcpStream) {
    let _: io::Result<()> = stream.shutdown(Shutdown::Both);
}
