//! What a run has left that was killed, and the run that takes it away.

use super::suite::{FAILS, PASSES, Suite};
use rustix::process::Signal;

/// Makes four things, each of which is undone with what was known when it was made.
const MAKES: &str = "version: 1
vars: { n: 1 }
start_state: make
final_state: made
states:
  make:
    instructions:
      - exec: { command: [sh, -c, 'echo id-${n}'] }
        save: { id: res.body.trim() }
        defer:
          file: { append: undone.txt, text: \"${n} ${id} ${res.body.trim()} ${run.id} ${run.attempt}\\n\" }
    transitions:
      - { to: wait, when: n == 4 }
      - { to: make, when: n < 4, set: { n: n + 1 } }
  wait:
    transitions: [made]
  made:
    transition_condition: { wait: 25s }
";

const GRANTS: &str = "version: 1\npermissions: { write: ['.'], exec: [sh] }\n";

/// A suite whose run was killed while it waited, and the name of that run.
fn killed(task: &str) -> (Suite, String) {
    let suite = Suite::new().file("t.yaml", task).file("funcy.yaml", GRANTS);
    suite
        .start(["run", "t.yaml", "--format", "json"])
        .until_says("wait_started")
        .signal(Signal::KILL)
        .ends();
    let id = suite
        .run(["runs", "--format", "json"])
        .exits(0)
        .json_lines()[0]["run"]
        .as_str()
        .unwrap()
        .to_owned();
    (suite, id)
}

#[test]
fn each_is_undone_with_what_was_known_when_it_was_made() {
    let (suite, id) = killed(MAKES);
    suite
        .run(["run", "--resume", "latest"])
        .exits(0)
        .prints(&format!("cleaned up after run {id}"))
        .prints_no("1 passed");
    let wanted: String = (1..=4)
        .rev()
        .map(|n| format!("{n} id-{n} id-{n} {id} 1\n"))
        .collect();
    assert_eq!(suite.text("undone.txt"), wanted);
}

#[test]
fn things_that_were_made_at_once_are_each_undone_with_their_own() {
    let task = "version: 1
start_state: make
final_state: made
states:
  make:
    instructions:
      - exec: { command: [sh, -c, 'sleep 0.${item}; echo made-${item}'] }
        for_each: [3, 2, 1]
        concurrency: 3
        defer:
          file: { append: undone.txt, text: \"${item} ${res.body.trim()}\\n\" }
    transitions: [made]
  made:
    transition_condition: { wait: 25s }
";
    let (suite, _) = killed(task);
    suite.run(["run", "--resume", "latest"]).exits(0);
    assert_eq!(suite.text("undone.txt"), "1 made-1\n2 made-2\n3 made-3\n");
}

#[test]
fn a_cleanup_is_no_result_of_its_task() {
    let (suite, _) = killed(MAKES);
    let junit = ["--report", "junit=junit.xml"];
    suite
        .run(["run", "--resume", "latest"].iter().chain(&junit))
        .exits(0);
    suite
        .run(["runs"])
        .exits(0)
        .prints("cleaned up")
        .prints("interrupted")
        .prints_no("passed");
    assert!(!suite.text("junit.xml").contains("<testcase"));
    // The interrupted run is the last one that has results.
    suite
        .run(["run", "--failed", "--list"])
        .exits(0)
        .prints("t.yaml");
    let stats = suite
        .run(["runs", "stats", "t", "--format", "json"])
        .exits(0);
    assert_eq!(stats.json_lines()[0]["executions"], 1, "{stats}");
    suite.run(["audit", "verify"]).exits(0).prints("2 runs");
}

#[test]
fn what_was_left_out_is_no_end_of_a_run() {
    let skipped = PASSES.replace("version: 1", "version: 1\nskip: not today");
    let suite = Suite::new()
        .file("tasks/good.yaml", PASSES)
        .file("tasks/skipped.yaml", &skipped)
        .file("skipped/t.yaml", &skipped)
        .file("bad/t.yaml", FAILS)
        .file("bad/skipped.yaml", &skipped);
    suite.run(["run"]).exits(0);
    suite.run(["run", "skipped"]).exits(0);
    suite.run(["run", "bad"]).exits(1);
    let rows = suite
        .run(["runs", "--format", "json"])
        .exits(0)
        .json_lines();
    let statuses: Vec<_> = rows.iter().map(|row| row["status"].clone()).collect();
    assert_eq!(statuses, ["failed", "skipped", "passed"]);
}
