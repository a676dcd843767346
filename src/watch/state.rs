//! How a session stands: every task with its definition, its run and its last result; what is selected; what
//! waits. Pure: it is told what happened, and says what is to be done.

use super::catalog::{Applied, TaskFile};
use super::depends::Tie;
use super::watched_task::{ActiveRun, End, Missed, Settled, WatchedTask};
use crate::engine::{Loaded, Locks};
use crate::event::{Name, Outcome};
use std::collections::{BTreeMap, BTreeSet, HashMap};

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

/// What was asked of the session, in words for the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunTrigger {
    Start,
    All,
    Failed,
    Again,
    Resumed,
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

    /// Somebody asked for runs. `selected`: the files of [`RunTrigger::Again`].
    pub(super) fn ask(&mut self, ask: RunTrigger, selected: &[Name]) -> Vec<Name> {
        let wanted: Vec<Name> = (self.tasks.iter())
            .filter(|task| task.is_ready())
            .filter(|task| match ask {
                RunTrigger::Start | RunTrigger::All => self.filters.want(task),
                RunTrigger::Failed => self.filters.want(task) && task.is_bad(),
                RunTrigger::Again => selected.contains(&task.file),
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
        let active = self.tasks.iter().filter_map(|task| task.active.as_ref());
        let mut room = self
            .jobs
            .saturating_sub(active.map(|active| active.jobs).sum());
        let mut due = Vec::new();
        let mut locks = self.held_locks();
        for task in &mut self.tasks {
            if room == 0 || self.leaving {
                break;
            }
            let waits = task.queued && task.active.is_none();
            if let Some(definition) = task.definition.as_ref().filter(|_| waits) {
                if locks.take(&definition.machine.locks).is_err() {
                    continue;
                }
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

    /// The locks of the tasks that run.
    fn held_locks(&self) -> Locks {
        let mut locks = Locks::default();
        for active in self.tasks.iter().filter_map(|task| task.active.as_ref()) {
            // None of them would have started while another held one.
            let _ = locks.take(&active.definition.machine.locks);
        }
        locks
    }

    /// How many cases at once each of so many tasks with cases may run that are due together.
    pub(super) fn jobs_for_cases(&self, due: usize) -> usize {
        let active = self.tasks.iter().filter_map(|task| task.active.as_ref());
        let taken: usize = active.map(|active| active.jobs).sum();
        (self.jobs.saturating_sub(taken) / due.max(1)).max(1)
    }

    pub(super) fn started(&mut self, file: &str, active: ActiveRun) {
        if let Some(task) = self.task_mut(file) {
            task.active = Some(active);
            task.missed = None;
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
            let ended = written.take_ended();
            let kept = std::mem::take(&mut written.kept);
            drop(written);
            let Some(active) = task.active.take() else {
                continue;
            };
            let end = match (over, ended) {
                (Err(error), _) => End::NoService(error),
                (Ok(()), Some(ended)) => End::Ended(ended),
                (Ok(()), None) => End::NeverBegan,
            };
            if active.superseded {
                continue;
            }
            let outcome = end.outcome();
            if let Some(round) = &mut self.round {
                round.ended.insert(Name::clone(&task.file), outcome);
            }
            task.replayed = None;
            // A failure is not hidden by a run that was cancelled before it could tell more; that it passed once is.
            let known = task.result.as_ref().map(Settled::outcome);
            let has_failed = known.is_some_and(|known| !known.is_good() && known != outcome);
            if outcome == Outcome::Cancelled && has_failed {
                task.missed = Some(Missed::Cancelled);
                continue;
            }
            task.missed = None;
            task.result = Some(Settled {
                run: active.run,
                cause: end.cause(),
                end,
                kept,
                definition: active.definition,
                at: now,
            });
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
            let waited = std::mem::take(&mut task.queued);
            if let Some(active) = &mut task.active {
                active.handle.cancel(reason);
                active.cancelled = true;
                count += 1;
            } else if waited {
                task.missed = Some(Missed::NotRun);
            }
        }
        count
    }

    /// How many tasks were cancelled, and clean up.
    pub(super) fn cleaning_up(&self) -> usize {
        let active = self.tasks.iter().filter_map(|task| task.active.as_ref());
        active.filter(|active| active.cancelled).count()
    }

    /// How far what was started together has come: tasks that have ended, of how many.
    pub(super) fn progress(&self) -> (u32, u32) {
        let pending: BTreeSet<&Name> = (self.tasks.iter())
            .filter(|task| task.active.is_some() || task.queued)
            .map(|task| &task.file)
            .collect();
        let ended = self.round.iter().flat_map(|round| round.ended.keys());
        let ended = ended.filter(|file| !pending.contains(file)).count();
        let count = |many: usize| u32::try_from(many).unwrap_or(u32::MAX);
        (count(ended), count(ended + pending.len()))
    }

    /// The same for each of the last few that have ended, the first of them first.
    pub(super) fn counts(&self, last: usize) -> impl Iterator<Item = (u32, u32)> {
        let (ended, tasks) = self.progress();
        let left = (0..u32::try_from(last).unwrap_or(u32::MAX)).rev();
        left.map(move |left| (ended.saturating_sub(left), tasks))
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
