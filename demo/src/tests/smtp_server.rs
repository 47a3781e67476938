//! A mail server of a few lines, on a real socket: what it does can be changed while it runs.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// How the server takes the next conversation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    Accepts,
    /// Hangs up instead of answering the recipient.
    Closes,
    /// Says nothing, ever.
    Hangs,
    /// Answers the recipient so.
    Replies(&'static str),
}

/// A running server; it stops with the test's runtime.
pub(crate) struct SmtpServer {
    pub(crate) port: u16,
    told: Arc<Mutex<Told>>,
    named: Arc<Notify>,
}

struct Told {
    manner: Manner,
    commands: Vec<String>,
    letters: Vec<String>,
}

impl SmtpServer {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = Arc::new(Mutex::new(Told {
            manner,
            commands: Vec::new(),
            letters: Vec::new(),
        }));
        let named = Arc::new(Notify::new());
        let (shared, naming) = (Arc::clone(&told), Arc::clone(&named));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let manner = shared.lock().unwrap().manner;
                // A client that gives up is what some tests are about.
                let _ = converse(stream, manner, &shared, &naming).await;
            }
        });
        Self { port, told, named }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://shop@127.0.0.1:{}", self.port)
    }

    pub(crate) fn turn(&self, manner: Manner) {
        self.told.lock().unwrap().manner = manner;
    }

    /// Waits until a recipient is named.
    pub(crate) async fn recipient(&self) {
        self.named.notified().await;
    }

    /// What it was told, but for the letters.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.told.lock().unwrap().commands.clone()
    }

    pub(crate) fn letters(&self) -> Vec<String> {
        self.told.lock().unwrap().letters.clone()
    }
}

async fn converse(
    stream: TcpStream,
    manner: Manner,
    told: &Mutex<Told>,
    named: &Notify,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    if let Manner::Hangs = manner {
        // Until the client hangs up.
        return stream.read_line(&mut String::new()).await.map(drop);
    }
    stream.write_all(b"220 mail.example.org\r\n").await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let command = std::mem::take(&mut line).trim_end().to_owned();
        told.lock().unwrap().commands.push(command.clone());
        let verb = command.split([' ', ':']).next().unwrap_or_default();
        if verb == "RCPT" {
            named.notify_one();
        }
        let answer = match (verb, manner) {
            ("EHLO", _) => "250-mail.example.org\r\n250-8BITMIME\r\n250 AUTH PLAIN",
            ("AUTH", _) => "235 welcome",
            ("RCPT", Manner::Closes) => return Ok(()),
            ("RCPT", Manner::Replies(answer)) => answer,
            ("DATA", _) => {
                stream.write_all(b"354 go on\r\n").await?;
                let mut letter = String::new();
                while !letter.ends_with("\r\n.\r\n") && stream.read_line(&mut letter).await? > 0 {}
                told.lock().unwrap().letters.push(letter);
                "250 taken"
            }
            ("QUIT", _) => "221 goodbye",
            _ => "250 fine",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}
