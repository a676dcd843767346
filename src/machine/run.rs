//! The run of a machine, in the order of the language page: enter, arm, instructions, race, stop the
//! losers, set, next; and at every end `defer`s, cleanup and the outcome.

use super::chart::{Machine, Route, State};
use super::condition::Win;
use super::execution::{Execution, Fixed, Trouble};
use super::race::{Either, first};
use super::value::{length_text, micros};
use super::visit::Exit;
use super::world::World;
use crate::event::{ErrorKind, Fact, Failure, Headline, Json, Metrics, Name, Outcome, Place};
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
    pub vars: Vec<(Name, Json)>,
    /// `services` as expressions see it: `services.NAME.url`.
    pub services: Json,
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
}

/// Executes a machine in a world. One future: nothing is spawned, and dropping it stops everything but
/// the cleanup.
pub async fn run<W: World>(machine: &Machine, inputs: Inputs, world: &W) -> Verdict {
    let fixed = Fixed {
        run: Name::clone(&inputs.run),
        attempt: inputs.attempt,
        services: Value::from(inputs.services.clone()),
    };
    let execution = Execution::new(machine, world, &fixed);
    let stop = match Box::pin(execution.begin(&inputs)).await {
        Ok(None) => execution.until_end().await,
        Ok(Some(_)) => return execution.finish(Outcome::Skipped, None).await,
        Err(trouble) => Stop::Trouble(trouble),
    };
    let (outcome, headline) = Box::pin(execution.wind_up(stop, inputs.attempt)).await;
    execution.finish(outcome, headline).await
}

impl<W: World> Execution<'_, W> {
    /// Walks until an end, a halt or the task's own deadline. A halt is looked at first; the deadline
    /// loses against whatever is ready with it.
    async fn until_end(&self) -> Stop {
        let limit = match self.length(&self.machine.timeout, self.env()) {
            Ok(limit) => limit,
            Err(trouble) => return Stop::Trouble(trouble),
        };
        let deadline = self.started.after(limit);
        self.inner().deadline = deadline;
        let walk = first(self.walk(), self.world.sleep_until(deadline));
        match first(self.world.halted(), walk).await {
            Either::Left(halt) => Stop::Halted(halt.reason),
            Either::Right(Either::Left(stop)) => stop,
            Either::Right(Either::Right(())) => Stop::Expired(self.task_expired(limit).await),
        }
    }

    async fn task_expired(&self, limit: Duration) -> Trouble {
        let state = self.state();
        let failure = Failure::new(
            ErrorKind::Timeout,
            format!("the task took longer than {}", length_text(limit)),
        )
        .hint("raise the task's `timeout`, or find out what takes so long in the states above");
        self.record(Fact::TimedOut {
            scope: "task".into(),
            state: Name::clone(&state.name),
            limit_micros: micros(limit),
            conditions: Vec::new(),
        })
        .await;
        self.trouble(failure, &state.place)
    }

    async fn walk(&self) -> Stop {
        for subscription in &self.machine.listen {
            if let Err(trouble) = Box::pin(self.listen(subscription, self.env())).await {
                return Stop::Trouble(trouble);
            }
        }
        let graph = &self.machine.chart;
        let mut current = graph.start;
        loop {
            let state = &graph.states[current];
            let span = tracing::info_span!("state", name = %state.name);
            let left = match self.enter(current).await {
                Ok(()) => self.stay(state).instrument(span).await,
                Err(trouble) => Err(trouble),
            };
            let closed = self.leave().await;
            let routed = match (left, closed) {
                (Ok(None), Ok(())) => return Stop::Final,
                (
                    Ok(Some(Exit::Taken {
                        transition,
                        win,
                        also_ready,
                    })),
                    Ok(()),
                ) => self.take(state, transition, win, also_ready).await,
                (Ok(Some(Exit::Expired(trouble))), closed) => match (&state.on_timeout, closed) {
                    (None, _) => return Stop::Expired(trouble),
                    (Some(route), Ok(())) => self.follow(state, route, trouble).await,
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
                    Some(route) => match self.follow(state, route, trouble).await {
                        Ok(next) => next,
                        Err(trouble) => return Stop::Trouble(trouble),
                    },
                },
            };
        }
    }

    /// Takes a transition: applies its `set`.
    async fn take(
        &self,
        state: &State,
        index: usize,
        win: Win,
        also_ready: Vec<Name>,
    ) -> Result<usize, Trouble> {
        let transition = &state.transitions[index];
        if !transition.set.is_empty() {
            self.assign_all(&transition.set, self.env().with_res(&win.res, win.attempt))
                .await?;
        }
        let Some(to) = transition.to else {
            return Err(self.stuck(state));
        };
        self.moved(state, to, &transition.place, also_ready).await;
        Ok(to)
    }

    /// Follows `on_error` or `on_timeout`.
    async fn follow(
        &self,
        state: &State,
        route: &Route,
        trouble: Trouble,
    ) -> Result<usize, Trouble> {
        let error = Self::error_value(&trouble);
        self.inner().error = Some(error);
        self.assign_all(&route.set, self.env()).await?;
        self.moved(state, route.to, &route.place, Vec::new()).await;
        Ok(route.to)
    }

    async fn moved(&self, state: &State, to: usize, place: &Arc<Place>, also_ready: Vec<Name>) {
        self.inner().transitions += 1;
        self.record(Fact::TransitionTaken {
            from: Name::clone(&state.name),
            to: Name::clone(&self.machine.chart.states[to].name),
            place: Arc::clone(place),
            also_ready,
        })
        .await;
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
