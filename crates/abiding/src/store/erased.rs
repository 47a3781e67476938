//! The store contract with boxed futures, so that a manager is one type whatever its store.
//! Why the public traits are not written like this: `docs/adr/0003-async-traits.md`.

use std::{future::Future, pin::Pin};

use super::{
    Bulk, Capabilities, Census, Change, Committed, Created, Cursor, Deleted, Expect, Farewell,
    Leave, Page, Question, Scan, Store, Subjects, Survey, Sweep, Swept, Touched, Walk, Watch,
    Watching,
};
use crate::{
    clock::Timestamp,
    error::Result,
    id::StoreKey,
    record::{Found, Record, SubjectKey},
};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

pub(crate) trait DynStore: Send + Sync + 'static {
    fn capabilities(&self) -> Capabilities;
    fn create<'a>(
        &'a self,
        key: &'a StoreKey,
        record: &'a Record,
        now: Timestamp,
    ) -> Boxed<'a, Created>;
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> Boxed<'a, Option<Found>>;
    fn commit<'a>(
        &'a self,
        key: &'a StoreKey,
        change: &'a Change,
        expect: Expect,
        now: Timestamp,
    ) -> Boxed<'a, Committed>;
    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Boxed<'a, Touched>;
    fn rotate<'a>(
        &'a self,
        from: &'a StoreKey,
        to: &'a StoreKey,
        change: &'a Change,
        expect: Expect,
        leave: Leave,
        now: Timestamp,
    ) -> Boxed<'a, Committed>;
    fn delete<'a>(
        &'a self,
        key: &'a StoreKey,
        farewell: Option<&'a Farewell>,
        now: Timestamp,
    ) -> Boxed<'a, Deleted>;
}

impl<S: Store> DynStore for S {
    fn capabilities(&self) -> Capabilities {
        Store::capabilities(self)
    }

    fn create<'a>(
        &'a self,
        key: &'a StoreKey,
        record: &'a Record,
        now: Timestamp,
    ) -> Boxed<'a, Created> {
        Box::pin(Store::create(self, key, record, now))
    }

    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> Boxed<'a, Option<Found>> {
        Box::pin(Store::load(self, key, now))
    }

    fn commit<'a>(
        &'a self,
        key: &'a StoreKey,
        change: &'a Change,
        expect: Expect,
        now: Timestamp,
    ) -> Boxed<'a, Committed> {
        Box::pin(Store::commit(self, key, change, expect, now))
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> Boxed<'a, Touched> {
        Box::pin(Store::touch(self, key, idle_deadline, now))
    }

    fn rotate<'a>(
        &'a self,
        from: &'a StoreKey,
        to: &'a StoreKey,
        change: &'a Change,
        expect: Expect,
        leave: Leave,
        now: Timestamp,
    ) -> Boxed<'a, Committed> {
        Box::pin(Store::rotate(self, from, to, change, expect, leave, now))
    }

    fn delete<'a>(
        &'a self,
        key: &'a StoreKey,
        farewell: Option<&'a Farewell>,
        now: Timestamp,
    ) -> Boxed<'a, Deleted> {
        Box::pin(Store::delete(self, key, farewell, now))
    }
}

pub(crate) trait DynBulk: Send + Sync + 'static {
    fn create_all(
        &self,
        records: Vec<(StoreKey, Record)>,
        now: Timestamp,
    ) -> Boxed<'_, Vec<Created>>;
    fn replace_all(&self, records: Vec<(Found, Record)>, now: Timestamp) -> Boxed<'_, Vec<bool>>;
}

impl<S: Bulk> DynBulk for S {
    fn create_all(
        &self,
        records: Vec<(StoreKey, Record)>,
        now: Timestamp,
    ) -> Boxed<'_, Vec<Created>> {
        Box::pin(Bulk::create_all(self, records, now))
    }

    fn replace_all(&self, records: Vec<(Found, Record)>, now: Timestamp) -> Boxed<'_, Vec<bool>> {
        Box::pin(Bulk::replace_all(self, records, now))
    }
}

pub(crate) trait DynSweep: Send + Sync + 'static {
    fn sweep(&self, now: Timestamp, limit: usize) -> Boxed<'_, Swept>;
}

impl<S: Sweep> DynSweep for S {
    fn sweep(&self, now: Timestamp, limit: usize) -> Boxed<'_, Swept> {
        Box::pin(Sweep::sweep(self, now, limit))
    }
}

pub(super) trait DynScan: Send + Sync + 'static {
    fn scan<'a>(
        &'a self,
        after: Option<&'a StoreKey>,
        limit: usize,
        now: Timestamp,
    ) -> Boxed<'a, Vec<Found>>;
}

impl<S: Scan> DynScan for S {
    fn scan<'a>(
        &'a self,
        after: Option<&'a StoreKey>,
        limit: usize,
        now: Timestamp,
    ) -> Boxed<'a, Vec<Found>> {
        Box::pin(Scan::scan(self, after, limit, now))
    }
}

pub(super) trait DynSurvey: Send + Sync + 'static {
    fn survey<'a>(&'a self, question: &'a Question, now: Timestamp) -> Boxed<'a, Census>;
}

impl<S: Survey> DynSurvey for S {
    fn survey<'a>(&'a self, question: &'a Question, now: Timestamp) -> Boxed<'a, Census> {
        Box::pin(Survey::survey(self, question, now))
    }
}

pub(super) trait DynWalk: Send + Sync + 'static {
    fn walk<'a>(
        &'a self,
        from: Option<&'a Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> Boxed<'a, Page>;
}

impl<S: Walk> DynWalk for S {
    fn walk<'a>(
        &'a self,
        from: Option<&'a Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> Boxed<'a, Page> {
        Box::pin(Walk::walk(self, from, limit, now))
    }
}

pub(crate) trait DynSubjects: Send + Sync + 'static {
    fn of_subject<'a>(&'a self, subject: &'a SubjectKey, now: Timestamp) -> Boxed<'a, Vec<Found>>;
    fn end_subject<'a>(
        &'a self,
        subject: &'a SubjectKey,
        except: Option<&'a StoreKey>,
        now: Timestamp,
    ) -> Boxed<'a, usize>;
}

impl<S: Subjects> DynSubjects for S {
    fn of_subject<'a>(&'a self, subject: &'a SubjectKey, now: Timestamp) -> Boxed<'a, Vec<Found>> {
        Box::pin(Subjects::of_subject(self, subject, now))
    }

    fn end_subject<'a>(
        &'a self,
        subject: &'a SubjectKey,
        except: Option<&'a StoreKey>,
        now: Timestamp,
    ) -> Boxed<'a, usize> {
        Box::pin(Subjects::end_subject(self, subject, except, now))
    }
}

pub(crate) trait DynWatch: Send + Sync + 'static {
    fn watch<'a>(&'a self, key: &'a StoreKey) -> Boxed<'a, Watching>;
}

impl<S: Watch> DynWatch for S {
    fn watch<'a>(&'a self, key: &'a StoreKey) -> Boxed<'a, Watching> {
        Box::pin(Watch::watch(self, key))
    }
}
