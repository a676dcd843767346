//! Conditions: what results say, and how far each strategy has come.

use super::execution::{Trouble, explained};
use super::frame::{Env, Frame};
use super::matches::Matches;
use super::program::{
    Assignment, Condition, Guard, Part, State, Strategy, StrategyKind, Transition,
};
use super::record_policy::RecordPolicy;
use super::subscription::OpenSubscription;
use super::watches::Sight;
use super::world::{Moment, World};
use crate::event::{
    ConditionState, ConditionStrategy, ConditionVerdict, ErrorKind, Explanation, Fact, Failure,
    Inbox, Json, Name,
};
use crate::script::{Value, brief};
use std::sync::{Arc, Mutex, PoisonError};

/// How a condition ended, with its index.
pub(super) struct End {
    pub(super) index: usize,
    pub(super) settled: Settled,
}

pub(super) enum Settled {
    Fulfilled(Win),
    Failed(Trouble),
}

/// What fulfilled a condition.
#[derive(Default)]
pub(super) struct Win {
    /// The result, as `set` sees it.
    pub(super) res: Value,
    pub(super) attempt: u32,
    /// Messages to take out of their inbox if this one wins.
    pub(super) take: Vec<(Inbox, u64)>,
}

/// One strategy during a visit: its inbox, and what a timeout will tell of it.
#[derive(Default)]
pub(super) struct Cell {
    pub(super) open: Option<Box<OpenSubscription>>,
    /// Made by the first result, so that a strategy that waits costs nothing.
    seen: Mutex<Option<Box<Seen>>>,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) attempts: u32,
    /// The last result, and its line.
    pub(super) last: Option<(Value, Name)>,
    pub(super) again: Option<Name>,
    pub(super) trouble: Option<Failure>,
    /// Whether the last attempt was the one that had trouble.
    pub(super) last_failed: bool,
    /// Of a part of an `all`: whether it has been fulfilled.
    pub(super) is_fulfilled: bool,
    /// Of a poll that has a watch.
    pub(super) sight: Sight,
    /// A condition that was fulfilled, where others may be before it.
    pub(super) offer: Option<End>,
    /// Whether the strategy waits to hear what becomes of its offer.
    pub(super) is_held: bool,
    /// For each condition of the strategy: how often it was fulfilled and the state has stayed.
    pub(super) stayed: Vec<u32>,
    /// For each condition of the strategy: what it looks at.
    watched: Vec<History>,
}

/// The values of everything that a condition looks at.
#[derive(Default)]
struct History {
    /// One for each that is watched.
    values: Vec<Values>,
    /// The one that decided last.
    deciding: Option<usize>,
}

#[derive(Default)]
struct Values {
    /// In the order of appearance, with their counts.
    distinct: Vec<(Json, u32)>,
    more: u32,
    last: Option<Value>,
    changed: Moment,
}

/// Distinct values that a report names; the rest are counted.
const DISTINCT: usize = 8;

impl Cell {
    pub(super) fn seen<T>(&self, with: impl FnOnce(&mut Seen) -> T) -> T {
        with(
            self.seen
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert_default(),
        )
    }

    /// The condition that was fulfilled and waits for what becomes of it.
    pub(super) fn take_offer(&self) -> Option<End> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.as_mut()?.offer.take()
    }
}

impl Values {
    /// The value in short is kept; whether it has changed is decided on the whole of it.
    fn add(&mut self, whole: Value, value: Json, now: Moment) {
        if self.last.as_ref() != Some(&whole) {
            self.changed = now;
        }
        let room = self.distinct.len() < DISTINCT;
        match self.distinct.iter_mut().find(|(known, _)| *known == value) {
            Some((_, count)) => *count += 1,
            None if room => self.distinct.push((value, 1)),
            None => self.more += 1,
        }
        self.last = Some(whole);
    }
}

/// A strategy while it runs: what its future needs.
#[derive(Clone, Copy)]
pub(super) struct RunningStrategy<'a> {
    pub(super) strategy: &'a Strategy,
    /// The visit's strategies, by slot.
    pub(super) cells: &'a [Cell],
    /// No attempt starts at or after it.
    pub(super) deadline: Moment,
    /// What is assigned where a condition is fulfilled.
    pub(super) sets: Sets<'a>,
}

/// The assignments of conditions, by their index.
#[derive(Clone, Copy)]
pub(super) enum Sets<'a> {
    Transitions {
        list: &'a [Transition],
        /// Whether what fulfils a condition is offered only: a condition of the state stays, and may take it.
        offers: bool,
    },
    Parts(&'a [Part]),
}

impl<'a> Sets<'a> {
    fn of(self, index: usize) -> &'a [Assignment] {
        match self {
            Self::Transitions { list, .. } => &list[index].set,
            Self::Parts(parts) => &parts[index].set,
        }
    }

    /// Whether what fulfils a condition is offered only.
    pub(super) fn are_offered(self) -> bool {
        matches!(self, Self::Transitions { offers: true, .. })
    }

    /// Whether the state stays where the condition of this index is fulfilled.
    pub(super) fn stays(self, index: usize) -> bool {
        match self {
            Self::Transitions { list, .. } => list[index].stays,
            Self::Parts(_) => false,
        }
    }
}

impl<'a> RunningStrategy<'a> {
    pub(super) fn cell(&self) -> &'a Cell {
        &self.cells[self.strategy.slot]
    }

    /// A result that decides is not shown to the conditions behind this one, which could have seen it.
    fn spare_watches(&self, decided: usize) {
        if !self.strategy.has_watch() {
            return;
        }
        self.cell().seen(|seen| {
            for number in decided + 1..self.strategy.conditions.len() {
                seen.sight.judge(number, true);
            }
        });
    }

    /// The end of a strategy that broke: it fails the first of its conditions.
    pub(super) fn failed(&self, trouble: Trouble) -> End {
        End {
            index: self.failed_index(),
            settled: Settled::Failed(trouble),
        }
    }

    /// The condition that a strategy fails which broke as a whole: the first.
    pub(super) fn failed_index(&self) -> usize {
        let first = self.strategy.conditions.first();
        first.map_or(0, |condition| condition.index)
    }
}

/// A result of a subscription that some condition may take.
#[derive(Clone, Copy)]
pub(super) struct Offer<'a> {
    pub(super) inbox: &'a Inbox,
    pub(super) number: u64,
}

/// What a condition said of a result.
enum Judged {
    /// The `when` of this number does not hold; none: it can only fail.
    NotYet(Option<usize>),
    /// The same, and it cannot be said: what it asks about is missing.
    Unknown(Option<usize>),
    Fulfilled,
    Failed(Trouble),
}

impl<W: World> Frame<'_, W> {
    /// Judges one result for one condition and writes it down. `fail_when` is asked first, then every
    /// `when` must hold; what is unknown neither fails nor holds. `None`: not yet.
    pub(super) fn check(
        &self,
        condition: &Condition,
        env: Env<'_>,
        watch: Option<(RunningStrategy<'_>, usize)>,
    ) -> impl Future<Output = Option<Result<(), Trouble>>> {
        let record_policy = watch.map_or(RecordPolicy::Full, |(running, _)| {
            running.strategy.record_policy()
        });
        let judged = self.judge_result(condition, env, record_policy);
        let verdict = match &judged {
            Judged::NotYet(_) => ConditionVerdict::NotYet,
            Judged::Unknown(_) => ConditionVerdict::Unknown,
            Judged::Fulfilled => ConditionVerdict::Fulfilled,
            Judged::Failed(_) => ConditionVerdict::Failed,
        };
        if let Some((running, slot)) = watch
            && condition.is_watch()
        {
            let known = !matches!(judged, Judged::Unknown(_));
            running.cell().seen(|seen| seen.sight.judge(slot, known));
        }
        let seen =
            watch.and_then(|(running, slot)| self.remember(running, slot, condition, &judged, env));
        let recorded = self.record(Fact::ConditionChecked {
            place: Arc::clone(&condition.place),
            attempt: env.attempt,
            verdict,
            explanation: None,
            seen,
        });
        async move {
            recorded.await;
            match judged {
                Judged::NotYet(_) | Judged::Unknown(_) => None,
                Judged::Fulfilled => Some(Ok(())),
                Judged::Failed(trouble) => Some(Err(trouble)),
            }
        }
    }

    fn judge_result(
        &self,
        condition: &Condition,
        env: Env<'_>,
        record_policy: RecordPolicy,
    ) -> Judged {
        let mut blind = false;
        for guard in &condition.fail_when {
            match self.truth(guard, env) {
                Ok(Some(true)) => {
                    return Judged::Failed(self.fail_when_held(guard, env, record_policy));
                }
                Ok(truth) => blind |= truth.is_none(),
                Err(trouble) => return Judged::Failed(trouble),
            }
        }
        if condition.label.is_none() {
            return if blind {
                Judged::Unknown(None)
            } else {
                Judged::NotYet(None)
            };
        }
        for (number, guard) in condition.when.iter().enumerate() {
            match self.truth(guard, env) {
                Ok(Some(true)) => {}
                Ok(Some(false)) => return Judged::NotYet(Some(number)),
                Ok(None) => return Judged::Unknown(Some(number)),
                Err(trouble) => return Judged::Failed(trouble),
            }
        }
        Judged::Fulfilled
    }

    fn fail_when_held(&self, guard: &Guard, env: Env<'_>, record_policy: RecordPolicy) -> Trouble {
        let source = guard.expression.source().trim();
        let failure = Failure::new(ErrorKind::Condition, format!("`fail_when` held: {source}"));
        let mut trouble = self.trouble(failure, &guard.place);
        trouble.attempts = env.attempt;
        let res = env.res.filter(|_| record_policy.is_full());
        trouble.result = res.map(|res| Arc::new(res.to_json()));
        explained(trouble, &guard.place, self.explain(guard, env))
    }

    /// Shows a result to a strategy's conditions in order; the first that is fulfilled or fails decides.
    pub(super) async fn show(
        &self,
        running: RunningStrategy<'_>,
        res: &Value,
        attempt: u32,
        offer: Option<Offer<'_>>,
        matches: &mut [Matches],
    ) -> Option<End> {
        let env = self.env().with_res(res, attempt);
        for (slot, condition) in running.strategy.conditions.iter().enumerate() {
            let index = condition.index;
            match self.check(condition, env, Some((running, slot))).await {
                None => {}
                Some(Err(mut trouble)) => {
                    Self::add_last(&mut trouble, running);
                    return Some(End {
                        index,
                        settled: Settled::Failed(trouble),
                    });
                }
                Some(Ok(())) => {
                    let win = match (offer, matches.get_mut(slot)) {
                        (Some(offer), Some(found)) => found.add(res, attempt, offer),
                        _ => Some(Win {
                            res: res.clone(),
                            attempt,
                            take: Vec::new(),
                        }),
                    };
                    if let Some(win) = win {
                        running.spare_watches(slot);
                        return Some(End {
                            index,
                            settled: Settled::Fulfilled(win),
                        });
                    }
                }
            }
        }
        None
    }

    /// Hides the secrets that this result would bring, whatever is decided on it.
    pub(super) fn hide_result(
        &self,
        running: RunningStrategy<'_>,
        res: &Value,
        attempt: u32,
        matches: &[Matches],
    ) {
        if self.machine().secrets.is_empty() {
            return;
        }
        for (slot, condition) in running.strategy.conditions.iter().enumerate() {
            let list = (matches.get(slot)).and_then(|matches| matches.list_with(res));
            let res = list.as_ref().unwrap_or(res);
            let env = self.env().with_res(res, attempt);
            self.hide_ahead(running.sets.of(condition.index), env, false);
        }
    }

    pub(super) fn add_last(trouble: &mut Trouble, running: RunningStrategy<'_>) {
        running.cell().seen(|seen| {
            trouble.last = seen.last.as_ref().map(|(_, line)| Name::clone(line));
            if trouble.failure.again.is_none() {
                trouble.failure.again = seen.again.as_deref().map(str::to_owned);
            }
        });
    }

    /// Remembers the values that a timeout will want to tell of, and hands out the one that decided.
    fn remember(
        &self,
        running: RunningStrategy<'_>,
        slot: usize,
        condition: &Condition,
        judged: &Judged,
        env: Env<'_>,
    ) -> Option<Box<(Name, Json)>> {
        if condition.watched.is_empty() {
            return None;
        }
        let deciding = match judged {
            Judged::NotYet(Some(number)) | Judged::Unknown(Some(number)) => {
                self.decided(condition, *number, env)
            }
            _ => Some(0),
        };
        let now = self.world().now();
        let values = condition.watched.iter();
        let mut values: Vec<(Value, Json)> = values
            .map(|watched| self.watched(&watched.expression, env))
            .map(|value| (value.clone(), brief(&value)))
            .collect();
        let seen = deciding.map(|at| {
            let name = Name::clone(&condition.watched[at].name);
            Box::new((name, values[at].1.clone()))
        });
        running.cell().seen(|seen| {
            seen.watched
                .resize_with(running.strategy.conditions.len(), History::default);
            let history = &mut seen.watched[slot];
            history.deciding = deciding;
            history.values.resize_with(values.len(), Values::default);
            for (known, (whole, value)) in history.values.iter_mut().zip(values.drain(..)) {
                known.add(whole, value, now);
            }
        });
        seen
    }

    /// Which of the watched parts stands in the operand that keeps this `when` from holding.
    fn decided(&self, condition: &Condition, number: usize, env: Env<'_>) -> Option<usize> {
        // With one there is no choice, and no need to look closer.
        if condition.watched.len() == 1 {
            return Some(0);
        }
        let guard = condition.when.get(number)?;
        self.deciding(guard, env).iter().find_map(|operand| {
            condition.watched.iter().position(|watched| {
                let mut places = watched.at.iter();
                places.any(|(when, at)| {
                    *when == number && operand.start <= at.start && at.end <= operand.end
                })
            })
        })
    }

    /// Conditions without a strategy, in order; the first that holds or fails decides.
    /// `again`: only those that look at what regions save.
    pub(super) async fn immediate(&self, state: &State, again: bool) -> Option<End> {
        let asked = |condition: &&Condition| !again || condition.reads_regions();
        for condition in state.immediate.iter().filter(asked) {
            let settled = match self.check(condition, self.env(), None).await {
                None => continue,
                Some(Ok(())) => Settled::Fulfilled(Win {
                    attempt: 1,
                    ..Win::default()
                }),
                Some(Err(trouble)) => Settled::Failed(trouble),
            };
            return Some(End {
                index: condition.index,
                settled,
            });
        }
        None
    }

    /// Why each `when` of a condition does not hold.
    fn explanations(&self, condition: &Condition, env: Env<'_>) -> Vec<Explanation> {
        condition
            .when
            .iter()
            .map(|guard| self.explain(guard, env))
            .collect()
    }

    /// How far each condition of a visit has come, in the order of the file.
    pub(super) fn conditions(&self, state: &State, cells: &[Cell]) -> Vec<ConditionState> {
        let mut states = Vec::new();
        for condition in &state.immediate {
            states.push((condition.index, self.immediate_state(condition)));
        }
        for outer in &state.strategies {
            outer.each(&mut |strategy| {
                for (slot, condition) in strategy.conditions.iter().enumerate() {
                    let cell = &cells[strategy.slot];
                    let open = cell.open.as_deref();
                    let seen = cell
                        .seen(|seen| self.condition_state((strategy, open), slot, condition, seen));
                    // A part stands where its `all` stands.
                    let index = if std::ptr::eq(strategy, outer) {
                        condition.index
                    } else {
                        outer.conditions.first().map_or(0, |all| all.index)
                    };
                    states.push((index, seen));
                }
            });
        }
        states.sort_by_key(|(index, _)| *index);
        states.into_iter().map(|(_, state)| state).collect()
    }

    /// One that was asked once, before the waiting began.
    fn immediate_state(&self, condition: &Condition) -> ConditionState {
        ConditionState {
            place: Arc::clone(&condition.place),
            to: condition.label.clone(),
            strategy: ConditionStrategy::Immediate,
            is_fulfilled: false,
            stayed: 0,
            source: None,
            attempts: 1,
            last: None,
            again: None,
            trouble: None,
            operand: None,
            values: Vec::new(),
            more_values: 0,
            unchanged_micros: 0,
            explanations: self.explanations(condition, self.env()),
        }
    }

    fn condition_state(
        &self,
        (strategy, open): (&Strategy, Option<&OpenSubscription>),
        slot: usize,
        condition: &Condition,
        seen: &mut Seen,
    ) -> ConditionState {
        let now = self.world().now();
        let explanations = match &seen.last {
            Some((res, _)) => self.explanations(condition, self.env().with_res(res, seen.attempts)),
            None => Vec::new(),
        };
        let history = seen.watched.get_mut(slot);
        let mut history = history.map(std::mem::take).unwrap_or_default();
        let (operand, values) = match history.deciding {
            Some(at) => (
                Some(Name::clone(&condition.watched[at].name)),
                history.values.swap_remove(at),
            ),
            None => (None, Values::default()),
        };
        ConditionState {
            place: Arc::clone(&condition.place),
            to: condition.label.clone(),
            strategy: strategy.kind.of_condition(),
            is_fulfilled: seen.is_fulfilled,
            stayed: seen.stayed.get(slot).copied().unwrap_or(0),
            source: open.and_then(|open| open.source.clone()),
            attempts: seen.attempts,
            last: seen
                .last
                .as_ref()
                .and_then(|(res, line)| match &strategy.kind {
                    StrategyKind::Subscribe(subscription) => {
                        message_line(res, subscription.record_policy)
                    }
                    _ => Some(Name::clone(line)).filter(|line| !line.is_empty()),
                }),
            again: seen.again.clone(),
            trouble: seen.trouble.clone(),
            unchanged_micros: if values.last.is_some() {
                now.since(values.changed)
            } else {
                0
            },
            operand: operand.filter(|_| condition.watched.len() > 1),
            values: values.distinct,
            more_values: values.more,
            explanations,
        }
    }

    /// Trouble of a state in which nothing is left that could decide.
    pub(super) fn stuck(&self, state: &State) -> Trouble {
        let failure = Failure::new(
            ErrorKind::Condition,
            format!("nothing leads out of `{}`: no condition holds, and none is left to wait for", state.name),
        )
        .hint("give a condition a strategy (`poll`, `subscribe`, `wait`), or add a transition for this case");
        let mut trouble = self.trouble(failure, &state.place);
        for condition in state
            .immediate
            .iter()
            .filter(|condition| condition.label.is_some())
        {
            for explanation in self.explanations(condition, self.env()) {
                trouble
                    .explanations
                    .push((Arc::clone(&condition.place), explanation));
            }
        }
        trouble
    }
}

/// The bytes of a message in a line.
const MESSAGE_BYTES: usize = 240;

/// The last message in one line, as far as it may be recorded: its body, where it has one.
fn message_line(res: &Value, record_policy: RecordPolicy) -> Option<Name> {
    let value = record_policy.value(Arc::new(res.to_json()));
    let shown = value.get("body").unwrap_or(&value);
    if shown.is_null() {
        return None;
    }
    let mut text = shown.to_string();
    if text.len() > MESSAGE_BYTES {
        text.truncate(text.floor_char_boundary(MESSAGE_BYTES));
        text.push('…');
    }
    Some(text.into())
}
