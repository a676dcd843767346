use crate::event::{ErrorKind, Failure};
use std::fmt;
use std::ops::Range;

/// Whether an evaluation went wrong or went too far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvalKind {
    /// The expression itself failed.
    Script,
    /// A bound was exceeded: operations, sizes, depth, memory.
    Limit,
}

/// An evaluation that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalError {
    /// Where, in bytes of the source of the expression or template.
    pub at: Range<usize>,
    /// What went wrong, one sentence without a full stop.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
    /// Whether it failed or exceeded a bound.
    pub kind: EvalKind,
}

impl EvalError {
    pub(super) fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            hint: None,
            kind: EvalKind::Script,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(super) fn shifted(mut self, by: usize) -> Self {
        self.at = self.at.start + by..self.at.end + by;
        self
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EvalError {}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Self {
        let kind = match error.kind {
            EvalKind::Script => ErrorKind::Script,
            EvalKind::Limit => ErrorKind::Resource,
        };
        let failure = Self::new(kind, error.message);
        match error.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
