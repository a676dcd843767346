//! How the executions of a run stand: a pure fold over events, behind every display.

use super::failure::Sources;
use super::status::Status;
use super::value::compact;
use super::warning::Warning;
use crate::event::{
    Event, ExecutionId, ExecutionStarted, Fact, FrameId, Headline, Json, Metrics, Name, Outcome,
    ROOT, RunId, RunStarted, Tally,
};
use std::collections::{BTreeMap, HashMap};

mod ended;
mod logs;
mod standing;

pub use ended::Ended;
pub use logs::Logs;
pub use standing::{Last, Phase, RunningRegion, Standing};

/// How a run stands. It holds what runs, and counts what has ended: its size does not grow with the
/// number of tasks.
#[derive(Debug, Default)]
pub struct Live {
    /// The run, as soon as it has begun.
    pub run: Option<RunId>,
    /// How it began.
    pub started: RunStarted,
    /// When it began, in microseconds since the Unix epoch.
    pub began: i64,
    /// The time of the last event.
    pub now: i64,
    /// What runs.
    pub running: BTreeMap<ExecutionId, Running>,
    /// How many tasks ended how; of a retried task the last attempt so far.
    pub tally: Tally,
    /// The end: the worst outcome, and the microseconds it took.
    pub end: Option<(Outcome, u64)>,
    /// The head of the journal's chain, and how many events it holds.
    pub sealed: Option<(Name, u64)>,
    /// Tasks whose last attempt failed, and that will be tried again.
    retrying: HashMap<Key, (Outcome, Sources)>,
}

/// What the attempts of one task have in common: its number in the run, its name and its case.
pub type Key = (u32, Name, Option<Name>);

/// The key of an execution's task.
pub(crate) fn key(started: &ExecutionStarted) -> Key {
    (
        started.index,
        Name::clone(&started.task),
        started.case.clone(),
    )
}

/// One execution that runs.
#[derive(Clone, Debug)]
pub struct Running {
    /// How it began; its texts are in `sources`.
    pub started: ExecutionStarted,
    /// Its number.
    pub id: ExecutionId,
    /// When it began.
    pub began: i64,
    /// Where it stands.
    pub at: Standing,
    /// The regions of the state that it is in, and of their states.
    pub regions: BTreeMap<FrameId, RunningRegion>,
    /// The states it was in, in order.
    pub path: Vec<Visit>,
    /// How many further visits there were.
    pub more_visits: u64,
    /// The texts of its definition.
    pub sources: Sources,
    warnings: Vec<Warning>,
    logs: Logs,
    /// What failed in its cleanup.
    cleanup: Vec<Headline>,
    /// Whether it has saved a secret on its way.
    lacks_secret: bool,
    /// The last point from which it could go on: the `seq` of its last transition.
    resume: Option<u64>,
}

/// One stay in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The state.
    pub state: Name,
    /// When it was entered.
    pub at: i64,
    /// How often a condition that stays was fulfilled in it.
    pub stayed: u32,
}

impl Visit {
    /// The state, and how often it has stayed.
    pub(crate) fn in_words(&self) -> String {
        format!("{}{}", self.state, stayed(self.stayed))
    }
}

/// How often a state has stayed, behind its name.
pub(crate) fn stayed(times: u32) -> String {
    match times {
        0 => String::new(),
        1 => " (stayed once)".to_owned(),
        times => format!(" (stayed {times} times)"),
    }
}

/// The visits of one execution that are kept: a loop may have millions.
const MAX_PATH: usize = 200;

impl Live {
    /// Takes in the next event, and hands out the execution that it ended.
    pub fn apply(&mut self, event: &Event) -> Option<Ended> {
        self.now = event.at;
        if matches!(event.fact, Fact::EngineBusy { .. }) {
            // It held all of them up.
            for running in self.running.values_mut() {
                Warning::add(&mut running.warnings, &event.fact);
            }
        }
        match &event.fact {
            Fact::RunStarted(started) => {
                self.run = Some(RunId::clone(&event.run));
                self.started = (**started).clone();
                self.began = event.at;
            }
            Fact::RunFinished {
                outcome,
                tally,
                micros,
            } => {
                self.tally = *tally;
                self.retrying.clear();
                self.end = Some((*outcome, *micros));
            }
            Fact::RunSealed { head, events } => self.sealed = Some((Name::clone(head), *events)),
            Fact::ExecutionStarted(started) => {
                if let Some(id) = event.execution {
                    self.start(id, event.at, started);
                }
            }
            Fact::ExecutionFinished { .. } => return self.finish(event),
            fact => {
                if let Some(running) = event.execution.and_then(|id| self.running.get_mut(&id)) {
                    running.apply(event, fact);
                }
            }
        }
        None
    }

    /// How many tasks are done.
    pub fn done(&self) -> u32 {
        self.tally.total()
    }

    /// The execution that has been in its state the longest.
    pub fn longest_wait(&self) -> Option<&Running> {
        self.running.values().min_by_key(|running| running.at.since)
    }

    fn start(&mut self, id: ExecutionId, at: i64, started: &ExecutionStarted) {
        let earlier = self.retrying.remove(&key(started));
        let mut sources = Sources(started.files.clone());
        if let Some(text) = &started.source {
            sources
                .0
                .insert(0, (Name::clone(&started.file), Name::clone(text)));
        }
        if let Some((_, kept)) = earlier.filter(|_| sources.0.is_empty()) {
            sources = kept;
        }
        let mut started = started.clone();
        started.source = None;
        started.files = Vec::new();
        let running = Running {
            started,
            id,
            began: at,
            at: Standing::at_beginning(at),
            regions: BTreeMap::new(),
            path: Vec::new(),
            more_visits: 0,
            sources,
            cleanup: Vec::new(),
            warnings: Vec::new(),
            logs: Logs::default(),
            lacks_secret: false,
            resume: None,
        };
        self.running.insert(id, running);
    }

    fn finish(&mut self, event: &Event) -> Option<Ended> {
        let Fact::ExecutionFinished {
            outcome,
            headline,
            state,
            outputs,
            metrics,
        } = &event.fact
        else {
            return None;
        };
        let running = self.running.remove(&event.execution?)?;
        let outcome = match outcome {
            Outcome::Passed if running.started.attempt > 1 => Outcome::Flaky,
            outcome => *outcome,
        };
        let mut ended = running.end(event.at, outcome);
        ended.headline.clone_from(headline);
        ended.state = state.clone().or(ended.state);
        ended.metrics.clone_from(metrics);
        ended.outputs.clone_from(outputs);
        if ended.last_attempt {
            self.tally.add(outcome);
        } else {
            let kept = (outcome, ended.sources.clone());
            self.retrying.insert(ended.key(), kept);
        }
        Some(ended)
    }

    /// No more events come: what runs still was interrupted, and what was to be tried again is not.
    pub fn interrupt(&mut self) -> Vec<Ended> {
        for (outcome, _) in std::mem::take(&mut self.retrying).into_values() {
            self.tally.add(outcome);
        }
        let running = std::mem::take(&mut self.running);
        let ended: Vec<Ended> = running
            .into_values()
            .map(|running| running.end(self.now, Outcome::Interrupted))
            .collect();
        for one in &ended {
            self.tally.add(one.outcome);
        }
        ended
    }
}

impl Running {
    fn apply(&mut self, event: &Event, fact: &Fact) {
        if event.frame == ROOT {
            self.at.apply(event);
        } else if let Some(region) = self.regions.get_mut(&event.frame) {
            region.at.apply(event);
        }
        let is_task = event.frame == ROOT;
        match fact {
            Fact::StateEntered { state, .. } => {
                self.forget_regions(event.frame);
                if !is_task {
                } else if self.path.len() < MAX_PATH {
                    self.path.push(Visit {
                        state: Name::clone(state),
                        at: event.at,
                        stayed: 0,
                    });
                } else {
                    self.more_visits += 1;
                }
            }
            Fact::TransitionTaken { .. } if is_task => self.resume = Some(event.seq),
            Fact::CleanupStarted { .. } => self.regions.clear(),
            Fact::CleanupFinished { failures } => self.cleanup.clone_from(failures),
            Fact::NeverKnown(_) | Fact::SubscriptionChanged { .. } => {
                Warning::add(&mut self.warnings, fact);
            }
            Fact::Log { text, .. } => self.logs.add(text),
            Fact::VariableSaved { name, value, .. } => {
                // What a journal holds masked cannot be put back: a run that went on from here would lack it.
                self.lacks_secret |=
                    self.at.state.is_some() && value.as_str() == Some(&format!("${name}"));
            }
            Fact::FrameOpened(opened) => {
                let around = self.regions.get(&opened.parent);
                let region = RunningRegion {
                    parent: opened.parent,
                    name: match around {
                        None => opened.name.to_string(),
                        Some(around) => format!("{}/{}", around.name, opened.name),
                    },
                    at: Standing::at_beginning(event.at),
                    end: None,
                };
                self.regions.insert(event.frame, region);
            }
            Fact::FrameClosed { end, .. } => {
                if let Some(region) = self.regions.get_mut(&event.frame) {
                    region.end = Some(*end);
                }
            }
            // Of visits that are not kept nothing is.
            Fact::Stayed { .. } if is_task && self.more_visits == 0 => {
                if let Some(visit) = self.path.last_mut() {
                    visit.stayed += 1;
                }
            }
            Fact::TransitionTaken { .. }
            | Fact::Stayed { .. }
            | Fact::RunStarted(_)
            | Fact::ExecutionStarted(_)
            | Fact::InstructionStarted { .. }
            | Fact::InstructionFinished { .. }
            | Fact::InstructionSkipped { .. }
            | Fact::ExpectationChecked { .. }
            | Fact::SubscriptionOpened { .. }
            | Fact::MessageReceived { .. }
            | Fact::PollAnswered { .. }
            | Fact::ConditionChecked { .. }
            | Fact::WaitStarted { .. }
            | Fact::TimedOut { .. }
            | Fact::Deferred { .. }
            | Fact::CleanupSkipped { .. }
            | Fact::SignalSent { .. }
            | Fact::ExecutionFinished { .. }
            | Fact::EngineBusy { .. }
            | Fact::RunFinished { .. }
            | Fact::RunSealed { .. } => {}
        }
    }

    /// The regions of the state that this frame was in are over.
    fn forget_regions(&mut self, frame: FrameId) {
        let of_frame =
            |(id, region): (&FrameId, &RunningRegion)| (region.parent == frame).then_some(*id);
        let over: Vec<FrameId> = self.regions.iter().filter_map(of_frame).collect();
        for id in over {
            self.regions.remove(&id);
            self.forget_regions(id);
        }
    }

    /// The regions in which nothing runs but themselves, in the order in which they were opened.
    pub fn leaves(&self) -> impl Iterator<Item = &RunningRegion> {
        let has_regions = |id: &FrameId| self.regions.values().any(|region| region.parent == *id);
        self.regions
            .iter()
            .filter(move |(id, _)| !has_regions(id))
            .map(|(_, region)| region)
    }

    fn end(self, at: i64, outcome: Outcome) -> Ended {
        let stopped = matches!(outcome, Outcome::Cancelled | Outcome::Interrupted);
        let attempts = (self.started.attempt, self.started.attempts);
        let micros = (at - self.began).max(0).unsigned_abs();
        Ended {
            id: self.id,
            began: self.began,
            at,
            outcome,
            headline: None,
            cleanup: self.cleanup,
            warnings: Warning::that_matter(self.warnings),
            logs: self.logs,
            state: self.at.state,
            metrics: Box::new(Metrics {
                micros,
                ..Metrics::default()
            }),
            outputs: Json::Null,
            path: self.path,
            more_visits: self.more_visits,
            sources: if outcome.is_good() {
                Sources::default()
            } else {
                self.sources
            },
            last_attempt: outcome.is_good() || stopped || attempts.0 >= attempts.1,
            resume: self.resume.filter(|_| !self.lacks_secret),
            started: self.started,
        }
    }

    /// The name of its task, with its case.
    pub fn name(&self) -> String {
        self.started.name()
    }

    /// Whether it works or waits.
    pub fn status(&self) -> Status {
        // While one region works, the task does.
        let mut standing: Vec<&Standing> = self
            .leaves()
            .filter(|one| one.end.is_none())
            .map(|one| &one.at)
            .collect();
        if standing.is_empty() {
            standing.push(&self.at);
        }
        if standing.iter().all(|one| one.phase == Phase::Waiting) {
            Status::Waiting
        } else {
            Status::Running
        }
    }
}

#[cfg(test)]
mod tests;
