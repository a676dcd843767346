//! A point of a recorded execution, to begin another one from.

use super::call::opened;
use super::execution::{Deferred, Trouble, Undo};
use super::frame::Frame;
use super::instance::Instance;
use super::program::{Action, Machine, Step, TaskCall};
use super::value::saved;
use super::world::World;
use crate::event::{
    Attempted, ErrorKind, Event, ExecutionId, Fact, Failure, FrameEnd, FrameId, FrameKind,
    FrameOpened, Json, Location, Name, ROOT, nearest,
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
    /// The regions that were opened, each name in its last one, and the called tasks that have something to undo.
    frames: BTreeMap<FrameId, FramePoint>,
}

/// What a frame has saved.
#[derive(Clone, Debug, PartialEq)]
struct FramePoint {
    parent: FrameId,
    what: FrameKind,
    name: Name,
    /// Where it is written.
    place: Arc<Location>,
    vars: Vec<(Name, Value)>,
}

/// An armed `defer`.
#[derive(Clone, Debug, PartialEq)]
pub struct Armed {
    /// The frame that has armed it.
    pub frame: FrameId,
    /// Where it is written. Of a called task's `cleanup`: where that is called.
    pub place: Arc<Location>,
    /// Whether it is a `cleanup`.
    pub is_cleanup: bool,
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
            Fact::FrameOpened(opened) => self.open(frame, opened),
            Fact::Deferred {
                place,
                item,
                index,
                types,
            } => {
                let item = item.as_ref();
                let item = item.map(|item| Value::from_typed(item.clone(), types));
                self.arm(frame, place, false, item, *index);
            }
            Fact::InstructionFinished {
                place,
                result,
                armed,
                ..
            } => {
                self.undone(place);
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
                self.undone(place);
            }
            Fact::FrameClosed { end, .. } => self.close(frame, *end),
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

impl Armed {
    fn is_defer_at(&self, place: &Location) -> bool {
        !self.is_cleanup && self.place.path == place.path && self.place.file == place.file
    }
}

impl Checkpoint {
    fn open(&mut self, frame: FrameId, opened: &FrameOpened) {
        if opened.what == FrameKind::Region {
            // Its variables are forgotten when a region of this name begins again.
            let again =
                |region: &FramePoint| region.parent == opened.parent && region.name == opened.name;
            let before = self.frames.iter().find(|(_, region)| again(region));
            if let Some(before) = before.map(|(id, _)| *id) {
                self.end_deferred(before);
                self.frames.remove(&before);
            }
        }
        let point = FramePoint {
            parent: opened.parent,
            what: opened.what,
            name: Name::clone(&opened.name),
            place: Arc::clone(&opened.place),
            vars: Vec::new(),
        };
        self.frames.insert(frame, point);
        if opened.what == FrameKind::Task {
            // What it has to clean up is due as soon as it has begun.
            self.arm(frame, &opened.place, true, None, None);
        }
    }

    fn close(&mut self, frame: FrameId, end: FrameEnd) {
        if end == FrameEnd::Skipped {
            // It did nothing: there is nothing to clean up.
            self.deferred.retain(|armed| armed.frame != frame);
        }
        self.end_deferred(frame);
        let is_task = |point: &FramePoint| point.what == FrameKind::Task;
        let is_needed = self.deferred.iter().any(|armed| {
            let mut around = Some(armed.frame);
            while let Some(at) = around.filter(|at| *at != frame) {
                around = self.frames.get(&at).map(|point| point.parent);
            }
            around.is_some()
        });
        if !is_needed && self.frames.get(&frame).is_some_and(is_task) {
            self.frames.remove(&frame);
        }
    }

    /// The variables of a frame itself.
    fn own(&mut self, frame: FrameId) -> &mut Vec<(Name, Value)> {
        match self.frames.get_mut(&frame) {
            Some(point) => &mut point.vars,
            None => &mut self.vars,
        }
    }

    /// All that a frame sees: its own variables, and those around it.
    fn seen(&self, frame: FrameId) -> Vec<(Name, Value)> {
        let Some(point) = self.frames.get(&frame) else {
            return self.vars.clone();
        };
        let mut seen = match point.what {
            FrameKind::Region => self.seen(point.parent),
            FrameKind::Task => Vec::new(),
        };
        seen.extend(point.vars.iter().cloned());
        seen
    }

    fn arm(
        &mut self,
        frame: FrameId,
        place: &Arc<Location>,
        is_cleanup: bool,
        item: Option<Value>,
        index: Option<u32>,
    ) {
        self.armed += u32::from(!is_cleanup);
        let seen = self.seen(frame);
        // What makes no request has no end of its own on record: it has ended when it comes round again.
        let before = self.deferred.iter_mut().rev();
        if let Some(before) = (before.into_iter())
            .find(|armed| armed.frame == frame && armed.is_defer_at(place) && !is_cleanup)
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
            place: Arc::clone(place),
            is_cleanup,
            item,
            index,
            number: if is_cleanup { 0 } else { self.armed },
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
    fn undone(&mut self, place: &Location) {
        let of_this = |armed: &Armed| armed.is_defer_at(place);
        if let Some(newest) = self.deferred.iter().rposition(of_this) {
            self.deferred.remove(newest);
        }
    }
}

impl<W: World> Frame<'_, W> {
    /// Puts the execution where another one stood.
    pub(super) fn restore(&self, checkpoint: &Checkpoint) -> Result<Vec<RestoredCall>, Trouble> {
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
            self.inner().state = state as u32;
        }
        // What they had before anything was saved: secrets are not recorded.
        let first = self.scope.fork();
        let set = |scope: &Scope, vars: &[(Name, Value)]| {
            set_recorded(self.machine(), scope, vars);
        };
        set(&self.scope, &checkpoint.vars);
        let regions = checkpoint.frames.values();
        let of_task = regions
            .filter(|point| point.parent == ROOT && point.what == FrameKind::Region)
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
        let frames: Vec<FrameId> = checkpoint.frames.keys().copied().collect();
        for frame in frames {
            checkpoint.end_deferred(frame);
        }
        let mut called = RestoredCalls::default();
        for armed in &checkpoint.deferred {
            // What the file no longer holds cannot be run.
            let Some(instance) = self.instance_again(armed.frame, &checkpoint, &mut called) else {
                continue;
            };
            let machine = &instance.machine;
            let what = if armed.is_cleanup {
                (!machine.cleanup.is_empty()).then_some(Undo::Cleanup(0))
            } else {
                let step = deferred_at(machine, &armed.place.path);
                step.map(|step| Undo::Defer(Arc::clone(step)))
            };
            let Some(what) = what else { continue };
            let first = match called.first_values(&instance) {
                Some(first) => first,
                None => &first,
            };
            let ended = armed.ended.as_ref().map(|AtEnd { vars, res }| {
                let scope = first.fork();
                set_recorded(machine, &scope, vars);
                (scope, res.clone())
            });
            if armed.is_cleanup
                && let Some((scope, _)) = &ended
            {
                for (name, value) in scope.own() {
                    instance.scope(&self.scope).set(&name, value);
                }
            }
            self.execution.shared().rare().deferred.push(Deferred {
                frame: instance.frame(),
                what,
                item: (armed.item.clone()).map(|item| (armed.index.unwrap_or(0), item)),
                regions: None,
                ended,
                instance,
            });
        }
        Ok(called.list)
    }

    /// The task that a frame of the recorded execution was one of. A called one stands there again, with the values
    /// that it was given.
    fn instance_again(
        &self,
        frame: FrameId,
        checkpoint: &Checkpoint,
        called: &mut RestoredCalls,
    ) -> Option<Arc<Instance>> {
        if frame == ROOT {
            return Some(Arc::clone(&self.instance));
        }
        if let Some(known) = called.list.iter().find(|one| one.before == frame) {
            return Some(Arc::clone(&known.instance));
        }
        let point = checkpoint.frames.get(&frame)?;
        let around = self.instance_again(point.parent, checkpoint, called)?;
        if point.what == FrameKind::Region {
            return Some(around);
        }
        let mut found: Option<&TaskCall> = None;
        around.machine.each_step(&mut |step| {
            if let Action::Task(call) = &step.action
                && step.place.path == point.place.path
            {
                found.get_or_insert(call);
            }
        });
        let call = found?;
        let (id, listens) = {
            let mut shared = self.execution.shared();
            (shared.next_frame(), shared.next_scope())
        };
        let frame_around = (around.frame() != ROOT).then(|| self.frame_of_call(&around));
        let frame_around = frame_around.as_ref().unwrap_or(self);
        let instance = frame_around.instance_of(call, id, listens);
        // As it is on record, but for secrets: these are worked out again, where that can be done.
        let secrets = &call.machine.secrets;
        let with = call.with.iter().filter_map(|given| {
            let name = &given.name;
            let recorded = (point.vars.iter()).find(|(known, _)| known == name);
            let value = match recorded.filter(|_| !secrets.contains(name)) {
                Some((_, value)) => value.clone(),
                None => frame_around
                    .build_value(&given.value, frame_around.env())
                    .ok()?,
            };
            Some((Name::clone(name), value))
        });
        let with: Vec<(Name, Value)> = with.collect();
        let again = self.frame_of_call(&instance);
        let _ = again.called_variables(&with);
        let first = again.scope.fork();
        set_recorded(&instance.machine, &again.scope, &point.vars);
        called.list.push(RestoredCall {
            before: frame,
            instance: Arc::clone(&instance),
            first,
            parent: around.frame(),
            place: Arc::clone(&point.place),
        });
        Some(instance)
    }

    /// Tells of the called tasks that stand there again.
    pub(super) async fn tell_restored(&self, restored: Vec<RestoredCall>) {
        for one in restored {
            let id = one.instance.frame();
            let fact = opened(&one.instance.machine, one.parent, one.place);
            self.world().record(id, fact).await;
            for (name, value) in one.instance.scope(&self.scope).own() {
                self.world().record(id, saved(&name, &value)).await;
            }
            let end = FrameEnd::Cancelled;
            self.world()
                .record(id, Fact::FrameClosed { end, state: None })
                .await;
        }
    }
}

/// A called task of a recorded execution that stands there again, for what it has to undo.
pub(super) struct RestoredCall {
    /// Its frame in that execution.
    before: FrameId,
    instance: Arc<Instance>,
    /// The values that it began with.
    first: Scope,
    parent: FrameId,
    place: Arc<Location>,
}

#[derive(Default)]
struct RestoredCalls {
    list: Vec<RestoredCall>,
}

impl RestoredCalls {
    fn first_values(&self, instance: &Arc<Instance>) -> Option<&Scope> {
        let mut list = self.list.iter();
        let one = list.find(|one| Arc::ptr_eq(&one.instance, instance))?;
        Some(&one.first)
    }
}

/// Sets variables as they are on record. Secrets are not: they keep the values that they had.
fn set_recorded(machine: &Machine, scope: &Scope, vars: &[(Name, Value)]) {
    let recorded = |(name, _): &&(Name, Value)| !machine.secrets.contains(name);
    for (name, value) in vars.iter().filter(recorded) {
        scope.set(name, value.clone());
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
