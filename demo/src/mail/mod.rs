//! Mail: letters, and the two ways that they go.
//!
//! Handlers call [`Mailer::send`] and wait for it, so that the page which follows tells the truth: the
//! letter is with the server, or it is not and the page says why.

mod address;
mod mailbox;
mod relay;
mod smtp;

use abiding::Timestamp;

use crate::{
    database::Database,
    settings::{ProfileKind, Settings},
};

pub(crate) use self::{
    address::Address,
    mailbox::routes,
    relay::{Password, Relay},
    smtp::SmtpError,
};

/// One mail to one person, in plain text.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) to: Address,
    pub(crate) subject: &'static str,
    pub(crate) text: String,
}

/// Why a letter was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// The server is down, slow, or refuses us; another time may do.
    Later,
    /// The server takes no mail for this address.
    Refused,
}

/// The way that letters go.
#[derive(Debug)]
pub(crate) enum Mailer {
    /// Into the development mailbox.
    Mailbox(Database),
    /// Nowhere: production without a server.
    Nowhere,
    /// Through a server.
    Smtp(Box<smtp::Smtp>),
}

impl Mailer {
    /// The way that the settings ask for.
    pub(crate) fn new(settings: &Settings, database: &Database) -> Result<Self, SmtpError> {
        let MailSettings {
            relay,
            password,
            sender,
        } = &settings.mail;
        match (relay, settings.profile) {
            (Some(relay), _) => {
                let smtp = smtp::Smtp::new(relay, password.as_ref(), sender)?;
                Ok(Self::Smtp(Box::new(smtp)))
            }
            (None, ProfileKind::Development) => Ok(Self::Mailbox(database.clone())),
            (None, ProfileKind::Production) => {
                tracing::warn!("no mail can be sent: ABIDING_SMTP names no server");
                Ok(Self::Nowhere)
            }
        }
    }

    /// Sends a letter and waits until it is on its way.
    pub(crate) async fn send(&self, letter: &Letter, now: Timestamp) -> Result<(), Unsent> {
        match self {
            Self::Mailbox(database) => {
                let delivered = mailbox::deliver(database, letter, now).await;
                delivered.map_err(|error| {
                    tracing::error!(%error, "the mailbox failed");
                    Unsent::Later
                })
            }
            Self::Nowhere => Err(Unsent::Later),
            Self::Smtp(smtp) => smtp.send(letter, now).await,
        }
    }

    /// Whether letters go into the mailbox that the demo shows.
    pub(crate) fn is_mailbox(&self) -> bool {
        matches!(self, Self::Mailbox(_))
    }
}

/// How mail is sent.
#[derive(Debug)]
pub(crate) struct MailSettings {
    pub(crate) relay: Option<Relay>,
    pub(crate) password: Option<Password>,
    pub(crate) sender: Address,
}
