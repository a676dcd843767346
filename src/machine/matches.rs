//! Conditions that want several messages: `count` and `collect`. What matches stays in its inbox until the condition is
//! fulfilled, so that the inbox bounds how much is gathered.

use super::condition::{End, Offer, RunningStrategy, Settled, Win};
use super::execution::Trouble;
use super::frame::Frame;
use super::instruction::told;
use super::program::{Collect, Condition, Count, Strategy};
use super::race::{Either, first};
use super::world::{Moment, World};
use crate::event::{ErrorKind, Failure, Inbox, Json, MAX_MESSAGES, Next};
use crate::script::Value;
use std::future::poll_fn;
use std::sync::Arc;

/// What a condition wants of a subscription, and what has matched so far.
pub(super) struct Matches {
    wanted: Wanted,
    found: Vec<(u64, Value)>,
}

enum Wanted {
    /// The first match, which is the result.
    One,
    /// So many; the result is the list of them.
    Many(usize),
    /// All, until this moment or the end of the source.
    All(Option<Moment>),
}

impl Matches {
    fn is_list(&self) -> bool {
        !matches!(self.wanted, Wanted::One)
    }

    /// The result with one more message, where it is a list.
    pub(super) fn list_with(&self, message: &Value) -> Option<Value> {
        let found = self.found.iter().map(|(_, found)| found);
        self.is_list()
            .then(|| Value::list(found.chain([message]).cloned()))
    }

    /// Adds a match. What fulfils the condition, if this does.
    pub(super) fn add(&mut self, res: &Value, attempt: u32, offer: Offer<'_>) -> Option<Win> {
        let most = match self.wanted {
            Wanted::One => {
                return Some(Win {
                    res: res.clone(),
                    attempt,
                    take: vec![(offer.inbox.clone(), offer.number)],
                });
            }
            Wanted::Many(count) => count,
            // The inbox holds no more.
            Wanted::All(_) => MAX_MESSAGES + 1,
        };
        self.found.push((offer.number, res.clone()));
        if self.found.len() < most {
            return None;
        }
        self.forget_taken(offer.inbox);
        let is_enough = matches!(self.wanted, Wanted::Many(count) if self.found.len() >= count);
        is_enough.then(|| self.win(offer.inbox, attempt))
    }

    /// What another condition, which stays, has taken in the meantime is no match any more.
    fn forget_taken(&mut self, inbox: &Inbox) {
        self.found.retain(|(number, _)| inbox.holds(*number));
    }

    /// The matches as a result. They stay: it may not be the one that decides.
    fn win(&self, inbox: &Inbox, attempt: u32) -> Win {
        let found = self.found.iter();
        Win {
            res: Value::list(found.clone().map(|(_, message)| message.clone())),
            attempt,
            take: found.map(|(number, _)| (inbox.clone(), *number)).collect(),
        }
    }
}

impl<W: World> Frame<'_, W> {
    /// What each condition of a subscription wants, from now on.
    pub(super) fn matches(&self, strategy: &Strategy) -> Result<Vec<Matches>, End> {
        let conditions = strategy.conditions.iter();
        conditions
            .map(|condition| {
                let wanted = self.wanted(condition).map_err(|trouble| End {
                    index: condition.index,
                    settled: Settled::Failed(trouble),
                })?;
                Ok(Matches {
                    wanted,
                    found: Vec::new(),
                })
            })
            .collect()
    }

    fn wanted(&self, condition: &Condition) -> Result<Wanted, Trouble> {
        if let Some(collect) = &condition.collect {
            let length = collect.length.as_ref();
            let length = length.map(|length| self.length(length, self.env()));
            let until = length
                .transpose()?
                .map(|length| self.world().now().after(length));
            return Ok(Wanted::All(until));
        }
        match &condition.count {
            None => Ok(Wanted::One),
            Some(Count::Literal(count)) => Ok(Wanted::Many(*count)),
            Some(Count::Expression(guard)) => {
                let value = self.eval(guard, self.env())?.to_json();
                let Some(count) = positive(&value) else {
                    let message = format!(
                        "`count` needs a whole number that is more than 0, this is {value}"
                    );
                    let failure = Failure::new(ErrorKind::Script, message)
                        .hint("it is asked when the state begins to wait");
                    return Err(self.trouble(failure, &guard.place));
                };
                Ok(Wanted::Many(count))
            }
        }
    }

    /// What comes next in an inbox. `None`: a condition has gathered for as long as it wants.
    pub(super) async fn next_in_time(
        &self,
        inbox: &Inbox,
        cursor: &mut u64,
        matches: &[Matches],
    ) -> Option<Next> {
        let until = matches.iter().filter_map(|one| match one.wanted {
            Wanted::All(until) => until,
            Wanted::One | Wanted::Many(_) => None,
        });
        let next = poll_fn(|context| inbox.poll_next(cursor, context));
        let Some(until) = until.min() else {
            return Some(next.await);
        };
        match first(next, Box::pin(self.sleep_until(until))).await {
            Either::Left(next) => Some(next),
            Either::Right(()) => None,
        }
    }

    /// Judges the first condition that has gathered all that it will.
    pub(super) async fn gathered(
        &self,
        running: RunningStrategy<'_>,
        inbox: &Inbox,
        attempt: u32,
        matches: &mut [Matches],
    ) -> Option<End> {
        let now = self.world().now();
        let conditions = running.strategy.conditions.iter().zip(matches);
        for (condition, matches) in conditions {
            let is_due = matches!(matches.wanted, Wanted::All(Some(until)) if until <= now);
            if let Some(collect) = &condition.collect
                && is_due
            {
                let of = (condition, &**collect);
                let judged = self.judge_gathered(running, of, inbox, attempt, matches);
                return Some(judged.await);
            }
        }
        None
    }

    /// What was gathered is the result: `expect` judges it.
    pub(super) async fn judge_gathered(
        &self,
        running: RunningStrategy<'_>,
        (condition, collect): (&Condition, &Collect),
        inbox: &Inbox,
        attempt: u32,
        matches: &mut Matches,
    ) -> End {
        let index = condition.index;
        matches.forget_taken(inbox);
        let win = matches.win(inbox, attempt);
        let env = self.env().with_res(&win.res, attempt);
        let settled = match self.unmet(&collect.expect, env).await {
            Ok(None) => Settled::Fulfilled(win),
            Ok(Some(unmet)) => {
                let trouble = self.trouble(unmet.failure, &collect.place);
                let mut trouble = told(trouble, unmet.explanations);
                trouble.attempts = attempt;
                let is_recorded = running.strategy.record_policy().is_full();
                trouble.result = is_recorded.then(|| Arc::new(win.res.to_json()));
                Settled::Failed(trouble)
            }
            Err(trouble) => Settled::Failed(trouble),
        };
        End { index, settled }
    }
}

/// A whole number that is more than nothing, also where it is written with a point.
fn positive(value: &Json) -> Option<usize> {
    let number = value.as_u64().or_else(|| {
        let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
        // Exact: a float of that size has no fraction.
        (0.0..=9e15).contains(&number).then_some(number as u64)
    });
    usize::try_from(number?).ok().filter(|number| *number > 0)
}
