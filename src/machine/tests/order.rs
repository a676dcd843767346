//! "What happens, in order", paragraph by paragraph.

use super::task;
use crate::event::{ErrorKind, Outcome};
use serde_json::json;

#[test]
fn a_state_is_entered_its_instructions_run_in_order_and_the_next_follows() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            instructions:
              - stub: first
              - stub: second
            next: b
          b:
        ",
    )
    .later("states.a.instructions[0]", 20, json!(1))
    .later("states.a.instructions[1]", 5, json!(2))
    .run()
    .passes()
    .shows_at(
        "begin enter start end take finish",
        "
        0 begin t
        0 enter a
        0 start first
        20 end 1
        20 start second
        25 end 2
        25 take a → b
        25 enter b
        25 finish passed
        ",
    );
}

#[test]
fn an_empty_final_state_passes_at_once() {
    task("start_state: done\nfinal_state: done\nstates: { done: }")
        .run()
        .passes()
        .shows("enter take finish", "enter done\nfinish passed");
}

#[test]
fn a_final_state_runs_its_instructions() {
    let ran = task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions: [{ stub: last, expect: res == 2 }]
        ",
    )
    .answer("states.a.instructions[0]", json!(1))
    .run();
    ran.ends(Outcome::Failed, ErrorKind::Expect, "res == 2");
}

#[test]
fn a_fail_state_fails_with_its_message() {
    let ran = task(
        "
        vars: { id: 7 }
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: no, when: id == 7 }, { to: b, when: id == 8 }] }
          b:
          no: { fail: 'order ${id} was rejected' }
        ",
    )
    .run();
    ran.ends(Outcome::Failed, ErrorKind::Fail, "order 7 was rejected")
        .shows("enter take", "enter a\ntake a → no\nenter no");
    let headline = ran.verdict.headline.as_ref().unwrap();
    assert_eq!(headline.state.as_deref(), Some("no"));
}

#[test]
fn subscriptions_open_before_the_first_instruction() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            instructions: [{ stub: cause }]
            transitions:
              - { to: b, subscribe: { stub: news } }
          b:
        ",
    )
    .later("states.a.instructions[0]", 50, json!(1))
    .message("states.a.transitions[0].subscribe", 10, json!("early"))
    .run()
    .passes()
    .shows_at(
        "open start message take",
        "
        0 open states.a.transitions[0].subscribe
        0 start cause
        50 message 0
        50 take a → b
        ",
    );
}

#[test]
fn the_subscription_of_the_next_state_opens_before_the_instruction_of_this_one() {
    // The condition at the target guards the way out of the source.
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            instructions: [{ stub: cause }]
            transitions: [b]
          b:
            transition_condition: { subscribe: { stub: news } }
        ",
    )
    .later("states.a.instructions[0]", 50, json!(1))
    .message("states.a.transitions[0].subscribe", 10, json!("early"))
    .run()
    .passes()
    .shows(
        "open start",
        "open states.a.transitions[0].subscribe\nstart cause",
    );
}

#[test]
fn a_subscription_that_depends_on_an_instruction_opens_right_after() {
    let ran = task(
        "
        start_state: a
        final_state: b
        states:
          a:
            instructions: [{ stub: order, save: { id: res } }]
            transitions:
              - { to: b, subscribe: { stub: '${id}' } }
          b:
        ",
    )
    .later("states.a.instructions[0]", 50, json!(7))
    .message("states.a.transitions[0].subscribe", 10, json!("late"))
    .run();
    ran.passes().shows_at(
        "open start end take",
        "
        0 start order
        50 end 7
        50 open states.a.transitions[0].subscribe
        60 take a → b
        ",
    );
    assert_eq!(ran.warnings.len(), 1, "{:?}", ran.warnings);
    assert_eq!(ran.warnings[0].code, "late-subscription");
}

#[test]
fn save_stores_in_order_and_then_expect_is_judged() {
    task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - stub: x
                save: { one: res.n, two: one + 1 }
                expect: [one == 1, two == 2]
        ",
    )
    .answer("states.a.instructions[0]", json!({ "n": 1 }))
    .run()
    .passes()
    .shows(
        "save expect",
        "save one 1\nsave two 2\nexpect true\nexpect true",
    );
}

#[test]
fn all_expectations_are_reported_together() {
    let ran = task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions: [{ stub: x, expect: [res == 1, res == 2, res == 3] }, { stub: never }]
        ",
    )
    .answer("states.a.instructions[0]", json!(2))
    .run();
    ran.ends(
        Outcome::Failed,
        ErrorKind::Expect,
        "2 of 3 expectations were not met",
    )
    .shows(
        "expect start",
        "start x\nexpect false\nexpect true\nexpect false",
    );
    let headline = ran.verdict.headline.as_ref().unwrap();
    assert_eq!(headline.explanations.len(), 2);
    assert_eq!(headline.result.as_deref(), Some(&json!(2)));
    assert_eq!(headline.what.as_deref(), Some("x"));
}

#[test]
fn the_expectation_is_the_headline_when_save_fails_too() {
    task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions: [{ stub: x, save: { y: 1 / 0 }, expect: res == 1 }]
        ",
    )
    .answer("states.a.instructions[0]", json!(2))
    .run()
    .ends(Outcome::Failed, ErrorKind::Expect, "res == 1");
}

#[test]
fn an_unmet_expectation_is_the_headline_when_another_breaks() {
    task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions: [{ stub: x, expect: [res == 1, 1 / 0, res == 2] }]
        ",
    )
    .answer("states.a.instructions[0]", json!(2))
    .run()
    .ends(Outcome::Failed, ErrorKind::Expect, "res == 1")
    .shows("expect", "expect false\nexpect true");
}

#[test]
fn a_save_that_fails_alone_is_a_script_error() {
    task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions: [{ stub: x, save: { y: 1 / 0 }, expect: res == 2 }]
        ",
    )
    .answer("states.a.instructions[0]", json!(2))
    .run()
    .ends(Outcome::Error, ErrorKind::Script, "");
}

#[test]
fn conditions_without_a_strategy_decide_before_any_strategy_starts() {
    task(
        "
        vars: { n: 2 }
        start_state: a
        final_state: [b, c, d]
        states:
          a:
            transitions:
              - { to: b, poll: { stub: look }, when: 'true' }
              - { to: c, when: n == 1 }
              - { to: d, when: n == 2 }
          b:
          c:
          d:
        ",
    )
    .answer("states.a.transitions[0].poll", json!(1))
    .run()
    .passes()
    .shows("poll wait take", "take a → d");
}

#[test]
fn the_immediate_condition_written_first_wins() {
    task(
        "
        start_state: a
        final_state: [b, c]
        states:
          a: { transitions: [{ to: b, when: 'true' }, { to: c, when: 'true' }] }
          b:
          c:
        ",
    )
    .run()
    .passes()
    .shows("take", "take a → b");
}

#[test]
fn a_state_in_which_nothing_can_decide_fails_at_once() {
    let ran = task(
        "
        vars: { n: 1 }
        start_state: a
        final_state: [b]
        states:
          a: { transitions: [{ to: b, when: n == 2 }] }
          b:
        ",
    )
    .run();
    ran.ends(
        Outcome::Failed,
        ErrorKind::Condition,
        "nothing leads out of `a`",
    );
    assert_eq!(ran.verdict.metrics.micros, 0);
    assert_eq!(ran.verdict.headline.as_ref().unwrap().explanations.len(), 1);
}

#[test]
fn a_state_whose_strategies_have_all_dropped_out_fails_at_once() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, wait: 1s, when: 'false' }] }
          b:
        ",
    )
    .run()
    .ends(Outcome::Failed, ErrorKind::Condition, "nothing leads out")
    .shows_at("enter finish", "0 enter a\n1000 finish failed");
}

#[test]
fn the_transition_timeout_begins_after_the_instructions() {
    task(
        "
        start_state: a
        final_state: b
        max_global_transition_timeout: 1s
        states:
          a:
            instructions: [{ stub: slow }]
            transitions: [{ to: b, wait: 900ms }]
          b:
        ",
    )
    .later("states.a.instructions[0]", 5000, json!(1))
    .run()
    .passes()
    .shows_at("wait take", "5000 wait 1s\n5900 take a → b");
}

#[test]
fn set_sees_the_variables_as_they_were() {
    let ran = task(
        "
        vars: { x: 1, y: 2 }
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, when: 'true', set: { x: y, y: x } }] }
          b:
        ",
    )
    .run();
    ran.passes();
    assert_eq!(ran.value("x"), Some(&json!(2)));
    assert_eq!(ran.value("y"), Some(&json!(1)));
}

#[test]
fn set_is_applied_before_the_next_state_is_entered() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions: [{ to: b, poll: { stub: look }, set: { got: res } }]
          b:
        ",
    )
    .later("states.a.transitions[0].poll", 10, json!(3))
    .run()
    .passes()
    .shows(
        "save take enter",
        "enter a\nsave got 3\ntake a → b\nenter b",
    );
}

#[test]
fn set_beside_to_adds_to_the_condition_of_the_target() {
    let ran = task(
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, set: { mine: 1 } }] }
          b:
            transition_condition: { wait: 1s, set: { its: 2 } }
        ",
    )
    .run();
    ran.passes().shows_at("take", "1000 take a → b");
    assert_eq!(ran.value("mine"), Some(&json!(1)));
    assert_eq!(ran.value("its"), Some(&json!(2)));
}

#[test]
fn a_condition_of_its_own_replaces_that_of_the_target() {
    for own in [
        "wait: 2s",
        "poll: { stub: look }, every: 1s, when: attempt == 3",
    ] {
        task(&format!(
            "
        start_state: a
        final_state: b
        states:
          a: {{ transitions: [{{ to: b, {own} }}] }}
          b:
            transition_condition: {{ wait: 1s }}
        "
        ))
        .answer("states.a.transitions[0].poll", json!(1))
        .run()
        .passes()
        .shows_at("take", "2000 take a → b");
    }
}

#[test]
fn the_condition_of_the_start_state_does_not_guard_the_start() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transition_condition: { wait: 1s }
            transitions: [{ to: a, when: attempt == 2 }, b]
          b:
        ",
    )
    .run()
    .passes()
    .shows_at("enter", "0 enter a\n0 enter b");
}

#[test]
fn a_strategy_of_the_state_serves_the_transitions_that_bring_none() {
    task(
        "
        start_state: a
        final_state: [b, c, d]
        states:
          a:
            poll: { stub: look }
            every: 250ms
            transitions:
              - { to: b, when: res == \"b\" }
              - { to: c, when: res == \"x\" }
              - d
          b:
          c:
          d:
            transition_condition: { when: res == \"d\" }
        ",
    )
    .answer("states.a.poll", json!("?"))
    .answer("states.a.poll", json!("x"))
    .run()
    .passes()
    .shows_at(
        "poll check take",
        r#"
        0 poll #1 "?"
        0 check states.a.transitions[0] not_yet
        0 check states.a.transitions[1] not_yet
        0 check states.a.transitions[2] not_yet
        250 poll #2 "x"
        250 check states.a.transitions[0] not_yet
        250 check states.a.transitions[1] fulfilled
        250 take a → c
        "#,
    );
}

#[test]
fn of_a_shared_strategy_the_first_that_is_fulfilled_or_fails_decides() {
    task(
        "
        start_state: a
        final_state: [b, c]
        states:
          a:
            poll: { stub: look }
            transitions:
              - { to: b, when: res == 1 }
              - { to: c, when: res == 2, fail_when: res == 2 }
          b:
          c:
        ",
    )
    .answer("states.a.poll", json!(2))
    .run()
    .ends(Outcome::Failed, ErrorKind::Condition, "res == 2");
}

#[test]
fn a_condition_must_yield_a_bool() {
    for (place, yaml) in [
        ("when", "transitions: [{ to: b, when: '1' }]"),
        (
            "expect",
            "instructions: [{ expect: '1' }]\n            next: b",
        ),
        (
            "if",
            "instructions: [{ if: '1', stub: x }]\n            next: b",
        ),
    ] {
        let ran = task(&format!(
            "
        start_state: a
        final_state: b
        states:
          a:
            {yaml}
          b:
        "
        ))
        .run();
        assert_eq!(ran.outcome(), Outcome::Error, "{place}");
        assert_eq!(
            ran.verdict.headline.as_ref().unwrap().failure.kind,
            ErrorKind::Script,
            "{place}"
        );
    }
}

#[test]
fn the_last_state_counts_its_time_once() {
    let ran = task(
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, wait: 2s }] }
          b: { instructions: [{ stub: x }] }
        cleanup: [{ stub: tidy }]
        ",
    )
    .later("states.b.instructions[0]", 500, json!(1))
    .later("cleanup[0]", 300, json!(1))
    .run();
    let states: Vec<_> = ran
        .verdict
        .metrics
        .states
        .iter()
        .map(|state| (&*state.state, state.visits, state.micros / 1000))
        .collect();
    assert_eq!(states, [("a", 1, 2000), ("b", 1, 500)]);
    assert_eq!(ran.verdict.metrics.micros, 2_800_000);
    assert_eq!(ran.verdict.metrics.transitions, 1);
    assert_eq!(ran.verdict.metrics.attempts, 2);
}
