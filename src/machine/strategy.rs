//! Strategies: `wait`, `poll`, `subscribe`, `all`. Each is a future that ends with the condition that
//! decided, or with nothing when it can decide nothing any more.

use super::condition::{End, Offer, RunningStrategy, Sets, Settled, Win};
use super::execution::Trouble;
use super::frame::Frame;
use super::program::{Guard, Part, PartCondition, StrategyKind};
use super::race::{Pending, first_pass};
use super::stream_end::with_end;
use super::world::{Moment, World};
use crate::event::{ErrorKind, Fact, Failure, Inbox, Name, Next};
use crate::script::Value;
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
        let mut matches = match self.matches(running.strategy) {
            Ok(matches) => matches,
            Err(end) => return Some(end),
        };
        loop {
            let next = match reach {
                Reach::Buffered => Some(inbox.next_now(&mut cursor)?),
                Reach::Coming => self.next_in_time(inbox, &mut cursor, &matches).await,
            };
            let end = match next {
                Some(Next::Message(number, message)) => {
                    attempt += 1;
                    let res = if sees_end {
                        with_end(&message.value)
                    } else {
                        Value::result(Arc::clone(&message.value))
                    };
                    self.hide_result(running, &res, attempt, &matches);
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
                    self.show(running, &res, attempt, Some(offer), &mut matches)
                        .await
                }
                Some(Next::Change(change)) => {
                    self.record_change(open, change).await;
                    None
                }
                Some(Next::Over(over)) => {
                    let over = self.over(running, over, attempt, &mut matches);
                    let end = Box::pin(over).await?;
                    // The end is shown once.
                    let stays = running.sets.stays(end.index);
                    let end = running.offer(end).await;
                    if end.is_some() || stays {
                        return end;
                    }
                    None
                }
                None => Box::pin(self.gathered(running, inbox, attempt, &mut matches)).await,
            };
            if let Some(end) = end
                && let Some(end) = running.offer(end).await
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
