use super::never_known::{Known, MoreKnown, Unknown};
use super::program::{Machine, State};
use super::run::Inputs;
use super::subscription::OpenSubscription;
use super::timer::Earliest;
use super::world::{Moment, ScopeId, Site, World};
use crate::event::{
    Explanation, Fact, Failure, Feed, Headline, Inbox, Json, Location, Metrics, Name, StateMetrics,
};
use crate::script::{Scope, Value};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What went wrong, with all that a report needs. Boxed: it is rare, and futures carry it around.
pub(super) type Trouble = Box<Headline>;

/// One task's machine while it runs: what all its futures share.
pub(super) struct Execution<'m, W: World> {
    pub(super) machine: &'m Machine,
    pub(super) world: &'m W,
    /// The variables.
    pub(super) scope: Scope,
    /// What the run gave to it, as far as it is needed after the beginning.
    pub(super) run: Name,
    pub(super) attempt: u32,
    /// Nothing but `defer`s and `cleanup` is run.
    pub(super) cleanup_only: bool,
    pub(super) services: Arc<Json>,
    pub(super) started: Moment,
    pub(super) earliest: Earliest,
    inner: Mutex<Inner>,
}

/// What changes while the machine runs.
#[derive(Default)]
pub(super) struct Inner {
    pub(super) state: usize,
    pub(super) visit: u32,
    pub(super) entered: Moment,
    /// Whether a visit is going on whose time has not been booked yet.
    pub(super) visiting: bool,
    /// The states that were entered last, the newest at the end: what a loop is told by.
    pub(super) trail: VecDeque<usize>,
    /// When the task's own time is over.
    pub(super) deadline: Moment,
    /// The scope of the visit, and whether anything was started in it.
    pub(super) visit_scope: u32,
    pub(super) dirty: bool,
    /// The configs of the clients that were used. Few: a list finds them as fast as a map would.
    pub(super) configs: Vec<(usize, Arc<Json>)>,
    pub(super) visits: Box<[(u32, u64)]>,
    pub(super) transitions: u64,
    pub(super) attempts: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) seen: u64,
    pub(super) unmatched: u64,
    /// Which conditions have had an answer.
    pub(super) known: Known,
    /// Made on first use: most executions have none of it.
    pub(super) rare: Option<Box<Rare>>,
}

/// What few executions have.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) error: Option<Value>,
    /// The first failure that was routed.
    pub(super) routed: Option<Trouble>,
    /// The `defer` or cleanup instruction that runs.
    pub(super) cleaning: Option<Name>,
    pub(super) deferred: Vec<Deferred>,
    /// How many were armed so far.
    pub(super) armed: u32,
    /// Open `listen` entries and signals, by name.
    pub(super) listening: BTreeMap<Name, OpenSubscription>,
    pub(super) signals: BTreeMap<Name, (Feed, Inbox)>,
    /// The subscriptions of the visit.
    pub(super) subscriptions: Vec<OpenSubscription>,
    /// Conditions that had no answer when they were first asked.
    pub(super) unknown: Vec<Unknown>,
    /// Which of the conditions from the 65th on have had an answer.
    pub(super) more_known: MoreKnown,
}

impl Inner {
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

/// An armed `defer`: what to run, and the world as it stood when its instruction had ended.
pub(super) struct Deferred {
    pub(super) step: Arc<super::program::Step>,
    pub(super) item: Option<Value>,
    /// Filled in when the instruction has ended; until then the variables are those of the end.
    pub(super) ended: Option<(Scope, Option<Value>)>,
}

/// What an expression sees besides the variables.
#[derive(Clone, Copy)]
pub(super) struct Env<'a> {
    pub(super) scope: &'a Scope,
    pub(super) res: Option<&'a Value>,
    pub(super) attempt: u32,
    pub(super) item: Option<&'a Value>,
    /// The error in question, where it is not the execution's last one.
    pub(super) error: Option<&'a Value>,
    /// The number of the `defer` that the instruction has armed.
    pub(super) armed: Option<u32>,
}

impl<'a> Env<'a> {
    pub(super) fn with_res(self, res: &'a Value, attempt: u32) -> Self {
        Self {
            res: Some(res),
            attempt,
            ..self
        }
    }
}

impl<'m, W: World> Execution<'m, W> {
    pub(super) fn new(machine: &'m Machine, world: &'m W, inputs: &Inputs) -> Self {
        let started = world.now();
        // What cleans up after an execution speaks in its name.
        let of = (inputs.checkpoint.as_ref()).and_then(|checkpoint| checkpoint.of.clone());
        let (run, attempt) = of.unwrap_or_else(|| (Name::clone(&inputs.run), inputs.attempt));
        let inner = Inner {
            state: machine.program.start,
            entered: started,
            deadline: Moment(u64::MAX),
            visits: vec![(0, 0); machine.program.states.len()].into(),
            ..Inner::default()
        };
        Self {
            machine,
            world,
            scope: Scope::new(),
            run,
            attempt,
            cleanup_only: inputs
                .checkpoint
                .as_ref()
                .is_some_and(|checkpoint| checkpoint.cleanup_only),
            services: Arc::clone(&inputs.services),
            started,
            earliest: Earliest::default(),
            inner: Mutex::new(inner),
        }
    }

    /// What changes. Never held across an await: all futures of one execution share a thread of control.
    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn env(&self) -> Env<'_> {
        Env {
            scope: &self.scope,
            res: None,
            attempt: 1,
            item: None,
            error: None,
            armed: None,
        }
    }

    pub(super) fn state(&self) -> &'m State {
        &self.machine.program.states[self.inner().state]
    }

    /// Completes when the clock has reached this moment.
    pub(super) fn sleep_until(&self, at: Moment) -> impl Future<Output = ()> {
        self.earliest.sleep_until(self.world, at)
    }

    pub(super) fn record(&self, fact: Fact) -> impl Future<Output = ()> + Send {
        self.world.record(fact)
    }

    /// Where a request of this visit comes from. Marks the visit as one that has started something.
    pub(super) fn site<'a>(&self, place: &'a Arc<Location>, attempt: u32) -> Site<'a> {
        let mut inner = self.inner();
        inner.dirty = true;
        Site {
            scope: ScopeId(inner.visit_scope),
            place,
            visit: inner.visit,
            attempt,
        }
    }

    /// Seconds since the state was entered.
    pub(super) fn elapsed(&self) -> f64 {
        let entered = self.inner().entered;
        self.world.now().since(entered) as f64 / 1e6
    }

    pub(super) fn count_reply(&self, sent: u64, received: u64) {
        let mut inner = self.inner();
        inner.attempts += 1;
        inner.sent += sent;
        inner.received += received;
    }

    /// The inbox of a signal; the first use makes it.
    pub(super) fn signal_inbox(&self, name: &Name) -> Inbox {
        let mut inner = self.inner();
        let (_, inbox) = inner
            .rare()
            .signals
            .entry(Name::clone(name))
            .or_insert_with(Inbox::new);
        inbox.clone()
    }

    /// The name of the state that the machine is in, once it has entered one.
    pub(super) fn state_name(&self) -> Option<Name> {
        let inner = self.inner();
        let name = &self.machine.program.states[inner.state].name;
        (!inner.trail.is_empty()).then(|| Name::clone(name))
    }

    /// Trouble at a place, in the state that the machine is in.
    pub(super) fn trouble(&self, failure: Failure, place: &Arc<Location>) -> Trouble {
        let micros = self.world.now().since(self.inner().entered);
        Box::new(Headline {
            state: self.state_name(),
            place: Some(Arc::clone(place)),
            micros,
            ..Headline::of(failure)
        })
    }

    /// What the execution has cost up to now.
    pub(super) fn metrics(&self) -> Metrics {
        let inner = self.inner();
        let (mut seen, mut unmatched) = (inner.seen, inner.unmatched);
        if let Some(rare) = &inner.rare {
            for open in rare.subscriptions.iter().chain(rare.listening.values()) {
                let (more_seen, more_left) = open.inbox.counts();
                seen += more_seen;
                unmatched += more_left;
            }
        }
        Metrics {
            micros: self.world.now().since(self.started),
            transitions: inner.transitions,
            attempts: inner.attempts,
            messages_seen: seen,
            messages_unmatched: unmatched,
            bytes_sent: inner.sent,
            bytes_received: inner.received,
            states: self
                .machine
                .program
                .states
                .iter()
                .zip(&inner.visits)
                .filter(|(_, (visits, _))| *visits > 0)
                .map(|(state, (visits, micros))| StateMetrics {
                    state: Name::clone(&state.name),
                    visits: u64::from(*visits),
                    micros: *micros,
                })
                .collect(),
        }
    }
}

/// Adds an explanation to a headline.
pub(super) fn explained(
    mut trouble: Trouble,
    place: &Arc<Location>,
    explanation: Explanation,
) -> Trouble {
    trouble.explanations.push((Arc::clone(place), explanation));
    trouble
}
