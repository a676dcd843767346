//! Evaluation: expressions, assignments and values with templates, with errors that know their place.

use super::execution::Trouble;
use super::frame::{Env, Frame};
use super::program::{Assignment, Blueprint, Guard, Key, Length, Text};
use super::world::World;
use crate::event::{ErrorKind, Explanation, Fact, Failure, Json, Location, Name, ValueTypes};
use crate::script::{EvalError, Expression, Locals, Room, Value};
use serde_json::{Map, json};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

impl<W: World> Frame<'_, W> {
    fn lookup(&self, env: Env<'_>, name: &str) -> Option<Value> {
        match name {
            "res" => Some(env.res.cloned().unwrap_or_default()),
            "attempt" => Some(Value::from(Json::from(env.attempt))),
            "item" => env.item.map(|item| item.value.clone()),
            "index" => env.item.map(|item| Value::from(i64::from(item.index))),
            "elapsed" => Some(Value::from(Json::from(self.elapsed()))),
            "state" => Some(Value::from(Json::from(&*self.state().name))),
            "task" => {
                let machine = self.machine();
                let task = json!({ "name": &*machine.name, "file": &*machine.file.name });
                Some(Value::from(task))
            }
            "run" => {
                let run = json!({ "id": &*self.execution.run, "attempt": self.execution.attempt });
                Some(Value::from(run))
            }
            "regions" => match env.regions {
                Some(regions) => Some(regions.value()),
                None => self.regions_in_sight().map(|regions| regions.value()),
            },
            "services" => Some(Value::from_json(Arc::clone(&self.execution.services))),
            "error" => Some(
                env.error
                    .cloned()
                    .or_else(|| self.inner().rare.as_ref()?.error.clone())
                    .unwrap_or_default(),
            ),
            _ => None,
        }
    }

    /// The value of an expression.
    pub(super) fn eval(&self, guard: &Guard, env: Env<'_>) -> Result<Value, Trouble> {
        let look = |name: &str| self.lookup(env, name);
        self.machine()
            .engine
            .eval(
                &guard.expression,
                env.scope,
                &Locals::new(&look),
                self.world().host(),
            )
            .map_err(|error| self.script_trouble(error, &guard.text, &guard.place))
    }

    /// Whether a condition holds. One that is unknown does not.
    pub(super) fn holds(&self, guard: &Guard, env: Env<'_>) -> Result<bool, Trouble> {
        self.truth(guard, env).map(|truth| truth == Some(true))
    }

    /// What a condition says; `None`: it is unknown.
    pub(super) fn truth(&self, guard: &Guard, env: Env<'_>) -> Result<Option<bool>, Trouble> {
        let look = |name: &str| self.lookup(env, name);
        let tested = self
            .machine()
            .engine
            .test(
                &guard.expression,
                env.scope,
                &Locals::new(&look),
                self.world().host(),
            )
            .map_err(|error| self.script_trouble(error, &guard.text, &guard.place))?;
        self.note_answer(guard, tested.is_known(), env);
        Ok(tested.truth)
    }

    /// Why an expression has the value it has.
    pub(super) fn explain(&self, guard: &Guard, env: Env<'_>) -> Explanation {
        let look = |name: &str| self.lookup(env, name);
        guard.locate(self.machine().engine.explain(
            &guard.expression,
            env.scope,
            &Locals::new(&look),
            self.world().host(),
        ))
    }

    /// The value of a part of a result that explains a timeout. Best effort: it is for reports only.
    pub(super) fn watched(&self, expression: &Expression, env: Env<'_>) -> Value {
        let look = |name: &str| self.lookup(env, name);
        let value = self.machine().engine.eval(
            expression,
            env.scope,
            &Locals::new(&look),
            self.world().host(),
        );
        value.unwrap_or_default()
    }

    /// The stretches of a condition that keep it from holding.
    pub(super) fn deciding(&self, guard: &Guard, env: Env<'_>) -> Vec<Range<usize>> {
        let look = |name: &str| self.lookup(env, name);
        self.machine().engine.deciding(
            &guard.expression,
            env.scope,
            &Locals::new(&look),
            self.world().host(),
        )
    }

    /// The value of an assignment. Missing is an error: `??` gives another value where that is meant.
    pub(super) fn assigned(&self, assignment: &Assignment, env: Env<'_>) -> Result<Value, Trouble> {
        let look = |name: &str| self.lookup(env, name);
        self.machine()
            .engine
            .eval_source(
                &assignment.source,
                env.scope,
                &Locals::new(&look),
                self.world().host(),
            )
            .map_err(|error| self.script_trouble(error, &assignment.text, &assignment.place))
    }

    /// Evaluates all with the variables as they are, then assigns: none sees another.
    pub(super) async fn assign_all(&self, set: &[Assignment], env: Env<'_>) -> Result<(), Trouble> {
        let mut values = Vec::with_capacity(set.len());
        for assignment in set {
            values.push(self.assigned(assignment, env)?);
        }
        for (assignment, value) in set.iter().zip(values) {
            self.save(&assignment.name, value, &assignment.place)
                .await?;
        }
        Ok(())
    }

    /// Hides the secrets that a result brings before the result itself is recorded. What cannot be found yet
    /// is reported when it is assigned. `in_order`: each assignment sees the ones before it.
    pub(super) fn hide_ahead(&self, assignments: &[Assignment], env: Env<'_>, in_order: bool) {
        let is_secret = |one: &Assignment| self.machine().secrets.contains(&one.name);
        if !assignments.iter().any(is_secret) {
            return;
        }
        let scope = env.scope.fork();
        let env = Env {
            scope: &scope,
            ..env
        };
        for one in assignments {
            let Ok(value) = self.assigned(one, env) else {
                continue;
            };
            if is_secret(one) {
                // One that is too short is refused when it is assigned.
                self.conceal(&one.name, &value.to_json()).ok();
            }
            if in_order {
                scope.set(&one.name, value);
            }
        }
    }

    /// Gives a variable its value; a secret is hidden from then on.
    pub(super) async fn save(
        &self,
        name: &Name,
        value: Value,
        place: &Arc<Location>,
    ) -> Result<(), Trouble> {
        self.record(self.assign(name, value, place)?).await;
        Ok(())
    }

    /// The same, and the fact to record. Apart from the future, which would keep the value while it records.
    fn assign(&self, name: &Name, value: Value, place: &Arc<Location>) -> Result<Fact, Trouble> {
        self.scope
            .check_room(name, &value)
            .map_err(|failure| self.trouble(failure, place))?;
        if self.machine().secrets.contains(name) {
            self.conceal(name, &value.to_json())
                .map_err(|failure| self.trouble(failure, place))?;
        }
        let fact = saved(name, &value);
        self.scope.set(name, value);
        self.tell_regions();
        Ok(fact)
    }

    /// A variable of this frame has changed, which others look at if it is a region.
    pub(super) fn tell_regions(&self) {
        if self.region.is_some() {
            self.execution.shared().region_changed();
        }
    }

    /// Hides a secret's value.
    pub(super) fn conceal(&self, name: &str, value: &Json) -> Result<(), Failure> {
        let text = match value {
            Json::String(text) => text.clone(),
            Json::Null => {
                let message = format!("the secret `{name}` has no value");
                return Err(Failure::new(ErrorKind::Script, message));
            }
            other => other.to_string(),
        };
        if text.chars().count() < crate::event::MIN_SECRET {
            return Err(Failure::new(
                ErrorKind::Script,
                format!("the secret `{name}` is shorter than {} characters", crate::event::MIN_SECRET),
            )
            .hint("masking so short a value would garble everything; keep it in `vars` if it is no secret"));
        }
        self.world().conceal(name, &text);
        Ok(())
    }

    /// A template filled in.
    pub(super) fn text(&self, text: &Text, env: Env<'_>) -> Result<Json, Trouble> {
        let look = |name: &str| self.lookup(env, name);
        self.machine()
            .engine
            .render(
                &text.template,
                env.scope,
                &Locals::new(&look),
                self.world().host(),
            )
            .map_err(|error| self.script_trouble(error, &text.text, &text.place))
    }

    fn text_value(&self, text: &Text, env: Env<'_>) -> Result<Value, Trouble> {
        let look = |name: &str| self.lookup(env, name);
        self.machine()
            .engine
            .render_value(
                &text.template,
                env.scope,
                &Locals::new(&look),
                self.world().host(),
            )
            .map_err(|error| self.script_trouble(error, &text.text, &text.place))
    }

    /// A value with its templates filled in, where times, durations and bytes stay what they are.
    pub(super) fn build_value(
        &self,
        blueprint: &Blueprint,
        env: Env<'_>,
    ) -> Result<Value, Trouble> {
        if let Blueprint::Constant(value) = blueprint {
            return Ok(Value::from_json(Arc::clone(value)));
        }
        let mut noted = Some(Noted::default());
        let json = self.fill(blueprint, env, &mut noted, &mut Room::default())?;
        let types = noted.map(|noted| noted.types).unwrap_or_default();
        Ok(Value::from_typed(json, &types))
    }

    /// A value with its templates filled in. One without templates is shared, not copied.
    pub(super) fn build(&self, blueprint: &Blueprint, env: Env<'_>) -> Result<Arc<Json>, Trouble> {
        match blueprint {
            Blueprint::Constant(value) => Ok(Arc::clone(value)),
            other => self
                .fill(other, env, &mut None, &mut Room::default())
                .map(Arc::new),
        }
    }

    /// `noted`: takes what JSON does not tell of it, where that is wanted. `room`: what may still be filled in.
    fn fill(
        &self,
        blueprint: &Blueprint,
        env: Env<'_>,
        noted: &mut Option<Noted>,
        room: &mut Room,
    ) -> Result<Json, Trouble> {
        Ok(match blueprint {
            Blueprint::Constant(value) => Json::clone(value),
            Blueprint::Text(text) => {
                let json = match noted {
                    None => self.text(text, env)?,
                    Some(noted) => noted.json(&self.text_value(text, env)?),
                };
                room.take(&json)
                    .map_err(|failure| self.trouble(failure, &text.place))?;
                json
            }
            Blueprint::Bind(text) => {
                let look = |name: &str| self.lookup(env, name);
                let (texts, values) = self
                    .machine()
                    .engine
                    .render_parts(
                        &text.template,
                        env.scope,
                        &Locals::new(&look),
                        self.world().host(),
                    )
                    .map_err(|error| self.script_trouble(error, &text.text, &text.place))?;
                let mut noted = Noted::default();
                let mut bound = |(index, value): (usize, &Value)| {
                    noted.at = format!("/{index}");
                    noted.json(value)
                };
                let values: Vec<Json> = values.iter().enumerate().map(&mut bound).collect();
                let mut parts = json!({ "texts": texts, "values": values });
                if !noted.types.is_empty() {
                    parts["types"] = json!(noted.types);
                }
                parts
            }
            Blueprint::Url(text) => {
                let look = |name: &str| self.lookup(env, name);
                self.machine()
                    .engine
                    .render_url(
                        &text.template,
                        env.scope,
                        &Locals::new(&look),
                        self.world().host(),
                    )
                    .map_err(|error| self.script_trouble(error, &text.text, &text.place))?
            }
            Blueprint::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let back = noted.as_mut().map(|noted| noted.enter(&index.to_string()));
                    list.push(self.fill(item, env, noted, room)?);
                    if let (Some(noted), Some(back)) = (noted.as_mut(), back) {
                        noted.at.truncate(back);
                    }
                }
                Json::Array(list)
            }
            Blueprint::Map(members) => {
                let mut map = Map::with_capacity(members.len());
                for (key, member) in members {
                    let name = self.key(key, members, &map, env)?;
                    let back = noted.as_mut().map(|noted| noted.enter(&name));
                    map.insert(name, self.fill(member, env, noted, room)?);
                    if let (Some(noted), Some(back)) = (noted.as_mut(), back) {
                        noted.at.truncate(back);
                    }
                }
                Json::Object(map)
            }
        })
    }

    /// The name that a key comes out as. That of another key of the map is an error: which of the two were sent would
    /// be chance. `map`: the members before it.
    fn key(
        &self,
        key: &Key,
        members: &[(Key, Blueprint)],
        map: &Map<String, Json>,
        env: Env<'_>,
    ) -> Result<String, Trouble> {
        let text = match key {
            Key::Literal(name) => return Ok(name.clone()),
            Key::Text(text) => text,
        };
        let look = |name: &str| self.lookup(env, name);
        let name = self
            .machine()
            .engine
            .render_text(
                &text.template,
                env.scope,
                &Locals::new(&look),
                self.world().host(),
            )
            .map_err(|error| self.script_trouble(error, &text.text, &text.place))?;
        let is_same = |other: &Key| matches!(other, Key::Literal(literal) if *literal == name);
        if map.contains_key(&name) || members.iter().any(|(other, _)| is_same(other)) {
            let message = format!("another key of this map is `{name}` as well");
            let failure = Failure::new(ErrorKind::Script, message)
                .hint("a name that stands several times takes a list of values");
            return Err(self.trouble(failure, &text.place));
        }
        Ok(name)
    }

    /// A length of time.
    pub(super) fn length(&self, length: &Length, env: Env<'_>) -> Result<Duration, Trouble> {
        let text = match length {
            Length::Literal(duration) => return Ok(*duration),
            Length::Template(text) => text,
        };
        let value = self.text(text, env)?;
        let parsed = match &value {
            Json::String(written) => crate::definition::parse_duration(written),
            other => Err(format!(
                "{other} is no length of time; write one such as `5s`"
            )),
        };
        parsed
            .map_err(|message| self.trouble(Failure::new(ErrorKind::Script, message), &text.place))
    }

    pub(super) fn script_trouble(
        &self,
        error: EvalError,
        text: &crate::definition::Text,
        place: &Arc<Location>,
    ) -> Trouble {
        let variable = text.value.get(error.at.clone());
        let place = Location {
            span: text.span_of(error.at.clone()),
            ..Location::clone(place)
        };
        let failure = self.name_unset(Failure::from(error), variable);
        self.trouble(failure, &Arc::new(place))
    }
}

/// That a variable has this value now.
pub(super) fn saved(name: &Name, value: &Value) -> Fact {
    Fact::VariableSaved {
        name: Name::clone(name),
        value: value.to_json(),
        types: value.types(),
        undone: false,
    }
}

/// What JSON does not tell of a value that is being filled in, and the place where that has come to.
#[derive(Default)]
struct Noted {
    at: String,
    types: ValueTypes,
}

impl Noted {
    /// Goes to a member or an item; gives the length of the place where it stands.
    fn enter(&mut self, step: &str) -> usize {
        let back = self.at.len();
        self.at.push('/');
        self.at
            .push_str(&step.replace('~', "~0").replace('/', "~1"));
        back
    }

    /// A value that stands here, as JSON.
    fn json(&mut self, value: &Value) -> Json {
        for (below, kind) in value.types().places() {
            self.types.insert(format!("{}{below}", self.at), kind);
        }
        value.to_json()
    }
}

/// A length of time as people write it: `250ms`, `1.5s`, `2m`.
pub(super) fn length_text(length: Duration) -> String {
    crate::event::length_text(micros(length))
}

/// A length of time in microseconds.
pub(super) fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}
