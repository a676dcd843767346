//! The rows of the list: one for each task, but for failures of one cause, of which many are one row until it is opened.

use super::state::SessionState;
use super::watched_task::WatchedTask;
use crate::event::Name;
use std::collections::{HashMap, HashSet};

/// So many tasks that failed for the same reason are one row.
const MANY: usize = 3;

/// One row, with the tasks that it stands for.
pub(super) struct Row<'s> {
    pub(super) kind: RowKind,
    /// At least one, in the order of the list.
    pub(super) tasks: Vec<&'s WatchedTask>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowKind {
    /// A task by itself.
    Task,
    /// The failures of one cause.
    Group,
    /// The heading of those of one cause that are listed below it. It cannot be selected.
    Heading,
    /// One of them.
    Member,
}

impl Row<'_> {
    /// Whether this is where the selection is, if it is at this file.
    pub(super) fn holds(&self, file: Option<&Name>) -> bool {
        self.is_selectable() && self.tasks.iter().any(|task| Some(&task.file) == file)
    }

    pub(super) fn is_selectable(&self) -> bool {
        self.kind != RowKind::Heading
    }
}

/// The rows of what is shown, in the order of the files; a group stands where its first task does. `opened`: the causes
/// whose tasks are listed one by one.
pub(super) fn rows<'s>(state: &'s SessionState, opened: &HashSet<Name>) -> Vec<Row<'s>> {
    let shown: Vec<(&WatchedTask, Option<Name>)> =
        (state.visible()).map(|task| (task, task.cause())).collect();
    let mut groups: HashMap<Name, Vec<&WatchedTask>> = HashMap::new();
    for (task, cause) in &shown {
        if let Some(cause) = cause {
            groups.entry(Name::clone(cause)).or_default().push(task);
        }
    }
    groups.retain(|_, tasks| tasks.len() >= MANY);
    let mut rows = Vec::new();
    for (task, cause) in shown {
        let row = |kind, tasks| Row { kind, tasks };
        let group = cause.and_then(|cause| {
            let tasks = groups.get_mut(&cause)?;
            Some((cause, std::mem::take(tasks)))
        });
        match group {
            None => rows.push(row(RowKind::Task, vec![task])),
            // It was listed with the first of its group.
            Some((_, tasks)) if tasks.is_empty() => {}
            Some((cause, tasks)) if opened.contains(&cause) => {
                rows.push(row(RowKind::Heading, tasks.clone()));
                rows.extend(
                    tasks
                        .into_iter()
                        .map(|task| row(RowKind::Member, vec![task])),
                );
            }
            Some((_, tasks)) => rows.push(row(RowKind::Group, tasks)),
        }
    }
    rows
}
