//! `--report FORMAT=FILE`.

use super::suite::{FAILS, PASSES, Suite};
use serde_json::Value;

fn two() -> Suite {
    Suite::new()
        .file("tasks/pass.yaml", PASSES)
        .file("tasks/fail.yaml", FAILS)
}

#[test]
fn one_run_writes_several() {
    let suite = two();
    suite
        .run([
            "run",
            "--report",
            "junit=out/r.xml",
            "--report",
            "json=out/r.json",
            "--report",
            "ndjson=out/r.ndjson",
        ])
        .exits(1)
        .prints("out/r.xml");

    let junit = suite.text("out/r.xml");
    assert!(junit.starts_with("<?xml"), "{junit}");
    assert!(
        junit.contains("tests=\"2\"") && junit.contains("failures=\"1\""),
        "{junit}"
    );

    let document: Value = serde_json::from_str(&suite.text("out/r.json")).unwrap();
    assert!(document.to_string().contains("\"failed\""), "{document:#}");

    let events = suite.text("out/r.ndjson");
    let events: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events.last().unwrap()["kind"], "run_sealed");
}

#[test]
fn a_report_that_cannot_be_written_is_known_before_anything_runs() {
    let suite = two().file("taken", "a file");
    suite
        .run([
            "run",
            "--report",
            "json=taken/r.json",
            "--report",
            "ndjson=late.ndjson",
        ])
        .exits(3)
        .says("taken/r.json")
        .prints_nothing();
    suite
        .run(["run", "--report", "json=tasks"])
        .exits(3)
        .says("tasks");
}

#[test]
fn a_full_disk_is_said_and_the_verdict_stays() {
    // Writing to this device fails like a full disk; opening it does not.
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let suite = Suite::new().file("t.yaml", PASSES);
    suite
        .run(["run", "t.yaml", "--report", "json=/dev/full"])
        .exits(0)
        .says("could not be written");
}

#[test]
fn an_unknown_format_names_the_known() {
    two()
        .run(["run", "--report", "xunit=r.xml"])
        .exits(2)
        .says("junit")
        .says("ndjson");
    two()
        .run(["run", "--report", "junit"])
        .exits(2)
        .says("FORMAT=FILE");
    two().run(["run", "--report", "junit="]).exits(2);
}

#[test]
fn annotations_appear_in_github_actions() {
    let suite = two().file("summary.md", "");
    let summary = suite.path("summary.md").display().to_string();
    let suite = suite
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &summary);
    suite
        .run(["run"])
        .exits(1)
        .prints("::error file=tasks/fail.yaml,line=8,");
    assert!(
        suite.text("summary.md").contains("fail"),
        "{}",
        suite.text("summary.md")
    );
}
