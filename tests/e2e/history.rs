//! What has run: `runs`, `show`, `run --failed`.

use super::suite::{FAILS, PASSES, Ran, Running, Suite, WAITS};
use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};
use unicode_width::UnicodeWidthStr;

/// Saves a variable twice.
const SAVES: &str = "version: 1
vars: { count: 1 }
start_state: first
final_state: second
states:
  first:
    transitions:
      - { to: second, wait: 20ms, set: { count: count + 1 } }
  second:
    instructions:
      - exec: { command: [echo, 'the answer is ${count}'] }
        save: { text: trim(res.stdout) }
";

/// Comes back to one state 25 times, each time after a moment.
const LOOPS: &str = "version: 1
vars: { count: 0 }
start_state: here
final_state: there
states:
  here:
    max_visits: 30
    transitions:
      - { to: there, when: count >= 25 }
      - { to: here, wait: 1ms, set: { count: count + 1 } }
  there:
";

/// The runs that a query finds, the latest first.
fn runs(suite: &Suite, query: &[&str]) -> Vec<Value> {
    let ran = suite
        .run([&["runs", "--format", "json"], query].concat())
        .exits(0);
    ran.json_lines()
}

fn latest(suite: &Suite) -> String {
    let id = &runs(suite, &["--limit", "1"])[0]["run"];
    id.as_str().unwrap().to_owned()
}

fn shown(suite: &Suite, args: &[&str]) -> Value {
    let ran = suite
        .run([&["show", "--format", "json"], args].concat())
        .exits(0);
    ran.json_lines().remove(0)
}

/// Starts a run, and waits until another process sees it wait.
fn started(suite: &Suite) -> Running {
    let running = suite.start(["run"]);
    let begun = Instant::now();
    loop {
        let ran = suite.run(["runs", "--live"]);
        if ran.stdout.contains("left") {
            return running;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{ran}");
    }
}

fn three() -> Suite {
    let suite = Suite::new()
        .file("tasks/good.yaml", PASSES)
        .file("tasks/bad.yaml", FAILS);
    suite.run(["run", "tasks/good.yaml"]).exits(0);
    suite
        .run(["run", "--label", "team=pay", "--label", "ci=7"])
        .exits(1);
    suite
        .run(["run", "--filter", "bad", "--var", "answer=42"])
        .exits(0);
    suite
}

#[test]
fn runs_are_listed_the_latest_first() {
    let suite = three();
    let ran = suite
        .run(["runs"])
        .exits(0)
        .prints("✗ failed")
        .prints("✓ passed")
        .prints("✗1 ✓1")
        .prints("team=pay")
        .prints("s ago")
        .prints("good")
        .says(".funcy/journal.db:");
    let rows: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(rows.len(), 3, "{ran}");
    assert!(rows[1].starts_with("✗ failed"), "{ran}");
    assert!(rows[1].contains("bad"), "what did not pass is named: {ran}");
    let all = runs(&suite, &[]);
    let of = |key: &str| -> Vec<&Value> { all.iter().map(|row| &row[key]).collect() };
    assert_eq!(of("status"), ["passed", "failed", "passed"]);
    assert_eq!(all[1]["counts"]["failed"], 1);
    assert_eq!(all[1]["labels"]["ci"], "7");
}

#[test]
fn a_query_finds_some_of_them() {
    let suite = three();
    let count = |query: &[&str]| runs(&suite, query).len();
    assert_eq!(count(&["status:failed"]), 1);
    assert_eq!(count(&["task:b*", "status:passed"]), 1);
    assert_eq!(count(&["task:good"]), 2);
    assert_eq!(count(&["label:team=pay"]), 1);
    assert_eq!(count(&["since:1h"]), 3);
    suite
        .run(["runs", "before:1h"])
        .exits(4)
        .prints_nothing()
        .says("no run is found by `before:1h`")
        .says("without terms lists all");
    suite
        .run(["runs", "statsu:failed"])
        .exits(2)
        .says("did you mean `status:failed`?");
    Suite::new().run(["runs"]).exits(2).says("no journal");
}

#[test]
fn a_page_tells_where_the_next_begins() {
    let suite = three();
    let first = runs(&suite, &["--limit", "2"]);
    let next = format!("--before {}", first[1]["run"].as_str().unwrap());
    let ran = suite.run(["runs", "--limit", "2"]).exits(0).says(&next);
    assert!(ran.stderr.contains("funcy runs --before"), "{ran}");
    let second = runs(&suite, &["--before", first[1]["run"].as_str().unwrap()]);
    assert_eq!(second.len(), 1);
    let last = second[0]["run"].as_str().unwrap();
    suite.run(["runs", "--before", last]).exits(4);
}

#[test]
fn lines_fit_the_width() {
    let long =
        "a-name-that-is-much-longer-than-anybody-would-give-to-a-task-in-earnest-and-goes-on";
    let mut suite = Suite::new()
        .file(format!("tasks/{long}.yaml"), FAILS)
        .file("tasks/loops.yaml", LOOPS);
    let label = format!("why={long}");
    suite.run(["run", "--label", &label]).exits(1);
    suite.run(["run"]).exits(1);
    for width in [40, 80, 120] {
        suite = suite.env("COLUMNS", &width.to_string());
        for args in [
            &["runs"][..],
            &["show"],
            &["show", "--state", "here"],
            &["show", "--at", "9"],
            &["runs", "stats", "loops"],
        ] {
            let ran = suite.run(args).exits(0);
            for line in ran.stdout.lines() {
                // A command to copy is never broken.
                if line.contains("again:") || line.contains("-->") || line.contains("funcy run") {
                    continue;
                }
                assert!(line.width() <= width, "wider than {width}: {line}\n{ran}");
            }
        }
        let rows = suite.run(["runs"]).exits(0);
        assert!(rows.stdout.contains('…'), "names are cut: {rows}");
    }
    let plain = suite.env("LC_ALL", "C").run(["runs"]).exits(0);
    assert!(plain.stdout.is_ascii(), "{plain}");
}

#[test]
fn a_task_is_marked_by_its_past() {
    let suite = Suite::new().file("tasks/t.yaml", FAILS);
    let marks = |suite: &Suite| shown(suite, &[])["executions"][0]["marks"].clone();
    let pass = || suite.run(["run", "--var", "answer=42"]).exits(0);
    let fail = || suite.run(["run"]).exits(1);
    pass();
    assert_eq!(marks(&suite), serde_json::json!([]));
    fail();
    assert_eq!(marks(&suite), serde_json::json!(["new failure"]));
    suite.run(["runs"]).exits(0).prints("t (new failure)");
    suite.run(["show"]).exits(0).prints("marks  new failure");
    pass();
    assert_eq!(marks(&suite), serde_json::json!(["flaky flip"]));
    fail();
    fail();
    fail();
    suite.run(["show"]).exits(0).prints("marks  broken");
    suite
        .run(["runs", "--help"])
        .exits(0)
        .prints("flaky flip")
        .prints("3 or more");
}

#[test]
fn a_run_is_shown_with_the_failure_that_it_printed() {
    let suite = Suite::new()
        .file("tasks/good.yaml", PASSES)
        .file("tasks/bad.yaml", FAILS)
        .file("tasks/saves.yaml", SAVES);
    let ran = suite
        .run(["run", "--label", "k=v", "--allow-exec", "echo"])
        .exits(1);
    let from = ran.stdout.find("✗ bad").unwrap();
    let failure = ran.stdout[from..].split("\n\n").next().unwrap();
    assert!(failure.lines().count() > 5, "{ran}");
    suite
        .run(["show"])
        .exits(0)
        .prints("✗ failed · run ")
        .prints("k=v")
        .prints("✗ 1 failed  ✓ 2 passed")
        .prints("  first ")
        .prints("ms → second ")
        .prints(failure);
    suite
        .run(["show", "--task", "sav*"])
        .exits(0)
        .prints("saves")
        .prints_no("✗ bad");
    suite.run(["show", "--task", "none"]).exits(4);
    suite.run(["show", "NOBODY"]).exits(2).says("funcy runs");
}

#[test]
fn one_cause_of_many_failures_is_shown_once() {
    let other = FAILS.replace("answer == 42", "answer > 50");
    let suite = Suite::new()
        .file("tasks/a.yaml", FAILS)
        .file("tasks/b.yaml", FAILS)
        .file("tasks/c.yaml", FAILS.replace("42", "43"))
        .file("tasks/d.yaml", other);
    suite.run(["run"]).exits(1);
    let ran = suite
        .run(["show"])
        .exits(0)
        .prints("the same in 2 other tasks: b, c");
    assert_eq!(ran.stdout.matches("--> tasks/").count(), 2, "{ran}");
    let causes = &shown(&suite, &[])["causes"];
    assert_eq!(causes[0]["tasks"], serde_json::json!(["a", "b", "c"]));
    assert_eq!(causes[0]["kind"], "expect");
    assert_eq!(causes[1]["tasks"], serde_json::json!(["d"]));
}

#[test]
fn a_state_is_shown_visit_by_visit() {
    let suite = Suite::new().file("tasks/loops.yaml", LOOPS);
    suite.run(["run"]).exits(0);
    let ran = suite
        .run(["show", "--state", "here"])
        .exits(0)
        .prints("loops · here, visit 1 · ")
        .prints("here, visit 26")
        .prints("→ there")
        .prints("waits, at most ");
    assert_eq!(ran.stdout.matches("loops · here, visit").count(), 26);
    let visits = suite
        .run(["show", "--state", "here", "--format", "json"])
        .exits(0)
        .json_lines();
    assert_eq!(visits.len(), 26);
    assert_eq!(visits[25]["to"], "there");
    assert!(!visits[0]["events"].as_array().unwrap().is_empty());
    suite
        .run(["show", "--state", "heer"])
        .exits(2)
        .says("did you mean `here`?");
}

#[test]
fn a_moment_has_the_variables_as_they_were() {
    let suite = Suite::new().file("tasks/saves.yaml", SAVES);
    suite.run(["run", "--allow-exec", "echo"]).exits(0);
    let events = suite
        .run(["report", "--format", "ndjson"])
        .exits(0)
        .json_lines();
    let seq = |kind: &str, skip: usize| -> String {
        let mut found = events.iter().filter(|event| event["kind"] == kind);
        found.nth(skip).unwrap()["seq"].to_string()
    };
    let at = |seq: &str| shown(&suite, &["latest", "--at", seq]);
    let waits = at(&seq("wait_started", 0));
    let running = &waits["running"][0];
    assert_eq!(running["variables"], serde_json::json!({ "count": 1 }));
    assert_eq!(running["state"], "first");
    assert_eq!(running["status"], "waiting");
    assert_eq!(waits["event"]["kind"], "wait_started");
    let last = seq("execution_finished", 0);
    let end = at(&last);
    let known = serde_json::json!({ "count": 2, "text": "the answer is 2" });
    assert_eq!(end["ended"]["variables"], known);
    let result = &end["ended"]["result"]["value"];
    assert_eq!(result["stdout"], "the answer is 2\n");
    suite
        .run(["show", "--at", &seq("wait_started", 0)])
        .exits(0)
        .prints("Variables")
        .prints("count  1")
        .prints("state     first, visit 1");
    suite
        .run(["show", "--at", &last])
        .exits(0)
        .prints("count  2")
        .prints("Last result")
        .prints("the answer is 2");
    suite
        .run(["show", "--at", "999"])
        .exits(2)
        .says("its events are 1 to ");
}

#[test]
fn what_failed_runs_again() {
    let suite = Suite::new()
        .file("tasks/good.yaml", PASSES)
        .file("tasks/bad.yaml", FAILS)
        .file("elsewhere/worse.yaml", FAILS);
    suite
        .run(["run", "--failed"])
        .exits(4)
        .says("nothing has run");
    suite.run(["run", "tasks", "elsewhere"]).exits(1);
    let listed = suite.run(["run", "--failed", "--list"]).exits(0);
    assert_eq!(
        listed.stdout,
        "bad  tasks/bad.yaml\nworse  elsewhere/worse.yaml\n"
    );
    suite
        .run(["run", "./tasks", "--failed", "--list"])
        .exits(0)
        .prints("bad")
        .prints_no("worse");
    suite.run(["run", "--failed"]).exits(1).prints("2 failed");
    suite
        .run(["run", "--failed", "--var", "answer=42"])
        .exits(0)
        .prints("2 passed");
    suite
        .run(["run", "--failed"])
        .exits(4)
        .says("every task of the last run");
    suite
        .run(["run", "--failed", "--journal", "none"])
        .exits(2)
        .says("needs a journal");
}

#[test]
fn what_runs_is_seen_from_elsewhere_and_never_removed() {
    let suite = Suite::new()
        .file("tasks/w.yaml", WAITS)
        .file("tasks/p.yaml", PASSES);
    let running = started(&suite);
    suite
        .run(["runs", "--live"])
        .exits(0)
        .prints("▶ running · run ")
        .prints("1 of 2 tasks done")
        .prints("◷ w  here  for ")
        .prints("s left");
    let rows = suite.run(["runs", "--live", "--format", "json"]).exits(0);
    let row = &rows.json_lines()[0];
    assert_eq!(row["task"], "w");
    assert_eq!(row["state"], "here");
    suite.run(["runs"]).exits(0).prints("▶ running");
    suite
        .run(["runs", "prune", "--keep", "0s"])
        .exits(4)
        .says("no run is that old");
    assert_eq!(runs(&suite, &["status:running"]).len(), 1);
    suite.run(["show"]).exits(0).prints("so far").prints("◷ w");
    running.signal(Signal::INT).ends().exits(130);
    suite
        .run(["runs", "--live"])
        .exits(4)
        .says("nothing is under way");
    suite.run(["runs"]).exits(0).prints("⊘ cancelled");
}

#[test]
fn a_run_whose_process_is_gone_is_interrupted_everywhere() {
    let suite = Suite::new()
        .file("tasks/w.yaml", WAITS)
        .file("tasks/p.yaml", PASSES);
    started(&suite).signal(Signal::KILL).ends();
    suite
        .run(["runs"])
        .exits(0)
        .prints("↯ interrupted")
        .prints("↯1 ✓1")
        .prints_no("running");
    assert_eq!(runs(&suite, &["status:interrupted"]).len(), 1);
    suite.run(["runs", "status:running"]).exits(4);
    let run = shown(&suite, &[]);
    assert_eq!(run["status"], "interrupted");
    let stands: Vec<&Value> = (run["executions"].as_array().unwrap().iter())
        .map(|one| &one["status"])
        .collect();
    assert!(stands.contains(&&Value::from("interrupted")), "{run:#}");
    assert!(!stands.contains(&&Value::from("running")), "{run:#}");
    suite
        .run(["show"])
        .exits(0)
        .prints("↯ interrupted · run ")
        .prints("ended without a word");
    suite
        .run(["runs", "stats", "w"])
        .exits(0)
        .prints("last   ↯");
    let again = suite.run(["run", "--failed", "--list"]).exits(0);
    assert_eq!(again.stdout, "w  tasks/w.yaml\n");
    suite.run(["runs", "prune", "--keep", "0s"]).exits(0);
    suite.run(["runs"]).exits(4).says("nothing has run yet");
}

#[test]
fn old_runs_are_removed() {
    let suite = three();
    suite.run(["runs", "prune"]).exits(2).says("--keep");
    suite.run(["runs", "prune", "--keep", "1h"]).exits(4);
    let kept = latest(&suite);
    let ran = suite
        .run(["runs", "prune", "--keep-last", "1", "--dry-run"])
        .exits(0)
        .says("2 runs would be removed");
    assert_eq!(ran.stdout.lines().count(), 2);
    assert_eq!(runs(&suite, &[]).len(), 3);
    // A run is kept if either rule keeps it.
    suite
        .run(["runs", "prune", "--keep-last", "1", "--keep", "1h"])
        .exits(4);
    suite
        .run(["runs", "prune", "--keep-last", "1"])
        .exits(0)
        .says("2 runs removed")
        .says(" before, ");
    assert_eq!(latest(&suite), kept);
    assert_eq!(runs(&suite, &[]).len(), 1);
    suite.run(["audit", "verify"]).exits(0).prints("1 run");
    suite.run(["runs", "prune", "--keep-last", "9"]).exits(4);
}

fn limit(stats: &Value) -> &Value {
    &stats["limits"][0]
}

#[test]
fn transitions_have_times_and_limits_advice() {
    let suite = Suite::new().file("tasks/loops.yaml", LOOPS);
    suite.run(["run"]).exits(0);
    let stats = |suite: &Suite| -> Value {
        let ran = suite.run(["runs", "stats", "loops", "--format", "json"]);
        ran.exits(0).json_lines().remove(0)
    };
    let found = stats(&suite);
    let back = &found["transitions"][0];
    assert_eq!(
        (&back["from"], &back["to"]),
        (&"here".into(), &"here".into())
    );
    assert_eq!(back["count"], 25);
    assert!(back["p99_micros"].as_u64().unwrap() >= 1_000, "{found:#}");
    assert_eq!(limit(&found)["limit_micros"], 30_000_000);
    assert_eq!(limit(&found)["advice"], "too_long");
    suite
        .run(["runs", "stats", "loops"])
        .exits(0)
        .prints("here → here")
        .prints("p99")
        .prints("too long:");
    // With another limit in the latest run, that one counts.
    let tight = LOOPS
        .replace("1ms", "450ms")
        .replace(">= 25", ">= 1")
        .replace("max_visits: 30", "timeout: 500ms\n    max_visits: 30");
    let suite = suite.file("tasks/loops.yaml", tight);
    suite.run(["run"]).exits(0);
    let ran = stats(&suite);
    assert_eq!(limit(&ran)["limit_micros"], 500_000, "{ran:#}");
    let ran: Ran = suite.run(["runs", "stats", "nobody"]).exits(4);
    ran.says("no task called `nobody`");
}

#[test]
fn what_a_repeated_attempt_saved_is_not_there_in_between() {
    let suite = Suite::new().file(
        "t.yaml",
        "version: 1
start_state: here
final_state: there
states:
  here:
    instructions:
      - eval: attempt
        retry: { max_attempts: 2, delay: 1ms }
        save: { id: res }
        expect: res == 2
    next: there
  there:
",
    );
    let events = suite
        .run(["run", "t.yaml", "--format", "json"])
        .exits(0)
        .json_lines();
    let seq = |undone: bool| {
        let is_saved = |event: &&Value| {
            event["kind"] == "variable_saved" && (event["undone"] == true) == undone
        };
        let event = events.iter().find(is_saved).expect("such an event");
        event["seq"].to_string()
    };
    let variables = |seq: &str| {
        let shown = suite
            .run(["show", "--at", seq, "--format", "json"])
            .exits(0);
        shown.json_lines()[0]["running"][0]["variables"].clone()
    };
    assert_eq!(variables(&seq(false)), serde_json::json!({ "id": 1 }));
    assert_eq!(variables(&seq(true)), serde_json::json!({}));
}
