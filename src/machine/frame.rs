//! A frame: where one machine of an execution has come to. The task itself is the first; what runs side by side with
//! it or is called by it has a frame of its own.

use super::child::Child;
use super::execution::{Execution, Trouble};
use super::instance::Instance;
use super::program::{Machine, Program, Region, State};
use super::regions::{RegionScopes, Views};
use super::subscription::OpenSubscription;
use super::world::{Moment, ScopeId, Site, World};
use crate::event::{Fact, Failure, FrameId, Headline, Location, Metrics, Name, StateMetrics};
use crate::script::{Scope, Value};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One machine while it runs.
pub(super) struct Frame<'m, W: World> {
    pub(super) execution: &'m Execution<'m, W>,
    /// The task that it belongs to.
    pub(super) instance: Arc<Instance>,
    pub(super) program: Arc<Program>,
    /// The variables.
    pub(super) scope: Arc<Scope>,
    /// Of a region: its names, and what it sees of the others.
    pub(super) region: Option<Box<InRegion>>,
    inner: Mutex<Inner<'m, W>>,
}

/// What a frame that is a region knows of itself.
pub(super) struct InRegion {
    pub(super) id: FrameId,
    /// Its name behind those of the regions around it: `delivery/mail`.
    pub(super) name: Name,
    /// The variables of the regions that run side by side with it, and of those around them.
    pub(super) siblings: Arc<RegionScopes>,
    /// What it sees of messages that the whole task may take.
    pub(super) views: Arc<Views>,
}

/// What changes while the machine runs.
pub(super) struct Inner<'m, W: World> {
    pub(super) state: u32,
    pub(super) visit: u32,
    pub(super) entered: Moment,
    /// Whether a visit is going on whose time has not been booked yet.
    pub(super) visiting: bool,
    /// The states that were entered last, the newest at the end: what a loop is told by.
    pub(super) trail: Vec<u32>,
    /// The scope of the visit, and whether anything was started in it.
    pub(super) visit_scope: ScopeId,
    pub(super) dirty: bool,
    pub(super) visits: Box<[(u32, u64)]>,
    /// Made on first use: most frames have none of it.
    pub(super) rare: Option<Box<Rare<'m, W>>>,
}

/// What few frames have.
pub(super) struct Rare<'m, W: World> {
    pub(super) error: Option<Value>,
    /// The first failure that was routed.
    pub(super) routed: Option<Trouble>,
    /// The subscriptions of the visit.
    pub(super) subscriptions: Vec<OpenSubscription>,
    /// The frames that were opened in this visit, in the order in which they were.
    pub(super) children: Vec<Child<'m, W>>,
    /// How often variables of regions had changed when the conditions that look at them were asked.
    pub(super) asked: u64,
    /// The variables of the regions of the states that were visited.
    pub(super) regions: Option<Arc<RegionScopes>>,
}

impl<'m, W: World> Inner<'m, W> {
    fn new(program: &Program, entered: Moment, visit_scope: ScopeId) -> Self {
        Self {
            state: program.start as u32,
            visit: 0,
            entered,
            visiting: false,
            trail: Vec::new(),
            visit_scope,
            dirty: false,
            visits: vec![(0, 0); program.states.len()].into(),
            rare: None,
        }
    }

    pub(super) fn rare(&mut self) -> &mut Rare<'m, W> {
        self.rare.get_or_insert_with(|| {
            Box::new(Rare {
                error: None,
                routed: None,
                subscriptions: Vec::new(),
                children: Vec::new(),
                asked: 0,
                regions: None,
            })
        })
    }
}

/// An item of a loop.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    /// Its number, from 0.
    pub(super) index: u32,
    pub(super) value: &'a Value,
}

/// What an expression sees besides the variables.
#[derive(Clone, Copy)]
pub(super) struct Env<'a> {
    pub(super) scope: &'a Scope,
    pub(super) res: Option<&'a Value>,
    pub(super) attempt: u32,
    pub(super) item: Option<Item<'a>>,
    /// The error in question, where it is not the frame's last one.
    pub(super) error: Option<&'a Value>,
    /// The regions in question, where these are not the ones that the frame sees.
    pub(super) regions: Option<&'a RegionScopes>,
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
    pub(super) fn root(execution: &'m Execution<'m, W>, machine: &Arc<Machine>) -> Self {
        let program = Arc::clone(&machine.program);
        let instance = Arc::new(Instance::root(machine));
        Self {
            execution,
            scope: Arc::new(Scope::new()),
            instance,
            region: None,
            inner: Mutex::new(Inner::new(&program, execution.started, ScopeId::EXECUTION)),
            program,
        }
    }

    /// The frame of a called task itself, at its beginning.
    pub(super) fn frame_of_call(&self, instance: &Arc<Instance>) -> Self {
        let program = Arc::clone(&instance.machine.program);
        let inner = Inner::new(&program, self.world().now(), instance.listens());
        Self {
            execution: self.execution,
            scope: Arc::clone(instance.scope(&self.scope)),
            instance: Arc::clone(instance),
            region: None,
            inner: Mutex::new(inner),
            program,
        }
    }

    /// The frame of a region, which begins now.
    pub(super) fn region(
        &self,
        region: &Region,
        id: FrameId,
        scope: Arc<Scope>,
        siblings: Arc<RegionScopes>,
    ) -> Self {
        let program = Arc::clone(&region.program);
        let views = Views::inside(self.region.as_ref().map(|region| &region.views));
        let name = match &self.region {
            None => Name::clone(&region.name),
            Some(around) => format!("{}/{}", around.name, region.name).into(),
        };
        Self {
            execution: self.execution,
            instance: Arc::clone(&self.instance),
            scope,
            region: Some(Box::new(InRegion {
                id,
                name,
                siblings,
                views,
            })),
            inner: Mutex::new(Inner::new(
                &program,
                self.world().now(),
                self.instance.listens(),
            )),
            program,
        }
    }

    /// What changes. Never held across an await: all futures of one execution share a thread of control.
    pub(super) fn inner(&self) -> MutexGuard<'_, Inner<'m, W>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn env(&self) -> Env<'_> {
        Env {
            scope: &self.scope,
            res: None,
            attempt: 1,
            item: None,
            error: None,
            regions: None,
            armed: None,
        }
    }

    /// How expressions see the variables of the task, wherever it stands.
    pub(super) fn task_env(&self) -> Env<'_> {
        Env {
            scope: self.scope.outermost(),
            ..self.env()
        }
    }

    /// Its number.
    pub(super) fn id(&self) -> FrameId {
        let region = self.region.as_ref().map(|region| region.id);
        region.unwrap_or_else(|| self.instance.frame())
    }

    pub(super) fn world(&self) -> &'m W {
        self.execution.world
    }

    pub(super) fn machine(&self) -> &Machine {
        &self.instance.machine
    }

    pub(super) fn state(&self) -> &State {
        &self.program.states[self.inner().state as usize]
    }

    /// Completes when the clock has reached this moment.
    pub(super) fn sleep_until(&self, at: Moment) -> impl Future<Output = ()> {
        self.execution.earliest.sleep_until(self.world(), at)
    }

    pub(super) fn record(&self, fact: Fact) -> impl Future<Output = ()> + Send {
        self.world().record(self.id(), fact)
    }

    /// Where a request of this visit comes from. Marks the visit as one that has started something.
    pub(super) fn site<'a>(&'a self, place: &'a Arc<Location>, attempt: u32) -> Site<'a> {
        let mut inner = self.inner();
        inner.dirty = true;
        Site {
            scope: inner.visit_scope,
            frame: self.id(),
            place,
            file: &self.machine().file.path,
            visit: inner.visit,
            attempt,
        }
    }

    /// Seconds since the state was entered.
    pub(super) fn elapsed(&self) -> f64 {
        let entered = self.inner().entered;
        self.world().now().since(entered) as f64 / 1e6
    }

    /// The name of the state that the machine is in, once it has entered one.
    pub(super) fn state_name(&self) -> Option<Name> {
        let inner = self.inner();
        let name = &self.program.states[inner.state as usize].name;
        (!inner.trail.is_empty()).then(|| Name::clone(name))
    }

    /// Trouble at a place, in the state that the machine is in.
    pub(super) fn trouble(&self, failure: Failure, place: &Arc<Location>) -> Trouble {
        let micros = self.world().now().since(self.inner().entered);
        Box::new(Headline {
            state: self.state_name(),
            region: (self.region.as_ref()).map(|region| Name::clone(&region.name)),
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
        let own = inner.rare.iter().flat_map(|rare| &rare.subscriptions);
        let listening = self.instance.listening();
        for open in own.chain(&listening) {
            let (more_seen, more_left) = open.inbox.counts();
            seen += more_seen;
            unmatched += more_left;
        }
        Metrics {
            micros: self.world().now().since(self.execution.started),
            transitions: shared.transitions,
            attempts: shared.attempts,
            messages_seen: seen,
            messages_unmatched: unmatched,
            bytes_sent: shared.sent,
            bytes_received: shared.received,
            states: (self.visited(&inner))
                .chain(shared.region_states().iter().cloned())
                .collect(),
        }
    }

    /// The name of a state behind those of the called task and of the region that it is one of.
    fn whole_name(&self, state: &Name) -> Name {
        let call = self.instance.call.as_ref().map(|call| &*call.path);
        let region = self.region.as_ref().map(|region| &*region.name);
        match (call, region) {
            (None, None) => Name::clone(state),
            (Some(one), None) | (None, Some(one)) => format!("{one}/{state}").into(),
            (Some(call), Some(region)) => format!("{call}/{region}/{state}").into(),
        }
    }

    /// The states of this frame that were visited.
    fn visited<'a>(&'a self, inner: &'a Inner<'m, W>) -> impl Iterator<Item = StateMetrics> + 'a {
        let states = self.program.states.iter().zip(&inner.visits);
        states
            .filter(|(_, (visits, _))| *visits > 0)
            .map(|(state, (visits, micros))| StateMetrics {
                state: self.whole_name(&state.name),
                visits: u64::from(*visits),
                micros: *micros,
            })
    }

    /// Adds what a region has cost to that of the execution.
    pub(super) fn book(&self) {
        let inner = self.inner();
        self.execution.shared().book(self.visited(&inner));
    }
}
