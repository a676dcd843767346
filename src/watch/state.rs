//! How a session stands: every task with its definition, its run and its last result; what is selected; what
//! waits. Pure: it is told what happened, and says what is to be done.

use super::catalog::{Applied, Findings, TaskFile};
use super::depends::Tie;
use super::progress::{KeptEvents, Progress};
use crate::engine::{Handle, Loaded, ServiceError};
use crate::event::{Name, Outcome, RunId};
use crate::report::Ended;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A change of a file right behind the end of a task that names it may be the task's own doing. In
/// microseconds.
const OWN_DOING: i64 = 150_000;

/// What happens to tasks that run when a change affects them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBusy {
    /// Those that are changed are cancelled, clean up, and begin anew; the others wait for their turn.
    #[default]
    Restart,
    /// What runs ends first.
    Queue,
}

/// Everything that a screen shows.
pub(super) struct SessionState {
    /// In the order of their files.
    pub(super) tasks: Vec<WatchedTask>,
    /// Why the last run began: `order.yaml changed → 2 of 14`.
    pub(super) why: String,
    pub(super) filters: Filters,
    /// Changes are noticed, but nothing is run.
    pub(super) paused: bool,
    /// The program ends as soon as nothing runs any more.
    pub(super) leaving: bool,
    pub(super) on_busy: OnBusy,
    /// How many tasks run at once.
    pub(super) jobs: usize,
    /// Since when something has been running, with the tasks that have ended since.
    pub(super) round: Option<Round>,
    /// Microseconds since the Unix epoch.
    pub(super) now: i64,
}

/// From the first start after a silence to the last end.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) began: i64,
    pub(super) ended: BTreeMap<Name, Outcome>,
}

/// Which tasks are shown and run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filters {
    /// A part of the file's path.
    pub(super) path: String,
    /// A part of the task's name.
    pub(super) name: String,
}

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
    /// A newer definition waits for its end: what it comes to is of no interest.
    pub(super) superseded: bool,
}

/// What a run came to.
pub(super) struct Settled {
    pub(super) run: RunId,
    pub(super) end: End,
    pub(super) kept: KeptEvents,
    /// The definition that it ran with.
    pub(super) definition: Loaded,
    pub(super) at: i64,
}

/// How a run ended.
pub(super) enum End {
    /// With a verdict.
    Ended(Box<Ended>),
    /// Before it began: a service did not get ready.
    NoService(Arc<ServiceError>),
}

/// What was asked of the session, in words for the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunTrigger {
    Start,
    All,
    Failed,
    Again,
    Resumed,
}

impl Settled {
    pub(super) fn outcome(&self) -> Outcome {
        match &self.end {
            End::Ended(ended) => ended.outcome,
            End::NoService(_) => Outcome::Error,
        }
    }
}

impl WatchedTask {
    fn new(entry: &TaskFile) -> Self {
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

    /// Whether it could run now.
    fn is_ready(&self) -> bool {
        self.definition.is_some() && self.broken.is_none()
    }
}

impl SessionState {
    pub(super) fn new(jobs: usize, on_busy: OnBusy) -> Self {
        Self {
            tasks: Vec::new(),
            why: String::new(),
            filters: Filters::default(),
            paused: false,
            leaving: false,
            on_busy,
            jobs: jobs.max(1),
            round: None,
            now: 0,
        }
    }

    /// Takes over what the files say now. A task whose file is gone goes when its run has ended.
    pub(super) fn sync(&mut self, entries: &[TaskFile]) {
        let mut known: HashMap<Name, WatchedTask> = std::mem::take(&mut self.tasks)
            .into_iter()
            .map(|task| (Name::clone(&task.file), task))
            .collect();
        for entry in entries {
            let mut task = known
                .remove(&entry.file)
                .unwrap_or_else(|| WatchedTask::new(entry));
            task.definition.clone_from(&entry.good);
            task.broken.clone_from(&entry.broken);
            self.tasks.push(task);
        }
        for mut task in known.into_values() {
            if let Some(active) = &mut task.active {
                active.handle.cancel("its file was removed");
                active.superseded = true;
                task.queued = false;
                task.definition = None;
                self.tasks.push(task);
            }
        }
    }

    /// Files have changed: says which tasks will run, in the header too.
    pub(super) fn changed(&mut self, applied: &Applied) -> Vec<Name> {
        let mut wanted = Vec::new();
        let mut broken = false;
        let (now, paused) = (self.now, self.paused);
        let filters = self.filters.clone();
        for task in &mut self.tasks {
            let Some(tie) = applied.affected.get(&task.file) else {
                continue;
            };
            let last = task.result.as_ref().map_or(0, |result| result.at);
            let busy = task.active.is_some() || now - last < OWN_DOING;
            let echoes = *tie == Tie::Data && busy;
            if echoes && task.echoes {
                continue;
            }
            task.echoes = echoes;
            broken |= task.broken.is_some();
            if task.broken.is_some() {
                // Nothing of it runs, not even what waited for its turn.
                task.queued = false;
            } else if task.is_ready() && filters.want(task) {
                if paused {
                    task.held = true;
                } else {
                    wanted.push(Name::clone(&task.file));
                }
            }
        }
        if applied.affected.is_empty() && !applied.listed {
            return wanted;
        }
        let what = what_changed(applied);
        let verb = if broken { "is broken" } else { "changed" };
        let what = if what.contains("files") && broken {
            format!("{what} changed, one is broken")
        } else if applied.listed && applied.changed.len() == 1 {
            let gone = applied.affected.is_empty();
            format!("{what} {}", if gone { "is gone" } else { "is new" })
        } else {
            format!("{what} {verb}")
        };
        self.enqueue(&wanted);
        self.explain(&what, wanted.len());
        if self.paused {
            self.why.push_str(" (paused)");
        }
        wanted
    }

    fn explain(&mut self, what: &str, count: usize) {
        self.why = format!("{what} → {count} of {}", self.tasks.len());
    }

    /// Somebody asked for runs.
    pub(super) fn ask(&mut self, ask: RunTrigger, selected: Option<&str>) -> Vec<Name> {
        let wanted: Vec<Name> = (self.tasks.iter())
            .filter(|task| task.is_ready())
            .filter(|task| match ask {
                RunTrigger::Start | RunTrigger::All => self.filters.want(task),
                RunTrigger::Failed => self.filters.want(task) && task.is_bad(),
                RunTrigger::Again => selected == Some(&*task.file),
                RunTrigger::Resumed => task.held,
            })
            .map(|task| Name::clone(&task.file))
            .collect();
        let what = match ask {
            RunTrigger::Start => "start",
            RunTrigger::All => "all",
            RunTrigger::Failed => "failed",
            RunTrigger::Again => "again",
            RunTrigger::Resumed => "resumed",
        };
        self.enqueue(&wanted);
        self.explain(what, wanted.len());
        wanted
    }

    fn enqueue(&mut self, wanted: &[Name]) {
        if self.leaving {
            return;
        }
        let wanted: BTreeSet<&Name> = wanted.iter().collect();
        for task in &mut self.tasks {
            if !wanted.contains(&task.file) {
                continue;
            }
            task.queued = true;
            task.held = false;
            if let Some(active) = &mut task.active
                && self.on_busy == OnBusy::Restart
            {
                active.handle.cancel("it is started again");
                active.superseded = true;
            }
        }
    }

    /// The tasks whose turn has come: never more at once than allowed, and never one twice.
    pub(super) fn due(&mut self) -> Vec<(Name, Loaded)> {
        let running = self.running();
        let mut room = self.jobs.saturating_sub(running);
        let mut due = Vec::new();
        for task in &mut self.tasks {
            if room == 0 || self.leaving {
                break;
            }
            let waits = task.queued && task.active.is_none();
            if let Some(definition) = task.definition.as_ref().filter(|_| waits) {
                due.push((Name::clone(&task.file), definition.clone()));
                task.queued = false;
                room -= 1;
            }
        }
        if !due.is_empty() && self.round.is_none() {
            self.round = Some(Round {
                began: self.now,
                ended: BTreeMap::new(),
            });
        }
        due
    }

    pub(super) fn started(&mut self, file: &str, active: ActiveRun) {
        if let Some(task) = self.task_mut(file) {
            task.active = Some(active);
        }
    }

    /// Reads the boards: which tasks have come to a result. One that was superseded comes to none.
    pub(super) fn collect(&mut self) -> Vec<Name> {
        let mut settled = Vec::new();
        let now = self.now;
        for task in &mut self.tasks {
            let Some(active) = &task.active else {
                continue;
            };
            let mut written = active.progress.read();
            let Some(over) = written.over.take() else {
                continue;
            };
            let ended = written.ended.take();
            let kept = std::mem::take(&mut written.kept);
            drop(written);
            let Some(active) = task.active.take() else {
                continue;
            };
            let end = match (over, ended) {
                (Err(error), _) => End::NoService(error),
                (Ok(()), Some(ended)) => End::Ended(ended),
                // Cancelled before it began.
                (Ok(()), None) => continue,
            };
            let result = Settled {
                run: active.run,
                end,
                kept,
                definition: active.definition,
                at: now,
            };
            // A failure is not hidden by a run that was cancelled before it could tell more.
            let tells_nothing = result.outcome() == Outcome::Cancelled
                && task
                    .result
                    .as_ref()
                    .is_some_and(|known| known.outcome() != Outcome::Cancelled);
            if active.superseded || tells_nothing {
                continue;
            }
            if let Some(round) = &mut self.round {
                round
                    .ended
                    .insert(Name::clone(&task.file), result.outcome());
            }
            task.result = Some(result);
            task.replayed = None;
            settled.push(Name::clone(&task.file));
        }
        self.tasks.retain(|task| {
            task.definition.is_some() || task.broken.is_some() || task.active.is_some()
        });
        settled
    }

    /// The round that has ended, if nothing runs and nothing waits any more.
    pub(super) fn round_over(&mut self) -> Option<Round> {
        let waits = self.tasks.iter().any(|task| task.queued && !self.leaving);
        if waits || self.running() > 0 {
            return None;
        }
        self.round.take()
    }

    /// Cancels everything that runs, and forgets what waits. Says how many were cancelled.
    pub(super) fn cancel(&mut self, reason: &str) -> usize {
        let mut count = 0;
        for task in &mut self.tasks {
            task.queued = false;
            if let Some(active) = &task.active {
                active.handle.cancel(reason);
                count += 1;
            }
        }
        count
    }

    /// How many tasks run.
    pub(super) fn running(&self) -> usize {
        self.tasks
            .iter()
            .filter(|task| task.active.is_some())
            .count()
    }

    /// The tasks that are shown.
    pub(super) fn visible(&self) -> impl DoubleEndedIterator<Item = &WatchedTask> {
        self.tasks.iter().filter(|task| self.filters.want(task))
    }

    pub(super) fn task(&self, file: &str) -> Option<&WatchedTask> {
        self.tasks.iter().find(|task| &*task.file == file)
    }

    pub(super) fn task_mut(&mut self, file: &str) -> Option<&mut WatchedTask> {
        self.tasks.iter_mut().find(|task| &*task.file == file)
    }
}

impl Filters {
    pub(super) fn want(&self, task: &WatchedTask) -> bool {
        task.file.contains(&self.path) && task.name().contains(&self.name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.path.is_empty() && self.name.is_empty()
    }
}

/// The one path that has changed, or how many.
fn what_changed(applied: &Applied) -> String {
    match applied.changed.len() {
        1 => {
            let path = applied.changed.first();
            let name = path.and_then(|path| path.file_name());
            name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
        }
        count => format!("{count} files"),
    }
}
