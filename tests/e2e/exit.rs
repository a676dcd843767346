//! The exit codes: the first that applies of 130, 2, 3, 1, 4, 0.

use super::suite::{BREAKS, FAILS, PASSES, Suite, WAITS};
use rustix::process::Signal;
use std::time::Duration;

const BROKEN: &str = "version: 1\nstart_state: here\n";

#[test]
fn zero_is_all_passed() {
    Suite::new()
        .file("tasks/t.yaml", PASSES)
        .run(["run"])
        .exits(0)
        .prints("1 passed");
}

#[test]
fn one_is_a_task_that_failed() {
    let suite = Suite::new()
        .file("pass.yaml", PASSES)
        .file("fail.yaml", FAILS);
    suite
        .run(["run", "."])
        .exits(1)
        .prints("1 failed")
        .prints("1 passed")
        .prints("fail.yaml:8:17");
}

#[test]
fn one_is_a_task_that_timed_out() {
    let task = WAITS
        .replace("90s", "100ms")
        .replace("wait: 60s", "when: false, poll: { eval: 1 }");
    Suite::new()
        .file("t.yaml", task)
        .run(["run", "t.yaml"])
        .exits(1)
        .prints("timed out");
}

#[test]
fn two_is_usage() {
    Suite::new()
        .run(["run", "--fiter", "x"])
        .exits(2)
        .says("--filter")
        .prints_nothing();
}

#[test]
fn two_is_an_invalid_definition_and_nothing_starts() {
    let suite = Suite::new()
        .file("good.yaml", PASSES)
        .file("bad.yaml", BROKEN);
    suite
        .run(["run", "."])
        .exits(2)
        .says("bad.yaml")
        .says("nothing was run")
        .prints_nothing();
}

#[test]
fn three_is_a_client_that_broke() {
    Suite::new()
        .file("t.yaml", BREAKS)
        .run(["run", "t.yaml"])
        .exits(3)
        .prints("127.0.0.1:9 was refused");
}

#[test]
fn an_error_is_stronger_than_a_failure() {
    let suite = Suite::new().file("a.yaml", FAILS).file("b.yaml", BREAKS);
    suite
        .run(["run", "."])
        .exits(3)
        .prints("1 failed")
        .prints("1 error");
}

#[test]
fn three_is_a_service_that_does_not_start() {
    let suite = Suite::new().file("t.yaml", PASSES).file(
        "funcy.yaml",
        "version: 1\nservices:\n  shop: { command: [funcy, demo, --listen, nowhere], ready: { http: \"${url}/\" } }\n",
    );
    suite
        .run(["run", "."])
        .exits(3)
        .says("shop")
        .says("nowhere");
}

#[test]
fn four_is_nothing_selected() {
    let suite = Suite::new().file("t.yaml", PASSES);
    suite
        .run(["run", ".", "--tag", "none"])
        .exits(4)
        .says("no task was selected");
    suite.run(["run", ".", "--filter", "none"]).exits(4);
    Suite::new()
        .folder("tasks")
        .run(["run"])
        .exits(4)
        .says("no task file");
}

#[test]
fn flaky_is_good_unless_it_is_asked_for() {
    // Passes on the second attempt: the first leaves a file behind.
    let task = "version: 1
retries: 1
start_state: here
final_state: here
states:
  here:
    instructions:
      - expect: run.attempt == 2
";
    let suite = Suite::new().file("t.yaml", task);
    suite.run(["run", "t.yaml"]).exits(0).prints("flaky");
    suite
        .run(["run", "t.yaml", "--fail-on-flaky"])
        .exits(1)
        .prints("flaky");
    suite
        .run(["run", "t.yaml", "--retries", "0"])
        .exits(1)
        .prints("1 failed");
}

#[test]
fn the_first_interrupt_cancels_cleans_up_and_reports() {
    let suite = Suite::new().file("t.yaml", WAITS);
    let run = suite.start(["run", "t.yaml", "--report", "ndjson=events.ndjson", "-v"]);
    run.until_says("execution")
        .signal(Signal::INT)
        .ends()
        .exits(130)
        .prints("cancelled")
        .says("SIGINT")
        .within(Duration::from_secs(20));
    let events = suite.text("events.ndjson");
    assert!(events.contains("cleaned up"), "{events}");
    assert!(
        events.lines().last().unwrap().contains("run_finished"),
        "{events}"
    );
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let stubborn = WAITS.replace(
        "  - log: cleaned up",
        "  - exec: { command: [sleep, \"60\"] }",
    );
    let suite = Suite::new().file("t.yaml", stubborn);
    let run = suite.start(["run", "t.yaml", "--allow-exec", "sleep", "--format", "json"]);
    run.until_says("wait_started")
        .signal(Signal::INT)
        .until_says("cleanup_started")
        .signal(Signal::INT)
        .ends()
        .exits(130)
        .within(Duration::from_secs(20));
}

#[test]
fn a_termination_is_an_interrupt() {
    let suite = Suite::new().file("t.yaml", WAITS);
    let run = suite.start(["run", "t.yaml", "--format", "json"]);
    run.until_says("wait_started")
        .signal(Signal::TERM)
        .ends()
        .exits(130)
        .prints("cleaned up")
        .says("SIGTERM");
}
