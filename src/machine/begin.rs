//! The beginning of an execution: its variables get their first values, and it may be skipped.

use super::execution::Trouble;
use super::frame::Frame;
use super::run::Inputs;
use super::value::saved;
use super::world::World;
use crate::event::{ErrorKind, ExecutionStarted, Fact, Failure, Json, Location, Name};
use crate::script::Value;
use std::borrow::Cow;
use std::sync::Arc;

impl<W: World> Frame<'_, W> {
    /// Gives the variables their first values and decides whether the task is skipped.
    pub(super) async fn begin(&self, inputs: Box<Inputs>) -> Result<Option<String>, Trouble> {
        // The fact comes first, so that everything that goes wrong has a place to stand; the reason of a
        // skip is known without clients or services.
        let prepared = self
            .first_values(&inputs.given())
            .and_then(|()| match &inputs.checkpoint {
                Some(checkpoint) => self.restore(checkpoint),
                None => Ok(Vec::new()),
            });
        let skip = match &prepared {
            Ok(_) => self.skip(),
            Err(_) => Ok(None),
        };
        let machine = self.machine();
        self.record(Fact::ExecutionStarted(Box::new(ExecutionStarted {
            task: Name::clone(&machine.name),
            file: Name::clone(&machine.file.name),
            index: inputs.index,
            attempt: inputs.attempt,
            attempts: inputs.attempts,
            case: inputs.case.as_ref().map(|case| Name::clone(&case.name)),
            files: if inputs.attempt <= 1 {
                machine.called_files()
            } else {
                Vec::new()
            },
            tags: machine.tags.to_vec(),
            requirements: machine.requirements.to_vec(),
            xfail: (machine.xfail.as_ref()).map(|known| Name::clone(&known.reason)),
            hash: Name::clone(&machine.hash),
            source: (inputs.attempt <= 1).then(|| Name::clone(&machine.file.text)),
            skip: skip.as_ref().ok().and_then(Clone::clone),
            states: machine
                .program
                .states
                .iter()
                .map(|state| Name::clone(&state.name))
                .collect(),
        })))
        .await;
        let restored = prepared?;
        for name in self.scope.names() {
            self.record(self.first_value(&name)).await;
        }
        self.tell_restored(restored).await;
        skip
    }

    /// Whether it would be skipped, as far as that can be said.
    pub(super) fn would_skip(&self, inputs: &Inputs) -> bool {
        self.first_values(&inputs.given()).is_ok() && matches!(self.skip(), Ok(Some(_)))
    }

    /// Gives the variables their first values: those that are given, then its own.
    pub(super) fn first_values(&self, given: &[(Name, Value)]) -> Result<(), Trouble> {
        let start = &self.program.states[self.program.start].place;
        for (name, value) in given {
            if self.machine().secrets.contains(name) {
                self.conceal(name, &value.to_json())
                    .map_err(|failure| self.trouble(failure, start))?;
            }
            self.hold(name, value.clone(), start)?;
        }
        for variable in &self.machine().vars {
            if given.iter().any(|(name, _)| *name == variable.name) {
                continue;
            }
            let value = self.build_value(&variable.value, self.env())?;
            if self.machine().secrets.contains(&variable.name) {
                self.conceal(&variable.name, &value.to_json())
                    .map_err(|failure| {
                        let trouble = self.trouble(failure, start);
                        self.blame_unset(trouble, &[&variable.value])
                    })?;
            }
            self.hold(&variable.name, value, start)?;
        }
        match self
            .machine()
            .params
            .iter()
            .find(|name| self.scope.get(name).is_none())
        {
            None => Ok(()),
            Some(missing) => {
                let failure = Failure::new(
                    ErrorKind::Script,
                    format!("the parameter `{missing}` was not given"),
                )
                .hint(format!("give it with `--var {missing}=…`"));
                Err(self.trouble(failure, start))
            }
        }
    }

    fn hold(&self, name: &Name, value: Value, place: &Arc<Location>) -> Result<(), Trouble> {
        self.scope
            .check_room(name, &value)
            .map_err(|failure| self.trouble(failure, place))?;
        self.scope.set(name, value);
        Ok(())
    }

    /// The value that a variable has in the beginning.
    fn first_value(&self, name: &Name) -> Fact {
        saved(name, &self.scope.get(name).unwrap_or_default())
    }

    pub(super) fn skip(&self) -> Result<Option<String>, Trouble> {
        let Some(skip) = &self.machine().skip else {
            return Ok(None);
        };
        if let Some(condition) = &skip.condition
            && !self.holds(condition, self.env())?
        {
            return Ok(None);
        }
        Ok(Some(match self.text(&skip.reason, self.env())? {
            Json::String(reason) => reason,
            other => other.to_string(),
        }))
    }
}

impl Inputs {
    /// The variables that something stronger than the task gives, the strongest source of each.
    fn given(&self) -> Cow<'_, [(Name, Value)]> {
        let Some(case) = &self.case else {
            return Cow::Borrowed(&self.vars);
        };
        let is_stronger = |name: &Name| self.vars.iter().any(|(known, _)| known == name);
        let of_case = case.vars.iter().filter(|(name, _)| !is_stronger(name));
        Cow::Owned(self.vars.iter().chain(of_case).cloned().collect())
    }
}
