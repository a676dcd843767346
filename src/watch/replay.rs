//! The judgement of a new definition on the results of the last run, without touching the system under test.

use super::depends::Tie;
use super::watched_task::{Replay, Settled, WatchedTask};
use crate::definition::{self, TaskChange};
use crate::engine::{self, Loaded};
use crate::event::{Event, ExecutionId, Json, Name, Outcome, RunId};
use crate::machine::Inputs;
use crate::report::Live;
use crate::script::Value;
use crate::sim::{self, Recording, ReplayEnd, Replayed, VirtualWorld};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The number of the execution in the events of a replay.
const EXECUTION: ExecutionId = 1;

/// Whether the task, since its last run, differs from it only in what is judged and kept of results.
pub(super) fn is_worth_it(task: &WatchedTask, tie: Tie) -> bool {
    let (Some(result), Some(now)) = (&task.result, &task.definition) else {
        return false;
    };
    // Of the results of many cases only one would be there.
    if !now.machine.cases.is_empty() {
        return false;
    }
    if result.outcome() == Outcome::Cancelled || matches!(tie, Tie::Data | Tie::Called | Tie::Suite)
    {
        return false;
    }
    match difference(&result.definition, now) {
        Some(TaskChange::Expressions) => true,
        // The functions that the expressions call have changed.
        Some(TaskChange::None) => tie == Tie::Script,
        Some(TaskChange::Structure) | None => false,
    }
}

fn difference(before: &Loaded, now: &Loaded) -> Option<TaskChange> {
    let before = definition::parse_task(&before.machine.file).ok()?;
    let now = definition::parse_task(&now.machine.file).ok()?;
    Some(before.value.difference(&now.value))
}

/// Judges a definition on what the last run was answered.
pub(super) fn judge(now: &Loaded, last: &Settled, vars: &[(Name, Json)], services: Json) -> Replay {
    if last.kept.is_cut {
        return Replay::Left("the last run was too long to be kept".to_owned());
    }
    let events = &last.kept.events;
    let Some(execution) = Recording::last_of(events, &now.machine, None) else {
        return Replay::Left("of the last run nothing was recorded".to_owned());
    };
    let recording = Recording::of(events, execution);
    let began = recording.began;
    let inputs = Inputs {
        vars: (vars.iter())
            .map(|(name, value)| (Name::clone(name), Value::from(value)))
            .collect(),
        services: Arc::new(services),
        ..Inputs::default()
    };
    let permissions = Arc::clone(&now.project.permissions);
    let world =
        VirtualWorld::new().environment(move |name| engine::environment(&permissions, name));
    let replaying = || sim::replay_in(world, &now.machine, inputs, recording);
    match catch_unwind(AssertUnwindSafe(replaying)) {
        Ok(replayed) => verdict(replayed, began),
        // The real run will meet the same, and report it.
        Err(_) => Replay::Left("funcy itself failed".to_owned()),
    }
}

fn verdict(replayed: Replayed, began: i64) -> Replay {
    if let Some(secret) = replayed.masked.first() {
        return Replay::Left(format!("the value of the secret `{secret}` is not kept"));
    }
    match replayed.end {
        ReplayEnd::Left(at) => Replay::Left(at.to_string()),
        ReplayEnd::Deadlock => Replay::Left("nothing more is recorded".to_owned()),
        ReplayEnd::Verdict(_) => {
            let mut live = Live::default();
            let mut last = None;
            for (seq, recorded) in (1..).zip(replayed.facts) {
                let event = Event {
                    run: RunId::from("replay"),
                    seq,
                    at: began.saturating_add_unsigned(recorded.at.0),
                    execution: Some(EXECUTION),
                    frame: recorded.frame,
                    fact: recorded.fact,
                };
                last = live.apply(&event).or(last);
            }
            match last {
                Some(ended) => Replay::Judged(Box::new(ended)),
                None => Replay::Left("it came to no end".to_owned()),
            }
        }
    }
}
