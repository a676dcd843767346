//! How an execution begins, and what it is called.

use super::Name;
use serde::{Deserialize, Serialize};

/// How an execution began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExecutionStarted {
    /// The task.
    pub task: Name,
    /// Its file.
    pub file: Name,
    /// Which of its `cases` this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<Name>,
    /// Its number in the run's list of tasks, from 0, the same for each of its attempts.
    pub index: u32,
    /// Its attempt, from 1: a whole-task retry is the next one.
    pub attempt: u32,
    /// How many attempts it has.
    pub attempts: u32,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Name>,
    /// What it shows to be fulfilled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<Name>,
    /// BLAKE3 of its definition, in hex.
    pub hash: Name,
    /// The definition as it was read, so that a report can show its lines. Left out on a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Name>,
    /// The other files that it calls, each with its name as places give it and its text. Left out on
    /// a retry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<(Name, Name)>,
    /// Why it is skipped, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<String>,
    /// Why it is known to fail, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xfail: Option<Name>,
    /// The names of its states, in the order of the file.
    pub states: Vec<Name>,
}

impl ExecutionStarted {
    /// The name of its task, with that of its case.
    #[must_use]
    pub fn name(&self) -> String {
        named(&self.task, self.case.as_deref())
    }
}

/// The name of a task with that of its case, as `--filter` takes it: `order[eu]`.
#[must_use]
pub fn named(task: &str, case: Option<&str>) -> String {
    match case {
        Some(case) => format!("{task}[{case}]"),
        None => task.to_owned(),
    }
}
