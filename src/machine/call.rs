//! `task`: another task as a step. It is a frame with variables, limits and subscriptions of its own; what it has to
//! undo joins the stack of the execution.

use super::child::Child;
use super::execution::{Deferred, Trouble, Undo};
use super::frame::{Env, Frame};
use super::instance::{Called, Instance};
use super::program::{Machine, Step, TaskCall};
use super::race::{Either, first};
use super::run::Stop;
use super::value::saved;
use super::world::{Lost, Moment, ScopeId, World};
use crate::event::{Fact, FrameEnd, FrameId, FrameKind, FrameOpened, Location, Name};
use crate::script::{Scope, Value};
use std::sync::{Arc, OnceLock};

impl<W: World> Frame<'_, W> {
    /// Runs another task to its end; its outputs.
    pub(super) async fn call_task(
        &self,
        step: &Step,
        call: &TaskCall,
        env: Env<'_>,
    ) -> Result<Value, Trouble> {
        let with = self.given(call, env)?;
        let child = self.adopt(Arc::new(self.called(call)));
        let attended = child.attend();
        self.tell_called(&child, step, call).await;
        let result = Box::pin(child.call(with, self.deadline())).await;
        drop(attended);
        self.release(child.frame.id());
        result.map_err(|trouble| self.trouble_of_call(trouble, step, &child))
    }

    /// What a call gives to the task.
    pub(super) fn given(
        &self,
        call: &TaskCall,
        env: Env<'_>,
    ) -> Result<Vec<(Name, Value)>, Trouble> {
        let given = call.with.iter().map(|one| {
            let value = self.build_value(&one.value, env)?;
            Ok((Name::clone(&one.name), value))
        });
        given.collect()
    }

    /// The frame of a called task, which begins now.
    fn called(&self, call: &TaskCall) -> Self {
        let (id, listens) = {
            let mut shared = self.execution.shared();
            (shared.next_frame(), shared.next_scope())
        };
        self.frame_of_call(&self.instance_of(call, id, listens))
    }

    /// A called task whose frame has this number.
    pub(super) fn instance_of(
        &self,
        call: &TaskCall,
        id: FrameId,
        listens: ScopeId,
    ) -> Arc<Instance> {
        let name = &call.machine.name;
        let path = match &self.instance.call {
            None => Name::clone(name),
            Some(around) => format!("{}/{name}", around.path).into(),
        };
        let called = Called {
            frame: id,
            scope: Arc::new(Scope::beside(&self.scope)),
            listens,
            path,
            views: self.views().map(Arc::clone),
            ended_in: OnceLock::new(),
        };
        Arc::new(Instance::new(&call.machine, Some(Box::new(called))))
    }

    async fn tell_called(&self, child: &Child<'_, W>, step: &Step, call: &TaskCall) {
        let fact = opened(&call.machine, self.id(), Arc::clone(&step.place));
        child.frame.record(fact).await;
    }

    /// When whatever it calls is over: while things are cleaned up, the budget of that is all there is.
    fn deadline(&self) -> Moment {
        if self.execution.shared().is_cleaning() {
            return Moment(u64::MAX);
        }
        self.instance.shared().deadline
    }

    /// Trouble of a called task, as its caller sees it.
    fn trouble_of_call(&self, mut trouble: Trouble, step: &Step, child: &Child<'_, W>) -> Trouble {
        trouble.calls.insert(0, Arc::clone(&step.place));
        let inside = trouble.place_in_words().unwrap_or_default();
        let name = &child.frame.machine().name;
        trouble.called = Some(match &trouble.called {
            None => format!("{name}/{inside}").into(),
            Some(further) => format!("{name}/{inside} › {further}").into(),
        });
        trouble.state = self.state_name();
        trouble.region = self.region.as_ref().map(|region| Name::clone(&region.name));
        trouble.micros = self.world().now().since(self.inner().entered);
        trouble
    }

    /// Gives a called task its variables, and arms its cleanup.
    async fn begin_call(&self, with: &[(Name, Value)]) -> Result<Option<String>, Trouble> {
        self.called_variables(with)?;
        for name in self.scope.names() {
            let value = self.scope.get(&name).unwrap_or_default();
            self.record(saved(&name, &value)).await;
        }
        let skip = self.skip()?;
        if skip.is_none() && !self.machine().cleanup.is_empty() {
            self.execution.shared().rare().deferred.push(Deferred {
                frame: self.id(),
                instance: Arc::clone(&self.instance),
                what: Undo::Cleanup(0),
                item: None,
                regions: None,
                ended: None,
            });
        }
        Ok(skip)
    }

    /// `with` is stronger than what is given to the whole run.
    pub(super) fn called_variables(&self, with: &[(Name, Value)]) -> Result<(), Trouble> {
        let given = self.execution.shared().rare().vars.clone();
        let others = given.iter().filter(|(name, _)| {
            self.machine().takes(name) && with.iter().all(|(known, _)| known != name)
        });
        let all: Vec<(Name, Value)> = others.chain(with).cloned().collect();
        self.first_values(&all)
    }

    /// Walks until an end, or the deadline of the task itself.
    async fn until_end_of_call(&self, around: Moment) -> Stop {
        let limit = match self.length(&self.machine().timeout, self.env()) {
            Ok(limit) => limit,
            Err(trouble) => return Stop::Trouble(trouble),
        };
        let own = self.world().now().after(limit);
        self.instance.shared().deadline = own.min(around);
        match first(self.listen_and_walk(), self.sleep_until(own)).await {
            Either::Left(stop) => stop,
            Either::Right(()) => Stop::Expired(Box::pin(self.task_expired(limit)).await),
        }
    }

    /// Closes what a called task listens to.
    pub(super) async fn end_listening(&self) -> Result<(), Lost> {
        if self.instance.call.is_none() || self.region.is_some() {
            return Ok(());
        }
        self.record_changes().await;
        let listening = self.instance.end_listening();
        {
            let mut shared = self.execution.shared();
            for open in &listening {
                let (seen, left) = open.inbox.counts();
                shared.seen += seen;
                shared.unmatched += left;
            }
        }
        self.world().close(self.instance.listens()).await
    }
}

/// That a called task begins.
pub(super) fn opened(machine: &Machine, parent: FrameId, place: Arc<Location>) -> Fact {
    let states = machine.program.states.iter();
    Fact::FrameOpened(Box::new(FrameOpened {
        parent,
        what: FrameKind::Task,
        name: Name::clone(&machine.name),
        file: Some(Name::clone(&machine.file.name)),
        place,
        states: states.map(|state| Name::clone(&state.name)).collect(),
    }))
}

impl<W: World> Child<'_, W> {
    /// Runs a called task to its end. `around`: when its caller's time is over.
    async fn call(&self, with: Vec<(Name, Value)>, around: Moment) -> Result<Value, Trouble> {
        let frame = &self.frame;
        let result = match frame.begin_call(&with).await {
            Ok(Some(_)) => Ok((FrameEnd::Skipped, Value::default())),
            Ok(None) => self.run_call(around).await,
            Err(trouble) => Err(trouble),
        };
        let (end, result) = match result {
            Ok((end, outputs)) => (end, Ok(outputs)),
            Err(trouble) => (FrameEnd::Failed, Err(trouble)),
        };
        self.close(end).await;
        result
    }

    async fn run_call(&self, around: Moment) -> Result<(FrameEnd, Value), Trouble> {
        let frame = &self.frame;
        let stop = frame.until_end_of_call(around).await;
        // What its deadline interrupted is still open.
        let left = frame.leave().await;
        let outputs = match stop {
            Stop::Trouble(trouble) | Stop::Expired(trouble) => Err(trouble),
            Stop::Final | Stop::Halted(_) | Stop::CleanupOnly => {
                left.and_then(|()| frame.output_values())
            }
        };
        let unheard = frame.end_listening().await;
        frame.keep_unknown();
        let outputs = outputs?;
        unheard.map_err(|Lost| frame.lost())?;
        Ok((FrameEnd::Done, outputs))
    }
}
