//! One execution of a task: what all its frames share.

use super::instance::Instance;
use super::never_known::Tally;
use super::program::{Machine, Step};
use super::regions::RegionScopes;
use super::run::Inputs;
use super::timer::Earliest;
use super::world::{Moment, ScopeId, World};
use crate::event::{
    Explanation, Feed, FrameId, Headline, Inbox, Json, Location, Name, StateMetrics,
};
use crate::script::{Scope, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// What went wrong, with all that a report needs. Boxed: it is rare, and futures carry it around.
pub(super) type Trouble = Box<Headline>;

/// One task while it runs. Where it has come to is in its frames.
pub(super) struct Execution<'m, W: World> {
    pub(super) world: &'m W,
    /// What the run gave to it, as far as it is needed after the beginning.
    pub(super) run: Name,
    pub(super) attempt: u32,
    /// Nothing but `defer`s and `cleanup` is run.
    pub(super) cleanup_only: bool,
    pub(super) services: Arc<Json>,
    pub(super) started: Moment,
    pub(super) earliest: Earliest,
    shared: Mutex<Shared>,
}

/// What changes while the execution runs, whichever frame changes it.
#[derive(Default)]
pub(super) struct Shared {
    /// The last scope that a visit was given.
    scopes: u32,
    pub(super) transitions: u64,
    pub(super) attempts: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) seen: u64,
    pub(super) unmatched: u64,
    /// Made on first use: most executions have none of it.
    rare: Option<Box<RareShared>>,
}

/// What few executions have.
#[derive(Default)]
pub(super) struct RareShared {
    /// The `defer` or cleanup instruction that runs.
    pub(super) cleaning: Option<Name>,
    pub(super) deferred: Vec<Deferred>,
    /// How many were armed so far.
    pub(super) armed: u32,
    /// Signals, by name.
    pub(super) signals: BTreeMap<Name, (Feed, Inbox)>,
    /// The last frame that was opened.
    frames: FrameId,
    /// How often a variable of a region has changed, and who waits for that.
    region_changes: u64,
    waiting: Option<Waker>,
    /// The states of regions and of called tasks that were visited.
    region_states: Vec<StateMetrics>,
    /// The variables that were given to the run, where tasks are called that may take them.
    pub(super) vars: Arc<[(Name, Value)]>,
    /// Which conditions of called tasks have had an answer, by the address of their machine.
    pub(super) tallies: Vec<(Arc<Machine>, Tally)>,
}

impl Shared {
    pub(super) fn rare(&mut self) -> &mut RareShared {
        self.rare.get_or_insert_default()
    }

    /// A scope that no visit has had.
    pub(super) fn next_scope(&mut self) -> ScopeId {
        self.scopes += 1;
        ScopeId(self.scopes)
    }

    /// A frame that is none yet.
    pub(super) fn next_frame(&mut self) -> FrameId {
        let rare = self.rare();
        rare.frames += 1;
        rare.frames
    }

    /// How often a variable of a region has changed. Wakes whoever asks with this when one does again.
    pub(super) fn region_changes(&mut self, context: Option<&Context<'_>>) -> u64 {
        let rare = self.rare();
        if let Some(context) = context {
            rare.waiting = Some(context.waker().clone());
        }
        rare.region_changes
    }

    /// A variable of a region has changed.
    pub(super) fn region_changed(&mut self) {
        let rare = self.rare();
        rare.region_changes += 1;
        if let Some(waker) = rare.waiting.take() {
            waker.wake();
        }
    }

    pub(super) fn region_states(&self) -> &[StateMetrics] {
        self.rare.as_ref().map_or(&[], |rare| &rare.region_states)
    }

    /// Adds visits of a region's states.
    pub(super) fn book(&mut self, states: impl Iterator<Item = StateMetrics>) {
        for state in states {
            let known = &mut self.rare().region_states;
            match known.iter_mut().find(|one| one.state == state.state) {
                Some(one) => {
                    one.visits += state.visits;
                    one.micros += state.micros;
                }
                None => known.push(state),
            }
        }
    }

    /// A frame has ended: what its instructions have armed that were cut short is undone with its variables.
    pub(super) fn end_deferred(&mut self, frame: FrameId, scope: &Scope) {
        let deferred = self.rare.iter_mut().flat_map(|rare| &mut rare.deferred);
        for one in deferred.filter(|one| one.frame == frame && one.ended.is_none()) {
            one.ended = Some((scope.fork(), None));
        }
    }

    /// What is known of conditions, machine by machine.
    pub(super) fn take_tallies(&mut self) -> Vec<(Arc<Machine>, Tally)> {
        let rare = self.rare.as_mut();
        rare.map_or_else(Vec::new, |rare| std::mem::take(&mut rare.tallies))
    }

    /// Whether `defer`s or `cleanup` are at work.
    pub(super) fn is_cleaning(&self) -> bool {
        self.rare
            .as_ref()
            .is_some_and(|rare| rare.cleaning.is_some())
    }

    /// How many `defer`s are armed.
    pub(super) fn deferred(&self) -> usize {
        self.rare.as_ref().map_or(0, |rare| rare.deferred.len())
    }
}

/// An armed `defer`: what to run, and the world as it stood when its instruction had ended.
pub(super) struct Deferred {
    /// The frame that has armed it.
    pub(super) frame: FrameId,
    /// The task that this frame is one of.
    pub(super) instance: Arc<Instance>,
    pub(super) what: Undo,
    /// The item of the loop that it stands in, with its number.
    pub(super) item: Option<(u32, Value)>,
    /// The regions in sight, where a region has armed it: the task itself may see others.
    pub(super) regions: Option<Arc<RegionScopes>>,
    /// Filled in when the instruction has ended; until then the variables are those of the end.
    pub(super) ended: Option<(Scope, Option<Value>)>,
}

/// What undoes something.
pub(super) enum Undo {
    /// The `defer` of an instruction.
    Defer(Arc<Step>),
    /// The `cleanup` of a called task, from this instruction on: it joins the stack when the task begins.
    Cleanup(usize),
}

impl<'m, W: World> Execution<'m, W> {
    pub(super) fn new(world: &'m W, machine: &Machine, inputs: &Inputs) -> Self {
        let mut shared = Shared::default();
        if !machine.called.is_empty() {
            shared.rare().vars = inputs.vars.as_slice().into();
        }
        // What cleans up after an execution speaks in its name.
        let of = (inputs.checkpoint.as_ref()).and_then(|checkpoint| checkpoint.of.clone());
        let (run, attempt) = of.unwrap_or_else(|| (Name::clone(&inputs.run), inputs.attempt));
        Self {
            world,
            run,
            attempt,
            cleanup_only: inputs
                .checkpoint
                .as_ref()
                .is_some_and(|checkpoint| checkpoint.cleanup_only),
            services: Arc::clone(&inputs.services),
            started: world.now(),
            earliest: Earliest::default(),
            shared: Mutex::new(shared),
        }
    }

    /// What changes. Never held across an await: all futures of one execution share a thread of control.
    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count_reply(&self, sent: u64, received: u64) {
        let mut shared = self.shared();
        shared.attempts += 1;
        shared.sent += sent;
        shared.received += received;
    }

    /// The inbox of a signal; the first use makes it.
    pub(super) fn signal_inbox(&self, name: &Name) -> Inbox {
        let mut shared = self.shared();
        let signals = &mut shared.rare().signals;
        let (_, inbox) = signals.entry(Name::clone(name)).or_insert_with(Inbox::new);
        inbox.clone()
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
