//! What people send to sign in or to make an account, and what is wrong with it.

use abiding_tower::Client;
use serde::Deserialize;

use super::{backoff, credentials::Checked, entry::Stay, passwords::Password, users};
use crate::{
    app::App,
    errors::Problem,
    forms::{Complaint, is_email, judged},
};

/// The form of the sign-in page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SignIn {
    pub(super) email: String,
    pub(super) password: Password,
    stay: Option<String>,
    pub(super) next: String,
}

/// The form of the registration page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Register {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) password: Password,
    pub(super) next: String,
}

impl SignIn {
    pub(super) fn to(next: String) -> Self {
        Self {
            next,
            ..Self::default()
        }
    }

    pub(super) fn stay(&self) -> Stay {
        self.stay.as_ref().map_or(Stay::Browser, |_| Stay::Week)
    }

    pub(super) fn check(&self) -> Result<(), Vec<Complaint>> {
        let password = self.password.is_empty().then_some("Enter your password");
        judged([
            ("email", email_complaint(&self.email)),
            ("password", password),
        ])
    }
}

impl Register {
    pub(super) fn to(next: String) -> Self {
        Self {
            next,
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), Vec<Complaint>> {
        judged([
            ("name", name_complaint(&self.name)),
            ("email", email_complaint(&self.email)),
            (
                "password",
                self.password.complaint(&[&self.name, &self.email]),
            ),
        ])
    }

    /// The account, unless there is one with this address. Asking that is an attempt like any other:
    /// who asks for many has to wait.
    pub(super) async fn make_account(
        &self,
        app: &App,
        client: &Client,
    ) -> Result<Checked, Problem> {
        let (email, now) = (self.email.trim(), app.now());
        let attempt = match backoff::begin(&app.database, email, client.address, now).await? {
            Ok(attempt) => attempt,
            Err(until) => return Ok(Checked::TooMany(until)),
        };
        let hash = app.hasher.hash(&self.password).await?;
        let made = users::add(&app.database, email, self.name.trim(), Some(hash), now).await?;
        let Some(user) = made else {
            return Ok(Checked::Wrong);
        };
        backoff::succeed(&app.database, attempt).await?;
        tracing::info!(user = %user.id, "an account was made");
        Ok(Checked::Right(user))
    }
}

fn email_complaint(email: &str) -> Option<&'static str> {
    match email.trim() {
        "" => Some("Enter your email address"),
        // RFC 5321, 4.5.3.1.3: a path has at most 256 octets, two of them brackets.
        email if email.len() > 254 => Some("An email address can have at most 254 characters"),
        email if !is_email(email) || email.chars().any(char::is_control) => {
            Some("Enter an email address such as name@example.org")
        }
        _ => None,
    }
}

fn name_complaint(name: &str) -> Option<&'static str> {
    match name.trim() {
        "" => Some("Enter your name"),
        name if name.chars().count() > 100 => Some("The name can have at most 100 characters"),
        name if name.chars().any(char::is_control) => {
            Some("The name holds characters that cannot be printed")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_that_do_not_do_are_told() {
        for (name, email, fields) in [
            ("Zola", "zola@example.org", &[][..]),
            (" ", "", &["name", "email"]),
            ("Zola", "zola", &["email"]),
            ("Zola", "zo la@example.org", &["email"]),
            ("Zo\0la", "zola@example.org", &["name"]),
            (
                &"é".repeat(101),
                &format!("{}@example.org", "x".repeat(250)),
                &["name", "email"],
            ),
        ] {
            let form = Register {
                name: name.to_owned(),
                email: email.to_owned(),
                password: "correct horse".into(),
                next: String::new(),
            };
            let complaints = form.check().err().unwrap_or_default();
            let found: Vec<_> = complaints.iter().map(|complaint| complaint.field).collect();
            assert_eq!(found, fields, "{name:?}, {email:?}");
        }
    }
}
