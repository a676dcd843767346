//! Errors: which outcome they end with, and where `on_error` leads.

use super::task;
use crate::event::{ErrorKind, Outcome};
use serde_json::json;

const ROUTED: &str = "
        start_state: a
        final_state: done
        states:
          a:
            instructions: [{ stub: x, expect: res == 1 }]
            transitions: [{ to: done, poll: { stub: look }, fail_when: res == 2 }]
            on_error:
              - { kind: transport, to: t, set: { why: error.message } }
              - { kind: expect, to: e }
              - { to: any }
          t: { next: done }
          e: { next: done }
          any: { next: done }
          done:
        ";

const STEP: &str = "states.a.instructions[0]";
const POLL: &str = "states.a.transitions[0].poll";

#[test]
fn the_first_match_wins() {
    let ran = task(ROUTED).fails(STEP, 10, ErrorKind::Transport).run();
    ran.passes()
        .shows_at("take", "10 take a → t\n10 take t → done");
    assert_eq!(ran.value("why"), Some(&json!("broken")));
    task(ROUTED)
        .answer(STEP, json!(2))
        .run()
        .passes()
        .shows("take", "take a → e\ntake e → done");
    for kind in [ErrorKind::Protocol, ErrorKind::Script, ErrorKind::Timeout] {
        task(ROUTED)
            .fails(STEP, 0, kind)
            .run()
            .passes()
            .shows("take", "take a → any\ntake any → done");
    }
    task(ROUTED)
        .answer(STEP, json!(1))
        .answer(POLL, json!(2))
        .run()
        .passes()
        .shows("take", "take a → any\ntake any → done");
}

#[test]
fn limit_and_lost_cannot_be_routed() {
    for (kind, outcome) in [
        (ErrorKind::Limit, Outcome::Failed),
        (ErrorKind::Lost, Outcome::Error),
    ] {
        task(ROUTED)
            .fails(STEP, 0, kind)
            .run()
            .ends(outcome, kind, "broken");
    }
}

#[test]
fn an_error_that_no_entry_matches_ends_the_task() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            instructions: [{ stub: x }]
            next: b
            on_error: [{ kind: transport, to: b }]
          b:
        ",
    )
    .fails(STEP, 0, ErrorKind::Protocol)
    .run()
    .ends(Outcome::Error, ErrorKind::Protocol, "broken");
}

#[test]
fn every_kind_ends_with_its_outcome() {
    for (kind, outcome) in [
        (ErrorKind::Transport, Outcome::Error),
        (ErrorKind::Protocol, Outcome::Error),
        (ErrorKind::Script, Outcome::Error),
        (ErrorKind::Lost, Outcome::Error),
        (ErrorKind::Limit, Outcome::Failed),
        (ErrorKind::Resource, Outcome::Error),
    ] {
        task(
            "
        start_state: a
        final_state: a
        states: { a: { instructions: [{ stub: x }] } }
        ",
        )
        .fails(STEP, 0, kind)
        .run()
        .ends(outcome, kind, "broken");
    }
}

#[test]
fn error_is_in_scope_after_on_error() {
    task(
        "
        start_state: a
        final_state: c
        states:
          a: { instructions: [{ stub: x, name: buy }], next: c, on_error: b }
          b:
            instructions:
              - expect:
                  - error.kind == \"protocol\"
                  - error.message == \"broken\"
                  - error.state == \"a\"
                  - error.instruction == \"buy\"
            next: c
          c:
        ",
    )
    .fails(STEP, 0, ErrorKind::Protocol)
    .run()
    .passes();
}

#[test]
fn an_instruction_that_fails_leaves_those_behind_it_out() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a: { instructions: [{ stub: x }, { stub: y }], next: b, on_error: b }
          b:
        ",
    )
    .fails(STEP, 0, ErrorKind::Protocol)
    .run()
    .passes()
    .shows("start", "start x");
}

#[test]
fn a_set_that_breaks_is_an_error_of_the_state() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions: [{ to: b, wait: 1s, set: { x: 1 / 0 } }]
            on_error: [{ kind: script, to: c }]
          c: { next: b }
          b:
        ",
    )
    .run()
    .passes()
    .shows("take", "take a → c\ntake c → b");
}

#[test]
fn a_set_of_a_route_that_breaks_ends_the_task() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            instructions: [{ expect: 'false' }]
            next: b
            on_error: { to: b, set: { x: 1 / 0 } }
          b:
        ",
    )
    .run()
    .ends(Outcome::Error, ErrorKind::Script, "")
    .shows("take", "");
}

#[test]
fn an_error_of_a_final_state_can_be_routed() {
    task(
        "
        start_state: a
        final_state: [a, b]
        states:
          a: { instructions: [{ expect: 'false' }], on_error: b }
          b:
        ",
    )
    .run()
    .passes()
    .shows("take", "take a → b");
}

#[test]
fn a_subscription_that_cannot_be_read_any_more_fails_the_state() {
    // A buffer holds ten thousand messages that nobody takes.
    let mut scene = task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions: [{ to: b, subscribe: { stub: flood }, when: 'false' }]
          b:
        ",
    );
    for _ in 0..=crate::event::MAX_MESSAGES {
        scene = scene.message("states.a.transitions[0].subscribe", 10, json!(1));
    }
    scene.run().ends(
        Outcome::Error,
        ErrorKind::Resource,
        "more than the 10000 messages or 67108864 bytes that a subscription may hold",
    );
}

const LOSES: &str = "
        start_state: a
        final_state: b
        states:
          a:
            instructions: [{ stub: x, defer: { stub: undo } }]
            transitions: [{ to: b, wait: 1s, set: { x: 1 } }]
            on_error: b
          b:
        ";

fn losing() -> super::Scene {
    task(LOSES)
        .answer(STEP, json!(1))
        .answer("states.a.instructions[0].defer", json!(1))
}

#[test]
fn an_effect_that_does_not_stop_is_lost_and_ends_the_task() {
    // The first visit has scope 1. Nothing is set, nothing routed, and cleanup runs.
    losing()
        .run_losing(1)
        .ends(Outcome::Error, ErrorKind::Lost, "has not stopped 5s after")
        .shows_at(
            "save take start finish",
            "0 start x\n6000 start undo\n6000 finish error",
        );
}

#[test]
fn an_effect_that_is_lost_after_the_end_makes_a_pass_an_error() {
    // Scope 0 is the whole execution; 3 is that of cleanup.
    for scope in [0, 3] {
        losing()
            .run_losing(scope)
            .ends(Outcome::Error, ErrorKind::Lost, "has not stopped 5s after")
            .shows(
                "take cleaned",
                &format!("take a → b\ncleaned {}", scope / 3),
            );
    }
}

#[test]
fn a_failure_stays_the_headline_when_something_is_lost_too() {
    task(&LOSES.replace("on_error: b", "description: no route"))
        .fails(STEP, 0, ErrorKind::Protocol)
        .answer("states.a.instructions[0].defer", json!(1))
        .run_losing(1)
        .ends(Outcome::Error, ErrorKind::Protocol, "broken");
    let late = "
        start_state: a
        final_state: b
        states:
          a:
            timeout: 1s
            transitions: [{ to: b, poll: { stub: x } }]
          b:
        ";
    task(late)
        .later("states.a.transitions[0].poll", 9000, json!(1))
        .run_losing(1)
        .ends(Outcome::TimedOut, ErrorKind::Timeout, "no transition");
}

#[test]
fn no_route_is_followed_while_an_effect_is_still_at_work() {
    task(LOSES)
        .fails(STEP, 0, ErrorKind::Protocol)
        .answer("states.a.instructions[0].defer", json!(1))
        .run_losing(1)
        .ends(Outcome::Error, ErrorKind::Lost, "has not stopped")
        .shows("take", "");
    let late = "
        start_state: a
        final_state: b
        states:
          a:
            timeout: 1s
            transitions: [{ to: b, poll: { stub: x } }]
            on_timeout: b
          b:
        ";
    task(late)
        .later("states.a.transitions[0].poll", 9000, json!(1))
        .run_losing(1)
        .ends(Outcome::Error, ErrorKind::Lost, "has not stopped")
        .shows("take", "");
}

#[test]
fn the_first_failure_that_was_routed_is_told_with_a_later_one() {
    let ran = task(
        "
        start_state: a
        final_state: b
        states:
          a: { instructions: [{ eval: 1, expect: res == 2 }], on_error: c, next: b }
          c: { instructions: [{ eval: 3, expect: res == 4 }], on_error: d, next: b }
          d: { instructions: [{ eval: 5, expect: res == 6 }], next: b }
          b:
        ",
    )
    .run();
    let headline = ran.verdict.headline.as_ref().expect("a headline");
    assert_eq!(headline.failure.message, "expected res == 6");
    let before = headline.before.as_ref().expect("the one before");
    assert_eq!(before.failure.message, "expected res == 2");
    assert_eq!(before.state.as_deref(), Some("a"));
    assert_eq!(before.before, None);
}

#[test]
fn a_failure_names_the_item_that_is_to_blame() {
    let item = |expect: &str, second: serde_json::Value| {
        let path = "states.a.instructions[0]";
        let ran = task(&format!(
            "
            start_state: a
            final_state: b
            states:
              a:
                instructions:
                  - for_each: [x, y, z]
                    stub: look
                    expect: {expect}
                next: b
              b:
            "
        ))
        .answer(path, json!({ "ok": true }))
        .answer(path, second)
        .answer(path, json!({ "ok": true }))
        .run();
        let headline = ran.verdict.headline.expect("a headline");
        headline.item.map(|item| (item.0, item.1))
    };
    let wrong = json!({ "ok": false });
    let all = "res.all(|r| r.ok)";
    assert_eq!(item(all, wrong.clone()), Some((1, json!("y"))));
    // Nobody is to blame for what holds of none alone.
    assert_eq!(item("len(res) == 4", wrong), None);
    let path = "states.a.instructions[0]";
    let ran = task(
        "
        start_state: a
        final_state: b
        states:
          a: { instructions: [{ for_each: [x, y], stub: look }], next: b }
          b:
        ",
    )
    .answer(path, json!({}))
    .fails(path, 0, ErrorKind::Transport)
    .run();
    let headline = ran.verdict.headline.expect("a headline");
    assert_eq!(
        headline.item.map(|item| (item.0, item.1)),
        Some((1, json!("y")))
    );
}

#[test]
fn a_request_without_an_answer_names_its_host() {
    let ran = |client: &str| {
        task(&format!(
            "
            clients: {{ shop: {{ site: {{ url: 'http://user:pa55word@shop.test:81/api' }} }} }}
            start_state: a
            final_state: b
            states:
              a: {{ instructions: [{{ {client}, timeout: 1s }}], next: b }}
              b:
            "
        ))
        .later("states.a.instructions[0]", 5_000, json!(1))
        .run()
    };
    ran("shop: { url: /orders }").ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "no answer from shop.test:81 within 1s",
    );
    ran("shop: { url: 'http://other.test/x' }").ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "no answer from other.test within 1s",
    );
    ran("stub: look").ends(Outcome::TimedOut, ErrorKind::Timeout, "no answer within 1s");
}
