//! The definitions: of each file the last that was good, and what is wrong with it now.

use super::canonical_path::{absolute, canonical, canonical_file, existing, normal};
use super::changes::Batch;
use super::depends::{self, Module, Parts, Tie};
use crate::definition::{self, Cases, Diagnostic, Severity, SourceFile};
use crate::engine::{self, Loaded, Loader, Projects, Tasks};
use crate::event::{Name, Span};
use crate::{os, script};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest file whose content is compared; of a larger one every event is a change.
const MAX_COMPARED: usize = 16 << 20;

/// Every task file below the paths that are watched.
pub(super) struct Catalog {
    loader: Loader,
    /// Variables that are given to every task.
    given: BTreeSet<Name>,
    roots: Vec<PathBuf>,
    projects: Projects,
    entries: Vec<TaskFile>,
    /// The folders that task files lie in.
    folders: BTreeSet<PathBuf>,
    /// What was read of each path last; `None`: it was not there.
    digests: HashMap<PathBuf, Option<blake3::Hash>>,
}

/// One task file.
#[derive(Debug)]
pub(super) struct TaskFile {
    /// As it was found.
    pub(super) path: PathBuf,
    /// The same for people.
    pub(super) file: Name,
    /// What it is made of.
    pub(super) parts: Parts,
    /// The last definition that was good.
    pub(super) good: Option<Loaded>,
    /// What is wrong with what the file says now, or with its suite.
    pub(super) broken: Option<Arc<Findings>>,
}

/// Diagnostics with the texts that they point into.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) sources: HashMap<Name, Name>,
}

/// What a batch of changes came to.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// The paths that really have another content now, or have come or gone.
    pub(super) changed: BTreeSet<PathBuf>,
    /// The tasks that this affects, by file, and how.
    pub(super) affected: BTreeMap<Name, Tie>,
    /// Whether files have come or gone.
    pub(super) listed: bool,
}

impl Catalog {
    /// Loads everything below these paths.
    pub(super) fn open(loader: Loader, roots: Vec<PathBuf>, given: BTreeSet<Name>) -> Self {
        let mut catalog = Self {
            loader,
            given,
            roots,
            projects: Projects::default(),
            entries: Vec::new(),
            folders: BTreeSet::new(),
            digests: HashMap::new(),
        };
        catalog.survey();
        let all: Vec<usize> = (0..catalog.entries.len()).collect();
        let mut projects = Projects::default();
        catalog.load(&all, &mut projects);
        catalog.projects = projects;
        catalog
    }

    /// Reads what later changes are compared with: everything beside the task files themselves.
    pub(super) fn remember(&mut self) {
        for path in self.inputs() {
            if path.is_file() {
                self.has_changed(&path);
            }
        }
    }

    pub(super) fn entries(&self) -> &[TaskFile] {
        &self.entries
    }

    pub(super) fn loader(&self) -> &Loader {
        &self.loader
    }

    /// The folders in which something could happen that matters.
    pub(super) fn watched(&self) -> BTreeSet<PathBuf> {
        let mut folders = self.folders.clone();
        for root in &self.roots {
            // The folder itself may be removed and come back: its parent tells.
            let root = absolute(root);
            folders.extend(root.parent().and_then(existing));
        }
        for parts in self.entries.iter().map(|entry| &entry.parts) {
            folders.extend(parts.file.parent().and_then(existing));
            folders.extend(
                parts
                    .suite
                    .as_deref()
                    .and_then(Path::parent)
                    .map(Path::to_owned),
            );
            folders.extend(existing(&parts.scripts));
            let data = parts.named.iter().chain(&parts.called);
            let data = data.filter_map(|path| path.parent());
            // A text that is no path at all must not lead to a folder somewhere else.
            let near = data.filter(|folder| parts.file.parent() != Some(folder));
            folders.extend(
                near.filter(|folder| folder.is_dir() && folder.parent().is_some())
                    .map(canonical),
            );
        }
        folders.retain(|folder| folder.is_dir());
        folders
    }

    /// Takes in what has changed.
    pub(super) fn apply(&mut self, batch: &Batch) -> Applied {
        let mut applied = Applied::default();
        let mut projects = std::mem::take(&mut self.projects);
        projects.forget_broken();
        if batch.rescan || batch.paths.iter().any(|path| self.is_structural(path)) {
            self.list(&mut applied, &mut projects);
        }
        let paths = if batch.rescan {
            self.inputs()
                .into_iter()
                .chain(self.entries.iter().map(|entry| entry.parts.file.clone()))
                .collect()
        } else {
            batch.paths.clone()
        };
        let known: Vec<PathBuf> = (paths.into_iter())
            .filter(|path| !applied.changed.contains(path))
            .filter(|path| self.matters(path))
            .collect();
        let changed: Vec<PathBuf> = (known.into_iter())
            .filter(|path| self.has_changed(path))
            .collect();
        self.surroundings(&changed, &mut applied, &mut projects);
        self.files(&changed, &mut applied, &mut projects);
        applied.changed.extend(changed);
        self.projects = projects;
        applied
    }

    /// Suite files and modules that have changed: everything that is tied to them is compiled again.
    fn surroundings(
        &mut self,
        changed: &[PathBuf],
        applied: &mut Applied,
        projects: &mut Projects,
    ) {
        let mut again: BTreeSet<usize> = BTreeSet::new();
        let mut affected: BTreeMap<usize, Tie> = BTreeMap::new();
        for path in changed {
            let is_suite = path.file_name().is_some_and(|name| name == engine::SUITE);
            if !is_suite && !depends::is_module(path) {
                continue;
            }
            let modules = path.parent().map(modules).unwrap_or_default();
            let mut first = true;
            for (at, entry) in self.entries.iter().enumerate() {
                let parts = &entry.parts;
                let within = if is_suite {
                    parts.suite.as_ref() == Some(path)
                        || suite_of(&parts.file).as_ref() == Some(path)
                } else {
                    path.parent() == Some(&parts.scripts)
                };
                if !within {
                    continue;
                }
                let tie = if is_suite {
                    Some(Tie::Suite)
                } else {
                    parts.tie(path, &modules)
                };
                // One at least, so that what is wrong with a module is known though no task calls it; and
                // those that are broken, since this may mend them.
                if tie.is_some() || first || entry.broken.is_some() {
                    again.insert(at);
                    first = false;
                }
                if let Some(tie) = tie {
                    let known = affected.entry(at).or_insert(tie);
                    *known = tie.max(*known);
                }
            }
        }
        if again.is_empty() {
            return;
        }
        let before: Vec<bool> = (self.entries.iter())
            .map(|one| one.good.is_some())
            .collect();
        let again: Vec<usize> = again.into_iter().collect();
        let mut fresh = Projects::default();
        self.load(&again, &mut fresh);
        projects.renew(fresh);
        for at in again {
            let entry = &self.entries[at];
            let tie = affected.get(&at).copied();
            let mended = !before[at] && entry.good.is_some();
            if let Some(tie) = tie.or(mended.then_some(Tie::Suite)) {
                applied.affected.insert(Name::clone(&entry.file), tie);
            }
        }
    }

    /// Task files, and data.
    fn files(&mut self, changed: &[PathBuf], applied: &mut Applied, projects: &mut Projects) {
        for path in changed {
            for at in 0..self.entries.len() {
                let entry = &self.entries[at];
                let file = Name::clone(&entry.file);
                let is_own = entry.parts.file == *path || entry.parts.cases.as_ref() == Some(path);
                if is_own {
                    self.load(&[at], projects);
                    applied.affected.insert(file, Tie::Own);
                } else if entry.parts.called.contains(path) {
                    self.load(&[at], projects);
                    applied.affected.entry(file).or_insert(Tie::Called);
                } else if entry.parts.named.contains(path) {
                    applied.affected.entry(file).or_insert(Tie::Data);
                }
            }
        }
    }

    /// Looks which task files there are now.
    fn list(&mut self, applied: &mut Applied, projects: &mut Projects) {
        let before: BTreeSet<PathBuf> = (self.entries.iter())
            .map(|entry| entry.parts.file.clone())
            .collect();
        self.survey();
        let now: BTreeSet<PathBuf> = (self.entries.iter())
            .map(|entry| entry.parts.file.clone())
            .collect();
        applied
            .changed
            .extend(before.symmetric_difference(&now).cloned());
        applied.listed = before != now;
        let new: Vec<usize> = (self.entries.iter().enumerate())
            .filter(|(_, entry)| !before.contains(&entry.parts.file))
            .map(|(at, _)| at)
            .collect();
        self.load(&new, projects);
        for at in new {
            let file = Name::clone(&self.entries[at].file);
            self.has_changed(&self.entries[at].parts.file.clone());
            applied.affected.insert(file, Tie::Own);
        }
    }

    /// Finds the task files; those that are known keep what is known of them.
    fn survey(&mut self) {
        let mut known: HashMap<PathBuf, TaskFile> = std::mem::take(&mut self.entries)
            .into_iter()
            .map(|entry| (entry.path.clone(), entry))
            .collect();
        self.folders.clear();
        let mut seen = BTreeSet::new();
        for root in &self.roots {
            // A folder that is gone has no files; it may come back.
            let Ok(found) = engine::survey(root) else {
                continue;
            };
            self.folders
                .extend(found.folders.iter().map(|folder| canonical(folder)));
            for path in found.files {
                let file = canonical_file(&path);
                if !seen.insert(file.clone()) {
                    continue;
                }
                let entry = known.remove(&path).unwrap_or_else(|| TaskFile {
                    file: path.display().to_string().into(),
                    parts: Parts {
                        file,
                        ..Parts::default()
                    },
                    path,
                    good: None,
                    broken: None,
                });
                self.entries.push(entry);
            }
        }
    }

    /// Reads these files again. A broken one keeps its last good definition.
    fn load(&mut self, which: &[usize], projects: &mut Projects) {
        if which.is_empty() {
            return;
        }
        let paths: Vec<PathBuf> = (which.iter())
            .map(|at| self.entries[*at].path.clone())
            .collect();
        let found = self.loader.load_with(&paths, projects);
        let Tasks {
            tasks,
            diagnostics,
            sources,
            ..
        } = found;
        let mut tasks: HashMap<PathBuf, Loaded> = tasks
            .into_iter()
            .map(|task| (task.machine.file.path.clone(), task))
            .collect();
        let own: BTreeSet<&str> = (which.iter()).map(|at| &*self.entries[*at].file).collect();
        let shared: Vec<Diagnostic> = (diagnostics.iter())
            .filter(|one| one.is_error() && !own.contains(&*one.file))
            .cloned()
            .collect();
        let own: Vec<(usize, Vec<Diagnostic>)> = (which.iter())
            .map(|at| {
                let file = &self.entries[*at].file;
                let of_file = diagnostics.iter().filter(|one| one.file == *file);
                (*at, of_file.cloned().collect())
            })
            .collect();
        for (at, own) in own {
            let entry = &mut self.entries[at];
            let task = tasks.remove(&entry.path);
            let lacking = task.as_ref().and_then(|task| lacking(task, &self.given));
            match (task, lacking) {
                (Some(task), None) => {
                    entry.parts = parts(&entry.parts.file, &task);
                    entry.good = Some(task);
                    entry.broken = None;
                }
                (_, lacking) => {
                    let mut all: Vec<Diagnostic> = own.into_iter().chain(lacking).collect();
                    if !all.iter().any(|one| one.severity == Severity::Error) {
                        all.extend(shared.iter().cloned());
                    }
                    if entry.parts.suite.is_none() {
                        entry.parts.suite = suite_of(&entry.parts.file);
                    }
                    // What is wrong may be mended in its file of cases.
                    let Parts { cases, named, .. } = of_broken(&entry.parts.file);
                    if cases.is_some() {
                        entry.parts.cases = cases;
                        entry.parts.named.extend(named);
                    }
                    if all.is_empty() && entry.broken.is_some() {
                        // What is wrong with the suite was said when it was read.
                        continue;
                    }
                    let findings = Findings {
                        diagnostics: all,
                        sources: sources.clone(),
                    };
                    entry.broken = Some(Arc::new(findings));
                }
            }
        }
    }

    /// Whether files may have come or gone.
    fn is_structural(&self, path: &Path) -> bool {
        let hidden = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with(['.', '_']);
        if self.folders.contains(path)
            || self
                .roots
                .iter()
                .any(|root| absolute(root).starts_with(path))
        {
            return true;
        }
        if path.file_name().is_none_or(hidden) {
            return false;
        }
        let known = self.entries.iter().any(|entry| entry.parts.file == path);
        if known {
            return !path.is_file();
        }
        let is_task = matches!(
            path.extension().and_then(|end| end.to_str()),
            Some("yaml" | "yml")
        );
        is_task || path.is_dir()
    }

    /// Whether a task could be tied to this path.
    fn matters(&self, path: &Path) -> bool {
        let is_suite = path.file_name().is_some_and(|name| name == engine::SUITE);
        is_suite
            || self.entries.iter().any(|entry| {
                let parts = &entry.parts;
                parts.file == path
                    || parts.named.contains(path)
                    || parts.called.contains(path)
                    || (depends::is_module(path) && path.parent() == Some(&parts.scripts))
            })
    }

    /// Whether the file has another content than when it was last read, which is now.
    fn has_changed(&mut self, path: &Path) -> bool {
        let digest = match os::read(path, MAX_COMPARED) {
            Ok(bytes) => Some(blake3::hash(&bytes)),
            Err(error) if error.kind() == ErrorKind::InvalidInput => return true,
            Err(_) => None,
        };
        if let Some(before) = self.digests.insert(path.to_owned(), digest) {
            return before != digest;
        }
        // The text of a task is known since it was compiled.
        let entry = self.entries.iter().find(|entry| entry.parts.file == path);
        let good = entry.filter(|entry| entry.broken.is_none());
        let text = good.and_then(|entry| Some(&entry.good.as_ref()?.machine.file.text));
        digest != text.map(|text| blake3::hash(text.as_bytes()))
    }

    /// Every path beside the task files that a task is tied to.
    fn inputs(&self) -> BTreeSet<PathBuf> {
        let mut paths = BTreeSet::new();
        let mut folders: BTreeSet<&Path> = BTreeSet::new();
        for parts in self.entries.iter().map(|entry| &entry.parts) {
            paths.extend(parts.suite.clone());
            paths.extend(parts.named.iter().cloned());
            paths.extend(parts.called.iter().cloned());
            folders.insert(&parts.scripts);
        }
        for folder in folders {
            paths.extend(modules(folder).into_iter().map(|module| module.path));
        }
        paths
    }
}

/// A task that needs a parameter cannot run without it.
fn lacking(task: &Loaded, given: &BTreeSet<Name>) -> Option<Diagnostic> {
    let machine = &task.machine;
    let name = machine
        .params_of_run()
        .find(|name| !given.contains(*name))?;
    let message = format!("the task `{}` needs the parameter `{name}`", machine.name);
    let diagnostic =
        Diagnostic::error("no-parameter", &machine.file.name, Span::default(), message);
    Some(diagnostic.hint(format!("start again with `--var {name}=…`")))
}

fn parts(file: &Path, task: &Loaded) -> Parts {
    let suite = &task.project.suite;
    let folder = absolute(&suite.folder);
    let scripts = suite
        .scripts
        .as_ref()
        .map_or("scripts", |text| text.as_str());
    let source = suite.file.as_ref();
    let called = task.machine.called_machines();
    let all = || std::iter::once(&task.machine).chain(&called);
    let mut of_definition = of_definition(file, &task.machine.file);
    for machine in &called {
        let path = canonical_file(&machine.file.path);
        let of_call = self::of_definition(&path, &machine.file);
        of_definition.named.extend(of_call.named);
        of_definition.called.insert(path);
    }
    Parts {
        file: file.to_owned(),
        suite: source.map(|source| canonical_file(&source.path)),
        scripts: canonical(&normal(&folder.join(scripts))),
        modules: all().flat_map(|one| one.modules.iter().cloned()).collect(),
        ..of_definition
    }
}

/// The files that a task names by itself: in texts that it gives to clients as they stand, and for its cases. The
/// definition is read anew, since nobody but a watch asks for them, and to keep them costs every run.
fn of_definition(path: &Path, file: &Arc<SourceFile>) -> Parts {
    let Ok(task) = definition::parse_task(file) else {
        return Parts::default();
    };
    let folder = path.parent().unwrap_or(Path::new("/"));
    let cases = match &task.value.cases {
        Some(Cases::File(cases)) => Some(normal(&folder.join(cases.as_str()))),
        Some(Cases::Table(_)) | None => None,
    };
    Parts {
        named: depends::named(&task.value.literals(), folder),
        cases,
        ..Parts::default()
    }
}

/// The same of a file that may have mistakes.
fn of_broken(path: &Path) -> Parts {
    let bytes = os::read(path, definition::MAX_FILE_BYTES);
    let file = bytes
        .ok()
        .and_then(|bytes| SourceFile::from_bytes(path.display().to_string(), path, &bytes).ok());
    file.map_or_else(Parts::default, |file| of_definition(path, &Arc::new(file)))
}

fn suite_of(file: &Path) -> Option<PathBuf> {
    engine::suite_above(&engine::home(file)).map(|path| canonical_file(&path))
}

/// The modules of a folder.
fn modules(folder: &Path) -> Vec<Module> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    paths
        .filter(|path| depends::is_module(path))
        .map(|path| {
            let text = os::read(&path, script::MAX_SOURCE).unwrap_or_default();
            Module::new(path, &String::from_utf8_lossy(&text))
        })
        .collect()
}

#[cfg(test)]
mod tests;
