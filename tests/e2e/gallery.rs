//! Every task of the gallery, run as a reader would run it.

use super::suite::{Suite, repository};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The files of the gallery, relative to the repository.
pub(crate) fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![repository().join("tasks")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_called =
                (path.file_name()).is_some_and(|name| name.to_string_lossy().starts_with('_'));
            if is_called {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "yaml")
                && path.file_name().is_some_and(|name| name != "funcy.yaml")
            {
                files.push(path.strip_prefix(repository()).unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

fn required() -> bool {
    std::env::var("FUNCY_TEST_SERVICES").is_ok_and(|value| value == "required")
}

/// A copy of the gallery, so that what a task leaves behind is not in the repository.
fn gallery() -> Suite {
    let mut suite = Suite::new();
    for folder in ["tasks", "tasks/_order", "tasks/protocols", "scripts"] {
        for entry in std::fs::read_dir(repository().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let text = std::fs::read(&path).unwrap();
                suite = suite.file(path.strip_prefix(repository()).unwrap(), text);
            }
        }
    }
    if required() {
        suite = suite
            .env("NATS_URL", &set("NATS_URL", "nats://127.0.0.1:4222"))
            .env(
                "POSTGRES_URL",
                &set("POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/test"),
            );
    }
    suite
}

fn set(name: &str, usual: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| usual.to_owned())
}

#[test]
fn every_task_passes_or_is_skipped_with_a_reason() {
    let suite = gallery();
    let ran = suite
        .run(["run", "tasks", "--report", "json=r.json"])
        .exits(0);
    let document: serde_json::Value = serde_json::from_str(&suite.text("r.json")).unwrap();
    let tasks = document["tasks"]
        .as_array()
        .unwrap_or_else(|| panic!("{document:#}"));
    let ran_files: BTreeSet<&str> = (tasks.iter())
        .filter_map(|task| task["file"].as_str())
        .collect();
    assert_eq!(ran_files.len(), files().len(), "each file is a task\n{ran}");
    for task in tasks {
        let name = &task["task"];
        match task["outcome"].as_str() {
            Some("passed") => {}
            Some("skipped") => {
                assert!(
                    !required(),
                    "{name} is skipped, and FUNCY_TEST_SERVICES=required"
                );
                let reason = task["attempts"][0]["skip"].as_str();
                assert!(
                    reason.is_some_and(|reason| !reason.is_empty()),
                    "{name} has no reason: {task:#}"
                );
            }
            other => panic!("{name}: {other:?}\n{ran}"),
        }
    }
}

#[test]
fn every_task_passes_by_itself() {
    let suite = gallery();
    for file in files() {
        let ran = suite.run([Path::new("run"), &file]).exits(0);
        let is_skipped = ran.stdout.contains(" 1 skipped") && !required();
        let has_passed = ran.stdout.contains(" passed") && !ran.stdout.contains(" skipped");
        assert!(is_skipped || has_passed, "{}: {ran}", file.display());
    }
}

#[test]
fn every_task_says_how_to_run_it() {
    for file in files() {
        let text = std::fs::read_to_string(repository().join(&file)).unwrap();
        let command = format!("funcy run {}", file.display());
        assert!(
            text.lines()
                .take_while(|line| line.starts_with('#'))
                .any(|line| line.contains(&command)),
            "{command}"
        );
    }
}

/// The comment of a task in which some `--var` makes it end otherwise holds too.
#[test]
fn the_other_ends_that_a_task_promises_happen() {
    let suite = gallery();
    let file = "tasks/03-either-shipped-or-rejected.yaml";
    suite
        .run(["run", file, "--var", "outcome=rejected"])
        .exits(1)
        .prints("1 failed");
    suite
        .run(["run", file, "--var", "outcome=stuck"])
        .exits(1)
        .prints("timed out");
}
