//! The two places of a migration, opened, and the manager that knows both.

use std::time::Duration;

use abiding::{
    Manager, ManagerBuilder, Phase,
    inspect::Inspector,
    store::{AnyStore, Store as _, sample},
};
use abiding_stores::StoreUrl;
use serde::{Deserialize, Serialize};

use crate::{
    exit::{Exit, Failure},
    moment::Now,
    place::{FlaskArgs, Layout, Place, read_url},
    secrets::KeyArgs,
};

/// From where to where, in whose layout, with which keys.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct EndsArgs {
    /// Where the sessions are: a URL such as `sqlite:sessions.db`; one with a password in it as `env:NAME`, the
    /// variable that holds it, or `@PATH`, the file
    #[arg(long, value_name = "URL")]
    from: String,
    /// Where they go
    #[arg(long, value_name = "URL")]
    to: String,
    /// Who keeps them where they are, in which layout
    #[arg(long, value_enum, default_value_t, help_heading = "Layout")]
    from_layout: Layout,
    /// Who keeps them where they go, in which layout
    #[arg(long, value_enum, default_value_t, help_heading = "Layout")]
    to_layout: Layout,
    #[command(flatten)]
    flask: FlaskArgs,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    now: Now,
}

/// From where to where, in words that may be read by anybody.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Route {
    pub(super) from: String,
    pub(super) to: String,
}

/// Both places.
pub(super) struct Ends {
    pub(super) from: Place,
    pub(super) to: Place,
    /// Of the new place, and it moves out of the old one, which is its place number 0.
    pub(super) manager: Manager,
    pub(super) inspector: Inspector,
    pub(super) now: Now,
    pub(super) route: Route,
}

impl EndsArgs {
    /// The same the other way round.
    pub(super) fn reversed(self) -> Self {
        Self {
            from: self.to,
            to: self.from,
            from_layout: self.to_layout,
            to_layout: self.from_layout,
            ..self
        }
    }

    /// Opens both, and refuses what cannot work before anything moves.
    pub(super) async fn open(&self) -> Result<Ends, Failure> {
        let (from_url, to_url) = (read_url(&self.from)?, read_url(&self.to)?);
        let route = Route {
            from: words(self.from_layout, &from_url),
            to: words(self.to_layout, &to_url),
        };
        if route.from == route.to {
            return Err(one_place(&route));
        }
        let ring = self.keys.read(false)?.ring.ok_or_else(|| {
            Failure::usage("the keys of the application are missing: name them with `--keys SOURCE`, or Flask's with `--secret SOURCE`")
        })?;
        let from = self
            .from_layout
            .open(from_url, &self.flask.settings(self.from_layout))
            .await?;
        if from.hides_ids() {
            return Err(Failure::new(
                Exit::Unsupported,
                "the files of cachelib do not tell the ids of their sessions: let the application know both places, and each moves when it is next used (docs/migration.md)",
            ));
        }
        let to = match self.to_layout {
            Layout::Native => Place::native(to_url.open().await?, to_url),
            layout => layout.open(to_url, &self.flask.settings(layout)).await?,
        };
        let builder = |place: &Place, layout| -> ManagerBuilder<AnyStore> {
            let builder = Manager::builder(place.store.clone());
            let builder = if place.store.powers().bulk {
                builder.bulk()
            } else {
                builder
            };
            let builder = builder
                .keys(ring.clone())
                .realm(&self.keys.realm)
                .clock(self.now);
            match layout {
                Layout::Native => builder,
                layout => builder.flask_session(self.flask.settings(layout)),
            }
        };
        let old = builder(&from, self.from_layout).build()?;
        let manager = builder(&to, self.to_layout)
            .elsewhere(old, Phase::Move)
            .build()?;
        let inspector = Inspector::new(ring, &self.keys.realm, manager.cookie().name());
        let ends = Ends {
            from,
            to,
            manager,
            inspector,
            now: self.now,
            route,
        };
        ends.are_two().await?;
        Ok(ends)
    }
}

impl Ends {
    /// One place may have two names: what is put into the one must not show in the other.
    async fn are_two(&self) -> Result<(), Failure> {
        if self.from.is_flask() || self.to.is_flask() {
            return Ok(());
        }
        let (key, now) = (sample::key(), self.now.instant());
        let record = sample::record(now, now.after(Duration::from_secs(60)), &[]);
        self.to.store.create(&key, &record, now).await?;
        let shown = self.from.store.load(&key, now).await;
        self.to.store.delete(&key, None, now).await?;
        if shown?.is_some() {
            return Err(one_place(&self.route));
        }
        Ok(())
    }
}

/// A place, in words. A URL prints no password.
fn words(layout: Layout, url: &StoreUrl) -> String {
    match layout {
        Layout::Native => url.to_string(),
        Layout::FlaskSession | Layout::FlaskSession05 => {
            format!("{url}, as Flask-Session keeps them")
        }
    }
}

fn one_place(route: &Route) -> Failure {
    Failure::usage(format!(
        "{} and {} are one place: name two",
        route.from, route.to
    ))
}
