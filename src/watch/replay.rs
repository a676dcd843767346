//! The judgement of a new definition on the results of the last run, without touching the system under test.

use crate::event::Outcome;
use crate::report::Ended;

/// What a replay came to.
#[derive(Debug)]
pub(super) enum Replay {
    /// A verdict.
    Judged(Box<Ended>),
    /// The edited path asks for something that was not recorded: where it would leave the recording.
    Left(String),
}

impl Replay {
    pub(super) fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Judged(ended) => Some(ended.outcome),
            Self::Left(_) => None,
        }
    }
}
