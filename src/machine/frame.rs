//! A frame: where one machine of an execution has come to. The task itself is the first; what runs side by side with
//! it or is called by it has a frame of its own.

use super::execution::{Execution, Trouble};
use super::never_known::{Known, MoreKnown, Unknown};
use super::program::{Machine, Program, State};
use super::subscription::OpenSubscription;
use super::world::{Moment, ScopeId, Site, World};
use crate::event::{
    Fact, Failure, FrameId, Headline, Json, Location, Metrics, Name, ROOT, StateMetrics,
};
use crate::script::{Scope, Value};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One machine while it runs.
pub(super) struct Frame<'m, W: World> {
    pub(super) execution: &'m Execution<'m, W>,
    pub(super) world: &'m W,
    pub(super) id: FrameId,
    pub(super) machine: &'m Machine,
    pub(super) program: &'m Program,
    /// The variables.
    pub(super) scope: Scope,
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
    /// When the time of the whole is over.
    pub(super) deadline: Moment,
    /// The scope of the visit, and whether anything was started in it.
    pub(super) visit_scope: ScopeId,
    pub(super) dirty: bool,
    /// The configs of the clients that were used. Few: a list finds them as fast as a map would.
    pub(super) configs: Vec<(usize, Arc<Json>)>,
    pub(super) visits: Box<[(u32, u64)]>,
    /// Which conditions have had an answer.
    pub(super) known: Known,
    /// Made on first use: most frames have none of it.
    pub(super) rare: Option<Box<Rare>>,
}

/// What few frames have.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) error: Option<Value>,
    /// The first failure that was routed.
    pub(super) routed: Option<Trouble>,
    /// Open `listen` entries, by name.
    pub(super) listening: BTreeMap<Name, OpenSubscription>,
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

/// What an expression sees besides the variables.
#[derive(Clone, Copy)]
pub(super) struct Env<'a> {
    pub(super) scope: &'a Scope,
    pub(super) res: Option<&'a Value>,
    pub(super) attempt: u32,
    pub(super) item: Option<&'a Value>,
    /// The error in question, where it is not the frame's last one.
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

impl<'m, W: World> Frame<'m, W> {
    /// The frame of the task itself.
    pub(super) fn root(execution: &'m Execution<'m, W>, machine: &'m Machine) -> Self {
        let inner = Inner {
            state: machine.program.start,
            entered: execution.started,
            deadline: Moment(u64::MAX),
            visits: vec![(0, 0); machine.program.states.len()].into(),
            ..Inner::default()
        };
        Self {
            execution,
            world: execution.world,
            id: ROOT,
            machine,
            program: &machine.program,
            scope: Scope::new(),
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
        &self.program.states[self.inner().state]
    }

    /// Completes when the clock has reached this moment.
    pub(super) fn sleep_until(&self, at: Moment) -> impl Future<Output = ()> {
        self.execution.earliest.sleep_until(self.world, at)
    }

    pub(super) fn record(&self, fact: Fact) -> impl Future<Output = ()> + Send {
        self.world.record(self.id, fact)
    }

    /// Where a request of this visit comes from. Marks the visit as one that has started something.
    pub(super) fn site<'a>(&self, place: &'a Arc<Location>, attempt: u32) -> Site<'a> {
        let mut inner = self.inner();
        inner.dirty = true;
        Site {
            scope: inner.visit_scope,
            frame: self.id,
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

    /// The name of the state that the machine is in, once it has entered one.
    pub(super) fn state_name(&self) -> Option<Name> {
        let inner = self.inner();
        let name = &self.program.states[inner.state].name;
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

    /// What the execution has cost up to now, with the states of this frame.
    pub(super) fn metrics(&self) -> Metrics {
        let inner = self.inner();
        let shared = self.execution.shared();
        let (mut seen, mut unmatched) = (shared.seen, shared.unmatched);
        if let Some(rare) = &inner.rare {
            for open in rare.subscriptions.iter().chain(rare.listening.values()) {
                let (more_seen, more_left) = open.inbox.counts();
                seen += more_seen;
                unmatched += more_left;
            }
        }
        Metrics {
            micros: self.world.now().since(self.execution.started),
            transitions: shared.transitions,
            attempts: shared.attempts,
            messages_seen: seen,
            messages_unmatched: unmatched,
            bytes_sent: shared.sent,
            bytes_received: shared.received,
            states: self
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
