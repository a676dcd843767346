//! Loading: finds task files, reads their suites and scripts once each, and has them compiled.

use super::called::CalledFiles;
use super::compile::{Compiled, File, side_by_side};
use super::discover::{SUITE, discover, home, is_suite, suite_above};
use super::loader::Loader;
use super::project::{Loaded, Project, Projects, reason, relative_to_cwd, unreadable};
use super::select::Selection;
use crate::definition::{self, Diagnostic, Identity, Severity, SourceFile, Suite};
use crate::event::{Name, Span, nearest};
use crate::os::read;
use crate::script;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most modules that one suite may have.
const MODULES: usize = 256;

/// What loading found.
#[derive(Debug, Default)]
pub struct Tasks {
    /// The tasks that can run, in the order of their files.
    pub tasks: Vec<Loaded>,
    /// Everything that is wrong or suspicious, file by file.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the diagnostics point into, by the name of the file.
    pub sources: HashMap<Name, Name>,
    /// How many files were read, or could not be.
    pub files: usize,
    /// The task files with mistakes.
    pub broken: Box<[Broken]>,
}

/// A task file with mistakes, as far as it can be read.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The file.
    pub file: Name,
    /// What it says of itself.
    pub identity: Identity,
    /// The files with mistakes that it calls.
    pub called: Vec<Name>,
}

impl Tasks {
    /// Passes over what is wrong with files that are not selected, whatever is wrong with them; gives their names.
    pub fn leave_out(&mut self, selection: &Selection) -> Vec<Name> {
        let left_out: Vec<Name> = (self.broken.iter())
            .filter(|broken| selection.leaves_out(broken))
            .map(|broken| Name::clone(&broken.file))
            .collect();
        let (out, kept): (Vec<&Broken>, Vec<&Broken>) =
            (self.broken.iter()).partition(|broken| left_out.contains(&broken.file));
        let is_kept = |file: &Name| kept.iter().any(|broken| broken.called.contains(file));
        let is_out = |file: &Name| {
            left_out.contains(file) || out.iter().any(|broken| broken.called.contains(file))
        };
        (self.diagnostics).retain(|one| !is_out(&one.file) || is_kept(&one.file));
        left_out
    }

    /// Whether nothing may run, since a definition is invalid.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|one| one.severity == Severity::Error)
    }

    /// How many errors and warnings there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let errors = self
            .diagnostics
            .iter()
            .filter(|one| one.severity == Severity::Error)
            .count();
        (errors, self.diagnostics.len() - errors)
    }
}

impl Loader {
    /// Loads every task file that the paths name. A file that cannot be read or parsed is a diagnostic,
    /// never passed over.
    #[must_use]
    pub fn load(&self, paths: &[PathBuf]) -> Tasks {
        self.load_with(paths, &mut Projects::default())
    }

    /// As [`Self::load`], with the suites that are known already. What is wrong with a suite is said when it
    /// is read, not again.
    #[must_use]
    pub fn load_with(&self, paths: &[PathBuf], known: &mut Projects) -> Tasks {
        let mut loading = Loading::new(self);
        loading.projects = std::mem::take(&mut known.0);
        let mut files = Vec::new();
        let mut seen: HashSet<PathBuf> = HashSet::new();
        for path in paths {
            match super::may_read(path).and_then(|()| discover(path)) {
                Ok(found) => {
                    if found.is_empty() && is_suite(path) {
                        loading.suite(path);
                    }
                    for file in found {
                        // `tasks` and `./tasks` lead to the same file.
                        let real = std::fs::canonicalize(&file).unwrap_or_else(|_| file.clone());
                        if seen.insert(real) {
                            files.push(loading.file(file));
                        }
                    }
                }
                Err(error) => {
                    loading.found.files += 1;
                    let diagnostic = unreadable(&path.display().to_string().into(), &error);
                    loading.found.diagnostics.push(diagnostic);
                }
            }
        }
        let called = CalledFiles::default();
        let compiled = side_by_side(&files, |file| self.compiled(file, &called));
        // In the order of the files, as if each had been read after the one before.
        let last = std::mem::take(&mut loading.found.diagnostics);
        for (file, compiled) in files.into_iter().zip(compiled) {
            loading.found.diagnostics.extend(file.said);
            loading.add(&file.name, file.project, compiled);
        }
        loading.found.diagnostics.extend(last);
        known.0 = loading.projects;
        loading.found.broken = loading.broken.into();
        loading.found
    }

    /// Compiles one task from a text, as if it lay at this path.
    ///
    /// # Errors
    /// All its mistakes, and those of its suite file.
    pub fn compile(&self, path: &Path, text: &str) -> Result<Loaded, Vec<Diagnostic>> {
        let mut loading = Loading::new(self);
        let file = loading.file(path.to_owned());
        let compiled = self.text(&file, text.as_bytes(), &CalledFiles::default());
        loading.found.diagnostics.extend(file.said);
        loading.add(&file.name, file.project, compiled);
        match loading.found.tasks.pop() {
            Some(task)
                if !loading
                    .found
                    .diagnostics
                    .iter()
                    .any(|one| one.severity == Severity::Error) =>
            {
                Ok(task)
            }
            _ => Err(loading.found.diagnostics),
        }
    }
}

pub(super) struct Loading<'a> {
    loader: &'a Loader,
    pub(super) found: Tasks,
    broken: Vec<Broken>,
    /// The files whose diagnostics came with those of who calls them.
    called: HashSet<Name>,
    /// By the folder of a task, and by its suite file; `None`: it is broken, and that was said.
    projects: HashMap<PathBuf, Option<Arc<Project>>>,
}

impl<'a> Loading<'a> {
    pub(super) fn new(loader: &'a Loader) -> Self {
        Self {
            loader,
            found: Tasks::default(),
            broken: Vec::new(),
            called: HashSet::new(),
            projects: HashMap::new(),
        }
    }

    /// Reads a suite file that was named itself: what is wrong with it is said.
    fn suite(&mut self, path: &Path) {
        self.found.files += 1;
        self.project(path.parent().unwrap_or(Path::new(".")));
    }

    /// Finds the suite of a file, and takes along what was said up to here.
    fn file(&mut self, path: PathBuf) -> File {
        self.found.files += 1;
        let project = self.project(&relative_to_cwd(&home(&path)));
        File {
            name: path.display().to_string().into(),
            path,
            project,
            said: std::mem::take(&mut self.found.diagnostics),
        }
    }

    /// Adds what became of a file.
    fn add(&mut self, name: &Name, project: Option<Arc<Project>>, compiled: Compiled) {
        let Compiled {
            machine,
            diagnostics,
            sources,
            identity,
            called,
        } = compiled;
        if let Some(identity) = identity {
            let called = called.iter().flat_map(|called| &called.diagnostics);
            self.broken.push(Broken {
                file: Name::clone(name),
                identity,
                called: called.map(|one| Name::clone(&one.file)).collect(),
            });
        }
        if !diagnostics.is_empty() {
            self.found.sources.extend(sources);
        }
        // A mistake of the suite file shows in each of its tasks; it is still one.
        for diagnostic in diagnostics {
            let is_own = diagnostic.file == *name && !self.called.contains(name);
            if is_own || !self.found.diagnostics.contains(&diagnostic) {
                self.found.diagnostics.push(diagnostic);
            }
        }
        for called in called {
            // It may be called by others, and be a task that was named itself.
            for diagnostic in &called.diagnostics {
                self.called.insert(Name::clone(&diagnostic.file));
                if !self.found.diagnostics.contains(diagnostic) {
                    self.found.diagnostics.push(diagnostic.clone());
                }
            }
            if !called.diagnostics.is_empty() {
                self.found.sources.extend(called.sources.iter().cloned());
            }
        }
        if let (Some(machine), Some(project)) = (machine, project) {
            self.found.tasks.push(Loaded {
                machine,
                project,
                case: None,
            });
        }
    }

    /// The suite of a folder, read once.
    pub(super) fn project(&mut self, folder: &Path) -> Option<Arc<Project>> {
        if let Some(known) = self.projects.get(folder) {
            return known.clone();
        }
        let file = suite_above(folder);
        let known = file.as_ref().and_then(|file| self.projects.get(file));
        let project = if let Some(known) = known {
            known.clone()
        } else {
            let suite = match &file {
                Some(file) => self.read_suite(file),
                None => Some(Suite {
                    folder: folder.to_owned(),
                    ..Suite::default()
                }),
            };
            let suite = suite.and_then(|suite| self.within_environment(suite));
            let project = suite.and_then(|suite| self.with_scripts(suite));
            project.map(Arc::new)
        };
        let keys = file.into_iter().chain([folder.to_owned()]);
        let entries = keys.map(|key| (key, project.clone()));
        self.projects.extend(entries);
        project
    }

    /// The suite in the environment that was asked for.
    fn within_environment(&mut self, suite: Suite) -> Option<Suite> {
        let Some(wanted) = &self.loader.environment else {
            return Some(suite);
        };
        let known: Vec<Name> = (suite.environments.iter())
            .map(|one| Name::clone(&one.name.value))
            .collect();
        let first = suite.environments.first().map(|one| one.name.span);
        let file = match &suite.file {
            Some(file) => Name::clone(&file.name),
            None => suite.folder.join(SUITE).display().to_string().into(),
        };
        let has_file = suite.file.is_some();
        if let Some(suite) = suite.within(wanted) {
            return Some(suite);
        }
        let message = if has_file {
            format!("the suite has no environment `{wanted}`")
        } else {
            format!("there is no suite file, and so no environment `{wanted}`")
        };
        let hint = match nearest(wanted, known.iter().map(|name| &**name)) {
            Some(near) => format!("did you mean `--env {near}`?"),
            None if known.is_empty() => {
                format!("add `environments: {{ {wanted}: {{ vars: {{…}} }} }}` to it")
            }
            None => format!("its environments are {}", known.join(", ")),
        };
        let at = first.unwrap_or_default();
        let diagnostic = Diagnostic::error("unknown-environment", &file, at, message);
        self.found.diagnostics.push(diagnostic.hint(hint));
        None
    }

    fn read_suite(&mut self, path: &Path) -> Option<Suite> {
        let shown = relative_to_cwd(path);
        let name: Name = shown.display().to_string().into();
        let folder = shown
            .parent()
            .map_or_else(|| PathBuf::from("."), Path::to_owned);
        let parsed = read(path, definition::MAX_FILE_BYTES)
            .map_err(|error| vec![unreadable(&name, &error)])
            .and_then(|bytes| {
                SourceFile::from_bytes(Name::clone(&name), path, &bytes).map_err(|one| vec![*one])
            })
            .and_then(|file| {
                let file = Arc::new(file);
                self.found
                    .sources
                    .insert(Name::clone(&name), Name::clone(&file.text));
                definition::parse_suite(&file, &folder)
            });
        match parsed {
            Ok(definition::Parsed { value, warnings }) => {
                self.found.diagnostics.extend(warnings);
                Some(value)
            }
            Err(diagnostics) => {
                self.found.diagnostics.extend(diagnostics);
                None
            }
        }
    }

    /// Adds the modules of the suite's script folder.
    fn with_scripts(&mut self, suite: Suite) -> Option<Project> {
        let folder = suite.folder.join(
            suite
                .scripts
                .as_ref()
                .map_or("scripts", |text| text.as_str()),
        );
        let mut modules = Vec::new();
        match std::fs::read_dir(&folder) {
            Ok(entries) => {
                let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
                paths.retain(|path| {
                    path.extension().is_some_and(|end| end == "rhai") && !path.is_dir()
                });
                paths.sort();
                if paths.len() > MODULES {
                    self.too_many_modules(&suite, &folder, paths.len());
                    return None;
                }
                let own = Within::new(&suite.folder, &folder);
                let broken = self.found.diagnostics.len();
                for path in paths {
                    modules.extend(self.module(&path, &own));
                }
                if self.found.diagnostics.len() > broken {
                    return None;
                }
            }
            Err(error) => {
                if let Some(text) = &suite.scripts {
                    let file = suite
                        .file
                        .as_ref()
                        .map_or_else(Name::default, |file| Name::clone(&file.name));
                    let message = format!(
                        "the folder `{}` cannot be read: {}",
                        folder.display(),
                        reason(&error)
                    );
                    self.found.diagnostics.push(Diagnostic::error(
                        "no-scripts",
                        &file,
                        text.span,
                        message,
                    ));
                    return None;
                }
            }
        }
        let (engine, broken) = script::Engine::new(&modules);
        for script::ModuleError { file, error, .. } in &broken {
            let source = modules
                .iter()
                .find(|module| module.file == *file)
                .map(|module| Name::clone(&module.source));
            let text = definition::Text::whole(source.clone().unwrap_or_default());
            let span = text.span_of(error.at.clone());
            self.found
                .sources
                .insert(Name::clone(file), source.unwrap_or_default());
            let diagnostic = Diagnostic::error("module", file, span, error.message.clone());
            self.found
                .diagnostics
                .push(diagnostic.maybe_hint(error.hint.clone()));
        }
        let permissions = Arc::new(self.loader.permissions(&suite));
        broken.is_empty().then_some(Project {
            suite,
            permissions,
            engine,
        })
    }

    fn too_many_modules(&mut self, suite: &Suite, folder: &Path, count: usize) {
        let (file, span) = match (&suite.file, &suite.scripts) {
            (Some(file), scripts) => {
                let span = scripts
                    .as_ref()
                    .map_or_else(Span::default, |text| text.span);
                (Name::clone(&file.name), span)
            }
            (None, _) => (folder.display().to_string().into(), Span::default()),
        };
        let message = format!(
            "the folder `{}` holds {count} modules: a suite has at most {MODULES}",
            folder.display()
        );
        let hint = "put functions that are used together into one file, or name a folder with fewer by `scripts:` in funcy.yaml";
        self.found
            .diagnostics
            .push(Diagnostic::error("too-many-modules", &file, span, message).hint(hint));
    }

    fn module(&mut self, path: &Path, own: &Within) -> Option<script::Module> {
        let name = path.file_stem()?.to_str()?;
        let file: Name = relative_to_cwd(path).display().to_string().into();
        if let Some(elsewhere) = own.leads_out(path) {
            let message = format!(
                "`{file}` is a link to {}, outside of the suite",
                elsewhere.display()
            );
            let hint =
                "put a copy of the module there, or name its folder with `scripts:` in funcy.yaml";
            let diagnostic = Diagnostic::error("linked-module", &file, Span::default(), message);
            self.found.diagnostics.push(diagnostic.hint(hint));
            return None;
        }
        match read(path, script::MAX_SOURCE).map(String::from_utf8) {
            Ok(Ok(source)) => Some(script::Module {
                name: name.into(),
                file,
                source: source.into(),
            }),
            Ok(Err(_)) => {
                let message = format!("`{file}` is not UTF-8");
                self.found.diagnostics.push(Diagnostic::error(
                    "encoding",
                    &file,
                    Span::default(),
                    message,
                ));
                None
            }
            Err(error) => {
                self.found.diagnostics.push(unreadable(&file, &error));
                None
            }
        }
    }
}

/// The folders that modules may lie in: the suite's, and the one that its file names.
struct Within([PathBuf; 2]);

impl Within {
    fn new(suite: &Path, scripts: &Path) -> Self {
        // Also of the working folder, whose name is empty.
        let real =
            |path: &Path| std::fs::canonicalize(Path::new(".").join(path)).unwrap_or_default();
        // Its last part as it is written: a link in its place does not name another folder.
        let named = match (scripts.parent(), scripts.file_name()) {
            (Some(above), Some(name)) => real(above).join(name),
            _ => real(scripts),
        };
        Self([real(suite), named])
    }

    /// Where a path really leads, if that is in none of them.
    fn leads_out(&self, path: &Path) -> Option<PathBuf> {
        let real = std::fs::canonicalize(path).ok()?;
        let holds = |folder: &PathBuf| folder.has_root() && real.starts_with(folder);
        (!self.0.iter().any(holds)).then_some(real)
    }
}
