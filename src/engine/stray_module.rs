//! A module that lies somewhere in the suite and not in its folder of scripts.

use super::discover::SUITE;
use crate::definition::Suite;
use std::path::{Path, PathBuf};

/// Most folders that are looked into: this is about the words of a mistake.
const MAX_FOLDERS: usize = 1_000;

/// Where a module of this name lies below the suite's folder, and how its functions can be called.
pub(super) fn module_elsewhere(suite: &Suite, name: &str) -> Option<String> {
    let file = format!("{name}.rhai");
    let found = find(&suite.folder, &file)?;
    let folder = found.parent()?;
    let within = folder.strip_prefix(&suite.folder).unwrap_or(folder);
    let written = match within.display().to_string() {
        empty if empty.is_empty() => ".".to_owned(),
        other => other,
    };
    let scripts = suite
        .scripts
        .as_ref()
        .map_or("scripts", |text| text.as_str());
    Some(format!(
        "`{}` lies outside of the folder of modules: move it to `{scripts}/`, or write `scripts: {written}` in {SUITE}",
        within.join(&file).display(),
    ))
}

/// The first file of this name, the nearest to the top.
fn find(folder: &Path, file: &str) -> Option<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let mut next = 0;
    while next < folders.len().min(MAX_FOLDERS) {
        let here = folders[next].join(file);
        if here.is_file() {
            return Some(here);
        }
        let mut below: Vec<PathBuf> = std::fs::read_dir(&folders[next])
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
            // Links are not followed: they may lead round and round.
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        below.sort();
        folders.append(&mut below);
        next += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::client::Registry;
    use crate::engine::Loader;

    #[test]
    fn a_module_in_another_folder_is_named_with_the_key_that_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("tasks/lib")).unwrap();
        std::fs::write(path("funcy.yaml"), "version: 1\n").unwrap();
        std::fs::write(path("tasks/lib/money.rhai"), "fn cents(x) { x * 100 }").unwrap();
        let task = "version: 1\nstart_state: a\nfinal_state: b\nstates:\n  a:\n    instructions:\n      \
                    - eval: money::cents(1)\n    next: b\n  b:\n";
        std::fs::write(path("tasks/t.yaml"), task).unwrap();
        let load = || {
            Loader::new(Registry::builtin())
                .load(&[path("tasks/t.yaml")])
                .diagnostics
        };
        let found = load();
        assert_eq!(found.len(), 1, "{found:?}");
        let hint = found[0].hint.as_deref().unwrap_or_default();
        assert!(
            hint.starts_with("`tasks/lib/money.rhai` lies outside"),
            "{hint}"
        );
        assert!(
            hint.contains("`scripts: tasks/lib` in funcy.yaml"),
            "{hint}"
        );
        std::fs::write(path("funcy.yaml"), "version: 1\nscripts: tasks/lib\n").unwrap();
        assert_eq!(load(), []);
    }
}
