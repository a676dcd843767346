//! The language page as tests: each is a task, the answers of a world of stubs, and what must happen.

mod all;
mod calls;
mod cleanup;
mod collect;
mod errors;
mod instructions;
mod loops;
mod order;
mod poll;
mod poll_several;
mod race;
mod record_policy;
mod regions;
mod retry;
mod secrets;
mod signal;
mod stay;
mod stream_end;
mod subscribe;
mod timeout;
mod unknown;
mod values;
mod vars;
mod watches;

use super::world::{Call, Halt, Lost, Moment, ScopeId, Site, World};
use super::{CalledTask, CalledTasks, CompileInputs, Inputs, Verdict, compile, run};
use crate::definition::{Catalog, ClientKind, Diagnostic, SourceFile, Suite, parse_task};
use crate::event::{
    Attempted, ErrorKind, Fact, Failure, FrameId, Inbox, Json, Name, Outcome, Reply,
    SubscriptionChange, length_text,
};
use crate::script::{Engine, Host};
use crate::sim::{Stub, VirtualWorld};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The interpreter of expressions needs a large stack without optimization.
const STACK: usize = 64 << 20;

/// A task and the world that it meets.
pub(super) struct Scene {
    yaml: String,
    world: VirtualWorld,
    vars: Vec<(Name, Json)>,
    attempt: u32,
}

/// What happened.
pub(super) struct Ran {
    pub(super) verdict: Verdict,
    pub(super) facts: Vec<(u64, Fact)>,
    /// The frame of each of them.
    pub(super) frames: Vec<FrameId>,
    pub(super) warnings: Vec<Diagnostic>,
}

/// A scene with this task; its lines may be indented, and `version` is added.
pub(super) fn task(yaml: &str) -> Scene {
    Scene {
        yaml: whole(yaml),
        world: VirtualWorld::new(),
        vars: Vec::new(),
        attempt: 1,
    }
}

/// The task as a file: the indent of its first line is taken off all lines.
pub(crate) fn whole(yaml: &str) -> String {
    let lines: Vec<&str> = yaml
        .lines()
        .skip_while(|line| line.trim().is_empty())
        .collect();
    let indent = lines
        .first()
        .map_or(0, |line| line.len() - line.trim_start().len());
    let mut text = "version: 1\n".to_owned();
    for line in lines {
        text.push_str(line.get(indent..).unwrap_or(""));
        text.push('\n');
    }
    text
}

/// A client kind whose requests and sources say what they do: `stub: buy` is `{do: buy}`.
pub(crate) fn catalog() -> Catalog {
    Catalog {
        kinds: vec![
            kind("stub"),
            ClientKind {
                source: None,
                ..kind("mute")
            },
            // Its schema says how texts and keys are used.
            ClientKind {
                config: json!({ "properties": { "url": { "type": "string", "x-template": "url" } } }),
                request: json!({
                    "type": "object",
                    "properties": {
                        "url": { "type": ["string", "null"], "x-template": "url" },
                        "json": { "x-keys": "template" },
                        "env": { "type": "object", "additionalProperties": true },
                    },
                }),
                ..kind("site")
            },
        ],
    }
}

fn kind(name: &'static str) -> ClientKind {
    ClientKind {
        name,
        summary: "Answers what a test wants.",
        config: json!({}),
        request: json!({ "type": "object" }),
        source: Some(json!({ "type": "object" })),
        reply: json!({}),
        message: None,
        short_request: |text| Ok(json!({ "do": text })),
        short_source: |text| Ok(json!({ "on": text })),
        label: |request| request["do"].as_str().unwrap_or("stub").to_owned(),
        example: "stub: buy",
        bodies: &["body"],
        is_safe: |_| true,
        doubt: |_| None,
    }
}

/// Runs this where there is room for it.
pub(crate) fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, work)
            .unwrap()
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Scene {
    /// The next answer at this place, at once; the last one repeats.
    pub(super) fn answer(self, path: &str, value: Json) -> Self {
        self.later(path, 0, value)
    }

    /// The next answer, after this many milliseconds.
    pub(super) fn later(mut self, path: &str, after: u64, value: Json) -> Self {
        self.world = self.world.answer(path, Stub::reply(millis(after), value));
        self
    }

    /// The next answer is trouble, after this many milliseconds.
    pub(super) fn fails(mut self, path: &str, after: u64, kind: ErrorKind) -> Self {
        let failure = Failure::new(kind, "broken");
        self.world = self
            .world
            .answer(path, Stub::failure(millis(after), failure));
        self
    }

    /// A message, this many milliseconds after the subscription was opened.
    pub(super) fn message(mut self, path: &str, after: u64, value: Json) -> Self {
        self.world = self.world.message(path, millis(after), value);
        self
    }

    /// A subscription is confirmed after this many milliseconds.
    pub(super) fn opens_after(mut self, path: &str, after: u64) -> Self {
        self.world = self.world.opens_after(path, millis(after));
        self
    }

    /// Something that happens to a subscription, this many milliseconds after it was opened.
    pub(super) fn change(mut self, path: &str, after: u64, change: SubscriptionChange) -> Self {
        self.world = self.world.change(path, millis(after), change);
        self
    }

    pub(super) fn halt(mut self, at: u64) -> Self {
        self.world = self.world.halt_at(millis(at), "stopped");
        self
    }

    /// A variable from outside.
    pub(super) fn var(mut self, name: &str, value: Json) -> Self {
        self.vars.push((name.into(), value));
        self
    }

    /// The attempt of the whole task.
    pub(super) fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// Runs it. Whatever happens: nothing is left under way, and cleanup begins at most once.
    pub(super) fn run(self) -> Ran {
        with_room(move || self.run_in(None))
    }

    /// Runs it in a world whose effects do not stop in this scope.
    pub(super) fn run_losing(self, scope: u32) -> Ran {
        with_room(move || self.run_in(Some(ScopeId(scope))))
    }

    fn run_in(self, lost: Option<ScopeId>) -> Ran {
        let (machine, warnings) = machine(&self.yaml, &self.vars)
            .unwrap_or_else(|found| panic!("{}\n{found:#?}", self.yaml));
        let machine = Arc::new(machine);
        let inputs = Inputs {
            run: "R".into(),
            attempt: self.attempt,
            attempts: self.attempt,
            vars: (self.vars.into_iter())
                .map(|(name, value)| (name, value.into()))
                .collect(),
            ..Inputs::default()
        };
        let world = self.world;
        let verdict = world
            .block_on(run(
                &machine,
                inputs,
                &Losing {
                    world: &world,
                    lost,
                },
            ))
            .expect("the task's own deadline always wakes it");
        assert_eq!(world.leaks(), 0, "a request outlived its state");
        assert_eq!(world.in_flight(), 0, "a request outlived the task");
        assert_eq!(world.open_subscriptions(), 0, "left open");
        let facts: Vec<_> = world
            .facts()
            .into_iter()
            .map(|one| (one.at.0 / 1000, one.fact))
            .collect();
        let frames = world.facts().into_iter().map(|one| one.frame).collect();
        let cleanups = facts
            .iter()
            .filter(|(_, fact)| matches!(fact, Fact::CleanupStarted { .. }));
        assert!(cleanups.count() <= 1, "cleaned up twice");
        Ran {
            verdict,
            facts,
            frames,
            warnings,
        }
    }
}

/// A world in which the effects of one scope do not stop.
struct Losing<'w> {
    world: &'w VirtualWorld,
    lost: Option<ScopeId>,
}

impl World for Losing<'_> {
    fn now(&self) -> Moment {
        self.world.now()
    }

    fn sleep_until(&self, at: Moment) -> impl Future<Output = ()> + Send {
        self.world.sleep_until(at)
    }

    fn call(
        &self,
        site: Site<'_>,
        call: Call,
    ) -> impl Future<Output = Result<Reply, Failure>> + Send {
        self.world.call(site, call)
    }

    fn open(
        &self,
        site: Site<'_>,
        source: Call,
    ) -> impl Future<Output = Result<Inbox, Failure>> + Send {
        self.world.open(site, source)
    }

    async fn close(&self, scope: ScopeId) -> Result<(), Lost> {
        self.world.close(scope).await?;
        if self.lost == Some(scope) {
            self.world.sleep_until(self.now().after(millis(5000))).await;
            return Err(Lost);
        }
        Ok(())
    }

    fn record(&self, frame: FrameId, fact: Fact) -> impl Future<Output = ()> + Send {
        self.world.record(frame, fact)
    }

    fn halted(&self) -> impl Future<Output = Halt> + Send {
        self.world.halted()
    }

    fn conceal(&self, name: &str, value: &str) {
        self.world.conceal(name, value);
    }

    fn host(&self) -> &Arc<dyn Host> {
        self.world.host()
    }
}

/// Compiles a whole task file. Behind a line `--- NAME` stands a file that it calls, or one of those behind it.
pub(crate) fn machine(
    yaml: &str,
    given: &[(Name, Json)],
) -> Result<(super::Machine, Vec<Diagnostic>), Vec<Diagnostic>> {
    let files: Vec<&str> = yaml.split("\n--- ").collect();
    let (own, others) = files.split_first().expect("a file");
    let mut called = CalledTasks::default();
    for file in others.iter().rev() {
        let (name, text) = file.split_once('\n').expect("a name");
        let prefix = format!("{name}#");
        let (machine, _) = compiled((name, text), &prefix, given, &called)?;
        called.insert(name.into(), Some(CalledTask::new(Arc::new(machine))));
    }
    compiled(("t.yaml", own), "", given, &called)
}

fn compiled(
    (name, text): (&str, &str),
    prefix: &str,
    given: &[(Name, Json)],
    called: &CalledTasks,
) -> Result<(super::Machine, Vec<Diagnostic>), Vec<Diagnostic>> {
    let file = Arc::new(SourceFile {
        name: name.into(),
        path: name.into(),
        text: text.into(),
    });
    let task = parse_task(&file)?.value;
    let (engine, _) = Engine::new(&[]);
    let given: Vec<Name> = given.iter().map(|(name, _)| Name::clone(name)).collect();
    let project = CompileInputs {
        called,
        prefix,
        suite: &Suite::default(),
        engine: &engine,
        catalog: &catalog(),
        given: &given,
        module_elsewhere: |_, _| None,
    };
    compile(&project, &task)
}

impl Ran {
    pub(super) fn outcome(&self) -> Outcome {
        self.verdict.outcome
    }

    /// Asserts the outcome and the kind and text of the headline (a part of it).
    pub(super) fn ends(&self, outcome: Outcome, kind: ErrorKind, message: &str) -> &Self {
        let headline = self.verdict.headline.as_ref().expect("a headline");
        assert_eq!(
            (self.verdict.outcome, headline.failure.kind),
            (outcome, kind),
            "{}",
            headline.failure.message
        );
        assert!(
            headline.failure.message.contains(message),
            "{}",
            headline.failure.message
        );
        self
    }

    pub(super) fn passes(&self) -> &Self {
        assert_eq!(
            (self.verdict.outcome, &self.verdict.headline),
            (Outcome::Passed, &None)
        );
        self
    }

    /// Asserts the facts whose first word is one of these, one a line, in order. Behind the name of a region stands
    /// what happened in it.
    pub(super) fn shows(&self, words: &str, expected: &str) -> &Self {
        self.compare(words, expected, false)
    }

    /// The same, each behind its time in milliseconds.
    pub(super) fn shows_at(&self, words: &str, expected: &str) -> &Self {
        self.compare(words, expected, true)
    }

    fn compare(&self, words: &str, expected: &str, timed: bool) -> &Self {
        let mut lines = Vec::new();
        let mut names: BTreeMap<FrameId, Name> = BTreeMap::new();
        for ((at, fact), frame) in self.facts.iter().zip(&self.frames) {
            if let Fact::FrameOpened(opened) = fact {
                names.insert(*frame, Name::clone(&opened.name));
            }
            let line = line(fact);
            let first = line.split(' ').next().unwrap_or_default();
            if words.split(' ').any(|word| word == first) {
                let line = match names.get(frame) {
                    Some(name) => format!("{name}: {line}"),
                    None => line,
                };
                lines.push(if timed { format!("{at} {line}") } else { line });
            }
        }
        let wanted: Vec<&str> = expected
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        assert_eq!(lines, wanted, "\n{}", lines.join("\n"));
        self
    }

    /// The last value that a variable was given.
    pub(super) fn value(&self, wanted: &str) -> Option<&Json> {
        self.facts.iter().rev().find_map(|(_, fact)| match fact {
            Fact::VariableSaved { name, value, .. } if &**name == wanted => Some(value),
            _ => None,
        })
    }
}

/// A fact as one short line.
fn line(fact: &Fact) -> String {
    let result = |result: &Attempted| match result {
        Attempted::Reply(reply) => reply.value.to_string(),
        Attempted::Failure(failure) => failure.kind.word().to_owned(),
    };
    match fact {
        Fact::RunSealed { .. }
        | Fact::RunStarted(_)
        | Fact::EngineBusy { .. }
        | Fact::RunFinished { .. } => String::new(),
        Fact::ExecutionStarted(started) => format!("begin {}", started.task),
        Fact::StateEntered { state, visit: 1 } => format!("enter {state}"),
        Fact::StateEntered { state, visit } => format!("enter {state} #{visit}"),
        Fact::InstructionStarted {
            what, attempt: 1, ..
        } => format!("start {what}"),
        Fact::InstructionStarted { what, attempt, .. } => format!("start {what} #{attempt}"),
        Fact::InstructionFinished { result: what, .. } => format!("end {}", result(what)),
        Fact::InstructionSkipped { place } => format!("skip {}", place.path),
        Fact::ExpectationChecked { held, .. } => format!("expect {held}"),
        Fact::VariableSaved {
            name,
            value,
            undone: true,
            ..
        } => format!("unsave {name} {value}"),
        Fact::VariableSaved { name, value, .. } => format!("save {name} {value}"),
        Fact::SubscriptionOpened { place, .. } => format!("open {}", place.path),
        Fact::SubscriptionChanged {
            messages, change, ..
        } => format!("{} after {messages}", change.word()),
        Fact::MessageReceived { number, .. } => format!("message {number}"),
        Fact::PollAnswered {
            attempt,
            result: what,
            ..
        } => format!("poll #{attempt} {}", result(what)),
        Fact::ConditionChecked { place, verdict, .. } => format!(
            "check {} {}",
            place.path,
            json!(verdict).as_str().unwrap_or("?")
        ),
        Fact::WaitStarted { limit_micros } => {
            format!("wait {}", length_text(limit_micros.unwrap_or(0)))
        }
        Fact::TransitionTaken {
            from,
            to,
            also_ready,
            ..
        } if also_ready.is_empty() => format!("take {from} → {to}"),
        Fact::TransitionTaken {
            from,
            to,
            also_ready,
            ..
        } => format!("take {from} → {to}, also {}", also_ready.join(", ")),
        Fact::TimedOut { scope, state, .. } => format!("timeout {} {state}", scope.word()),
        Fact::Deferred { place, .. } => format!("defer {}", place.path),
        Fact::CleanupStarted { deferred } => format!("cleanup {deferred}"),
        Fact::CleanupSkipped { variable, .. } => format!("unarmed {variable}"),
        Fact::CleanupFinished { failures } => format!("cleaned {}", failures.len()),
        Fact::NeverKnown(one) => format!("never known {} ×{}", one.place.path, one.asked),
        Fact::Log { text, .. } => format!("log {text}"),
        Fact::Stayed { state, times, .. } => format!("stays {state} #{times}"),
        Fact::SignalSent { name, data, .. } => format!("signal {name} {data}"),
        Fact::ExecutionFinished { outcome, .. } => format!("finish {}", outcome.word()),
        Fact::FrameOpened(_) => "open".to_owned(),
        Fact::FrameClosed { end, .. } => format!("close {}", end.word()),
    }
}
