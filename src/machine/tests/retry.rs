//! `retry`: what is repeated, and when.

use super::task;
use crate::event::{ErrorKind, Outcome};
use serde_json::json;

const PATH: &str = "states.a.instructions[0]";

fn retried(rest: &str) -> super::Scene {
    task(&format!(
        "
        start_state: a
        final_state: a
        states:
          a: {{ instructions: [{{ stub: x, {rest} }}] }}
        "
    ))
}

#[test]
fn a_client_error_is_repeated_after_the_delay() {
    retried("retry: { max_attempts: 3, delay: 100ms }")
        .fails(PATH, 10, ErrorKind::Transport)
        .fails(PATH, 10, ErrorKind::Protocol)
        .later(PATH, 10, json!(1))
        .run()
        .passes()
        .shows_at(
            "start end",
            "
            0 start x
            10 end transport
            110 start x #2
            120 end protocol
            220 start x #3
            230 end 1
            ",
        );
}

#[test]
fn an_unmet_expectation_is_repeated_too() {
    let ran = retried("expect: res == 2, save: { got: res }, retry: { max_attempts: 2 }")
        .answer(PATH, json!(1))
        .answer(PATH, json!(2))
        .run();
    ran.passes().shows_at(
        "start expect save",
        "
        0 start x
        0 save got 1
        0 expect false
        500 start x #2
        500 save got 2
        500 expect true
        ",
    );
}

#[test]
fn the_last_attempt_decides() {
    let ran = retried("retry: { max_attempts: 2, delay: 1s }, expect: res == 2")
        .fails(PATH, 0, ErrorKind::Transport)
        .answer(PATH, json!(3))
        .run();
    ran.ends(Outcome::Failed, ErrorKind::Expect, "res == 2");
    assert_eq!(ran.verdict.headline.as_ref().unwrap().attempts, 2);
}

#[test]
fn the_delay_grows_up_to_its_bound() {
    retried("retry: { max_attempts: 5, delay: 100ms, backoff: 3, max_delay: 500ms }")
        .fails(PATH, 0, ErrorKind::Transport)
        .run()
        .ends(Outcome::Error, ErrorKind::Transport, "broken")
        .shows_at(
            "start",
            "
            0 start x
            100 start x #2
            400 start x #3
            900 start x #4
            1400 start x #5
            ",
        );
}

#[test]
fn it_is_repeated_only_while_its_if_holds() {
    retried(
        "retry: { max_attempts: 9, delay: 1s, if: error.kind == \"transport\" && attempt < 3 }",
    )
    .fails(PATH, 0, ErrorKind::Transport)
    .run()
    .ends(Outcome::Error, ErrorKind::Transport, "broken")
    .shows_at("start", "0 start x\n1000 start x #2\n2000 start x #3");
    retried("retry: { max_attempts: 9, delay: 1s, if: error.kind == \"transport\" }")
        .fails(PATH, 0, ErrorKind::Transport)
        .fails(PATH, 0, ErrorKind::Protocol)
        .run()
        .ends(Outcome::Error, ErrorKind::Protocol, "broken")
        .shows_at("start", "0 start x\n1000 start x #2");
}

#[test]
fn its_if_sees_the_result() {
    retried("expect: res.ok, retry: { max_attempts: 9, delay: 1s, if: res.again }")
        .answer(PATH, json!({ "ok": false, "again": true }))
        .answer(PATH, json!({ "ok": false, "again": false }))
        .run()
        .ends(Outcome::Failed, ErrorKind::Expect, "res.ok")
        .shows("start", "start x\nstart x #2");
}

#[test]
fn a_script_error_is_not_repeated() {
    retried("save: { y: 1 / 0 }, retry: { max_attempts: 3 }")
        .answer(PATH, json!(1))
        .run()
        .ends(Outcome::Error, ErrorKind::Script, "")
        .shows("start", "start x");
}

#[test]
fn the_timeout_holds_for_each_attempt() {
    retried("timeout: 200ms, retry: { max_attempts: 2, delay: 100ms }")
        .later(PATH, 5000, json!(1))
        .later(PATH, 150, json!(2))
        .run()
        .passes()
        .shows_at(
            "start end",
            "0 start x\n200 end timeout\n300 start x #2\n450 end 2",
        );
}

#[test]
fn a_whole_parallel_may_be_repeated() {
    let branch = "states.a.instructions[0].parallel[0]";
    task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - { parallel: [{ stub: p }], retry: { max_attempts: 2, delay: 1s } }
        ",
    )
    .fails(branch, 0, ErrorKind::Transport)
    .answer(branch, json!(1))
    .run()
    .passes()
    .shows_at("start", "0 start p\n1000 start p");
}

#[test]
fn a_pass_on_a_retry_of_the_whole_task_is_flaky() {
    let ran = retried("expect: run.attempt == 2")
        .answer(PATH, json!(1))
        .attempt(2)
        .run();
    assert_eq!(ran.outcome(), Outcome::Flaky);
}

#[test]
fn what_a_repeated_attempt_saved_does_not_stay() {
    let ran = task(
        "
        vars: { n: 0 }
        start_state: a
        final_state: b
        states:
          a:
            instructions:
              - stub: buy
                retry: { max_attempts: 3, delay: 1ms }
                save: { n: n + 1, id: res.id }
                expect: res.ok
            next: b
          b:
        ",
    )
    .answer("states.a.instructions[0]", json!({ "ok": false, "id": 1 }))
    .answer("states.a.instructions[0]", json!({ "ok": true, "id": 2 }))
    .run();
    ran.passes().shows(
        "save unsave",
        "
        save n 0
        save n 1
        save id 1
        unsave n 0
        unsave id null
        save n 1
        save id 2
        ",
    );
}

#[test]
fn the_last_attempt_s_saves_stay_and_those_of_branches_go() {
    let ran = task(
        "
        start_state: a
        final_state: b
        states:
          a:
            instructions:
              - parallel:
                  - { stub: one, save: { one: res.k } }
                  - { stub: two, save: { two: res.k } }
                retry: { max_attempts: 2, delay: 1ms }
                expect: false
            next: c
            on_error: b
          b: { instructions: [{ expect: [one == 2, two == 2] }] }
          c: { next: b }
        ",
    )
    .answer("states.a.instructions[0].parallel[0]", json!({ "k": 1 }))
    .answer("states.a.instructions[0].parallel[0]", json!({ "k": 2 }))
    .answer("states.a.instructions[0].parallel[1]", json!({ "k": 1 }))
    .answer("states.a.instructions[0].parallel[1]", json!({ "k": 2 }))
    .run();
    ran.passes().shows(
        "save unsave",
        "
        save one 1
        save two 1
        unsave one null
        unsave two null
        save one 2
        save two 2
        ",
    );
}
