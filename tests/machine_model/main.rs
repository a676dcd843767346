//! Random machines, run by the machine and by a small interpreter that was written from the language page:
//! both must tell the same story, to the millisecond.

mod generate;
mod model;
mod regions;
mod rich;
mod spec;
mod stays;
mod watches;

use funcy::definition::{Catalog, ClientKind, Diagnostic, SourceFile, Suite, parse_task};
use funcy::event::Fact;
use funcy::machine::{CalledTasks, CompileInputs, Inputs, Machine, compile, run};
use funcy::script::Engine;
use funcy::sim::VirtualWorld;
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The interpreter of expressions needs a large stack without optimization.
const STACK: usize = 64 << 20;

/// Random machines in the normal run; `PROPTEST_CASES` asks for more.
const CASES: u32 = 500;

/// How many random machines a test asks for.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(CASES)
}

/// Numbers by chance, the same for the same seed.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Below this number.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }

    /// True in so many of a hundred.
    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, work)
            .expect("a thread")
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A client kind whose requests and sources say what they do.
fn catalog() -> Catalog {
    Catalog {
        kinds: vec![ClientKind {
            name: "stub",
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
        }],
    }
}

fn machine(text: &str) -> Arc<Machine> {
    compiled(text).unwrap_or_else(|found| panic!("{text}\n{found:#?}"))
}

fn compiled(text: &str) -> Result<Arc<Machine>, Vec<Diagnostic>> {
    let file = Arc::new(SourceFile {
        name: "model.yaml".into(),
        path: "model.yaml".into(),
        text: text.into(),
    });
    let task = parse_task(&file)?;
    let (engine, _) = Engine::new(&[]);
    let project = CompileInputs {
        called: &CalledTasks::default(),
        prefix: "",
        suite: &Suite::default(),
        engine: &engine,
        catalog: &catalog(),
        given: &[],
        module_elsewhere: |_, _| None,
    };
    Ok(Arc::new(compile(&project, &task.value)?.0))
}

/// Runs a machine and checks what holds for every run.
fn facts_of(machine: &Arc<Machine>, world: &VirtualWorld) -> Vec<(u64, Fact)> {
    let verdict = world
        .block_on(run(machine, Inputs::default(), world))
        .expect("the task's own deadline always wakes it");
    assert_eq!(world.leaks(), 0, "a request outlived its state");
    assert_eq!(world.in_flight(), 0, "a request outlived the task");
    assert_eq!(world.open_subscriptions(), 0, "a subscription is left open");
    let facts = world.facts();
    assert!(matches!(
        facts.last().map(|last| &last.fact),
        Some(Fact::ExecutionFinished { outcome, .. }) if *outcome == verdict.outcome
    ));
    facts.into_iter().map(|one| (one.at.0, one.fact)).collect()
}

/// What the machine did, in the words of the model.
fn story(machine: &Arc<Machine>, world: &VirtualWorld) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, fact) in facts_of(machine, world) {
        let line = match fact {
            Fact::StateEntered { state, visit } => format!("enter {state} #{visit}"),
            Fact::InstructionStarted { what, attempt, .. } => format!("start {what} #{attempt}"),
            Fact::TransitionTaken {
                from,
                to,
                also_ready,
                ..
            } => format!("take {from} → {to} [{}]", also_ready.join(" ")),
            Fact::TimedOut { scope, state, .. } => format!("timeout {} {state}", scope.word()),
            Fact::CleanupStarted { deferred } => format!("cleanup {deferred}"),
            Fact::CleanupFinished { failures } => format!("cleaned {}", failures.len()),
            Fact::ExecutionFinished { outcome, .. } => format!("finish {}", outcome.word()),
            _ => continue,
        };
        lines.push(format!("{} {line}", at / 1000));
    }
    lines
}

#[test]
fn machine_and_model_tell_the_same_story() {
    let mut config = Config::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    config.failure_persistence = None;
    config.max_shrink_iters = 2000;
    with_room(|| {
        let mut runner = TestRunner::new(config);
        let outcome = runner.run(&vec(any::<u8>(), 0..400), |tape| {
            let spec = generate::spec(&tape);
            let text = spec.to_json().to_string();
            let machine = match compiled(&text) {
                Ok(machine) => machine,
                Err(found) => {
                    let reason = format!("{:#}\n{found:#?}", spec.to_json());
                    return Err(TestCaseError::fail(reason));
                }
            };
            let found = story(&machine, &spec.world());
            let expected = model::story(&spec);
            if found == expected {
                return Ok(());
            }
            let reason = format!(
                "\n{:#}\nanswers:\n{}\nfound:\n  {}\nexpected:\n  {}\n",
                spec.to_json(),
                spec.answers(),
                found.join("\n  "),
                expected.join("\n  ")
            );
            Err(TestCaseError::fail(reason))
        });
        if let Err(TestError::Fail(reason, tape)) = outcome {
            panic!("{tape:?}\n{}", reason.message());
        }
    });
}

#[test]
fn the_random_machines_are_no_monoculture() {
    // A generator that only makes trivial machines would prove nothing.
    with_room(|| {
        let mut runner = TestRunner::deterministic();
        let mut words: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..300 {
            let tree =
                proptest::strategy::Strategy::new_tree(&vec(any::<u8>(), 0..400), &mut runner);
            let tape = proptest::strategy::ValueTree::current(&tree.unwrap());
            for line in model::story(&generate::spec(&tape)) {
                let mut parts = line.split(' ').skip(1);
                let word = parts.next().unwrap().to_owned();
                let second = parts.next().unwrap();
                let key = match word.as_str() {
                    "finish" | "timeout" => format!("{word} {second}"),
                    "take" if !line.ends_with("[]") => "take with also".to_owned(),
                    _ => word,
                };
                *words.entry(key).or_default() += 1;
            }
        }
        for (word, least) in [
            ("finish passed", 30),
            ("finish failed", 30),
            ("finish error", 20),
            ("finish timed", 15),
            ("finish cancelled", 10),
            ("timeout transition", 20),
            ("timeout task", 5),
            ("take with also", 5),
            ("cleanup", 60),
        ] {
            let count = words.get(word).copied().unwrap_or(0);
            assert!(count >= least, "{word}: {count}\n{words:#?}");
        }
    });
}
