//! The machines of an execution: the task itself, its regions, the tasks that it calls.

use super::{Location, Name};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One machine of an execution, numbered from 1 in the order in which they were opened: a region, a called task.
/// [`ROOT`] is the task itself.
pub type FrameId = u32;

/// The frame of the task itself.
pub const ROOT: FrameId = 0;

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
pub(super) fn is_root(frame: &FrameId) -> bool {
    *frame == ROOT
}

/// How a machine inside of an execution began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrameOpened {
    /// The frame that it runs in.
    pub parent: FrameId,
    /// What it is.
    pub what: FrameKind,
    /// Its name.
    pub name: Name,
    /// Of a called task: its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Name>,
    /// Where it is written: the name of a region, the instruction that calls a task.
    pub place: Arc<Location>,
    /// The names of its states, in the order of the file.
    pub states: Vec<Name>,
}

/// What a machine inside of an execution is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameKind {
    /// A region of a state.
    Region,
    /// A task that an instruction has called.
    Task,
}

/// How a machine inside of an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameEnd {
    /// In a final state.
    Done,
    /// By a failure that fails the state around it.
    Failed,
    /// The state around it was left.
    Cancelled,
    /// A called task that was to be skipped.
    Skipped,
}

impl FrameEnd {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }
}
