//! Secrets: hidden before anything is recorded, also those that an answer brings.

use super::{Ran, Scene, task};
use crate::event::{ErrorKind, Outcome};
use serde_json::json;

const TOKEN: &str = "tok-4711-secret";

/// Runs it; nothing that was recorded holds the secret.
#[track_caller]
fn hides(scene: Scene) -> Ran {
    let ran = scene.run();
    for (at, fact) in &ran.facts {
        let text = serde_json::to_string(fact).unwrap();
        assert!(!text.contains(TOKEN), "{at}: {text}");
    }
    let all = serde_json::to_string(&ran.facts.iter().map(|(_, fact)| fact).collect::<Vec<_>>());
    assert!(all.unwrap().contains("$token"), "it was never seen at all");
    ran
}

#[test]
fn a_secret_of_the_task_is_hidden_from_the_first_fact_on() {
    hides(
        task(&format!(
            "
        secrets: {{ token: {TOKEN} }}
        start_state: a
        final_state: a
        states:
          a: {{ instructions: [{{ stub: 'login ${{token}}' }}] }}
        "
        ))
        .answer("states.a.instructions[0]", json!({ "echo": TOKEN })),
    )
    .passes();
}

#[test]
fn a_secret_that_an_instruction_saves_is_hidden_in_its_own_answer() {
    hides(
        task(
            "
        secrets: [token]
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - { stub: login, save: { all: res, token: all.token }, expect: res.ok, retry: { max_attempts: 2 } }
              - { stub: 'use ${token}' }
        ",
        )
        .answer(
            "states.a.instructions[0]",
            json!({ "token": TOKEN, "ok": false }),
        )
        .answer(
            "states.a.instructions[0]",
            json!({ "token": TOKEN, "ok": true }),
        )
        .answer("states.a.instructions[1]", json!(1)),
    )
    .passes();
}

#[test]
fn a_secret_that_a_poll_brings_is_hidden_in_its_answer() {
    hides(
        task(
            "
        secrets: [token]
        start_state: a
        final_state: b
        states:
          a:
            poll: { stub: look }
            transitions:
              - { to: c, when: res.n == 1 }
              - { to: b, when: res.n == 2, set: { token: res.token } }
          b:
          c: { next: b }
        ",
        )
        .answer("states.a.poll", json!({ "n": 3 }))
        .answer("states.a.poll", json!({ "n": 2, "token": TOKEN })),
    )
    .passes();
}

#[test]
fn a_secret_that_a_message_brings_is_hidden_in_it() {
    hides(
        task(
            "
        secrets: [token]
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - to: b
                all:
                  one: { wait: 1s }
                  two: { subscribe: { stub: news }, set: { token: res.token } }
          b:
        ",
        )
        .message(
            "states.a.transitions[0].all.two.subscribe",
            10,
            json!({ "token": TOKEN }),
        ),
    )
    .passes();
}

#[test]
fn a_secret_that_cannot_be_found_is_no_reason_to_fail_before_its_time() {
    // `res.token` is missing in the first answer, which nothing takes.
    task(
        "
        secrets: [token]
        start_state: a
        final_state: b
        states:
          a:
            transitions: [{ to: b, poll: { stub: look }, when: res.n == 2, set: { token: res.token } }]
          b:
        ",
    )
    .answer("states.a.transitions[0].poll", json!({ "n": 1 }))
    .answer("states.a.transitions[0].poll", json!({ "n": 2, "token": TOKEN }))
    .run()
    .passes();
    task(
        "
        secrets: [token]
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ stub: login, save: { token: res.token } }] }
        ",
    )
    .answer("states.a.instructions[0]", json!({ "token": "abc" }))
    .run()
    .ends(Outcome::Error, ErrorKind::Script, "shorter than 4");
}
