//! Mail through a real server: one conversation a letter, over before the answer to the visitor.

use std::{fmt, fs, io, time::Duration};

use abiding::Timestamp;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        self,
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{
    Address, Letter, Unsent,
    relay::{Encryption, Password, Relay},
};

/// A mail server that takes our letters.
pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: Mailbox,
}

/// Why no letter could ever be handed over.
#[derive(Debug)]
pub(crate) enum SmtpError {
    /// The file with the password cannot be read.
    Password(io::Error),
    /// The certificates of this machine, or the server's name, will not do for TLS.
    Tls(smtp::Error),
}

impl Smtp {
    /// Speaks with nobody yet.
    pub(super) fn new(
        relay: &Relay,
        password: Option<&Password>,
        sender: &Address,
    ) -> Result<Self, SmtpError> {
        let parameters = || TlsParameters::new(relay.host.clone()).map_err(SmtpError::Tls);
        let tls = match relay.encryption {
            Encryption::Nothing => Tls::None,
            Encryption::StartTls => Tls::Required(parameters()?),
            Encryption::Tls => Tls::Wrapper(parameters()?),
        };
        // The constructor is called so because it leaves TLS to the caller, who has just decided on it.
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&relay.host)
            .port(relay.port)
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let Some(user) = &relay.user {
            let password = password.map(Password::read).transpose();
            let password = password.map_err(SmtpError::Password)?.unwrap_or_default();
            transport = transport.credentials(Credentials::new(user.clone(), password.to_string()));
        }
        Ok(Self {
            transport: transport.build(),
            sender: mailbox(sender, Some("abiding demo")),
        })
    }

    /// Hands a letter over; the server has it when this answers.
    pub(super) async fn send(&self, letter: &Letter, now: Timestamp) -> Result<(), Unsent> {
        let message = self.message(letter, now).map_err(|error| {
            tracing::error!(%error, "a letter cannot be written");
            Unsent::Later
        })?;
        // The client's own timeout is for connecting; a server that falls silent later is ours to leave.
        match timeout(PATIENCE, self.transport.send(message)).await {
            Ok(outcome) => outcome.map(drop).map_err(|error| judge(&error)),
            Err(_) => {
                tracing::error!("the mail server takes too long");
                Err(Unsent::Later)
            }
        }
    }

    fn message(&self, letter: &Letter, now: Timestamp) -> Result<Message, lettre::error::Error> {
        let since_1970 = Duration::from_millis(now.as_millis().try_into().unwrap_or_default());
        Message::builder()
            .from(self.sender.clone())
            .to(mailbox(&letter.to, None))
            .date(std::time::UNIX_EPOCH + since_1970)
            .subject(letter.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone())
    }
}

impl fmt::Display for SmtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(cause) => {
                write!(
                    f,
                    "the password of the mail server cannot be read ({cause}): "
                )?;
                f.write_str("name a file that this user can read in ABIDING_SMTP_PASSWORD_FILE")
            }
            Self::Tls(cause) => {
                write!(f, "the mail server cannot be spoken to ({cause}): ")?;
                f.write_str("install the certificates of this system, or correct ABIDING_SMTP")
            }
        }
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp")
            .field("sender", &self.sender)
            .finish_non_exhaustive()
    }
}

impl Password {
    fn read(&self) -> io::Result<Zeroizing<String>> {
        match self {
            Self::File(path) => {
                let text = Zeroizing::new(fs::read_to_string(path)?);
                Ok(Zeroizing::new(
                    text.lines().next().unwrap_or_default().to_owned(),
                ))
            }
            Self::Given(password) => Ok(password.clone()),
        }
    }
}

/// What a failed conversation means for the visitor. The server's words stay out of the log: they tend
/// to repeat the address.
fn judge(error: &smtp::Error) -> Unsent {
    match error.status().map(u16::from) {
        Some(code) if REFUSALS.contains(&code) => {
            tracing::info!(code, "the mail server refuses the recipient");
            Unsent::Refused
        }
        Some(code) => {
            tracing::error!(code, "the mail server refuses the letter");
            Unsent::Later
        }
        None => {
            let error = error as &dyn std::error::Error;
            tracing::error!(error, "the mail server cannot be reached");
            Unsent::Later
        }
    }
}

/// Ours is the stricter check of the two, so nothing is dangerous about it.
fn mailbox(address: &Address, name: Option<&str>) -> Mailbox {
    let plain = lettre::Address::new_dangerous(address.name(), address.host());
    Mailbox::new(name.map(str::to_owned), plain)
}

/// The replies that are about the recipient (RFC 5321 section 4.2.3, RFC 7504): no such mailbox, not
/// here, full, not allowed, none at this host. Every other refusal is about us.
const REFUSALS: [u16; 5] = [550, 551, 552, 553, 556];

/// As long as a visitor waits for a page.
const PATIENCE: Duration = Duration::from_secs(10);
