//! Instructions: one attempt, retries, loops, and what hangs on them (`save`, `expect`, `defer`).

use super::address::address;
use super::execution::{Deferred, Trouble, Undo};
use super::frame::{Env, Frame, Item};
use super::program::{Action, Guard, Items, Pauses, Retry, Step};
use super::race::{Either, Pending, all_bounded, first};
use super::world::{Call, World};
use crate::event::{ErrorKind, Explanation, Fact, Failure, Json, Location, Name, Reply};
use crate::script::Value;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How long one attempt of a request may take, where nothing else is written.
const ATTEMPT: Duration = Duration::from_secs(30);

impl<W: World> Frame<'_, W> {
    /// Runs instructions in order; the first that fails ends it.
    pub(super) async fn steps(&self, steps: &[Step], env: Env<'_>) -> Result<(), Trouble> {
        for step in steps {
            self.step(step, env).await?;
        }
        Ok(())
    }

    /// Runs one instruction and yields its result.
    pub(super) fn step<'a>(
        &'a self,
        step: &'a Step,
        env: Env<'a>,
    ) -> Pending<'a, Result<Value, Trouble>> {
        Box::pin(async move {
            if let Some(condition) = &step.condition
                && !self.holds(condition, env)?
            {
                self.record(Fact::InstructionSkipped {
                    place: Arc::clone(&step.place),
                })
                .await;
                return Ok(Value::default());
            }
            let Some(each) = &step.each else {
                return self.armed(step, env, true).await;
            };
            let items = match &each.items {
                Items::Expression(guard) => self.eval(guard, env)?,
                Items::List(blueprint) => self.build_value(blueprint, env)?,
            };
            let found = items
                .loop_items()
                .map_err(|failure| self.trouble(failure, &step.place))?;
            let Some(items) = found else {
                let failure = Failure::new(
                    ErrorKind::Script,
                    format!("`for_each` needs a list, this is {}", items.to_json()),
                )
                .hint("a range and a number that is not below 0 do as well: `1..=3`, `len(lines)`");
                return Err(self.trouble(failure, &step.place));
            };
            let one = |(index, item): (u32, Value)| -> Pending<'_, Result<Value, Trouble>> {
                Box::pin(async move {
                    let value = &item;
                    let env = Env {
                        item: Some(Item { index, value }),
                        ..env
                    };
                    let done = self.armed(step, env, false).await;
                    done.map_err(|trouble| of_item(trouble, index, &item))
                })
            };
            let each_item = (0..).zip(items.clone()).map(one);
            let results = all_bounded(each_item, each.concurrency).await?;
            let res = Value::list(results.clone());
            let judged = self.judge(step, env.with_res(&res, 1), None).await;
            judged.map_err(|trouble| match self.blamed(step, env, &results) {
                Some(at) => of_item(trouble, u32::try_from(at).unwrap_or(u32::MAX), &items[at]),
                None => trouble,
            })?;
            Ok(res)
        })
    }

    /// Runs an instruction with its `defer` armed from the start: what a cancelled request has half done
    /// must be undone too.
    async fn armed(&self, step: &Step, env: Env<'_>, judge: bool) -> Result<Value, Trouble> {
        let Some(defer) = &step.defer else {
            let env = Env { armed: None, ..env };
            return self.attempts(step, env, judge, &mut None).await;
        };
        let (index, number) = {
            let mut shared = self.execution.shared();
            let deferred = Deferred {
                frame: self.id(),
                instance: Arc::clone(&self.instance),
                what: Undo::Defer(Arc::clone(defer)),
                item: env.item.map(|item| (item.index, item.value.clone())),
                regions: (self.region.as_ref()).and_then(|_| self.regions_in_sight()),
                ended: None,
            };
            let rare = shared.rare();
            rare.deferred.push(deferred);
            rare.armed += 1;
            (rare.deferred.len() - 1, rare.armed)
        };
        self.record(Fact::Deferred {
            place: Arc::clone(&defer.place),
            item: env.item.map(|item| item.value.to_json()),
            index: env.item.map(|item| item.index),
            types: (env.item)
                .map(|item| item.value.types())
                .unwrap_or_default(),
        })
        .await;
        let mut res = None;
        let env = Env {
            armed: Some(number),
            ..env
        };
        let result = self.attempts(step, env, judge, &mut res).await;
        let ended = Some((env.scope.fork(), res));
        self.execution.shared().rare().deferred[index].ended = ended;
        result
    }

    /// Attempts, until one succeeds or no other is due. `res` is what came back last, also where it was
    /// not what was expected.
    async fn attempts(
        &self,
        step: &Step,
        env: Env<'_>,
        judge: bool,
        res: &mut Option<Value>,
    ) -> Result<Value, Trouble> {
        let mut attempt = 1;
        let before = step.retry.as_ref().map(|_| self.saved_so_far(step));
        loop {
            let env = Env { attempt, ..env };
            *res = None;
            let result = self.attempt(step, env, judge, res).await;
            let (Err(trouble), Some(retry)) = (&result, &step.retry) else {
                return result;
            };
            if attempt >= retry.max_attempts || !self.again(retry, trouble, res.as_ref(), env)? {
                return result;
            }
            let pause = self.pause(&retry.pauses, attempt, env)?;
            // What this attempt has saved was of a result that does not count.
            if let Some(before) = &before {
                self.unsave(before).await;
            }
            // Tasks that it has called and that were cut short have stopped before they are called again.
            if Box::pin(self.close_abandoned()).await.is_err() {
                return Err(self.lost());
            }
            self.sleep_until(self.world().now().after(pause)).await;
            attempt += 1;
        }
    }

    /// The variables that an instruction saves, as they are: what a repeated attempt goes back to.
    fn saved_so_far(&self, step: &Step) -> Vec<(Name, Option<Value>)> {
        let mut before: Vec<(Name, Option<Value>)> = Vec::new();
        step.each_inside(&mut |step| {
            for one in &step.save {
                before.push((Name::clone(&one.name), self.scope.get(&one.name)));
            }
        });
        before
    }

    /// Takes back what an attempt has saved. A secret stays hidden.
    async fn unsave(&self, before: &[(Name, Option<Value>)]) {
        for (name, value) in before {
            let now = self.scope.get(name);
            if now == *value {
                continue;
            }
            let fact = Fact::VariableSaved {
                name: Name::clone(name),
                value: value.as_ref().map_or(Json::Null, Value::to_json),
                types: value.as_ref().map(Value::types).unwrap_or_default(),
                undone: true,
            };
            match value {
                Some(value) => self.scope.set(name, value.clone()),
                None => drop(self.scope.remove(name)),
            }
            self.tell_regions();
            self.record(fact).await;
        }
    }

    /// Whether a failed attempt is to be repeated.
    fn again(
        &self,
        retry: &Retry,
        trouble: &Trouble,
        res: Option<&Value>,
        env: Env<'_>,
    ) -> Result<bool, Trouble> {
        let kind = trouble.failure.kind;
        // A called task fails as its states do.
        let of_call = !trouble.calls.is_empty();
        let is_worth_it = match kind {
            ErrorKind::Expect | ErrorKind::Transport | ErrorKind::Protocol | ErrorKind::Timeout => {
                true
            }
            ErrorKind::Fail | ErrorKind::Condition => of_call,
            ErrorKind::Script | ErrorKind::Limit | ErrorKind::Resource | ErrorKind::Lost => false,
        };
        if !is_worth_it {
            return Ok(false);
        }
        let Some(condition) = &retry.condition else {
            return Ok(true);
        };
        let error = Self::error_value(trouble);
        self.holds(
            condition,
            Env {
                error: Some(&error),
                res,
                ..env
            },
        )
    }

    /// The pause after an attempt: the first, grown by the factor for each attempt before, and made longer or shorter
    /// by chance.
    pub(super) fn pause(
        &self,
        pauses: &Pauses,
        attempt: u32,
        env: Env<'_>,
    ) -> Result<Duration, Trouble> {
        let base = self.length(&pauses.first, env)?;
        let longest = (pauses.longest.as_ref())
            .map(|length| self.length(length, env))
            .transpose()?
            .unwrap_or(DAY);
        if pauses.backoff <= 1.0 && pauses.jitter == 0.0 {
            return Ok(base.min(longest));
        }
        let times = i32::try_from(attempt - 1).unwrap_or(i32::MAX);
        let mut pause = base.as_secs_f64() * pauses.backoff.powi(times);
        if pauses.jitter > 0.0 {
            let drawn = u128::from_be_bytes(self.world().host().chance(pauses.chance));
            // From -1 to 1.
            let chance = drawn as f64 / u128::MAX as f64 * 2.0 - 1.0;
            pause = pause.min(longest.as_secs_f64()) * (1.0 + pauses.jitter * chance);
        }
        Ok(Duration::try_from_secs_f64(pause.min(longest.as_secs_f64())).unwrap_or(longest))
    }

    /// One attempt: the action, then `save`, then `expect`.
    async fn attempt(
        &self,
        step: &Step,
        env: Env<'_>,
        judge: bool,
        came: &mut Option<Value>,
    ) -> Result<Value, Trouble> {
        let (res, reply) = self.act_in_time(step, env).await?;
        *came = Some(res.clone());
        if judge {
            // Without an action, `expect` and `save` look at the variables, and keep the `res` around them.
            let env = if matches!(step.action, Action::None) {
                env
            } else {
                env.with_res(&res, env.attempt)
            };
            self.judge(step, env, reply.as_ref()).await?;
        }
        Ok(res)
    }

    /// The action. A request has a limit in any case; what is made of several has one if it is written.
    async fn act_in_time(
        &self,
        step: &Step,
        env: Env<'_>,
    ) -> Result<(Value, Option<Reply>), Trouble> {
        let has_own = matches!(
            step.action,
            Action::Parallel(_) | Action::Listen(_) | Action::Task(_)
        );
        if !has_own || step.timeout.is_none() {
            return self.act(step, env).await;
        }
        let limit = self.attempt_limit(step, env)?;
        let deadline = self.world().now().after(limit);
        match first(self.act(step, env), self.sleep_until(deadline)).await {
            Either::Left(result) => result,
            Either::Right(()) => {
                Err(self.step_trouble(no_answer(limit, None), step, env.attempt, None))
            }
        }
    }

    /// How long one attempt may take.
    pub(super) fn attempt_limit(&self, step: &Step, env: Env<'_>) -> Result<Duration, Trouble> {
        match &step.timeout {
            Some(length) => self.length(length, env),
            None => Ok(ATTEMPT),
        }
    }

    async fn act(&self, step: &Step, env: Env<'_>) -> Result<(Value, Option<Reply>), Trouble> {
        match &step.action {
            Action::None => Ok((Value::default(), None)),
            Action::Call {
                client,
                request,
                safe,
            } => {
                // What something undoes has an effect, whatever its client says.
                let safe = *safe && env.armed.is_none();
                let call = self.call(*client, request, safe, env)?;
                let limit = self.attempt_limit(step, env)?;
                let address = address(&self.machine().clients[*client], &call);
                let sent = self.send(step, call, address, limit, env).await;
                let reply = sent.map_err(|trouble| match trouble.failure.kind {
                    ErrorKind::Protocol | ErrorKind::Script => {
                        let config = &self.machine().clients[*client].config;
                        self.blame_unset(trouble, &[request, config])
                    }
                    _ => trouble,
                })?;
                Ok((Value::result(Arc::clone(&reply.value)), Some(reply)))
            }
            Action::Parallel(steps) => {
                let branches = steps.iter().map(|step| self.step(step, env));
                let results = all_bounded(branches, steps.len()).await?;
                Ok((Value::list(results), None))
            }
            Action::Listen(subscriptions) => {
                for subscription in subscriptions {
                    self.listen(subscription, env).await?;
                }
                Ok((Value::default(), None))
            }
            Action::Eval(script) => Ok((self.eval(script, env)?, None)),
            Action::Signal { name, data } => {
                let data = Json::clone(&*self.build(data, env)?);
                self.signal(name, data, &step.place).await?;
                Ok((Value::default(), None))
            }
            Action::Task(call) => Ok((self.call_task(step, call, env).await?, None)),
            Action::Log(blueprint) => {
                let text = match &*self.build(blueprint, env)? {
                    Json::String(text) => text.clone(),
                    other => other.to_string(),
                };
                self.record(Fact::Log {
                    place: Arc::clone(&step.place),
                    text,
                })
                .await;
                Ok((Value::default(), None))
            }
        }
    }

    /// A request with its client; the client's config is computed on first use.
    pub(super) fn call(
        &self,
        client: usize,
        request: &super::program::Blueprint,
        safe: bool,
        env: Env<'_>,
    ) -> Result<Call, Trouble> {
        let definition = &self.machine().clients[client];
        let known = self.instance.shared().config(client);
        let config = if let Some(config) = known {
            config
        } else {
            let config = self.build(&definition.config, self.task_env())?;
            let mut shared = self.instance.shared();
            shared.keep_config(client, Arc::clone(&config));
            config
        };
        Ok(Call {
            client: Name::clone(&definition.name),
            kind: Name::clone(&definition.kind),
            config,
            request: self.build(request, env)?,
            safe,
        })
    }

    async fn send(
        &self,
        step: &Step,
        call: Call,
        address: Option<String>,
        limit: Duration,
        env: Env<'_>,
    ) -> Result<Reply, Trouble> {
        let attempt = env.attempt;
        self.record(Fact::InstructionStarted {
            place: Arc::clone(&step.place),
            what: Name::clone(&step.what),
            attempt,
            request: step.record_policy.value(Arc::clone(&call.request)),
        })
        .await;
        let began = self.world().now();
        let site = self.site(&step.place, attempt);
        let result = self.world().call(site, call);
        let result = self.within(limit, result, address).await;
        let result = step.record_policy.unrepeated(result);
        let micros = self.world().now().since(began);
        match &result {
            Ok(reply) => {
                self.execution.count_reply(reply.sent, reply.received);
                // In a loop, `save` looks at the list of all results.
                if step.each.is_none() {
                    let res = Value::result(Arc::clone(&reply.value));
                    self.hide_ahead(&step.save, env.with_res(&res, attempt), true);
                }
            }
            Err(_) => self.execution.count_reply(0, 0),
        }
        self.record(Fact::InstructionFinished {
            place: Arc::clone(&step.place),
            attempt,
            micros,
            result: step.record_policy.answer(&result),
            armed: env.armed,
        })
        .await;
        result.map_err(|failure| self.step_trouble(failure, step, attempt, None))
    }

    /// Ends a request that takes longer than this.
    pub(super) async fn within(
        &self,
        limit: Duration,
        request: impl Future<Output = Result<Reply, Failure>> + Send,
        address: Option<String>,
    ) -> Result<Reply, Failure> {
        match first(request, self.sleep_until(self.world().now().after(limit))).await {
            Either::Left(result) => result,
            Either::Right(()) => Err(no_answer(limit, address.as_deref())),
        }
    }

    /// Saves what the result holds, then judges every expectation. If both fail, the expectation is
    /// what people want to hear of.
    async fn judge(&self, step: &Step, env: Env<'_>, reply: Option<&Reply>) -> Result<(), Trouble> {
        let saved = self.save_in_order(step, env).await;
        let unmet = self.expectations(step, env, reply).await;
        match (unmet, saved) {
            (Err(trouble), _) if trouble.failure.kind == ErrorKind::Expect => Err(trouble),
            (_, Err(mut trouble)) | (Err(mut trouble), Ok(())) => {
                // What came back tells why there is nothing to save in it.
                answered(&mut trouble, reply);
                trouble.result = recorded_result(step, env);
                if step.is_named {
                    trouble.what = Some(Name::clone(&step.what));
                    trouble.is_named = true;
                }
                Err(trouble)
            }
            (Ok(()), Ok(())) => Ok(()),
        }
    }

    async fn save_in_order(&self, step: &Step, env: Env<'_>) -> Result<(), Trouble> {
        for assignment in &step.save {
            let value = self.assigned(assignment, env)?;
            self.save(&assignment.name, value, &assignment.place)
                .await?;
        }
        Ok(())
    }

    /// The first of several results of a loop that does by itself not fulfil what is expected of all of them. Nobody
    /// is to blame where that could be said of each.
    fn blamed(&self, step: &Step, env: Env<'_>, results: &[Value]) -> Option<usize> {
        let results = results.get(..MAX_BLAMED.min(results.len()))?;
        let holds = |result: &Value| {
            let alone = Value::list([result.clone()]);
            let env = env.with_res(&alone, 1);
            let mut guards = step.expect.iter();
            guards.all(|guard| {
                let value = self.eval(guard, env);
                value.is_ok_and(|value| value.to_json() == Json::Bool(true))
            })
        };
        let held: Vec<bool> = results.iter().map(holds).collect();
        let blamed = held.iter().position(|held| !held)?;
        held.contains(&true).then_some(blamed)
    }

    /// Judges all of these expectations: what is told of those that are not met. Where all others are, one that is
    /// broken is the trouble.
    pub(super) async fn unmet(
        &self,
        expect: &[Guard],
        env: Env<'_>,
    ) -> Result<Option<Unmet>, Trouble> {
        let mut unmet = Vec::new();
        let mut broken = None;
        for guard in expect {
            let held = match self.holds(guard, env) {
                Ok(held) => held,
                // The others are judged all the same: one of them may be what people want to hear of.
                Err(trouble) => {
                    broken.get_or_insert(trouble);
                    continue;
                }
            };
            let explanation = (!held).then(|| Box::new(self.explain(guard, env)));
            if let Some(explanation) = &explanation {
                unmet.push((Arc::clone(&guard.place), (**explanation).clone()));
            }
            self.record(Fact::ExpectationChecked {
                place: Arc::clone(&guard.place),
                held,
                explanation,
            })
            .await;
        }
        if unmet.is_empty() {
            return broken.map_or(Ok(None), Err);
        }
        let message = match &unmet[..] {
            [(_, one)] => format!("expected {}", one.source.trim()),
            _ => format!(
                "{} of {} expectations were not met",
                unmet.len(),
                expect.len()
            ),
        };
        Ok(Some(Unmet {
            failure: Failure::new(ErrorKind::Expect, message),
            explanations: unmet,
        }))
    }

    async fn expectations(
        &self,
        step: &Step,
        env: Env<'_>,
        reply: Option<&Reply>,
    ) -> Result<(), Trouble> {
        let Some(unmet) = self.unmet(&step.expect, env).await? else {
            return Ok(());
        };
        let trouble = self.step_trouble(unmet.failure, step, env.attempt, reply);
        let mut trouble = told(trouble, unmet.explanations);
        trouble.result = recorded_result(step, env);
        Err(trouble)
    }

    fn step_trouble(
        &self,
        failure: Failure,
        step: &Step,
        attempt: u32,
        reply: Option<&Reply>,
    ) -> Trouble {
        let mut trouble = self.trouble(failure, &step.place);
        trouble.what = Some(Name::clone(&step.what));
        trouble.is_named = step.is_named;
        trouble.attempts = attempt;
        answered(&mut trouble, reply);
        trouble
    }

    /// `error` as expressions see it.
    pub(super) fn error_value(trouble: &Trouble) -> Value {
        Value::from(json!({
            "kind": trouble.failure.kind.word(),
            "message": trouble.failure.message,
            "state": trouble.state.as_deref(),
            "instruction": trouble.what.as_deref(),
            "region": trouble.region.as_deref(),
        }))
    }
}

/// Expectations that were not met.
pub(super) struct Unmet {
    pub(super) failure: Failure,
    /// Why, each with its place: at least one.
    pub(super) explanations: Vec<(Arc<Location>, Explanation)>,
}

/// Trouble at the first of the expectations that were not met, with why they were not.
pub(super) fn told(mut trouble: Trouble, unmet: Vec<(Arc<Location>, Explanation)>) -> Trouble {
    trouble.place = unmet.first().map(|(place, _)| Arc::clone(place));
    trouble.explanations = unmet;
    trouble
}

/// The results of a loop of which one is looked for that has not met an expectation.
const MAX_BLAMED: usize = 1_000;

/// Trouble of an item of a loop; of loops inside each other the inner one tells more.
fn of_item(mut trouble: Trouble, index: u32, item: &Value) -> Trouble {
    trouble
        .item
        .get_or_insert_with(|| Box::new((index, item.to_json())));
    trouble
}

/// The whole result, where it may be recorded.
fn recorded_result(step: &Step, env: Env<'_>) -> Option<Arc<Json>> {
    let res = env.res.filter(|_| step.record_policy.is_full())?;
    Some(Arc::new(res.to_json()))
}

/// Names what came back.
fn answered(trouble: &mut Trouble, reply: Option<&Reply>) {
    if let Some(reply) = reply {
        trouble.last = Some(Name::clone(&reply.summary));
        if trouble.failure.again.is_none() {
            trouble.failure.again = reply.again.as_deref().map(str::to_owned);
        }
    }
}

/// The longest pause between two attempts.
const DAY: Duration = Duration::from_hours(24);

pub(super) fn no_answer(limit: Duration, address: Option<&str>) -> Failure {
    let from = address.map(|address| format!(" from {address}"));
    Failure::new(
        ErrorKind::Timeout,
        format!(
            "no answer{} within {}",
            from.unwrap_or_default(),
            super::value::length_text(limit)
        ),
    )
}
