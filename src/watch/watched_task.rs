//! One task file of a session: its definition, what runs of it, and what its last run came to.

use super::catalog::{Findings, TaskFile};
use super::progress::{KeptEvents, Progress};
use crate::engine::{Handle, Loaded, ServiceError};
use crate::event::{ErrorKind, Name, Outcome, RunId};
use crate::report::{self, Ended};
use std::sync::Arc;

/// One task file.
pub(super) struct WatchedTask {
    /// The file, as people see it.
    pub(super) file: Name,
    /// The last good definition.
    pub(super) definition: Option<Loaded>,
    /// What is wrong with the file now.
    pub(super) broken: Option<Arc<Findings>>,
    /// The last result, kept until there is a newer one.
    pub(super) result: Option<Settled>,
    /// The judgement of the newest definition on the results of the last run.
    pub(super) replayed: Option<Replay>,
    /// What runs now.
    pub(super) active: Option<ActiveRun>,
    /// It will run when its turn comes.
    pub(super) queued: bool,
    /// It was queued by a change that may have been its own doing: a second one in a row is passed over, or
    /// it would run for ever.
    pub(super) echoes: bool,
    /// It has changed while the session was paused.
    pub(super) held: bool,
    /// Somebody cancelled a run of it that came to no result of its own.
    pub(super) missed: Option<Missed>,
}

/// A run that the result of a task knows nothing of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missed {
    /// It was cancelled, and the failure before it stays.
    Cancelled,
    /// It was cancelled while it waited for its turn.
    NotRun,
}

/// What a replay came to.
#[derive(Debug)]
pub(super) enum Replay {
    /// A verdict.
    Judged(Box<Ended>),
    /// There is none, and why: where the edited path leaves the recording.
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

/// A run of a task.
pub(super) struct ActiveRun {
    pub(super) run: RunId,
    pub(super) progress: Progress,
    pub(super) handle: Handle,
    /// The definition that it started with, and keeps.
    pub(super) definition: Loaded,
    /// How many executions of it run at once, at most.
    pub(super) jobs: usize,
    /// A newer definition waits for its end: what it comes to is of no interest.
    pub(super) superseded: bool,
    /// Somebody cancelled it; it cleans up.
    pub(super) cancelled: bool,
}

/// What a run came to.
pub(super) struct Settled {
    pub(super) run: RunId,
    pub(super) end: End,
    pub(super) kept: KeptEvents,
    /// The definition that it ran with.
    pub(super) definition: Loaded,
    pub(super) at: i64,
    /// What makes it one with the failures of other tasks; `None` after a good end.
    pub(super) cause: Option<Name>,
}

/// How a run ended.
pub(super) enum End {
    /// With a verdict.
    Ended(Box<Ended>),
    /// Before it began: a service did not get ready.
    NoService(Arc<ServiceError>),
    /// Before it began: it was cancelled.
    NeverBegan,
}

impl End {
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Ended(ended) => ended.outcome,
            Self::NoService(_) => Outcome::Error,
            Self::NeverBegan => Outcome::Cancelled,
        }
    }

    /// Why, in a line; the word of the outcome where there is no more to say.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Ended(ended) => ended.reason(),
            Self::NoService(error) => error.to_string(),
            Self::NeverBegan => "cancelled before it began".to_owned(),
        }
    }

    /// Equal for ends that have the same cause; `None` for a good one.
    pub(super) fn cause(&self) -> Option<Name> {
        let (kind, text) = match self {
            Self::Ended(ended) if ended.outcome.is_good() => return None,
            Self::Ended(ended) => report::cause(ended),
            Self::NoService(_) | Self::NeverBegan => (None, self.reason()),
        };
        let kind = kind.map_or("", ErrorKind::word);
        Some(format!("{} {kind} {text}", self.outcome().word()).into())
    }
}

impl Settled {
    pub(super) fn outcome(&self) -> Outcome {
        self.end.outcome()
    }
}

impl WatchedTask {
    pub(super) fn new(entry: &TaskFile) -> Self {
        Self {
            file: Name::clone(&entry.file),
            definition: entry.good.clone(),
            broken: entry.broken.clone(),
            result: None,
            replayed: None,
            active: None,
            queued: false,
            echoes: false,
            held: false,
            missed: None,
        }
    }

    /// The task's name, or its file where no definition says it.
    pub(super) fn name(&self) -> &str {
        match &self.definition {
            Some(definition) => &definition.machine.name,
            None => &self.file,
        }
    }

    /// Whether the last result belongs to another definition than the file holds now.
    pub(super) fn is_stale(&self) -> bool {
        let Some(result) = &self.result else {
            return false;
        };
        let newest = self.definition.as_ref();
        self.broken.is_some()
            || newest.is_some_and(|newest| newest.machine.hash != result.definition.machine.hash)
    }

    /// Whether it is to be looked at: it is broken, or its last result is bad.
    pub(super) fn is_bad(&self) -> bool {
        self.broken.is_some()
            || (self.result.as_ref()).is_some_and(|result| !result.outcome().is_good())
    }

    /// Equal for tasks that are bad for the same reason. `None` also for one about which there is more to say than
    /// that: it runs, or was judged anew.
    pub(super) fn cause(&self) -> Option<Name> {
        if self.active.is_some() || self.replayed.is_some() {
            return None;
        }
        let Some(findings) = &self.broken else {
            return self.result.as_ref()?.cause.clone();
        };
        // What is wrong with a file of its own is one thing a file.
        let first = findings.diagnostics.iter().find(|one| one.is_error())?;
        let at = first.span.start;
        Some(format!("{}:{}:{} {}", first.file, at.line, at.column, first.message).into())
    }

    /// Why it is bad, in a line.
    pub(super) fn reason(&self) -> String {
        let first = self.broken.as_ref().map(|findings| {
            let mut errors = findings.diagnostics.iter().filter(|one| one.is_error());
            errors.next().map_or_else(
                || "its suite is broken".to_owned(),
                |first| format!("{}: {}", first.file, first.message),
            )
        });
        let ended = || self.result.as_ref().map(|result| result.end.reason());
        first.or_else(ended).unwrap_or_default()
    }

    /// How it stands: broken is an error, whatever its last run came to.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        if self.broken.is_some() {
            return Some(Outcome::Error);
        }
        self.result.as_ref().map(Settled::outcome)
    }

    /// Whether it could run now.
    pub(super) fn is_ready(&self) -> bool {
        self.definition.is_some() && self.broken.is_none()
    }
}
