//! What tasks are loaded with: the clients, the variables that will be given, and what is allowed from outside.

use super::project::Project;
use crate::client::Registry;
use crate::definition::model::PermissionsDefinition;
use crate::definition::{self, Catalog, Suite};
use crate::event::{Grant, Name, Permissions};
use crate::machine::{self, CalledTasks};
use crate::os::process;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads task files, their suite files and scripts, and compiles them.
#[derive(Clone, Debug)]
pub struct Loader {
    registry: Registry,
    pub(super) catalog: Arc<Catalog>,
    pub(super) given: Vec<Name>,
    grants: Vec<Allow>,
    pub(super) environment: Option<Name>,
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
            environment: None,
        }
    }

    /// Loads each suite as it is in its environment of this name.
    #[must_use]
    pub fn environment(mut self, name: Option<Name>) -> Self {
        self.environment = name;
        self
    }

    /// The environment that suites are loaded for.
    #[must_use]
    pub fn chosen_environment(&self) -> Option<&Name> {
        self.environment.as_ref()
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

    pub(super) fn permissions(&self, suite: &Suite) -> Permissions {
        // The working folder has the name ``, which every path would begin with.
        let folder = resolved(&Path::new(".").join(&suite.folder));
        let mut permissions = Permissions::standard(&folder);
        let scripts = suite
            .scripts
            .as_ref()
            .map_or("scripts", |text| text.as_str());
        permissions.modules = vec![resolved(&folder.join(scripts))];
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
        match process::ceiling() {
            Some(ceiling) => permissions.within(&Permissions::of_ceiling(&ceiling)),
            None => permissions,
        }
    }
}

impl Loader {
    /// What a task of this suite is compiled against.
    pub(super) fn against<'p>(
        &'p self,
        project: &'p Project,
        called: &'p CalledTasks,
        prefix: &'p str,
    ) -> machine::CompileInputs<'p> {
        machine::CompileInputs {
            suite: &project.suite,
            engine: &project.engine,
            catalog: &self.catalog,
            called,
            prefix,
            given: &self.given,
            module_elsewhere: super::stray_module::module_elsewhere,
        }
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
