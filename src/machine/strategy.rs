//! Strategies: `wait`, `poll`, `subscribe`, `all`. Each is a future that ends with the condition that
//! decided, or with nothing when it can decide nothing any more.

use super::address::address;
use super::condition::{End, Offer, RunningStrategy, Seen, Sets, Settled, Win};
use super::execution::Trouble;
use super::frame::{Env, Frame};
use super::program::{Action, Guard, Part, PartCondition, Poll, StrategyKind};
use super::race::{Pending, first_pass};
use super::stream_end::with_end;
use super::world::{Moment, World};
use crate::event::{ErrorKind, Fact, Failure, Inbox, Name, Next, Reply};
use crate::script::Value;
use std::future::{pending, poll_fn};
use std::sync::Arc;

/// Which messages of a subscription are looked at.
#[derive(Clone, Copy)]
pub(super) enum Reach {
    /// Those that are there.
    Buffered,
    /// All that come.
    Coming,
}

impl<W: World> Frame<'_, W> {
    /// The future of a strategy.
    pub(super) fn strategy<'a>(&'a self, running: RunningStrategy<'a>) -> Pending<'a, Option<End>> {
        match &running.strategy.kind {
            StrategyKind::Wait(length) => self.wait(running, move || {
                let length = self.length(length, self.env())?;
                Ok(self.world().now().after(length))
            }),
            StrategyKind::Until(guard) => self.wait(running, move || self.until(guard)),
            StrategyKind::Poll(poll) => Box::pin(self.poll(running, poll)),
            StrategyKind::Subscribe(_) => Box::pin(self.subscribe(running, Reach::Coming)),
            StrategyKind::All(parts) => Box::pin(async move {
                match self.all(running, parts).await {
                    Ok(Some(take)) => {
                        let mut end = self
                            .show(running, &Value::default(), 1, None, &mut [])
                            .await;
                        if let Some(End {
                            settled: Settled::Fulfilled(win),
                            ..
                        }) = &mut end
                        {
                            win.take = take;
                        }
                        end
                    }
                    Ok(None) => None,
                    Err(trouble) => Some(running.failed(trouble)),
                }
            }),
        }
    }

    /// Waits for a moment, which is computed when the waiting begins.
    fn wait<'a>(
        &'a self,
        running: RunningStrategy<'a>,
        until: impl FnOnce() -> Result<Moment, Trouble> + Send + 'a,
    ) -> Pending<'a, Option<End>> {
        Box::pin(async move {
            match until() {
                Ok(until) => self.sleep_until(until).await,
                Err(trouble) => return Some(running.failed(trouble)),
            }
            // On the heap: what waits for its time should hold no more than that.
            Box::pin(self.show(running, &Value::default(), 1, None, &mut [])).await
        })
    }

    /// The moment of a timestamp: as far from now as it is from the wall clock's now.
    fn until(&self, guard: &Guard) -> Result<Moment, Trouble> {
        let value = self.eval(guard, self.env())?;
        let Some(at) = value.as_time() else {
            let failure = Failure::new(
                ErrorKind::Script,
                format!("`until` needs a time, this is {}", value.to_json()),
            )
            .hint("for example `now() + duration('5s')`, or `time(res.body.at)`");
            return Err(self.trouble(failure, &guard.place));
        };
        let distance = at.duration_since(self.world().host().now());
        Ok(self
            .world()
            .now()
            .after(distance.try_into().unwrap_or_default()))
    }

    /// The first attempt at once, each further one after a pause that begins when the one before has ended.
    async fn poll(&self, running: RunningStrategy<'_>, poll: &Poll) -> Option<End> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            if self.world().now() >= running.deadline {
                // The deadline decides, in its own turn.
                return pending().await;
            }
            match self.poll_once(running, poll, attempt).await {
                Err(trouble) => return Some(running.failed(trouble)),
                Ok(None) => {}
                Ok(Some(res)) => {
                    if let Some(end) = self.show(running, &res, attempt, None, &mut []).await {
                        return Some(end);
                    }
                }
            }
            match self.pause(
                &poll.every,
                poll.backoff,
                poll.max_every.as_ref(),
                attempt,
                self.env(),
            ) {
                Ok(pause) => self.sleep_until(self.world().now().after(pause)).await,
                Err(trouble) => return Some(running.failed(trouble)),
            }
        }
    }

    /// One attempt. `None`: a transport error or no answer in time, which mean "not yet".
    async fn poll_once(
        &self,
        running: RunningStrategy<'_>,
        poll: &Poll,
        attempt: u32,
    ) -> Result<Option<Value>, Trouble> {
        let step = &poll.step;
        let env = Env {
            attempt,
            ..self.env()
        };
        if let Some(condition) = &step.condition
            && !self.holds(condition, env)?
        {
            return Ok(None);
        }
        let began = self.world().now();
        let has_watch = running.strategy.has_watch();
        if has_watch {
            running.cell().seen(|seen| seen.sight.attempt_begins(began));
        }
        let result = match &step.action {
            // Repeated by design, so as safe as its author can make it: it does not wait for the journal.
            Action::Call {
                client, request, ..
            } => {
                let call = self.call(*client, request, true, env)?;
                let limit = self.attempt_limit(step, env)?;
                let site = self.site(&step.place, attempt);
                let address = address(&self.machine().clients[*client], &call);
                let result = self.world().call(site, call);
                let result = self.within(limit, result, address).await;
                step.record_policy.unrepeated(result)
            }
            Action::Eval(script) => {
                let value = self.eval(script, env)?;
                Ok(Reply {
                    value: Arc::new(value.to_json()),
                    ..Reply::default()
                })
            }
            // `check` refuses the others.
            _ => Ok(Reply::default()),
        };
        let ended = self.world().now();
        let micros = ended.since(began);
        if has_watch {
            let answered = result.is_ok();
            let sight = |seen: &mut Seen| seen.sight.attempt_ends(ended, answered);
            running.cell().seen(sight);
        }
        let (sent, received) = result
            .as_ref()
            .map_or((0, 0), |reply| (reply.sent, reply.received));
        self.execution.count_reply(sent, received);
        if let Ok(reply) = &result {
            let res = Value::result(Arc::clone(&reply.value));
            self.hide_result(running, &res, attempt);
        }
        self.record(Fact::PollAnswered {
            place: Arc::clone(&step.place),
            attempt,
            micros,
            result: step.record_policy.answer(&result),
        })
        .await;
        match result {
            Ok(reply) => {
                let res = Value::result(reply.value);
                running.cell().seen(|seen| {
                    seen.attempts = attempt;
                    seen.last = Some((res.clone(), reply.summary));
                    seen.again = reply.again;
                    seen.last_failed = false;
                });
                Ok(Some(res))
            }
            Err(failure) if matches!(failure.kind, ErrorKind::Transport | ErrorKind::Timeout) => {
                running.cell().seen(|seen| {
                    seen.attempts = attempt;
                    seen.trouble = Some(failure);
                    seen.last_failed = true;
                });
                Ok(None)
            }
            Err(failure) => {
                let mut trouble = self.trouble(failure, &step.place);
                trouble.what = Some(Name::clone(&step.what));
                trouble.attempts = attempt;
                Err(trouble)
            }
        }
    }

    /// Each message in turn, the oldest first. `None`: none of them decided, and no further one will.
    pub(super) async fn subscribe(
        &self,
        running: RunningStrategy<'_>,
        reach: Reach,
    ) -> Option<End> {
        let open = running.cell().open.as_ref()?;
        let inbox = &open.inbox;
        let sees_end = running.strategy.sees_end();
        let mut cursor = 0;
        let mut attempt = 0;
        let mut matches = vec![Vec::new(); running.strategy.conditions.len()];
        loop {
            let next = match reach {
                Reach::Buffered => inbox.next_now(&mut cursor)?,
                Reach::Coming => poll_fn(|context| inbox.poll_next(&mut cursor, context)).await,
            };
            let (number, message) = match next {
                Next::Message(number, message) => (number, message),
                Next::Change(change) => {
                    self.record_change(open, change).await;
                    continue;
                }
                Next::Over(over) => return Box::pin(self.over(running, over, attempt)).await,
            };
            attempt += 1;
            let res = if sees_end {
                with_end(&message.value)
            } else {
                Value::result(Arc::clone(&message.value))
            };
            self.hide_result(running, &res, attempt);
            self.record(Fact::MessageReceived {
                place: Arc::clone(&running.strategy.place),
                number,
                value: running.strategy.record_policy().value(message.value),
            })
            .await;
            running.cell().seen(|seen| {
                seen.attempts = attempt;
                seen.last = Some((res.clone(), Name::default()));
            });
            let offer = Offer { inbox, number };
            if let Some(end) = self
                .show(running, &res, attempt, Some(offer), &mut matches)
                .await
            {
                return Some(end);
            }
        }
    }

    /// Waits until every part has been fulfilled, in any order; each `set` applies when its own is. Yields
    /// the messages that the parts take if the whole of it wins; `None` if one can never be fulfilled.
    async fn all(
        &self,
        running: RunningStrategy<'_>,
        parts: &[Part],
    ) -> Result<Option<Vec<(Inbox, u64)>>, Trouble> {
        let mut done = vec![false; parts.len()];
        let mut taken = Vec::new();
        let mut arms: Vec<Option<Pending<'_, Option<End>>>> = parts
            .iter()
            .map(|part| match &part.condition {
                PartCondition::Strategy(strategy) => Some(self.strategy(RunningStrategy {
                    strategy,
                    sets: Sets::Parts(parts),
                    ..running
                })),
                PartCondition::Immediate(_) => None,
            })
            .collect();
        loop {
            // Parts without a strategy look at the variables, which another part's `set` may have changed.
            for (part, done) in parts.iter().zip(&mut done) {
                let PartCondition::Immediate(condition) = &part.condition else {
                    continue;
                };
                if !*done && let Some(end) = self.check(condition, self.env(), None).await {
                    end?;
                    *done = true;
                    self.assign_all(&part.set, self.env()).await?;
                }
            }
            if done.iter().all(|done| *done) {
                return Ok(Some(taken));
            }
            let ready = first_pass(&mut arms).await;
            if ready.is_empty() {
                return Ok(None);
            }
            for (index, End { settled, .. }) in ready {
                let Win { res, attempt, take } = match settled {
                    Settled::Fulfilled(win) => win,
                    Settled::Failed(trouble) => return Err(trouble),
                };
                taken.extend(take);
                done[index] = true;
                if let PartCondition::Strategy(strategy) = &parts[index].condition {
                    running.cells[strategy.slot].seen(|seen| seen.is_fulfilled = true);
                }
                self.assign_all(&parts[index].set, self.env().with_res(&res, attempt))
                    .await?;
            }
        }
    }
}
