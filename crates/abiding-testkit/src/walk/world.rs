//! One history: a manager over a faulty store, browsers with cookie jars, and the model that watches.

use std::{
    cell::{RefCell, RefMut},
    sync::{Arc, Mutex, PoisonError},
};

use abiding::{
    Expiry, Manager, Store, Timestamp,
    store::{Subjects, Sweep},
};

use super::{
    Setting, Tally,
    model::{ABSOLUTE, IDLE, Model, Verdict},
    observer::{Observer, Seen},
};
use crate::{
    clock::ManualClock,
    faults::{Fault, Faulty, Operation, Plan},
    random::Random,
    run::yield_now,
};

pub(super) struct World {
    pub(super) manager: Manager,
    pub(super) clock: ManualClock,
    pub(super) subjects: [String; 2],
    /// Whether an operation that was dropped can no longer come into effect.
    pub(super) drops_at_once: bool,
    observer: Observer,
    course: RefCell<Course>,
}

/// What moves while the history runs.
pub(super) struct Course {
    pub(super) random: Random,
    pub(super) model: Model,
    pub(super) jars: Vec<Option<String>>,
    pub(super) tally: Tally,
    /// How many more requests may begin.
    budget: usize,
    transcript: Option<Vec<String>>,
    broken: Option<String>,
}

impl World {
    pub(super) fn new<S: Store + Subjects + Sweep>(
        store: &Faulty<Arc<S>>,
        setting: &Setting,
        seed: u64,
        budget: usize,
        logged: bool,
    ) -> Self {
        let clock = ManualClock::new();
        let manager = Manager::builder(store.clone())
            .keys(setting.ring.clone())
            .clock(clock.clone())
            .expiry(Expiry::new().idle(IDLE).absolute(ABSOLUTE))
            .subjects()
            .sweeping()
            .build()
            .expect("the settings of the walk are sound");
        let mut model = Model::default();
        model.invented(setting.foreign.clone());
        Self {
            observer: Observer::new(store.store(), &setting.ring, &clock),
            drops_at_once: store.store().capabilities().in_process,
            manager,
            clock,
            subjects: [
                format!("ada {}", setting.unique(seed)),
                format!("ben {}", setting.unique(seed)),
            ],
            course: RefCell::new(Course {
                random: Random::new(seed),
                model,
                jars: vec![],
                tally: Tally::default(),
                budget,
                transcript: logged.then(Vec::new),
                broken: None,
            }),
        }
    }

    /// Never to be held across an await.
    pub(super) fn course(&self) -> RefMut<'_, Course> {
        self.course.borrow_mut()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether one more request may begin.
    pub(super) fn may_begin(&self) -> bool {
        let mut course = self.course();
        let may = course.broken.is_none() && course.budget > 0;
        course.budget -= usize::from(may);
        may
    }

    pub(super) fn note(&self, line: impl FnOnce() -> String) {
        let since = self.now().since(ManualClock::START).as_secs();
        let mut course = self.course();
        if course.broken.is_some() {
            return;
        }
        if let Some(transcript) = &mut course.transcript {
            transcript.push(format!("{since:>6} s  {}", line()));
        }
    }

    pub(super) fn judge(&self, verdict: Verdict) {
        if let Err(broken) = verdict {
            self.note(|| format!("BROKEN: {broken}"));
            self.course().broken.get_or_insert(broken);
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.course().broken.is_some()
    }

    /// What a token leads to now.
    pub(super) fn see(&self, text: &str) -> Option<Seen> {
        self.observer.look(text).unwrap_or_else(|broken| {
            self.judge(Err(broken));
            None
        })
    }

    /// What every token leads to now.
    pub(super) fn see_all(&self) -> Vec<Option<Seen>> {
        let texts: Vec<_> = self
            .course()
            .model
            .tokens
            .iter()
            .map(|token| token.text.clone())
            .collect();
        texts.iter().map(|text| self.see(text)).collect()
    }

    /// Looks through every token.
    pub(super) fn look_around(&self) {
        let all = self.course().model.tokens.len();
        self.look_through(0..all);
    }

    /// Looks through every token that led somewhere when it was last looked through.
    pub(super) fn look_on(&self) {
        let alive = self.course().model.alive();
        self.look_through(alive);
    }

    fn look_through(&self, tokens: impl IntoIterator<Item = usize>) {
        for token in tokens {
            let text = self.course().model.tokens[token].text.clone();
            let (seen, now) = (self.see(&text), self.now());
            let verdict = self.course().model.look(token, seen.as_ref(), now);
            self.judge(verdict);
        }
    }

    /// Lets others go on, perhaps.
    pub(super) async fn wait(&self, times: usize) {
        let times = self.course().random.below(times + 1);
        for _ in 0..times {
            yield_now().await;
        }
    }

    /// What became of the history: what was counted, or what was broken and how it came to it.
    pub(super) fn finish(self) -> Result<Tally, (String, Vec<String>)> {
        let course = self.course.into_inner();
        match course.broken {
            Some(broken) => Err((broken, course.transcript.unwrap_or_default())),
            None => Ok(course.tally),
        }
    }
}

/// Delays everywhere, and now and then a failure or a lost reply.
pub(super) fn faults(mut random: Random) -> Plan {
    let trouble = random.below(8);
    let random = Mutex::new(random);
    Plan::decided_by(move |operation, _| {
        let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
        if operation == Operation::Any {
            return vec![];
        }
        let mut faults = vec![
            Fault::Delay(random.below(4)),
            Fault::DelayReply(random.below(3)),
        ];
        if random.chance(trouble) {
            faults.push(Fault::Fail);
        } else if random.chance(trouble) {
            faults.push(Fault::LoseReply);
        }
        faults
    })
}
