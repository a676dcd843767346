//! Watches: conditions that can only fail. A watch says that something has *not* happened, which is worth something
//! only if it would have been seen. So a state is left by a transition, or by `on_timeout`, only where each of its
//! watches could see: a poll was answered, a subscription was open all the time.

use super::condition::{Cell, End, RunningStrategy, Seen, Sets, Settled};
use super::execution::Trouble;
use super::frame::Frame;
use super::program::{Condition, Poll, State, Strategy, StrategyKind};
use super::race::{Either, Pending, first};
use super::strategy::Reach;
use super::value::length_text;
use super::world::{Moment, World};
use crate::event::{Failure, Name, Over};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll as Polled;
use std::time::Duration;

/// The strategies of a state while they run, each with its future until that has ended.
pub(super) type Arms<'a> = [Option<Pending<'a, Option<End>>>];

/// What the attempts of a poll have shown to its watches.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// When the attempt began that is still open.
    open_since: Option<Moment>,
    completed: u32,
    /// The longest that an attempt took which was answered, in microseconds.
    slowest: u64,
    /// For each condition of the strategy: whether its `fail_when` was true or false at the last completed attempt.
    judged: Vec<bool>,
}

impl Sight {
    pub(super) fn attempt_begins(&mut self, now: Moment) {
        self.open_since = Some(now);
    }

    /// The attempt is over. Until its answer is judged, it has shown nothing.
    pub(super) fn attempt_ends(&mut self, now: Moment, answered: bool) {
        let took = self.open_since.take().map_or(0, |began| now.since(began));
        self.completed += 1;
        self.judged.fill(false);
        if answered {
            self.slowest = self.slowest.max(took);
        }
    }

    /// Whether the condition of this number could say something of the answer.
    pub(super) fn judge(&mut self, number: usize, known: bool) {
        if self.judged.len() <= number {
            self.judged.resize(number + 1, false);
        }
        self.judged[number] = known;
    }

    /// Why this poll has not seen whether something happened; nothing, if it has.
    fn blind(&self, number: usize, every: Duration, now: Moment) -> Option<Blindness> {
        let open = self.open_since.map(|began| now.since(began));
        let patience = (every.as_micros() as u64).max(self.slowest.saturating_mul(2));
        match open {
            Some(open) if self.completed == 0 => Some(Blindness::NoAnswer { open }),
            Some(open) if open > patience => Some(Blindness::NoAnswer { open }),
            _ if self.completed == 0 => Some(Blindness::NotAsked),
            _ if !self.judged.get(number).copied().unwrap_or(false) => Some(Blindness::NotJudged),
            _ => None,
        }
    }
}

/// Why a poll has seen nothing.
enum Blindness {
    /// No attempt was made.
    NotAsked,
    /// The last attempt has had no answer for so long, in microseconds.
    NoAnswer { open: u64 },
    /// The last attempt was refused, or its answer did not say.
    NotJudged,
}

impl Condition {
    /// Whether it can only fail.
    pub(super) fn is_watch(&self) -> bool {
        self.label.is_none() && !self.fail_when.is_empty()
    }
}

impl Strategy {
    /// Whether one of its conditions can only fail.
    pub(super) fn has_watch(&self) -> bool {
        self.conditions.iter().any(Condition::is_watch)
    }
}

impl State {
    fn has_watch(&self) -> bool {
        self.strategies.iter().any(Strategy::has_watch)
    }
}

impl<W: World> Frame<'_, W> {
    /// Judges the watches of a state that something leads out of. A first attempt that has only just begun is waited
    /// for; what is true by then fails the state.
    pub(super) async fn judge_watches<'a>(
        &'a self,
        state: &'a State,
        cells: &'a [Cell],
        arms: &mut Arms<'a>,
    ) -> Result<(), Trouble> {
        if !state.has_watch() {
            return Ok(());
        }
        self.first_answers(state, cells, arms).await?;
        for Watch {
            condition,
            number,
            strategy,
        } in watches(state)
        {
            let cell = &cells[strategy.slot];
            let blind = match &strategy.kind {
                StrategyKind::Poll(poll) => self.blind_poll(poll, cell, number)?,
                StrategyKind::Subscribe(_) => Self::blind_subscription(state, strategy, cell),
                StrategyKind::Wait(_) | StrategyKind::Until(_) | StrategyKind::All(_) => None,
            };
            if let Some(failure) = blind {
                return Err(self.watch_trouble(failure, condition, cell));
            }
        }
        Ok(())
    }

    /// The same where a condition without a strategy leads out, before any strategy has started: what subscriptions
    /// hold by then is looked at, polls have not begun.
    pub(super) async fn judge_subscribed_watches(
        &self,
        state: &State,
        cells: &[Cell],
    ) -> Result<(), Trouble> {
        for strategy in &state.strategies {
            if !matches!(strategy.kind, StrategyKind::Subscribe(_)) || !strategy.has_watch() {
                continue;
            }
            let running = RunningStrategy {
                strategy,
                cells,
                deadline: self.world().now(),
                sets: Sets::Transitions {
                    list: &state.transitions,
                    offers: false,
                },
            };
            let ended = Box::pin(self.subscribe(running, Reach::Buffered)).await;
            if let Some(End {
                settled: Settled::Failed(trouble),
                ..
            }) = ended
            {
                return Err(trouble);
            }
            let cell = &cells[strategy.slot];
            if let Some(failure) = Self::blind_subscription(state, strategy, cell)
                && let Some(condition) = strategy.conditions.iter().find(|one| one.is_watch())
            {
                return Err(self.watch_trouble(failure, condition, cell));
            }
        }
        Ok(())
    }

    /// Goes on with polls that have a watch and whose first attempt is open for less than their `every`, until it is
    /// answered or that has passed.
    async fn first_answers<'a>(
        &'a self,
        state: &'a State,
        cells: &'a [Cell],
        arms: &mut Arms<'a>,
    ) -> Result<(), Trouble> {
        let mut waited = Vec::new();
        for (at, strategy) in state.strategies.iter().enumerate() {
            let StrategyKind::Poll(poll) = &strategy.kind else {
                continue;
            };
            if !strategy.has_watch() {
                continue;
            }
            let every = self.length(&poll.pauses.first, self.env())?;
            let until = cells[strategy.slot].seen(|seen| {
                let sight = &seen.sight;
                let began = sight.open_since.filter(|_| sight.completed == 0);
                began.map(|began| began.after(every))
            });
            if let Some(until) = until {
                waited.push((at, strategy, until));
            }
        }
        let Some(last) = waited.iter().map(|(.., until)| *until).max() else {
            return Ok(());
        };
        let answered = poll_fn(|context| {
            let mut pending = false;
            for (at, strategy, until) in &waited {
                let Some(arm) = &mut arms[*at] else { continue };
                if let Polled::Ready(end) = arm.as_mut().poll(context) {
                    arms[*at] = None;
                    if let Some(End {
                        settled: Settled::Failed(trouble),
                        ..
                    }) = end
                    {
                        return Polled::Ready(Err(trouble));
                    }
                    continue;
                }
                let is_first = cells[strategy.slot].seen(|seen| seen.sight.completed == 0);
                pending |= is_first && self.world().now() < *until;
            }
            if pending {
                Polled::Pending
            } else {
                Polled::Ready(Ok(()))
            }
        });
        match first(answered, self.sleep_until(last)).await {
            Either::Left(answered) => answered,
            Either::Right(()) => Ok(()),
        }
    }

    fn blind_poll(
        &self,
        poll: &Poll,
        cell: &Cell,
        number: usize,
    ) -> Result<Option<Failure>, Trouble> {
        let every = self.length(&poll.pauses.first, self.env())?;
        let now = self.world().now();
        let what = &poll.step.what;
        Ok(cell.seen(|seen| {
            let blind = seen.sight.blind(number, every, now)?;
            Some(poll_failure(what, seen, &blind))
        }))
    }

    /// Why a subscription has not seen whether something happened; nothing, if it has.
    fn blind_subscription(state: &State, strategy: &Strategy, cell: &Cell) -> Option<Failure> {
        let open = cell.open.as_ref()?;
        let standing = open.inbox.standing();
        let (messages, _) = open.inbox.counts();
        let after = format!("after {}", counted(messages, "message"));
        let why = match standing.over {
            Some(Over::Ended) if state.expects_end(strategy) => return None,
            Some(Over::Ended) => format!("its source has ended {after}"),
            Some(Over::Broken(failure)) => format!("its subscription broke {after}: {failure}"),
            None if standing.is_lost => {
                format!("its connection was lost {after}, and is not open again")
            }
            None if standing.losses > open.losses => {
                let times = counted(standing.losses - open.losses, "time");
                format!(
                    "its connection was lost {times} while the state waited, and what came in between is not known"
                )
            }
            None => return None,
        };
        Some(
            Failure::transport(format!("the watch could not see: {why}")).hint(
                "an absence is proved only by a subscription that is open to the end of the state",
            ),
        )
    }

    fn watch_trouble(&self, failure: Failure, condition: &Condition, cell: &Cell) -> Trouble {
        let mut trouble = self.trouble(failure, &condition.place);
        cell.seen(|seen| {
            trouble.last = seen.last.as_ref().map(|(_, line)| Name::clone(line));
            if trouble.failure.again.is_none() {
                trouble.failure.again = seen.again.as_deref().map(str::to_owned);
            }
        });
        trouble.last = trouble.last.filter(|line| !line.is_empty());
        trouble
    }
}

struct Watch<'m> {
    condition: &'m Condition,
    /// Its number among the conditions of the strategy.
    number: usize,
    strategy: &'m Strategy,
}

/// The watches of a state, in the order of the file.
fn watches(state: &State) -> Vec<Watch<'_>> {
    let mut watches = Vec::new();
    for strategy in &state.strategies {
        for (number, condition) in strategy.conditions.iter().enumerate() {
            if condition.is_watch() {
                watches.push(Watch {
                    condition,
                    number,
                    strategy,
                });
            }
        }
    }
    watches.sort_by_key(|watch| watch.condition.index);
    watches
}

fn poll_failure(what: &Arc<str>, seen: &Seen, blind: &Blindness) -> Failure {
    let attempts = seen.sight.completed;
    let last = seen.trouble.as_ref();
    let why = match blind {
        Blindness::NotAsked => format!("`{what}` was not asked once"),
        Blindness::NoAnswer { open } => {
            let open = length_text(Duration::from_micros(*open));
            if attempts == 0 {
                format!("`{what}` has had no answer for {open}")
            } else {
                format!(
                    "attempt {} of `{what}` has had no answer for {open}",
                    attempts + 1
                )
            }
        }
        Blindness::NotJudged => match last {
            Some(failure) if seen.last.is_none() => match attempts {
                1 => format!("the one attempt of `{what}` failed: {failure}"),
                many => format!("all {many} attempts of `{what}` failed, the last with: {failure}"),
            },
            Some(failure) if seen.last_failed => {
                format!("the last of {attempts} attempts of `{what}` failed: {failure}")
            }
            _ => format!("of the last answer of `{what}` its `fail_when` is unknown"),
        },
    };
    Failure::transport(format!("the watch could not see: {why}"))
        .hint("an absence is proved only by a poll whose last attempt was answered with what `fail_when` asks about")
}

fn counted(number: u64, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    }
}
