//! A suite with what its tasks share, a task that belongs to one, and the reading of their files.

use crate::definition::{Diagnostic, Suite};
use crate::event::{Name, Permissions, Span, named};
use crate::machine::{Case, Machine};
use crate::script;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One task, ready to run, with what belongs to it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The task.
    pub machine: Arc<Machine>,
    /// Its suite.
    pub project: Arc<Project>,
    /// Which of its cases it is. `None` where it has some: all of them.
    pub case: Option<Arc<Case>>,
}

impl Loaded {
    /// What is run of it: each of its cases, where it has some.
    pub fn units(self) -> impl Iterator<Item = Self> {
        let is_whole = self.case.is_none() && !self.machine.cases.is_empty();
        let cases = if is_whole {
            self.machine.cases.to_vec()
        } else {
            Vec::new()
        };
        let whole = (!is_whole).then(|| self.clone());
        let of_case = move |case| Self {
            case: Some(case),
            ..self.clone()
        };
        whole.into_iter().chain(cases.into_iter().map(of_case))
    }

    /// Its name, with that of its case: `order[eu]`.
    #[must_use]
    pub fn name(&self) -> Name {
        let case = self.case.as_ref().map(|case| &*case.name);
        named(&self.machine.name, case).into()
    }
}

/// The suites that a loader has read. Handed to the next loading, they are not read again.
#[derive(Debug, Default)]
pub struct Projects(pub(super) HashMap<PathBuf, Option<Arc<Project>>>);

impl Projects {
    /// Takes over what was read anew; a suite that is broken now stays as it was.
    pub fn renew(&mut self, read: Self) {
        for (key, project) in read.0 {
            match project {
                Some(project) => drop(self.0.insert(key, Some(project))),
                None => drop(self.0.entry(key).or_insert(None)),
            }
        }
    }

    /// Forgets suites that are broken, so that they are read again.
    pub fn forget_broken(&mut self) {
        self.0.retain(|_, project| project.is_some());
    }

    /// The suites that could be read.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Project>> {
        self.0.values().flatten()
    }
}

/// A suite file, or its absence, with everything that its tasks share.
pub struct Project {
    /// The suite file as it was read.
    pub suite: Suite,
    /// What its tasks may do.
    pub permissions: Arc<Permissions>,
    pub(super) engine: script::Engine,
}

impl std::fmt::Debug for Project {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Project")
            .field("folder", &self.suite.folder)
            .finish_non_exhaustive()
    }
}

/// The path relative to the working folder, where it lies in it.
pub(super) fn relative_to_cwd(path: &Path) -> PathBuf {
    let Ok(here) = std::env::current_dir() else {
        return path.to_owned();
    };
    if let Ok(inside) = path.strip_prefix(&here) {
        return inside.to_owned();
    }
    match here
        .parent()
        .and_then(|above| path.strip_prefix(above).ok())
    {
        Some(beside) => Path::new("..").join(beside),
        None => path.to_owned(),
    }
}

pub(super) fn unreadable(name: &Name, error: &std::io::Error) -> Diagnostic {
    let message = format!("`{name}` cannot be read: {}", reason(error));
    Diagnostic::error("unreadable", name, Span::default(), message)
}

pub(super) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        // One of the system's own; another has words.
        std::io::ErrorKind::PermissionDenied if error.get_ref().is_none() => {
            "permission denied".to_owned()
        }
        _ => error.to_string(),
    }
}
