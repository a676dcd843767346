//! Compiles task files, many of them side by side.

use super::called::{CalledFile, CalledFiles, Chain};
use super::cases::read_cases;
use super::loader::Loader;
use super::project::{Project, unreadable};
use crate::definition::{self, Cases, Diagnostic, Identity, SourceFile, Task};
use crate::event::Name;
use crate::machine::{self, Machine};
use crate::os::read;
use std::path::PathBuf;
use std::sync::Arc;

/// A task file that was found.
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) name: Name,
    /// Its suite; `None`: that is broken.
    pub(super) project: Option<Arc<Project>>,
    /// What is wrong or suspicious between the file before and this one: in the suite file.
    pub(super) said: Vec<Diagnostic>,
}

/// What became of a file.
pub(super) struct Compiled {
    pub(super) machine: Option<Arc<Machine>>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The texts that these may point into, by the name of the file.
    pub(super) sources: Vec<(Name, Name)>,
    /// What it says of itself, if it has mistakes.
    pub(super) identity: Option<Identity>,
    /// The files that it calls.
    pub(super) called: Vec<Arc<CalledFile>>,
}

/// What became of a text.
pub(super) struct Made {
    pub(super) machine: Option<Machine>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The texts of other files that these may point into.
    pub(super) sources: Vec<(Name, Name)>,
    /// The files that it calls.
    pub(super) called: Vec<Arc<CalledFile>>,
}

impl Compiled {
    /// A file that cannot be read at all.
    fn wrong(file: &File, diagnostic: Diagnostic) -> Self {
        Self {
            machine: None,
            diagnostics: vec![diagnostic],
            sources: Vec::new(),
            identity: Some(Identity::unread(&file.path)),
            called: Vec::new(),
        }
    }
}

impl Loader {
    /// Reads a file and compiles it.
    pub(super) fn compiled(&self, file: &File, known: &CalledFiles) -> Compiled {
        match read(&file.path, definition::MAX_FILE_BYTES) {
            Ok(bytes) => self.text(file, &bytes, known),
            Err(error) => Compiled::wrong(file, unreadable(&file.name, &error)),
        }
    }

    /// Compiles a text that stands in for a file.
    pub(super) fn text(&self, file: &File, bytes: &[u8], known: &CalledFiles) -> Compiled {
        let source = match SourceFile::from_bytes(Name::clone(&file.name), &file.path, bytes) {
            Ok(source) => Arc::new(source),
            Err(diagnostic) => return Compiled::wrong(file, *diagnostic),
        };
        let mut compiled = Compiled {
            machine: None,
            diagnostics: Vec::new(),
            sources: vec![text_of(&source)],
            identity: None,
            called: Vec::new(),
        };
        if let Some(project) = &file.project {
            let made = self.machine(&source, project, Chain::start(), known);
            if made.machine.is_none() {
                compiled.identity = Some(Identity::of(&source));
            }
            compiled.machine = made.machine.map(Arc::new);
            compiled.diagnostics = made.diagnostics;
            compiled.sources.extend(made.sources);
            compiled.called = made.called;
        }
        compiled
    }

    /// Compiles a task, with the files that it calls. `chain`: how it was come to.
    pub(super) fn machine(
        &self,
        file: &Arc<SourceFile>,
        project: &Project,
        chain: Chain<'_>,
        known: &CalledFiles,
    ) -> Made {
        let broken = |diagnostics: Vec<Diagnostic>, sources: Vec<(Name, Name)>| Made {
            machine: None,
            diagnostics,
            sources,
            called: Vec::new(),
        };
        let mut sources = Vec::new();
        let definition::Parsed {
            value: mut task,
            warnings: mut diagnostics,
        }: definition::Parsed<Task> = match definition::parse_task(file) {
            Ok(parsed) => parsed,
            Err(diagnostics) => return broken(diagnostics, sources),
        };
        if let Some(Cases::File(path)) = &task.cases {
            match read_cases(file, path, project, &mut sources) {
                Ok(cases) => {
                    task.cases = Some(Cases::Table(cases.value));
                    diagnostics.extend(cases.warnings);
                }
                Err(errors) => {
                    diagnostics.extend(errors);
                    return broken(diagnostics, sources);
                }
            }
        }
        let calls = self.calls(file, &task, project, chain, known);
        let against = self.against(project, &calls.tasks, chain.prefix());
        let (machine, more) = match machine::compile(&against, &task) {
            Ok((machine, more)) => (Some(machine), more),
            Err(more) => (None, more),
        };
        diagnostics.extend(calls.diagnostics);
        diagnostics.extend(more);
        Made {
            machine,
            diagnostics,
            sources,
            called: calls.files,
        }
    }
}

/// A file's name and text.
pub(super) fn text_of(file: &SourceFile) -> (Name, Name) {
    (Name::clone(&file.name), Name::clone(&file.text))
}

/// Files that are worth a thread of their own.
const FILES_A_THREAD: usize = 32;
/// Most threads that compile.
const THREADS: usize = 8;

/// The work on each file, on all cores where there are many files. The results keep the order of the files.
pub(super) fn side_by_side<T: Send>(files: &[File], work: impl Fn(&File) -> T + Sync) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(THREADS).min(files.len() / FILES_A_THREAD).max(1);
    let mut parts = files.chunks(files.len().div_ceil(threads).max(1));
    let work = |part: &[File]| part.iter().map(&work).collect::<Vec<T>>();
    std::thread::scope(|scope| {
        let mine = parts.next().unwrap_or_default();
        let others: Vec<_> = parts
            .map(|part| {
                let thread = std::thread::Builder::new().stack_size(super::STACK);
                (part, thread.spawn_scoped(scope, move || work(part)))
            })
            .collect();
        let mut done = work(mine);
        for (part, thread) in others {
            done.extend(match thread.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(results)) => results,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // The system has no thread left for us.
                Err(_) => work(part),
            });
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use crate::client::Registry;
    use crate::engine::Loader;

    #[test]
    fn many_files_keep_their_order_and_each_of_their_mistakes() {
        const TASK: &str = "version: 1\nstart_state: a\nfinal_state: a\nstates: { a: {} }\n";
        let folder = tempfile::tempdir().unwrap();
        for number in 0..200 {
            let text = match number {
                7 | 193 => "version: 1\n",
                100 => "\0",
                _ => TASK,
            };
            std::fs::write(folder.path().join(format!("t{number:03}.yaml")), text).unwrap();
        }
        let found = Loader::new(Registry::empty()).load(&[folder.path().to_owned()]);
        assert_eq!(found.files, 200);
        let names: Vec<_> = (found.tasks.iter())
            .map(|task| task.machine.file.name.to_string())
            .collect();
        assert_eq!(names.len(), 197);
        assert!(names.is_sorted());
        assert!(found.has_errors());
        let mut wrong: Vec<_> = (found.diagnostics.iter())
            .map(|one| one.file.to_string())
            .collect();
        assert!(wrong.is_sorted());
        wrong.dedup();
        let ends: Vec<_> = wrong.iter().map(|name| &name[name.len() - 8..]).collect();
        assert_eq!(ends, ["007.yaml", "100.yaml", "193.yaml"]);
        // All of them belong to one suite.
        let suite = &found.tasks[0].project;
        let shared = |task: &crate::engine::Loaded| std::sync::Arc::ptr_eq(&task.project, suite);
        assert!(found.tasks.iter().all(shared));
    }
}
