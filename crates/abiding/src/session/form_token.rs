//! Form tokens: proof that a form was shown by this application, to whoever sends it.
//!
//! A hidden field of every form holds one, and the handler asks for it before it does anything:
//! another site can make a browser send a form, and cannot read one. What a token is bound to:
//!
//! 1. the realm and the name of the cookie: a token of another application is refused;
//! 2. the session's handle and its subject, if somebody is signed in: a token from before the sign-in,
//!    of another session or of another person is refused; one from before a renewal is not;
//! 3. that nobody is signed in, otherwise: a visitor who only looks at a form costs no row and no
//!    cookie. Anybody can have such a token, so it does not keep another site from sending a visitor's
//!    form. The check of where the request comes from does (`abiding_tower::SameOrigin`): use both.
//!
//! Any key of the ring admits what it made: a rotation breaks no open form, a revocation does.

use super::{Session, lock};
use crate::{
    engine::Known,
    error::Result,
    keyring::Context,
    manager::{Place, Shared},
};

impl Session {
    /// A token for the hidden field of a form. Each is different, and good for as long as the session
    /// and the key that made it. Fetches the session; stores nothing, unless somebody signs in with this
    /// very request, which is then carried out first.
    ///
    /// In a session that lives in its cookie, nothing is carried out before the answer leaves: the page
    /// that signs somebody in has a token of nobody, which is refused. Let its answer be a redirect.
    ///
    /// ```
    /// # use abiding::{KeyRing, Manager, MemoryStore};
    /// # async fn example() -> abiding::Result<()> {
    /// # let manager = Manager::builder(MemoryStore::new()).keys(KeyRing::generate()?).build().unwrap();
    /// # let session = manager.open([]);
    /// let token = session.form_token().await?;
    /// let field = format!(r#"<input type="hidden" name="form_token" value="{token}">"#);
    /// # assert_eq!(field.len(), 98);
    /// assert!(session.admits_form_token(&token).await?);
    /// assert!(!session.admits_form_token("guessed").await?);
    /// # Ok(()) }
    /// # let mut future = std::pin::pin!(example());
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # assert!(matches!(future.as_mut().poll(&mut context), std::task::Poll::Ready(Ok(()))));
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Randomness`](crate::ErrorKind::Randomness); otherwise the store failed.
    pub async fn form_token(&self) -> Result<String> {
        let signs_in = matches!(lock(&self.desk).state.edit.subject, Some(Some(_)));
        if signs_in && matches!(self.shared.place, Place::Store(_)) {
            self.save().await?;
        }
        let shown_to = self.shown_to().await?;
        self.shared
            .ring
            .form_token(&shown_to, self.shared.clock.now())
    }

    /// Whether `token` was made for a form of this session, as it was when the request came in. Fetches
    /// the session.
    ///
    /// # Errors
    /// If the store failed.
    pub async fn admits_form_token(&self, token: &str) -> Result<bool> {
        self.read().await?;
        let desk = lock(&self.desk);
        // The page may have come from a node whose primary place is another.
        let mut places = (0..).map_while(|at| self.shared.place_at(at));
        Ok(places.any(|place| {
            let shown_to = place.shown_to(&desk.state.known);
            place.ring.admits_form_token(&shown_to, token)
        }))
    }

    async fn shown_to(&self) -> Result<Context> {
        self.read().await?;
        Ok(self.shared.shown_to(&lock(&self.desk).state.known))
    }
}

impl Shared {
    fn shown_to(&self, known: &Known) -> Context {
        let parts = match known {
            Known::Live(_, live) => live.meta.subject.as_ref().map(|subject| (live, subject)),
            Known::Ended(_)
            | Known::Nobody
            | Known::Unopened(_)
            | Known::Unread(_)
            | Known::Unvouched(_) => None,
        };
        match parts {
            Some((live, subject)) => {
                self.context(b"form", &[&live.meta.handle, subject.as_bytes()])
            }
            None => self.context(b"form", &[]),
        }
    }
}
