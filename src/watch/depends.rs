//! Which tasks a changed path affects: what each of them is made of, as paths.

use super::canonical_path::normal;
use crate::event::Name;
use crate::syntax;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What one task is made of. All paths are absolute.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// Its file.
    pub(super) file: PathBuf,
    /// The suite file, if there is one.
    pub(super) suite: Option<PathBuf>,
    /// The folder of the modules.
    pub(super) scripts: PathBuf,
    /// The modules that its expressions call, those of the suite's variables included.
    pub(super) modules: BTreeSet<Name>,
    /// Every path that its requests may name: data, schemas, programs; and its file of cases.
    pub(super) named: BTreeSet<PathBuf>,
    /// The task files that it calls, also through others.
    pub(super) called: BTreeSet<PathBuf>,
    /// Its file of cases: it is compiled with that.
    pub(super) cases: Option<PathBuf>,
}

/// Why a path affects a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tie {
    /// A request names it.
    Data,
    /// It is a module that the task calls, or one that such a module calls.
    Script,
    /// The task calls it.
    Called,
    /// It is the suite file.
    Suite,
    /// It is the task's file.
    Own,
}

/// A module of a script folder.
#[derive(Clone, Debug)]
pub(super) struct Module {
    pub(super) path: PathBuf,
    /// The modules that it calls itself; none if it does not parse.
    calls: BTreeSet<Name>,
}

impl Module {
    pub(super) fn new(path: PathBuf, text: &str) -> Self {
        let uses = syntax::module(text).map(|block| syntax::uses_of_module(&block));
        Self {
            path,
            calls: uses.map_or_else(
                |_| BTreeSet::new(),
                |uses| uses.modules().cloned().collect(),
            ),
        }
    }
}

impl Parts {
    /// What this path is to the task. `modules`: what lies in its script folder.
    pub(super) fn tie(&self, path: &Path, modules: &[Module]) -> Option<Tie> {
        if path == self.file {
            Some(Tie::Own)
        } else if self.suite.as_deref() == Some(path) {
            Some(Tie::Suite)
        } else if is_module(path) && path.parent() == Some(&self.scripts) {
            self.calls(path, modules).then_some(Tie::Script)
        } else if self.called.contains(path) {
            Some(Tie::Called)
        } else {
            self.named.contains(path).then_some(Tie::Data)
        }
    }

    /// Whether the task calls this module, itself or through others.
    fn calls(&self, path: &Path, modules: &[Module]) -> bool {
        let mut reached: BTreeSet<&str> = name_of(path).into_iter().collect();
        loop {
            let more: Vec<&str> = modules
                .iter()
                .filter(|module| reached.iter().any(|name| module.calls.contains(*name)))
                .filter_map(|module| name_of(&module.path))
                .filter(|name| !reached.contains(name))
                .collect();
            if more.is_empty() {
                break;
            }
            reached.extend(more);
        }
        (reached.iter()).any(|name| self.modules.contains(*name))
    }
}

/// Whether this file is a module by its name.
pub(super) fn is_module(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "rhai")
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_stem()?.to_str()
}

/// The paths that literal texts of a task may name.
pub(super) fn named(literals: &[Name], folder: &Path) -> BTreeSet<PathBuf> {
    literals
        .iter()
        // A request in short form is a method and a path; a URL is no file.
        .filter(|text| !text.contains("://") && !text.contains('\0'))
        .map(|text| normal(&folder.join(&**text)))
        .filter(|path| path.file_name().is_some())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Parts {
        let literals: Vec<Name> = ["data/a.json", "../shared/b.csv", "GET /orders", "/etc/c"]
            .map(Name::from)
            .into();
        Parts {
            file: "/s/tasks/t.yaml".into(),
            cases: None,
            suite: Some("/s/tasks/funcy.yaml".into()),
            scripts: "/s/scripts".into(),
            modules: ["money", "keys"].map(Name::from).into(),
            named: named(&literals, Path::new("/s/tasks")),
            called: ["/s/tasks/_login.yaml".into()].into(),
        }
    }

    fn tie(path: &str) -> Option<Tie> {
        let modules = [
            ("money", "fn fair(x) { round::to(x) }"),
            ("round", "fn to(x) { x }"),
            ("keys", ""),
            ("other", "fn a() { ground::x() }"),
            ("ground", ""),
        ]
        .map(|(name, text)| Module::new(format!("/s/scripts/{name}.rhai").into(), text));
        parts().tie(Path::new(path), &modules)
    }

    #[test]
    fn a_task_is_tied_to_what_it_is_made_of() {
        assert_eq!(tie("/s/tasks/t.yaml"), Some(Tie::Own));
        assert_eq!(tie("/s/tasks/funcy.yaml"), Some(Tie::Suite));
        assert_eq!(tie("/s/tasks/_login.yaml"), Some(Tie::Called));
        assert_eq!(tie("/s/tasks/data/a.json"), Some(Tie::Data));
        assert_eq!(tie("/s/shared/b.csv"), Some(Tie::Data));
        assert_eq!(tie("/etc/c"), Some(Tie::Data));
        assert_eq!(tie("/s/tasks/u.yaml"), None);
        assert_eq!(tie("/s/funcy.yaml"), None);
        assert_eq!(tie("/s/tasks/data/b.json"), None);
    }

    #[test]
    fn of_the_modules_those_that_it_calls_count() {
        assert_eq!(tie("/s/scripts/money.rhai"), Some(Tie::Script));
        assert_eq!(
            tie("/s/scripts/round.rhai"),
            Some(Tie::Script),
            "through another"
        );
        assert_eq!(
            tie("/s/scripts/keys.rhai"),
            Some(Tie::Script),
            "through the suite file"
        );
        assert_eq!(tie("/s/scripts/other.rhai"), None);
        assert_eq!(
            tie("/s/scripts/ground.rhai"),
            None,
            "the end of another name"
        );
        assert_eq!(tie("/s/tasks/money.rhai"), None, "another folder");
    }
}
