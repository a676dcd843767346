//! The run of a machine, in the order of the language page: enter, arm, instructions, race, stop the
//! losers, set, next; and at every end `defer`s, cleanup and the outcome.

use super::chart::{Machine, Role, Route, State, Strategy};
use super::condition::{Cell, End, Run, Sets, Settled, Win};
use super::execution::{Execution, Fixed, Trouble};
use super::race::{Either, Pending, first, first_pass};
use super::world::{Moment, ScopeId, World};
use crate::event::{
    ErrorKind, ExecutionStarted, Fact, Failure, Headline, Json, Metrics, Name, Outcome, length_text,
};
use crate::script::Value;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// How many states back a loop is told.
const TRAIL: usize = 16;

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
enum Stop {
    /// A final state, with its index.
    Final,
    /// Trouble that nothing routes; the flag tells a deadline of the task's own from an error.
    Trouble(Trouble),
    /// A deadline of the task's own expired.
    Expired(Trouble),
    /// Stopped from outside.
    Halted(String),
}

/// What leads out of a visit.
enum Exit {
    Taken {
        transition: usize,
        win: Win,
        also_ready: Vec<Name>,
    },
    Expired(Trouble),
}

/// Executes a machine in a world. One future: nothing is spawned, and dropping it stops everything but
/// the cleanup.
pub async fn run<W: World>(machine: &Machine, inputs: Inputs, world: &W) -> Verdict {
    let fixed = Fixed {
        task: Value::from(json!({ "name": &*machine.name, "file": &*machine.file.name })),
        run: Value::from(json!({ "id": &*inputs.run, "attempt": inputs.attempt })),
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
    /// Gives the variables their first values and decides whether the task is skipped.
    async fn begin(&self, inputs: &Inputs) -> Result<Option<String>, Trouble> {
        // The fact comes first, so that everything that goes wrong has a place to stand; the reason of a
        // skip is known without clients or services.
        let prepared = self.variables(inputs);
        let skip = match &prepared {
            Ok(()) => self.skip(),
            Err(_) => Ok(None),
        };
        let machine = self.machine;
        self.record(Fact::ExecutionStarted(Box::new(ExecutionStarted {
            task: Name::clone(&machine.name),
            file: Name::clone(&machine.file.name),
            index: inputs.index,
            attempt: inputs.attempt,
            attempts: inputs.attempts,
            case: None,
            files: Vec::new(),
            tags: machine.tags.clone(),
            hash: Name::clone(&machine.hash),
            source: (inputs.attempt <= 1).then(|| Name::clone(&machine.file.text)),
            skip: skip.as_ref().ok().and_then(Clone::clone),
            states: machine
                .chart
                .states
                .iter()
                .map(|state| Name::clone(&state.name))
                .collect(),
        })))
        .await;
        prepared?;
        for name in self.scope.names() {
            let value = self
                .scope
                .get(&name)
                .map_or(Json::Null, |value| value.to_json());
            self.record(Fact::VariableSaved { name, value }).await;
        }
        skip
    }

    fn variables(&self, inputs: &Inputs) -> Result<(), Trouble> {
        let start = &self.machine.chart.states[self.machine.chart.start].place;
        for (name, value) in &inputs.vars {
            if self.machine.secrets.contains(name) {
                self.conceal(name, value)
                    .map_err(|failure| self.trouble(failure, start))?;
            }
            self.scope.set(name, Value::from(value.clone()));
        }
        for variable in &self.machine.vars {
            if inputs.vars.iter().any(|(name, _)| *name == variable.name) {
                continue;
            }
            let value = self.build(&variable.value, self.env())?;
            if self.machine.secrets.contains(&variable.name) {
                self.conceal(&variable.name, &value)
                    .map_err(|failure| self.trouble(failure, start))?;
            }
            self.scope.set(&variable.name, Value::from_json(value));
        }
        match self
            .machine
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

    fn skip(&self) -> Result<Option<String>, Trouble> {
        let Some(skip) = &self.machine.skip else {
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
            format!("the task took longer than {}", text(limit)),
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
                (Ok(Some(Exit::Expired(trouble))), Ok(())) => match &state.on_timeout {
                    Some(route) => self.follow(state, route, trouble).await,
                    None => return Stop::Expired(trouble),
                },
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

    async fn enter(&self, index: usize) -> Result<(), Trouble> {
        let state = &self.machine.chart.states[index];
        let (visit, allowed) = {
            let mut inner = self.inner();
            inner.state = index;
            inner.visit_scope += 1;
            inner.entered = self.world.now();
            inner.visiting = true;
            if inner.trail.len() == TRAIL {
                inner.trail.pop_front();
            }
            inner.trail.push_back(index);
            let visits = &mut inner.visits[index].0;
            let allowed = *visits < state.max_visits;
            *visits += u32::from(allowed);
            inner.visit = *visits;
            (inner.visit, allowed)
        };
        if !allowed {
            let failure = Failure::limit(format!(
                "`{}` was entered more than {} times, the last time by the loop {}",
                state.name,
                state.max_visits,
                self.last_loop()
            ))
            .hint("raise the state's `max_visits` if that is meant, or give the loop a way out");
            return Err(self.trouble(failure, &state.place));
        }
        self.record(Fact::StateEntered {
            state: Name::clone(&state.name),
            visit,
        })
        .await;
        Ok(())
    }

    /// The way from the last visit of the state that was just entered to this one: `a → b → a`.
    fn last_loop(&self) -> String {
        let inner = self.inner();
        let mut names: Vec<&str> = Vec::new();
        let mut newest_first = inner.trail.iter().rev();
        for state in newest_first.by_ref() {
            names.push(&self.machine.chart.states[*state].name);
            if names.len() > 1 && *state == inner.state {
                break;
            }
        }
        if names.len() == TRAIL && names[0] != names[TRAIL - 1] {
            names.push("…");
        }
        names.reverse();
        names.join(" → ")
    }

    /// Ends what the visit has started, and books its time, once.
    pub(super) async fn leave(&self) -> Result<(), Trouble> {
        let (scope, dirty) = {
            let mut inner = self.inner();
            if std::mem::take(&mut inner.visiting) {
                let spent = self.world.now().since(inner.entered);
                let state = inner.state;
                inner.visits[state].1 += spent;
            }
            for inbox in std::mem::take(&mut inner.inboxes) {
                let (seen, left) = inbox.counts();
                inner.seen += seen;
                inner.unmatched += left;
            }
            (ScopeId(inner.visit_scope), std::mem::take(&mut inner.dirty))
        };
        if dirty && self.world.close(scope).await.is_err() {
            return Err(self.lost());
        }
        Ok(())
    }

    pub(super) fn lost(&self) -> Trouble {
        let failure = Failure::new(
            ErrorKind::Lost,
            "an effect has not stopped 5s after it was cancelled",
        )
        .hint("a process that ignores SIGKILL, or a server that does not let go");
        self.trouble(failure, &self.state().place)
    }

    /// A visit of a state; `None`: it is a final state, and its instructions are done.
    async fn stay(&self, state: &State) -> Result<Option<Exit>, Trouble> {
        match &state.role {
            Role::Way => self.visit(state).await.map(Some),
            Role::Final => {
                if !state.steps.is_empty() {
                    Box::pin(self.steps(&state.steps, self.env())).await?;
                }
                Ok(None)
            }
            Role::Fail(message) => {
                let message = match self.text(message, self.env())? {
                    Json::String(message) => message,
                    other => other.to_string(),
                };
                Err(self.trouble(Failure::new(ErrorKind::Fail, message), &state.place))
            }
        }
    }

    async fn visit(&self, state: &State) -> Result<Exit, Trouble> {
        let mut cells: Vec<Cell> = Vec::new();
        if state.slots > 0 {
            cells.resize_with(state.slots, Cell::default);
            Box::pin(self.arm(state, &mut cells, true)).await?;
        }
        if !state.steps.is_empty() {
            Box::pin(self.steps(&state.steps, self.env())).await?;
        }
        if state.slots > 0 {
            Box::pin(self.arm(state, &mut cells, false)).await?;
        }
        if let Some(End { index, settled }) = self.immediate(state).await {
            return taken(index, settled, Vec::new());
        }
        if state.lanes.is_empty() {
            return Err(self.stuck(state));
        }
        let limit = self.length(
            state
                .timeout
                .as_ref()
                .unwrap_or(&self.machine.transition_timeout),
            self.env(),
        )?;
        let now = self.world.now();
        let deadline = now.after(limit);
        // The smallest limit in force counts: no poll starts when the task's own time is over.
        let least = deadline.min(self.inner().deadline);
        self.record(Fact::WaitStarted {
            limit_micros: Some(least.since(now)),
        })
        .await;
        let race = Box::pin(self.race(state, &cells, least));
        match first(race, self.world.sleep_until(deadline)).await {
            Either::Left(end) => end,
            Either::Right(()) => Ok(Exit::Expired(
                Box::pin(self.transition_expired(state, &cells, limit)).await,
            )),
        }
    }

    /// Opens the subscriptions of a state: those that its instructions do not influence before them, the
    /// others after.
    async fn arm(&self, state: &State, cells: &mut [Cell], early: bool) -> Result<(), Trouble> {
        let mut due = Vec::new();
        for lane in &state.lanes {
            lane.each(&mut |lane| {
                if let Strategy::Subscribe(subscription) = &lane.strategy
                    && subscription.early == early
                {
                    due.push((lane.slot, subscription));
                }
            });
        }
        for (slot, subscription) in due {
            let scope = ScopeId(self.inner().visit_scope);
            cells[slot].inbox = Some(self.open(subscription, scope, self.env()).await?);
        }
        Ok(())
    }

    /// All strategies side by side; the first that decides ends it, and the others are dropped.
    async fn race(&self, state: &State, cells: &[Cell], deadline: Moment) -> Result<Exit, Trouble> {
        let mut arms: Vec<Option<Pending<'_, Option<End>>>> = state
            .lanes
            .iter()
            .map(|lane| {
                Some(self.lane(Run {
                    lane,
                    cells,
                    deadline,
                    sets: Sets::Transitions(&state.transitions),
                }))
            })
            .collect();
        let mut ready: Vec<End> = first_pass(&mut arms)
            .await
            .into_iter()
            .map(|(_, end)| end)
            .collect();
        drop(arms);
        // A lane may serve transitions that stand before and after those of another lane.
        ready.sort_by_key(|end| end.index);
        let mut ready = ready.into_iter();
        let Some(End { index, settled }) = ready.next() else {
            return Err(self.stuck(state));
        };
        let also = ready
            .map(|end| self.transition_label(state, end.index))
            .collect();
        taken(index, settled, also)
    }

    fn transition_label(&self, state: &State, index: usize) -> Name {
        match state
            .transitions
            .get(index)
            .and_then(|transition| transition.to)
        {
            Some(to) => Name::clone(&self.machine.chart.states[to].name),
            None => "watch".into(),
        }
    }

    async fn transition_expired(&self, state: &State, cells: &[Cell], limit: Duration) -> Trouble {
        let conditions = self.conditions(state, cells);
        self.record(Fact::TimedOut {
            scope: "transition".into(),
            state: Name::clone(&state.name),
            limit_micros: micros(limit),
            conditions: conditions.clone(),
        })
        .await;
        let attempts = conditions
            .iter()
            .map(|condition| condition.attempts)
            .max()
            .unwrap_or(0);
        let failure = Failure::new(
            ErrorKind::Timeout,
            format!("no transition within {}", text(limit)),
        );
        let mut trouble = self.trouble(failure, &state.place);
        trouble.attempts = attempts;
        if let Some(condition) = conditions.iter().find(|condition| condition.last.is_some()) {
            trouble.last.clone_from(&condition.last);
            trouble.failure.again = condition.again.as_deref().map(str::to_owned);
        }
        trouble.conditions = conditions;
        trouble
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
        let error = self.error_value(&trouble);
        self.inner().error = Some(error);
        self.assign_all(&route.set, self.env()).await?;
        self.moved(state, route.to, &route.place, Vec::new()).await;
        Ok(route.to)
    }

    async fn moved(
        &self,
        state: &State,
        to: usize,
        place: &Arc<crate::event::Place>,
        also_ready: Vec<Name>,
    ) {
        self.inner().transitions += 1;
        self.record(Fact::TransitionTaken {
            from: Name::clone(&state.name),
            to: Name::clone(&self.machine.chart.states[to].name),
            place: Arc::clone(place),
            also_ready,
        })
        .await;
    }

    /// Turns the reason of the end into an outcome, after `defer`s and cleanup have run.
    async fn wind_up(&self, stop: Stop, attempt: u32) -> (Outcome, Option<Trouble>) {
        // What a halt or the task's deadline interrupted is still open.
        let closed = self.leave().await;
        let (mut outcome, mut headline) = match stop {
            Stop::Final if attempt > 1 => (Outcome::Flaky, None),
            Stop::Final => (Outcome::Passed, None),
            Stop::Trouble(trouble) => (outcome_of(&trouble), Some(trouble)),
            Stop::Expired(trouble) => (Outcome::TimedOut, Some(trouble)),
            Stop::Halted(reason) => {
                let failure = Failure::new(ErrorKind::Fail, reason);
                (
                    Outcome::Cancelled,
                    Some(self.trouble(failure, &self.state().place)),
                )
            }
        };
        if let (Err(lost), true) = (closed, outcome.is_good()) {
            (outcome, headline) = (Outcome::Error, Some(lost));
        }
        let outputs = if outcome.is_good() {
            self.outputs()
        } else {
            Ok(Json::Null)
        };
        match outputs {
            Ok(outputs) => self.inner().outputs = outputs,
            Err(trouble) => (outcome, headline) = (Outcome::Error, Some(trouble)),
        }
        if let Some(trouble) = &headline {
            let error = self.error_value(trouble);
            self.inner().error = Some(error);
        }
        let failed = Box::pin(self.clean_up()).await;
        let lost = self.world.close(ScopeId::EXECUTION).await.is_err();
        if outcome.is_good() {
            if let Some(trouble) = failed {
                (outcome, headline) = (Outcome::Error, Some(trouble));
            } else if lost {
                (outcome, headline) = (Outcome::Error, Some(self.lost()));
            }
        }
        (outcome, headline)
    }

    fn outputs(&self) -> Result<Json, Trouble> {
        let mut outputs = serde_json::Map::new();
        for output in &self.machine.outputs {
            outputs.insert(
                output.name.to_string(),
                self.assigned(output, self.env())?.to_json(),
            );
        }
        Ok(if outputs.is_empty() {
            Json::Null
        } else {
            Json::Object(outputs)
        })
    }

    async fn finish(&self, outcome: Outcome, headline: Option<Trouble>) -> Verdict {
        let metrics = self.metrics();
        let outputs = std::mem::take(&mut self.inner().outputs);
        self.record(Fact::ExecutionFinished {
            outcome,
            headline: headline.clone(),
            state: self.state_name(),
            outputs: outputs.clone(),
            metrics: Box::new(metrics.clone()),
        })
        .await;
        Verdict {
            outcome,
            headline,
            outputs,
            metrics,
        }
    }
}

/// The way out that was decided on. The winner's messages leave their inboxes here, before these are
/// counted.
fn taken(index: usize, settled: Settled, also_ready: Vec<Name>) -> Result<Exit, Trouble> {
    match settled {
        Settled::Fulfilled(mut win) => {
            for (inbox, number) in win.take.drain(..) {
                inbox.take(number);
            }
            Ok(Exit::Taken {
                transition: index,
                win,
                also_ready,
            })
        }
        Settled::Failed(trouble) => Err(trouble),
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

fn outcome_of(trouble: &Trouble) -> Outcome {
    match trouble.failure.kind {
        ErrorKind::Expect | ErrorKind::Condition | ErrorKind::Fail | ErrorKind::Limit => {
            Outcome::Failed
        }
        ErrorKind::Timeout => Outcome::TimedOut,
        ErrorKind::Transport | ErrorKind::Protocol | ErrorKind::Script | ErrorKind::Lost => {
            Outcome::Error
        }
    }
}

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

fn text(length: Duration) -> String {
    length_text(micros(length))
}
