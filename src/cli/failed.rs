//! `funcy run --failed`: what did not pass the last time.

use super::exit::Exit;
use super::journal::{self, Keep};
use super::output;
use crate::engine::Loaded;
use crate::event::Name;
use crate::journal::{ExecutionRow, History, JournalError, Query, RunRow, RunStatus};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The tasks that did not pass in the last run.
pub(super) struct Failed {
    /// In the order of the run.
    tasks: Vec<FailedTask>,
}

/// A task, or one of its cases.
#[derive(PartialEq)]
struct FailedTask {
    file: Name,
    name: Name,
    case: Option<Name>,
}

impl Failed {
    /// Those of the last run that has ended; what an interruption has ended did not pass.
    pub(super) fn in_last_run(keep: &Keep) -> Result<Self, Exit> {
        let history = match keep.history() {
            Some(Ok(history)) => history,
            Some(Err(JournalError::Absent { .. })) => return Err(none("nothing has run yet")),
            Some(Err(error)) => return Err(journal::failed(&error)),
            None => {
                let hint = "leave `--journal none` out: what has failed stands there";
                output::error("`--failed` needs a journal", Some(hint));
                return Err(Exit::Usage);
            }
        };
        let found = last(&history).and_then(|row| {
            let Some(row) = row else { return Ok(None) };
            let tasks = failed(&history, &row)?;
            Ok(Some((row, tasks)))
        });
        match found {
            Err(error) => Err(journal::failed(&error)),
            Ok(None) => Err(none("nothing has run yet")),
            Ok(Some((row, tasks))) if tasks.is_empty() => Err(none(&format!(
                "every task of the last run, {}, passed",
                row.id
            ))),
            Ok(Some((_, tasks))) => Ok(Self { tasks }),
        }
    }

    /// Their files, as far as they are still there.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = Vec::new();
        for FailedTask { file, .. } in &self.tasks {
            let path = PathBuf::from(&**file);
            if files.contains(&path) {
                continue;
            }
            if path.exists() {
                files.push(path);
            } else {
                output::note(&format!("{file} has failed, and is no longer there"));
            }
        }
        files
    }

    /// Only them, of a task with cases those that did not pass.
    pub(super) fn select(&self, tasks: Vec<Loaded>) -> Vec<Loaded> {
        let has_failed = |task: &Loaded| {
            let machine = &task.machine;
            let case = task.case.as_ref().map(|case| &case.name);
            self.tasks.iter().any(|failed| {
                failed.name == machine.name
                    && failed.case.as_ref() == case
                    && same(&failed.file, &machine.file.name)
            })
        };
        let units = tasks.into_iter().flat_map(Loaded::units);
        units.filter(has_failed).collect()
    }
}

fn none(why: &str) -> Exit {
    output::error(why, Some("`funcy run` without `--failed` runs all tasks"));
    Exit::Nothing
}

/// `./tasks/a.yaml` is `tasks/a.yaml`.
fn same(one: &str, other: &str) -> bool {
    let plain = |path: &str| -> PathBuf {
        let parts = Path::new(path).components();
        parts
            .filter(|part| !matches!(part, std::path::Component::CurDir))
            .collect()
    };
    plain(one) == plain(other)
}

/// The last run that is not under way.
fn last(history: &History) -> Result<Option<RunRow>, JournalError> {
    let mut before = None;
    loop {
        let page = history.runs(&Query::all(), before.as_ref(), 20)?;
        let Some(oldest) = page.last() else {
            return Ok(None);
        };
        before = Some(oldest.id.clone());
        let mut page = page.into_iter();
        // What cleans up has no results of its own.
        let has_ended =
            |row: &RunRow| row.cleans_up.is_none() && history.status(row) != RunStatus::Running;
        if let Some(row) = page.find(has_ended) {
            return Ok(Some(row));
        }
    }
}

fn failed(history: &History, row: &RunRow) -> Result<Vec<FailedTask>, JournalError> {
    let status = history.status(row);
    // Of a task that was tried again the last attempt counts.
    let mut tasks: BTreeMap<u32, ExecutionRow> = BTreeMap::new();
    for execution in history.executions(&row.id)? {
        tasks.insert(execution.index, execution);
    }
    let mut failed = Vec::new();
    for execution in tasks.into_values() {
        let passed =
            matches!(status.of(&execution), RunStatus::Ended(outcome) if outcome.is_good());
        let task = FailedTask {
            file: execution.file,
            name: execution.task,
            case: execution.case,
        };
        if !passed && !failed.contains(&task) {
            failed.push(task);
        }
    }
    Ok(failed)
}
