//! Every end: `defer`s newest first, then `cleanup`, whatever has happened.

use super::task;
use crate::event::{ErrorKind, Fact, Outcome};
use serde_json::json;

/// A task that can end in every way: `x` decides.
const ENDS: &str = "
        vars: { x: 0 }
        start_state: a
        final_state: b
        timeout: 20s
        states:
          a:
            instructions:
              - stub: one
                defer: { stub: undo one }
              - stub: two
                defer: { stub: undo two }
            transitions:
              - { to: b, when: x == 0 }
              - { to: no, when: x == 1 }
              - { to: b, wait: 5s, when: x == 3 }
              - { to: b, wait: 25s }
            timeout: 26s
            on_timeout: no
          b:
          no: { fail: 'no' }
        cleanup:
          - stub: tidy
        ";

fn ends(x: i32) -> super::Scene {
    task(ENDS)
        .var("x", json!(x))
        .later("states.a.instructions[0]", 100, json!(1))
        .later("states.a.instructions[1]", 100, json!(1))
        .later("states.a.instructions[0].defer", 10, json!(1))
        .later("states.a.instructions[1].defer", 10, json!(1))
        .later("cleanup[0]", 10, json!(1))
}

const CLEANED: &str = "
        start undo two
        start undo one
        start tidy
        cleaned 0
        ";

fn cleaned(ran: &super::Ran, deferred: u32, lines: &str) {
    let from = ran
        .facts
        .iter()
        .position(|(_, fact)| matches!(fact, Fact::CleanupStarted { .. }))
        .expect("cleanup");
    let Fact::CleanupStarted { deferred: found } = &ran.facts[from].1 else {
        unreachable!()
    };
    assert_eq!(*found, deferred);
    let after = super::Ran {
        verdict: ran.verdict.clone(),
        facts: ran.facts[from..].to_vec(),
        frames: ran.frames[from..].to_vec(),
        warnings: Vec::new(),
    };
    after.shows("start cleaned unarmed", lines);
}

#[test]
fn it_runs_after_a_pass() {
    let ran = ends(0).run();
    ran.passes();
    cleaned(&ran, 2, CLEANED);
}

#[test]
fn it_runs_after_a_fail_state() {
    let ran = ends(1).run();
    ran.ends(Outcome::Failed, ErrorKind::Fail, "no");
    cleaned(&ran, 2, CLEANED);
}

#[test]
fn it_runs_after_the_tasks_timeout() {
    let ran = ends(2).run();
    ran.ends(Outcome::TimedOut, ErrorKind::Timeout, "20s");
    cleaned(&ran, 2, CLEANED);
}

#[test]
fn it_runs_after_an_error_with_what_was_armed_till_then() {
    let ran = task(ENDS)
        .fails("states.a.instructions[0]", 10, ErrorKind::Transport)
        .answer("states.a.instructions[0].defer", json!(1))
        .answer("cleanup[0]", json!(1))
        .run();
    ran.ends(Outcome::Error, ErrorKind::Transport, "broken");
    cleaned(&ran, 1, "start undo one\nstart tidy\ncleaned 0");
}

#[test]
fn it_runs_exactly_once_after_a_halt_in_every_phase() {
    // Before anything, between and in the instructions, while it waits, and at the very moment of a
    // transition.
    for (at, deferred, lines) in [
        (0, 0, "start tidy\ncleaned 0"),
        (50, 1, "start undo one\nstart tidy\ncleaned 0"),
        (100, 1, "start undo one\nstart tidy\ncleaned 0"),
        (150, 2, CLEANED),
        (3000, 2, CLEANED),
        (5200, 2, CLEANED),
    ] {
        let ran = ends(3).halt(at).run();
        assert_eq!(ran.outcome(), Outcome::Cancelled, "{at}");
        assert_eq!(
            ran.verdict.headline.as_ref().unwrap().failure.message,
            "stopped"
        );
        cleaned(&ran, deferred, lines);
        ran.shows("finish", "finish cancelled");
    }
    // Later than the end.
    ends(3).halt(5201).run().passes();
}

#[test]
fn a_halt_during_cleanup_does_not_cut_it() {
    let ran = ends(0).halt(205).run();
    ran.passes();
    cleaned(&ran, 2, CLEANED);
}

#[test]
fn a_defer_is_armed_when_its_instruction_starts_even_if_that_never_ends() {
    let ran = task(
        "
        start_state: a
        final_state: a
        timeout: 1s
        states:
          a: { instructions: [{ stub: slow, defer: { stub: undo } }] }
        ",
    )
    .later("states.a.instructions[0]", 5000, json!(1))
    .answer("states.a.instructions[0].defer", json!(1))
    .run();
    ran.ends(Outcome::TimedOut, ErrorKind::Timeout, "1s")
        .shows_at(
            "defer start",
            "
            0 defer states.a.instructions[0].defer
            0 start slow
            1000 start undo
            ",
        );
}

/// The requests that were sent in cleanup, templates filled in.
fn requests(ran: &super::Ran) -> Vec<String> {
    ran.facts
        .iter()
        .skip_while(|(_, fact)| !matches!(fact, Fact::CleanupStarted { .. }))
        .filter_map(|(_, fact)| match fact {
            Fact::InstructionStarted { request, .. } => {
                Some(request["do"].as_str().unwrap_or("?").to_owned())
            }
            _ => None,
        })
        .collect()
}

#[test]
fn the_captured_values_are_those_at_the_instructions_end() {
    let ran = task(
        "
        vars: { n: 0 }
        start_state: a
        final_state: b
        states:
          a:
            instructions:
              - stub: one
                save: { n: res.id }
                defer: { stub: 'undo ${n} of ${res.id}' }
              - save: { n: '99' }
            next: b
          b:
        cleanup: [{ stub: 'tidy ${n}' }]
        ",
    )
    .answer("states.a.instructions[0]", json!({ "id": 1 }))
    .answer("states.a.instructions[0].defer", json!(0))
    .answer("cleanup[0]", json!(0))
    .run();
    ran.passes();
    assert_eq!(requests(&ran), ["undo 1 of 1", "tidy 99"]);
}

#[test]
fn a_defer_sees_the_result_that_an_expectation_refused() {
    let ran = task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - { stub: one, expect: res.id == 2, defer: { stub: 'undo ${res.id}' } }
        ",
    )
    .answer("states.a.instructions[0]", json!({ "id": 1 }))
    .answer("states.a.instructions[0].defer", json!(0))
    .run();
    ran.ends(Outcome::Failed, ErrorKind::Expect, "res.id == 2");
    assert_eq!(requests(&ran), ["undo 1"]);
}

#[test]
fn a_defer_sees_the_result_of_which_something_could_not_be_saved() {
    let ran = task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - { stub: one, save: { x: 1 / 0 }, defer: { stub: 'undo ${res.id}' } }
        ",
    )
    .answer("states.a.instructions[0]", json!({ "id": 1 }))
    .answer("states.a.instructions[0].defer", json!(0))
    .run();
    ran.ends(Outcome::Error, ErrorKind::Script, "");
    assert_eq!(requests(&ran), ["undo 1"]);
}

#[test]
fn in_a_loop_each_undoes_its_own() {
    let path = "states.a.instructions[0]";
    let ran = task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - { stub: 'make ${item}', for_each: [x, y, z], concurrency: 2, defer: { stub: 'undo ${item} ${res}' } }
        ",
    )
    .later(path, 30, json!(1))
    .later(path, 10, json!(2))
    .later(path, 10, json!(3))
    .answer("states.a.instructions[0].defer", json!(0))
    .run();
    ran.passes();
    assert_eq!(requests(&ran), ["undo z 3", "undo y 2", "undo x 1"]);
}

#[test]
fn each_runs_even_if_an_earlier_one_failed() {
    let ran = task(ENDS)
        .answer("states.a.instructions[0]", json!(1))
        .answer("states.a.instructions[1]", json!(1))
        .answer("states.a.instructions[0].defer", json!(1))
        .fails("states.a.instructions[1].defer", 0, ErrorKind::Transport)
        .fails("cleanup[0]", 0, ErrorKind::Protocol)
        .run();
    // A cleanup failure after a pass is an error, and the first one is the headline.
    ran.ends(Outcome::Error, ErrorKind::Transport, "broken");
    cleaned(
        &ran,
        2,
        "start undo two\nstart undo one\nstart tidy\ncleaned 2",
    );
}

#[test]
fn the_first_failure_stays_the_headline() {
    task(ENDS)
        .var("x", json!(1))
        .answer("states.a.instructions[0]", json!(1))
        .answer("states.a.instructions[1]", json!(1))
        .fails("states.a.instructions[0].defer", 0, ErrorKind::Transport)
        .fails("states.a.instructions[1].defer", 0, ErrorKind::Transport)
        .fails("cleanup[0]", 0, ErrorKind::Protocol)
        .run()
        .ends(Outcome::Failed, ErrorKind::Fail, "no")
        .shows("cleaned", "cleaned 3");
}

#[test]
fn one_that_reads_what_was_never_saved_is_not_armed() {
    task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - stub: one
                save: { id: res.id }
                defer: { stub: 'undo ${id}' }
        cleanup: [{ stub: 'drop ${id}' }, { stub: tidy }]
        ",
    )
    .fails("states.a.instructions[0]", 0, ErrorKind::Transport)
    .answer("cleanup[1]", json!(1))
    .run()
    .ends(Outcome::Error, ErrorKind::Transport, "broken")
    .shows(
        "cleanup unarmed start cleaned",
        "start one\ncleanup 1\nunarmed id\nunarmed id\nstart tidy\ncleaned 0",
    );
}

#[test]
fn it_has_a_budget_of_its_own() {
    let ran = task(
        "
        start_state: a
        final_state: a
        cleanup_timeout: 1s
        states:
          a: { instructions: [{ stub: one, defer: { stub: undo } }] }
        cleanup: [{ stub: tidy }, { stub: never }]
        ",
    )
    .answer("states.a.instructions[0]", json!(1))
    .later("states.a.instructions[0].defer", 600, json!(1))
    .later("cleanup[0]", 600, json!(1))
    .run();
    ran.ends(Outcome::Error, ErrorKind::Timeout, "longer than 1s")
        .shows_at(
            "start cleaned finish",
            "
            0 start one
            0 start undo
            600 start tidy
            1000 cleaned 1
            1000 finish error
            ",
        );
}

#[test]
fn error_is_in_scope_in_cleanup() {
    let ran = task(
        "
        start_state: a
        final_state: b
        states:
          a: { instructions: [{ stub: one }], next: b }
          b:
        cleanup: [{ stub: 'after ${error.kind} in ${error.state} by ${error.instruction}' }]
        ",
    )
    .fails("states.a.instructions[0]", 0, ErrorKind::Protocol)
    .answer("cleanup[0]", json!(1))
    .run();
    assert_eq!(requests(&ran), ["after protocol in a by one"]);
}

#[test]
fn cleanup_may_save_expect_retry_and_have_an_if() {
    task(
        "
        start_state: a
        final_state: a
        states: { a: }
        cleanup:
          - { stub: list, save: { left: res }, retry: { max_attempts: 2, delay: 1s } }
          - { stub: drop, if: left > 5 }
          - { stub: look, expect: res == 0 }
        ",
    )
    .fails("cleanup[0]", 0, ErrorKind::Transport)
    .answer("cleanup[0]", json!(3))
    .answer("cleanup[2]", json!(1))
    .run()
    .ends(Outcome::Error, ErrorKind::Expect, "res == 0")
    .shows_at(
        "start skip",
        "0 start list\n1000 start list #2\n1000 skip cleanup[1]\n1000 start look",
    );
}

#[test]
fn what_cleanup_defers_is_undone_too() {
    task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - { stub: one, defer: { stub: undo, defer: { stub: undo undo } } }
        cleanup:
          - { stub: tidy, defer: { stub: untidy } }
        ",
    )
    .answer("states.a.instructions[0]", json!(1))
    .answer("states.a.instructions[0].defer", json!(1))
    .answer("states.a.instructions[0].defer.defer", json!(1))
    .answer("cleanup[0]", json!(1))
    .answer("cleanup[0].defer", json!(1))
    .run()
    .passes()
    .shows(
        "start",
        "start one\nstart undo\nstart undo undo\nstart tidy\nstart untidy",
    );
}

#[test]
fn it_runs_when_the_variables_cannot_be_computed() {
    let ran = task(
        "
        vars: { x: '${1 / 0}' }
        start_state: b
        final_state: a
        states: { a: , b: { next: a } }
        cleanup: [{ stub: tidy }]
        ",
    )
    .answer("cleanup[0]", json!(1))
    .run();
    ran.ends(Outcome::Error, ErrorKind::Script, "")
        .shows("enter start", "start tidy");
    // No state was entered, so none is named.
    assert_eq!(ran.verdict.headline.as_ref().unwrap().state, None);
    assert!(matches!(
        ran.facts.last(),
        Some((_, Fact::ExecutionFinished { state: None, .. }))
    ));
}

#[test]
fn a_cleanup_that_hangs_says_at_what() {
    let ran = task(
        "
        start_state: a
        final_state: a
        cleanup_timeout: 1s
        cleanup: [{ stub: quick }, { name: wipe the disk, stub: slow }]
        states: { a: }
        ",
    )
    .answer("cleanup[0]", json!(1))
    .later("cleanup[1]", 5_000, json!(1))
    .run();
    ran.ends(
        Outcome::Error,
        ErrorKind::Timeout,
        "`defer` and `cleanup` took longer than 1s, and `wipe the disk` was under way",
    );
}
