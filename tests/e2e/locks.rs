//! Locks: what never runs at the same time.

use super::suite::Suite;
use serde_json::Value;

fn task(head: &str) -> String {
    format!(
        "version: 1\n{head}\nstart_state: here\nfinal_state: there\nstates:\n  here: {{ transitions: [{{ to: there, wait: 30ms }}] }}\n  there:\n"
    )
}

/// When each execution of a run began and ended, by its name.
fn spans(events: &str) -> Vec<(String, u64, u64)> {
    let mut open: Vec<(u64, String, u64)> = Vec::new();
    let mut spans = Vec::new();
    for event in events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
    {
        let (id, seq) = (event["execution"].as_u64(), event["seq"].as_u64().unwrap());
        match event["kind"].as_str() {
            Some("execution_started") => {
                let case = event["case"].as_str().unwrap_or_default();
                let name = format!("{}{case}", event["task"].as_str().unwrap());
                open.push((id.unwrap(), name, seq));
            }
            Some("execution_finished") => {
                let at = open.iter().position(|one| Some(one.0) == id).unwrap();
                let (_, name, began) = open.remove(at);
                spans.push((name, began, seq));
            }
            _ => {}
        }
    }
    spans.sort();
    spans
}

#[test]
fn tasks_and_cases_that_share_a_lock_run_one_after_another() {
    let suite = Suite::new()
        .file(
            "tasks/a.yaml",
            task("locks: [db]\ncases: [{ name: one }, { name: two }]"),
        )
        .file("tasks/b.yaml", task("locks: [mail, db]"))
        .file("tasks/c.yaml", task("locks: [mail]"))
        .file("tasks/d.yaml", task(""));
    suite
        .run(["run", "--jobs", "3", "--report", "ndjson=e.ndjson"])
        .exits(0)
        .prints("5 passed");
    let spans = spans(&suite.text("e.ndjson"));
    let names: Vec<&str> = spans.iter().map(|span| &*span.0).collect();
    assert_eq!(names, ["aone", "atwo", "b", "c", "d"]);
    let overlap =
        |one: usize, other: usize| spans[one].1 < spans[other].2 && spans[other].1 < spans[one].2;
    for (one, other) in [(0, 1), (0, 2), (1, 2), (2, 3)] {
        assert!(!overlap(one, other), "{} and {}", names[one], names[other]);
    }
    // Those that share none: one that waits for a lock takes no place.
    assert!(overlap(0, 3) && overlap(0, 4), "{spans:?}");
}

#[test]
fn a_lock_is_given_back_by_a_task_that_failed_and_tried_again() {
    let fails = task("locks: [db]\nretries: 1").replace(
        "there:\n",
        "there: { instructions: [{ expect: 1 == 2 }] }\n",
    );
    let suite = Suite::new()
        .file("tasks/a.yaml", fails)
        .file("tasks/b.yaml", task("locks: [db]"));
    suite
        .run(["run", "--report", "ndjson=e.ndjson"])
        .exits(1)
        .prints("1 failed")
        .prints("1 passed");
    let spans = spans(&suite.text("e.ndjson"));
    assert!(
        spans[0].2 < spans[2].1 && spans[1].2 < spans[2].1,
        "{spans:?}"
    );
}
