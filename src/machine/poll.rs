//! `poll`: a request that is repeated, or several that are asked side by side.

use super::address::address;
use super::condition::{End, RunningStrategy, Seen};
use super::execution::Trouble;
use super::frame::{Env, Frame};
use super::program::{Action, Poll, Step};
use super::race::{Pending, all_bounded};
use super::world::World;
use crate::event::{ErrorKind, Fact, Failure, Name, Reply};
use crate::script::Value;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

/// What an attempt of a request has brought.
struct Asked<'a> {
    step: &'a Step,
    micros: u64,
    result: Result<Reply, Failure>,
}

impl<W: World> Frame<'_, W> {
    /// The first attempt at once, each further one after a pause that begins when the one before has ended.
    pub(super) async fn poll(&self, running: RunningStrategy<'_>, poll: &Poll) -> Option<End> {
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
                    if let Some(end) = self.show(running, &res, attempt, None, &mut []).await
                        && let Some(end) = running.offer(end).await
                    {
                        return Some(end);
                    }
                }
            }
            match self.pause(&poll.pauses, attempt, self.env()) {
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
        let asked = match &step.action {
            Action::Parallel(steps) => self.ask_all(step, steps, env).await?,
            _ => vec![Some(self.ask(step, None, env).await?)],
        };
        let ended = self.world().now();
        let is_answered = asked.iter().flatten().all(|one| one.result.is_ok());
        if has_watch {
            let sight = |seen: &mut Seen| seen.sight.attempt_ends(ended, is_answered);
            running.cell().seen(sight);
        }
        let res = result_of(step, &asked);
        self.hide_result(running, &res, attempt, &[]);
        self.record_asked(&asked, attempt).await;
        let Some(failed) = decisive(&asked) else {
            let mut answers = asked
                .iter()
                .flatten()
                .filter_map(|one| one.result.as_ref().ok());
            let lines: Vec<&str> = answers.clone().map(|reply| &*reply.summary).collect();
            let again = answers.find_map(|reply| reply.again.clone());
            running.cell().seen(|seen| {
                seen.attempts = attempt;
                seen.last = Some((res.clone(), lines.join("; ").into()));
                seen.again = again;
                seen.last_failed = false;
            });
            return Ok(Some(res));
        };
        let (asked, failure) = failed;
        if is_not_yet(failure) {
            running.cell().seen(|seen| {
                seen.attempts = attempt;
                seen.trouble = Some(failure.clone());
                seen.last_failed = true;
            });
            return Ok(None);
        }
        let mut trouble = self.trouble(failure.clone(), &asked.step.place);
        trouble.what = Some(Name::clone(&asked.step.what));
        trouble.attempts = attempt;
        Err(trouble)
    }

    /// Asks all side by side, and waits for each: none is cancelled, so that a replay finds all of their answers. What
    /// is left out since its `if` does not hold is `None`.
    async fn ask_all<'a>(
        &self,
        whole: &Step,
        steps: &'a [Step],
        env: Env<'_>,
    ) -> Result<Vec<Option<Asked<'a>>>, Trouble> {
        let limit = whole.timeout.as_ref().map(|limit| self.length(limit, env));
        let limit = limit.transpose()?;
        let branches = steps.iter().map(|step| -> Pending<'_, Result<_, Trouble>> {
            Box::pin(async move {
                match &step.condition {
                    Some(condition) if !self.holds(condition, env)? => Ok(None),
                    _ => self.ask(step, limit, env).await.map(Some),
                }
            })
        });
        all_bounded(branches, steps.len()).await
    }

    /// Asks once. `most`: how long it may take at most, whatever its own limit is.
    async fn ask<'a>(
        &self,
        step: &'a Step,
        most: Option<Duration>,
        env: Env<'_>,
    ) -> Result<Asked<'a>, Trouble> {
        let began = self.world().now();
        let result = match &step.action {
            // Repeated by design, so as safe as its author can make it: it does not wait for the journal.
            Action::Call {
                client, request, ..
            } => {
                let call = self.call(*client, request, true, env)?;
                let limit = self.attempt_limit(step, env)?;
                let limit = most.map_or(limit, |most| limit.min(most));
                let site = self.site(&step.place, env.attempt);
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
        Ok(Asked {
            step,
            micros: self.world().now().since(began),
            result,
        })
    }

    async fn record_asked(&self, asked: &[Option<Asked<'_>>], attempt: u32) {
        for one in asked.iter().flatten() {
            let (sent, received) =
                (one.result.as_ref()).map_or((0, 0), |reply| (reply.sent, reply.received));
            self.execution.count_reply(sent, received);
            self.record(Fact::PollAnswered {
                place: Arc::clone(&one.step.place),
                attempt,
                micros: one.micros,
                result: one.step.record_policy.answer(&one.result),
            })
            .await;
        }
    }
}

/// What conditions see: the answer, or the list of them. What did not answer, or was not asked, is null.
fn result_of(step: &Step, asked: &[Option<Asked<'_>>]) -> Value {
    let mut values = asked
        .iter()
        .map(|one| match one.as_ref().map(|one| &one.result) {
            Some(Ok(reply)) => Value::result(Arc::clone(&reply.value)),
            Some(Err(_)) | None => Value::null(),
        });
    match step.action {
        Action::Parallel(_) => Value::list(values),
        _ => values.next().unwrap_or_default(),
    }
}

/// The failure that decides an attempt: the first that fails the state, else the first that means "not yet".
fn decisive<'a>(asked: &'a [Option<Asked<'a>>]) -> Option<(&'a Asked<'a>, &'a Failure)> {
    let failed = || {
        let failed = asked.iter().flatten();
        failed.filter_map(|one| Some((one, one.result.as_ref().err()?)))
    };
    let fails = failed().find(|(_, failure)| !is_not_yet(failure));
    fails.or_else(|| failed().next())
}

fn is_not_yet(failure: &Failure) -> bool {
    matches!(failure.kind, ErrorKind::Transport | ErrorKind::Timeout)
}
