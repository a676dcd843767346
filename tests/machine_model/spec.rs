//! A machine as plain data, and the task file and world that it stands for.

use funcy::event::{ErrorKind, Failure};
use funcy::sim::{Stub, VirtualWorld};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// An answer: how long it takes, and what it is.
pub(crate) type Answers = Vec<(u64, Result<i64, ErrorKind>)>;

#[derive(Debug, Default)]
pub(crate) struct Spec {
    pub(crate) states: Vec<State>,
    pub(crate) cleanup: Vec<Step>,
    /// Messages of the task's one `listen` entry.
    pub(crate) mail: Vec<(u64, i64)>,
    pub(crate) transition_timeout: u64,
    pub(crate) timeout: u64,
    pub(crate) cleanup_timeout: u64,
    pub(crate) halt: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) end: End,
    pub(crate) instructions: Vec<Instruction>,
    /// A strategy for all ways that bring none.
    pub(crate) shared: Option<Source>,
    pub(crate) ways: Vec<Way>,
    pub(crate) timeout: Option<u64>,
    pub(crate) on_timeout: Option<usize>,
    pub(crate) on_error: Vec<(Option<ErrorKind>, usize)>,
    pub(crate) max_visits: u32,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) enum End {
    #[default]
    Way,
    Final,
    Fail,
}

#[derive(Debug)]
pub(crate) enum Instruction {
    One(Step),
    Parallel(Vec<Step>),
}

#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) path: String,
    pub(crate) answers: Answers,
    pub(crate) expect: Option<i64>,
    /// Saves its result as `last`.
    pub(crate) save: bool,
    pub(crate) timeout: Option<u64>,
    pub(crate) retry: Option<Retry>,
    pub(crate) defer: Option<Box<Step>>,
}

#[derive(Debug)]
pub(crate) struct Retry {
    pub(crate) max_attempts: u32,
    pub(crate) delay: u64,
    pub(crate) backoff: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Way {
    pub(crate) to: Option<usize>,
    pub(crate) source: Option<Source>,
    pub(crate) test: Test,
    /// Adds one to `v`.
    pub(crate) set: bool,
}

/// What must be seen.
#[derive(Debug, Default)]
pub(crate) struct Test {
    /// `res == N`
    pub(crate) when: Option<i64>,
    /// `res == N`
    pub(crate) fail_when: Option<i64>,
    /// Of the variables: also for `fail_when` where there is no way.
    pub(crate) guard: Option<Guard>,
    pub(crate) count: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Guard {
    /// `v >= N`: transitions with `set` so far.
    V(i64),
    /// `last == N`: the last result that was saved.
    Last(i64),
    /// `p >= N`: parts of `all` that were fulfilled so far.
    P(i64),
}

#[derive(Debug)]
pub(crate) enum Source {
    Wait(u64),
    Poll(Poll),
    Subscribe {
        path: String,
        messages: Vec<(u64, i64)>,
    },
    Listen,
    All(Vec<(Source, Test)>),
}

#[derive(Debug)]
pub(crate) struct Poll {
    pub(crate) path: String,
    pub(crate) answers: Answers,
    pub(crate) every: u64,
    pub(crate) backoff: u64,
    pub(crate) max_every: Option<u64>,
    pub(crate) timeout: Option<u64>,
}

pub(crate) fn name(state: usize) -> String {
    format!("s{state}")
}

fn ms(length: u64) -> String {
    format!("{length}ms")
}

impl Spec {
    /// The task file: JSON is YAML.
    pub(crate) fn to_json(&self) -> Json {
        let finals: Vec<_> = (0..self.states.len())
            .filter(|state| self.states[*state].end == End::Final)
            .map(name)
            .collect();
        let mut task = json!({
            "version": 1,
            "vars": { "v": 0, "last": 0, "p": 0 },
            "start_state": "s0",
            "final_state": finals,
            "max_global_transition_timeout": ms(self.transition_timeout),
            "timeout": ms(self.timeout),
            "cleanup_timeout": ms(self.cleanup_timeout),
            "listen": { "mail": { "stub": "inbox" } },
        });
        for (index, state) in self.states.iter().enumerate() {
            task["states"][name(index)] = state.to_json();
        }
        if !self.cleanup.is_empty() {
            task["cleanup"] = self.cleanup.iter().map(Step::to_json).collect();
        }
        task
    }

    pub(crate) fn world(&self) -> VirtualWorld {
        let mut world = VirtualWorld::new();
        for (path, answers) in self.scripts() {
            for (latency, answer) in answers {
                let latency = Duration::from_millis(*latency);
                let stub = match answer {
                    Ok(value) => Stub::reply(latency, json!(value)),
                    Err(kind) => Stub::failure(latency, Failure::new(*kind, "broken")),
                };
                world = world.answer(path, stub);
            }
        }
        for (path, messages) in self.messages() {
            for (after, value) in messages {
                world = world.message(path, Duration::from_millis(*after), json!(value));
            }
        }
        match self.halt {
            Some(halt) => world.halt_at(Duration::from_millis(halt), "stopped"),
            None => world,
        }
    }

    /// Everything that the world answers, for a report.
    pub(crate) fn answers(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for (path, answers) in self.scripts() {
            lines.push(format!("  {path}: {answers:?}"));
        }
        for (path, messages) in self.messages() {
            lines.push(format!("  {path}: messages {messages:?}"));
        }
        lines.push(format!("  halt: {:?}", self.halt));
        lines.join("\n")
    }

    fn scripts(&self) -> Vec<(&str, &Answers)> {
        let mut scripts = Vec::new();
        let mut steps: Vec<&Step> = self.cleanup.iter().collect();
        for state in &self.states {
            for instruction in &state.instructions {
                match instruction {
                    Instruction::One(step) => steps.push(step),
                    Instruction::Parallel(branches) => steps.extend(branches),
                }
            }
        }
        for step in steps {
            scripts.push((&*step.path, &step.answers));
            if let Some(defer) = &step.defer {
                scripts.push((&defer.path, &defer.answers));
            }
        }
        for source in self.sources() {
            if let Source::Poll(poll) = source {
                scripts.push((&poll.path, &poll.answers));
            }
        }
        scripts
    }

    fn messages(&self) -> Vec<(&str, &Vec<(u64, i64)>)> {
        let mut all = vec![("listen.mail", &self.mail)];
        for source in self.sources() {
            if let Source::Subscribe { path, messages } = source {
                all.push((path, messages));
            }
        }
        all
    }

    fn sources(&self) -> Vec<&Source> {
        let mut all = Vec::new();
        for state in &self.states {
            let ways = state.ways.iter().filter_map(|way| way.source.as_ref());
            for source in state.shared.iter().chain(ways) {
                match source {
                    Source::All(parts) => all.extend(parts.iter().map(|(source, _)| source)),
                    other => all.push(other),
                }
            }
        }
        all
    }
}

impl State {
    fn to_json(&self) -> Json {
        let mut state = json!({ "max_visits": self.max_visits });
        match self.end {
            End::Fail => return json!({ "fail": "a fail state" }),
            End::Final | End::Way => {}
        }
        if !self.instructions.is_empty() {
            state["instructions"] = self.instructions.iter().map(Instruction::to_json).collect();
        }
        if let Some(shared) = &self.shared {
            shared.write(&mut state);
        }
        if !self.ways.is_empty() {
            state["transitions"] = self.ways.iter().map(Way::to_json).collect();
        }
        if let Some(timeout) = self.timeout {
            state["timeout"] = json!(ms(timeout));
        }
        if let Some(to) = self.on_timeout {
            state["on_timeout"] = json!(name(to));
        }
        if !self.on_error.is_empty() {
            let routes = self.on_error.iter().map(|(kind, to)| match kind {
                Some(kind) => json!({ "kind": kind.word(), "to": name(*to) }),
                None => json!({ "to": name(*to) }),
            });
            state["on_error"] = routes.collect();
        }
        state
    }
}

impl Instruction {
    fn to_json(&self) -> Json {
        match self {
            Self::One(step) => step.to_json(),
            Self::Parallel(branches) => {
                json!({ "parallel": branches.iter().map(Step::to_json).collect::<Vec<_>>() })
            }
        }
    }
}

impl Step {
    fn to_json(&self) -> Json {
        let mut step = json!({ "stub": self.path });
        if let Some(expect) = self.expect {
            step["expect"] = json!(format!("res == {expect}"));
        }
        if self.save {
            step["save"] = json!({ "last": "res" });
        }
        if let Some(timeout) = self.timeout {
            step["timeout"] = json!(ms(timeout));
        }
        if let Some(retry) = &self.retry {
            step["retry"] = json!({
                "max_attempts": retry.max_attempts,
                "delay": ms(retry.delay),
                "backoff": retry.backoff,
            });
        }
        if let Some(defer) = &self.defer {
            step["defer"] = defer.to_json();
        }
        step
    }
}

impl Way {
    fn to_json(&self) -> Json {
        let mut way = json!({});
        if let Some(to) = self.to {
            way["to"] = json!(name(to));
        }
        if let Some(source) = &self.source {
            source.write(&mut way);
        }
        self.test.write(self.to.is_none(), &mut way);
        if self.set {
            way["set"] = json!({ "v": "v + 1" });
        }
        way
    }
}

impl Test {
    fn write(&self, is_watch: bool, way: &mut Json) {
        let res = |value: &Option<i64>| value.map(|value| format!("res == {value}"));
        let guard = self.guard.map(|guard| match guard {
            Guard::V(least) => format!("v >= {least}"),
            Guard::Last(value) => format!("last == {value}"),
            Guard::P(least) => format!("p >= {least}"),
        });
        let (when, fail_when) = if is_watch {
            (None, res(&self.fail_when).or(guard))
        } else {
            (res(&self.when).or(guard), res(&self.fail_when))
        };
        if let Some(when) = when {
            way["when"] = json!(when);
        }
        if let Some(fail_when) = fail_when {
            way["fail_when"] = json!(fail_when);
        }
        if let Some(count) = self.count {
            way["count"] = json!(count);
        }
    }
}

impl Source {
    fn write(&self, into: &mut Json) {
        match self {
            Self::Wait(length) => into["wait"] = json!(ms(*length)),
            Self::Poll(poll) => {
                into["poll"] = json!({ "stub": "look" });
                if let Some(timeout) = poll.timeout {
                    into["poll"]["timeout"] = json!(ms(timeout));
                }
                into["every"] = json!(ms(poll.every));
                into["backoff"] = json!(poll.backoff);
                if let Some(longest) = poll.max_every {
                    into["max_every"] = json!(ms(longest));
                }
            }
            Self::Subscribe { .. } => into["subscribe"] = json!({ "stub": "news" }),
            Self::Listen => into["subscribe"] = json!("mail"),
            Self::All(parts) => {
                for (index, (source, test)) in parts.iter().enumerate() {
                    let mut part = json!({ "set": { "p": "p + 1" } });
                    source.write(&mut part);
                    test.write(false, &mut part);
                    into["all"][format!("part{index}")] = part;
                }
            }
        }
    }
}
