//! What one execution was answered, folded from its events: the system as it behaved once.

use crate::event::{Attempted, Event, ExecutionId, Fact, FrameId, Json, Name, SubscriptionChange};
use crate::machine::{Case, Machine};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// The answers and messages of one recorded execution.
///
/// An answer is found by the frame and the path of the place that asked, the visit of its state and the attempt: paths
/// stay what they are when expressions or lines of the file change. Times count from where the visit began.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The run it is of.
    pub run: Name,
    /// The seed of that run.
    pub seed: u64,
    /// Wall-clock time at which the execution began, in microseconds since the Unix epoch.
    pub began: i64,
    /// Its number in the run's list of tasks.
    pub index: u32,
    /// The case of the task that it was.
    pub case: Option<Name>,
    /// Its attempt, from 1.
    pub attempt: u32,
    /// How many attempts it had.
    pub attempts: u32,
    pub(super) answers: HashMap<RequestKey, VecDeque<RecordedAnswer>>,
    pub(super) openings: HashMap<OpeningKey, VecDeque<RecordedOpening>>,
    /// By the path of the strategy that looked at them.
    pub(super) messages: HashMap<Name, Vec<RecordedMessage>>,
    /// By the path of the subscription: what happened to it.
    pub(super) changes: HashMap<Name, Vec<RecordedChange>>,
    /// How long each visit of each frame lasted, in microseconds.
    pub(super) lengths: HashMap<(FrameId, Stage), u64>,
}

/// A visit of a state, or what stands around all visits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// Before the start state is entered.
    #[default]
    Beginning,
    Visit(Name, u32),
    Cleanup,
}

impl Stage {
    /// The phase that begins with this fact.
    pub(super) fn begun_by(fact: &Fact) -> Option<Self> {
        match fact {
            Fact::StateEntered { state, visit } => Some(Self::Visit(Name::clone(state), *visit)),
            Fact::CleanupStarted { .. } => Some(Self::Cleanup),
            Fact::RunStarted(_)
            | Fact::ExecutionStarted(_)
            | Fact::InstructionStarted { .. }
            | Fact::InstructionFinished { .. }
            | Fact::InstructionSkipped { .. }
            | Fact::ExpectationChecked { .. }
            | Fact::VariableSaved { .. }
            | Fact::SubscriptionOpened { .. }
            | Fact::SubscriptionChanged { .. }
            | Fact::MessageReceived { .. }
            | Fact::PollAnswered { .. }
            | Fact::ConditionChecked { .. }
            | Fact::WaitStarted { .. }
            | Fact::TransitionTaken { .. }
            | Fact::Stayed { .. }
            | Fact::TimedOut { .. }
            | Fact::Deferred { .. }
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

    /// The number that keys carry: 0 outside of visits.
    pub(super) fn visit(&self) -> u32 {
        match self {
            Self::Visit(_, visit) => *visit,
            Self::Beginning | Self::Cleanup => 0,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RequestKey {
    pub(super) frame: FrameId,
    pub(super) path: Name,
    pub(super) visit: u32,
    pub(super) attempt: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct OpeningKey {
    pub(super) frame: FrameId,
    pub(super) path: Name,
    pub(super) visit: u32,
}

#[derive(Clone, Debug)]
pub(super) struct RecordedAnswer {
    /// The request, where it was recorded: that of a poll is not.
    pub(super) request: Option<Arc<Json>>,
    /// When it was sent, in microseconds since the execution began.
    sent: u64,
    /// `None`: it was cancelled before it was answered.
    pub(super) came: Option<RecordedReply>,
}

#[derive(Clone, Debug)]
pub(super) struct RecordedReply {
    /// Microseconds from the beginning of the visit to the answer.
    pub(super) offset: u64,
    /// Microseconds that it took.
    pub(super) micros: u64,
    pub(super) result: Attempted,
}

#[derive(Clone, Debug)]
pub(super) struct RecordedOpening {
    pub(super) source: Arc<Json>,
    /// Microseconds from the beginning of the visit.
    pub(super) offset: u64,
    /// Microseconds from the beginning of the execution.
    pub(super) at: u64,
}

#[derive(Clone, Debug)]
pub(super) struct RecordedMessage {
    pub(super) frame: FrameId,
    pub(super) visit: u32,
    pub(super) number: u64,
    pub(super) offset: u64,
    pub(super) at: u64,
    pub(super) value: Arc<Json>,
}

#[derive(Clone, Debug)]
pub(super) struct RecordedChange {
    pub(super) frame: FrameId,
    pub(super) visit: u32,
    pub(super) offset: u64,
    pub(super) at: u64,
    pub(super) change: SubscriptionChange,
}

impl Recording {
    /// The recording of one execution. Of an execution that the events do not hold it is empty.
    #[must_use]
    pub fn of(events: &[Event], execution: ExecutionId) -> Self {
        let mut folding = Folding::default();
        for event in events {
            if let Fact::RunStarted(started) = &event.fact {
                folding.made.seed = started.seed;
            }
            if event.execution == Some(execution) {
                folding.add(event);
            }
        }
        folding.end_phases();
        folding.made
    }

    /// The execution of these events that is the last one of this task, or of this case of it: of the same file, else
    /// of the same name.
    #[must_use]
    pub fn last_of(
        events: &[Event],
        machine: &Machine,
        case: Option<&Case>,
    ) -> Option<ExecutionId> {
        let find = |same: &dyn Fn(&crate::event::ExecutionStarted) -> bool| {
            events.iter().rev().find_map(|event| {
                let Fact::ExecutionStarted(started) = &event.fact else {
                    return None;
                };
                let is_case = case.is_none_or(|case| started.case.as_ref() == Some(&case.name));
                let ran = started.skip.is_none() && is_case && same(started);
                event.execution.filter(|_| ran)
            })
        };
        find(&|started| started.file == machine.file.name)
            .or_else(|| find(&|started| started.task == machine.name))
    }

    /// How many answers and messages it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        let answers = self.answers.values().map(VecDeque::len).sum::<usize>();
        answers + self.messages.values().map(Vec::len).sum::<usize>()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The recording while the events go by.
#[derive(Default)]
struct Folding {
    made: Recording,
    phases: HashMap<FrameId, Phase>,
    /// Of the last event: its frame, and its time in microseconds since the execution began.
    frame: FrameId,
    now: u64,
}

/// What a frame is at.
#[derive(Clone, Debug, Default)]
struct Phase {
    stage: Stage,
    /// Where it began, in microseconds since the execution began.
    at: u64,
}

impl Folding {
    fn add(&mut self, event: &Event) {
        if let Fact::ExecutionStarted(started) = &event.fact {
            self.made.run = Name::clone(&event.run);
            self.made.began = event.at;
            self.made.index = started.index;
            self.made.case.clone_from(&started.case);
            self.made.attempt = started.attempt;
            self.made.attempts = started.attempts;
        }
        self.now = event
            .at
            .saturating_sub(self.made.began)
            .max(0)
            .cast_unsigned();
        self.frame = event.frame;
        let phase = self.phases.entry(event.frame).or_insert_with(|| Phase {
            at: self.now,
            ..Phase::default()
        });
        if let Some(stage) = Stage::begun_by(&event.fact) {
            let ended = std::mem::replace(
                phase,
                Phase {
                    stage,
                    at: self.now,
                },
            );
            self.end(event.frame, ended);
        }
        self.remember(&event.fact);
    }

    fn end(&mut self, frame: FrameId, phase: Phase) {
        let length = self.now - phase.at;
        self.made.lengths.insert((frame, phase.stage), length);
    }

    fn end_phases(&mut self) {
        for (frame, phase) in std::mem::take(&mut self.phases) {
            self.end(frame, phase);
        }
    }

    fn visit(&self) -> u32 {
        (self.phases.get(&self.frame)).map_or(0, |phase| phase.stage.visit())
    }

    /// Microseconds since the phase of the frame began.
    fn offset(&self) -> u64 {
        (self.phases.get(&self.frame)).map_or(0, |phase| self.now - phase.at)
    }

    fn key(&self, path: &Name, attempt: u32) -> RequestKey {
        RequestKey {
            frame: self.frame,
            path: Name::clone(path),
            visit: self.visit(),
            attempt,
        }
    }

    fn came(&self, micros: u64, result: &Attempted) -> RecordedReply {
        RecordedReply {
            offset: self.offset(),
            micros,
            result: result.clone(),
        }
    }

    /// An attempt has ended.
    fn finished(&mut self, path: &Name, attempt: u32, micros: u64, result: &Attempted) {
        let came = self.came(micros, result);
        let began = self.now.saturating_sub(micros);
        let key = self.key(path, attempt);
        let sent = self.made.answers.entry(key).or_default();
        // In a loop several are under way at one place: it answers the one that was sent when it began.
        let mut candidates: Vec<&mut RecordedAnswer> = sent
            .iter_mut()
            .filter(|answer| answer.came.is_none())
            .collect();
        let position = (0..candidates.len())
            .min_by_key(|at| candidates[*at].sent.abs_diff(began))
            .unwrap_or(0);
        if position < candidates.len() {
            candidates.swap_remove(position).came = Some(came);
        }
    }

    /// A subscription is open.
    fn opened(&mut self, path: &Name, source: &Arc<Json>) {
        let opening = RecordedOpening {
            source: Arc::clone(source),
            offset: self.offset(),
            at: self.now,
        };
        let key = OpeningKey {
            frame: self.frame,
            path: Name::clone(path),
            visit: self.visit(),
        };
        let openings = self.made.openings.entry(key).or_default();
        openings.push_back(opening);
    }

    fn remember(&mut self, fact: &Fact) {
        match fact {
            Fact::InstructionStarted {
                place,
                attempt,
                request,
                ..
            } => {
                let answer = RecordedAnswer {
                    request: Some(Arc::clone(request)),
                    sent: self.now,
                    came: None,
                };
                let key = self.key(&place.path, *attempt);
                self.made.answers.entry(key).or_default().push_back(answer);
            }
            Fact::InstructionFinished {
                place,
                attempt,
                micros,
                result,
                ..
            } => self.finished(&place.path, *attempt, *micros, result),
            Fact::PollAnswered {
                place,
                attempt,
                micros,
                result,
            } => {
                let answer = RecordedAnswer {
                    request: None,
                    sent: self.now.saturating_sub(*micros),
                    came: Some(self.came(*micros, result)),
                };
                let key = self.key(&place.path, *attempt);
                self.made.answers.entry(key).or_default().push_back(answer);
            }
            Fact::SubscriptionOpened { place, source } => {
                self.opened(&place.path, source);
            }
            Fact::MessageReceived {
                place,
                number,
                value,
            } => {
                let heard = RecordedMessage {
                    frame: self.frame,
                    visit: self.visit(),
                    number: *number,
                    offset: self.offset(),
                    at: self.now,
                    value: Arc::clone(value),
                };
                let strategy = Name::clone(&place.path);
                self.made.messages.entry(strategy).or_default().push(heard);
            }
            Fact::SubscriptionChanged { place, change, .. } => {
                let change = RecordedChange {
                    frame: self.frame,
                    visit: self.visit(),
                    offset: self.offset(),
                    at: self.now,
                    change: change.clone(),
                };
                let path = Name::clone(&place.path);
                self.made.changes.entry(path).or_default().push(change);
            }
            // What the machine makes of the answers is made again.
            Fact::RunStarted(_)
            | Fact::ExecutionStarted(_)
            | Fact::StateEntered { .. }
            | Fact::InstructionSkipped { .. }
            | Fact::ExpectationChecked { .. }
            | Fact::VariableSaved { .. }
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
            | Fact::RunSealed { .. } => {}
        }
    }
}
