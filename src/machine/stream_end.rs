//! The end of a source: a stream that has been read to its end, a process that has exited. The end is no message. It
//! fails what waits for more, unless a condition of the state asks for `res.ended`: then it is expected.

use super::condition::{End, RunningStrategy, Settled};
use super::frame::Frame;
use super::matches::Matches;
use super::program::{Condition, From, Guard, State, Strategy, StrategyKind};
use super::world::World;
use crate::event::{ErrorKind, Failure, Json, Over};
use crate::script::Value;
use serde_json::json;
use std::sync::Arc;

/// The member of a message's `res` by which a condition sees the end.
const ENDED: &str = "ended";

impl Condition {
    /// Whether it asks for `res.ended`.
    fn sees_end(&self) -> bool {
        let asks = |guard: &Guard| {
            let mut paths = guard.expression.uses().paths.iter();
            paths.any(|path| {
                &*path.root == "res" && path.members.first().is_some_and(|name| &**name == ENDED)
            })
        };
        self.when.iter().any(asks) || self.fail_when.iter().any(asks)
    }
}

impl Strategy {
    /// Whether the end of its source is what one of its conditions waits for.
    fn awaits_end(&self) -> bool {
        let to_the_end = |one: &Condition| {
            (one.collect.as_ref()).is_some_and(|collect| collect.length.is_none())
        };
        self.sees_end() || self.conditions.iter().any(to_the_end)
    }

    /// Whether one of its conditions asks for `res.ended`.
    pub(super) fn sees_end(&self) -> bool {
        self.conditions.iter().any(Condition::sees_end)
    }

    /// Whether both read one buffer: they are one strategy, or name one `listen` entry.
    fn shares_source(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (StrategyKind::Subscribe(one), StrategyKind::Subscribe(another)) => {
                match (&one.from, &another.from) {
                    (From::Listen(name), From::Listen(other)) => name == other,
                    _ => self.slot == other.slot,
                }
            }
            _ => false,
        }
    }
}

impl State {
    /// Whether a condition of this state asks for the end of this strategy's source.
    pub(super) fn expects_end(&self, strategy: &Strategy) -> bool {
        let mut expects = false;
        for one in &self.strategies {
            one.each(&mut |one| expects |= one.shares_source(strategy) && one.awaits_end());
        }
        expects
    }
}

impl<W: World> Frame<'_, W> {
    /// What the end of a source, behind its last message, means for the conditions that read it. `None`: nothing; what
    /// can only fail is judged when the state is left.
    pub(super) async fn over(
        &self,
        running: RunningStrategy<'_>,
        over: Over,
        attempt: u32,
        matches: &mut [Matches],
    ) -> Option<End> {
        let strategy = running.strategy;
        let failure = match over {
            Over::Ended => {
                let res = Value::result(Arc::new(json!({ ENDED: true })));
                if let Some(end) = self.show_end(running, &res, attempt, matches).await {
                    return Some(end);
                }
                if self.state().expects_end(strategy) {
                    return None;
                }
                Failure::protocol("the source has ended").hint(
                    "a condition of this state that asks for `res.ended` says that the end is expected",
                )
            }
            Over::Broken(failure) => strategy.record_policy().failure(failure),
        };
        let lets_go = matches!(failure.kind, ErrorKind::Transport | ErrorKind::Protocol);
        if lets_go && strategy.conditions.iter().all(Condition::is_watch) {
            return None;
        }
        let messages = running.cell().open.as_ref()?.inbox.counts().0;
        let came = match messages {
            0 => "before any message came".to_owned(),
            1 => "after 1 message".to_owned(),
            many => format!("after {many} messages"),
        };
        let message = format!("{}, {came}", failure.message);
        let trouble = self.trouble(Failure { message, ..failure }, &strategy.place);
        let waiting = strategy.conditions.iter().find(|one| !one.is_watch());
        Some(End {
            index: waiting.map_or_else(|| running.failed_index(), |one| one.index),
            settled: Settled::Failed(trouble),
        })
    }

    /// Shows the end to the conditions that ask for it, and judges what was gathered. It is no message, so that
    /// neither `count` nor `collect` counts it.
    async fn show_end(
        &self,
        running: RunningStrategy<'_>,
        res: &Value,
        messages: u32,
        matches: &mut [Matches],
    ) -> Option<End> {
        let attempt = messages + 1;
        let env = self.env().with_res(res, attempt);
        let conditions = running.strategy.conditions.iter().zip(matches);
        for (slot, (condition, matches)) in conditions.enumerate() {
            if let Some(collect) = &condition.collect {
                let inbox = &running.cell().open.as_ref()?.inbox;
                let of = (condition, &**collect);
                let judged = self.judge_gathered(running, of, inbox, messages, matches);
                return Some(judged.await);
            }
            if !condition.sees_end() {
                continue;
            }
            let settled = match self.check(condition, env, Some((running, slot))).await {
                None => continue,
                Some(Ok(())) => Settled::Fulfilled(super::condition::Win {
                    res: res.clone(),
                    attempt,
                    take: Vec::new(),
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
}

/// A message as a condition sees it that asks for the end: there is more to come.
pub(super) fn with_end(message: &Arc<Json>) -> Value {
    let mut message = Json::clone(message);
    if let Json::Object(members) = &mut message {
        members.entry(ENDED).or_insert(Json::Bool(false));
    }
    Value::result(Arc::new(message))
}
