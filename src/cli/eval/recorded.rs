//! A point of a recorded run, to look at as it was then.

use crate::cli::exit::Exit;
use crate::cli::{journal, output};
use crate::event::{Attempted, Event, ExecutionId, Fact, Failure, Json, Location, Name};
use crate::journal::{History, JournalError, RunRow};
use crate::machine::Checkpoint;
use crate::script::Value;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What an expression sees at a point of a run.
#[derive(Default)]
pub(super) struct Recorded {
    pub(super) variables: Vec<(Name, Value)>,
    /// What was answered or received there; `Err`: nothing but a failure.
    pub(super) res: Option<Result<Arc<Json>, Failure>>,
}

/// The point of this run after event `seq`; without a number, where its only task had come before it cleaned up.
pub(super) fn read(history: &History, run: &str, seq: Option<u64>) -> Result<Recorded, Exit> {
    let failed = |error: JournalError| journal::failed(&error);
    let row = history.find(run).map_err(failed)?;
    let execution = execution(history, &row, seq)?;
    let last = seq.unwrap_or(row.events);
    let mut folding = Folding::default();
    history
        .events(&row.id, 1, |event| {
            if event.seq > last {
                return ControlFlow::Break(());
            }
            if event.execution == Some(execution) {
                // What cleaning up was answered is not what the task was about.
                if seq.is_none() && matches!(event.fact, Fact::CleanupStarted { .. }) {
                    return ControlFlow::Break(());
                }
                folding.apply(&event);
            }
            ControlFlow::Continue(())
        })
        .map_err(failed)?;
    Ok(folding.end())
}

/// The execution that is meant.
fn execution(history: &History, row: &RunRow, seq: Option<u64>) -> Result<ExecutionId, Exit> {
    let wrong = |message: String, hint: String| {
        output::error(&message, Some(&hint));
        Exit::Usage
    };
    let read = |error: JournalError| journal::failed(&error);
    if let Some(seq) = seq {
        let execution = history.execution_at(row, seq).map_err(read)?;
        return execution.ok_or_else(|| {
            wrong(
                format!("no task stands at event {seq} of run {}", row.id),
                format!(
                    "it has the events 1 to {}; `funcy report {} --format ndjson` shows each",
                    row.events, row.id
                ),
            )
        });
    }
    let executions = history.executions(&row.id).map_err(read)?;
    let Some(last) = executions.last() else {
        return Err(wrong(
            format!("run {} has run no task", row.id),
            "name another run; `funcy runs` lists them".to_owned(),
        ));
    };
    // Attempts of one task are no choice: the last one is meant.
    if executions.iter().any(|one| one.index != last.index) {
        return Err(wrong(
            format!("run {} has run more than one task", row.id),
            "name an event of one of them with `--at SEQ`".to_owned(),
        ));
    }
    Ok(last.number)
}

/// The point while the events go by.
#[derive(Default)]
struct Folding {
    checkpoint: Checkpoint,
    /// The last result of each place that has one, and when it came.
    results: HashMap<Name, (u64, Result<Arc<Json>, Failure>)>,
    /// Where the last event stands in the file, if it says so.
    at: Option<Name>,
}

impl Folding {
    fn apply(&mut self, event: &Event) {
        self.checkpoint.apply(event.frame, &event.fact);
        self.at = place(&event.fact).map(|place| Name::clone(&place.path));
        let (Some(path), Some(result)) = (&self.at, result(&event.fact)) else {
            return;
        };
        self.results.insert(Name::clone(path), (event.seq, result));
    }

    fn end(self) -> Recorded {
        let at = self.at.as_deref().unwrap_or_default();
        // An expectation stands below its instruction, a poll and its condition beside each other: the result
        // that an event speaks of is the one that is nearest in the file, and of those the latest.
        let nearest = self
            .results
            .into_iter()
            .max_by_key(|(path, (seq, _))| (shared(path, at), *seq));
        Recorded {
            variables: self.checkpoint.vars,
            res: nearest.map(|(_, (_, result))| result),
        }
    }
}

/// How many steps from the root two paths have in common.
fn shared(one: &str, other: &str) -> usize {
    let pairs = one.split(['.', '[']).zip(other.split(['.', '[']));
    pairs.take_while(|(one, other)| one == other).count()
}

/// Where in the file it happened.
fn place(fact: &Fact) -> Option<&Location> {
    match fact {
        Fact::InstructionStarted { place, .. }
        | Fact::InstructionFinished { place, .. }
        | Fact::InstructionSkipped { place }
        | Fact::ExpectationChecked { place, .. }
        | Fact::SubscriptionOpened { place, .. }
        | Fact::SubscriptionChanged { place, .. }
        | Fact::MessageReceived { place, .. }
        | Fact::PollAnswered { place, .. }
        | Fact::ConditionChecked { place, .. }
        | Fact::TransitionTaken { place, .. }
        | Fact::Stayed { place, .. } => Some(place),
        Fact::RunStarted(_)
        | Fact::ExecutionStarted(_)
        | Fact::StateEntered { .. }
        | Fact::VariableSaved { .. }
        | Fact::WaitStarted { .. }
        | Fact::TimedOut { .. }
        | Fact::Deferred { .. }
        | Fact::CleanupStarted { .. }
        | Fact::CleanupSkipped { .. }
        | Fact::CleanupFinished { .. }
        | Fact::NeverKnown(_)
        | Fact::Log { .. }
        | Fact::SignalSent { .. }
        | Fact::FrameOpened(_)
        | Fact::FrameClosed { .. }
        | Fact::ExecutionFinished { .. }
        | Fact::EngineBusy { .. }
        | Fact::RunFinished { .. }
        | Fact::RunSealed { .. } => None,
    }
}

/// What was answered or received.
fn result(fact: &Fact) -> Option<Result<Arc<Json>, Failure>> {
    match fact {
        Fact::InstructionFinished { result, .. } | Fact::PollAnswered { result, .. } => {
            Some(match result {
                Attempted::Reply(reply) => Ok(Arc::clone(&reply.value)),
                Attempted::Failure(failure) => Err(failure.clone()),
            })
        }
        Fact::MessageReceived { value, .. } => Some(Ok(Arc::clone(value))),
        Fact::RunStarted(_)
        | Fact::ExecutionStarted(_)
        | Fact::StateEntered { .. }
        | Fact::InstructionStarted { .. }
        | Fact::InstructionSkipped { .. }
        | Fact::ExpectationChecked { .. }
        | Fact::VariableSaved { .. }
        | Fact::SubscriptionOpened { .. }
        | Fact::SubscriptionChanged { .. }
        | Fact::ConditionChecked { .. }
        | Fact::WaitStarted { .. }
        | Fact::TransitionTaken { .. }
        | Fact::Stayed { .. }
        | Fact::TimedOut { .. }
        | Fact::Deferred { .. }
        | Fact::CleanupStarted { .. }
        | Fact::CleanupSkipped { .. }
        | Fact::CleanupFinished { .. }
        | Fact::NeverKnown(_)
        | Fact::Log { .. }
        | Fact::SignalSent { .. }
        | Fact::FrameOpened(_)
        | Fact::FrameClosed { .. }
        | Fact::ExecutionFinished { .. }
        | Fact::EngineBusy { .. }
        | Fact::RunFinished { .. }
        | Fact::RunSealed { .. } => None,
    }
}
