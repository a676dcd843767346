//! `--coverage`: what a run took of all that its tasks can do.

use super::suite::Suite;
use serde_json::Value;

const TASK: &str = r#"version: 1
vars: { way: short }
start_state: begin
final_state: [done, late]
states:
  begin:
    transitions:
      - { to: side_by_side, when: way == 'short' }
      - { to: long, when: way == 'long' }
  long:
    timeout: 50ms
    on_timeout: late
    transitions: [{ to: side_by_side, subscribe: { signal: never } }]
  side_by_side:
    regions:
      one:
        start_state: x
        final_state: y
        states:
          x: { transitions: [{ to: y, wait: 1ms, set: { bad: "false" } }, { to: y, when: way == 'no' }] }
          y:
    on_error: [{ kind: expect, to: late }, { kind: script, to: late }]
    transitions: [{ fail_when: "regions.one.bad ?? false" }, done]
  done:
  late:
"#;

const STAYS: &str = "version: 1
vars: { n: 0 }
start_state: a
final_state: b
states:
  a:
    poll: { eval: attempt }
    every: 1ms
    transitions:
      - { stay: true, when: res < 3, set: { n: n + 1 } }
      - { to: b, when: res == 3 }
  b:
";

fn suite() -> Suite {
    Suite::new()
        .file("ways.yaml", TASK)
        .file("stays.yaml", STAYS)
}

/// What is said of a task, or of the suite.
fn of(stdout: &str, task: &str) -> Value {
    let lines = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let mut said = lines.filter_map(|line: Value| line.get("coverage").cloned());
    said.find(|said| said.get("task").and_then(Value::as_str).unwrap_or_default() == task)
        .unwrap_or_else(|| panic!("{task}: {stdout}"))
}

#[test]
fn what_was_taken_and_what_never_is_told_for_each_task_and_for_all() {
    let suite = suite();
    suite
        .run(["run", ".", "--coverage"])
        .exits(0)
        .prints("Coverage")
        .prints("ways  ")
        .prints("states 5/7, transitions 3/6, timeouts 0/1, errors 0/2, outcomes 3/6, regions 1/1")
        .prints("never: state long  ./ways.yaml:10:3")
        .prints("never: transition begin → long  ./ways.yaml:9:9")
        .prints("never: timeout long → late (timeout)")
        .prints("never: error side_by_side → late (script error)")
        .prints("never: outcome one/x → y: fulfilled")
        .prints("stays  100 %")
        .prints("all tasks  ");
    let said = suite
        .run(["run", ".", "--coverage", "--format", "json"])
        .exits(0)
        .stdout;
    let ways = of(&said, "ways");
    assert_eq!(
        ways["of"]["state"],
        serde_json::json!({ "taken": 5, "all": 7 })
    );
    let never = ways["never"].as_array().unwrap();
    assert_eq!(
        never.len() as u64,
        ways["all"].as_u64().unwrap() - ways["taken"].as_u64().unwrap()
    );
    assert_eq!(of(&said, "stays")["percent"], 100);
    let (all, one) = (of(&said, ""), of(&said, "stays"));
    assert_eq!(
        all["all"].as_u64().unwrap(),
        ways["all"].as_u64().unwrap() + one["all"].as_u64().unwrap()
    );
}

#[test]
fn each_way_that_is_taken_counts() {
    let suite = suite();
    suite
        .run(["run", "ways.yaml", "--coverage", "--var", "way=long"])
        .exits(0)
        .prints("timeouts 1/1")
        .prints("never: transition begin → side_by_side")
        .prints("states 3/7")
        .prints("never: region one");
}

#[test]
fn too_little_of_it_fails_the_run() {
    let suite = suite();
    suite
        .run(["run", "ways.yaml", "--fail-under", "90"])
        .exits(1)
        .says("less than the 90 % of `--fail-under`");
    suite
        .run(["run", "stays.yaml", "--fail-under", "100"])
        .exits(0)
        .prints("stays  100 %");
    suite.run(["run", "--fail-under", "101"]).exits(2);
    // What is worse stays.
    let broken = TASK.replace("way == 'short'", "way - 1 == 1");
    suite
        .file("ways.yaml", broken)
        .run(["run", "ways.yaml", "--fail-under", "90"])
        .exits(3);
}

#[test]
fn a_drawing_tells_how_often_each_way_was_taken() {
    let suite = suite();
    suite.run(["run", "."]).exits(0);
    let drawn = suite
        .run([
            "graph",
            "stays.yaml",
            "--coverage",
            "latest",
            "--format",
            "json",
        ])
        .exits(0)
        .stdout;
    let drawn: Value = serde_json::from_str(&drawn).unwrap();
    assert_eq!(drawn["states"][0]["entered"], 1);
    assert_eq!(drawn["transitions"][0]["taken"], 2);
    assert_eq!(drawn["transitions"][1]["taken"], 1);
    suite
        .run(["graph", "ways.yaml", "--coverage", "latest"])
        .exits(0)
        .prints("never")
        .prints("once");
    suite
        .run(["graph", "ways.yaml", "--coverage", "nosuchrun"])
        .exits(2)
        .says("there is no run `NOSUCHRUN`");
}
