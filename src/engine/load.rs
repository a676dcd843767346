use super::discover::{discover, suite_above};
use crate::client::Registry;
use crate::definition::model::PermissionsDefinition;
use crate::definition::{self, Catalog, Diagnostic, Severity, SourceFile, Suite, Task};
use crate::event::{Grant, Name, Permissions, Span};
use crate::machine::{self, Machine};
use crate::script;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Modules that one suite may have.
const MODULES: usize = 256;

/// Reads task files, their suite files and scripts, and compiles them.
#[derive(Clone, Debug)]
pub struct Loader {
    registry: Registry,
    catalog: Arc<Catalog>,
    given: Vec<Name>,
    grants: Vec<Allow>,
}

/// Something that is allowed from outside, whatever the suite file says (`--allow-…`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allow {
    /// Everything.
    All,
    /// A host.
    Net(String),
    /// A program.
    Exec(String),
    /// An environment variable.
    Env(String),
    /// Reading below a folder.
    Read(PathBuf),
    /// Writing below a folder.
    Write(PathBuf),
}

/// One task, ready to run, with what belongs to it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The task.
    pub machine: Arc<Machine>,
    /// Its suite.
    pub project: Arc<Project>,
    /// The texts that it gives to clients as they stand: each may be the path of a file that it reads.
    pub literals: Arc<[Name]>,
}

/// The suites that a loader has read. Handed to the next loading, they are not read again.
#[derive(Debug, Default)]
pub struct Projects(HashMap<PathBuf, Option<Arc<Project>>>);

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
    engine: script::Engine,
}

impl std::fmt::Debug for Project {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Project")
            .field("folder", &self.suite.folder)
            .finish_non_exhaustive()
    }
}

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
}

impl Tasks {
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
    /// A loader that knows these clients.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        let catalog = Arc::new(registry.catalog());
        Self {
            registry,
            catalog,
            given: Vec::new(),
            grants: Vec::new(),
        }
    }

    /// Variables that will be given to the run: expressions may use them though nothing declares them.
    #[must_use]
    pub fn given(mut self, names: impl IntoIterator<Item = Name>) -> Self {
        self.given.extend(names);
        self
    }

    /// Allows more than the suite file does.
    #[must_use]
    pub fn allow(mut self, grants: impl IntoIterator<Item = Allow>) -> Self {
        self.grants.extend(grants);
        self
    }

    /// The clients that it knows.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The client kinds as data.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

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
        let mut loading = Loading {
            loader: self,
            found: Tasks::default(),
            projects: std::mem::take(&mut known.0),
        };
        let mut seen: HashSet<PathBuf> = HashSet::new();
        for path in paths {
            match discover(path) {
                Ok(files) => {
                    for file in files {
                        // `tasks` and `./tasks` lead to the same file.
                        let real = std::fs::canonicalize(&file).unwrap_or_else(|_| file.clone());
                        if seen.insert(real) {
                            loading.file(&file);
                        }
                    }
                }
                Err(error) => {
                    loading.found.files += 1;
                    let name: Name = path.display().to_string().into();
                    let message = format!("`{name}` cannot be read: {}", reason(&error));
                    loading.found.diagnostics.push(Diagnostic::error(
                        "unreadable",
                        &name,
                        Span::default(),
                        message,
                    ));
                }
            }
        }
        known.0 = loading.projects;
        loading.found
    }

    /// Compiles one task from a text, as if it lay at this path.
    ///
    /// # Errors
    /// All its mistakes, and those of its suite file.
    pub fn compile(&self, path: &Path, text: &str) -> Result<Loaded, Vec<Diagnostic>> {
        let mut loading = Loading {
            loader: self,
            found: Tasks::default(),
            projects: HashMap::new(),
        };
        let name: Name = path.display().to_string().into();
        loading.text(path, &name, text.as_bytes());
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

    fn permissions(&self, suite: &Suite) -> Permissions {
        let folder = std::fs::canonicalize(&suite.folder).unwrap_or_else(|_| suite.folder.clone());
        let mut permissions = Permissions::standard(&folder);
        if let Some(PermissionsDefinition {
            net,
            exec,
            env,
            read,
            write,
        }) = &suite.permissions
        {
            let names = |texts: &Vec<definition::Text>| -> Vec<String> {
                texts.iter().map(|text| text.value.to_string()).collect()
            };
            let folders = |texts: &Vec<definition::Text>| -> Vec<PathBuf> {
                texts
                    .iter()
                    .map(|text| resolved(&folder.join(text.as_str())))
                    .collect()
            };
            permissions.net = net.as_ref().map(names);
            permissions.exec = exec
                .as_ref()
                .map_or(Grant::None, |texts| Grant::Names(names(texts)));
            permissions.env = env
                .as_ref()
                .map_or(Grant::None, |texts| Grant::Names(names(texts)));
            permissions.read = read.as_ref().map_or(permissions.read, folders);
            permissions.write = write.as_ref().map_or(Vec::new(), folders);
        }
        for grant in &self.grants {
            match grant {
                Allow::All => permissions.all = true,
                Allow::Net(host) => permissions
                    .net
                    .iter_mut()
                    .for_each(|hosts| hosts.push(host.clone())),
                Allow::Exec(name) => add(&mut permissions.exec, name),
                Allow::Env(name) => add(&mut permissions.env, name),
                Allow::Read(folder) => permissions.read.push(resolved(folder)),
                Allow::Write(folder) => permissions.write.push(resolved(folder)),
            }
        }
        permissions
    }
}

fn add(grant: &mut Grant, name: &str) {
    match grant {
        Grant::None => *grant = Grant::Names(vec![name.to_owned()]),
        Grant::Names(names) => names.push(name.to_owned()),
    }
}

/// The path without links and `..`; a folder that does not exist yet keeps the path as it is written.
fn resolved(path: &Path) -> PathBuf {
    std::fs::canonicalize(path)
        .or_else(|_| std::path::absolute(path))
        .unwrap_or_else(|_| path.to_owned())
}

struct Loading<'a> {
    loader: &'a Loader,
    found: Tasks,
    /// By the suite file, or the folder that has none; `None`: it is broken, and that was said.
    projects: HashMap<PathBuf, Option<Arc<Project>>>,
}

/// A machine, the texts that its task gives to clients, and warnings.
type Compiled = (Machine, Arc<[Name]>, Vec<Diagnostic>);

impl Loading<'_> {
    fn file(&mut self, path: &Path) {
        let name: Name = path.display().to_string().into();
        match read(path, definition::MAX_FILE_BYTES) {
            Ok(bytes) => self.text(path, &name, &bytes),
            Err(error) => {
                self.found.files += 1;
                let message = format!("`{name}` cannot be read: {}", reason(&error));
                self.found.diagnostics.push(Diagnostic::error(
                    "unreadable",
                    &name,
                    Span::default(),
                    message,
                ));
            }
        }
    }

    fn text(&mut self, path: &Path, name: &Name, bytes: &[u8]) {
        self.found.files += 1;
        let file = match SourceFile::from_bytes(Name::clone(name), path, bytes) {
            Ok(file) => Arc::new(file),
            Err(diagnostic) => return self.found.diagnostics.push(*diagnostic),
        };
        let Some(project) = self.project(path.parent().unwrap_or(Path::new("."))) else {
            return;
        };
        let compiled = self.compile(&file, &project);
        let (machine, diagnostics) = match compiled {
            Ok((machine, literals, warnings)) => (Some((machine, literals)), warnings),
            Err(diagnostics) => (None, diagnostics),
        };
        if !diagnostics.is_empty() {
            self.found
                .sources
                .insert(Name::clone(name), Name::clone(&file.text));
            // A mistake of the suite file shows in each of its tasks; it is still one.
            for diagnostic in diagnostics {
                if diagnostic.file == *name || !self.found.diagnostics.contains(&diagnostic) {
                    self.found.diagnostics.push(diagnostic);
                }
            }
        }
        if let Some((machine, literals)) = machine {
            self.found.tasks.push(Loaded {
                machine: Arc::new(machine),
                project,
                literals,
            });
        }
    }

    fn compile(
        &self,
        file: &Arc<SourceFile>,
        project: &Project,
    ) -> Result<Compiled, Vec<Diagnostic>> {
        let definition::Parsed {
            value: task,
            warnings,
        }: definition::Parsed<Task> = definition::parse_task(file)?;
        let against = machine::Project {
            suite: &project.suite,
            engine: &project.engine,
            catalog: &self.loader.catalog,
            given: &self.loader.given,
        };
        match machine::compile(&against, &task) {
            Ok((machine, more)) => {
                let warnings = warnings.into_iter().chain(more).collect();
                Ok((machine, task.literals().into(), warnings))
            }
            Err(mut errors) => {
                errors.splice(0..0, warnings);
                Err(errors)
            }
        }
    }

    /// The suite of a folder, read once.
    fn project(&mut self, folder: &Path) -> Option<Arc<Project>> {
        let file = suite_above(folder);
        let key = file.clone().unwrap_or_else(|| folder.to_owned());
        if let Some(known) = self.projects.get(&key) {
            return known.clone();
        }
        let project = match file {
            Some(file) => self.read_suite(&file),
            None => Some(Suite {
                folder: folder.to_owned(),
                ..Suite::default()
            }),
        };
        let project = project
            .and_then(|suite| self.with_scripts(suite))
            .map(Arc::new);
        self.projects.insert(key, project.clone());
        project
    }

    fn read_suite(&mut self, path: &Path) -> Option<Suite> {
        let shown = shown(path);
        let name: Name = shown.display().to_string().into();
        let folder = shown
            .parent()
            .map_or_else(|| PathBuf::from("."), Path::to_owned);
        let parsed = read(path, definition::MAX_FILE_BYTES)
            .map_err(|error| {
                let message = format!("`{name}` cannot be read: {}", reason(&error));
                vec![Diagnostic::error(
                    "unreadable",
                    &name,
                    Span::default(),
                    message,
                )]
            })
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
                    path.extension().is_some_and(|end| end == "rhai") && path.is_file()
                });
                paths.sort();
                for path in paths.into_iter().take(MODULES) {
                    modules.extend(self.module(&path));
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

    fn module(&mut self, path: &Path) -> Option<script::Module> {
        let name = path.file_stem()?.to_str()?;
        let file: Name = shown(path).display().to_string().into();
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
                let message = format!("`{file}` cannot be read: {}", reason(&error));
                self.found.diagnostics.push(Diagnostic::error(
                    "unreadable",
                    &file,
                    Span::default(),
                    message,
                ));
                None
            }
        }
    }
}

/// The path relative to the working folder, where it lies in it.
fn shown(path: &Path) -> PathBuf {
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

/// The bytes of a regular file of at most this size.
fn read(path: &Path, limit: usize) -> std::io::Result<Vec<u8>> {
    use std::io::{Error, ErrorKind, Read};
    let kind = std::fs::metadata(path)?;
    if !kind.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(kind.len()).unwrap_or(0).min(limit));
    std::fs::File::open(path)?
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("it is larger than {} KiB", limit >> 10),
        ));
    }
    Ok(bytes)
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
