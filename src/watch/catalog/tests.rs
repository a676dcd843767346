use super::*;
use crate::client::Registry;
use tempfile::TempDir;

const TASK: &str = "version: 1
vars: { a: 1 }
start_state: here
final_state: here
states:
  here:
    instructions:
      - expect: a == 1
";

fn open(files: &[(&str, &str)]) -> (TempDir, Catalog) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(&folder, name, text);
    }
    let loader = Loader::new(Registry::builtin());
    let roots = vec![folder.path().join("tasks")];
    let mut catalog = Catalog::open(loader, roots, BTreeSet::new());
    catalog.remember();
    (folder, catalog)
}

fn write(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn touch(folder: &TempDir, catalog: &mut Catalog, names: &[&str]) -> Vec<String> {
    let root = std::fs::canonicalize(folder.path()).unwrap();
    let batch = Batch {
        paths: names.iter().map(|name| root.join(name)).collect(),
        removed: BTreeSet::new(),
        rescan: false,
    };
    affected(&catalog.apply(&batch))
}

fn affected(applied: &Applied) -> Vec<String> {
    let name = |file: &Name| {
        Path::new(&**file)
            .file_stem()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    };
    applied.affected.keys().map(name).collect()
}

fn entry<'c>(catalog: &'c Catalog, name: &str) -> &'c TaskFile {
    (catalog.entries().iter())
        .find(|entry| entry.path.ends_with(format!("{name}.yaml")))
        .unwrap()
}

#[test]
fn a_save_that_changes_nothing_affects_nothing() {
    let (folder, mut catalog) = open(&[("tasks/a.yaml", TASK), ("tasks/b.yaml", TASK)]);
    assert!(touch(&folder, &mut catalog, &["tasks/a.yaml"]).is_empty());
    write(&folder, "tasks/a.yaml", &TASK.replace("a: 1", "a: 2"));
    assert_eq!(
        touch(&folder, &mut catalog, &["tasks/a.yaml", "tasks/b.yaml"]),
        ["a"]
    );
    assert!(touch(&folder, &mut catalog, &["tasks/a.yaml"]).is_empty());
}

#[test]
fn whatever_half_of_a_file_is_saved_the_last_good_definition_stays() {
    let long = format!("{TASK}# {}\n", "x".repeat(2048 - TASK.len()));
    let (folder, mut catalog) = open(&[("tasks/a.yaml", &long)]);
    let first = Arc::clone(&entry(&catalog, "a").good.as_ref().unwrap().machine);
    for length in 0..TASK.len() - 1 {
        write(&folder, "tasks/a.yaml", &long[..length]);
        touch(&folder, &mut catalog, &["tasks/a.yaml"]);
        let entry = entry(&catalog, "a");
        let good = entry.good.as_ref().expect("always runnable");
        // A shorter text that is a task by itself is the new definition.
        if let Some(findings) = &entry.broken {
            assert!(findings.diagnostics.iter().any(Diagnostic::is_error));
        } else {
            assert_eq!(&*good.machine.file.text, &long[..length]);
        }
    }
    write(&folder, "tasks/a.yaml", &long);
    touch(&folder, &mut catalog, &["tasks/a.yaml"]);
    let last = entry(&catalog, "a");
    assert!(last.broken.is_none());
    assert_eq!(last.good.as_ref().unwrap().machine.hash, first.hash);
}

#[test]
fn a_broken_suite_or_module_keeps_what_was_good() {
    let (folder, mut catalog) = open(&[
        ("tasks/funcy.yaml", "version: 1\n"),
        ("tasks/scripts/m.rhai", "fn one() { 1 }\n"),
        ("tasks/a.yaml", &TASK.replace("a == 1", "a == m::one()")),
        ("tasks/b.yaml", TASK),
    ]);
    assert!(
        entry(&catalog, "a").broken.is_none(),
        "{:?}",
        entry(&catalog, "a").broken
    );
    write(&folder, "tasks/scripts/m.rhai", "fn one( { 1 }\n");
    assert_eq!(
        touch(&folder, &mut catalog, &["tasks/scripts/m.rhai"]),
        ["a"]
    );
    let a = entry(&catalog, "a");
    assert!(a.good.is_some());
    assert!(
        a.broken.as_ref().unwrap().diagnostics[0]
            .file
            .ends_with("m.rhai")
    );
    // The task that does not call it can be changed all the same.
    write(&folder, "tasks/b.yaml", &TASK.replace("a: 1", "a: 3"));
    assert_eq!(touch(&folder, &mut catalog, &["tasks/b.yaml"]), ["b"]);
    assert!(entry(&catalog, "b").broken.is_none());
    write(&folder, "tasks/scripts/m.rhai", "fn one() { 2 }\n");
    assert_eq!(
        touch(&folder, &mut catalog, &["tasks/scripts/m.rhai"]),
        ["a"]
    );
    assert!(entry(&catalog, "a").broken.is_none());

    write(&folder, "tasks/funcy.yaml", "version: [\n");
    assert_eq!(
        touch(&folder, &mut catalog, &["tasks/funcy.yaml"]),
        ["a", "b"]
    );
    let a = entry(&catalog, "a");
    assert!(a.good.is_some() && a.broken.is_some());
    write(&folder, "tasks/funcy.yaml", "version: 1\nvars: { b: 1 }\n");
    assert_eq!(
        touch(&folder, &mut catalog, &["tasks/funcy.yaml"]),
        ["a", "b"]
    );
    assert!(catalog.entries().iter().all(|entry| entry.broken.is_none()));
}

#[test]
fn files_and_folders_come_and_go() {
    let (folder, mut catalog) = open(&[("tasks/a.yaml", TASK)]);
    write(&folder, "tasks/deep/b.yaml", TASK);
    assert_eq!(touch(&folder, &mut catalog, &["tasks/deep"]), ["b"]);
    assert!(
        catalog
            .watched()
            .iter()
            .any(|path| path.ends_with("tasks/deep"))
    );
    std::fs::remove_dir_all(folder.path().join("tasks")).unwrap();
    assert!(touch(&folder, &mut catalog, &["tasks"]).is_empty());
    assert!(catalog.entries().is_empty());
    let root = std::fs::canonicalize(folder.path()).unwrap();
    assert!(
        catalog.watched().contains(&root),
        "so that it may come back"
    );
    write(&folder, "tasks/c.yaml", TASK);
    assert_eq!(touch(&folder, &mut catalog, &["tasks"]), ["c"]);
}

#[test]
fn after_lost_events_everything_is_compared() {
    let (folder, mut catalog) = open(&[
        (
            "tasks/a.yaml",
            &TASK.replace("- expect: a == 1", "- file: { read: a.json }"),
        ),
        ("tasks/a.json", "1"),
        ("tasks/b.yaml", TASK),
        ("tasks/c.yaml", TASK),
    ]);
    write(&folder, "tasks/a.json", "2");
    write(&folder, "tasks/c.yaml", &TASK.replace("a: 1", "a: 2"));
    write(&folder, "tasks/d.yaml", TASK);
    let batch = Batch {
        paths: BTreeSet::new(),
        removed: BTreeSet::new(),
        rescan: true,
    };
    assert_eq!(affected(&catalog.apply(&batch)), ["a", "c", "d"]);
    assert!(affected(&catalog.apply(&batch)).is_empty());
}

#[test]
fn a_task_that_lacks_a_parameter_cannot_run() {
    let (_folder, catalog) = open(&[("tasks/a.yaml", &TASK.replace("vars", "params: [p]\nvars"))]);
    let broken = entry(&catalog, "a").broken.as_ref().unwrap();
    assert!(broken.diagnostics[0].message.contains("`p`"), "{broken:?}");
}

#[test]
fn a_task_is_compiled_again_with_its_file_of_cases() {
    let task = TASK.replace("vars: { a: 1 }", "cases: { file: _cases/a.csv }");
    let (folder, mut catalog) = open(&[
        ("tasks/a.yaml", &task),
        ("tasks/_cases/a.csv", "a\n1\n"),
        ("tasks/b.yaml", TASK),
    ]);
    let cases = |catalog: &Catalog| {
        entry(catalog, "a")
            .good
            .as_ref()
            .unwrap()
            .machine
            .cases
            .len()
    };
    assert_eq!(cases(&catalog), 1);
    write(&folder, "tasks/_cases/a.csv", "name,a\none,1\ntwo,1\n");
    assert_eq!(touch(&folder, &mut catalog, &["tasks/_cases/a.csv"]), ["a"]);
    assert_eq!(cases(&catalog), 2);
    write(&folder, "tasks/_cases/a.csv", "name,a\none\n");
    assert_eq!(touch(&folder, &mut catalog, &["tasks/_cases/a.csv"]), ["a"]);
    let findings = entry(&catalog, "a").broken.clone().unwrap();
    assert_eq!(findings.diagnostics[0].code, "broken-csv");
    assert_eq!(cases(&catalog), 2, "the last good definition stays");
}

/// Broken from the beginning, and mended where it is broken: in the file of cases.
#[test]
fn a_file_of_cases_that_comes_later_mends_its_task() {
    let task = TASK.replace("vars: { a: 1 }", "cases: { file: a.csv }");
    let (folder, mut catalog) = open(&[("tasks/a.yaml", &task)]);
    assert!(entry(&catalog, "a").broken.is_some());
    write(&folder, "tasks/a.csv", "a\n1\n");
    assert_eq!(touch(&folder, &mut catalog, &["tasks/a.csv"]), ["a"]);
    assert!(entry(&catalog, "a").broken.is_none());
    assert!(entry(&catalog, "a").good.is_some());
}
