//! One visit of a state: enter, arm, instructions, immediate conditions, race; and stopping what it has
//! started.

use super::condition::{Cell, End, RunningStrategy, Sets, Settled, Win};
use super::execution::Trouble;
use super::frame::Frame;
use super::program::{Role, State, StrategyKind, Transition};
use super::race::{Either, Pending, all_bounded, first, first_pass};
use super::value::{length_text, micros};
use super::world::{Lost, Moment, World};
use crate::event::{ErrorKind, Fact, Failure, Json, Name};
use crate::script::Value;
use std::time::Duration;

/// How many states back a loop is told.
const TRAIL: usize = 16;

/// What leads out of a visit.
pub(super) enum Exit {
    Taken(Taken),
    Expired(Trouble),
}

/// A transition that is to be taken.
pub(super) struct Taken {
    pub(super) transition: usize,
    /// The result, as `set` sees it.
    pub(super) res: Value,
    pub(super) attempt: u32,
    pub(super) also_ready: Vec<Name>,
}

/// When a transition timeout expires.
#[derive(Clone, Copy)]
pub(super) struct Expiry {
    pub(super) at: Moment,
    /// How long that is, in microseconds.
    pub(super) limit: u64,
}

/// The limits of a race.
#[derive(Clone, Copy)]
struct Race {
    /// When the transition timeout expires.
    expiry: Expiry,
    /// The smallest limit in force: nothing begins when that is over.
    least: Moment,
}

impl<W: World> Frame<'_, W> {
    pub(super) async fn enter(&self, index: usize) -> Result<(), Trouble> {
        let state = &self.program.states[index];
        let (visit, allowed) = {
            let scope = self.execution.shared().next_scope();
            let mut inner = self.inner();
            inner.state = index as u32;
            inner.visit_scope = scope;
            inner.entered = self.world().now();
            inner.visiting = true;
            if inner.trail.len() == TRAIL {
                inner.trail.remove(0);
            }
            inner.trail.push(index as u32);
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
            let state = *state as usize;
            names.push(&self.program.states[state].name);
            if names.len() > 1 && state == inner.state as usize {
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
        self.end_visit().await.map_err(|Lost| self.lost())
    }

    /// The same; tells whether an effect has not stopped.
    pub(super) async fn end_visit(&self) -> Result<(), Lost> {
        let has_effects = {
            let mut inner = self.inner();
            if std::mem::take(&mut inner.visiting) {
                let spent = self.world().now().since(inner.entered);
                let state = inner.state as usize;
                inner.visits[state].1 += spent;
            }
            let is_task = self.region.is_none();
            inner.dirty || inner.rare.is_some() || (is_task && self.instance.has_rare())
        };
        if has_effects {
            Box::pin(self.end_effects()).await?;
        }
        Ok(())
    }

    async fn end_effects(&self) -> Result<(), Lost> {
        let children = self.close_children().await;
        self.record_changes().await;
        let (scope, dirty) = {
            let mut inner = self.inner();
            let mut shared = self.execution.shared();
            let subscriptions = inner
                .rare
                .as_mut()
                .map(|rare| std::mem::take(&mut rare.subscriptions));
            for open in subscriptions.unwrap_or_default() {
                let (seen, left) = open.inbox.counts();
                shared.seen += seen;
                shared.unmatched += left;
            }
            (inner.visit_scope, std::mem::take(&mut inner.dirty))
        };
        if dirty {
            self.world().close(scope).await?;
        }
        children
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
    pub(super) async fn dwell(&self, state: &State) -> Result<Option<Exit>, Trouble> {
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
            if let Some(expired) = Box::pin(self.arm(state, &mut cells, true)).await? {
                return Ok(expired);
            }
        }
        if !state.steps.is_empty() {
            Box::pin(self.steps(&state.steps, self.env())).await?;
        }
        if state.slots > 0
            && let Some(expired) = Box::pin(self.arm(state, &mut cells, false)).await?
        {
            return Ok(expired);
        }
        self.before_asking(state);
        let leaving = self
            .immediate(state, false)
            .await
            .map(|end| self.leave_at_once(state, &cells, end));
        if let Some(leaving) = leaving {
            return leaving.await;
        }
        if state.strategies.is_empty() && state.regions.is_none() && !state.watches_regions {
            return Err(self.stuck(state));
        }
        let now = self.world().now();
        let limit = self.transition_limit(state)?;
        let deadline = limit.map_or(Moment(u64::MAX), |limit| now.after(limit));
        let race = Race {
            expiry: Expiry {
                at: deadline,
                limit: deadline.since(now),
            },
            // No poll starts when the task's own time is over.
            least: deadline.min(self.instance.shared().deadline),
        };
        self.record(Fact::WaitStarted {
            limit_micros: Some(race.least.since(now)),
        })
        .await;
        self.race(state, &cells, race).await
    }

    /// Opens the subscriptions of a state, side by side: those that its instructions do not influence before them, the
    /// others after. The state's own timeout holds for it as well.
    async fn arm(
        &self,
        state: &State,
        cells: &mut [Cell],
        early: bool,
    ) -> Result<Option<Exit>, Trouble> {
        let mut due = Vec::new();
        for strategy in &state.strategies {
            strategy.each(&mut |strategy| {
                if let StrategyKind::Subscribe(subscription) = &strategy.kind
                    && subscription.early == early
                {
                    due.push((strategy.slot, subscription));
                }
            });
        }
        if due.is_empty() {
            return Ok(None);
        }
        let scope = self.inner().visit_scope;
        // A length that is not known before the instructions have run leaves the opening its own limit.
        let limit = self.transition_limit(state).ok().flatten();
        let deadline = limit.map_or(Moment(u64::MAX), |limit| self.world().now().after(limit));
        let opening = due.iter().map(|(_, subscription)| -> Pending<'_, _> {
            Box::pin(self.open(subscription, scope, self.env()))
        });
        let opened = all_bounded(opening, due.len());
        let opened = match first(opened, self.sleep_until(deadline)).await {
            Either::Left(opened) => opened?,
            Either::Right(()) => {
                let limit = limit.unwrap_or_default();
                return Ok(Some(Exit::Expired(
                    self.opening_expired(state, limit).await,
                )));
            }
        };
        for ((slot, _), open) in due.into_iter().zip(opened) {
            cells[slot].open = Some(Box::new(open));
        }
        Ok(None)
    }

    /// Leaves by a condition without a strategy, where what was subscribed to has not been looked at yet.
    fn leave_at_once<'a>(
        &'a self,
        state: &'a State,
        cells: &'a [Cell],
        End { index, settled }: End,
    ) -> Pending<'a, Result<Exit, Trouble>> {
        Box::pin(async move {
            if !cells.is_empty() && matches!(settled, Settled::Fulfilled(_)) {
                self.judge_subscribed_watches(state, cells).await?;
            }
            taken(index, settled, Vec::new())
        })
    }

    /// How long the state may wait to be left. `None`: as long as it takes.
    fn transition_limit(&self, state: &State) -> Result<Option<Duration>, Trouble> {
        let limit = state.limit(&self.machine().transition_timeout);
        limit
            .map(|limit| self.length(limit, self.env()))
            .transpose()
    }

    async fn opening_expired(&self, state: &State, limit: Duration) -> Trouble {
        self.record(Fact::TimedOut {
            scope: crate::event::TimeoutScope::Transition,
            state: Name::clone(&state.name),
            limit_micros: micros(limit),
            conditions: Vec::new(),
        })
        .await;
        let failure = Failure::new(
            ErrorKind::Timeout,
            format!(
                "no transition within {}: its subscriptions were not open by then",
                length_text(limit)
            ),
        )
        .hint("the server has not confirmed them; the state's `timeout` says how long it may take");
        self.trouble(failure, &state.place)
    }

    /// All strategies side by side, to the first that decides or the deadline, and beside them the state's regions.
    fn race<'a>(
        &'a self,
        state: &'a State,
        cells: &'a [Cell],
        race: Race,
    ) -> Pending<'a, Result<Exit, Trouble>> {
        let offers = state.has_stays();
        let arms: Vec<Option<Pending<'a, Option<End>>>> = state
            .strategies
            .iter()
            .map(|strategy| {
                Some(self.strategy(RunningStrategy {
                    strategy,
                    cells,
                    deadline: race.least,
                    sets: Sets::Transitions {
                        list: &state.transitions,
                        offers,
                    },
                }))
            })
            .collect();
        if state.regions.is_none() && !state.watches_regions && !offers {
            Box::pin(self.race_strategies(state, cells, arms, race.expiry))
        } else {
            Box::pin(self.race_beside(state, cells, arms, race.expiry))
        }
    }

    /// Holds no more than its strategies while it waits.
    async fn race_strategies<'a>(
        &'a self,
        state: &'a State,
        cells: &'a [Cell],
        mut arms: Vec<Option<Pending<'a, Option<End>>>>,
        expiry: Expiry,
    ) -> Result<Exit, Trouble> {
        match first(first_pass(&mut arms), self.sleep_until(expiry.at)).await {
            Either::Left(ready) => {
                let ready = ready.into_iter().map(|(_, end)| end).collect();
                self.settled(state, cells, arms, ready)
            }
            Either::Right(()) => self.expired(state, cells, arms, expiry.limit),
        }
        .await
    }

    /// What was ready first decides, where the state's watches could see; the others are dropped.
    pub(super) fn settled<'a>(
        &'a self,
        state: &'a State,
        cells: &'a [Cell],
        mut arms: Vec<Option<Pending<'a, Option<End>>>>,
        mut ready: Vec<End>,
    ) -> Pending<'a, Result<Exit, Trouble>> {
        Box::pin(async move {
            // A strategy may serve transitions that stand before and after those of another strategy.
            ready.sort_by_key(|end| end.index);
            let mut ready = ready.into_iter();
            let Some(End { index, settled }) = ready.next() else {
                return Err(self.stuck(state));
            };
            if matches!(settled, Settled::Fulfilled(_)) {
                self.judge_watches(state, cells, &mut arms).await?;
            }
            drop(arms);
            let also = ready
                .map(|end| self.transition_label(state, end.index))
                .collect();
            taken(index, settled, also)
        })
    }

    /// The transition timeout is over. Where it leads on, the watches are judged.
    pub(super) fn expired<'a>(
        &'a self,
        state: &'a State,
        cells: &'a [Cell],
        mut arms: Vec<Option<Pending<'a, Option<End>>>>,
        limit: u64,
    ) -> Pending<'a, Result<Exit, Trouble>> {
        Box::pin(async move {
            if state.on_timeout.is_some() {
                self.judge_watches(state, cells, &mut arms).await?;
            }
            drop(arms);
            let expired = self.transition_expired(state, cells, limit).await;
            Ok(Exit::Expired(expired))
        })
    }

    fn transition_label(&self, state: &State, index: usize) -> Name {
        match state.transitions.get(index) {
            Some(Transition { to: Some(to), .. }) => Name::clone(&self.program.states[*to].name),
            Some(Transition { stays: true, .. }) => Name::clone(&state.name),
            _ => "watch".into(),
        }
    }

    async fn transition_expired(&self, state: &State, cells: &[Cell], limit: u64) -> Trouble {
        let conditions = self.conditions(state, cells);
        self.record(Fact::TimedOut {
            scope: crate::event::TimeoutScope::Transition,
            state: Name::clone(&state.name),
            limit_micros: limit,
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
            format!("no transition within {}", crate::event::length_text(limit)),
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
}

/// The way out that was decided on. The winner's messages leave their inboxes here, before these are
/// counted.
fn taken(index: usize, settled: Settled, also_ready: Vec<Name>) -> Result<Exit, Trouble> {
    match settled {
        Settled::Fulfilled(Win { res, attempt, take }) => {
            for (inbox, number) in take {
                inbox.take(number);
            }
            Ok(Exit::Taken(Taken {
                transition: index,
                res,
                attempt,
                also_ready,
            }))
        }
        Settled::Failed(trouble) => Err(trouble),
    }
}
