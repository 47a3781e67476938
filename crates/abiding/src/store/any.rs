//! A store of any kind behind one type, for programs that learn at their start which one it is.
//!
//! Made by whoever opens a store by its URL; given to a manager or a ledger like any other store. An
//! operation costs one allocation more than on the store itself.

use std::{fmt, sync::Arc};

use super::{
    Bulk, Capabilities, Census, Change, Committed, Created, Cursor, Deleted, DynBulk, DynStore,
    DynSubjects, DynSweep, DynWatch, Expect, Farewell, Leave, Page, Question, Scan, Store,
    Subjects, Survey, Sweep, Swept, Touched, Walk, Watch, Watching,
    erased::{DynScan, DynSurvey, DynWalk},
};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind, Result},
    id::StoreKey,
    record::{Found, Record, SubjectKey},
};

/// A store of any kind, with the optional powers that it has. Clones are the same store.
///
/// It has the traits of every power. What the store within lacks is an error of kind
/// [`Unsupported`](ErrorKind::Unsupported), but for [`sweep`](Sweep::sweep): a store without that power
/// forgets by itself, so there is nothing to remove.
///
/// ```
/// use abiding::{MemoryStore, store::AnyStore};
///
/// let store = AnyStore::of(MemoryStore::new()).subjects().sweep().build();
/// assert!(store.powers().sweep && !store.powers().walk);
/// ```
#[derive(Clone)]
pub struct AnyStore {
    store: Arc<dyn DynStore>,
    bulk: Option<Arc<dyn DynBulk>>,
    scan: Option<Arc<dyn DynScan>>,
    subjects: Option<Arc<dyn DynSubjects>>,
    survey: Option<Arc<dyn DynSurvey>>,
    sweep: Option<Arc<dyn DynSweep>>,
    walk: Option<Arc<dyn DynWalk>>,
    watch: Option<Arc<dyn DynWatch>>,
}

/// Which optional powers a store has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Powers {
    /// Many records can be written at once: [`Bulk`].
    pub bulk: bool,
    /// All living records can be walked over: [`Scan`].
    pub scan: bool,
    /// The records of a subject can be found and ended: [`Subjects`].
    pub subjects: bool,
    /// Sessions are counted where they lie: [`Survey`].
    pub survey: bool,
    /// What ended by itself can be removed: [`Sweep`].
    pub sweep: bool,
    /// All living records can be walked over, if in no order: [`Walk`]. Whoever has `scan` has this.
    pub walk: bool,
    /// It tells when a record is over: [`Watch`].
    pub watch: bool,
}

impl Powers {
    /// These powers, each there or not, without [`Bulk`], [`Survey`] and [`Watch`].
    pub const fn new(scan: bool, subjects: bool, sweep: bool) -> Self {
        Self {
            bulk: false,
            scan,
            subjects,
            survey: false,
            sweep,
            walk: scan,
            watch: false,
        }
    }

    /// These and [`Bulk`].
    pub const fn and_bulk(mut self) -> Self {
        self.bulk = true;
        self
    }

    /// These and [`Survey`].
    pub const fn and_survey(mut self) -> Self {
        self.survey = true;
        self
    }

    /// These and [`Walk`].
    pub const fn and_walk(mut self) -> Self {
        self.walk = true;
        self
    }
}

impl AnyStore {
    /// Begins with a store and none of its optional powers.
    pub fn of<S: Store>(store: S) -> AnyStoreBuilder<S> {
        let store = Arc::new(store);
        AnyStoreBuilder {
            any: Self {
                store: Arc::clone(&store) as _,
                bulk: None,
                scan: None,
                subjects: None,
                survey: None,
                sweep: None,
                walk: None,
                watch: None,
            },
            store,
        }
    }

    /// Which optional powers it has.
    pub fn powers(&self) -> Powers {
        Powers {
            bulk: self.bulk.is_some(),
            scan: self.scan.is_some(),
            subjects: self.subjects.is_some(),
            survey: self.survey.is_some(),
            sweep: self.sweep.is_some(),
            walk: self.scan.is_some() || self.walk.is_some(),
            watch: self.watch.is_some(),
        }
    }

    fn lacking(&self, operation: &'static str, power: &str) -> Error {
        let name = self.store.capabilities().name;
        let context = format!("the {name} store {power}");
        Error::new(ErrorKind::Unsupported, operation, context)
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyStore")
            .field("capabilities", &self.store.capabilities())
            .field("powers", &self.powers())
            .finish()
    }
}

/// Makes an [`AnyStore`], power by power.
#[must_use = "a builder does nothing before `build`"]
pub struct AnyStoreBuilder<S> {
    any: AnyStore,
    store: Arc<S>,
}

impl<S: Store> AnyStoreBuilder<S> {
    /// It writes many records at once.
    pub fn bulk(mut self) -> Self
    where
        S: Bulk,
    {
        self.any.bulk = Some(Arc::clone(&self.store) as _);
        self
    }

    /// It can be walked over.
    pub fn scan(mut self) -> Self
    where
        S: Scan,
    {
        self.any.scan = Some(Arc::clone(&self.store) as _);
        self
    }

    /// It finds the sessions of a subject.
    pub fn subjects(mut self) -> Self
    where
        S: Subjects,
    {
        self.any.subjects = Some(Arc::clone(&self.store) as _);
        self
    }

    /// It counts sessions where they lie.
    pub fn survey(mut self) -> Self
    where
        S: Survey,
    {
        self.any.survey = Some(Arc::clone(&self.store) as _);
        self
    }

    /// It can be swept.
    pub fn sweep(mut self) -> Self
    where
        S: Sweep,
    {
        self.any.sweep = Some(Arc::clone(&self.store) as _);
        self
    }

    /// It can be walked over, though it has no order of keys.
    pub fn walk(mut self) -> Self
    where
        S: Walk,
    {
        self.any.walk = Some(Arc::clone(&self.store) as _);
        self
    }

    /// It tells when a record is over.
    pub fn watch(mut self) -> Self
    where
        S: Watch,
    {
        self.any.watch = Some(Arc::clone(&self.store) as _);
        self
    }

    /// The store.
    pub fn build(self) -> AnyStore {
        self.any
    }
}

impl<S> fmt::Debug for AnyStoreBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.any.fmt(f)
    }
}

impl Store for AnyStore {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn create(&self, key: &StoreKey, record: &Record, now: Timestamp) -> Result<Created> {
        self.store.create(key, record, now).await
    }

    async fn load(&self, key: &StoreKey, now: Timestamp) -> Result<Option<Found>> {
        self.store.load(key, now).await
    }

    async fn commit(
        &self,
        key: &StoreKey,
        change: &Change,
        expect: Expect,
        now: Timestamp,
    ) -> Result<Committed> {
        self.store.commit(key, change, expect, now).await
    }

    async fn touch(
        &self,
        key: &StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Touched> {
        self.store.touch(key, idle_deadline, now).await
    }

    async fn rotate(
        &self,
        from: &StoreKey,
        to: &StoreKey,
        change: &Change,
        expect: Expect,
        leave: Leave,
        now: Timestamp,
    ) -> Result<Committed> {
        self.store
            .rotate(from, to, change, expect, leave, now)
            .await
    }

    async fn delete(
        &self,
        key: &StoreKey,
        farewell: Option<&Farewell>,
        now: Timestamp,
    ) -> Result<Deleted> {
        self.store.delete(key, farewell, now).await
    }
}

impl Sweep for AnyStore {
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<Swept> {
        match &self.sweep {
            Some(store) => store.sweep(now, limit).await,
            None => Ok(Swept::default()),
        }
    }
}

impl Scan for AnyStore {
    async fn scan(
        &self,
        after: Option<&StoreKey>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Found>> {
        match &self.scan {
            Some(store) => store.scan(after, limit, now).await,
            None => Err(self.lacking("scan", "cannot be walked over")),
        }
    }
}

impl Bulk for AnyStore {
    async fn create_all(
        &self,
        records: Vec<(StoreKey, Record)>,
        now: Timestamp,
    ) -> Result<Vec<Created>> {
        match &self.bulk {
            Some(store) => store.create_all(records, now).await,
            None => Err(self.lacking("create", WRITES_ONE)),
        }
    }

    async fn replace_all(
        &self,
        records: Vec<(Found, Record)>,
        now: Timestamp,
    ) -> Result<Vec<bool>> {
        match &self.bulk {
            Some(store) => store.replace_all(records, now).await,
            None => Err(self.lacking("replace", WRITES_ONE)),
        }
    }
}

impl Survey for AnyStore {
    async fn survey(&self, question: &Question, now: Timestamp) -> Result<Census> {
        match &self.survey {
            Some(store) => store.survey(question, now).await,
            None => Err(self.lacking("survey", "does not count its sessions")),
        }
    }
}

/// By the keys in their order, where the store has one.
impl Walk for AnyStore {
    async fn walk(&self, from: Option<&Cursor>, limit: usize, now: Timestamp) -> Result<Page> {
        match (&self.walk, &self.scan) {
            (Some(store), _) => store.walk(from, limit, now).await,
            (None, Some(store)) => {
                let after = from.map(|cursor| key(cursor.as_str())).transpose()?;
                let found = store.scan(after.as_ref(), limit, now).await?;
                let is_last = found.len() < limit;
                let last = found.last().filter(|_| !is_last);
                let next = last.map(|found| Cursor::new(found.key.to_hex()));
                Ok(Page::new(found, next))
            }
            (None, None) => Err(self.lacking("walk", "cannot be walked over")),
        }
    }
}

/// The key that 64 hexadecimal digits spell.
fn key(digits: &str) -> Result<StoreKey> {
    let mut bytes = [0; StoreKey::LEN];
    let spelt = digits.len() == 2 * bytes.len() && digits.is_ascii();
    for (byte, at) in bytes.iter_mut().zip((0..digits.len()).step_by(2)) {
        let pair = digits.get(at..at + 2).filter(|_| spelt);
        let read = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        *byte = read.ok_or_else(|| {
            let what = "the place to go on from is none of this store";
            Error::new(ErrorKind::Decode, "walk", what)
        })?;
    }
    Ok(StoreKey::from_bytes(bytes))
}

impl Subjects for AnyStore {
    async fn of_subject(&self, subject: &SubjectKey, now: Timestamp) -> Result<Vec<Found>> {
        match &self.subjects {
            Some(store) => store.of_subject(subject, now).await,
            None => Err(self.lacking("find the sessions of a subject", LISTS_NOBODY)),
        }
    }

    async fn end_subject(
        &self,
        subject: &SubjectKey,
        except: Option<&StoreKey>,
        now: Timestamp,
    ) -> Result<usize> {
        match &self.subjects {
            Some(store) => store.end_subject(subject, except, now).await,
            None => Err(self.lacking("end the sessions of a subject", LISTS_NOBODY)),
        }
    }
}

impl Watch for AnyStore {
    async fn watch(&self, key: &StoreKey) -> Result<Watching> {
        match &self.watch {
            Some(store) => store.watch(key).await,
            None => Err(self.lacking("watch", "does not tell when a session is over")),
        }
    }
}

const LISTS_NOBODY: &str = "does not know which sessions are a subject's";
const WRITES_ONE: &str = "writes one session at a time";
