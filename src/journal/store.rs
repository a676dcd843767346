use super::{Attachment, Hash, JournalError, Query, Sealed};
use crate::event::{ErrorKind, Event, Json, Name, Outcome, RunId, Tally, named};
use std::ops::ControlFlow;

/// One commit: sealed events with the bodies that stand beside them, and the events themselves, so that the
/// store can keep what it is asked for later.
#[derive(Clone, Copy, Debug)]
pub struct Commit<'c> {
    /// The events as they are stored.
    pub sealed: &'c Sealed,
    /// The bodies that they name.
    pub attachments: &'c [Attachment],
    /// The events.
    pub events: &'c [Event],
}

/// Where runs are kept. A database that several processes share: each appends its own runs, all read all.
///
/// `src/journal/suite.rs` holds every store to the same promises.
pub trait Store: Send {
    /// Writes commits, all or none. When this returns they survive the end of the process, and with full
    /// durability the end of the machine.
    ///
    /// # Errors
    /// When they cannot be written; none of them is there then.
    fn append(&mut self, commits: &[Commit<'_>]) -> Result<(), JournalError>;

    /// The runs that a query asks for, the latest first, at most `limit`, those before `before`.
    ///
    /// # Errors
    /// When they cannot be read.
    fn runs(
        &self,
        query: &Query,
        before: Option<&RunId>,
        limit: usize,
    ) -> Result<Vec<RunRow>, JournalError>;

    /// One run by its whole name.
    ///
    /// # Errors
    /// When it cannot be read.
    fn run(&self, id: &str) -> Result<Option<RunRow>, JournalError>;

    /// Runs whose names begin or end so, the latest first, at most `limit`. Names that were given close
    /// together begin alike, so that their ends are easier to type.
    ///
    /// # Errors
    /// When they cannot be read.
    fn named_like(&self, part: &str, limit: usize) -> Result<Vec<RunId>, JournalError>;

    /// Runs that have no end: they are under way, or were interrupted.
    ///
    /// # Errors
    /// When they cannot be read.
    fn unended(&self) -> Result<Vec<RunRow>, JournalError>;

    /// The executions of a run, in the order of their numbers.
    ///
    /// # Errors
    /// When they cannot be read.
    fn executions(&self, run: &str) -> Result<Vec<ExecutionRow>, JournalError>;

    /// The executions of a run whose results count, those that did not pass first, at most `limit`. The
    /// attempts before a task's last do not count.
    ///
    /// # Errors
    /// When they cannot be read.
    fn notable(&self, run: &str, limit: usize) -> Result<Vec<ExecutionRow>, JournalError>;

    /// The last executions of a task, or of one of its cases, the latest first, at most `limit`, those of runs before
    /// `before`.
    ///
    /// # Errors
    /// When they cannot be read.
    fn history(
        &self,
        task: &str,
        case: Option<&str>,
        before: Option<&RunId>,
        limit: usize,
    ) -> Result<Vec<ExecutionRow>, JournalError>;

    /// A run's commits in order, from the one that holds the event `from` on.
    ///
    /// # Errors
    /// When they cannot be read.
    fn commits(
        &self,
        run: &str,
        from: u64,
        each: &mut dyn FnMut(Sealed) -> ControlFlow<()>,
    ) -> Result<(), JournalError>;

    /// A body that stands beside an event.
    ///
    /// # Errors
    /// When it cannot be read.
    fn attachment(&self, hash: &Hash) -> Result<Option<Vec<u8>>, JournalError>;

    /// Runs that no other run names in its `after`, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// When they cannot be read.
    fn unnamed(&self, limit: usize) -> Result<Vec<RunRow>, JournalError>;

    /// From now on it is read as it is now, whatever other processes write; `false`: no longer.
    ///
    /// # Errors
    /// When it cannot be read.
    fn hold(&self, on: bool) -> Result<(), JournalError>;

    /// Whether what it keeps beside the events is whole, and which runs are gone.
    ///
    /// # Errors
    /// When it is damaged, or cannot be read.
    fn census(&self) -> Result<Census, JournalError>;

    /// The runs in the order in which they were stored, the oldest first, at most `limit`, those after `after`: also where
    /// that is gone.
    ///
    /// # Errors
    /// When they cannot be read.
    fn oldest(&self, after: Option<&RunId>, limit: usize) -> Result<Vec<RunRow>, JournalError>;

    /// The run that cleaned up after this one, the last if there are several.
    ///
    /// # Errors
    /// When it cannot be read.
    fn cleaned_up_by(&self, run: &str) -> Result<Option<RunId>, JournalError>;

    /// Removes runs, and the bodies that no other run names. What is left is not touched; that they were removed, by
    /// what, and their heads, stay known.
    ///
    /// # Errors
    /// When they cannot be removed; all are there then.
    fn remove(&mut self, runs: &[RunId], by: Removal) -> Result<(), JournalError>;

    /// The bytes that the store takes, and those of them that removed runs have left free.
    ///
    /// # Errors
    /// When it cannot be asked.
    fn size(&self) -> Result<Size, JournalError>;

    /// Gives free bytes back to the disk.
    ///
    /// # Errors
    /// When that cannot be done.
    fn compact(&mut self) -> Result<(), JournalError>;
}

/// Who removes a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Somebody, by `funcy runs prune`.
    Prune,
    /// The rule of a suite, `journal: {keep, max}`.
    Retention,
}

/// Which runs are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Those that were removed, each with the head that it had.
    pub removed: Vec<(RunId, String)>,
    /// How many of them by the rule of a suite.
    pub retired: usize,
    /// How many are gone otherwise, by their numbers.
    pub lost: u64,
    /// How many are marked as named by another, or as not, and that is wrong.
    pub mismarked: u64,
}

/// How large a store is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// All that it takes.
    pub total: u64,
    /// What of it holds nothing.
    pub free: u64,
}

/// A run, as a list shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunRow {
    /// Its name.
    pub id: RunId,
    /// When it began, microseconds since the Unix epoch.
    pub started: i64,
    /// How it ended. `None`: it has not, or nobody could write it down.
    pub outcome: Option<Outcome>,
    /// Microseconds from start to end.
    pub micros: u64,
    /// How many tasks were selected.
    pub tasks: u32,
    /// How many tasks ended how, so far.
    pub tally: Tally,
    /// The command line, or the request.
    pub command: Vec<String>,
    /// The environment that it ran against.
    pub env: Option<Name>,
    /// What it was labelled with.
    pub labels: Vec<(Name, Name)>,
    /// The run that it cleaned up after.
    pub cleans_up: Option<RunId>,
    /// The number of its last event.
    pub events: u64,
    /// The bytes of its events.
    pub bytes: u64,
    /// The head of its chain, in hex.
    pub head: String,
}

/// One task's machine in a run, as a list shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecutionRow {
    /// The run.
    pub run: RunId,
    /// Its number in the run, from 1.
    pub number: u32,
    /// The number of its task in the run, from 0.
    pub index: u32,
    /// Its attempt, from 1.
    pub attempt: u32,
    /// How many attempts it has.
    pub attempts: u32,
    /// The task.
    pub task: Name,
    /// Its file.
    pub file: Name,
    /// Which of its cases it is.
    pub case: Option<Name>,
    /// BLAKE3 of its definition.
    pub hash: Name,
    /// When it began, microseconds since the Unix epoch.
    pub started: i64,
    /// How it ended. `None`: it has not, or nobody could write it down.
    pub outcome: Option<Outcome>,
    /// Microseconds from start to end.
    pub micros: u64,
    /// The state it ended in.
    pub state: Option<Name>,
    /// What decided, if it did not pass: the kind, the message and the path in the file.
    pub cause: Option<FailureCause>,
}

impl ExecutionRow {
    /// The name of its task, with that of its case.
    #[must_use]
    pub fn name(&self) -> String {
        named(&self.task, self.case.as_deref())
    }
}

/// What decided a bad end, in short.
#[derive(Clone, Debug, PartialEq)]
pub struct FailureCause {
    /// Its kind.
    pub kind: ErrorKind,
    /// What happened.
    pub message: Name,
    /// Where it is written (`states.placed.transitions[0]`).
    pub path: Option<Name>,
}

/// A list of names and values as JSON has it.
pub(crate) fn labels_json(labels: &[(Name, Name)]) -> Json {
    let members = labels.iter();
    Json::Object(
        members
            .map(|(name, value)| (name.to_string(), Json::from(&**value)))
            .collect(),
    )
}
