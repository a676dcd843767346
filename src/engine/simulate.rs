//! One task on a virtual clock, against stubs or what a run recorded: nothing outside is touched.

use super::project::Loaded;
use super::script_host::{environment, millis};
use crate::event::{Event, Fact, Json, Name, Outcome, ROOT, RunStarted, Tally};
use crate::machine::{self, Inputs, Verdict};
use crate::script::{Chance, Value};
use crate::sim::{Recording, ReplayEnd, Stubs, Stuck, TimedFact, VirtualWorld, replay_in};
use serde_json::{Map, json};
use std::sync::Arc;

/// What answers in the place of the world.
#[derive(Clone, Copy, Debug)]
pub enum Answers<'a> {
    /// A stubs file.
    Stubs(&'a Stubs),
    /// A recorded execution; it brings its own seed.
    Recording(&'a Recording),
}

/// What happened on the virtual clock.
#[derive(Debug)]
#[must_use]
pub struct Simulated {
    /// How it ended; without a verdict, if something was asked for that has no answer.
    pub end: Result<Box<Verdict>, Stuck>,
    /// Each with its time since the beginning.
    pub facts: Vec<TimedFact>,
    /// Secrets that a recording brought only masked.
    pub masked: Vec<Name>,
    seed: u64,
    began: i64,
}

/// Simulates a task once. Blocks; needs a thread with a stack of [`STACK`](super::STACK) bytes.
///
/// The suite's services are not started: their addresses lead nowhere.
pub fn simulate(
    task: &Loaded,
    answers: Answers<'_>,
    vars: &[(Name, Json)],
    seed: u64,
) -> Simulated {
    crate::script::set_stopwatch(millis);
    let machine = &task.machine;
    let services: Map<String, Json> = (task.project.suite.services.iter())
        .map(|service| {
            let name = service.name.as_str();
            (
                name.to_owned(),
                json!({ "url": format!("http://{name}.simulated") }),
            )
        })
        .collect();
    let inputs = Inputs {
        run: SIMULATED.into(),
        attempt: 1,
        attempts: 1,
        case: task.case.clone(),
        vars: (vars.iter())
            .map(|(name, value)| (Name::clone(name), Value::from(value)))
            .collect(),
        services: Arc::new(Json::Object(services)),
        ..Inputs::default()
    };
    let permissions = Arc::clone(&task.project.permissions);
    let world = VirtualWorld::new().environment(move |name| environment(&permissions, name));
    match answers {
        Answers::Recording(recording) => {
            let replayed = replay_in(world, machine, inputs, recording.clone());
            Simulated {
                end: match replayed.end {
                    ReplayEnd::Verdict(verdict) => Ok(verdict),
                    ReplayEnd::Left(at) => Err(Stuck::Left(at)),
                    ReplayEnd::Deadlock => Err(Stuck::Deadlock),
                },
                facts: replayed.facts,
                masked: replayed.masked,
                seed: recording.seed,
                began: recording.began,
            }
        }
        Answers::Stubs(stubs) => {
            let case = task.case.as_ref().map(|case| &*case.name);
            let world = world
                .chance(Chance::new(seed, &machine.file.name, case, 1))
                .with(stubs);
            let end = world.block_on(machine::run(machine, inputs, &world));
            Simulated {
                end: end.map(Box::new),
                facts: world.into_facts(),
                masked: Vec::new(),
                seed,
                began: 0,
            }
        }
    }
}

/// The name of a run that was none.
const SIMULATED: &str = "simulated";

impl Simulated {
    /// The events of a run of this one task, so that every report can tell of it.
    #[must_use]
    pub fn events(&self, command: Vec<String>) -> Vec<Event> {
        let outcome = self.end.as_ref().map_or(Outcome::Error, |end| end.outcome);
        let mut tally = Tally::default();
        tally.add(outcome);
        let micros = self.facts.last().map_or(0, |last| last.at.0);
        let started = Fact::RunStarted(Box::new(RunStarted {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command,
            seed: self.seed,
            tasks: 1,
            jobs: 1,
            ..RunStarted::default()
        }));
        let finished = Fact::RunFinished {
            outcome,
            tally,
            micros,
        };
        let facts = self
            .facts
            .iter()
            .map(|one| (Some(1), one.frame, one.at.0, one.fact.clone()));
        [(None, ROOT, 0, started)]
            .into_iter()
            .chain(facts)
            .chain([(None, ROOT, micros, finished)])
            .zip(1..)
            .map(|((execution, frame, at, fact), seq)| Event {
                run: SIMULATED.into(),
                seq,
                at: self.began.saturating_add_unsigned(at),
                execution,
                frame,
                fact,
            })
            .collect()
    }
}
