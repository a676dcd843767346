//! The run of a machine, in the order of the language page: enter, arm, instructions, race, stop the
//! losers, set, next; and at every end `defer`s, cleanup and the outcome.

use super::checkpoint::Checkpoint;
use super::execution::{Execution, Trouble};
use super::frame::Frame;
use super::program::{Case, Machine, Route, State};
use super::race::{Either, first};
use super::timer::timed;
use super::value::{length_text, micros};
use super::visit::{Exit, Taken};
use super::world::World;
use crate::event::{ErrorKind, Fact, Failure, Headline, Json, Location, Metrics, Name, Outcome};
use crate::script::Value;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// What an execution is given.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Its number in the run's list of tasks, from 0.
    pub index: u32,
    /// The run's name.
    pub run: Name,
    /// Its attempt, from 1.
    pub attempt: u32,
    /// How many attempts it has.
    pub attempts: u32,
    /// Variables from outside (`--var`): the strongest source.
    pub vars: Vec<(Name, Value)>,
    /// Which of the task's cases it is: its variables are weaker than those, and stronger than the task's own.
    pub case: Option<Arc<Case>>,
    /// `services` as expressions see it: `services.NAME.url`.
    pub services: Arc<Json>,
    /// Where it begins, if not at the start.
    pub checkpoint: Option<Box<Checkpoint>>,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Verdict {
    /// How.
    pub outcome: Outcome,
    /// What decided, if it did not pass.
    pub headline: Option<Box<Headline>>,
    /// The task's `outputs`.
    pub outputs: Json,
    /// What it cost.
    pub metrics: Metrics,
    /// How many conditions were unknown every time they were asked.
    pub never_known: u32,
}

/// Why the walk through the states ended.
pub(super) enum Stop {
    /// A final state.
    Final,
    /// Trouble that nothing routes.
    Trouble(Trouble),
    /// A deadline of the task's own expired.
    Expired(Trouble),
    /// Stopped from outside.
    Halted(String),
    /// Another execution was interrupted; what it left is taken away.
    CleanupOnly,
}

/// Executes a machine in a world. One future: nothing is spawned, and dropping it stops everything but
/// the cleanup.
pub fn run<W: World>(
    machine: &Arc<Machine>,
    inputs: Inputs,
    world: &W,
) -> impl Future<Output = Verdict> {
    let execution = Execution::new(world, machine, &inputs);
    // On the heap before the future is made, which would hold their place to its end.
    let inputs = Box::new(inputs);
    let machine = Arc::clone(machine);
    async move {
        let set = |at| world.sleep_until(at);
        let task = Frame::root(&execution, &machine);
        timed(&execution.earliest, set, task.run(inputs)).await
    }
}

/// Whether an execution will be skipped, asked before what it needs is there. Nothing is recorded; what cannot be
/// evaluated yet is not skipped.
pub fn is_skipped<W: World>(machine: &Arc<Machine>, inputs: &Inputs, world: &W) -> bool {
    if machine.skip.is_none() {
        return false;
    }
    let execution = Execution::new(world, machine, inputs);
    Frame::root(&execution, machine).would_skip(inputs)
}

impl<W: World> Frame<'_, W> {
    /// The beginning and the end are on the heap while they run: what waits in between holds no place for them.
    async fn run(&self, inputs: Box<Inputs>) -> Verdict {
        let begun = Box::pin(self.begin(inputs)).await;
        let stop = match begun {
            Ok(_) if self.execution.cleanup_only => Stop::CleanupOnly,
            Ok(None) => self.until_end().await,
            Ok(Some(_)) => {
                let skipped = self.finish(Outcome::Skipped, None, Json::Null);
                return Box::pin(skipped).await;
            }
            Err(trouble) => Stop::Trouble(trouble),
        };
        Box::pin(self.wind_up(stop)).await
    }

    /// Walks until an end, a halt or the task's own deadline. A halt is looked at first; the deadline
    /// loses against whatever is ready with it.
    async fn until_end(&self) -> Stop {
        let limit = match self.length(&self.machine().timeout, self.env()) {
            Ok(limit) => limit,
            Err(trouble) => return Stop::Trouble(trouble),
        };
        let deadline = self.execution.started.after(limit);
        self.instance.shared().deadline = deadline;
        let walk = first(self.listen_and_walk(), self.sleep_until(deadline));
        match first(self.world().halted(), walk).await {
            Either::Left(halt) => return Stop::Halted(halt.reason),
            Either::Right(Either::Left(stop)) => return stop,
            Either::Right(Either::Right(())) => {}
        }
        Stop::Expired(Box::pin(self.task_expired(limit)).await)
    }

    pub(super) async fn task_expired(&self, limit: Duration) -> Trouble {
        let state = self.state();
        let failure = Failure::new(
            ErrorKind::Timeout,
            format!("the task took longer than {}", length_text(limit)),
        )
        .hint("raise the task's `timeout`, or find out what takes so long in the states above");
        self.record(Fact::TimedOut {
            scope: crate::event::TimeoutScope::Task,
            state: Name::clone(&state.name),
            limit_micros: micros(limit),
            conditions: Vec::new(),
        })
        .await;
        self.trouble(failure, &state.place)
    }

    /// Opens what the task listens to, then walks.
    pub(super) async fn listen_and_walk(&self) -> Stop {
        for subscription in &self.machine().listen {
            if let Err(trouble) = Box::pin(self.listen(subscription, self.env())).await {
                return Stop::Trouble(trouble);
            }
        }
        self.walk().await
    }

    /// Walks from state to state, until one ends the machine.
    pub(super) async fn walk(&self) -> Stop {
        let graph = &self.program;
        // The start, or where another execution stood.
        let mut current = self.inner().state as usize;
        loop {
            let state = &graph.states[current];
            let span = tracing::info_span!("state", name = %state.name);
            let left = match self.enter(current).await {
                Ok(()) => self.dwell(state).instrument(span).await,
                Err(trouble) => Err(trouble),
            };
            let closed = self.leave().await;
            let routed = match (left, closed) {
                (Ok(None), Ok(())) => return Stop::Final,
                (Ok(Some(Exit::Taken(taken))), Ok(())) => self.take(state, taken).await,
                (Ok(Some(Exit::Expired(trouble))), closed) => match (&state.on_timeout, closed) {
                    (None, _) => return Stop::Expired(trouble),
                    (Some(route), Ok(())) => Box::pin(self.follow(state, route, trouble)).await,
                    (Some(_), Err(lost)) => Err(lost),
                },
                // Nothing leads on while an effect of this state is still at work.
                (Err(trouble), Err(lost)) if route_for(state, &trouble).is_some() => Err(lost),
                (Err(trouble), _) | (Ok(_), Err(trouble)) => Err(trouble),
            };
            current = match routed {
                Ok(next) => next,
                Err(trouble) => match route_for(state, &trouble) {
                    None => return Stop::Trouble(trouble),
                    Some(route) => match Box::pin(self.follow(state, route, trouble)).await {
                        Ok(next) => next,
                        Err(trouble) => return Stop::Trouble(trouble),
                    },
                },
            };
        }
    }

    /// Takes a transition: applies its `set`.
    async fn take(&self, state: &State, taken: Taken) -> Result<usize, Trouble> {
        let transition = &state.transitions[taken.transition];
        if !transition.set.is_empty() {
            let env = self.env().with_res(&taken.res, taken.attempt);
            // On the heap: the future of every state has room for this one, and many set nothing.
            Box::pin(self.assign_all(&transition.set, env)).await?;
        }
        let Some(to) = transition.to else {
            return Err(self.stuck(state));
        };
        self.moved(state, to, &transition.place, taken.also_ready)
            .await;
        Ok(to)
    }

    /// Follows `on_error` or `on_timeout`. Rare, so that it is on the heap while it runs.
    async fn follow(
        &self,
        state: &State,
        route: &Route,
        trouble: Trouble,
    ) -> Result<usize, Trouble> {
        let error = Self::error_value(&trouble);
        {
            let mut inner = self.inner();
            let rare = inner.rare();
            rare.error = Some(error);
            rare.routed.get_or_insert(trouble);
        }
        self.assign_all(&route.set, self.env()).await?;
        self.moved(state, route.to, &route.place, Vec::new()).await;
        Ok(route.to)
    }

    fn moved(
        &self,
        state: &State,
        to: usize,
        place: &Arc<Location>,
        also_ready: Vec<Name>,
    ) -> impl Future<Output = ()> {
        self.execution.shared().transitions += 1;
        self.record(Fact::TransitionTaken {
            from: Name::clone(&state.name),
            to: Name::clone(&self.program.states[to].name),
            place: Arc::clone(place),
            also_ready,
        })
    }
}

fn route_for<'s>(state: &'s State, trouble: &Trouble) -> Option<&'s Route> {
    let kind = trouble.failure.kind;
    if !kind.is_routable() {
        return None;
    }
    state
        .on_error
        .iter()
        .find(|route| route.kind.is_none_or(|wanted| wanted == kind))
}
