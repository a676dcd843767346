//! What happened, and what the world answers: the words that every other floor shares.
//!
//! - [`Fact`] is one thing that happened in a run; an [`Event`] is a fact with its place in the run's
//!   one sequence. Reports, pages and replays are folds over events and read nothing else.
//! - [`Reply`], [`Message`] and [`Failure`] are what a client answers; an [`Inbox`] holds messages
//!   until a condition takes them.
//! - [`number`] compares numbers by their exact value, and whole values with them.
//! - [`Span`] and [`Location`] say where in a file something was written.
//!
//! This is the ground floor: it imports no other folder, and no clock, runtime or IO.

mod busy;
mod difference;
mod duration;
mod execution_started;
mod explanation;
mod fact;
mod failure;
mod frame;
mod headline;
mod inbox;
mod length;
mod location;
mod mask;
mod metrics;
mod nearest;
pub mod number;
mod outcome;
mod permission;
mod sink;
mod size;
mod trace;
pub(crate) mod url_encoding;
mod value_type;

pub use busy::BusyCause;
pub use difference::{Change, DiffLine, Difference, Parts};
pub use duration::{
    MAX_DURATION, duration_pattern, duration_text, parse_duration, parse_signed_duration,
};
pub use execution_started::{ExecutionStarted, named};
pub use explanation::{Explanation, Missing, Operand, OperandKind};
pub use fact::{
    Attempted, ConditionStrategy, ConditionVerdict, Event, ExecutionId, Fact, NeverKnown, RunId,
    RunStarted, TimeoutScope,
};
pub use failure::{ErrorKind, Failure, Message, Reply};
pub use frame::{FrameEnd, FrameId, FrameKind, FrameOpened, ROOT};
pub use headline::{ConditionState, Headline};
pub use inbox::{
    Feed, Inbox, MAX_BYTES, MAX_CHANGES, MAX_MESSAGES, Next, Over, Standing, SubscriptionChange,
};
pub use length::length_text;
pub use location::{Location, Pos, Span};
pub(crate) use mask::ANYWHERE;
pub use mask::{MIN_SECRET, Mask};
pub use metrics::{Metrics, StateMetrics};
pub use nearest::nearest;
pub use outcome::{Outcome, Tally};
pub use permission::{Grant, Permissions, Refusal};
pub use sink::Sink;
pub use size::{parse_size, size_pattern, size_text};
pub use trace::Trace;
pub use value_type::{ValueType, ValueTypes};

/// Plain data, as JSON has it.
pub use serde_json::Value as Json;

/// A short text that many facts share.
pub type Name = std::sync::Arc<str>;
