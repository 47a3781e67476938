//! The active platform: a copy in the session, which the database confirms before anybody acts on it.

use abiding_tower::Session;
use serde::{Deserialize, Serialize};

use super::{
    note,
    platform::{self, Edition, Platform, PlatformId},
    sent::spelled,
};
use crate::{accounts::SignedIn, app::App, errors::Problem};

/// What the session knows of platforms: the struct of [`Typed`](abiding_tower::Typed).
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Choice {
    #[serde(rename = "platforms.active")]
    pub(super) active: Option<Active>,
}

/// The active platform as it was when the session last heard of it: what the head of a page needs.
/// The note stays in the database.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Active {
    pub(super) edition: Edition,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) account: String,
}

impl Choice {
    /// The active platform as it is in the database. Where it was changed or removed behind the back
    /// of this session, the person is told once.
    pub(super) async fn confirmed(
        &mut self,
        app: &App,
        user: &SignedIn,
        session: &Session,
    ) -> Result<Option<Active>, Problem> {
        if let Some(cached) = &self.active
            && !platform::is_current(&app.database, user.id, cached.edition).await?
        {
            let id = cached.edition.id;
            let found = platform::find(&app.database, user.id, id).await?;
            let news = cached.news(found.as_ref());
            note(session, id, "found the active platform changed or removed").await?;
            session.flash("warning", &news).await?;
            self.active = found.as_ref().map(Active::from);
        }
        Ok(self.active.clone())
    }

    /// Whether this is the active platform.
    pub(super) fn is(&self, id: PlatformId) -> bool {
        let active = self.active.as_ref();
        active.is_some_and(|active| active.edition.id == id)
    }
}

impl Active {
    /// What happened to it meanwhile.
    fn news(&self, found: Option<&Platform>) -> String {
        let Some(Platform { details, .. }) = found else {
            return format!(
                "“{}” was removed elsewhere. No platform is active now.",
                self.name
            );
        };
        let news = [
            (self.name != details.name).then(|| format!("its name is “{}”", details.name)),
            (self.kind != details.kind).then(|| format!("its kind is {}", spelled(&details.kind))),
            (self.account != details.account)
                .then(|| format!("its account is “{}”", details.account)),
        ];
        let news: Vec<_> = news.into_iter().flatten().collect();
        let news = match &news[..] {
            [] => String::from("its note is another one"),
            news => news.join(", "),
        };
        format!("“{}” was changed elsewhere: {news} now.", self.name)
    }
}

impl From<&Platform> for Active {
    fn from(platform: &Platform) -> Self {
        Self {
            edition: platform.edition,
            name: platform.details.name.clone(),
            kind: platform.details.kind.clone(),
            account: platform.details.account.clone(),
        }
    }
}
