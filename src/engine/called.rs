//! The files that tasks call: each is read and compiled once, whichever task calls it.

use super::bounds::may_read;
use super::discover::{SUITE, home, suite_above};
use super::loader::Loader;
use super::project::{Project, reason, unreadable};
use crate::definition::{self, Diagnostic, SourceFile, Task, Text};
use crate::event::Name;
use crate::machine::{CalledTask, CalledTasks, Machine};
use crate::os::read;
use std::collections::HashMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How deep calls may lie in each other.
const MAX_DEPTH: usize = 16;

/// The called files of one loading.
#[derive(Default)]
pub(super) struct CalledFiles {
    known: Mutex<HashMap<PathBuf, Arc<CalledFile>>>,
}

/// What became of a called file.
pub(super) struct CalledFile {
    /// `None`: it has mistakes.
    machine: Option<Arc<Machine>>,
    /// Its own, and those of the files that it calls.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The texts that these point into.
    pub(super) sources: Vec<(Name, Name)>,
}

/// A file that is being compiled, and the call of the one behind it.
struct Link<'a> {
    file: &'a SourceFile,
    path: PathBuf,
    call: &'a Text,
    /// The called file as its suite sees it.
    prefix: String,
}

/// The files that lead to a call, the outermost first.
#[derive(Clone, Copy)]
pub(super) struct Chain<'a> {
    link: Option<&'a Link<'a>>,
    before: Option<&'a Self>,
}

impl<'a> Chain<'a> {
    /// Nothing was called yet.
    pub(super) const fn start() -> Self {
        Self {
            link: None,
            before: None,
        }
    }

    /// What stands before the paths of the places of what is called.
    pub(super) fn prefix(self) -> &'a str {
        self.link.map_or("", |link| &link.prefix)
    }

    /// The innermost first.
    fn links(&self) -> impl Iterator<Item = &'a Link<'a>> {
        let chain = std::iter::successors(Some(*self), |chain| chain.before.copied());
        chain.filter_map(|chain| chain.link)
    }
}

/// What the calls of a task lead to.
#[derive(Default)]
pub(super) struct Calls {
    pub(super) tasks: CalledTasks,
    /// What is wrong with the calls themselves.
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) files: Vec<Arc<CalledFile>>,
}

impl Loader {
    /// Finds and compiles what a task calls.
    pub(super) fn calls(
        &self,
        file: &SourceFile,
        task: &Task,
        project: &Project,
        chain: Chain<'_>,
        known: &CalledFiles,
    ) -> Calls {
        let mut calls = Calls::default();
        let mut seen: Vec<&str> = Vec::new();
        for call in &task.calls {
            if seen.contains(&call.as_str()) {
                continue;
            }
            seen.push(call.as_str());
            let called = self.called(file, call, project, chain, known);
            let machine = match called {
                Ok(called) => {
                    let machine = called.machine.as_ref().map(Arc::clone);
                    calls.files.push(called);
                    machine
                }
                Err(diagnostic) => {
                    calls.diagnostics.push(*diagnostic);
                    None
                }
            };
            let name = Name::clone(&call.value);
            calls.tasks.insert(name, machine.map(CalledTask::new));
        }
        calls
    }

    fn called(
        &self,
        file: &SourceFile,
        call: &Text,
        project: &Project,
        chain: Chain<'_>,
        known: &CalledFiles,
    ) -> Result<Arc<CalledFile>, Box<Diagnostic>> {
        let wrong = |code: &'static str, message: String, hint: String| {
            Box::new(Diagnostic::error(code, &file.name, call.span, message).hint(hint))
        };
        let folder = file.path.parent().unwrap_or(Path::new(""));
        let path = short(&folder.join(call.as_str()));
        let real = may_read(&path).and_then(|()| std::fs::canonicalize(Path::new(".").join(&path)));
        let real = real.map_err(|error: io::Error| {
            let message = format!("`{}` cannot be called: {}", call.as_str(), reason(&error));
            let hint = format!(
                "it was looked for as `{}`: relative to this file",
                path.display()
            );
            wrong("called-file", message, hint)
        })?;
        let suite = home(&project.suite.folder.join(SUITE));
        let above = suite_above(&home(&real)).map(|suite| home(&suite));
        if !real.starts_with(&suite) || above.is_some_and(|above| above != suite) {
            let message = format!("`{}` belongs to another suite", call.as_str());
            let hint = format!(
                "a task calls files below the folder of its `{SUITE}`, which is {}",
                suite.display()
            );
            return Err(wrong("called-outside", message, hint));
        }
        let link = Link {
            file,
            path: home_of(file),
            call,
            prefix: real
                .strip_prefix(&suite)
                .map(|path| format!("{}#", path.display()))
                .unwrap_or_default(),
        };
        let chain = Chain {
            link: Some(&link),
            before: Some(&chain),
        };
        if let Some(diagnostic) = circle(chain, &real) {
            return Err(Box::new(diagnostic));
        }
        if chain.links().count() > MAX_DEPTH {
            let message = format!("calls lie in each other more than {MAX_DEPTH} deep");
            let hint = "a called task may call others, to this depth: flatten the chain";
            return Err(wrong("called-too-deep", message, hint.to_owned()));
        }
        if let Some(called) = known.get(&real) {
            return Ok(called);
        }
        let name: Name = path.display().to_string().into();
        let called = Arc::new(self.compile_called(&name, &path, project, chain, known));
        known.insert(real, &called);
        Ok(called)
    }

    fn compile_called(
        &self,
        name: &Name,
        path: &Path,
        project: &Project,
        chain: Chain<'_>,
        known: &CalledFiles,
    ) -> CalledFile {
        let mut called = CalledFile {
            machine: None,
            diagnostics: Vec::new(),
            sources: Vec::new(),
        };
        let bytes = match read(path, definition::MAX_FILE_BYTES) {
            Ok(bytes) => bytes,
            Err(error) => {
                called.diagnostics.push(unreadable(name, &error));
                return called;
            }
        };
        let source = match SourceFile::from_bytes(Name::clone(name), path, &bytes) {
            Ok(source) => Arc::new(source),
            Err(diagnostic) => {
                called.diagnostics.push(*diagnostic);
                return called;
            }
        };
        called
            .sources
            .push((Name::clone(name), Name::clone(&source.text)));
        let compiled = self.machine(&source, project, chain, known);
        called.diagnostics = compiled.diagnostics;
        for file in compiled.called {
            called.diagnostics.extend(file.diagnostics.iter().cloned());
            called.sources.extend(file.sources.iter().cloned());
        }
        called.machine = compiled.machine.map(Arc::new);
        called
    }
}

impl CalledFiles {
    fn get(&self, path: &Path) -> Option<Arc<CalledFile>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(path).map(Arc::clone)
    }

    fn insert(&self, path: PathBuf, file: &Arc<CalledFile>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(path, Arc::clone(file));
    }
}

/// The path without the `..` that lead back into it, written as its beginning is.
fn short(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        let is_named = matches!(out.components().next_back(), Some(Component::Normal(_)));
        if part == Component::ParentDir && is_named {
            out.pop();
        } else {
            out.push(part);
        }
    }
    out
}

/// Where a file really lies.
fn home_of(file: &SourceFile) -> PathBuf {
    let path = Path::new(".").join(&file.path);
    std::fs::canonicalize(path).unwrap_or_else(|_| file.path.clone())
}

/// What is wrong if a call leads back to where it came from. It is told at one place, wherever the circle was entered:
/// in the first of its files.
fn circle(chain: Chain<'_>, to: &Path) -> Option<Diagnostic> {
    let mut links: Vec<&Link<'_>> = Vec::new();
    for link in chain.links() {
        links.push(link);
        if link.path == to {
            break;
        }
    }
    if links.last().is_none_or(|last| last.path != to) {
        return None;
    }
    links.reverse();
    let first = (links.iter().enumerate()).min_by_key(|(_, link)| &link.path);
    let first = first.map_or(0, |(index, _)| index);
    links.rotate_left(first);
    let names = links.iter().chain(&links[..1]);
    let way: Vec<&str> = names.map(|link| &*link.file.name).collect();
    let link = links[0];
    let message = format!("`{}` calls itself: {}", link.file.name, way.join(" → "));
    let diagnostic =
        Diagnostic::error("called-in-circle", &link.file.name, link.call.span, message);
    Some(diagnostic.hint("a loop is written with states: a call comes back before it goes on"))
}
