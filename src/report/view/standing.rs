//! Where one machine of an execution stands: the task itself, or a region.

use super::compact;
use crate::event::{Attempted, Event, Fact, FrameEnd, FrameId, Name};

/// The bytes of a value in a row.
const VALUE_BYTES: usize = 80;

/// Where a machine stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The state it is in.
    pub state: Option<Name>,
    /// Which visit of that state this is, from 1.
    pub visit: u32,
    /// When the state was entered.
    pub since: i64,
    /// What it does there.
    pub phase: Phase,
    /// The last attempt or message of what it waits for.
    pub attempt: u32,
    /// What was last seen, in one line: the operand that decides and its value, else the last answer.
    pub last: Option<Last>,
    /// When its waiting ends, in microseconds since the Unix epoch.
    pub deadline: Option<i64>,
}

/// A region of an execution.
#[derive(Clone, Debug)]
pub struct RunningRegion {
    /// The frame around it.
    pub parent: FrameId,
    /// Its name behind those of the regions around it: `delivery/mail`.
    pub name: String,
    /// Where it stands.
    pub at: Standing,
    /// How it has ended, if it has.
    pub end: Option<FrameEnd>,
}

/// What a machine does in its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Evaluates.
    Thinking,
    /// Runs this instruction.
    Instruction(Name),
    /// Waits for a condition.
    Waiting,
    /// Runs `defer`s and `cleanup`.
    Cleanup,
}

/// What was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Last {
    /// An operand and its value: `res.body.status="packed"`.
    Value(String),
    /// An answer, in one line.
    Answer(Name),
    /// Trouble that meant "not yet".
    Trouble(String),
}

impl Last {
    /// The line.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Value(text) | Self::Trouble(text) => text,
            Self::Answer(text) => text,
        }
    }
}

impl Standing {
    /// Before its first state.
    pub(super) fn at_beginning(at: i64) -> Self {
        Self {
            state: None,
            visit: 0,
            since: at,
            phase: Phase::Thinking,
            attempt: 0,
            last: None,
            deadline: None,
        }
    }

    /// Takes in the next event of its frame.
    pub(super) fn apply(&mut self, event: &Event) {
        match &event.fact {
            Fact::StateEntered { state, visit } => {
                *self = Self {
                    state: Some(Name::clone(state)),
                    visit: *visit,
                    ..Self::at_beginning(event.at)
                };
            }
            Fact::InstructionStarted { what, attempt, .. } => {
                if self.phase != Phase::Cleanup {
                    self.phase = Phase::Instruction(Name::clone(what));
                }
                self.attempt = *attempt;
            }
            Fact::InstructionFinished { result, .. } => {
                if self.phase != Phase::Cleanup {
                    self.phase = Phase::Thinking;
                }
                self.saw(result);
            }
            Fact::WaitStarted { limit_micros } => {
                self.phase = Phase::Waiting;
                self.attempt = 0;
                self.last = None;
                self.deadline = limit_micros.map(|limit| event.at.saturating_add_unsigned(limit));
            }
            Fact::PollAnswered {
                attempt, result, ..
            } => {
                self.phase = Phase::Waiting;
                self.attempt = *attempt;
                self.saw(result);
            }
            Fact::MessageReceived { number, .. } => {
                self.attempt = u32::try_from(number.saturating_add(1)).unwrap_or(u32::MAX);
            }
            Fact::ConditionChecked { attempt, seen, .. } => {
                self.attempt = *attempt;
                if let Some((operand, value)) = seen.as_deref() {
                    let value = compact(value, VALUE_BYTES, "…");
                    self.last = Some(Last::Value(format!("{operand}={value}")));
                }
            }
            Fact::CleanupStarted { .. } => {
                self.phase = Phase::Cleanup;
                self.deadline = None;
            }
            Fact::RunStarted(_)
            | Fact::ExecutionStarted(_)
            | Fact::InstructionSkipped { .. }
            | Fact::ExpectationChecked { .. }
            | Fact::VariableSaved { .. }
            | Fact::SubscriptionOpened { .. }
            | Fact::SubscriptionChanged { .. }
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
            | Fact::RunSealed { .. } => {}
        }
    }

    fn saw(&mut self, result: &Attempted) {
        self.last = match result {
            Attempted::Reply(reply) if reply.summary.is_empty() => None,
            Attempted::Reply(reply) => Some(Last::Answer(Name::clone(&reply.summary))),
            Attempted::Failure(failure) => Some(Last::Trouble(failure.message.clone())),
        };
    }
}
