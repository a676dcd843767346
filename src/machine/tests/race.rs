//! Conditions side by side: ties, losers, watches.

use super::task;
use crate::event::{ErrorKind, Outcome};
use serde_json::json;

#[test]
fn of_those_ready_together_the_one_written_first_wins() {
    for (first, second) in [("b", "c"), ("c", "b")] {
        task(&format!(
            "
        start_state: a
        final_state: [b, c, d]
        states:
          a:
            transitions:
              - {{ to: {first}, wait: 1s }}
              - {{ to: {second}, wait: 1s }}
              - {{ to: d, wait: 2s }}
          b:
          c:
          d:
        "
        ))
        .run()
        .passes()
        .shows_at("take", &format!("1000 take a → {first}, also {second}"));
    }
}

#[test]
fn also_ready_names_every_other_in_the_order_of_the_file() {
    task(
        "
        start_state: a
        final_state: [b, c, d, e]
        states:
          a:
            transitions:
              - { to: e, wait: 5s }
              - { to: d, subscribe: { stub: news } }
              - { to: c, wait: 1s }
              - { to: b, poll: { stub: look } }
              - { fail_when: 'true', wait: 1s }
          b:
          c:
          d:
          e:
        ",
    )
    .message("states.a.transitions[1].subscribe", 1000, json!(1))
    .later("states.a.transitions[3].poll", 1000, json!(1))
    .run()
    .passes()
    .shows_at("take", "1000 take a → d, also c, b, watch");
}

#[test]
fn a_shared_strategy_may_stand_around_another_one() {
    // The shared poll serves the first and the third transition; the second brings its own.
    let scene = |value: &str| {
        task(
            "
        start_state: a
        final_state: [b, c, d]
        states:
          a:
            poll: { stub: look }
            transitions:
              - { to: b, when: res == \"b\" }
              - { to: c, wait: 1s }
              - { to: d, when: res == \"d\" }
          b:
          c:
          d:
        ",
        )
        .later("states.a.poll", 1000, json!(value))
        .run()
    };
    scene("b").shows("take", "take a → b, also c");
    scene("d").shows("take", "take a → c, also d");
    scene("?").shows("take", "take a → c");
}

#[test]
fn the_first_that_fails_decides_too() {
    let ran = task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: b, wait: 2s }
              - { fail_when: res == \"second mail\", subscribe: { stub: mail } }
          b:
        ",
    )
    .message("states.a.transitions[1].subscribe", 500, json!("mail"))
    .message(
        "states.a.transitions[1].subscribe",
        1500,
        json!("second mail"),
    )
    .run();
    ran.ends(Outcome::Failed, ErrorKind::Condition, "second mail")
        .shows_at(
            "message finish",
            "500 message 0\n1500 message 1\n1500 finish failed",
        );
    let headline = ran.verdict.headline.as_ref().unwrap();
    assert_eq!(headline.attempts, 2);
    assert_eq!(headline.explanations.len(), 1);
}

#[test]
fn a_watch_that_sees_nothing_wrong_never_decides() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { fail_when: res == \"bad\", poll: { stub: look }, every: 400ms }
              - { to: b, wait: 1s }
          b:
        ",
    )
    .answer("states.a.transitions[0].poll", json!("fine"))
    .run()
    .passes()
    .shows_at(
        "poll take",
        "
        0 poll #1 \"fine\"
        400 poll #2 \"fine\"
        800 poll #3 \"fine\"
        1000 take a → b
        ",
    );
}

#[test]
fn an_immediate_watch_is_asked_once() {
    task(
        "
        vars: { n: 1 }
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ fail_when: n == 1 }, b] }
          b:
        ",
    )
    .run()
    .ends(Outcome::Failed, ErrorKind::Condition, "n == 1");
    task(
        "
        vars: { n: 2 }
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ fail_when: n == 1 }, b] }
          b:
        ",
    )
    .run()
    .passes();
}

#[test]
fn fail_when_is_asked_before_when() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: b, poll: { stub: look }, when: res == 1, fail_when: ['res == 5', 'res == 1'] }
          b:
        ",
    )
    .answer("states.a.transitions[0].poll", json!(1))
    .run()
    .ends(Outcome::Failed, ErrorKind::Condition, "res == 1");
}

#[test]
fn of_a_list_of_when_all_must_hold() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: b, poll: { stub: look }, every: 1s, when: ['res > 1', 'res < 4'] }
          b:
        ",
    )
    .answer("states.a.transitions[0].poll", json!(1))
    .answer("states.a.transitions[0].poll", json!(4))
    .answer("states.a.transitions[0].poll", json!(3))
    .run()
    .passes()
    .shows_at("take", "2000 take a → b");
}

#[test]
fn losers_are_cancelled_and_have_stopped_before_the_next_state() {
    // The harness checks that no request is under way when `b` is entered.
    task(
        "
        start_state: a
        final_state: c
        states:
          a:
            transitions:
              - { to: b, poll: { stub: slow } }
              - { to: b, poll: { stub: slower } }
              - { to: b, wait: 100ms }
          b:
            transitions: [{ to: c, wait: 1s }]
          c:
        ",
    )
    .later("states.a.transitions[0].poll", 500, json!(1))
    .later("states.a.transitions[1].poll", 900, json!(1))
    .run()
    .passes()
    .shows_at("poll take", "100 take a → b\n1100 take b → c");
}

#[test]
fn losers_are_cancelled_after_a_failure_too() {
    task(
        "
        start_state: a
        final_state: c
        states:
          a:
            transitions:
              - { to: c, poll: { stub: slow } }
              - { to: c, poll: { stub: bad }, fail_when: 'true' }
            on_error: b
          b:
            transitions: [{ to: c, wait: 1s }]
          c:
        ",
    )
    .later("states.a.transitions[0].poll", 500, json!(1))
    .later("states.a.transitions[1].poll", 100, json!(1))
    .run()
    .passes()
    .shows_at(
        "poll take",
        "100 poll #1 1\n100 take a → b\n1100 take b → c",
    );
}

#[test]
fn a_condition_that_breaks_is_a_script_error() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, poll: { stub: look }, when: 1 / 0 }] }
          b:
        ",
    )
    .answer("states.a.transitions[0].poll", json!(1))
    .run()
    .ends(Outcome::Error, ErrorKind::Script, "");
}

#[test]
fn a_wait_may_be_computed() {
    task(
        "
        vars: { pause: 700ms }
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, wait: '${pause}' }] }
          b:
        ",
    )
    .run()
    .passes()
    .shows_at("take", "700 take a → b");
}

#[test]
fn a_computed_wait_without_a_unit_is_an_error() {
    task(
        "
        vars: { pause: 700 }
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, wait: '${pause}' }] }
          b:
        ",
    )
    .run()
    .ends(Outcome::Error, ErrorKind::Script, "700");
}

#[test]
fn a_wait_may_end_at_a_time_of_the_clock() {
    // The clock of the virtual world began with the epoch.
    let scene = |until: &str| {
        task(&format!(
            "
        start_state: a
        final_state: b
        states:
          a: {{ instructions: [{{ stub: x }}], transitions: [{{ to: b, wait: {{ until: \"{until}\" }} }}] }}
          b:
        "
        ))
        .later("states.a.instructions[0]", 2000, json!(1))
        .run()
    };
    scene("now() + duration('5s')")
        .passes()
        .shows_at("take", "7000 take a → b");
    scene("time('1970-01-01T00:00:09Z')")
        .passes()
        .shows_at("take", "9000 take a → b");
    // What is over is over.
    scene("time('1969-07-20T20:17:00Z')")
        .passes()
        .shows_at("take", "2000 take a → b");
    scene("5").ends(Outcome::Error, ErrorKind::Script, "`until` needs a time");
}

#[test]
fn a_comparison_of_different_types_is_an_error() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, poll: { stub: look }, when: res.n > 3 }] }
          b:
        ",
    )
    .answer("states.a.transitions[0].poll", json!({ "n": "3" }))
    .run()
    .ends(Outcome::Error, ErrorKind::Script, "");
}
