//! Waiting for the end of a session, for pages that stay open.

use super::{Look, Place, Shared};
use crate::{
    ending::Ending,
    engine::Credential,
    error::{Error, ErrorKind, Result},
    store::{DynStore, DynWatch},
};

impl Shared {
    /// Waits until the session that `credential` leads to is over, and answers why.
    pub(crate) async fn until_over(&self, mut credential: Credential) -> Result<Ending> {
        let (store, watch) = self.watch()?;
        loop {
            // Watched before it is looked at, so that nothing falls in between.
            let watching = watch.watch(&credential.key).await?;
            let now = self.clock.now();
            let Some(found) = store.load(&credential.key, now).await? else {
                return Ok(self.why_absent(store.capabilities(), &credential, now));
            };
            match self.look(&credential, &found, now)? {
                Look::Over(ending) => return Ok(ending),
                // The session went on under an id that this one does not lead to.
                Look::Live(live) if live.frozen => return Ok(Ending::Unknown),
                Look::Live(live) if live.moved => credential.key = found.key,
                Look::Live(_) => watching.await,
            }
        }
    }

    fn watch(&self) -> Result<(&dyn DynStore, &dyn DynWatch)> {
        match (&self.place, &self.watch) {
            (Place::Store(store), Some(watch)) => Ok((&**store, &**watch)),
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                "until_over",
                "build the manager with `watching()`, on a store that tells when a session is over",
            )),
        }
    }
}
