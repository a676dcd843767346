//! Called tasks as a person meets them: in other folders, in what a failure shows, in watch, and after a kill.

use super::suite::Suite;
use rustix::process::Signal;

const GRANTS: &str = "version: 1\npermissions: { write: ['.'] }\n";

/// Writes down what it is given, beside itself.
const NOTES: &str = "version: 1
name: note
params: [n]
secrets: { word: \"open-sesame-${n}\" }
start_state: write
final_state: written
cleanup:
  - file: { append: notes.txt, text: \"cleaned ${n}\\n\" }
states:
  write:
    instructions:
      - file: { append: notes.txt, text: \"wrote ${n}\\n\" }
        defer: { file: { append: notes.txt, text: \"undid ${n} ${word}\\n\" } }
    next: written
  written:
outputs: { n: n }
";

const CALLS: &str = "version: 1
start_state: a
final_state: b
states:
  a:
    instructions:
      - for_each: [1, 2]
        task: { file: _lib/note.yaml, with: { n: \"${item}\" } }
        save: { noted: res }
        expect: len(noted) == 2
    transitions: [{ to: b, wait: \"${pause}\" }]
  b:
";

fn suite(pause: &str) -> Suite {
    Suite::new()
        .file(
            "funcy.yaml",
            format!("{GRANTS}vars: {{ pause: {pause} }}\n"),
        )
        .file("t.yaml", CALLS)
        .file("_lib/note.yaml", NOTES)
}

const UNDONE: &str =
    "wrote 1\nwrote 2\nundid 2 open-sesame-2\ncleaned 2\nundid 1 open-sesame-1\ncleaned 1\n";

#[test]
fn paths_are_relative_to_the_called_file_and_all_is_undone_at_the_end() {
    let suite = suite("1ms");
    suite.run(["run", "t.yaml"]).exits(0);
    assert_eq!(suite.text("_lib/notes.txt"), UNDONE);
}

#[test]
fn what_a_killed_run_has_called_is_undone_with_its_values() {
    let suite = suite("25s");
    suite
        .start(["run", "t.yaml", "--format", "json"])
        .until_says("wait_started")
        .signal(Signal::KILL)
        .ends();
    suite
        .run(["run", "--resume", "latest"])
        .exits(0)
        .prints("cleaned up after run");
    assert_eq!(suite.text("_lib/notes.txt"), UNDONE);
}

#[test]
fn what_a_skipped_call_would_have_cleaned_up_stays_alone_after_a_kill() {
    let suite = suite("25s").file(
        "_lib/note.yaml",
        NOTES.replace("params:", "skip: not today\nparams:"),
    );
    let looks = "        save: { noted: res }\n        expect: len(noted) == 2\n";
    let suite = suite.file("t.yaml", CALLS.replace(looks, ""));
    suite
        .start(["run", "t.yaml", "--format", "json"])
        .until_says("wait_started")
        .signal(Signal::KILL)
        .ends();
    suite.run(["run", "--resume", "latest"]).exits(0);
    assert!(!suite.path("_lib/notes.txt").exists());
}

#[test]
fn a_failure_shows_each_call_and_a_replay_tells_the_same() {
    let call = |file: &str| {
        format!(
            "version: 1\nstart_state: a\nfinal_state: b\nstates:\n  a: {{ instructions: [{{ task: {{ file: {file} }} }}], next: b }}\n  b:\n"
        )
    };
    let fails = "version: 1\nstart_state: x\nfinal_state: y\nstates:\n  x: { instructions: [{ expect: 1 == 2 }], next: y }\n  y:\n";
    let suite = Suite::new()
        .file("t.yaml", call("_one.yaml"))
        .file("_one.yaml", call("_two.yaml"))
        .file("_two.yaml", fails);
    let told = |ran: super::suite::Ran| {
        ran.exits(1)
            .prints("t · state a · expected 1 == 2")
            .prints("--> _two.yaml:5:33")
            .prints("in:      _one/a › _two/x")
            .prints("called:  _one.yaml:5:23")
            .prints("called:  t.yaml:5:23");
    };
    told(suite.run(["run", "t.yaml"]));
    told(suite.run(["simulate", "t.yaml", "--run", "latest"]));
    suite
        .run(["replay", "latest"])
        .prints("--> _two.yaml:5:33")
        .prints("called:  t.yaml:5:23");
}

#[test]
fn a_circle_is_told_once_and_a_broken_file_stops_those_that_call_it() {
    let call = |file: &str| {
        format!(
            "version: 1\nstart_state: a\nfinal_state: b\nstates:\n  a: {{ instructions: [{{ task: {{ file: {file} }}, save: {{ x: res }} }}], transitions: [{{ to: b, when: x == 1 }}] }}\n  b:\n"
        )
    };
    let suite = Suite::new()
        .file("a.yaml", call("b.yaml"))
        .file("b.yaml", call("a.yaml"));
    suite
        .run(["check", "a.yaml", "b.yaml"])
        .exits(2)
        .prints("error[called-in-circle]: `a.yaml` calls itself: a.yaml → b.yaml → a.yaml")
        .prints("1 error in 2 files");
    let suite = Suite::new()
        .file("a.yaml", call("_c.yaml"))
        .file("b.yaml", call("_c.yaml"))
        .file(
            "_c.yaml",
            "version: 1\nstart_state: x\nfinal_state: x\nstates: { x: , y: { next: z } }\n",
        );
    suite
        .run(["check", "."])
        .exits(2)
        .prints("1 error in 2 files");
}

#[test]
fn watch_runs_again_what_calls_a_changed_file() {
    let suite = suite("1ms").file("other.yaml", super::suite::PASSES);
    let running = suite.start(["watch", "."]).until_prints("2 passed", 1);
    let changed = NOTES.replace("outputs: { n: n }", "outputs: { n: n + 1 }");
    std::fs::write(suite.path("new"), changed).unwrap();
    std::fs::rename(suite.path("new"), suite.path("_lib/note.yaml")).unwrap();
    running
        .until_prints("note.yaml changed → 1 of 2", 1)
        .until_prints("1 passed", 1)
        .signal(Signal::TERM)
        .ends();
}
