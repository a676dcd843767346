//! A point of a recorded execution, to begin another one from.

use super::execution::{Deferred, Execution, Trouble};
use super::program::{Action, Machine, Step};
use super::world::World;
use crate::event::{ErrorKind, Event, ExecutionId, Fact, Failure, Json, Name, nearest};
use crate::script::Value;
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
}

/// An armed `defer`.
#[derive(Clone, Debug, PartialEq)]
pub struct Armed {
    /// Its path in the file.
    pub path: Name,
    /// The `item` of the `for_each` that it stands in.
    pub item: Option<Value>,
}

impl Checkpoint {
    /// Where an execution stood after these events, which must be its run's in order.
    #[must_use]
    pub fn of<'e>(events: impl Iterator<Item = &'e Event>, execution: ExecutionId) -> Self {
        let mut checkpoint = Self::default();
        for event in events.filter(|event| event.execution == Some(execution)) {
            checkpoint.apply(&event.fact);
        }
        checkpoint
    }

    /// Takes in the next fact of the execution.
    pub fn apply(&mut self, fact: &Fact) {
        match fact {
            Fact::StateEntered { state, .. } => self.state = Some(Name::clone(state)),
            Fact::VariableSaved {
                name,
                value: Json::Null,
                undone: true,
                ..
            } => self.vars.retain(|(known, _)| known != name),
            Fact::VariableSaved {
                name, value, types, ..
            } => {
                let value = Value::from_typed(value.clone(), types);
                match self.vars.iter_mut().find(|(known, _)| known == name) {
                    Some((_, known)) => *known = value,
                    None => self.vars.push((Name::clone(name), value)),
                }
            }
            Fact::Deferred { place, item, types } => self.deferred.push(Armed {
                path: Name::clone(&place.path),
                item: (item.clone()).map(|item| Value::from_typed(item, types)),
            }),
            // The newest goes first; one that was cut short is due again.
            Fact::InstructionFinished { place, .. }
            | Fact::CleanupSkipped { place, .. }
            | Fact::InstructionSkipped { place } => {
                let newest = (self.deferred.iter()).rposition(|armed| armed.path == place.path);
                if let Some(newest) = newest {
                    self.deferred.remove(newest);
                }
            }
            Fact::RunStarted(_)
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
            | Fact::TimedOut { .. }
            | Fact::CleanupStarted { .. }
            | Fact::CleanupFinished { .. }
            | Fact::NeverKnown(_)
            | Fact::Log { .. }
            | Fact::SignalSent { .. }
            | Fact::ExecutionFinished { .. }
            | Fact::RunFinished { .. }
            | Fact::RunSealed { .. } => {}
        }
    }
}

impl<W: World> Execution<'_, W> {
    /// Puts the execution where another one stood.
    pub(super) fn restore(&self, checkpoint: &Checkpoint) -> Result<(), Trouble> {
        let program = &self.machine.program;
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
        for (name, value) in &checkpoint.vars {
            if !self.machine.secrets.contains(name) {
                self.scope.set(name, value.clone());
            }
        }
        for Armed { path, item } in &checkpoint.deferred {
            // What the file no longer holds cannot be run.
            if let Some(step) = deferred_at(self.machine, path) {
                self.inner().rare().deferred.push(Deferred {
                    step: Arc::clone(step),
                    item: item.clone(),
                    ended: None,
                });
            }
        }
        Ok(())
    }
}

/// The `defer` that is written at this path.
fn deferred_at<'m>(machine: &'m Machine, path: &str) -> Option<&'m Arc<Step>> {
    let states = machine.program.states.iter().flat_map(|state| &state.steps);
    states
        .chain(&machine.cleanup)
        .find_map(|step| deferred_in(step, path))
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
