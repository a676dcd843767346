//! What is missing is unknown: it holds nothing and fails nothing, and what was unknown every time is told.

use super::task;
use crate::event::{ErrorKind, Fact, Outcome};
use serde_json::json;

/// Waits 300 ms for what `when` and `fail_when` say of the answers to a poll.
fn polled(conditions: &str) -> super::Scene {
    task(&format!(
        "
        start_state: a
        final_state: b
        states:
          a: {{ poll: {{ stub: look }}, every: 100ms, timeout: 250ms, on_timeout: b, transitions: [{conditions}] }}
          b:
        "
    ))
}

const POLL: &str = "states.a.poll";

#[test]
fn a_misspelt_member_holds_nothing_by_negation() {
    polled("{ to: b, when: \"!(res.statuss == 'lost')\" }")
        .answer(POLL, json!({"status": "new"}))
        .run()
        .shows(
            "check never",
            "
            check states.a.transitions[0] unknown
            check states.a.transitions[0] unknown
            check states.a.transitions[0] unknown
            never known states.a.transitions[0].when ×3
            ",
        );
}

#[test]
fn what_was_known_once_is_not_told() {
    polled("{ to: b, when: res.status == 'paid' }")
        .later(POLL, 0, json!({}))
        .later(POLL, 0, json!({"status": "new"}))
        .later(POLL, 0, json!({}))
        .run()
        .passes()
        .shows(
            "check never",
            "
            check states.a.transitions[0] unknown
            check states.a.transitions[0] not_yet
            check states.a.transitions[0] unknown
            ",
        );
}

#[test]
fn a_watch_that_never_saw_anything_is_told_beside_a_condition_that_did() {
    let ran = polled("{ to: b, when: res.status == 'paid', fail_when: res.cod >= 500 }")
        .answer(POLL, json!({"status": "paid", "code": 500}))
        .run();
    ran.passes()
        .shows("never", "never known states.a.transitions[0].fail_when ×1");
    let mut facts = ran.facts.iter().map(|(_, fact)| fact);
    let Some(Fact::NeverKnown(one)) = facts.find(|fact| matches!(fact, Fact::NeverKnown(_))) else {
        panic!("it is told");
    };
    assert_eq!(one.missing[0].path, "res.cod");
    assert_eq!(one.missing[0].nearest.as_deref(), Some("code"));
}

#[test]
fn an_if_that_is_unknown_skips_and_is_told() {
    task(
        "
        start_state: a
        final_state: b
        vars: { order: { paid: true } }
        states:
          a: { instructions: [{ if: order.payed, log: x }], next: b }
          b:
        ",
    )
    .run()
    .passes()
    .shows(
        "skip never",
        "
        skip states.a.instructions[0]
        never known states.a.instructions[0].if ×1
        ",
    );
}

#[test]
fn a_filter_that_is_unknown_on_all_items_is_told() {
    task(
        "
        start_state: a
        final_state: b
        vars: { items: [{ price: 1 }, { price: 5 }] }
        states:
          a: { instructions: [{ expect: \"len(items.filter(|i| i.prise > 9)) == 0\" }], next: b }
          b:
        ",
    )
    .run()
    .passes()
    .shows("never", "never known states.a.instructions[0].expect ×1");
}

#[test]
fn an_error_that_has_not_been_is_no_mistake() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a: { next: b }
          b:
        cleanup: [{ if: error.kind == 'expect', log: x }]
        ",
    )
    .run()
    .passes()
    .shows("never", "");
}

#[test]
fn an_expectation_that_is_unknown_is_not_met() {
    task(
        "
        start_state: a
        final_state: b
        vars: { order: { status: new } }
        states:
          a: { instructions: [{ expect: \"!(order.statuss == 'lost')\" }], next: b }
          b:
        ",
    )
    .run()
    .ends(
        Outcome::Failed,
        ErrorKind::Expect,
        "expected !(order.statuss == 'lost')",
    );
}

#[test]
fn a_variable_that_no_taken_path_has_saved_is_missing() {
    task(
        "
        start_state: a
        final_state: c
        states:
          a: { transitions: [{ to: b, when: false, set: { payment: 1 } }, c] }
          b: { next: c }
          c: { instructions: [{ expect: payment == null }, { expect: (payment ?? 'none') == 'none' }] }
        ",
    )
    .run()
    .passes();
}
