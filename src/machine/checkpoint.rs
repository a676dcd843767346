//! A point of a recorded execution, to begin another one from.

use super::execution::{Deferred, Trouble};
use super::frame::Frame;
use super::program::{Action, Machine, Step};
use super::world::World;
use crate::event::{
    Attempted, ErrorKind, Event, ExecutionId, Fact, Failure, FrameId, Json, Name, ROOT, nearest,
};
use crate::script::{Scope, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where an execution stood: what a new one needs to go on from there, or to clean up after it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// The state.
    pub state: Option<Name>,
    /// The variables, each with its last value. A secret's value is not recorded, so that it is not restored:
    /// it comes from where it came from then.
    pub vars: Vec<(Name, Value)>,
    /// The `defer`s that were armed and have not ended, in the order in which they were armed.
    pub deferred: Vec<Armed>,
    /// Nothing but `defer`s and `cleanup` is run.
    pub cleanup_only: bool,
    /// The run, and the attempt, that expressions see as `run`. `None`: their own.
    pub of: Option<(Name, u32)>,
    /// How many `defer`s were armed so far.
    armed: u32,
    /// Of a frame: the `defer` whose instruction has ended and may still save.
    saving: BTreeMap<FrameId, u32>,
    /// The regions that were opened, each name in its last one.
    regions: BTreeMap<FrameId, RegionPoint>,
}

/// What a region has saved.
#[derive(Clone, Debug, PartialEq)]
struct RegionPoint {
    parent: FrameId,
    name: Name,
    vars: Vec<(Name, Value)>,
}

/// An armed `defer`.
#[derive(Clone, Debug, PartialEq)]
pub struct Armed {
    /// The frame that has armed it.
    pub frame: FrameId,
    /// Its path in the file.
    pub path: Name,
    /// The `item` of the `for_each` that it stands in.
    pub item: Option<Value>,
    /// Its `index`.
    pub index: Option<u32>,
    /// Its number, counted from 1 in the order in which they were armed.
    pub number: u32,
    /// How things stood when its instruction had ended. `None`: it had not, or what was recorded does not tell; then
    /// the variables are those of the end.
    pub ended: Option<AtEnd>,
}

/// What an instruction had at its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AtEnd {
    /// The variables.
    pub vars: Vec<(Name, Value)>,
    /// What had come back last, if something had.
    pub res: Option<Value>,
}

impl Checkpoint {
    /// Where an execution stood after these events, which must be its run's in order.
    #[must_use]
    pub fn of<'e>(events: impl Iterator<Item = &'e Event>, execution: ExecutionId) -> Self {
        let mut checkpoint = Self::default();
        for event in events.filter(|event| event.execution == Some(execution)) {
            checkpoint.apply(event.frame, &event.fact);
        }
        checkpoint
    }

    /// Takes in the next fact of the execution, of this frame.
    pub fn apply(&mut self, frame: FrameId, fact: &Fact) {
        // What an instruction saves and expects stands right behind its end.
        if !matches!(
            fact,
            Fact::VariableSaved { .. } | Fact::ExpectationChecked { .. }
        ) {
            self.saving.remove(&frame);
        }
        match fact {
            Fact::StateEntered { state, .. } if frame == ROOT => {
                self.state = Some(Name::clone(state));
            }
            Fact::VariableSaved {
                name,
                value: Json::Null,
                undone: true,
                ..
            } => {
                self.own(frame).retain(|(known, _)| known != name);
                self.save(frame);
            }
            Fact::VariableSaved {
                name, value, types, ..
            } => {
                let value = Value::from_typed(value.clone(), types);
                let vars = self.own(frame);
                match vars.iter_mut().find(|(known, _)| known == name) {
                    Some((_, known)) => *known = value,
                    None => vars.push((Name::clone(name), value)),
                }
                self.save(frame);
            }
            Fact::FrameOpened(opened) => {
                // Its variables are forgotten when a region of this name begins again.
                let again = |region: &RegionPoint| {
                    region.parent == opened.parent && region.name == opened.name
                };
                let before = self.regions.iter().find(|(_, region)| again(region));
                if let Some(before) = before.map(|(id, _)| *id) {
                    self.end_deferred(before);
                    self.regions.remove(&before);
                }
                let region = RegionPoint {
                    parent: opened.parent,
                    name: Name::clone(&opened.name),
                    vars: Vec::new(),
                };
                self.regions.insert(frame, region);
            }
            Fact::Deferred {
                place,
                item,
                index,
                types,
            } => {
                let item = item.as_ref();
                let item = item.map(|item| Value::from_typed(item.clone(), types));
                self.arm(frame, &place.path, item, *index);
            }
            Fact::InstructionFinished {
                place,
                result,
                armed,
                ..
            } => {
                self.undone(&place.path);
                if let Some(number) = *armed {
                    let res = match result {
                        Attempted::Reply(reply) => Some(Value::result(Arc::clone(&reply.value))),
                        Attempted::Failure(_) => None,
                    };
                    self.saving.insert(frame, number);
                    self.end(frame, number, |known| *known = res);
                }
            }
            Fact::CleanupSkipped { place, .. } | Fact::InstructionSkipped { place } => {
                self.undone(&place.path);
            }
            Fact::FrameClosed { .. } => self.end_deferred(frame),
            Fact::StateEntered { .. }
            | Fact::RunStarted(_)
            | Fact::ExecutionStarted(_)
            | Fact::InstructionStarted { .. }
            | Fact::ExpectationChecked { .. }
            | Fact::SubscriptionOpened { .. }
            | Fact::SubscriptionChanged { .. }
            | Fact::MessageReceived { .. }
            | Fact::PollAnswered { .. }
            | Fact::ConditionChecked { .. }
            | Fact::WaitStarted { .. }
            | Fact::TransitionTaken { .. }
            | Fact::Stayed { .. }
            | Fact::TimedOut { .. }
            | Fact::CleanupStarted { .. }
            | Fact::CleanupFinished { .. }
            | Fact::NeverKnown(_)
            | Fact::Log { .. }
            | Fact::SignalSent { .. }
            | Fact::ExecutionFinished { .. }
            | Fact::EngineBusy { .. }
            | Fact::RunFinished { .. }
            | Fact::RunSealed { .. } => {}
        }
    }
}

impl Checkpoint {
    /// The variables of a frame itself.
    fn own(&mut self, frame: FrameId) -> &mut Vec<(Name, Value)> {
        match self.regions.get_mut(&frame) {
            Some(region) => &mut region.vars,
            None => &mut self.vars,
        }
    }

    /// All that a frame sees: its own variables, and those around it.
    fn seen(&self, frame: FrameId) -> Vec<(Name, Value)> {
        let Some(region) = self.regions.get(&frame) else {
            return self.vars.clone();
        };
        let mut seen = self.seen(region.parent);
        seen.extend(region.vars.iter().cloned());
        seen
    }

    fn arm(&mut self, frame: FrameId, path: &Name, item: Option<Value>, index: Option<u32>) {
        self.armed += 1;
        let seen = self.seen(frame);
        // What makes no request has no end of its own on record: it has ended when it comes round again.
        let before = self.deferred.iter_mut().rev();
        if let Some(before) = before.into_iter().find(|armed| armed.path == *path)
            && before.ended.is_none()
            && before.item.is_none()
        {
            before.ended = Some(AtEnd {
                vars: seen,
                res: None,
            });
        }
        self.deferred.push(Armed {
            frame,
            path: Name::clone(path),
            item,
            index,
            number: self.armed,
            ended: None,
        });
    }

    /// What this frame has armed by instructions of which no end is on record has its last variables.
    fn end_deferred(&mut self, frame: FrameId) {
        let seen = self.seen(frame);
        let armed = self.deferred.iter_mut();
        for one in armed.filter(|one| one.frame == frame && one.ended.is_none()) {
            one.ended = Some(AtEnd {
                vars: seen.clone(),
                res: None,
            });
        }
    }

    /// The variables have changed: also those that the instruction has at its end, if it is what saves.
    fn save(&mut self, frame: FrameId) {
        if let Some(number) = self.saving.get(&frame).copied() {
            self.end(frame, number, |_| {});
        }
    }

    /// The instruction that has armed this `defer` has ended, with the variables of now.
    fn end(&mut self, frame: FrameId, number: u32, res: impl FnOnce(&mut Option<Value>)) {
        let seen = self.seen(frame);
        let mut armed = self.deferred.iter_mut().rev();
        if let Some(armed) = armed.find(|armed| armed.number == number) {
            let ended = armed.ended.get_or_insert_default();
            ended.vars = seen;
            res(&mut ended.res);
        }
    }

    /// A `defer` has run. The newest goes first; one that was cut short is due again.
    fn undone(&mut self, path: &Name) {
        if let Some(newest) = (self.deferred.iter()).rposition(|armed| armed.path == *path) {
            self.deferred.remove(newest);
        }
    }
}

impl<W: World> Frame<'_, W> {
    /// Puts the execution where another one stood.
    pub(super) fn restore(&self, checkpoint: &Checkpoint) -> Result<(), Trouble> {
        let program = &self.machine().program;
        if let Some(name) = &checkpoint.state {
            let known = program.states.iter();
            let Some(state) = known.clone().position(|state| state.name == *name) else {
                let start = &program.states[program.start].place;
                let failure = Failure::new(
                    ErrorKind::Script,
                    format!("there is no state `{name}` to begin in"),
                );
                let failure = match nearest(name, known.map(|state| &*state.name)) {
                    Some(near) => failure.hint(format!("did you mean `{near}`?")),
                    None => failure,
                };
                return Err(self.trouble(failure, start));
            };
            self.inner().state = state;
        }
        // What they had before anything was saved: secrets are not recorded.
        let first = self.scope.fork();
        let set = |scope: &Scope, vars: &[(Name, Value)]| {
            let recorded = |(name, _): &&(Name, Value)| !self.machine().secrets.contains(name);
            for (name, value) in vars.iter().filter(recorded) {
                scope.set(name, value.clone());
            }
        };
        set(&self.scope, &checkpoint.vars);
        let regions = checkpoint.regions.values();
        let of_task = regions
            .filter(|region| region.parent == ROOT)
            .map(|region| {
                let scope = Scope::inside(&self.scope);
                set(&scope, &region.vars);
                (Name::clone(&region.name), Arc::new(scope))
            });
        let of_task: Vec<_> = of_task.collect();
        if !of_task.is_empty() {
            self.keep_scopes(&of_task);
        }
        // A run that was interrupted has closed none of its frames.
        let mut checkpoint = checkpoint.clone();
        let regions: Vec<FrameId> = checkpoint.regions.keys().copied().collect();
        for region in regions {
            checkpoint.end_deferred(region);
        }
        for armed in &checkpoint.deferred {
            // What the file no longer holds cannot be run.
            if let Some(step) = deferred_at(self.machine(), &armed.path) {
                let ended = armed.ended.as_ref().map(|AtEnd { vars, res }| {
                    let scope = first.fork();
                    set(&scope, vars);
                    (scope, res.clone())
                });
                self.execution.shared().rare().deferred.push(Deferred {
                    frame: ROOT,
                    step: Arc::clone(step),
                    item: (armed.item.clone()).map(|item| (armed.index.unwrap_or(0), item)),
                    regions: None,
                    ended,
                });
            }
        }
        Ok(())
    }
}

/// The `defer` that is written at this path.
fn deferred_at<'m>(machine: &'m Machine, path: &str) -> Option<&'m Arc<Step>> {
    let mut steps: Vec<&'m Step> = Vec::new();
    let program = &machine.program;
    program.each_state(&mut |state| steps.extend(&state.steps));
    let mut steps = steps.into_iter().chain(&machine.cleanup);
    steps.find_map(|step| deferred_in(step, path))
}

fn deferred_in<'m>(step: &'m Step, path: &str) -> Option<&'m Arc<Step>> {
    let own = step
        .defer
        .as_ref()
        .filter(|defer| &*defer.place.path == path);
    let of_defer = || {
        step.defer
            .as_ref()
            .and_then(|defer| deferred_in(defer, path))
    };
    let of_branch = || match &step.action {
        Action::Parallel(branches) => branches.iter().find_map(|branch| deferred_in(branch, path)),
        _ => None,
    };
    own.or_else(of_defer).or_else(of_branch)
}
